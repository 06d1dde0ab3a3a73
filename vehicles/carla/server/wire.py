"""What travels between CARLA 0.9.16's client and the server, bytes and msgpack alike.

RPC is MessagePack-RPC on one port: requests `[0, id, method, [[asynchronous], argument...]]`,
responses `[1, id, error, result]`. Streams are separate connections on another port, found by
24-byte tokens; their messages are a 4-byte length and a body that begins with a sensor header.
Everything binary is little endian and packed. The client trusts the stream side blindly: an
unknown sensor type or a body of the wrong size ends its process, so every body is built here.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import IntEnum
from math import isfinite
from typing import Any, NamedTuple

import msgpack
import numpy as np
from numpy.typing import NDArray

VERSION = "0.9.16"
WORLD_STREAM = 1

Triple = tuple[float, float, float]


class CarlaError(Exception):
    """A refusal that the client's caller gets to read."""


class SensorType(IntEnum):
    """Index of a stream's messages in the client's list of sensors."""

    COLLISION = 0
    GNSS = 4
    IMU = 5
    OBSTACLE = 7
    WORLD = 17
    V2X = 20
    V2X_CUSTOM = 21


class Transform(NamedTuple):
    """Location [m] and rotation (pitch, yaw, roll) [deg]."""

    location: Triple
    rotation: Triple

    @classmethod
    def read(cls, value: Sequence[Sequence[float]]) -> Transform:
        """From its msgpack form; CarlaError if it isn't finite."""
        return cls(read_triple(value[0]), read_triple(value[1]))


def read_triple(value: Sequence[float]) -> Triple:
    """Three finite numbers; CarlaError if they aren't."""
    x, y, z = read_finite(value)
    return (x, y, z)


def read_finite(values: Sequence[float]) -> Sequence[float]:
    """The numbers themselves; CarlaError unless all are finite, as only those move anything."""
    if not all(map(isfinite, values)):
        raise CarlaError(f"expected finite numbers, got {list(values)}")
    return values


def success(value: Any) -> list[Any]:
    """A `Response<T>` that holds a value."""
    return [[1, value]]


def failure(text: str) -> list[Any]:
    """A `Response<T>` that holds an error."""
    return [[0, [text]]]


def void_success() -> list[Any]:
    """A `Response<void>` without an error."""
    return [[False]]


def void_failure(text: str) -> list[Any]:
    """A `Response<void>` with an error."""
    return [[True, [text]]]


def response(message_id: int, error: str | None, result: Any) -> bytes:
    """A whole RPC response."""
    packed: bytes = msgpack.packb([1, message_id, error, result])
    return packed


def token(stream_id: int, port: int) -> bytes:
    """Where a stream is found: at the host that the client already knows, by TCP."""
    return struct.pack("<IHBB16x", stream_id, port, 1, 0)


def framed(body: bytes) -> bytes:
    """A stream message with its length."""
    return struct.pack("<I", len(body)) + body


def header(kind: SensorType, frame: int, elapsed_s: float, transform: Transform) -> bytes:
    """The 48 bytes before every sensor's payload."""
    (x, y, z), (pitch, yaw, roll) = transform
    return struct.pack("<QQd6f", kind, frame, elapsed_s, x, y, z, pitch, yaw, roll)


def world_header(
    frame: int, elapsed_s: float, *, episode: int, platform_s: float, delta_s: float
) -> bytes:
    """Sensor header and episode header of a world snapshot, before its actors."""
    nowhere = Transform((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    return header(SensorType.WORLD, frame, elapsed_s, nowhere) + struct.pack(
        "<Qdf3iI", episode, platform_s, delta_s, 0, 0, 0, 0
    )


_COMMON = [
    ("id", "<u4", 0),
    ("state", "u1", 4),
    ("location", ("<f4", 3), 5),
    ("rotation", ("<f4", 3), 17),
    ("velocity", ("<f4", 3), 29),
    ("angular_velocity", ("<f4", 3), 41),
    ("acceleration", ("<f4", 3), 53),
]
_VEHICLE = [
    ("throttle", "<f4", 65),
    ("steer", "<f4", 69),
    ("brake", "<f4", 73),
    ("hand_brake", "u1", 77),
    ("reverse", "u1", 78),
    ("manual_gear_shift", "u1", 79),
    ("gear", "<i4", 80),
    ("speed_limit_kmph", "<f4", 84),
    ("light_state", "u1", 88),
    ("has_light", "u1", 89),
    ("light_id", "<u4", 90),
    ("failure", "u1", 94),
]
_LIGHT = [
    ("sign_id", "S32", 65),
    ("green_s", "<f4", 97),
    ("yellow_s", "<f4", 101),
    ("red_s", "<f4", 105),
    ("elapsed_s", "<f4", 109),
    ("pole", "<u4", 113),
    ("frozen", "u1", 117),
    ("light", "u1", 118),
]
_WALKER = [("direction", ("<f4", 3), 65), ("speed", "<f4", 77), ("jump", "u1", 81)]

ACTOR_BYTES = 119


def _row(fields: list[tuple[Any, ...]]) -> np.dtype[np.void]:
    names, formats, offsets = zip(*fields, strict=True)
    return np.dtype(
        {
            "names": list(names),
            "formats": list(formats),
            "offsets": list(offsets),
            "itemsize": ACTOR_BYTES,
        }
    )


# One actor of a world snapshot, as the kind of actor reads its last 54 bytes.
ACTOR_ROW = _row(_COMMON)
VEHICLE_ROW = _row(_VEHICLE)
LIGHT_ROW = _row(_LIGHT)
WALKER_ROW = _row(_WALKER)


def snapshot(head: bytes, actors: NDArray[np.uint8]) -> bytes:
    """A whole world snapshot out of `world_header` and the bytes of one `ACTOR_ROW` per actor."""
    assert actors.shape[1] == ACTOR_BYTES
    return head + actors.tobytes()


def collision(actor: Any, other: Any, impulse_ns: Triple) -> bytes:
    """Payload of a collision: both actors and the impulse [N s]."""
    return _packed([actor, other, list(impulse_ns)])


def obstacle(actor: Any, other: Any, distance_m: float) -> bytes:
    """Payload of an obstacle ahead."""
    return _packed([actor, other, distance_m])


def gnss(latitude_deg: float, longitude_deg: float, altitude_m: float) -> bytes:
    """Payload of a satellite fix."""
    return _packed([latitude_deg, longitude_deg, altitude_m])


def imu(accelerometer_mps2: Triple, gyroscope_radps: Triple, compass_rad: float) -> bytes:
    """Payload of an inertial measurement."""
    return _packed([list(accelerometer_mps2), list(gyroscope_radps), compass_rad])


V2X_TEXT_BYTES = 99


def v2x_custom(station_id: int, power_dbm: float, text: str) -> bytes:
    """Payload of one received message with text of at most `V2X_TEXT_BYTES` bytes."""
    told = text.encode()[:V2X_TEXT_BYTES]
    return struct.pack("<f4xqqq100s4x", power_dbm, 2, 0, station_id, told)


def _packed(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value)
    return packed
