"""Road users' slots and their motion between instants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vehicles.state import Kind, RoadUsers

SECOND = 1_000_000_000


def enter(users: RoadUsers, user_id: str) -> int:
    return users.enter(user_id, Kind.CAR, 4.5, 1.8, 1.5)


def test_slots_are_taken_from_the_lowest_and_kept() -> None:
    users = RoadUsers(2)
    assert [enter(users, name) for name in "abc"] == [0, 1, 2]
    assert users.capacity == 4
    assert users.leave("b") == 1
    assert users.slots().tolist() == [0, 2]
    assert enter(users, "d") == 1
    assert enter(users, "e") == 3
    assert enter(users, "f") == 4
    assert [users.slot_of(name) for name in "adcef"] == [0, 1, 2, 3, 4]
    assert users.ids[:5] == list("adcef")
    assert len(users) == 5
    assert "b" not in users
    assert "d" in users


def test_growth_keeps_what_was_there() -> None:
    users = RoadUsers(1)
    slot = users.enter("a", Kind.TRUCK, 12.0, 2.5, 3.8)
    users.x_m[slot], users.speed_mps[slot], users.stamp_ns[slot] = 7.0, 3.0, 5
    users.driven[slot] = True
    for i in range(20):
        enter(users, f"b{i}")
    assert users.capacity == 32
    assert (users.x_m[slot], users.speed_mps[slot], users.stamp_ns[slot]) == (7.0, 3.0, 5)
    assert users.kind[slot] == Kind.TRUCK
    assert users.length_m[slot] == 12.0
    assert users.driven.tolist() == [True] + [False] * 31
    for name in ("x_m", "kind", "stamp_ns", "active", "driven", "height_m"):
        assert getattr(users, name).shape == (32,)


def test_a_slot_taken_again_remembers_nothing() -> None:
    users = RoadUsers(1)
    slot = users.enter("bus", Kind.BUS, 12.0, 2.5, 3.0)
    motion = ("x_m", "y_m", "z_m", "heading_rad", "speed_mps", "acceleration_mps2")
    for name in (*motion, "yaw_rate_radps"):
        getattr(users, name)[slot] = 9.0
    users.stamp_ns[slot], users.driven[slot] = 77, True
    users.leave("bus")
    assert not users.active[slot]
    assert not users.driven[slot]
    again = users.enter("bike", Kind.BICYCLE, 1.8, 0.6, 1.7)
    assert again == slot
    for name in (*motion, "yaw_rate_radps"):
        assert getattr(users, name)[slot] == 0.0
    assert users.stamp_ns[slot] == -1
    assert (users.length_m[slot], users.width_m[slot], users.height_m[slot]) == (1.8, 0.6, 1.7)
    assert not users.driven[slot]


def test_entering_twice_and_leaving_unknown_are_errors() -> None:
    users = RoadUsers()
    enter(users, "a")
    with pytest.raises(ValueError, match="'a' is on the road already"):
        enter(users, "a")
    with pytest.raises(KeyError):
        users.leave("b")
    with pytest.raises(KeyError):
        users.slot_of("b")
    with pytest.raises(ValueError, match="at least 1"):
        RoadUsers(0)


class Slots(RuleBasedStateMachine):
    """Any order of entering and leaving against a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.users = RoadUsers(1)
        self.model: dict[str, int] = {}
        self.count = 0

    @rule()
    def enters(self) -> None:
        free = next(slot for slot in range(1000) if slot not in self.model.values())
        name = f"u{self.count}"
        self.count += 1
        assert enter(self.users, name) == free
        self.users.x_m[free] = self.count
        self.model[name] = free

    @precondition(lambda self: self.model)
    @rule(choice=st.integers(0, 1000))
    def leaves(self, choice: int) -> None:
        name = sorted(self.model)[choice % len(self.model)]
        assert self.users.leave(name) == self.model.pop(name)

    @invariant()
    def agrees(self) -> None:
        assert self.users.slots().tolist() == sorted(self.model.values())
        assert len(self.users) == len(self.model)
        for name, slot in self.model.items():
            assert self.users.ids[slot] == name
            assert self.users.slot_of(name) == slot
            assert self.users.x_m[slot] == int(name[1:]) + 1


