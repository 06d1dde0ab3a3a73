from __future__ import annotations

import numpy as np
import pytest

from tests.vehicles.driving.scene import CAR, bodies, ego_at, situation, straight
from vehicles.driving.acc import Acc, AccSettings
from vehicles.driving.driver import Driver
from vehicles.driving.lane_change import LaneChange, gap_is_free

LANE_M = 3.2
LENGTH_M = CAR[0]
LEFT = straight(y_m=LANE_M)
ROAD = straight(change=LEFT, stop_s_m=398.0)


def free(*rows: tuple[float, float, float]) -> bool:
    """Whether a car at x = 100 at 15 m/s may move over among cars of x, y, speed."""
    others = bodies(*((x, y, 0.0, speed, CAR) for x, y, speed in rows))
    return gap_is_free(LEFT.seen_from(100.0, 0.0), ego_at(100.0, 15.0), others)


def test_nobody_there() -> None:
    assert free()


def test_only_the_target_lane_counts() -> None:
    assert free((100.0, 2 * LANE_M, 15.0), (105.0, 0.0, 15.0), (95.0, -LANE_M, 15.0))
    assert not free((100.0, LANE_M, 15.0))


def test_room_at_the_same_speed() -> None:
    # 2 m and the way in half a second: 9.5 m from bumper to bumper.
    assert not free((100.0 + LENGTH_M + 9.4, LANE_M, 15.0))
    assert free((100.0 + LENGTH_M + 9.6, LANE_M, 15.0))
    assert not free((100.0 - LENGTH_M - 9.4, LANE_M, 15.0))
    assert free((100.0 - LENGTH_M - 9.6, LANE_M, 15.0))


def test_room_for_who_comes_up_faster() -> None:
    # 2 + 0.5 * 21 m, and 6 m/s away at 2 m/s2: 9 m more.
    assert not free((100.0 - LENGTH_M - 21.4, LANE_M, 21.0))
    assert free((100.0 - LENGTH_M - 21.6, LANE_M, 21.0))


def test_waits_for_the_gap_in_its_own_lane() -> None:
    change = LaneChange()
    alongside = bodies((101.0, LANE_M, 0.0, 15.0, CAR))
    blocked = situation(ROAD, ego_at(100.0, 15.0), alongside)
    road, line = change.follow(blocked)
    assert road is blocked.road
    assert np.ptp(line[:, 1]) == 0.0
    road, _ = change.follow(situation(ROAD, ego_at(100.3, 15.0)))
    assert road.path_xy_m[0, 1] == LANE_M


def test_moves_over_smoothly() -> None:
    _, line = LaneChange().follow(situation(ROAD, ego_at(100.0, 15.0)))
    x, y = line.T
    assert np.interp(100.0, x, y) == pytest.approx(0.0, abs=1e-9)
    # Four seconds at 15 m/s; halfway after half of them.
    assert np.interp(130.0, x, y) == pytest.approx(LANE_M / 2, abs=1e-6)
    assert np.interp(160.0, x, y) == pytest.approx(LANE_M, abs=1e-6)
    # A cubic over 4 s: at most 6 w / T^2 across.
    ahead = np.arange(100.0, 162.0, 2.0)
    across = np.gradient(np.gradient(np.interp(ahead, x, y), 2.0), 2.0) * 15.0**2
    assert np.abs(across).max() <= 6 * LANE_M / 4.0**2 * 1.05


def test_breaks_off_while_it_can_and_not_later() -> None:
    alongside = bodies((109.0, LANE_M, 0.0, 15.0, CAR))
    early = LaneChange()
    early.follow(situation(ROAD, ego_at(100.0, 15.0)))
    road, line = early.follow(situation(ROAD, ego_at(108.0, 15.0, y_m=0.4), alongside))
    assert road.path_xy_m[0, 1] == 0.0
    assert np.interp(108.0, *line.T) == pytest.approx(0.4, abs=1e-9)

    late = LaneChange()
    late.follow(situation(ROAD, ego_at(100.0, 15.0)))
    road, _ = late.follow(situation(ROAD, ego_at(110.0, 15.0, y_m=1.2), alongside))
    assert road.path_xy_m[0, 1] == LANE_M


def test_goes_on_in_the_new_lane_where_it_was() -> None:
    change = LaneChange()
    change.follow(situation(ROAD, ego_at(100.0, 15.0), instant_ns=0))
    # Two seconds later the car is over the line, and its lane is the new one.
    road, line = change.follow(
        situation(LEFT, ego_at(130.0, 15.0, y_m=1.6), instant_ns=2_000_000_000)
    )
    assert road.change is None
    assert np.interp(130.0, *line.T) == pytest.approx(LANE_M / 2, abs=1e-6)


def test_the_driver_follows_the_lane_it_moves_to() -> None:
    # A car ahead in the lane it moves to counts from the beginning of the change.
    slow = bodies((160.0, LANE_M, 0.0, 10.0, CAR))
    choice = Driver([Acc(AccSettings())]).decide(situation(ROAD, ego_at(100.0, 10.0), slow))
    assert choice.road.path_xy_m[0, 1] == LANE_M
    assert choice.function == "acc"
    assert choice.proposal.reason == "follow"


def test_the_driver_stops_where_its_lane_ends() -> None:
    alongside = bodies((386.0, LANE_M, 0.0, 0.0, CAR))
    choice = Driver([Acc(AccSettings())]).decide(situation(ROAD, ego_at(386.0, 6.0), alongside))
    assert choice.road.path_xy_m[0, 1] == 0.0
    assert choice.proposal.reason == "stop line"
    assert choice.proposal.acceleration_mps2 < 0.0
