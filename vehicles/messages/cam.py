"""The cooperative awareness message (ETSI EN 302 637-2 V1.4.1): here I am, so I move."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pycrate_asn1dir.ITS_CAM_2 import CAM_PDU_Descriptions

from network.arrays import Ints
from vehicles.messages import uper
from vehicles.messages.frame import Frame
from vehicles.messages.kinds import StationType
from vehicles.messages.path_history import PathPoint

# Encoded sizes: every field has a fixed width.
SIZE_BYTES = 41
_WITH_LOW_FREQUENCY_BITS = 341
_PATH_POINT_BITS = 69

_PDU = CAM_PDU_Descriptions.CAM
_HEADER = uper.Header(message_id=2, version=2)
_LENGTH_UNKNOWN, _WIDTH_UNKNOWN, _YAW_RATE_UNKNOWN = 1023, 62, 32_767
_DELTA_UNKNOWN, _ALTITUDE_DELTA_UNKNOWN = 131_072, 12_800
_NS_PER_PATH_TIME = 10_000_000


def size_with_low_frequency_bytes(path_points: Ints) -> Ints:
    """Encoded sizes of CAMs with the container of slowly changing things, shape (n,)."""
    return -(-(_WITH_LOW_FREQUENCY_BITS + _PATH_POINT_BITS * path_points) // 8)


@dataclass(frozen=True, slots=True)
class Cam:
    """One vehicle's awareness message; the position is the centre of its body.

    On the wire it is the middle of the front bumper (clause B.19). `path` is the way of that point
    until now, the newest first, in the container of slowly changing things; None without it.
    """

    station_id: int
    station_type: StationType
    generation_time_ns: int
    x_m: float
    y_m: float
    heading_rad: float
    speed_mps: float
    acceleration_mps2: float
    yaw_rate_radps: float
    length_m: float
    width_m: float
    path: tuple[PathPoint, ...] | None = None

    def encode(self, frame: Frame) -> bytes:
        """UPER bytes; ValueError for more than 40 points of its way."""
        front = uper.along(self.x_m, self.y_m, self.heading_rad, 0.5 * self.length_m)
        moving: dict[str, Any] = {
            "heading": uper.heading(frame, self.heading_rad),
            "speed": uper.speed(self.speed_mps),
            "driveDirection": "forward" if self.speed_mps >= 0.0 else "backward",
            "vehicleLength": {
                "vehicleLengthValue": uper.clamp(self.length_m * 10, 1, 1022),
                "vehicleLengthConfidenceIndication": "noTrailerPresent",
            },
            "vehicleWidth": uper.clamp(self.width_m * 10, 1, 61),
            "longitudinalAcceleration": uper.acceleration(self.acceleration_mps2),
            "curvature": {"curvatureValue": 1023, "curvatureConfidence": "unavailable"},
            "curvatureCalculationMode": "yawRateUsed",
            "yawRate": {
                "yawRateValue": uper.clamp(
                    math.degrees(self.yaw_rate_radps) * 100, -32_766, 32_766
                ),
                "yawRateConfidence": "unavailable",
            },
        }
        here = uper.position(frame, *front)
        parameters: dict[str, Any] = {
            "basicContainer": {
                "stationType": int(self.station_type),
                "referencePosition": here,
            },
            "highFrequencyContainer": ("basicVehicleContainerHighFrequency", moving),
        }
        if self.path is not None:
            parameters["lowFrequencyContainer"] = (
                "basicVehicleContainerLowFrequency",
                {
                    "vehicleRole": "default",
                    "exteriorLights": (0, 8),
                    "pathHistory": [self._path_point(frame, here, point) for point in self.path],
                },
            )
        return uper.encode(
            _PDU,
            {
                "header": _HEADER.encode(self.station_id),
                "cam": {
                    "generationDeltaTime": uper.delta_time(self.generation_time_ns),
                    "camParameters": parameters,
                },
            },
        )

    @classmethod
    def decode(cls, data: bytes, frame: Frame, received_ns: int) -> Cam:
        """The message; MalformedMessage for anything else."""
        value = uper.decode(_PDU, data)
        basic = value["cam"]["camParameters"]["basicContainer"]
        container, moving = value["cam"]["camParameters"]["highFrequencyContainer"]
        if container != "basicVehicleContainerHighFrequency":
            raise uper.MalformedMessage(f"{container}; expected a vehicle's")
        length = moving["vehicleLength"]["vehicleLengthValue"]
        length_m = uper.known(length, _LENGTH_UNKNOWN, "length") / 10
        heading_rad = uper.heading_rad(frame, moving["heading"])
        front = uper.point(frame, basic["referencePosition"])
        x_m, y_m = uper.along(*front, heading_rad, -0.5 * length_m)
        generated_ns = uper.undelta_ns(value["cam"]["generationDeltaTime"], received_ns)
        path = None
        if "lowFrequencyContainer" in value["cam"]["camParameters"]:
            _name, slow = value["cam"]["camParameters"]["lowFrequencyContainer"]
            path = tuple(
                _passed(frame, basic["referencePosition"], generated_ns, point)
                for point in slow["pathHistory"]
            )
        forward = -1.0 if moving["driveDirection"] == "backward" else 1.0
        yaw_rate = uper.known(moving["yawRate"]["yawRateValue"], _YAW_RATE_UNKNOWN, "yaw rate")
        return cls(
            station_id=_HEADER.decode(value["header"]),
            station_type=StationType(basic["stationType"]),
            generation_time_ns=generated_ns,
            x_m=x_m,
            y_m=y_m,
            heading_rad=heading_rad,
            speed_mps=forward * uper.speed_mps(moving["speed"]),
            acceleration_mps2=uper.acceleration_mps2(moving["longitudinalAcceleration"]),
            yaw_rate_radps=math.radians(yaw_rate / 100),
            length_m=length_m,
            width_m=uper.known(moving["vehicleWidth"], _WIDTH_UNKNOWN, "width") / 10,
            path=path,
        )

    def _path_point(self, frame: Frame, here: dict[str, Any], point: PathPoint) -> dict[str, Any]:
        """PathPoint: how far from the reference position, and how long ago."""
        place = frame.to_wgs84(point.x_m, point.y_m)
        value: dict[str, Any] = {
            "pathPosition": {
                "deltaLatitude": uper.clamp(
                    place.latitude - here["latitude"], 1 - _DELTA_UNKNOWN, _DELTA_UNKNOWN - 1
                ),
                "deltaLongitude": uper.clamp(
                    place.longitude - here["longitude"], 1 - _DELTA_UNKNOWN, _DELTA_UNKNOWN - 1
                ),
                "deltaAltitude": _ALTITUDE_DELTA_UNKNOWN,
            }
        }
        if point.passed_ns is not None:
            elapsed_ns = self.generation_time_ns - point.passed_ns
            value["pathDeltaTime"] = uper.clamp(elapsed_ns / _NS_PER_PATH_TIME, 1, 65_535)
        return value


def _passed(
    frame: Frame, here: dict[str, Any], generated_ns: int, value: dict[str, Any]
) -> PathPoint:
    delta = value["pathPosition"]
    place = {
        name: here[name] + uper.known(delta[f"delta{name.capitalize()}"], _DELTA_UNKNOWN, "place")
        for name in ("latitude", "longitude")
    }
    passed_ns = None
    if "pathDeltaTime" in value:
        passed_ns = generated_ns - value["pathDeltaTime"] * _NS_PER_PATH_TIME
    return PathPoint(*uper.point(frame, place), passed_ns)
