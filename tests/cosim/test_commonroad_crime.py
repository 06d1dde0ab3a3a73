"""Our figures against those of commonroad-crime 0.4.5 on the same motions.

The table is what `commonroad_crime_reference.py` prints. commonroad-crime rounds to 0.01, counts
headway and PET in whole steps of 0.1 s, and takes for headway the time until the vehicle really is
where the other's rear is now: that is gap over speed while the speed stays.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cosim.kpis.encounters import Track, least_distance_m, pet_s
from cosim.kpis.safety import COLUMNS, drac_mps2, safety_of
from tests.cosim.encounter_tracks import (
    CROSSING,
    FOLLOWING,
    LENGTH_M,
    STEP_S,
    WIDTH_M,
    Motion,
)
from vehicles.criticality import Leader, find_leader
from vehicles.driving.base import Bodies, EgoState, RoadAhead
from vehicles.driving.path import Path

# Step, headway [m], TTC [s], time headway [s], required acceleration [m/s2], jerk [m/s3].
REFERENCE = (
    (0, 41.0, 8.2, 2.1, -0.3, 0.0),
    (5, 38.5, 7.7, 2.0, -0.32, 0.0),
    (10, 36.0, 7.2, 1.9, -0.35, 0.0),
    (20, 31.0, 6.2, 1.6, -0.4, 0.0),
    (45, 18.52, 5.17, 1.0, -0.64, 1.0),
    (50, 16.16, np.inf, 0.9, -0.63, 1.0),
    (55, 14.06, np.inf, 0.8, -0.53, 1.0),
    (60, 12.33, np.inf, 0.8, -0.36, 1.0),
    (65, 11.1, np.inf, 0.7, -0.16, 1.0),
    (75, 10.62, np.inf, np.inf, -0.05, 0.0),
)
PET_S = 1.2


def road() -> RoadAhead:
    heading = FOLLOWING[0].heading_rad
    s = np.array([-50.0, 600.0])
    xy = np.stack([s * np.cos(heading), s * np.sin(heading)], axis=1)
    return RoadAhead(Path(xy, s), np.full(2, 30.0), np.inf, False)


def leader_at(step: int) -> Leader:
    ego, other = FOLLOWING
    x, y = float(ego.x_m[step]), float(ego.y_m[step])
    state = EgoState(x, y, ego.heading_rad, float(ego.speed_mps[step]), 0.0, LENGTH_M, WIDTH_M)
    ahead = (other.x_m[step], other.y_m[step], other.heading_rad, other.speed_mps[step])
    bodies = Bodies(*(np.array([float(value)]) for value in (*ahead, LENGTH_M, WIDTH_M)))
    leader = find_leader(road().seen_from(x, y), state, bodies)
    assert leader is not None
    return leader


def track(motion: Motion) -> Track:
    count = len(motion.x_m)
    heading = np.full(count, motion.heading_rad)
    return Track(np.arange(count) * STEP_S, motion.x_m, motion.y_m, heading, LENGTH_M, WIDTH_M)


@pytest.mark.parametrize("row", REFERENCE, ids=lambda row: f"step {row[0]}")
def test_gap_ttc_headway_and_drac(row: tuple[float, ...]) -> None:
    step, headway_m, ttc_s, time_headway_s, required_mps2, _ = row
    leader, speed_mps = leader_at(int(step)), float(FOLLOWING[0].speed_mps[int(step)])
    assert leader.gap_m == pytest.approx(headway_m, abs=0.01)
    ours_s = leader.time_to_collision_s(speed_mps)
    drac = drac_mps2(np.array([leader.gap_m]), np.array([ours_s]))
    if speed_mps > FOLLOWING[1].speed_mps[0]:
        assert drac[0] == pytest.approx(-required_mps2, abs=0.006)
    if step <= 20:
        # Constant speeds from here on until the headway is over.
        assert ours_s == pytest.approx(ttc_s, abs=0.006)
        assert leader.gap_m / speed_mps == pytest.approx(time_headway_s, abs=STEP_S)


def test_jerk() -> None:
    ego = FOLLOWING[0]
    count = len(ego.x_m)
    decisions = pd.DataFrame(
        {
            "vehicle": ["ego"] * count,
            "time_s": np.arange(count) * STEP_S,
            "gap_m": np.inf,
            "ttc_s": np.inf,
            "speed_mps": ego.speed_mps,
            "acceleration_mps2": ego.acceleration_mps2,
            "lane_offset_m": 0.0,
        }
    )[COLUMNS]
    largest = max(row[5] for row in REFERENCE)
    assert safety_of(decisions)["max_jerk_mps3"] == pytest.approx(largest, abs=0.006)


def test_least_distance_is_the_least_headway() -> None:
    least_m = least_distance_m(*(track(motion) for motion in FOLLOWING))
    gaps_m = [leader_at(step).gap_m for step in range(len(FOLLOWING[0].x_m))]
    assert least_m == pytest.approx(min(gaps_m), abs=0.01)


def test_pet() -> None:
    # Entering and leaving both come in whole steps there.
    ours_s = pet_s(*(track(motion) for motion in CROSSING))
    assert ours_s == pytest.approx(PET_S, abs=2.0 * STEP_S + 0.03)