TestSlots = Slots.TestCase


def moving(speed_mps: float, acceleration_mps2: float, heading_rad: float = 0.0) -> RoadUsers:
    users = RoadUsers(1)
    slot = enter(users, "a")
    users.speed_mps[slot], users.acceleration_mps2[slot] = speed_mps, acceleration_mps2
    users.heading_rad[slot], users.stamp_ns[slot] = heading_rad, 10 * SECOND
    return users


@pytest.mark.parametrize(
    ("speed_mps", "acceleration_mps2", "dt_s", "travelled_m", "speed_then_mps"),
    [
        (10.0, 0.0, 0.5, 5.0, 10.0),
        (10.0, 2.0, 1.0, 11.0, 12.0),
        (10.0, -4.0, 1.0, 8.0, 6.0),
        (10.0, -4.0, 2.5, 12.5, 0.0),
        (10.0, -4.0, 9.0, 12.5, 0.0),  # stops after 2.5 s and stays
        (0.0, -3.0, 2.0, 0.0, 0.0),  # came to rest in its last step: stays
        (0.0, 3.0, 2.0, 6.0, 6.0),  # sets off
        (-2.0, 1.0, 5.0, -2.0, 0.0),  # reversing, brakes
        (-2.0, -1.0, 2.0, -6.0, -4.0),  # reversing, faster
        (10.0, -4.0, -1.0, -12.0, 14.0),
        (2.0, 4.0, -0.5, -0.5, 0.0),
        (2.0, 4.0, -3.0, -0.5, 0.0),  # stood before it set off
        (0.0, 3.0, -1.0, 0.0, 0.0),
        (0.0, -3.0, -1.0, -1.5, 3.0),
    ],
)
def test_motion_between_instants(
    speed_mps: float,
    acceleration_mps2: float,
    dt_s: float,
    travelled_m: float,
    speed_then_mps: float,
) -> None:
    users = moving(speed_mps, acceleration_mps2)
    then = users.at(10 * SECOND + round(dt_s * SECOND))
    assert then.x_m[0] == pytest.approx(travelled_m)
    assert then.y_m[0] == 0.0
    assert then.speed_mps[0] == pytest.approx(speed_then_mps)
    assert then.vx_mps[0] == pytest.approx(speed_then_mps)


@given(
    st.floats(-40.0, 40.0),
    st.floats(-10.0, 5.0),
    st.floats(-np.pi, np.pi),
    st.integers(0, 20 * SECOND),
)
def test_a_forecast_never_turns_round(
    speed_mps: float, acceleration_mps2: float, heading_rad: float, dt_ns: int
) -> None:
    users = moving(speed_mps, acceleration_mps2, heading_rad)
    then = users.at(10 * SECOND + dt_ns)
    forwards = then.x_m * np.cos(heading_rad) + then.y_m * np.sin(heading_rad)
    if speed_mps >= 0.0:
        assert forwards[0] >= -1e-9
        assert then.speed_mps[0] >= -1e-9
    else:
        assert forwards[0] <= 1e-9
        assert then.speed_mps[0] <= 1e-9
    assert np.hypot(then.vx_mps, then.vy_mps)[0] == pytest.approx(abs(then.speed_mps[0]))


def test_at_takes_slots_in_the_order_asked_for_and_each_by_its_own_stamp() -> None:
    users = RoadUsers()
    for i, name in enumerate("abc"):
        slot = enter(users, name)
        users.x_m[slot], users.speed_mps[slot] = 100.0 * i, 10.0
        users.stamp_ns[slot] = i * SECOND
        users.heading_rad[slot] = np.pi / 2.0 if name == "c" else 0.0
    then = users.at(3 * SECOND, np.array([2, 0]))
    assert then.x_m == pytest.approx([200.0, 30.0])
    assert then.y_m == pytest.approx([10.0, 0.0])
    users.leave("b")
    assert users.at(3 * SECOND).x_m == pytest.approx([30.0, 200.0])
    assert users.x_m[0] == 0.0
