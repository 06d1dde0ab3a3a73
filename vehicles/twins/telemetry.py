"""The telemetry message: what a vehicle says about itself, and how that looks on the wire.

Signals carry the names and units of the COVESA Vehicle Signal Specification (VSS) 5.0. What VSS
has no signal for stands under the branch `Cosim`, as VSS asks of private extensions.
"""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal, NamedTuple
from urllib.parse import quote, unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

SCHEMA: Final = "cosim.telemetry/1"

_MPS_IN_KMH = 3.6


class Telemetry(NamedTuple):
    """What one vehicle measured at one instant.

    `sequence` counts a vehicle's messages, rising by one with each; `sent_ns` is the instant of
    the measurement and of sending [ns]. `x_m`, `y_m` are the centre of the footprint in the net's
    plane, `heading_rad` and `yaw_rate_radps` are counter-clockwise (heading from east), `speed_mps`
    and `acceleration_mps2` are along the heading. The geographic position is None where the net
    has no georeference.
    """

    vehicle_id: str
    sequence: int
    sent_ns: int
    x_m: float
    y_m: float
    heading_rad: float
    speed_mps: float
    acceleration_mps2: float
    yaw_rate_radps: float
    latitude_deg: float | None = None
    longitude_deg: float | None = None


def encode(message: Telemetry) -> bytes:
    """The JSON payload of a message; the vehicle's id is not in it, it stands in the topic.

    Raises:
        ValueError: a value is not a number, or beyond what the schema takes.
    """
    try:
        payload = _Payload(
            schema_=SCHEMA,
            sequence=message.sequence,
            sent_ns=message.sent_ns,
            x_m=message.x_m,
            y_m=message.y_m,
            heading_deg=(90.0 - math.degrees(message.heading_rad)) % 360.0,
            speed_kmh=message.speed_mps * _MPS_IN_KMH,
            acceleration_mps2=message.acceleration_mps2,
            yaw_rate_degps=math.degrees(message.yaw_rate_radps),
            latitude_deg=message.latitude_deg,
            longitude_deg=message.longitude_deg,
        )
    except ValidationError as error:
        raise ValueError(_one_line(message.vehicle_id, error)) from None
    return payload.model_dump_json(by_alias=True, exclude_none=True).encode()


def decode(vehicle_id: str, payload: bytes | bytearray) -> Telemetry:
    """Read a payload that came on a vehicle's topic. Signals it doesn't know are passed over.

    `heading_rad` comes back in [0, 2 pi).

    Raises:
        ValueError: not JSON, another schema, a signal missing, of the wrong type or out of range.
    """
    try:
        wire = _Payload.model_validate_json(payload)
    except ValidationError as error:
        raise ValueError(_one_line(vehicle_id, error)) from None
    return Telemetry(
        vehicle_id=vehicle_id,
        sequence=wire.sequence,
        sent_ns=wire.sent_ns,
        x_m=wire.x_m,
        y_m=wire.y_m,
        heading_rad=math.radians((90.0 - wire.heading_deg) % 360.0),
        speed_mps=wire.speed_kmh / _MPS_IN_KMH,
        acceleration_mps2=wire.acceleration_mps2,
        yaw_rate_radps=math.radians(wire.yaw_rate_degps),
        latitude_deg=wire.latitude_deg,
        longitude_deg=wire.longitude_deg,
    )


class Topics:
    """The topics of one run, `cosim/<run>/vehicles/<id>/telemetry` and `/state`.

    Ids are percent-encoded: a SUMO id may hold `/`, `+` or `#`, which mean something in a topic.

    Args:
        run_id: what keeps runs on one broker apart.
    """

    def __init__(self, run_id: str) -> None:
        self._prefix = f"cosim/{_level(run_id)}/vehicles/"
        self.every_telemetry = f"{self._prefix}+/telemetry"

    def telemetry(self, vehicle_id: str) -> str:
        """Where a vehicle publishes its telemetry; ValueError for an empty id."""
        return f"{self._prefix}{_level(vehicle_id)}/telemetry"

    def state(self, vehicle_id: str) -> str:
        """Where a vehicle's twin is published; ValueError for an empty id."""
        return f"{self._prefix}{_level(vehicle_id)}/state"

    def vehicle_of(self, telemetry_topic: str) -> str:
        """The vehicle that a telemetry topic belongs to; ValueError if it is none of this run's."""
        level = telemetry_topic.removeprefix(self._prefix).removesuffix("/telemetry")
        vehicle_id = unquote(level, errors="strict")
        if not vehicle_id or self.telemetry(vehicle_id) != telemetry_topic:
            raise ValueError(
                f"expected a topic like {self.every_telemetry}, got {telemetry_topic!r}"
            )
        return vehicle_id


def _level(name: str) -> str:
    if not name:
        raise ValueError("expected an id of at least one character for an MQTT topic")
    return quote(name, safe="")


def _one_line(vehicle_id: str, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "payload"
    return f"telemetry of {vehicle_id!r}: {where}: {first['msg']}"


_Count = Annotated[int, Field(ge=0, lt=2**63)]
_Coordinate = Annotated[float, Field(ge=-1e8, le=1e8)]


class _Payload(BaseModel):
    """The wire form: VSS names and units. Ranges refuse nonsense, not hard driving."""

    model_config = ConfigDict(
        strict=True, extra="ignore", frozen=True, allow_inf_nan=False, validate_by_name=True
    )

    schema_: Literal["cosim.telemetry/1"] = Field(alias="schema")
    sequence: _Count
    sent_ns: _Count
    x_m: _Coordinate = Field(alias="Cosim.Position.X")
    y_m: _Coordinate = Field(alias="Cosim.Position.Y")
    heading_deg: float = Field(alias="Vehicle.CurrentLocation.Heading", ge=0.0, le=360.0)
    speed_kmh: float = Field(alias="Vehicle.Speed", ge=-1e3, le=1e3)
    acceleration_mps2: float = Field(alias="Vehicle.Acceleration.Longitudinal", ge=-1e4, le=1e4)
    yaw_rate_degps: float = Field(alias="Vehicle.AngularVelocity.Yaw", ge=-1e4, le=1e4)
    latitude_deg: float | None = Field(
        alias="Vehicle.CurrentLocation.Latitude", default=None, ge=-90.0, le=90.0
    )
    longitude_deg: float | None = Field(
        alias="Vehicle.CurrentLocation.Longitude", default=None, ge=-180.0, le=180.0
    )
