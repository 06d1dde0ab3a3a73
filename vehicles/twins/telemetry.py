"""The telemetry message: what a vehicle says about itself, and how that looks on the wire.

Signals carry the names and units of the COVESA Vehicle Signal Specification (VSS) 5.0. What VSS
has no signal for stands under the branch `Cosim`, as VSS asks of private extensions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from vehicles.twins.rejections import Refused, Rejection

SCHEMA: Final = "cosim.telemetry/1"
Encoding = Literal["json", "msgpack"]

# A message of this schema has some 500 bytes; signals beyond it may add some.
_LONGEST_BYTES = 4096
_MPS_IN_KMH = 3.6


class Telemetry(NamedTuple):
    """What one vehicle measured at one instant.

    `sequence` counts a vehicle's messages, rising by one with each; `sent_ns` is the instant of
    the measurement and of sending on the vehicle's own clock [ns]. `x_m`, `y_m` are the centre of
    the footprint in the net's plane, `heading_rad` and `yaw_rate_radps` are counter-clockwise
    (heading from east), `speed_mps` and `acceleration_mps2` are along the heading. A vehicle says
    where it is in the plane, on Earth (WGS 84), or both. `accuracy_m` is the standard deviation of
    its position along each axis; RSRP and SINR are what its modem measured of its serving cell.
    """

    vehicle_id: str
    sequence: int
    sent_ns: int
    heading_rad: float
    speed_mps: float
    acceleration_mps2: float
    yaw_rate_radps: float
    x_m: float | None = None
    y_m: float | None = None
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    accuracy_m: float | None = None
    rsrp_dbm: float | None = None
    sinr_db: float | None = None


def encode(message: Telemetry, encoding: Encoding = "json") -> bytes:
    """The payload of a message; the vehicle's id is not in it, it stands in the topic.

    Numbers are rounded to what no sensor tells apart (a millimetre, a thousandth of a degree), so
    that a payload's length doesn't hang on the last bits of a computation.

    Raises:
        ValueError: a value is not a number, or beyond what the schema takes.
    """
    kind, encoder = (Json, _JSON_ENCODER) if encoding == "json" else (_Packed, _MSGPACK_ENCODER)
    payload: bytes = encoder.encode(
        kind(
            schema=SCHEMA,
            sequence=message.sequence,
            sent_ns=message.sent_ns,
            heading_deg=round((90.0 - math.degrees(message.heading_rad)) % 360.0, 3),
            speed_kmh=round(message.speed_mps * _MPS_IN_KMH, 3),
            acceleration_mps2=round(message.acceleration_mps2, 3),
            yaw_rate_degps=round(math.degrees(message.yaw_rate_radps), 3),
            x_m=_rounded(message.x_m, 3),
            y_m=_rounded(message.y_m, 3),
            latitude_deg=_rounded(message.latitude_deg, 8),
            longitude_deg=_rounded(message.longitude_deg, 8),
            accuracy_m=_rounded(message.accuracy_m, 3),
            rsrp_dbm=_rounded(message.rsrp_dbm, 1),
            sinr_db=_rounded(message.sinr_db, 1),
        )
    )
    decode(message.vehicle_id, payload)
    return payload


def decode(vehicle_id: str, payload: bytes) -> Telemetry:
    """Read a payload that came on a vehicle's topic. Signals it doesn't know are passed over.

    `heading_rad` comes back in [0, 2 pi).

    Raises:
        Refused: too long, neither JSON nor MessagePack, another schema, a signal missing, of the
            wrong type or out of range.
    """
    wire = _read(vehicle_id, payload)
    if (wire.x_m is None or wire.y_m is None) and (
        wire.latitude_deg is None or wire.longitude_deg is None
    ):
        raise Refused(
            Rejection.UNPLACED,
            f"telemetry of {vehicle_id!r}: expected Cosim.Position.X and "
            "Cosim.Position.Y, or Vehicle.CurrentLocation.Latitude and its Longitude",
        )
    return Telemetry(
        vehicle_id=vehicle_id,
        sequence=wire.sequence,
        sent_ns=wire.sent_ns,
        heading_rad=math.radians((90.0 - wire.heading_deg) % 360.0),
        speed_mps=wire.speed_kmh / _MPS_IN_KMH,
        acceleration_mps2=wire.acceleration_mps2,
        yaw_rate_radps=math.radians(wire.yaw_rate_degps),
        x_m=wire.x_m,
        y_m=wire.y_m,
        latitude_deg=wire.latitude_deg,
        longitude_deg=wire.longitude_deg,
        accuracy_m=wire.accuracy_m,
        rsrp_dbm=wire.rsrp_dbm,
        sinr_db=wire.sinr_db,
    )


_Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Forwarded(msgspec.Struct, frozen=True, array_like=True):
    """A vehicle's payload as a gateway hands it on, and when the gateway had it [ns]."""

    vehicle_id: str
    received_ns: _Count
    payload: bytes


