"""The warning of a braking vehicle: when its on-board unit sends a DENM, and what it says.

The use case is the emergency electronic brake light of ETSI EN 302 637-3 (cause code 99, sub cause
1); the trigger is the hard-braking event of SAE J2945/1 (0.4 g).
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from network.arrays import Ints
from vehicles.messages import uper
from vehicles.messages.den_service import DenService
from vehicles.messages.denm import EMERGENCY_BRAKE, CauseCode, Denm
from vehicles.messages.kinds import STATION_TYPES, StationIds
from vehicles.state import Kind, RoadUsers

TRIGGER_DECELERATION_MPS2 = 0.4 * 9.80665
TRIGGER_SPEED_MPS = 20.0 / 3.6
# A vehicle that came to rest by such braking goes on warning for a while.
STANDSTILL_MPS = 0.1
STANDING_NS = 10_000_000_000
INTERVAL_MS = 100
STANDING_INTERVAL_MS = 1000
VALIDITY_S = 2


class BrakeWarnings:
    """On-board units of all connected vehicles: who warns now.

    A warning begins when a vehicle faster than 20 km/h brakes harder than 0.4 g. While it goes on
    braking like that, every 100 ms a new version says where it is; every second for 10 s, once it
    has come to rest by it. When the vehicle brakes less, the last version holds
    until its validity ends; when it gathers speed, the warning is cancelled.

    Args:
        station_ids: how the vehicles call themselves.
        relevance_m: how far from it others should know.
    """

    def __init__(self, station_ids: StationIds, relevance_m: float) -> None:
        self._station_ids = station_ids
        self._relevance_m = round(relevance_m)
        self._service = DenService()
        self._warning: dict[str, Denm] = {}
        self._braked_ns: dict[str, int] = {}
        self._begun: Counter[str] = Counter()
        self._name_of: dict[int, str] = {}

    def generate(self, users: RoadUsers, connected: Ints, now_ns: int) -> list[tuple[int, Denm]]:
        """Slots of the senders among `connected` and what they send at `now_ns`."""
        speed = users.speed_mps[connected]
        braking = users.acceleration_mps2[connected] <= -TRIGGER_DECELERATION_MPS2
        begin = connected[braking & (speed > TRIGGER_SPEED_MPS)].tolist()
        if not (begin or self._warning or self._service):
            return []
        for name, warning in list(self._warning.items()):
            if name not in users or warning.valid_until_ns <= now_ns:
                del self._warning[name]
                continue
            slot = users.slot_of(name)
            stands = abs(users.speed_mps[slot]) < STANDSTILL_MPS
            brakes = users.acceleration_mps2[slot] <= -TRIGGER_DECELERATION_MPS2
            if brakes:
                self._braked_ns[name] = now_ns
            if brakes or (stands and now_ns - self._braked_ns[name] < STANDING_NS):
                interval_ms = STANDING_INTERVAL_MS if stands else INTERVAL_MS
                if now_ns >= warning.generation_time_ns + interval_ms * 1_000_000:
                    self._warning[name] = self._say(users, slot, now_ns, warning.sequence_number)
            elif not stands and users.acceleration_mps2[slot] > 0.0:
                self._service.cancel(self._warning.pop(name), now_ns)
        for slot in begin:
            name = users.ids[slot]
            if name not in self._warning:
                self._begun[name] += 1
                self._braked_ns[name] = now_ns
                self._warning[name] = self._say(users, slot, now_ns, self._begun[name] - 1)
        return [
            (users.slot_of(name), denm)
            for denm in self._service.due(now_ns)
            if (name := self._name_of[denm.station_id]) in users
        ]

    def _say(self, users: RoadUsers, slot: int, now_ns: int, sequence_number: int) -> Denm:
        """Hand a warning of what the vehicle does now to the DEN service."""
        here = users.at(now_ns, np.array([slot]))
        heading_rad = float(here.heading_rad[0])
        stands = abs(float(here.speed_mps[0])) < STANDSTILL_MPS
        x_m, y_m = uper.along(
            float(here.x_m[0]), float(here.y_m[0]), heading_rad, 0.5 * float(users.length_m[slot])
        )
        station_id = self._station_ids.of(users.ids[slot])
        self._name_of[station_id] = users.ids[slot]
        warning = Denm(
            station_id=station_id,
            sequence_number=sequence_number % 65_536,
            station_type=STATION_TYPES[Kind(users.kind[slot])],
            detection_time_ns=now_ns,
            generation_time_ns=now_ns,
            x_m=x_m,
            y_m=y_m,
            cause=CauseCode.DANGEROUS_SITUATION,
            sub_cause=EMERGENCY_BRAKE,
            heading_rad=heading_rad,
            speed_mps=float(here.speed_mps[0]),
            validity_s=VALIDITY_S,
            interval_ms=STANDING_INTERVAL_MS if stands else INTERVAL_MS,
            relevance_m=self._relevance_m,
        )
        self._service.say(warning, now_ns)
        return warning
