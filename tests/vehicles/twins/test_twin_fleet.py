from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vehicles.twins.conftest import telemetry
from vehicles.georeference import Georeference
from vehicles.twins.fleet import Fleet, FleetState, Staleness
from vehicles.twins.rejections import Rejection
from vehicles.twins.reports import as_reports
from vehicles.twins.settings import SensorNoise
from vehicles.twins.telemetry import Telemetry

NOW_NS = 10_000_000_000
MS = 1_000_000
NOISE = SensorNoise()
UNHURRIED = settings(deadline=None, max_examples=50)


def apply(
    fleet: Fleet,
    messages: Sequence[Telemetry],
    *,
    delay_ms: float = 20.0,
    georeference: Georeference | None = None,
) -> None:
    """Have messages arrive so long after they were sent, by their senders' clocks."""
    received_ns = [message.sent_ns + round(delay_ms * MS) for message in messages]
    fleet.apply(as_reports(messages, received_ns, NOISE, georeference))


def of(*batches: Sequence[Telemetry]) -> Fleet:
    fleet = Fleet()
    for batch in batches:
        apply(fleet, batch)
    return fleet


def same(one: FleetState, other: FleetState) -> bool:
    return one.ids == other.ids and all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(one[1:], other[1:], strict=True)
    )


def straight(sequence: int, vehicle_id: str = "ego", **changed: Any) -> Telemetry:
    """A vehicle that goes east at 20 m/s and says so ten times a second."""
    said = {
        "x_m": 2.0 * sequence, "y_m": 0.0, "heading_rad": 0.0, "speed_mps": 20.0,
        "acceleration_mps2": 0.0, "yaw_rate_radps": 0.0,
    }  # fmt: skip
    return telemetry(vehicle_id, sequence, **(said | changed))


heard = st.lists(
    st.builds(straight, st.integers(0, 30), st.sampled_from(["a", "b", "ego"])), unique=True
)


@UNHURRIED
@given(heard, st.data())
def test_order_and_repetition_within_a_batch_change_nothing(
    messages: list[Telemetry], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(messages))) if messages else []
    disturbed = of(data.draw(st.permutations(messages + again)))
    once, twice = of(messages).state(NOW_NS), disturbed.state(NOW_NS)
    assert same(once, twice._replace(rejected=once.rejected))
    assert disturbed.rejected[Rejection.DUPLICATE] == twice.rejected.sum() == len(again)


@UNHURRIED
@given(st.lists(heard, max_size=5))
def test_every_message_is_counted_once(batches: list[list[Telemetry]]) -> None:
    fleet = of(*batches)
    state = fleet.state(NOW_NS)
    taken_in = int(state.messages.sum())
    assert taken_in + sum(fleet.rejected.values()) == sum(map(len, batches))
    distinct = {(m.vehicle_id, m.sequence): m for batch in batches for m in batch}
    assert set(state.ids) == {vehicle_id for vehicle_id, _ in distinct}
    for row, vehicle_id in enumerate(state.ids):
        numbers = [sequence for owner, sequence in distinct if owner == vehicle_id]
        assert state.sequence[row] == max(numbers)
        assert state.age_ns[row] == NOW_NS - distinct[vehicle_id, max(numbers)].sent_ns


@UNHURRIED
@given(st.permutations(range(6)))
def test_within_its_memory_the_order_of_arrival_is_forgotten(order: list[int]) -> None:
    in_order, disturbed = Fleet(), Fleet()
    # The first is heard first: what a twin doesn't remember it can't put in its place.
    for sequence in range(7):
        apply(in_order, [straight(sequence, y_m=0.1 * (sequence % 2))])
    apply(disturbed, [straight(0)])
    for sequence in (number + 1 for number in order):
        apply(disturbed, [straight(sequence, y_m=0.1 * (sequence % 2))])
    one, other = in_order.state(NOW_NS), disturbed.state(NOW_NS)
    if disturbed.rejected:  # a late one whose anchor had been forgotten by then
        assert set(disturbed.rejected) == {Rejection.TOO_OLD}
    else:
        assert other.state == pytest.approx(one.state, abs=1e-9)
        assert other.covariance == pytest.approx(one.covariance, abs=1e-9)
        assert other.lost.sum() == 0


