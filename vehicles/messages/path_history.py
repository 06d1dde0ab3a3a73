"""The way that vehicles have come, in few points, for all of them at once.

A point is kept only where the way bends: every place where a vehicle was seen lies within
`ALLOWABLE_ERROR_M` of the line through its points. The figures are those of SAE J2945/1's path
history (at least 200 m, no chord longer than 210 m) with the error of VSC-A's reference design,
from memory. Instead of that design's estimate from headings, the error is held exactly: of the
directions from the newest point, those are kept that pass all places since then near enough.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from network.arrays import Floats, Ints
from vehicles.state import RoadUsers

ALLOWABLE_ERROR_M = 0.47
LEAST_LENGTH_M = 200.0
LONGEST_CHORD_M = 210.0
MOST_POINTS = 23
"""As C2C-CC's basic system profile has it (from memory); the ASN.1 has room for 40."""


class PathPoint(NamedTuple):
    """Where the middle of the front bumper was [m] and when [ns]; None if that isn't said."""

    x_m: float
    y_m: float
    passed_ns: int | None


class Trails(NamedTuple):
    """Ways of n stations; `points` (n,) tells how many of each row's points (n, m) are of it.

    The newest is first.
    """

    points: Ints
    x_m: Floats
    y_m: Floats
    passed_ns: Ints

    def of(self, row: int) -> tuple[PathPoint, ...]:
        """The points of one station."""
        count = int(self.points[row])
        columns = (column[row, :count].tolist() for column in self[1:])
        return tuple(PathPoint(*point) for point in zip(*columns, strict=True))


class PathHistories:
    """The ways of all stations, by slot; looked at as often as `observe` is called."""

    def __init__(self) -> None:
        self._key = np.zeros(0, dtype=np.uint64)
        self._count = np.zeros(0, dtype=np.int64)
        # Points, the newest first.
        self._x_m = np.zeros((0, MOST_POINTS))
        self._y_m = np.zeros((0, MOST_POINTS))
        self._passed_ns = np.zeros((0, MOST_POINTS), dtype=np.int64)
        # The place where each was seen last, which becomes a point if the way bends after it.
        self._last_x_m = np.zeros(0)
        self._last_y_m = np.zeros(0)
        self._last_ns = np.zeros(0, dtype=np.int64)
        # Directions from the newest point that still pass all places since then: from a direction
        # chosen at first, so far to the right and to the left [rad]; infinite while none is chosen.
        self._direction_rad = np.zeros(0)
        self._right_rad = np.zeros(0)
        self._left_rad = np.zeros(0)

    def observe(self, users: RoadUsers, slots: Ints, keys: NDArray[np.uint64], now_ns: int) -> None:
        """Take note of where stations are.

        Args:
            users: everyone on the road.
            slots: the stations, shape (n,).
            keys: their keys, by which a slot's new owner is told from the old one, shape (n,).
            now_ns: the instant [ns].
        """
        self._make_room(users.capacity)
        x_m, y_m = _fronts(users, slots, np.full(len(slots), now_ns))
        new = self._key[slots] != keys
        if new.any():
            self._key[slots[new]] = keys[new]
            self._count[slots[new]] = 0
            self._add_point(slots[new], x_m[new], y_m[new], now_ns)
        bends = ~self._passes(slots, x_m, y_m)
        if bends.any():
            at = slots[bends]
            self._add_point(at, self._last_x_m[at], self._last_y_m[at], self._last_ns[at])
            # From the new point every direction will do.
            self._passes(at, x_m[bends], y_m[bends])
        self._last_x_m[slots], self._last_y_m[slots] = x_m, y_m
        self._last_ns[slots] = now_ns

    def trails(self, users: RoadUsers, slots: Ints, now_ns: Ints) -> Trails:
        """The ways of stations (n,) up to where they are, each at its own instant (n,) [ns].

        As many points as make `LEAST_LENGTH_M`, if there are.
        """
        x_m, y_m = _fronts(users, slots, now_ns)
        count = self._count[slots]
        most = int(count.max(initial=0))
        xs, ys = self._x_m[slots, :most], self._y_m[slots, :most]
        chords_m = np.hypot(
            np.diff(xs, axis=1, prepend=x_m[:, None]), np.diff(ys, axis=1, prepend=y_m[:, None])
        )
        # A point is of use unless those before it are far enough already.
        needed = np.cumsum(chords_m, axis=1) - chords_m < LEAST_LENGTH_M
        known = np.arange(most) < count[:, None]
        return Trails((needed & known).sum(axis=1), xs, ys, self._passed_ns[slots, :most])

    def _passes(self, slots: Ints, x_m: Floats, y_m: Floats) -> NDArray[np.bool_]:
        """Whether the chord from the newest point to a place passes all places between.

        If it does, the place is one of them from now on.
        """
        dx_m, dy_m = x_m - self._x_m[slots, 0], y_m - self._y_m[slots, 0]
        chord_m = np.hypot(dx_m, dy_m)
        towards = np.arctan2(dy_m, dx_m)
        away = chord_m > ALLOWABLE_ERROR_M
        first = away & np.isinf(self._left_rad[slots])
        self._direction_rad[slots[first]] = towards[first]
        turned = towards - self._direction_rad[slots]
        turned = (turned + np.pi) % (2.0 * np.pi) - np.pi
        right, left = self._right_rad[slots], self._left_rad[slots]
        # Near the point any chord passes, but only if nothing further away has been passed.
        passes = np.where(away, (right <= turned) & (turned <= left), np.isinf(left))
        passes &= chord_m <= LONGEST_CHORD_M
        with np.errstate(divide="ignore"):
            spread = np.arcsin(np.minimum(ALLOWABLE_ERROR_M / chord_m, 1.0))
        narrow = passes & away
        self._right_rad[slots[narrow]] = np.maximum(right, turned - spread)[narrow]
        self._left_rad[slots[narrow]] = np.minimum(left, turned + spread)[narrow]
        return passes

    def _add_point(self, slots: Ints, x_m: Floats, y_m: Floats, passed_ns: int | Ints) -> None:
        for column, value in (
            (self._x_m, x_m),
            (self._y_m, y_m),
            (self._passed_ns, passed_ns),
        ):
            column[slots, 1:] = column[slots, :-1]
            column[slots, 0] = value
        self._count[slots] = np.minimum(self._count[slots] + 1, MOST_POINTS)
        self._right_rad[slots], self._left_rad[slots] = -np.inf, np.inf

    def _make_room(self, capacity: int) -> None:
        more = capacity - len(self._key)
        if more > 0:
            for name, array in vars(self).items():
                setattr(self, name, np.pad(array, [(0, more), *[(0, 0)] * (array.ndim - 1)]))


def _fronts(users: RoadUsers, slots: Ints, now_ns: Ints) -> tuple[Floats, Floats]:
    """The middles of the front bumpers, which CAMs speak of [m]."""
    here = users.at(now_ns, slots)
    half_m = 0.5 * users.length_m[slots]
    return (
        here.x_m + half_m * np.cos(here.heading_rad),
        here.y_m + half_m * np.sin(here.heading_rad),
    )
