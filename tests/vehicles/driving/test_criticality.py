from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tests.vehicles.driving.scene import CAR, PEDESTRIAN, bodies, ego_at, straight
from vehicles.criticality import (
    Leader,
    find_crossing,
    find_leader,
    overlapping,
    time_to_collision_s,
)
from vehicles.driving.base import Bodies, EgoState, RoadAhead
from vehicles.driving.path import Path

LENGTH_M = CAR[0]


def test_time_to_collision() -> None:
    assert Leader(0, 20.0, 5.0).time_to_collision_s(15.0) == pytest.approx(2.0)
    assert Leader(0, 20.0, 15.0).time_to_collision_s(15.0) == math.inf
    assert Leader(0, -1.0, 0.0).time_to_collision_s(15.0) == 0.0


def ttc_s(road: RoadAhead, ego: EgoState, other: Bodies) -> float:
    leader = find_leader(road, ego, other)
    assert leader is not None
    return time_to_collision_s(road, ego, other, leader)


def test_who_stays_in_the_way_is_met_when_the_gap_is_closed() -> None:
    road, ego = straight().seen_from(50, 0), ego_at(50, 10.0)
    ahead_m = 30 - LENGTH_M
    assert ttc_s(road, ego, bodies((80, 0, 0, 5, CAR))) == pytest.approx(ahead_m / 5)
    assert ttc_s(road, ego, bodies((80, 0, math.pi, 5, CAR))) == pytest.approx(ahead_m / 15)
    assert ttc_s(road, ego, bodies((80, 0, 0, 10, CAR))) == math.inf


def test_who_crosses_counts_while_in_the_way() -> None:
    walker = bodies((80, 0.2, math.pi / 2, 1.5, PEDESTRIAN))
    gap_m = 30 - LENGTH_M / 2 - PEDESTRIAN[1] / 2
    there_s = ttc_s(straight().seen_from(50, 0), ego_at(50, 10.0), walker)
    assert there_s == pytest.approx(gap_m / 10, abs=0.01)


def test_oncoming_traffic_where_the_path_turns_across_it_is_not_met() -> None:
    xy = np.array([[0.0, 0.0], [50.0, 0.0], [56.0, 6.0], [56.0, 50.0]])
    s = np.array([0.0, 50.0, 50.0 + 72**0.5, 94.0 + 72**0.5])
    road = RoadAhead(Path(xy, s), np.full(4, 10.0), np.inf, False).seen_from(30, 0)
    oncoming = bodies((56, 3.2, math.pi, 12.0, CAR))
    leader = find_leader(road, ego_at(30, 5.0), oncoming)
    assert leader is not None
    assert leader.time_to_collision_s(5.0) < 2.0
    assert ttc_s(road, ego_at(30, 5.0), oncoming) == math.inf


def test_leader_is_the_nearest_in_the_strip() -> None:
    others = bodies(
        (100, 0, 0, 8, CAR), (80, 0.5, 0, 9, CAR), (70, 3.2, 0, 1, CAR), (30, 0, 0, 1, CAR)
    )
    leader = find_leader(straight().seen_from(50, 0), ego_at(50, 10), others)
    assert leader is not None
    assert leader.row == 1
    assert leader.gap_m == pytest.approx(30 - LENGTH_M)
    assert leader.speed_mps == pytest.approx(9.0)


def test_leader_across_the_path_counts_by_its_width() -> None:
    crossing = bodies((80, 1.0, math.pi / 2, 5, CAR))
    leader = find_leader(straight().seen_from(50, 0), ego_at(50, 10), crossing)
    assert leader is not None
    assert leader.gap_m == pytest.approx(30 - LENGTH_M / 2 - CAR[1] / 2)
    assert leader.speed_mps == pytest.approx(0.0, abs=1e-9)


def test_beside_its_path_the_car_sweeps_from_there_to_the_path() -> None:
    road = straight().seen_from(50, 3.2)
    ego = ego_at(50, 10, y_m=3.2)
    in_own = find_leader(road, ego, bodies((70, 3.2, 0, 5, CAR)))
    in_other = find_leader(road, ego, bodies((70, 0, 0, 5, CAR)))
    further_on = find_leader(road, ego, bodies((90, 3.2, 0, 5, CAR)))
    assert in_own is not None
    assert in_other is not None
    assert further_on is None


def test_leader_round_a_bend() -> None:
    xy = np.array([[0.0, 0.0], [50.0, 0.0], [50.0, 50.0]])
    s = np.array([0.0, 50.0, 100.0])
    road = RoadAhead(Path(xy, s), np.full(3, 10.0), np.inf, False).seen_from(20, 0)
    others = bodies((50, 30, math.pi / 2, 4, CAR), (70, 0, 0, 4, CAR))
    leader = find_leader(road, ego_at(20, 8), others)
    assert leader is not None
    assert leader.row == 0
    assert leader.gap_m == pytest.approx(60 - LENGTH_M)
    assert leader.speed_mps == pytest.approx(4.0)


