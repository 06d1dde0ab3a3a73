"""What commonroad-crime says of two encounters: prints the table that `safety_checks` holds.

It brings casadi, OpenCV and more along, 700 MB in all, and so stays out of the tests' own
environment. To make the table anew, with commonroad-crime 0.4.5 installed anywhere:

    python tests/validation/commonroad_crime_reference.py
"""

# ruff: noqa: T201
from __future__ import annotations

import logging

import numpy as np
from commonroad.geometry.shape import Rectangle
from commonroad.prediction.prediction import TrajectoryPrediction
from commonroad.scenario.intersection import Intersection, IntersectionIncomingElement
from commonroad.scenario.lanelet import Lanelet, LaneletNetwork, LaneletType
from commonroad.scenario.obstacle import DynamicObstacle, ObstacleType
from commonroad.scenario.scenario import Scenario, ScenarioID, Tag
from commonroad.scenario.state import CustomState, InitialState
from commonroad.scenario.trajectory import Trajectory
from commonroad_crime.data_structure.configuration import CriMeConfiguration
from commonroad_crime.measure.acceleration.a_long_req import ALongReq
from commonroad_crime.measure.distance.hw import HW
from commonroad_crime.measure.jerk.long_j import LongJ
from commonroad_crime.measure.time.pet import PET
from commonroad_crime.measure.time.thw import THW
from commonroad_crime.measure.time.ttc import TTC
from encounter_tracks import CROSSING, FOLLOWING, LENGTH_M, STEP_S, WIDTH_M, Motion

EGO, OTHER = 10, 11


def lanelet(
    number: int,
    start: tuple[float, float],
    end: tuple[float, float],
    width_m: float,
    *,
    inside: bool = False,
    before: int | None = None,
    behind: int | None = None,
) -> Lanelet:
    begin, way = np.array(start), np.array(end) - np.array(start)
    centre = begin + way * np.linspace(0.0, 1.0, 60)[:, None]
    left = np.array([-way[1], way[0]]) / np.hypot(*way) * width_m / 2
    return Lanelet(
        centre + left,
        centre,
        centre - left,
        number,
        predecessor=[before] if before else [],
        successor=[behind] if behind else [],
        lanelet_type={LaneletType.INTERSECTION} if inside else {LaneletType.URBAN},
    )


def vehicle(number: int, motion: Motion, roads: LaneletNetwork) -> DynamicObstacle:
    places = [np.array(place) for place in zip(motion.x_m, motion.y_m, strict=True)]
    on = {step: set(roads.find_lanelet_by_position([p])[0]) for step, p in enumerate(places)}
    states = [
        CustomState(
            time_step=step,
            position=place,
            orientation=motion.heading_rad,
            velocity=motion.speed_mps[step],
            velocity_y=0.0,
            acceleration_y=0.0,
        )
        for step, place in enumerate(places)
    ]
    initial = InitialState(
        time_step=0, position=places[0], orientation=motion.heading_rad,
        velocity=motion.speed_mps[0], acceleration=0.0, yaw_rate=0.0, slip_angle=0.0,
    )  # fmt: skip
    body = Rectangle(LENGTH_M, WIDTH_M)
    prediction = TrajectoryPrediction(
        Trajectory(1, states[1:]), body,
        center_lanelet_assignment=on, shape_lanelet_assignment=on,
    )  # fmt: skip
    return DynamicObstacle(
        number, ObstacleType.CAR, body, initial, prediction,
        initial_center_lanelet_ids=on[0], initial_shape_lanelet_ids=on[0],
    )  # fmt: skip


def configured(lanelets: list[Lanelet], motions: tuple[Motion, Motion]) -> CriMeConfiguration:
    scenario = Scenario(STEP_S)
    scenario.scenario_id = ScenarioID()
    scenario.add_objects(lanelets)
    if len(lanelets) > 1:
        scenario.tags = {Tag.INTERSECTION}
        ways = [
            IntersectionIncomingElement(n, incoming_lanelets={a}, successors_straight={b})
            for n, (a, b) in ((101, (1, 2)), (102, (4, 5)))
        ]
        scenario.add_objects(Intersection(100, ways))
    roads = scenario.lanelet_network
    for number, motion in zip((EGO, OTHER), motions, strict=True):
        scenario.add_objects(vehicle(number, motion, roads))
    configuration = CriMeConfiguration()
    configuration.vehicle.ego_id = EGO
    configuration.update(sce=scenario)
    return configuration


def main() -> None:
    logging.disable(logging.CRITICAL)
    angle = FOLLOWING[0].heading_rad
    ends = [(s * np.cos(angle), s * np.sin(angle)) for s in (-50.0, 600.0)]
    follow = configured([lanelet(1, *ends, 3.5)], FOLLOWING)
    measures = [measure(follow) for measure in (HW, TTC, THW, ALongReq, LongJ)]
    for step in (0, 5, 10, 20, 45, 50, 55, 60, 65, 75):
        row = [m.compute(vehicle_id=OTHER, time_step=step, verbose=False) for m in measures]
        print((step, *(float(value) for value in row)))
    # As wide as the vehicles, so that the lanes cross in the area that both bodies cover.
    crossing = configured(
        [
            lanelet(1, (-60, 0), (30, 0), WIDTH_M, behind=2),
            lanelet(2, (30, 0), (50, 0), WIDTH_M, inside=True, before=1, behind=3),
            lanelet(3, (50, 0), (200, 0), WIDTH_M, before=2),
            lanelet(4, (40, -90), (40, -10), WIDTH_M, behind=5),
            lanelet(5, (40, -10), (40, 10), WIDTH_M, inside=True, before=4, behind=6),
            lanelet(6, (40, 10), (40, 200), WIDTH_M, before=5),
        ],
        CROSSING,
    )
    print("PET", PET(crossing).compute(vehicle_id=OTHER, time_step=0, verbose=False))


if __name__ == "__main__":
    main()
