"""The safety figures of a run against commonroad-crime on the same motions.

The table is what `commonroad_crime_reference.py` prints. commonroad-crime rounds to 0.01, counts
headway and PET in whole steps of 0.1 s, and takes for headway the time until the vehicle really is
where the other's rear is now: that is gap over speed while the speed stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from cosim.kpis import encounters, safety
from network.arrays import Floats
from tests.validation.encounter_tracks import (
    CROSSING,
    FOLLOWING,
    LENGTH_M,
    STEP_S,
    WIDTH_M,
    Motion,
)
from tests.validation.registry import Comparison, Fault, check
from vehicles.criticality import Leader, find_leader
from vehicles.driving.base import Bodies, EgoState, RoadAhead
from vehicles.driving.path import Path

CRIME = "commonroad-crime 0.4.5"
# Step, headway [m], TTC [s], time headway [s], required acceleration [m/s2], jerk [m/s3].
_REFERENCE = np.array(
    (
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
)
# Until here both keep their speeds until the headway is over; until there the gap closes.
_EVENLY = _REFERENCE[:4]
_CLOSING = _REFERENCE[:9]
_PET_S = 1.2


def _leader(step: int) -> Leader:
    """Who is ahead in the first encounter."""
    ego, other = FOLLOWING
    s = np.array([-50.0, 600.0])
    line = np.stack([s * np.cos(ego.heading_rad), s * np.sin(ego.heading_rad)], axis=1)
    x, y = float(ego.x_m[step]), float(ego.y_m[step])
    road = RoadAhead(Path(line, s), np.full(2, 30.0), np.inf, False).seen_from(x, y)
    state = EgoState(x, y, ego.heading_rad, float(ego.speed_mps[step]), 0.0, LENGTH_M, WIDTH_M)
    ahead = (other.x_m[step], other.y_m[step], other.heading_rad, other.speed_mps[step])
    bodies = Bodies(*(np.array([float(value)]) for value in (*ahead, LENGTH_M, WIDTH_M)))
    leader = find_leader(road, state, bodies)
    assert leader is not None
    return leader


def _decisions(steps: Floats) -> pd.DataFrame:
    """What a run records of the first encounter at some of its steps."""
    ego = FOLLOWING[0]
    rows = steps.astype(np.int64)
    leaders = [_leader(step) for step in rows.tolist()]
    speeds = ego.speed_mps[rows]
    return pd.DataFrame(
        {
            "vehicle": "ego",
            "time_s": rows * STEP_S,
            "gap_m": [leader.gap_m for leader in leaders],
            "ttc_s": [
                leader.time_to_collision_s(speed)
                for leader, speed in zip(leaders, speeds.tolist(), strict=True)
            ],
            "speed_mps": speeds,
            "acceleration_mps2": ego.acceleration_mps2[rows],
            "lane_offset_m": 0.0,
        }
    )


def _figure(name: str, steps: Floats) -> list[float]:
    """A safety figure of the first encounter at each of some steps."""
    return [safety.safety_of(_decisions(steps[row : row + 1]))[name] for row in range(len(steps))]


def _track(motion: Motion) -> encounters.Track:
    count = len(motion.x_m)
    heading = np.full(count, motion.heading_rad)
    return encounters.Track(
        np.arange(count) * STEP_S, motion.x_m, motion.y_m, heading, LENGTH_M, WIDTH_M
    )


def _to_centre(_right: Any) -> Callable[[Bodies], tuple[Floats, Floats]]:
    return lambda bodies: (bodies.x_m[:, None], bodies.y_m[:, None])


def _centres(right: Any) -> Callable[[encounters.Track], np.ndarray]:
    return lambda track: np.asarray(right(track._replace(length_m=1e-3, width_m=1e-3)))


def _seen_wrongly(see: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Any], Any]:
    return lambda right: lambda decisions: right(see(decisions))


@check(
    "gap to who is ahead",
    source=f"{CRIME}, HW",
    unit="m",
    tolerance=0.01,
    faults=[Fault("to its centre", "vehicles.criticality:_grid", _to_centre)],
)
def gap() -> Comparison:
    return Comparison([_leader(int(step)).gap_m for step in _REFERENCE[:, 0]], _REFERENCE[:, 1])


@check(
    "time to collision (TTC)",
    source=f"{CRIME}, TTC",
    unit="s",
    tolerance=0.006,
    faults=[
        Fault(
            "over its own speed",
            "vehicles.criticality:Leader.time_to_collision_s",
            lambda _: lambda leader, speed_mps: leader.gap_m / speed_mps,
        ),
        Fault("to its centre", "vehicles.criticality:_grid", _to_centre),
    ],
)
def time_to_collision() -> Comparison:
    return Comparison(_figure("min_ttc_s", _EVENLY[:, 0]), _EVENLY[:, 2])


@check(
    "time headway (THW)",
    source=f"{CRIME}, THW, less half a step",
    unit="s",
    tolerance=0.51 * STEP_S,
    faults=[
        Fault(
            "over the other's speed",
            "cosim.kpis.safety:safety_of",
            _seen_wrongly(
                lambda rows: rows.assign(speed_mps=rows.speed_mps - rows.gap_m / rows.ttc_s)
            ),
        ),
        Fault("to its centre", "vehicles.criticality:_grid", _to_centre),
    ],
)
def time_headway() -> Comparison:
    # There it is counted up to the next whole step.
    reference_s = _EVENLY[:, 3] - 0.5 * STEP_S
    return Comparison(_figure("min_time_headway_s", _EVENLY[:, 0]), reference_s)


@check(
    "braking that just avoids (DRAC)",
    source=f"{CRIME}, ALongReq",
    unit="m/s2",
    tolerance=0.006,
    faults=[
        Fault(
            "without the half",
            "cosim.kpis.safety:drac_mps2",
            lambda right: lambda gap_m, ttc_s: 2.0 * right(gap_m, ttc_s),
        ),
        Fault("to its centre", "vehicles.criticality:_grid", _to_centre),
    ],
)
def drac() -> Comparison:
    return Comparison(_figure("max_drac_mps2", _CLOSING[:, 0]), -_CLOSING[:, 4])


@check(
    "jerk",
    source=f"{CRIME}, LongJ",
    unit="m/s3",
    tolerance=0.006,
    faults=[
        Fault(
            "per step, not per second",
            "cosim.kpis.safety:safety_of",
            _seen_wrongly(lambda rows: rows.assign(time_s=rows.time_s / STEP_S)),
        )
    ],
)
def jerk() -> Comparison:
    every = np.arange(len(FOLLOWING[0].x_m), dtype=np.float64)
    return Comparison(safety.safety_of(_decisions(every))["max_jerk_mps3"], _REFERENCE[:, 5].max())


@check(
    "least distance of two bodies",
    source=f"{CRIME}, HW",
    unit="m",
    tolerance=0.01,
    faults=[Fault("of their centres", "cosim.kpis.encounters:Track.outlines", _centres)],
)
def least_distance() -> Comparison:
    # At the end of the braking both are as fast, and their gap is the least of all.
    least_m = encounters.least_distance_m(*(_track(motion) for motion in FOLLOWING))
    return Comparison(least_m, min(_leader(step).gap_m for step in range(len(FOLLOWING[0].x_m))))


@check(
    "post-encroachment time (PET)",
    source=f"{CRIME}, PET, entering and leaving in steps of 0.1 s",
    unit="s",
    tolerance=2.0 * STEP_S + 0.03,
    faults=[Fault("of their centres", "cosim.kpis.encounters:Track.outlines", _centres)],
)
def pet() -> Comparison:
    return Comparison(encounters.pet_s(*(_track(motion) for motion in CROSSING)), _PET_S)
