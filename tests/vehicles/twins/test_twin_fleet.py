from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vehicles.twins.conftest import telemetry
from vehicles.twins.fleet import Fleet, FleetState
from vehicles.twins.telemetry import Telemetry

NOW_NS = 10_000_000_000


def same(one: FleetState, other: FleetState) -> bool:
    return one.ids == other.ids and all(
        np.array_equal(a, b) for a, b in zip(one[1:], other[1:], strict=True)
    )


def of(*batches: list[Telemetry]) -> Fleet:
    fleet = Fleet()
    for batch in batches:
        fleet.apply(batch)
    return fleet


heard = st.lists(
    st.builds(telemetry, st.sampled_from(["a", "b", "ego"]), st.integers(0, 30)), unique=True
)


@given(heard, st.data())
def test_order_and_repetition_within_a_batch_change_nothing(
    messages: list[Telemetry], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(messages))) if messages else []
    shuffled = data.draw(st.permutations(messages + again))
    disturbed = of(shuffled)
    assert same(of(messages).state(NOW_NS), disturbed.state(NOW_NS))
    assert disturbed.duplicates == len(again)


@given(st.lists(heard, max_size=5))
def test_the_twin_is_the_newest_message_whatever_the_batches(
    batches: list[list[Telemetry]],
) -> None:
    fleet = of(*batches)
    distinct = {(m.vehicle_id, m.sequence): m for batch in batches for m in batch}
    state = fleet.state(NOW_NS)
    assert set(state.ids) == {vehicle_id for vehicle_id, _ in distinct}
    for row, vehicle_id in enumerate(state.ids):
        numbers = [sequence for owner, sequence in distinct if owner == vehicle_id]
        newest = distinct[vehicle_id, max(numbers)]
        assert state.sequence[row] == max(numbers)
        assert state.age_ns[row] == NOW_NS - newest.sent_ns
        assert state.messages[row] == len(numbers)
        assert state.lost[row] == max(numbers) - min(numbers) + 1 - len(numbers)
    assert fleet.duplicates == sum(map(len, batches)) - len(distinct)


def test_a_late_message_is_counted_and_not_applied() -> None:
    newest = telemetry(sequence=5, x_m=50.0)
    fleet = of([telemetry(sequence=2), newest])
    before = fleet.state(newest.sent_ns)
    fleet.apply([telemetry(sequence=3, x_m=-999.0)])
    state = fleet.state(newest.sent_ns)
    assert state.x_m[0] == before.x_m[0] == 50.0
    assert (before.late[0], before.lost[0]) == (0, 2)  # 3 and 4
    assert (state.late[0], state.lost[0], state.messages[0]) == (1, 1, 3)


def test_a_message_too_old_to_tell_from_a_repetition_stays_lost() -> None:
    fleet = of([telemetry(sequence=0), telemetry(sequence=100)], [telemetry(sequence=1)])
    state = fleet.state(NOW_NS)
    assert (state.late[0], state.messages[0], state.lost[0]) == (1, 2, 99)


def test_a_jump_of_the_sequence_is_taken_in() -> None:
    state = of([telemetry(sequence=0)], [telemetry(sequence=2**62, sent_ns=7)]).state(8)
    assert state.sequence[0] == 2**62
    assert state.lost[0] == 2**62 - 1
    assert state.age_ns[0] == 1


def test_a_twin_is_predicted_from_the_sending() -> None:
    fleet = of([telemetry(sent_ns=1_000_000_000, x_m=0.0, y_m=0.0, heading_rad=0.0, speed_mps=20.0,
                          acceleration_mps2=0.0, yaw_rate_radps=0.0)])  # fmt: skip
    state = fleet.state(1_250_000_000)
    assert state.x_m[0] == pytest.approx(5.0)
    assert state.age_ns[0] == 250_000_000


def test_an_empty_fleet_has_empty_arrays() -> None:
    state = Fleet().state(0)
    assert state.ids == ()
    assert all(column.shape == (0,) for column in state[1:])


def test_a_state_does_not_change_after_it_was_read() -> None:
    fleet = of([telemetry(sequence=0)])
    state = fleet.state(0)
    kept = [column.copy() for column in state[1:]]
    fleet.apply([telemetry(sequence=1)])
    assert all(np.array_equal(a, b) for a, b in zip(state[1:], kept, strict=True))


def test_a_thousand_twins_keep_their_rows() -> None:
    ids = [f"v{k}" for k in range(1000)]
    fleet = Fleet()
    for sequence in range(3):
        batch = [telemetry(vehicle_id, sequence, y_m=float(vehicle_id[1:])) for vehicle_id in ids]
        random.Random(sequence).shuffle(batch)
        fleet.apply(batch)
    state = fleet.state(200_000_000)
    assert state.ids == tuple(sorted(ids))
    assert np.array_equal(state.y_m, [float(vehicle_id[1:]) for vehicle_id in state.ids])
    assert len(fleet) == 1000
