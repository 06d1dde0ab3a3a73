"""Changing lane when the route needs it, once the car sees a gap."""

from __future__ import annotations

import numpy as np

from network.arrays import Floats
from vehicles.driving.base import Bodies, EgoState, RoadAhead, Situation

# A change takes about this long, and at walking pace this much room.
_DURATION_S = 4.0
_LENGTH_MIN_M = 12.0
# Room to keep to bodies in the other lane: a distance, a time, and what braking gently takes.
_ROOM_M = 2.0
_ROOM_S = 0.5
_GENTLE_MPS2 = 2.0
# With its centre less than this from its lane's, the car can still stay.
_UNDECIDED_M = 0.6
_BESIDE_M = 0.5
# Points of the curve lie this far apart.
_FINE_M = 2.0


class LaneChange:
    """Chooses the lane to follow and the line to steer along.

    A change begins when the gap is free and leads over in a smooth curve. It is broken off if
    somebody comes alongside while the car is still in its lane.
    """

    def __init__(self) -> None:
        self._changing = False
        self._aside_m = 0.0
        self._travelled_m = 0.0
        self._length_m = 1.0
        self._instant_ns = 0

    def follow(self, situation: Situation) -> tuple[RoadAhead, Floats]:
        """The road to follow now, and the line to steer along, shape (n, 2) [m]."""
        ego, road = situation.ego, situation.road
        elapsed_s = (situation.instant_ns - self._instant_ns) * 1e-9
        self._instant_ns = situation.instant_ns
        self._travelled_m += ego.speed_mps * elapsed_s
        if road.change is None:
            self._changing = False
        elif not self._changing:
            if gap_is_free(road.change, ego, situation.seen.bodies):
                self._changing = True
                self._begin(road.change, ego)
        elif abs(road.ego_left_m) < _UNDECIDED_M and not gap_is_free(
            road.change, ego, situation.seen.bodies, room_s=0.0, room_m=_BESIDE_M
        ):
            self._changing = False
            self._begin(road, ego)
        if self._changing and road.change is not None:
            road = road.change
        return road, self._line(road)

    def _begin(self, road: RoadAhead, ego: EgoState) -> None:
        self._aside_m = road.ego_left_m
        self._travelled_m = 0.0
        self._length_m = max(_DURATION_S * ego.speed_mps, _LENGTH_MIN_M)

    def _line(self, road: RoadAhead) -> Floats:
        """The road's path, approached from where the change began."""
        if self._travelled_m >= self._length_m:
            return road.path_xy_m
        # A cubic from the one lane to the other, level at both ends.
        to_go_m = self._length_m - self._travelled_m
        fine = np.arange(road.ego_s_m - _FINE_M, road.ego_s_m + to_go_m + _FINE_M, _FINE_M)
        s = np.union1d(road.path_s_m, fine.clip(0.0, road.path_s_m[-1]))
        x, y = (np.interp(s, road.path_s_m, column) for column in road.path_xy_m.T)
        part = np.clip((self._travelled_m + s - road.ego_s_m) / self._length_m, 0.0, 1.0)
        aside_m = self._aside_m * (1.0 - part * part * (3.0 - 2.0 * part))
        direction = road.path.heading_rad(s)
        return np.stack([x - aside_m * np.sin(direction), y + aside_m * np.cos(direction)], axis=1)


def gap_is_free(
    road: RoadAhead,
    ego: EgoState,
    others: Bodies,
    *,
    room_m: float = _ROOM_M,
    room_s: float = _ROOM_S,
) -> bool:
    """Whether the car can move over to a road without anybody having to brake hard.

    Ahead and behind there must be `room_m`, the rear one's way in `room_s`, and the distance in
    which the rear one brakes gently down to the front one's speed.
    """
    if len(others.x_m) == 0:
        return True
    s, left = road.along(others.x_m, others.y_m)
    direction = road.path.heading_rad(s)
    turned = others.heading_rad - direction
    cos, sin = np.cos(turned), np.abs(np.sin(turned))
    half_along = 0.5 * (np.abs(cos) * others.length_m + sin * others.width_m)
    half_across = 0.5 * (sin * others.length_m + np.abs(cos) * others.width_m)
    in_lane = np.abs(left) < 0.5 * ego.width_m + half_across + 0.2
    apart = np.abs(s - road.ego_s_m) - half_along - 0.5 * ego.length_m
    theirs = others.speed_mps * cos
    rear = np.where(s < road.ego_s_m, theirs, ego.speed_mps)
    front = np.where(s < road.ego_s_m, ego.speed_mps, theirs)
    closing = np.maximum(rear - front, 0.0)
    needed = room_m + room_s * np.maximum(rear, 0.0)
    if room_s > 0.0:
        needed = needed + closing**2 / (2.0 * _GENTLE_MPS2)
    return not bool((in_lane & (apart < needed)).any())
