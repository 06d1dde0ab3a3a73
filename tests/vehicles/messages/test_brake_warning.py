from __future__ import annotations

import numpy as np
import pytest

from vehicles.messages.brake_warning import BrakeWarnings
from vehicles.messages.denm import EMERGENCY_BRAKE, CauseCode, Denm
from vehicles.messages.kinds import StationIds
from vehicles.state import Kind, RoadUsers

MS = 1_000_000


@pytest.fixture
def users() -> RoadUsers:
    road = RoadUsers()
    for name in ("brakes", "cruises"):
        slot = road.enter(name, Kind.CAR, 4.5, 1.8, 1.5)
        road.speed_mps[slot] = 25.0
        road.stamp_ns[slot] = 0
    return road


@pytest.fixture
def warnings() -> BrakeWarnings:
    return BrakeWarnings(StationIds(), 500.0)


def sent(warnings: BrakeWarnings, users: RoadUsers, now_ms: int) -> list[Denm]:
    generated = warnings.generate(users, users.slots(), now_ms * MS)
    assert all(users.ids[slot] == "brakes" for slot, _denm in generated)
    return [denm for _slot, denm in generated]


def test_only_hard_braking_at_speed_warns(users: RoadUsers, warnings: BrakeWarnings) -> None:
    slot = users.slot_of("brakes")
    users.acceleration_mps2[slot] = -3.9
    assert sent(warnings, users, 0) == []
    users.acceleration_mps2[slot] = -4.0
    users.speed_mps[slot] = 5.0
    assert sent(warnings, users, 0) == []
    users.speed_mps[slot] = 25.0
    (denm,) = sent(warnings, users, 0)
    assert (denm.cause, denm.sub_cause) == (CauseCode.DANGEROUS_SITUATION, EMERGENCY_BRAKE)


def test_a_new_version_every_100_ms_while_it_brakes(
    users: RoadUsers, warnings: BrakeWarnings
) -> None:
    users.acceleration_mps2[users.slot_of("brakes")] = -8.0
    said = {now: sent(warnings, users, now) for now in range(0, 350, 20)}
    assert [now for now, denms in said.items() if denms] == [0, 100, 200, 300]
    versions = [denms[0] for denms in said.values() if denms]
    assert [denm.generation_time_ns // MS for denm in versions] == [0, 100, 200, 300]
    assert {denm.sequence_number for denm in versions} == {0}


def test_who_has_come_to_rest_goes_on_warning_every_second(
    users: RoadUsers, warnings: BrakeWarnings
) -> None:
    slot = users.slot_of("brakes")
    users.acceleration_mps2[slot] = -8.0
    sent(warnings, users, 0)
    users.acceleration_mps2[slot] = 0.0
    users.speed_mps[slot] = 0.0
    # The last version of the braking is repeated until the first of the standing.
    said = {now: sent(warnings, users, now) for now in range(100, 3400, 100)}
    assert [now for now, denms in said.items() if denms][-3:] == [1000, 2000, 3000]
    versions = [denms[0].generation_time_ns // MS for denms in said.values() if denms]
    assert sorted(set(versions)) == [0, 1000, 2000, 3000]


def test_braking_less_lets_it_lapse_and_driving_on_cancels_it(
    users: RoadUsers, warnings: BrakeWarnings
) -> None:
    slot = users.slot_of("brakes")
    users.acceleration_mps2[slot] = -8.0
    sent(warnings, users, 0)
    users.acceleration_mps2[slot] = -1.0
    (again,) = sent(warnings, users, 100)
    assert not again.terminated
    assert again.generation_time_ns == 0
    users.acceleration_mps2[slot] = 0.5
    (over,) = sent(warnings, users, 200)
    assert over.terminated
    # The next time is another danger.
    users.acceleration_mps2[slot] = -8.0
    assert {denm.sequence_number for denm in sent(warnings, users, 300)} == {0, 1}


def test_a_lapsed_warning_isn_t_said_any_more(users: RoadUsers, warnings: BrakeWarnings) -> None:
    slot = users.slot_of("brakes")
    users.acceleration_mps2[slot] = -8.0
    sent(warnings, users, 0)
    users.acceleration_mps2[slot] = -1.0
    assert sent(warnings, users, 1900)
    assert sent(warnings, users, 2000) == []


def test_a_warning_says_where_and_how_fast(users: RoadUsers, warnings: BrakeWarnings) -> None:
    slot = users.slot_of("brakes")
    users.x_m[slot], users.acceleration_mps2[slot] = 100.0, -8.0
    (denm,) = sent(warnings, users, 50)
    # Moved on by speed and braking from the row's own instant; half a length to its front.
    assert denm.x_m == pytest.approx(100.0 + 25.0 * 0.05 - 4.0 * 0.05**2 + 2.25)
    assert denm.speed_mps == pytest.approx(25.0 - 8.0 * 0.05)


def test_who_is_not_connected_does_not_warn(users: RoadUsers, warnings: BrakeWarnings) -> None:
    users.acceleration_mps2[users.slot_of("brakes")] = -8.0
    connected = np.array([users.slot_of("cruises")])
    assert warnings.generate(users, connected, 0) == []


def test_who_has_left_says_nothing_more(users: RoadUsers, warnings: BrakeWarnings) -> None:
    users.acceleration_mps2[users.slot_of("brakes")] = -8.0
    sent(warnings, users, 0)
    users.leave("brakes")
    assert sent(warnings, users, 100) == []


def test_who_stands_for_long_is_seen_by_now(users: RoadUsers, warnings: BrakeWarnings) -> None:
    slot = users.slot_of("brakes")
    users.acceleration_mps2[slot] = -8.0
    sent(warnings, users, 0)
    users.acceleration_mps2[slot] = users.speed_mps[slot] = 0.0
    said = [now for now in range(100, 15_000, 100) if sent(warnings, users, now)]
    # The last version is of 9 s, and is repeated once before its validity ends.
    assert said[-2:] == [9000, 10_000]
