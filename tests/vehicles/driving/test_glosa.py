from __future__ import annotations

import math

import numpy as np
import pytest

from tests.vehicles.driving.heard import known
from tests.vehicles.driving.scene import CAR, ego_at, situation, straight
from vehicles.driving.acc import Acc, AccSettings
from vehicles.driving.base import Proposal
from vehicles.driving.driver import Driver
from vehicles.driving.glosa import Approach, Glosa, GlosaSettings, advised_speed_mps, find_approach
from vehicles.messages.mapem import Connection, Mapem, MapLane
from vehicles.messages.received import Received
from vehicles.messages.spatem import Movement, SignalEvent, SignalState, Spatem

S = 1_000_000_000
LINE_M = 300.0


def mapem() -> Received[Mapem]:
    """A crossing at 310: one lane to it from the west, which leads on to the east and north."""
    lanes = (
        MapLane(1, True, ((LINE_M, 0.0), (0.0, 0.0)), (Connection(2, 5), Connection(3, 6))),
        MapLane(2, False, ((320.0, 0.0), (400.0, 0.0))),
        MapLane(3, False, ((310.0, 10.0), (310.0, 90.0))),
        MapLane(4, True, ((320.0, 3.2), (400.0, 3.2)), (Connection(3, 7),)),
    )
    return Received(21, Mapem(9, 0, 77, 310.0, 0.0, 3.2, lanes), 0, 0)


def spatem(
    group: int, *phases: tuple[SignalState, float], generated_ns: int = 0
) -> Received[Spatem]:
    """The lights' present state and those that follow, each with when it ends [s]."""
    events = tuple(
        SignalEvent(state, None, round(end_s * S), None, round(end_s * S))
        for state, end_s in phases
    )
    message = Spatem(9, generated_ns, 77, (Movement(group, events),))
    return Received(22, message, generated_ns, generated_ns)


RED, GREEN = SignalState.STOP_AND_REMAIN, SignalState.PROTECTED_GREEN


def approach(to_line_m: float, *green_s: tuple[float, float]) -> Approach:
    return Approach(
        to_line_m, tuple((round(begin * S), round(end * S)) for begin, end in green_s), ()
    )


def test_the_light_of_the_own_way_is_found() -> None:
    ldm = known(mapem(), spatem(5, (RED, 12.0), (GREEN, 30.0)))
    found = find_approach(situation(straight(), ego_at(100.0, 10.0), ldm=ldm))
    assert found is not None
    assert found.to_line_m == pytest.approx(LINE_M - 100.0 - CAR[0] / 2)
    assert found.green_ns == ((12 * S, 30 * S),)
    passed = situation(straight(), ego_at(299.0, 10.0), ldm=ldm)
    assert find_approach(passed) is None


def test_a_light_without_phases_or_map_is_none() -> None:
    here = ego_at(100.0, 10.0)
    assert find_approach(situation(straight(), here, ldm=known(mapem()))) is None
    ldm = known(spatem(5, (GREEN, 9.0)))
    assert find_approach(situation(straight(), here, ldm=ldm)) is None


def test_advice_by_hand() -> None:
    # It turns green in 20 s; with 0.5 s to see it and 0.5 s to spare the car is 200 m away when
    # v 21 + v^2 / (2 1.73) = 200.
    advised = advised_speed_mps(approach(200.0, (20.0, 40.0)), 0, 13.9)
    assert advised is not None
    assert advised * 21.0 + advised**2 / (2 * 1.73) == pytest.approx(200.0)


def test_who_meets_it_green_anyway_isn_t_held_back() -> None:
    assert advised_speed_mps(approach(100.0, (-3.0, 20.0)), 0, 13.9) == 13.9


def test_a_green_phase_that_will_be_over_is_passed_by() -> None:
    # 200 m take 14.4 s at 13.9 m/s.
    advised = advised_speed_mps(approach(200.0, (-3.0, 14.0), (40.0, 60.0)), 0, 13.9)
    assert advised is not None
    assert advised < 6.0
    assert advised_speed_mps(approach(200.0, (-3.0, 14.0)), 0, 13.9) is None


def test_it_never_asks_for_more_than_gentle_braking_nor_for_crawling() -> None:
    ldm = known(mapem(), spatem(5, (RED, 100.0), (GREEN, 120.0)))
    glosa = Glosa(GlosaSettings(least_speed_mps=5.0))
    fast = glosa.decide(situation(straight(), ego_at(100.0, 13.9), ldm=ldm))
    slow = glosa.decide(situation(straight(), ego_at(100.0, 5.0), ldm=ldm))
    assert fast is not None
    assert slow is not None
    assert fast.acceleration_mps2 == -1.5
    assert slow.acceleration_mps2 == pytest.approx(0.0)
    assert [received.packet_id for received in fast.messages] == [22, 21]


def approached(*functions: Glosa) -> np.ndarray:
    """Speeds on the way to a light that turns green after 27 s, ten a second."""
    driver = Driver([Acc(AccSettings()), *functions])
    x, v, speeds = 20.0, 13.9, []
    for step in range(400):
        now_ns = step * S // 10
        phases = spatem(5, (RED, 27.0), (GREEN, 50.0), generated_ns=now_ns)
        road = straight(limit_mps=13.9, stop_s_m=LINE_M if now_ns < 27 * S else math.inf)
        proposal: Proposal = driver.decide(
            situation(road, ego_at(x, v), ldm=known(mapem(), phases), instant_ns=now_ns)
        ).proposal
        x, v = x + 0.1 * v, max(v + 0.1 * proposal.acceleration_mps2, 0.0)
        speeds.append(v)
    return np.array(speeds)


def test_with_it_the_car_passes_without_stopping() -> None:
    assert approached().min() < 0.1
    assert approached(Glosa(GlosaSettings())).min() > 7.0