def test_a_late_message_makes_the_estimate_better_in_its_place() -> None:
    without, with_it = of([straight(0), straight(2)]), of([straight(0), straight(2)], [straight(1)])
    before, after = without.state(NOW_NS), with_it.state(NOW_NS)
    assert (before.late[0], before.lost[0], before.messages[0]) == (0, 1, 2)
    assert (after.late[0], after.lost[0], after.messages[0]) == (1, 0, 3)
    assert after.position_sigma_m()[0] < before.position_sigma_m()[0]
    assert after.age_ns[0] == before.age_ns[0]


def test_a_message_older_than_what_is_remembered_is_rejected() -> None:
    fleet = of([straight(number) for number in range(100, 120)], [straight(101), straight(3)])
    assert fleet.rejected == {Rejection.DUPLICATE: 1, Rejection.TOO_OLD: 1}
    fleet = of([straight(0)], [straight(number) for number in range(2, 40)], [straight(1)])
    assert fleet.rejected == {Rejection.TOO_OLD: 1}
    assert fleet.state(NOW_NS).lost[0] == 1


def test_gaps_are_counted_and_bridged() -> None:
    fleet = of([straight(0), straight(1)], [straight(12)])
    assert fleet.state(1_200 * MS).lost[0] == 10
    ahead = fleet.state(1_700 * MS)
    assert ahead.state[0, 0] == pytest.approx(34.0, abs=0.5)
    assert ahead.position_sigma_m()[0] > fleet.state(1_200 * MS).position_sigma_m()[0]


def test_a_vehicle_that_counts_anew_is_followed() -> None:
    fleet = of([straight(50), straight(52)])
    apply(fleet, [straight(53)._replace(sequence=0), straight(54)._replace(sequence=1)])
    state = fleet.state(5_400 * MS)
    assert (state.sequence[0], state.messages[0], state.lost[0]) == (1, 4, 1)
    assert not fleet.rejected


def test_an_outlier_is_rejected_and_one_that_insists_is_believed() -> None:
    fleet = of([straight(number) for number in range(5)])
    apply(fleet, [straight(5, y_m=400.0)])
    assert fleet.rejected == {Rejection.OUTLIER: 1}
    assert abs(fleet.state(600 * MS).state[0, 1]) < 1.0
    apply(fleet, [straight(6)])
    assert len(fleet.rejected) == 1
    for sequence in range(7, 13):
        apply(fleet, [straight(sequence, y_m=400.0)])
    assert fleet.rejected == {Rejection.OUTLIER: 6}
    assert fleet.state(1_200 * MS).state[0, 1] == pytest.approx(400.0)


@pytest.mark.parametrize(("wrong_ms", "known_ms"), [(400.0, 380.0), (-20_000.0, -20_020.0), (0, 0)])
def test_a_senders_clock_is_seen_through(wrong_ms: float, known_ms: float) -> None:
    fleet = Fleet()
    rng = random.Random(1)
    for sequence in range(50):
        now_ns = 60_000 * MS + sequence * 100 * MS
        true = straight(sequence)._replace(sent_ns=now_ns + round(wrong_ms * MS))
        latency_ms = 20.0 + rng.expovariate(0.1)
        fleet.apply(as_reports([true], [now_ns + round(latency_ms * MS)], NOISE, None))
    state = fleet.state(now_ns + 100 * MS)
    # What is left is the network's least latency, which looks just like a clock.
    assert state.clock_ahead_ns[0] / MS == pytest.approx(known_ms, abs=5.0)
    assert state.state[0, 0] == pytest.approx(2.0 * 50, abs=1.5)
    assert not fleet.rejected


