from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.vehicles.driving.scene import ego_at, situation, straight
from vehicles.driving.emergency_brake_warning import EmergencyBrakeWarning, needed_mps2
from vehicles.messages.cam import Cam
from vehicles.messages.denm import EMERGENCY_BRAKE, CauseCode, Denm
from vehicles.messages.kinds import StationType
from vehicles.messages.ldm import LocalDynamicMap
from vehicles.messages.received import Received

MS = 1_000_000


def warning(x_m: float, speed_mps: float, **changes: Any) -> Received[Denm]:
    """Of a vehicle whose front is at x."""
    denm = Denm(
        station_id=4,
        sequence_number=0,
        station_type=StationType.PASSENGER_CAR,
        detection_time_ns=0,
        generation_time_ns=0,
        x_m=x_m,
        y_m=0.0,
        cause=CauseCode.DANGEROUS_SITUATION,
        sub_cause=EMERGENCY_BRAKE,
        heading_rad=0.0,
        speed_mps=speed_mps,
        validity_s=2,
    )
    denm = replace(denm, **changes)
    return Received(7, denm, denm.generation_time_ns, denm.generation_time_ns + 20 * MS)


def awareness(acceleration_mps2: float, length_m: float) -> Received[Cam]:
    cam = Cam(4, StationType.PASSENGER_CAR, 0, 0.0, 0.0, 0.0, 20.0, acceleration_mps2, 0.0,
              length_m, 1.8)  # fmt: skip
    return Received(8, cam, 0, 20 * MS)


def needed(received: Received[Denm], cam: Received[Cam] | None = None) -> float:
    return needed_mps2(situation(straight(), ego_at(50.0, 20.0)), received, cam)


def test_needed_braking_by_hand() -> None:
    # Taken to brake at 8 m/s2 it stands after 25 m; less 5 m of it, 6 m, and 2.25 m to the front
    # of the car, 61.75 m are left.
    assert needed(warning(100.0, 20.0)) == pytest.approx(20.0**2 / (2 * 61.75))
    assert needed(warning(100.0, 0.0)) == pytest.approx(20.0**2 / (2 * 36.75))


def test_what_its_awareness_message_says_is_better_than_guessing() -> None:
    # 40 m to rest, 4 m long.
    received = warning(100.0, 20.0)
    assert needed(received, awareness(-5.0, 4.0)) == pytest.approx(20.0**2 / (2 * 77.75))
    # Not braking yet: that is from before the warning.
    assert needed(received, awareness(0.0, 4.0)) == pytest.approx(20.0**2 / (2 * 62.75))
    lorry = warning(100.0, 20.0, station_type=StationType.HEAVY_TRUCK)
    assert needed(lorry) == pytest.approx(20.0**2 / (2 * 65.75))


@pytest.mark.parametrize(
    "other",
    [
        warning(100.0, 20.0, y_m=3.2),
        warning(30.0, 20.0),
        warning(100.0, 20.0, heading_rad=math.pi),
    ],
    ids=["other lane", "behind", "oncoming"],
)
def test_who_is_not_in_the_way(other: Received[Denm]) -> None:
    assert needed(other) == 0.0


def test_says_what_it_is_based_on() -> None:
    received, cam = warning(100.0, 20.0), awareness(-8.0, 5.0)
    here = situation(straight(), ego_at(50.0, 20.0), received=(received, cam), instant_ns=20 * MS)
    proposal = EmergencyBrakeWarning().decide(here)
    assert proposal is not None
    assert proposal.acceleration_mps2 == pytest.approx(-(20.0**2) / (2 * 61.75))
    assert proposal.messages == (received, cam)


@pytest.mark.parametrize(
    "other",
    [
        warning(350.0, 20.0),
        warning(100.0, 20.0, sub_cause=2),
        warning(100.0, 20.0, cause=CauseCode.STATIONARY_VEHICLE),
    ],
    ids=["can wait", "other sub cause", "other cause"],
)
def test_no_reason_to_brake(other: Received[Denm]) -> None:
    here = situation(straight(), ego_at(50.0, 20.0), received=(other,), instant_ns=20 * MS)
    assert EmergencyBrakeWarning().decide(here) is None


def test_the_newest_version_counts_and_the_end_of_validity_ends_it() -> None:
    function, ldm = EmergencyBrakeWarning(), LocalDynamicMap()
    newer = warning(100.0, 20.0, detection_time_ns=100 * MS, generation_time_ns=100 * MS)
    older = warning(60.0, 20.0)
    road, ego = straight(), ego_at(50.0, 20.0)
    here = situation(road, ego, received=(newer, older), ldm=ldm, instant_ns=120 * MS)
    proposal = function.decide(here)
    assert proposal is not None
    assert proposal.messages == (newer,)
    assert function.decide(situation(road, ego, ldm=ldm, instant_ns=2000 * MS)) is not None
    assert function.decide(situation(road, ego, ldm=ldm, instant_ns=2100 * MS)) is None


def test_a_cancelled_warning_is_over() -> None:
    function, ldm = EmergencyBrakeWarning(), LocalDynamicMap()
    road, ego = straight(), ego_at(50.0, 20.0)
    first = warning(100.0, 20.0)
    assert function.decide(situation(road, ego, received=(first,), ldm=ldm)) is not None
    over = warning(100.0, 20.0, terminated=True, generation_time_ns=100 * MS)
    assert function.decide(situation(road, ego, received=(over,), ldm=ldm)) is None
