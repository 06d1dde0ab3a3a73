from __future__ import annotations

import math

import pytest

from tests.vehicles.driving.scene import CAR, ego_at, situation, straight
from vehicles.driving.base import Received
from vehicles.driving.emergency_brake_warning import EmergencyBrakeWarning, needed_mps2
from vehicles.messages.brake_warning import BrakeWarning

MS = 1_000_000


def warning(
    x_m: float,
    speed_mps: float,
    acceleration_mps2: float,
    *,
    y_m: float = 0.0,
    heading_rad: float = 0.0,
    generation_time_ns: int = 0,
) -> Received:
    message = BrakeWarning(
        sender="lead",
        generation_time_ns=generation_time_ns,
        x_m=x_m,
        y_m=y_m,
        heading_rad=heading_rad,
        speed_mps=speed_mps,
        acceleration_mps2=acceleration_mps2,
        length_m=CAR[0],
    )
    return Received(7, message, generation_time_ns, generation_time_ns + 20 * MS)


def needed(received: Received, speed_mps: float = 20.0) -> float:
    return needed_mps2(situation(straight(), ego_at(50.0, speed_mps)), received)


def test_needed_braking_by_hand() -> None:
    # It stands after 20^2 / (2 * 8) = 25 m; less two half lengths and 6 m, 64.5 m are left.
    assert needed(warning(100.0, 20.0, -8.0)) == pytest.approx(20.0**2 / (2 * 64.5))
    # Standing: 39.5 m.
    assert needed(warning(100.0, 0.0, 0.0)) == pytest.approx(20.0**2 / (2 * 39.5))


@pytest.mark.parametrize(
    "other",
    [
        warning(100.0, 20.0, -8.0, y_m=3.2),
        warning(30.0, 20.0, -8.0),
        warning(100.0, 20.0, -8.0, heading_rad=math.pi),
        warning(100.0, 15.0, 0.5),
    ],
    ids=["other lane", "behind", "oncoming", "drives on"],
)
def test_who_is_not_in_the_way(other: Received) -> None:
    assert needed(other) == 0.0


def test_says_what_it_is_based_on() -> None:
    received = warning(100.0, 20.0, -8.0)
    here = situation(straight(), ego_at(50.0, 20.0), received=(received,), instant_ns=20 * MS)
    proposal = EmergencyBrakeWarning().decide(here)
    assert proposal is not None
    assert proposal.acceleration_mps2 == pytest.approx(-(20.0**2) / (2 * 64.5))
    assert proposal.messages == (received,)


def test_gentle_braking_can_wait() -> None:
    far = warning(350.0, 20.0, -8.0)
    here = situation(straight(), ego_at(50.0, 20.0), received=(far,), instant_ns=20 * MS)
    assert EmergencyBrakeWarning().decide(here) is None


def test_the_newest_of_a_sender_counts_and_silence_ends_it() -> None:
    function = EmergencyBrakeWarning()
    newer = warning(100.0, 20.0, -8.0, generation_time_ns=100 * MS)
    older = warning(60.0, 20.0, -8.0, generation_time_ns=0)
    road, ego = straight(), ego_at(50.0, 20.0)
    proposal = function.decide(situation(road, ego, received=(newer, older), instant_ns=120 * MS))
    assert proposal is not None
    assert proposal.messages == (newer,)
    assert function.decide(situation(road, ego, instant_ns=2000 * MS)) is not None
    assert function.decide(situation(road, ego, instant_ns=2200 * MS)) is None
