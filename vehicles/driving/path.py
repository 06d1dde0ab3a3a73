"""A line to drive along, and what follows from it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from network.arrays import Floats, Ints
from vehicles.guidance import Bends


class Path:
    """A polyline; whatever is asked for again and again is worked out once.

    Args:
        xy_m: its points, shape (n, 2) with n of at least 2 [m].
        s_m: arc length at each point, ascending, shape (n,) [m].
    """

    def __init__(self, xy_m: Floats, s_m: Floats) -> None:
        self.xy_m, self.s_m = xy_m, s_m
        self._start_x, self._start_y = np.ascontiguousarray(xy_m[:-1].T)
        length = np.diff(s_m)
        leg_x, leg_y = np.diff(xy_m, axis=0).T
        self._unit_x, self._unit_y = leg_x / length, leg_y / length
        self._heading_rad = np.arctan2(leg_y, leg_x)
        # A foot of a perpendicular is kept on its leg but for the two ends of the path.
        self._low, self._high = np.zeros(len(length)), length
        self._low[0], self._high[-1] = -np.inf, np.inf

    @cached_property
    def bends(self) -> Bends:
        """The bends along the path."""
        return Bends.of(self.xy_m)

    def along(self, x_m: Floats, y_m: Floats) -> tuple[Floats, Floats]:
        """Arc length [m] and distance to the left of the path [m] of points, each shape (k,)."""
        unit_x, unit_y = self._unit_x, self._unit_y
        offset_x, offset_y = x_m[:, None] - self._start_x, y_m[:, None] - self._start_y
        foot = offset_x * unit_x + offset_y * unit_y
        np.maximum(foot, self._low, out=foot)
        np.minimum(foot, self._high, out=foot)
        miss_x, miss_y = offset_x - foot * unit_x, offset_y - foot * unit_y
        nearest = (miss_x * miss_x + miss_y * miss_y).argmin(axis=1)
        rows = np.arange(len(nearest))
        gap_x, gap_y = miss_x[rows, nearest], miss_y[rows, nearest]
        side = unit_x[nearest] * gap_y - unit_y[nearest] * gap_x
        # Outside of a corner the way to the nearest point isn't square to the path.
        left = np.copysign(np.hypot(gap_x, gap_y), side)
        return self.s_m[nearest] + foot[rows, nearest], left

    def leg_at(self, s_m: Floats) -> Ints:
        """The leg that each arc length lies on, the nearest beyond the ends, shape (k,)."""
        leg = self.s_m.searchsorted(s_m, side="right") - 1
        return np.minimum(np.maximum(leg, 0), len(self._heading_rad) - 1)

    def heading_rad(self, s_m: Floats) -> Floats:
        """Direction of the path at arc lengths, counter-clockwise from east, shape (k,) [rad]."""
        return np.asarray(self._heading_rad[self.leg_at(s_m)])
