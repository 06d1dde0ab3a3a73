"""Adaptive cruise control on what the car's own sensor sees."""

from __future__ import annotations

import math

import numpy as np

from vehicles.criticality import find_crossing, find_leader
from vehicles.driving.base import Proposal, RoadAhead, Situation
from vehicles.guidance import curve_speed_mps

# The Intelligent Driver Model (Treiber, Hennecke, Helbing 2000) with comfortable parameters.
_ACCELERATION_MPS2 = 1.5
_COMFORT_MPS2 = 2.0
_STANDSTILL_GAP_M = 2.5
# Lines to stop at want less room than bumpers.
_LINE_GAP_M = 1.0
# How harsh a stop at a yellow light may be before it is better to go on.
_YELLOW_MPS2 = 3.0
# What is slower won't make room by driving on: a place to stop at, like a line.
_STANDING_MPS = 0.5
_LATERAL_MARGIN_M = 0.2
_STOP_TIME_GAP_S = 0.5
_STOP_RESERVE = 1.2


class Acc:
    """Keeps the wanted speed, the limits ahead, the time gap to the car ahead, and stop lines.

    Brakes no harder than ISO 15622 lets an adaptive cruise control brake: what needs more is the
    emergency brake's.

    Args:
        desired_speed_mps: cruising speed; None for the speed limit.
        time_gap_s: following time gap.
    """

    name = "acc"

    def __init__(self, desired_speed_mps: float | None, time_gap_s: float) -> None:
        self._desired_speed_mps = desired_speed_mps or math.inf
        self._time_gap_s = time_gap_s
        # The yellow light that is being run, by the distance left to its line; else None.
        self._running_m: float | None = None

    def decide(self, situation: Situation) -> Proposal:
        """Follow, or cruise if nothing is in the way."""
        ego, road, seen = situation.ego, situation.road, situation.seen
        wanted_mps = min(self._desired_speed_mps, allowed_speed_mps(road))
        free = self._free(ego.speed_mps, wanted_mps)
        best = Proposal(free, "cruise")

        leader = find_leader(road, ego, seen.bodies, margin_m=_LATERAL_MARGIN_M)
        if leader is not None:
            room_m = leader.gap_m - _STANDSTILL_GAP_M
            if leader.speed_mps < _STANDING_MPS:
                follow = self._stop(ego.speed_mps, free, room_m)
            else:
                follow = free - self._interaction(
                    ego.speed_mps, leader.speed_mps, room_m, self._time_gap_s
                )
            if follow < best.acceleration_mps2:
                slot = int(seen.slots[leader.row])
                best = Proposal(follow, "follow", sensed_slots=(slot,))

        crossing = find_crossing(road, ego, seen.bodies)
        if crossing is not None:
            wait = self._stop(ego.speed_mps, free, crossing.gap_m - _LINE_GAP_M)
            if wait < best.acceleration_mps2:
                slot = int(seen.slots[crossing.row])
                best = Proposal(wait, "give way", sensed_slots=(slot,))

        to_line_m = road.stop_s_m - (road.ego_s_m + 0.5 * ego.length_m)
        if to_line_m > -_LINE_GAP_M and not self._runs(road, ego.speed_mps, to_line_m):
            stop = self._stop(ego.speed_mps, free, to_line_m - _LINE_GAP_M)
            if stop < best.acceleration_mps2:
                best = Proposal(stop, "stop line")

        floor = -_hardest_mps2(ego.speed_mps)
        if best.acceleration_mps2 < floor:
            best = Proposal(floor, best.reason, best.sensed_slots)
        return best

    def _runs(self, road: RoadAhead, speed_mps: float, to_line_m: float) -> bool:
        """Whether the line ahead is crossed all the same: decided once, when it turns yellow."""
        known = self._running_m is not None and to_line_m < self._running_m + 1.0
        harsh_mps2 = speed_mps**2 / (2.0 * max(to_line_m, 0.1))
        if known or (road.stop_if_comfortable and harsh_mps2 > _YELLOW_MPS2):
            self._running_m = to_line_m
            return True
        self._running_m = None
        return False

    def _free(self, speed_mps: float, wanted_mps: float) -> float:
        if wanted_mps < 0.1:
            return -_COMFORT_MPS2
        ratio = speed_mps / wanted_mps
        if ratio <= 1.0:
            return _ACCELERATION_MPS2 * (1.0 - ratio**4)
        # Above the wanted speed the model is meant for IDM would brake ever harder: don't.
        return max(-_COMFORT_MPS2, 2.0 * (wanted_mps - speed_mps))

    def _stop(self, speed_mps: float, free_mps2: float, room_m: float) -> float:
        """Acceleration with which to come to rest after `room_m`, little harder than it takes."""
        wanted = free_mps2 - self._interaction(speed_mps, 0.0, room_m, _STOP_TIME_GAP_S)
        needed = speed_mps**2 / (2.0 * max(room_m, 0.1))
        return max(wanted, -_STOP_RESERVE * needed - 0.1)

    def _interaction(
        self, speed_mps: float, leader_mps: float, room_m: float, time_gap_s: float
    ) -> float:
        """IDM's braking term, with the room beyond the standstill gap as the distance."""
        closing = speed_mps - leader_mps
        wanted_m = speed_mps * time_gap_s + max(
            speed_mps * closing / (2.0 * math.sqrt(_ACCELERATION_MPS2 * _COMFORT_MPS2)),
            -speed_mps * time_gap_s,
        )
        # A metre more on both sides keeps the model from dividing by nothing at standstill.
        return _ACCELERATION_MPS2 * ((wanted_m + 1.0) / max(room_m + 1.0, 0.1)) ** 2


def allowed_speed_mps(road: RoadAhead) -> float:
    """The speed now with which limits and bends ahead can be met at comfortable braking [m/s]."""
    behind = np.searchsorted(road.path_s_m, road.ego_s_m, side="right") - 1
    limits = road.speed_limit_mps[max(behind, 0) :]
    distance_m = np.maximum(road.path_s_m[max(behind, 0) :] - road.ego_s_m, 0.0)
    by_limit = np.sqrt(limits**2 + 2.0 * _COMFORT_MPS2 * distance_m).min()
    by_bend = curve_speed_mps(road.path_xy_m, road.ego_s_m)
    return float(min(by_limit, by_bend))


def _hardest_mps2(speed_mps: float) -> float:
    """ISO 15622:2018 6.3.3: 3.5 m/s2 above 20 m/s, 5 m/s2 below 5 m/s, linear in between."""
    return float(np.interp(speed_mps, (5.0, 20.0), (5.0, 3.5)))