def test_a_bus_going_straight_on_beside_a_bend_is_no_leader() -> None:
    # A quarter circle to the left of 10 m radius; the bus stays in the lane to its right.
    angle = np.linspace(0.0, math.pi / 2, 10)
    bend = np.stack([50 + 10 * np.sin(angle), 10 - 10 * np.cos(angle)], axis=1)
    xy = np.concatenate([[[0.0, 0.0]], bend, [[60.0, 60.0]]])
    s = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    road = RoadAhead(Path(xy, s), np.full(len(s), 10.0), np.inf, False).seen_from(46, 0)
    beside = bodies((50, -3.2, 0, 8, (12.0, 2.5)))
    turning = bodies((55, -1.0, 0.4, 8, (12.0, 2.5)))
    assert find_leader(road, ego_at(46, 4), beside, margin_m=0.2) is None
    assert find_leader(road, ego_at(46, 4), turning, margin_m=0.2) is not None


class TestCrossing:
    """A car at x = 50 going east at 10 m/s; somebody going north crosses at x = 80."""

    ego = ego_at(50, 10.0)
    first = straight().seen_from(50, 0)
    yields = straight(yield_s_m=((75.0, 90.0),)).seen_from(50, 0)

    def test_gap_is_to_the_near_side(self) -> None:
        found = find_crossing(self.yields, self.ego, bodies((80, -20, math.pi / 2, 10, CAR)))
        assert found is not None
        assert found.gap_m == pytest.approx(30 - CAR[1] / 2 - LENGTH_M / 2)
        assert found.speed_mps == 0.0

    def test_who_can_stop_is_expected_to_where_the_car_goes_first(self) -> None:
        # From 10 m/s: 4 m/s2 take 12.5 m, 1 m/s2 takes 50 m; the way in is 3.15 m shorter.
        at_20 = bodies((80, -20, math.pi / 2, 10, CAR))
        assert find_crossing(self.first, self.ego, at_20) is None
        assert find_crossing(self.yields, self.ego, at_20) is not None
        at_14 = bodies((80, -14, math.pi / 2, 10, CAR))
        assert find_crossing(self.first, self.ego, at_14) is not None

    def test_who_has_passed_or_stands_does_not_count(self) -> None:
        gone = bodies((80, 8, math.pi / 2, 10, CAR))
        standing = bodies((80, -8, math.pi / 2, 0, CAR))
        assert find_crossing(self.yields, self.ego, gone) is None
        assert find_crossing(self.yields, self.ego, standing) is None

    def test_who_is_through_long_before_does_not_count(self) -> None:
        # On the path from 0.3 s to 1.3 s; even gathering speed the car is there after 2.3 s.
        walker_ahead = bodies((80, -1.5, math.pi / 2, 3.0, PEDESTRIAN))
        assert find_crossing(self.yields, self.ego, walker_ahead) is None

    def test_parallel_and_oncoming_never_cross(self) -> None:
        others = bodies((70, 3.2, math.pi, 14, CAR), (60, -3.2, 0.05, 8, CAR))
        assert find_crossing(self.yields, self.ego, others) is None

    def test_nobody(self) -> None:
        assert find_crossing(self.yields, self.ego, bodies()) is None


def test_overlap_by_hand() -> None:
    ego = EgoState(0.0, 0.0, 0.0, 0.0, 0.0, 4.0, 2.0)
    quarter = math.pi / 4
    others = bodies(
        (3.9, 0.0, 0.0, 0, (4.0, 2.0)),
        (4.1, 0.0, 0.0, 0, (4.0, 2.0)),
        (0.0, 1.9, 0.0, 0, (4.0, 2.0)),
        (0.0, 2.1, 0.0, 0, (4.0, 2.0)),
        # A square of side 2 on its corner reaches sqrt(2) = 1.414 m towards the front at 2 m.
        (3.40, 0.0, quarter, 0, (2.0, 2.0)),
        (3.42, 0.0, quarter, 0, (2.0, 2.0)),
        # Off the ego's corner: bounding boxes touch, the boxes don't.
        (3.1, 2.1, quarter, 0, (2.0, 2.0)),
    )
    assert overlapping(ego, others).tolist() == [True, False, True, False, True, False, False]


@given(
    x=st.floats(-8, 8),
    y=st.floats(-8, 8),
    heading=st.floats(-4, 4),
    own=st.floats(-4, 4),
    length=st.floats(0.3, 12),
    width=st.floats(0.3, 3),
)
def test_overlap_agrees_with_polygons(
    x: float, y: float, heading: float, own: float, length: float, width: float
) -> None:
    ego = EgoState(0.0, 0.0, own, 0.0, 0.0, 4.5, 1.8)
    here = _box(0, 0, own, 4.5, 1.8)
    there = _box(x, y, heading, length, width)
    # A hair's breadth belongs to neither.
    if (here.distance(there) > 1e-6) or here.intersection(there).area > 1e-6:
        expected = here.intersects(there)
        assert overlapping(ego, bodies((x, y, heading, 0, (length, width))))[0] == expected


def _box(x: float, y: float, heading: float, length: float, width: float) -> shapely.Polygon:
    corners = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)]) * (length / 2, width / 2)
    cos, sin = math.cos(heading), math.sin(heading)
    return shapely.Polygon(corners @ np.array([[cos, sin], [-sin, cos]]) + (x, y))
