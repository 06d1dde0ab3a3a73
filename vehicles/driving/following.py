"""How hard to accelerate: the law that functions share which follow, cruise and stop."""

from __future__ import annotations

import math

import numpy as np

from vehicles.driving.base import RoadAhead

# The Intelligent Driver Model (Treiber, Hennecke, Helbing 2000) with comfortable parameters.
ACCELERATION_MPS2 = 1.5
COMFORT_MPS2 = 2.0
STANDSTILL_GAP_M = 2.5
# Lines to stop at want less room than bumpers.
LINE_GAP_M = 1.0
# Who comes as near as this to the strip that the car sweeps counts as ahead.
LATERAL_MARGIN_M = 0.2
_STOP_TIME_GAP_S = 0.5
_STOP_RESERVE = 1.2


def free_mps2(speed_mps: float, wanted_mps: float) -> float:
    """Acceleration towards a wanted speed with nobody ahead [m/s2]."""
    if wanted_mps < 0.1:
        return -COMFORT_MPS2
    ratio = speed_mps / wanted_mps
    if ratio <= 1.0:
        return ACCELERATION_MPS2 * (1.0 - ratio**4)
    # Above the wanted speed the model is meant for IDM would brake ever harder: don't.
    return max(-COMFORT_MPS2, 2.0 * (wanted_mps - speed_mps))


def interaction_mps2(
    speed_mps: float, leader_mps: float, room_m: float, time_gap_s: float
) -> float:
    """IDM's braking term, to be taken off `free_mps2` [m/s2].

    Args:
        speed_mps: own speed [m/s].
        leader_mps: speed of the car ahead [m/s].
        room_m: distance to it beyond the standstill gap [m].
        time_gap_s: following time gap [s].
    """
    closing = speed_mps - leader_mps
    wanted_m = speed_mps * time_gap_s + max(
        speed_mps * closing / (2.0 * math.sqrt(ACCELERATION_MPS2 * COMFORT_MPS2)),
        -speed_mps * time_gap_s,
    )
    # A metre more on both sides keeps the model from dividing by nothing at standstill.
    return ACCELERATION_MPS2 * ((wanted_m + 1.0) / max(room_m + 1.0, 0.1)) ** 2


def stop_mps2(speed_mps: float, free: float, room_m: float) -> float:
    """Acceleration with which to come to rest after a distance, little harder than it takes [m/s2].

    Args:
        speed_mps: own speed [m/s].
        free: acceleration if there were nothing to stop for [m/s2].
        room_m: distance to the place to stand at [m].
    """
    wanted = free - interaction_mps2(speed_mps, 0.0, room_m, _STOP_TIME_GAP_S)
    needed = speed_mps**2 / (2.0 * max(room_m, 0.1))
    return max(wanted, -_STOP_RESERVE * needed - 0.1)


def allowed_speed_mps(road: RoadAhead) -> float:
    """The speed now with which limits and bends ahead can be met at comfortable braking [m/s]."""
    behind = np.searchsorted(road.path_s_m, road.ego_s_m, side="right") - 1
    limits = road.speed_limit_mps[max(behind, 0) :]
    distance_m = np.maximum(road.path_s_m[max(behind, 0) :] - road.ego_s_m, 0.0)
    by_limit = np.sqrt(limits**2 + 2.0 * COMFORT_MPS2 * distance_m).min()
    by_bend = road.path.bends.speed_mps(road.ego_s_m)
    return float(min(by_limit, by_bend))


def hardest_mps2(speed_mps: float) -> float:
    """How hard an ACC may brake [m/s2].

    ISO 15622:2018 6.3.3: 3.5 m/s2 above 20 m/s, 5 m/s2 below 5 m/s, linear in between.
    """
    return float(np.interp(speed_mps, (5.0, 20.0), (5.0, 3.5)))