def encode_batch(messages: Iterable[Forwarded]) -> bytes:
    """What a gateway publishes: the payloads of many vehicles as they came, in MessagePack."""
    return _MSGPACK_ENCODER.encode(Batch("cosim.gateway/1", list(messages)))


def decode_batch(payload: bytes) -> list[Forwarded]:
    """The payloads in a gateway's message; Refused if it is none."""
    try:
        return _BATCH_DECODER.decode(payload).messages
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refused(_reason(error), f"gateway message: {_first_line(error)}") from None


def packed_order() -> tuple[str, ...]:
    """The names of the signals in the order in which MessagePack carries them."""
    return tuple(field.encode_name for field in msgspec.structs.fields(_Packed))


def _read(vehicle_id: str, payload: bytes) -> Json:
    if len(payload) > _LONGEST_BYTES:
        raise Refused(
            Rejection.OVERSIZE, f"telemetry of {vehicle_id!r}: payload of {len(payload)} bytes"
        )
    # No JSON text begins beyond ASCII, and every array in MessagePack does.
    packed = payload[:1] >= b"\x80"
    try:
        return _PACKED_DECODER.decode(payload) if packed else _JSON_DECODER.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refused(
            _reason(error), f"telemetry of {vehicle_id!r}: {_first_line(error)}"
        ) from None


def _reason(error: Exception) -> Rejection:
    if not isinstance(error, msgspec.ValidationError):
        return Rejection.MALFORMED
    wrong_schema = str(error).endswith(("`$.schema`", "`$[0]`"))
    return Rejection.SCHEMA if wrong_schema else Rejection.INVALID


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


_Coordinate = Annotated[float, Meta(ge=-1e8, le=1e8)]

# Field of the wire form -> name on the wire, with the unit that VSS gives it.
_NAMES = {
    "heading_deg": "Vehicle.CurrentLocation.Heading",
    "speed_kmh": "Vehicle.Speed",
    "acceleration_mps2": "Vehicle.Acceleration.Longitudinal",
    "yaw_rate_degps": "Vehicle.AngularVelocity.Yaw",
    "latitude_deg": "Vehicle.CurrentLocation.Latitude",
    "longitude_deg": "Vehicle.CurrentLocation.Longitude",
    "accuracy_m": "Vehicle.CurrentLocation.HorizontalAccuracy",
    "x_m": "Cosim.Position.X",
    "y_m": "Cosim.Position.Y",
    "rsrp_dbm": "Cosim.Link.RSRP",
    "sinr_db": "Cosim.Link.SINR",
}


class Json(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=_NAMES):
    """Telemetry on the wire: VSS names and units; ranges refuse nonsense, not hard driving."""

    schema: Literal["cosim.telemetry/1"]
    sequence: _Count
    sent_ns: _Count
    heading_deg: Annotated[float, Meta(ge=0.0, le=360.0)]
    speed_kmh: Annotated[float, Meta(ge=-1e3, le=1e3)]
    acceleration_mps2: Annotated[float, Meta(ge=-1e3, le=1e3)]
    yaw_rate_degps: Annotated[float, Meta(ge=-1e3, le=1e3)]
    x_m: _Coordinate | None = None
    y_m: _Coordinate | None = None
    latitude_deg: Annotated[float, Meta(ge=-90.0, le=90.0)] | None = None
    longitude_deg: Annotated[float, Meta(ge=-180.0, le=180.0)] | None = None
    accuracy_m: Annotated[float, Meta(ge=0.0, le=1e4)] | None = None
    rsrp_dbm: Annotated[float, Meta(ge=-200.0, le=50.0)] | None = None
    sinr_db: Annotated[float, Meta(ge=-100.0, le=100.0)] | None = None


class _Packed(Json, frozen=True, array_like=True, omit_defaults=False, rename=_NAMES):
    """The same signals in this order, without their names."""


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """What a gateway publishes."""

    schema: Literal["cosim.gateway/1"]
    messages: list[Forwarded]


_JSON_ENCODER, _MSGPACK_ENCODER = msgspec.json.Encoder(), msgspec.msgpack.Encoder()
_JSON_DECODER = msgspec.json.Decoder(Json)
_PACKED_DECODER = msgspec.msgpack.Decoder(_Packed)
_BATCH_DECODER = msgspec.msgpack.Decoder(Batch)
