from __future__ import annotations

import math

import numpy as np
import pytest

from tests.vehicles.driving.scene import CAR, PEDESTRIAN, bodies, ego_at, situation, straight
from vehicles.driving.acc import Acc, AccSettings
from vehicles.driving.base import RoadAhead
from vehicles.driving.following import allowed_speed_mps

HALF_M = CAR[0] / 2


def drive(road: RoadAhead, x_m: float, speed_mps: float, seconds: float) -> tuple[float, float]:
    """Let an ACC alone on a road drive, and return where its front is and how fast it is."""
    acc = Acc(AccSettings())
    for step in range(round(seconds / 0.02)):
        here = situation(road, ego_at(x_m, speed_mps), instant_ns=step * 20_000_000)
        speed = max(speed_mps + 0.02 * acc.decide(here).acceleration_mps2, 0.0)
        x_m += 0.02 * 0.5 * (speed + speed_mps)
        speed_mps = speed
    return x_m + HALF_M, speed_mps


def test_free_road_is_the_idm_law() -> None:
    # a (1 - (v / v0)^4) with a = 1.5 m/s2.
    chosen = Acc(AccSettings()).decide(situation(straight(limit_mps=20.0), ego_at(50, 10.0)))
    assert chosen.acceleration_mps2 == pytest.approx(1.5 * (1 - 0.5**4))
    assert chosen.reason == "cruise"


def test_desired_speed_holds_below_the_limit() -> None:
    chosen = Acc(AccSettings(desired_speed_mps=12.0)).decide(
        situation(straight(limit_mps=20.0), ego_at(50, 12.0))
    )
    assert chosen.acceleration_mps2 == pytest.approx(0.0)


@pytest.mark.parametrize("speed", [5.0, 10.0, 15.0])
def test_idm_equilibrium_gap(speed: float) -> None:
    # IDM (Treiber et al. 2000, eq. 12): (s0 + v T) / sqrt(1 - (v / v0)^4), here with 1 m of the
    # standstill gap of 2.5 m inside and the other 1.5 m outside of the quotient.
    gap = 1.5 + (1.0 + speed * 1.5) / math.sqrt(1 - (speed / 20.0) ** 4)
    leader = bodies((50 + 2 * HALF_M + gap, 0, 0, speed, CAR))
    chosen = Acc(AccSettings()).decide(situation(straight(), ego_at(50, speed), leader))
    assert chosen.acceleration_mps2 == pytest.approx(0.0, abs=1e-9)
    assert chosen.reason == "follow"
    assert list(chosen.sensed_slots) == [10]


def test_keeps_the_standstill_gap() -> None:
    acc = Acc(AccSettings())
    near = bodies((50 + 2 * HALF_M + 2.4, 0, 0, 0.0, CAR))
    far = bodies((50 + 2 * HALF_M + 2.7, 0, 0, 0.0, CAR))
    assert acc.decide(situation(straight(), ego_at(50, 0.0), near)).acceleration_mps2 < 0.0
    assert acc.decide(situation(straight(), ego_at(50, 0.0), far)).acceleration_mps2 > 0.0


@pytest.mark.parametrize(("speed", "least"), [(4.5, -5.0), (12.5, -4.25), (25.0, -3.5)])
def test_brakes_no_harder_than_iso_15622(speed: float, least: float) -> None:
    wall = bodies((50 + 2 * HALF_M + 3.0, 0, 0, 0.0, CAR))
    chosen = Acc(AccSettings()).decide(situation(straight(), ego_at(50, speed), wall))
    assert chosen.acceleration_mps2 == pytest.approx(least)


@pytest.mark.parametrize("speed", [8.0, 13.9, 19.0])
def test_stops_before_a_red_light_and_stays(speed: float) -> None:
    front, rest = drive(straight(stop_s_m=150.0), 20.0, speed, 60.0)
    assert rest < 0.05
    assert 147.0 < front < 149.5


def test_yellow_is_run_only_when_stopping_is_harsh() -> None:
    # 13.9 m/s: 3 m/s2 takes 32.2 m.
    late = straight(stop_s_m=50 + HALF_M + 30.0, soft=True)
    early = straight(stop_s_m=50 + HALF_M + 35.0, soft=True)
    ego = ego_at(50, 13.9)
    assert Acc(AccSettings()).decide(situation(late, ego)).reason == "cruise"
    assert Acc(AccSettings()).decide(situation(early, ego)).reason == "stop line"


