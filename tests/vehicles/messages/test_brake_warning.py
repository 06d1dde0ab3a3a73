import numpy as np
import pytest

from vehicles.messages.brake_warning import BrakeWarningService
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


def senders(service: BrakeWarningService, users: RoadUsers, now_ns: int) -> list[str]:
    return [message.sender for message in service.generate(users, users.slots(), now_ns)]


def test_only_hard_braking_at_speed_warns(users: RoadUsers) -> None:
    service = BrakeWarningService()
    slot = users.slot_of("brakes")
    users.acceleration_mps2[slot] = -3.9
    assert senders(service, users, 0) == []
    users.acceleration_mps2[slot] = -4.0
    users.speed_mps[slot] = 5.0
    assert senders(service, users, 0) == []
    users.speed_mps[slot] = 25.0
    assert senders(service, users, 0) == ["brakes"]


def test_a_warning_is_repeated_every_100_ms_until_the_braking_ends(users: RoadUsers) -> None:
    service = BrakeWarningService()
    slot = users.slot_of("brakes")
    users.acceleration_mps2[slot] = -8.0
    sent = [now for now in range(0, 350, 20) if senders(service, users, now * MS)]
    assert sent == [0, 100, 200, 300]
    users.acceleration_mps2[slot] = 0.0
    assert senders(service, users, 400 * MS) == []


def test_who_has_come_to_rest_by_braking_goes_on_warning(users: RoadUsers) -> None:
    service = BrakeWarningService()
    slot = users.slot_of("brakes")
    users.acceleration_mps2[slot] = -8.0
    assert senders(service, users, 0) == ["brakes"]
    users.acceleration_mps2[slot] = 0.0
    users.speed_mps[slot] = 0.0
    assert senders(service, users, 100 * MS) == ["brakes"]
    users.speed_mps[slot] = 3.0
    assert senders(service, users, 200 * MS) == []


def test_a_warning_says_where_and_how_fast(users: RoadUsers) -> None:
    slot = users.slot_of("brakes")
    users.x_m[slot], users.acceleration_mps2[slot] = 100.0, -8.0
    (message,) = BrakeWarningService().generate(users, np.array([slot]), 50 * MS)
    # Moved on by speed and braking from the row's own instant.
    assert message.x_m == pytest.approx(100.0 + 25.0 * 0.05 - 4.0 * 0.05**2)
    assert message.speed_mps == pytest.approx(25.0 - 8.0 * 0.05)
    assert message.generation_time_ns == 50 * MS


def test_who_is_not_connected_does_not_warn(users: RoadUsers) -> None:
    slot = users.slot_of("brakes")
    users.acceleration_mps2[slot] = -8.0
    connected = np.array([users.slot_of("cruises")])
    assert BrakeWarningService().generate(users, connected, 0) == []
