"""All twins as arrays, and the order in which what is heard of them counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from network.arrays import Floats, Ints
from vehicles.twins.estimator import Motion, predict
from vehicles.twins.telemetry import Telemetry

# How far back a message is remembered, to tell one that is late from one that came twice.
_REMEMBERED = 64


class FleetState(NamedTuple):
    """Every twin at one instant; all arrays have shape (twins,), in the order of `ids`.

    `age_ns` is the age of information: the instant less the sending of the newest message.
    `sequence` is that message's number, `messages` how many different ones came, `late` how many
    of those came after a newer one and so changed nothing, `lost` how many numbers between the
    lowest and the newest never came.
    """

    ids: tuple[str, ...]
    x_m: Floats
    y_m: Floats
    heading_rad: Floats
    speed_mps: Floats
    acceleration_mps2: Floats
    yaw_rate_radps: Floats
    age_ns: Ints
    sequence: Ints
    messages: Ints
    late: Ints
    lost: Ints


class Fleet:
    """The twins of a run.

    A twin follows the newest message by sequence number. What `apply` is given at once it takes in
    the order of vehicle and sequence number, so the order in which a broker delivered it does not
    matter: the twins are a function of the messages and of which came in the same call.
    """

    def __init__(self) -> None:
        self.duplicates = 0
        self._slot_of: dict[str, int] = {}
        self._seen: list[int] = []  # bit k: the message k before the newest has come
        self._motion = np.zeros((0, len(Motion._fields)))
        self._counts = np.zeros((0, len(_COUNTS)), dtype=np.int64)

    def __len__(self) -> int:
        return len(self._slot_of)

    def apply(self, messages: Iterable[Telemetry]) -> None:
        """Take messages in, in any order; those heard before are counted in `duplicates`."""
        for message in sorted(messages, key=lambda m: (m.vehicle_id, m.sequence)):
            slot = self._slot_of.get(message.vehicle_id)
            if slot is None:
                self._enter(message)
            else:
                self._update(slot, message)

    def state(self, instant_ns: int) -> FleetState:
        """Every twin, predicted from its newest message to an instant [ns]."""
        twins = len(self)
        sent_ns, sequence, lowest, messages, late = self._counts[:twins].T.copy()
        age_ns = instant_ns - sent_ns
        now = predict(Motion(*self._motion[:twins].T), age_ns)
        return FleetState(
            ids=tuple(self._slot_of),
            **now._asdict(),
            age_ns=age_ns,
            sequence=sequence,
            messages=messages,
            late=late,
            lost=sequence - lowest + 1 - messages,
        )

    def _enter(self, message: Telemetry) -> None:
        slot = len(self)
        if slot == len(self._motion):
            room = max(64, slot)
            self._motion = np.pad(self._motion, ((0, room), (0, 0)))
            self._counts = np.pad(self._counts, ((0, room), (0, 0)))
        self._slot_of[message.vehicle_id] = slot
        self._seen.append(1)
        self._motion[slot] = _motion_of(message)
        self._counts[slot] = (message.sent_ns, message.sequence, message.sequence, 1, 0)

    def _update(self, slot: int, message: Telemetry) -> None:
        counts = self._counts[slot]
        ahead = message.sequence - int(counts[_SEQUENCE])
        if ahead > 0:
            remembered = self._seen[slot] << ahead if ahead < _REMEMBERED else 0
            self._seen[slot] = (remembered | 1) & (2**_REMEMBERED - 1)
            self._motion[slot] = _motion_of(message)
            counts[_SENT_NS] = message.sent_ns
            counts[_SEQUENCE] = message.sequence
            counts[_MESSAGES] += 1
        elif -ahead >= _REMEMBERED:
            # Too old to tell whether it came before: late, and still counted as lost.
            counts[_LATE] += 1
        elif self._seen[slot] >> -ahead & 1:
            self.duplicates += 1
        else:
            self._seen[slot] |= 1 << -ahead
            counts[_LOWEST] = min(counts[_LOWEST], message.sequence)
            counts[_MESSAGES] += 1
            counts[_LATE] += 1


_COUNTS = _SENT_NS, _SEQUENCE, _LOWEST, _MESSAGES, _LATE = range(5)


def _motion_of(message: Telemetry) -> tuple[float, ...]:
    return (
        message.x_m,
        message.y_m,
        message.heading_rad,
        message.speed_mps,
        message.acceleration_mps2,
        message.yaw_rate_radps,
    )