def test_a_message_from_the_future_is_rejected() -> None:
    fleet = of([straight(0), straight(1)])
    future = straight(2)._replace(sent_ns=50_000 * MS)
    fleet.apply(as_reports([future], [220 * MS], NOISE, None))
    far = straight(3)._replace(sent_ns=2**62)
    fleet.apply(as_reports([far], [320 * MS], NOISE, None))
    assert fleet.rejected == {Rejection.CLOCK: 2}
    apply(fleet, [straight(4)])
    state = fleet.state(400 * MS)
    assert (state.sequence[0], state.clock_ahead_ns[0]) == (4, 0)


def test_a_position_on_earth_is_projected() -> None:
    plane = Georeference("+proj=utm +zone=32 +datum=WGS84", (-683_000.0, -4_928_000.0))
    (latitude_deg,), (longitude_deg,) = plane.to_wgs84(np.array([120.0]), np.array([80.0]))
    message = straight(0)._replace(
        x_m=None, y_m=None, latitude_deg=float(latitude_deg), longitude_deg=float(longitude_deg)
    )
    fleet = Fleet()
    apply(fleet, [message])
    assert fleet.rejected == {Rejection.UNPLACED: 1}
    apply(fleet, [message], georeference=plane)
    assert fleet.state(0).state[0, :2] == pytest.approx([120.0, 80.0], abs=1e-6)
    assert latitude_deg == pytest.approx(44.49, abs=0.01)  # Bologna


def test_a_stated_accuracy_is_believed() -> None:
    fleet = of([straight(0, "sure", accuracy_m=0.05), straight(0, "vague", accuracy_m=5.0)])
    sigma_m = fleet.state(0).position_sigma_m()
    assert sigma_m == pytest.approx(np.sqrt(2) * np.array([0.05, 5.0]))


def test_staleness_follows_the_age() -> None:
    fleet = of([straight(0, "a"), straight(20, "b"), straight(29, "c")])
    state = fleet.state(3_000 * MS)
    assert state.staleness(500 * MS, 2_000 * MS).tolist() == [
        Staleness.LOST, Staleness.LATE, Staleness.LIVE
    ]  # fmt: skip


def test_old_twins_are_forgotten_and_the_others_stay() -> None:
    fleet = of([straight(number, vehicle) for vehicle in "abc" for number in (1, 2)])
    apply(fleet, [straight(9, "b")])
    kept = fleet.state(NOW_NS)
    assert fleet.forget(800 * MS) == ["a", "c"]
    left = fleet.state(NOW_NS)
    assert left.ids == ("b",)
    assert all(
        np.array_equal(a[1:2], b, equal_nan=True) for a, b in zip(kept[1:], left[1:], strict=True)
    )
    assert fleet.forget(800 * MS) == []
    apply(fleet, [straight(9, "a")])
    assert fleet.state(NOW_NS).messages.tolist() == [3, 1]


def test_a_full_fleet_takes_no_more() -> None:
    fleet = Fleet(most=2)
    apply(fleet, [straight(0, vehicle) for vehicle in "abcd"])
    apply(fleet, [straight(1, "a")])
    assert fleet.rejected == {Rejection.FLEET_FULL: 2}
    assert fleet.state(0).ids == ("a", "b")


def test_an_empty_fleet_has_empty_arrays() -> None:
    state = Fleet().state(0)
    assert state.ids == ()
    assert all(len(column) == 0 for column in state[1:])
    assert state.state.shape == (0, 6)


def test_a_state_does_not_change_after_it_was_read() -> None:
    fleet = of([straight(0)])
    state = fleet.state(0)
    kept = [column.copy() for column in state[1:]]
    apply(fleet, [straight(1)])
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(state[1:], kept, strict=True))


def test_a_thousand_twins_keep_their_rows() -> None:
    ids = [f"v{k:03}" for k in range(1000)]
    fleet = Fleet()
    for sequence in range(3):
        batch = [straight(sequence, vehicle_id, y_m=float(vehicle_id[1:])) for vehicle_id in ids]
        random.Random(sequence).shuffle(batch)
        apply(fleet, batch)
    state = fleet.state(200 * MS)
    assert state.ids == tuple(ids)
    assert state.state[:, 1] == pytest.approx(np.arange(1000.0))
    assert len(fleet) == 1000
