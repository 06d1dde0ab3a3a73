"""The warning of a braking vehicle, and the rule by which its on-board unit sends it.

The content follows the emergency electronic brake light use case of ETSI EN 302 637-3 (DENM,
cause code 99 "dangerous situation"); the trigger is the hard-braking event of SAE J2945/1 (0.4 g).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from network.arrays import Ints
from vehicles.state import RoadUsers

TRIGGER_DECELERATION_MPS2 = 0.4 * 9.80665
TRIGGER_SPEED_MPS = 20.0 / 3.6
REPETITION_NS = 100_000_000
# A vehicle that came to rest by such braking goes on warning as long as it stands in the way.
STANDSTILL_MPS = 0.1
SIZE_BYTES = 300


@dataclass(frozen=True, slots=True)
class BrakeWarning:
    """One warning as sent; the position is the centre of the braking vehicle's body."""

    sender: str
    generation_time_ns: int
    x_m: float
    y_m: float
    heading_rad: float
    speed_mps: float
    acceleration_mps2: float
    length_m: float


class BrakeWarningService:
    """On-board units of all connected vehicles: who warns now.

    A warning begins when a vehicle faster than 20 km/h brakes harder than 0.4 g; it is repeated
    every 100 ms while the vehicle keeps braking like that or has come to rest by it.
    """

    def __init__(self) -> None:
        self._due_ns: dict[str, int] = {}

    def generate(self, users: RoadUsers, connected: Ints, now_ns: int) -> list[BrakeWarning]:
        """Warnings sent at `now_ns` by the road users in the slots `connected`."""
        speed = users.speed_mps[connected]
        braking = users.acceleration_mps2[connected] <= -TRIGGER_DECELERATION_MPS2
        for slot in connected[braking & (speed > TRIGGER_SPEED_MPS)]:
            self._due_ns.setdefault(users.ids[slot], now_ns)
        if not self._due_ns:
            return []
        still = braking | (np.abs(speed) < STANDSTILL_MPS)
        warning = {users.ids[slot]: int(slot) for slot in connected[still]}
        self._due_ns = {sender: due for sender, due in self._due_ns.items() if sender in warning}
        messages = []
        for sender, due_ns in self._due_ns.items():
            if due_ns <= now_ns:
                messages.append(_warning(users, warning[sender], now_ns))
                self._due_ns[sender] = due_ns + REPETITION_NS
        return messages


def _warning(users: RoadUsers, slot: int, now_ns: int) -> BrakeWarning:
    here = users.at(now_ns, np.array([slot]))
    return BrakeWarning(
        sender=users.ids[slot],
        generation_time_ns=now_ns,
        x_m=float(here.x_m[0]),
        y_m=float(here.y_m[0]),
        heading_rad=float(here.heading_rad[0]),
        speed_mps=float(here.speed_mps[0]),
        acceleration_mps2=float(users.acceleration_mps2[slot]),
        length_m=float(users.length_m[slot]),
    )
