from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vehicles.twins.conftest import telemetry
from vehicles.twins.telemetry import SCHEMA, Telemetry, Topics, decode, encode

counts = st.integers(0, 2**63 - 1)


def between(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


messages = st.builds(
    Telemetry,
    vehicle_id=st.text(min_size=1),
    sequence=counts,
    sent_ns=counts,
    x_m=between(-1e7, 1e7),
    y_m=between(-1e7, 1e7),
    heading_rad=between(0.0, 2 * math.pi),
    speed_mps=between(-20.0, 100.0),
    acceleration_mps2=between(-50.0, 50.0),
    yaw_rate_radps=between(-5.0, 5.0),
    latitude_deg=st.none() | between(-90.0, 90.0),
    longitude_deg=st.none() | between(-180.0, 180.0),
)


@given(messages)
def test_what_is_encoded_is_decoded(message: Telemetry) -> None:
    back = decode(message.vehicle_id, encode(message))
    for name in ("vehicle_id", "sequence", "sent_ns", "x_m", "y_m", "acceleration_mps2"):
        assert getattr(back, name) == getattr(message, name)
    assert (back.latitude_deg, back.longitude_deg) == (message.latitude_deg, message.longitude_deg)
    assert math.isclose(back.speed_mps, message.speed_mps, rel_tol=1e-12)
    assert math.isclose(back.yaw_rate_radps, message.yaw_rate_radps, rel_tol=1e-12)
    turned = math.remainder(back.heading_rad - message.heading_rad, 2 * math.pi)
    assert abs(turned) < 1e-12


def test_the_wire_speaks_vss_names_and_units() -> None:
    message = telemetry(
        heading_rad=math.pi, speed_mps=10.0, yaw_rate_radps=math.pi / 2, latitude_deg=53.27
    )
    wire = json.loads(encode(message))
    assert wire["schema"] == SCHEMA
    assert wire["Vehicle.CurrentLocation.Heading"] == 270.0  # west, clockwise from north
    assert wire["Vehicle.Speed"] == 36.0
    assert wire["Vehicle.AngularVelocity.Yaw"] == 90.0
    assert wire["Vehicle.CurrentLocation.Latitude"] == 53.27
    assert "Vehicle.CurrentLocation.Longitude" not in wire


def test_signals_it_does_not_know_are_passed_over() -> None:
    wire = json.loads(encode(telemetry())) | {"Vehicle.Cabin.DoorCount": 4}
    assert decode("ego", json.dumps(wire).encode()).sequence == 0


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "cosim.telemetry/2"},
        {"sequence": -1},
        {"sequence": 2**63},
        {"sequence": "7"},
        {"sequence": 7.0},
        {"sent_ns": None},
        {"Vehicle.Speed": "fast"},
        {"Vehicle.Speed": 1e300},
        {"Vehicle.CurrentLocation.Heading": -1.0},
        {"Vehicle.CurrentLocation.Latitude": 91.0},
        {"Cosim.Position.X": [1.0]},
    ],
)
def test_a_wrong_value_is_refused_in_one_line(change: dict[str, object]) -> None:
    wire = json.loads(encode(telemetry())) | change
    with pytest.raises(ValueError, match=next(iter(change))) as raised:
        decode("ego", json.dumps(wire).encode())
    assert "\n" not in str(raised.value)
    assert "'ego'" in str(raised.value)


@pytest.mark.parametrize("name", sorted(json.loads(encode(telemetry()))))
def test_a_missing_signal_is_refused(name: str) -> None:
    wire = json.loads(encode(telemetry()))
    del wire[name]
    with pytest.raises(ValueError, match=name):
        decode("ego", json.dumps(wire).encode())


@pytest.mark.parametrize("payload", [b"", b"{", b"null", b"[]", b"\xff\xfe", b"NaN"])
def test_what_is_no_json_object_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="telemetry of 'ego'"):
        decode("ego", payload)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="telemetry of"):
        decode("ego", payload)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e300])
def test_what_is_no_number_is_not_sent(value: float) -> None:
    with pytest.raises(ValueError, match="telemetry of 'ego': x_m"):
        encode(telemetry(x_m=value))


@given(st.text(min_size=1), st.text(min_size=1))
def test_every_id_has_a_topic_of_its_own(run_id: str, vehicle_id: str) -> None:
    topics = Topics(run_id)
    topic = topics.telemetry(vehicle_id)
    assert topic.count("/") == 4
    assert not set("+#\0") & set(topic)
    assert topics.vehicle_of(topic) == vehicle_id


def test_topics_read_as_documented() -> None:
    topics = Topics("night 7")
    assert topics.every_telemetry == "cosim/night%207/vehicles/+/telemetry"
    assert topics.telemetry("flow.0") == "cosim/night%207/vehicles/flow.0/telemetry"
    assert topics.state("a/b") == "cosim/night%207/vehicles/a%2Fb/state"


@pytest.mark.parametrize(
    "topic",
    [
        "cosim/other/vehicles/ego/telemetry",
        "cosim/run/vehicles/ego/state",
        "cosim/run/vehicles//telemetry",
        "cosim/run/vehicles/a/b/telemetry",
        "cosim/run/vehicles/%65go/telemetry",  # a second spelling of `ego`
        "cosim/run/vehicles/%ff/telemetry",
    ],
)
def test_a_foreign_topic_is_refused(topic: str) -> None:
    with pytest.raises(ValueError, match=r"topic|codec"):
        Topics("run").vehicle_of(topic)


def test_an_empty_id_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one character"):
        Topics("")
    with pytest.raises(ValueError, match="at least one character"):
        Topics("run").telemetry("")
