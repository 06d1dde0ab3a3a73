"""Everyone on the road as arrays, one stable slot per road user."""

from __future__ import annotations

import heapq
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from network.arrays import Bools, Floats, Ints


class Kind(IntEnum):
    """What a road user is; the order of severity when one kind must stand for another."""

    CAR = 0
    TRUCK = 1
    BUS = 2
    MOTORCYCLE = 3
    BICYCLE = 4
    PEDESTRIAN = 5
    OTHER = 6


class Kinematics(NamedTuple):
    """Positions and velocities moved on to one instant, aligned with the slots asked for."""

    x_m: Floats
    y_m: Floats
    z_m: Floats
    heading_rad: Floats
    speed_mps: Floats
    vx_mps: Floats
    vy_mps: Floats


_FLOATS = (
    "x_m",
    "y_m",
    "z_m",
    "heading_rad",
    "speed_mps",
    "acceleration_mps2",
    "yaw_rate_radps",
    "length_m",
    "width_m",
    "height_m",
)


class RoadUsers:
    """Road users as rows of arrays.

    A road user keeps its slot from `enter` to `leave`; a freed slot is taken again by a later one,
    the lowest first. Every array has one entry per slot, free slots included: index with `slots()`
    or a slot from `slot_of`.

    `x_m`, `y_m`, `z_m` are the centre of the body's footprint [m] in the net's plane,
    `heading_rad` is counter-clockwise from east, `speed_mps` is along the heading (negative when
    reversing). Each row says in `stamp_ns` at which simulated instant it was true, -1 before it is
    first filled in; `at` moves rows on to a common instant. `changes` counts entries and
    departures.
    """

    x_m: Floats
    y_m: Floats
    z_m: Floats
    heading_rad: Floats
    speed_mps: Floats
    acceleration_mps2: Floats
    yaw_rate_radps: Floats
    length_m: Floats
    width_m: Floats
    height_m: Floats
    kind: Ints
    stamp_ns: Ints
    driven: Bools
    active: Bools

    def __init__(self, capacity: int = 64) -> None:
        if capacity < 1:
            raise ValueError(f"expected a capacity of at least 1, got {capacity}")
        self.ids: list[str] = [""] * capacity
        for name in _FLOATS:
            setattr(self, name, np.zeros(capacity))
        self.kind = np.zeros(capacity, dtype=np.int64)
        self.stamp_ns = np.zeros(capacity, dtype=np.int64)
        self.driven = np.zeros(capacity, dtype=np.bool_)
        self.active = np.zeros(capacity, dtype=np.bool_)
        self.changes = 0
        self._slot_of: dict[str, int] = {}
        self._free = list(range(capacity))

    def __len__(self) -> int:
        return len(self._slot_of)

    def __contains__(self, user_id: str) -> bool:
        return user_id in self._slot_of

    @property
    def capacity(self) -> int:
        """Number of slots, free ones included."""
        return len(self.ids)

    def slot_of(self, user_id: str) -> int:
        """Slot of a road user; KeyError if it isn't on the road."""
        return self._slot_of[user_id]

    def slots(self) -> Ints:
        """Slots in use, ascending."""
        return np.flatnonzero(self.active)

    def enter(
        self, user_id: str, kind: Kind, length_m: float, width_m: float, height_m: float
    ) -> int:
        """Give a new road user a slot; ValueError if the id is on the road already."""
        if user_id in self._slot_of:
            raise ValueError(f"road user {user_id!r} is on the road already")
        if not self._free:
            self._grow()
        self.changes += 1
        slot = heapq.heappop(self._free)
        self._slot_of[user_id] = slot
        self.ids[slot] = user_id
        for name in _FLOATS:
            getattr(self, name)[slot] = 0.0
        self.kind[slot] = kind
        self.length_m[slot] = length_m
        self.width_m[slot] = width_m
        self.height_m[slot] = height_m
        self.stamp_ns[slot] = -1
        self.driven[slot] = False
        self.active[slot] = True
        return slot

    def leave(self, user_id: str) -> int:
        """Free a road user's slot and return it; KeyError if it isn't on the road."""
        slot = self._slot_of.pop(user_id)
        self.changes += 1
        self.ids[slot] = ""
        self.active[slot] = False
        self.driven[slot] = False
        heapq.heappush(self._free, slot)
        return slot

    def at(self, instant_ns: int | Ints, slots: Ints | None = None) -> Kinematics:
        """Rows moved on to an instant, or one each, by speed and acceleration along the heading.

        A braking road user stops and stays; it doesn't roll back. Looking back, one that has set
        off stood before. From rest, only a positive acceleration moves.

        Args:
            instant_ns: the instant [ns]; may lie before or after the rows' own stamps.
            slots: which rows; all slots in use if None.
        """
        rows = self.slots() if slots is None else slots
        dt_s = (instant_ns - self.stamp_ns[rows]) * 1e-9
        speed = self.speed_mps[rows]
        acceleration = self.acceleration_mps2[rows]
        # The standstill, ahead when braking and behind when gathering speed, bounds the motion.
        along = np.where(speed < 0.0, -acceleration, acceleration)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            stand_s = -speed / acceleration
        dt_s = np.minimum(dt_s, np.where(along < 0.0, stand_s, np.inf))
        dt_s = np.maximum(dt_s, np.where(along > 0.0, stand_s, -np.inf))
        travelled = speed * dt_s + 0.5 * acceleration * dt_s**2
        heading = self.heading_rad[rows]
        cos, sin = np.cos(heading), np.sin(heading)
        moved_speed = speed + acceleration * dt_s
        return Kinematics(
            x_m=self.x_m[rows] + travelled * cos,
            y_m=self.y_m[rows] + travelled * sin,
            z_m=self.z_m[rows],
            heading_rad=heading,
            speed_mps=moved_speed,
            vx_mps=moved_speed * cos,
            vy_mps=moved_speed * sin,
        )

    def _grow(self) -> None:
        old = self.capacity
        self.ids.extend([""] * old)
        for name in (*_FLOATS, "kind", "stamp_ns", "driven", "active"):
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.zeros_like(array)]))
        self._free = list(range(old, 2 * old))
