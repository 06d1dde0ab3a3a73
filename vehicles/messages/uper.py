"""ETSI's messages as bytes: unaligned PER by pycrate's compiled modules, and what they share.

Units and special values are those of ETSI TS 102 894-2 V1.3.1 (common data dictionary).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from vehicles.messages.frame import Frame, Wgs84

_EPOCH_MS = 694_310_405_000
"""TimestampIts of simulated time 0, 2026-01-01 00:00 UTC: ms of TAI since 2004-01-01 00:00 UTC.

8036 days; five leap seconds have been put in since 2004.
"""

_NS_PER_MS = 1_000_000
_DELTA_MS = 65_536
_LATITUDE_MAX = 900_000_000
_LONGITUDE_MAX = 1_800_000_000
_SPEED_UNKNOWN = 16_383
_ACCELERATION_UNKNOWN = 161
_BEARING_UNKNOWN = 3_601


class MalformedMessage(ValueError):
    """Bytes that aren't such a message, or that leave out what a receiver can't do without."""


def encode(pdu: Any, value: dict[str, Any]) -> bytes:
    """The bytes of a message; ValueError if ASN.1 doesn't allow the value."""
    try:
        pdu.set_val(value)
        encoded: bytes = pdu.to_uper()
    except Exception as error:
        raise ValueError(f"{pdu.fullname()} can't be encoded: {error}") from error
    return encoded


def decode(pdu: Any, data: bytes) -> dict[str, Any]:
    """The value of a message; MalformedMessage, whatever the bytes are."""
    try:
        pdu.from_uper(data)
        value: dict[str, Any] = pdu.get_val()
    except Exception as error:
        # A decoder of hostile bytes may fail in any way; none of them may pass.
        raise MalformedMessage(f"not a message: {type(error).__name__}") from error
    return value


class Header(NamedTuple):
    """ItsPduHeader: the number that tells a message's type on the wire, and its version."""

    message_id: int
    version: int

    def encode(self, station_id: int) -> dict[str, int]:
        """The header of a station's message."""
        return {
            "protocolVersion": self.version,
            "messageID": self.message_id,
            "stationID": station_id,
        }

    def decode(self, value: dict[str, int]) -> int:
        """The sender of a message, whose header must be this one."""
        found = Header(value["messageID"], value["protocolVersion"])
        if found != self:
            raise MalformedMessage(f"header {found}; expected {self}")
        return value["stationID"]


# Time


def timestamp_ms(instant_ns: int) -> int:
    """TimestampIts of a simulated instant, rounded down to the millisecond."""
    return _EPOCH_MS + instant_ns // _NS_PER_MS


def instant_ns(timestamp: int) -> int:
    """The simulated instant of a TimestampIts [ns]."""
    return (timestamp - _EPOCH_MS) * _NS_PER_MS


def delta_time(generated_ns: int) -> int:
    """GenerationDeltaTime: the timestamp modulo 65 536 ms."""
    return timestamp_ms(generated_ns) % _DELTA_MS


def undelta_ns(delta: int, received_ns: int) -> int:
    """The latest instant that has this GenerationDeltaTime and isn't after the reception [ns]."""
    received_ms = timestamp_ms(received_ns)
    return instant_ns(received_ms - (received_ms - delta) % _DELTA_MS)


# Places and movements


def position(frame: Frame, x_m: float, y_m: float) -> dict[str, Any]:
    """ReferencePosition of a point in the plane; how good it is and how high is left open."""
    place = frame.to_wgs84(x_m, y_m)
    return {
        "latitude": place.latitude,
        "longitude": place.longitude,
        "positionConfidenceEllipse": {
            "semiMajorConfidence": 4095,
            "semiMinorConfidence": 4095,
            "semiMajorOrientation": _BEARING_UNKNOWN,
        },
        "altitude": {"altitudeValue": 800_001, "altitudeConfidence": "unavailable"},
    }


def point(frame: Frame, value: dict[str, Any]) -> tuple[float, float]:
    """The point in the plane of a ReferencePosition [m]."""
    latitude, longitude = value["latitude"], value["longitude"]
    if abs(latitude) > _LATITUDE_MAX or abs(longitude) > _LONGITUDE_MAX:
        raise MalformedMessage("without a position")
    try:
        return frame.to_plane(Wgs84(latitude, longitude))
    except ValueError as error:
        raise MalformedMessage(str(error)) from error


def heading(frame: Frame, heading_rad: float) -> dict[str, int]:
    """Heading: 0.1 degrees clockwise from true north."""
    return {
        "headingValue": round(frame.to_bearing_deg(heading_rad) * 10) % 3600,
        "headingConfidence": 127,
    }


def heading_rad(frame: Frame, value: dict[str, int]) -> float:
    """Heading in the plane [rad]."""
    bearing = known(value["headingValue"], _BEARING_UNKNOWN, "heading")
    return frame.to_heading_rad(bearing / 10)


def speed(speed_mps: float) -> dict[str, int]:
    """Speed: 0.01 m/s, up to 163.82 m/s, without a sign."""
    return {"speedValue": clamp(abs(speed_mps) * 100, 0, 16_382), "speedConfidence": 127}


def speed_mps(value: dict[str, int]) -> float:
    """Speed [m/s]."""
    return known(value["speedValue"], _SPEED_UNKNOWN, "speed") / 100


def acceleration(acceleration_mps2: float) -> dict[str, int]:
    """LongitudinalAcceleration: 0.1 m/s2, within 16 m/s2; braking is negative."""
    return {
        "longitudinalAccelerationValue": clamp(acceleration_mps2 * 10, -160, 160),
        "longitudinalAccelerationConfidence": 102,
    }


def acceleration_mps2(value: dict[str, int]) -> float:
    """Acceleration along the heading [m/s2]."""
    units = known(value["longitudinalAccelerationValue"], _ACCELERATION_UNKNOWN, "acceleration")
    return units / 10


def along(x_m: float, y_m: float, heading_rad: float, distance_m: float) -> tuple[float, float]:
    """The point a distance further along a heading [m]."""
    return x_m + distance_m * math.cos(heading_rad), y_m + distance_m * math.sin(heading_rad)


def known(value: int, unknown: int, what: str) -> int:
    """A number that isn't the one for "unavailable"."""
    if value == unknown:
        raise MalformedMessage(f"without a {what}")
    return value


def clamp(value: float, low: int, high: int) -> int:
    """The nearest whole number within bounds."""
    return min(max(round(value), low), high)
