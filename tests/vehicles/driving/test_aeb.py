from __future__ import annotations

import math

import pytest

from tests.vehicles.driving.scene import CAR, bodies, ego_at, situation, straight
from vehicles.criticality import Leader
from vehicles.driving.aeb import Aeb, needed_mps2

LENGTH_M = CAR[0]


def at_gap(gap_m: float, speed_mps: float, heading_rad: float = 0.0):
    return bodies((50 + LENGTH_M + gap_m, 0, heading_rad, speed_mps, CAR))


def test_needed_deceleration() -> None:
    # (20 - 10)^2 / (2 (26 - 1)).
    assert needed_mps2(Leader(0, 26.0, 10.0), 10.0) == pytest.approx(2.0)


def test_triggers_where_five_mps2_no_longer_suffice() -> None:
    # 15 m/s towards a standing car: 5 m/s2 takes 22.5 m, and 1 m is kept.
    road, ego = straight(), ego_at(50, 15.0)
    assert Aeb().decide(situation(road, ego, at_gap(23.6, 0.0))) is None
    proposal = Aeb().decide(situation(road, ego, at_gap(23.4, 0.0)))
    assert proposal is not None
    assert proposal.acceleration_mps2 == -9.0
    assert list(proposal.sensed_slots) == [10]


def test_triggers_at_a_short_time_to_collision() -> None:
    # 2 m/s faster: 1.7 m are 0.85 s, 1.5 m are 0.75 s.
    road, ego = straight(), ego_at(50, 10.0)
    assert Aeb().decide(situation(road, ego, at_gap(1.7, 8.0))) is None
    assert Aeb().decide(situation(road, ego, at_gap(1.5, 8.0))) is not None


def test_brakes_until_it_is_no_faster() -> None:
    aeb, road = Aeb(), straight()
    assert aeb.decide(situation(road, ego_at(50, 15.0), at_gap(10.0, 5.0))) is not None
    # Two metres per second faster at 9 m wouldn't start it, but doesn't end it either.
    assert Aeb().decide(situation(road, ego_at(50, 7.0), at_gap(9.0, 5.0))) is None
    assert aeb.decide(situation(road, ego_at(50, 7.0), at_gap(9.0, 5.0))) is not None
    assert aeb.decide(situation(road, ego_at(50, 5.0), at_gap(9.0, 5.0))) is None
    assert aeb.decide(situation(road, ego_at(50, 7.0), at_gap(9.0, 5.0))) is None


def test_who_comes_towards_it_counts_as_standing() -> None:
    road, ego = straight(), ego_at(50, 5.0)
    assert Aeb().decide(situation(road, ego, at_gap(10.0, 14.0, math.pi))) is None
    assert Aeb().decide(situation(road, ego, at_gap(3.0, 14.0, math.pi))) is not None


def test_nothing_in_the_way() -> None:
    beside = bodies((60, 2.5, 0, 0, CAR))
    assert Aeb().decide(situation(straight(), ego_at(50, 15.0), beside)) is None
