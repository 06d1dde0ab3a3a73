"""`cacc` and `platoon` behind a car whose messages come, are late, or stay away."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from tests.vehicles.driving.heard import MS, cam, known
from tests.vehicles.driving.scene import CAR, bodies, ego_at, situation, straight
from vehicles.driving.acc import Acc, AccSettings
from vehicles.driving.base import DrivingFunction, EgoState, Proposal, Situation
from vehicles.driving.cacc import Cacc, CaccSettings
from vehicles.driving.driver import Driver
from vehicles.driving.platoon import Platoon, PlatoonSettings

LENGTH_M = CAR[0]
STEP_NS = 50 * MS
ROAD = straight(length_m=3000.0, limit_mps=33.0)


def behind(gap_m: float, speed_mps: float, *, leader_mps: float | None = None, **sent: float):
    """A situation behind a car that is heard; without keywords it goes on at its speed."""
    x_m = 500 + LENGTH_M + gap_m
    theirs = speed_mps if leader_mps is None else leader_mps
    seen = bodies((x_m, 0, 0, theirs, CAR))
    return situation(ROAD, ego_at(500, speed_mps), seen, ldm=known(cam(1, x_m, theirs, **sent)))


def unheard(here: Situation) -> Situation:
    return situation(ROAD, here.ego, here.seen.bodies, instant_ns=here.instant_ns)


class Drive(NamedTuple):
    """How a drive behind another car went, one entry for each 50 ms."""

    time_s: np.ndarray
    gap_m: np.ndarray
    speed_mps: np.ndarray
    acceleration_mps2: np.ndarray
    reasons: list[str]


def drive(
    function: DrivingFunction,
    *,
    gap_m: float,
    seconds: float,
    leader_mps2: Callable[[float], float] = lambda _: 0.0,
    heard: Callable[[float], bool] = lambda _: True,
    delay_ms: int = 0,
) -> Drive:
    """Drive behind a car at 20 m/s that sends ten messages a second; the car lags by 0.1 s."""
    driver = Driver([Acc(AccSettings()), function])
    x, v, a, step_s = 500.0, 20.0, 0.0, STEP_NS * 1e-9
    leader_x, leader_v = x + LENGTH_M + gap_m, 20.0
    rows, reasons, ldm = [], [], known()
    # Before the beginning it went on as it does then.
    on_their_way = [
        cam(1, leader_x + 20.0 * past_s, 20.0, generated_ns=round(past_s * 1e9))
        for past_s in np.arange(-1.0, 0.0, 0.1)
        if heard(past_s)
    ]
    for step in range(round(seconds / step_s)):
        now_ns = step * STEP_NS
        now_s = now_ns * 1e-9
        wanted = leader_mps2(now_s) if leader_v > 0.0 else 0.0
        if now_ns % (100 * MS) == 0 and heard(now_s):
            on_their_way.append(
                cam(1, leader_x, leader_v, acceleration_mps2=wanted, generated_ns=now_ns)
            )
        while on_their_way and on_their_way[0].sent_ns + delay_ms * MS <= now_ns:
            ldm.add(on_their_way.pop(0))
        ego = EgoState(x, 0.0, 0.0, v, a, *CAR)
        seen = bodies((leader_x, 0, 0, leader_v, CAR))
        choice = driver.decide(situation(ROAD, ego, seen, ldm=ldm, instant_ns=now_ns))
        rows.append((now_s, leader_x - x - LENGTH_M, v, a))
        reasons.append(choice.proposal.reason)
        a += (choice.proposal.acceleration_mps2 - a) * step_s / 0.1
        x, v = x + step_s * v, max(v + step_s * a, 0.0)
        leader_x, leader_v = leader_x + step_s * leader_v, max(leader_v + step_s * wanted, 0.0)
    return Drive(*np.array(rows).T, reasons)


def brakes(at_s: float, mps2: float, for_s: float) -> Callable[[float], float]:
    return lambda now_s: -mps2 if at_s <= now_s < at_s + for_s else 0.0


def test_it_takes_over_only_when_it_hears_who_is_ahead() -> None:
    here = behind(20.0, 20.0)
    proposal = Cacc(CaccSettings()).decide(here)
    assert proposal is not None
    assert proposal.takes_over
    assert [received.packet_id for received in proposal.messages] == [1]
    assert Cacc(CaccSettings()).decide(unheard(here)) is None
    assert Cacc(CaccSettings()).decide(situation(ROAD, here.ego)) is None


def test_who_is_heard_has_to_be_who_is_seen() -> None:
    # The message is of a car 40 m further on.
    here = situation(
        ROAD, ego_at(500, 20.0), bodies((530, 0, 0, 20.0, CAR)), ldm=known(cam(1, 570, 20.0))
    )
    assert Cacc(CaccSettings()).decide(here) is None


@pytest.mark.parametrize("gap_s", [0.6, 1.0])
def test_the_gap_comes_to_the_time_gap(gap_s: float) -> None:
    # Spacing policy: 2.5 m and the time gap at 20 m/s.
    went = drive(Cacc(CaccSettings(time_gap_s=gap_s)), gap_m=45.0, seconds=40.0)
    assert went.gap_m[-1] == pytest.approx(2.5 + gap_s * 20.0, abs=0.1)
    assert went.gap_m.min() > 2.5 + gap_s * 20.0 - 0.5
    assert np.abs(went.acceleration_mps2).max() < 1.6


def test_a_leader_s_braking_dies_out_along_the_string() -> None:
    # String stability (Ploeg et al. 2011): a follower's speed dips no deeper than its leader's.
    went = drive(Cacc(CaccSettings()), gap_m=14.5, seconds=25.0, leader_mps2=brakes(5.0, 2.0, 3.0))
    assert went.speed_mps.min() > 20.0 - 2.0 * 3.0 - 0.1
    assert short_of_m(went, 0.6) < 0.8


@pytest.mark.parametrize("braking_mps2", [2.0, 4.0, 6.0, 8.0])
def test_told_of_hard_braking_it_brakes_as_hard_and_needs_no_emergency(braking_mps2: float) -> None:
    # Harder than ISO 15622 lets an adaptive cruise control brake, at half its least time gap.
    went = drive(
        Platoon(PlatoonSettings()), gap_m=12.5, seconds=14.0,
        leader_mps2=brakes(3.0, braking_mps2, 16.0 / braking_mps2),
    )  # fmt: skip
    assert "emergency" not in went.reasons
    assert went.gap_m.min() > 2.5
    assert -went.acceleration_mps2.min() < braking_mps2 + 1.0


def short_of_m(went: Drive, time_gap_s: float) -> float:
    """By how much the gap fell short of what it should have been at most."""
    return float((2.5 + time_gap_s * went.speed_mps - went.gap_m).max())


def test_the_later_it_hears_the_closer_it_gets() -> None:
    short_m = [
        short_of_m(
            drive(
                Cacc(CaccSettings()),
                gap_m=14.5,
                seconds=10.0,
                leader_mps2=brakes(3.0, 3.0, 3.0),
                delay_ms=delay_ms,
            ),
            0.6,
        )
        for delay_ms in (0, 150, 300, 450)
    ]
    assert short_m == sorted(short_m)
    assert short_m[-1] > short_m[0] + 1.0


def test_unheard_it_opens_the_gap_smoothly_and_leaves_it_to_acc() -> None:
    went = drive(Cacc(CaccSettings()), gap_m=14.5, seconds=30.0, heard=lambda now_s: now_s < 3.0)
    quiet = went.time_s > 3.0
    assert went.acceleration_mps2[quiet].min() > -1.0
    # ISO 15622:2018 6.3.3: deceleration changes by 2.5 m/s3 over a second at most (from memory).
    acceleration = went.acceleration_mps2[quiet]
    assert np.abs(acceleration[20:] - acceleration[:-20]).max() < 2.5
    assert went.reasons[100] == "open the gap: not heard"
    assert went.reasons[-1] == "follow"
    assert went.gap_m[-1] > 30.0


def test_never_hearing_anything_it_is_acc() -> None:
    alone = drive(Acc(AccSettings()), gap_m=20.0, seconds=12.0, leader_mps2=brakes(3, 4, 3))
    deaf = drive(
        Cacc(CaccSettings()), gap_m=20.0, seconds=12.0, leader_mps2=brakes(3, 4, 3),
        heard=lambda _: False,
    )  # fmt: skip
    assert np.array_equal(alone.gap_m, deaf.gap_m)


class TestPlatoon:
    """Cars at 500 + 16.5 n metres, 12 m apart, at 20 m/s; the own one is the last."""

    settings = PlatoonSettings()

    def decide(
        self, ahead: int, settings: PlatoonSettings = settings, **first: float
    ) -> Proposal | None:
        cars = [500 + (n + 1) * (12.0 + LENGTH_M) for n in range(ahead)]
        cams = [cam(n + 1, x, 20.0) for n, x in enumerate(cars)]
        cams[-1] = cam(ahead, cars[-1], 20.0, **first)
        seen = bodies((cars[0], 0, 0, 20.0, CAR))
        return Platoon(settings).decide(
            situation(ROAD, ego_at(500, 20.0), seen, ldm=known(*cams), instant_ns=0)
        )

    def told(self, ahead: int, **first: float) -> list[int]:
        proposal = self.decide(ahead, **first)
        assert proposal is not None
        return [received.packet_id for received in proposal.messages]

    def test_it_goes_by_the_car_ahead_and_the_first(self) -> None:
        assert self.told(1) == [1]
        assert self.told(4) == [1, 4]

    def test_behind_a_full_platoon_it_leads_another(self) -> None:
        assert self.decide(7) is not None
        assert self.decide(8) is None
        assert self.decide(9) is not None

    def test_a_gap_ends_a_platoon(self) -> None:
        cams = known(cam(1, 516.5, 20.0), cam(2, 580.0, 20.0))
        here = situation(ROAD, ego_at(500, 20.0), bodies((516.5, 0, 0, 20.0, CAR)), ldm=cams)
        proposal = Platoon(self.settings).decide(here)
        assert proposal is not None
        assert [received.packet_id for received in proposal.messages] == [1]

    def test_it_leaves_when_told_and_before_a_change_of_lane(self) -> None:
        assert self.decide(2, PlatoonSettings(leaves_at_s=0.0)) is None
        seen, cams = bodies((516.5, 0, 0, 20.0, CAR)), known(cam(1, 516.5, 20.0))
        exits = straight(length_m=3000.0, change=straight(y_m=-3.2, length_m=3000.0))
        here = situation(exits, ego_at(500, 20.0), seen, ldm=cams)
        assert Platoon(self.settings).decide(here) is None

    def test_leaving_opens_the_gap_smoothly(self) -> None:
        went = drive(Platoon(PlatoonSettings(leaves_at_s=4.0)), gap_m=12.5, seconds=30.0)
        assert "leave the platoon" in went.reasons
        assert went.reasons[-1] == "follow"
        assert went.acceleration_mps2.min() > -1.0
        assert went.gap_m[-1] > 30.0

    def test_it_joins_from_afar(self) -> None:
        went = drive(Platoon(self.settings), gap_m=90.0, seconds=40.0)
        assert went.gap_m[-1] == pytest.approx(2.5 + 0.5 * 20.0, abs=0.2)
        assert went.acceleration_mps2.min() > -2.0
        assert went.gap_m.min() > 11.5
        assert "join the platoon" in went.reasons

    def test_it_brakes_with_the_first_before_the_car_ahead_does(self) -> None:
        platoon, cars = Platoon(self.settings), (516.5, 533.0)
        seen, wanted = bodies((516.5, 0, 0, 20.0, CAR)), []
        for step in range(12):
            now_ns = step * STEP_NS
            braking = cam(2, cars[1], 20.0, acceleration_mps2=-3.0, generated_ns=now_ns)
            steady = cam(1, cars[0], 20.0, generated_ns=now_ns)
            proposal = platoon.decide(
                situation(ROAD, ego_at(500, 20.0), seen, ldm=known(steady, braking),
                          instant_ns=now_ns)
            )  # fmt: skip
            assert proposal is not None
            wanted.append(proposal.acceleration_mps2)
        assert wanted[-1] < -1.5
