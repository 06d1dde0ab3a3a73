"""Keeping a driven vehicle on a path: the steering angle, and the speed that its bends allow."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import shapely

from network.arrays import Floats

_LOOKAHEAD_S = 1.1
_LOOKAHEAD_MIN_M = 2.6
# A driver doesn't follow a corner of the polyline but rounds it by at most this much.
_ROUNDING_M = 0.7
# Kinks of the map that are smaller than this say nothing about the road.
_MAP_GRAIN_M = 0.05


def steering_rad(
    path_xy_m: Floats,
    x_m: float,
    y_m: float,
    heading_rad: float,
    speed_mps: float,
    wheelbase_m: float,
) -> float:
    """Angle of the front wheels that leads the rear axle onto the path (pure pursuit).

    The rear axle runs on the arc through a point of the path ahead. Small offsets then die out
    like an oscillator damped at 0.71 whose period grows with the lookahead. It is 1.1 s, long
    against the steering and the tyres, and at slow speed not less than 2.6 m before the front
    axle, so that a wheel turned at its limited rate comes round in time. The price is a corner of
    6 m radius cut by 0.5 m.

    Args:
        path_xy_m: where to drive, shape (n, 2) [m]; goes on straight beyond its ends.
        x_m: centre of the body, midway between the axles, east [m].
        y_m: likewise, north [m].
        heading_rad: heading, counter-clockwise from east [rad].
        speed_mps: speed along the heading [m/s].
        wheelbase_m: distance between the axles [m].

    Returns:
        The wanted angle, left positive [rad], at most pi/2 either way: the vehicle's own limits
        are the vehicle's business.

    Raises:
        ValueError: the path has fewer than two different points.
    """
    start, leg, length = _legs(path_xy_m)
    cos, sin = np.cos(heading_rad), np.sin(heading_rad)
    axle = np.array([x_m - 0.5 * wheelbase_m * cos, y_m - 0.5 * wheelbase_m * sin])

    along = ((axle - start) * leg).sum(axis=1) / length**2
    foot = start + np.clip(along, 0.0, 1.0)[:, None] * leg
    nearest = int(np.argmin(((axle - foot) ** 2).sum(axis=1)))
    lookahead_m = max(_LOOKAHEAD_S * speed_mps, wheelbase_m + _LOOKAHEAD_MIN_M)
    end_s = np.cumsum(length)
    before_s = end_s - length
    # Ahead of its beginning the path goes on straight, as behind its end.
    fraction = along[nearest] if nearest in (0, len(leg) - 1) else np.clip(along[nearest], 0.0, 1.0)
    goal_s = before_s[nearest] + fraction * length[nearest] + lookahead_m
    at = min(int(np.searchsorted(end_s, goal_s)), len(leg) - 1)
    goal = start[at] + (goal_s - before_s[at]) / length[at] * leg[at] - axle

    distance_sq = float(goal @ goal)
    leftward = float(goal[1] * cos - goal[0] * sin)
    return float(np.arctan(2.0 * wheelbase_m * leftward / max(distance_sq, 1e-6)))


class Bends(NamedTuple):
    """The bends along a path: a corner of the polyline stands for an arc.

    A corner with angle θ is an arc of radius R: as long as the mean of its legs,
    R = mean / (2 tan θ/2), but leaving the corner by at most 0.7 m, R = 0.7 cos(θ/2) /
    (1 - cos(θ/2)). The first recovers the radius of a curve that was sampled finely, the second
    rounds a corner between long legs.
    """

    begin_s_m: Floats
    """Where each begins, as arc length of the path (n,) [m]."""
    end_s_m: Floats
    radius_m: Floats

    @classmethod
    def of(cls, path_xy_m: Floats) -> Bends:
        """Find the bends of a path.

        Args:
            path_xy_m: where to drive, shape (n, 2) [m].

        Raises:
            ValueError: the path has fewer than two different points.
        """
        smooth = shapely.get_coordinates(shapely.LineString(path_xy_m).simplify(_MAP_GRAIN_M))
        _, leg, length = _legs(smooth)
        heading = np.arctan2(leg[:, 1], leg[:, 0])
        turn = np.diff(heading)
        half_turn = 0.5 * np.abs((turn + np.pi) % (2.0 * np.pi) - np.pi)
        half_turn = np.clip(half_turn, 1e-9, 0.5 * np.pi - 1e-6)
        by_legs = 0.25 * (length[:-1] + length[1:]) / np.tan(half_turn)
        by_rounding = _ROUNDING_M * np.cos(half_turn) / (1.0 - np.cos(half_turn))
        radius = np.minimum(by_legs, by_rounding)
        corner_s = np.cumsum(length)[:-1]
        reach = radius * np.tan(half_turn)
        return cls(corner_s - reach, corner_s + reach, radius)

    def speed_mps(
        self,
        s_m: float,
        lateral_acceleration_mps2: float = 2.5,
        deceleration_mps2: float = 1.5,
    ) -> float:
        """Speed now from which every bend ahead is reached at a comfortable speed.

        Args:
            s_m: where on the path the vehicle is, as arc length [m].
            lateral_acceleration_mps2: what is comfortable in a bend [m/s²].
            deceleration_mps2: how hard to slow down before one [m/s²].

        Returns:
            The speed [m/s]; infinite if no bend is ahead.
        """
        ahead = self.end_s_m >= s_m
        if not ahead.any():
            return math.inf
        distance = np.maximum(self.begin_s_m[ahead] - s_m, 0.0)
        squared = lateral_acceleration_mps2 * self.radius_m[ahead]
        squared = squared + 2.0 * deceleration_mps2 * distance
        return math.sqrt(squared.min())


def _legs(path_xy_m: Floats) -> tuple[Floats, Floats, Floats]:
    """Starts, legs and lengths of a polyline without its repeated points."""
    leg = np.diff(path_xy_m, axis=0)
    length = np.hypot(leg[:, 0], leg[:, 1])
    kept = length > 0.0
    if not kept.any():
        raise ValueError("expected a path of at least two different points")
    return path_xy_m[:-1][kept], leg[kept], length[kept]