def test_a_yellow_being_run_is_run_to_the_end() -> None:
    acc = Acc(AccSettings())
    line = 50 + HALF_M + 10.0
    assert acc.decide(situation(straight(stop_s_m=line, soft=True), ego_at(50, 12.0))).reason == (
        "cruise"
    )
    red = straight(stop_s_m=line)
    assert acc.decide(situation(red, ego_at(56, 12.0))).reason == "cruise"
    # The next red light, further on, is another line.
    later = straight(stop_s_m=line + 60.0)
    assert acc.decide(situation(later, ego_at(60, 12.0))).reason == "stop line"


def test_slows_for_a_lower_limit_ahead() -> None:
    road = straight(limit_mps=20.0)
    limits = np.array([20.0, 10.0, 10.0])
    slow = RoadAhead(road.path, limits, np.inf, False)
    # 60 m before the limit of 10 m/s at 2 m/s2.
    here = slow.seen_from(140.0, 0.0)
    assert allowed_speed_mps(here) == pytest.approx(math.sqrt(10.0**2 + 2 * 2.0 * 60.0))


def test_oncoming_and_parallel_traffic_is_no_reason_to_brake() -> None:
    others = bodies(
        (90, 3.2, math.pi, 14.0, CAR), (70, -3.2, 0.0, 5.0, CAR), (65, 3.2, 0.0, 0.0, CAR)
    )
    chosen = Acc(AccSettings()).decide(situation(straight(), ego_at(50, 10.0), others))
    assert chosen.reason == "cruise"


def test_people_on_the_sidewalk_are_no_reason_to_brake() -> None:
    others = bodies(
        (70, -2.6, 0.0, 1.4, PEDESTRIAN),
        (75, -2.8, math.pi, 1.4, PEDESTRIAN),
        (80, -3.0, math.pi / 2, 0.0, PEDESTRIAN),
    )
    chosen = Acc(AccSettings()).decide(situation(straight(), ego_at(50, 10.0), others))
    assert chosen.reason == "cruise"


def test_waits_for_somebody_on_foot_who_is_about_to_cross() -> None:
    walker = bodies((75, -3.0, math.pi / 2, 1.4, PEDESTRIAN))
    ego = ego_at(50, 8.0)
    crossing = straight(yield_s_m=((70.0, 80.0),))
    chosen = Acc(AccSettings()).decide(situation(crossing, ego, walker))
    assert chosen.reason == "give way"
    assert list(chosen.sensed_slots) == [10]
    # Where the car goes first, somebody that far from the lane is expected to wait.
    assert Acc(AccSettings()).decide(situation(straight(), ego, walker)).reason == "cruise"


def test_standing_it_lets_somebody_pass_whom_it_would_meet_half_way() -> None:
    # From standing it takes some 4 s to clear the crossing.
    crossing = straight(yield_s_m=((70.0, 80.0),))
    ego = ego_at(75.0 - 2.5 - HALF_M, 0.0)
    for away_m, reason in ((5.0, "give way"), (12.0, "cruise")):
        walker = bodies((75, -away_m, math.pi / 2, 1.0, PEDESTRIAN))
        assert Acc(AccSettings()).decide(situation(crossing, ego, walker)).reason == reason


def test_who_walks_into_its_way_is_no_reason_to_brake_for_the_standstill_gap() -> None:
    """At first where they will cross is what it stops for, then who stands in its way."""
    acc, crossing = Acc(AccSettings()), straight(limit_mps=5.5, yield_s_m=((70.0, 80.0),))
    x_m, speed_mps, wanted, gap_m = 50.0, 5.0, [], []
    for step in range(250):
        walker = bodies((75, -5.0 + 0.02 * step, math.pi / 2, 1.0, PEDESTRIAN))
        here = situation(crossing, ego_at(x_m, speed_mps), walker, instant_ns=step * 20_000_000)
        wanted.append(acc.decide(here).acceleration_mps2)
        speed_mps = max(speed_mps + 0.02 * wanted[-1], 0.0)
        x_m += 0.02 * speed_mps
        gap_m.append(75.0 - 0.25 - x_m - HALF_M)
    assert min(wanted) > -2.6
    assert min(gap_m) > 0.8
