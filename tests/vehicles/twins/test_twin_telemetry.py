from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vehicles.twins.conftest import telemetry
from vehicles.twins.rejections import Refused, Rejection
from vehicles.twins.telemetry import (
    SCHEMA,
    Encoding,
    Forwarded,
    Telemetry,
    decode,
    decode_batch,
    encode,
    encode_batch,
    packed_order,
)

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
    accuracy_m=st.none() | between(0.0, 50.0),
    rsrp_dbm=st.none() | between(-140.0, -40.0),
    sinr_db=st.none() | between(-20.0, 40.0),
)

# What a signal is rounded to on the wire, in the unit that it has here.
STEPS = {
    "x_m": 1e-3, "y_m": 1e-3, "speed_mps": 1e-3 / 3.6, "acceleration_mps2": 1e-3,
    "yaw_rate_radps": math.radians(1e-3), "latitude_deg": 1e-8, "longitude_deg": 1e-8,
    "accuracy_m": 1e-3, "rsrp_dbm": 0.1, "sinr_db": 0.1,
}  # fmt: skip


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@settings(deadline=None)
@given(message=messages)
def test_what_is_encoded_is_decoded(message: Telemetry, encoding: Encoding) -> None:
    back = decode(message.vehicle_id, encode(message, encoding))
    for name in ("vehicle_id", "sequence", "sent_ns"):
        assert getattr(back, name) == getattr(message, name)
    for name, step in STEPS.items():
        said, heard = getattr(message, name), getattr(back, name)
        assert (said is None) == (heard is None)
        assert said is None or abs(said - heard) <= 0.51 * step
    turned = math.remainder(back.heading_rad - message.heading_rad, 2 * math.pi)
    assert abs(turned) <= 0.51 * math.radians(1e-3)


@settings(deadline=None)
@given(messages)
def test_both_encodings_say_the_same(message: Telemetry) -> None:
    binary, text = encode(message, "msgpack"), encode(message, "json")
    assert decode("a", binary) == decode("a", text)
    assert len(binary) < len(text) / 2


def test_the_binary_form_is_as_documented() -> None:
    order = packed_order()
    assert order[:4] == ("schema", "sequence", "sent_ns", "Vehicle.CurrentLocation.Heading")
    wire = msgspec.msgpack.decode(encode(telemetry(sequence=7, speed_mps=10.0), "msgpack"))
    assert wire[:3] == [SCHEMA, 7, 700_000_000]
    assert wire[order.index("Vehicle.Speed")] == 36.0
    # What a later version adds at the end is passed over.
    assert decode("ego", msgspec.msgpack.encode([*wire, "more", 1.0])).speed_mps == 10.0


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.integers(0, 2**60), st.binary(max_size=50))))
def test_a_gateway_hands_payloads_on_as_they_are(messages: list[tuple[str, int, bytes]]) -> None:
    forwarded = [Forwarded(*message) for message in messages]
    assert decode_batch(encode_batch(forwarded)) == forwarded


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes_are_a_gateways_message_or_refused(payload: bytes) -> None:
    with pytest.raises(Refused):
        decode_batch(payload)


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
        {"sequence": 7.5},
        {"Vehicle.Speed": True},
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
    with pytest.raises(Refused, match=next(iter(change))) as raised:
        decode("ego", json.dumps(wire).encode())
    wrong_schema = "schema" in change
    assert raised.value.reason == (Rejection.SCHEMA if wrong_schema else Rejection.INVALID)
    assert "\n" not in str(raised.value)
    assert "'ego'" in str(raised.value)


def test_a_missing_signal_is_refused() -> None:
    complete = json.loads(encode(telemetry()))
    for name in complete:
        wire = {key: value for key, value in complete.items() if key != name}
        with pytest.raises(Refused, match=name) as raised:
            decode("ego", json.dumps(wire).encode())
        placed = not name.startswith("Cosim.Position")
        assert raised.value.reason == (Rejection.INVALID if placed else Rejection.UNPLACED)


def test_a_position_on_earth_is_enough() -> None:
    message = telemetry(latitude_deg=53.2707, longitude_deg=-9.0568)._replace(x_m=None, y_m=None)
    back = decode("ego", encode(message))
    assert (back.x_m, back.latitude_deg, back.longitude_deg) == (None, 53.2707, -9.0568)
    with pytest.raises(Refused, match="Latitude"):
        encode(message._replace(longitude_deg=None))


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", Rejection.MALFORMED),
        (b"{", Rejection.MALFORMED),
        (b"null", Rejection.INVALID),
        (b"[]", Rejection.INVALID),
        (b"\xff\xfe", Rejection.INVALID),
        (b"NaN", Rejection.MALFORMED),
        (b"\x90", Rejection.INVALID),
        (b"\x97\xb1cosim.telemetry/9\x01\x01\x01\x01\x01\x01", Rejection.SCHEMA),
        (b'{"schema": "cosim.telemetry/9"}', Rejection.SCHEMA),
        (b"[" * 4000, Rejection.INVALID),
        (b'{"a":' * 800, Rejection.MALFORMED),
        (b" " * 5000, Rejection.OVERSIZE),
    ],
)
def test_what_is_no_telemetry_is_refused_for_a_reason(payload: bytes, reason: Rejection) -> None:
    with pytest.raises(Refused, match="telemetry of 'ego'") as raised:
        decode("ego", payload)
    assert raised.value.reason == reason


def test_not_a_number_is_refused_in_binary_too() -> None:
    wire = msgspec.msgpack.decode(encode(telemetry(), "msgpack"))
    for place in range(3, len(wire)):
        for value in (math.nan, math.inf):
            spoiled = [*wire[:place], value, *wire[place + 1 :]]
            with pytest.raises(Refused) as raised:
                decode("ego", msgspec.msgpack.encode(spoiled))
            assert raised.value.reason == Rejection.INVALID


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="telemetry of"):
        decode("ego", payload)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e300])
def test_what_is_no_number_is_not_sent(value: float) -> None:
    with pytest.raises(ValueError, match="telemetry of 'ego'"):
        encode(telemetry(x_m=value))
