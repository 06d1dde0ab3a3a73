"""The cooperative awareness message (ETSI EN 302 637-2 V1.4.1): here I am, so I move."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pycrate_asn1dir.ITS_CAM_2 import CAM_PDU_Descriptions

from vehicles.messages import uper
from vehicles.messages.frame import Frame
from vehicles.messages.kinds import StationType

# Encoded sizes, with an empty path history: every field has a fixed width.
SIZE_BYTES = 41
SIZE_WITH_LOW_FREQUENCY_BYTES = 43

_PDU = CAM_PDU_Descriptions.CAM
_HEADER = uper.Header(message_id=2, version=2)
_LENGTH_UNKNOWN, _WIDTH_UNKNOWN, _YAW_RATE_UNKNOWN = 1023, 62, 32_767


@dataclass(frozen=True, slots=True)
class Cam:
    """One vehicle's awareness message; the position is the centre of its body.

    On the wire it is the middle of the front bumper (clause B.19).
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

    def encode(self, frame: Frame, *, low_frequency: bool = False) -> bytes:
        """UPER bytes, with the container of slowly changing things if asked for."""
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
        parameters: dict[str, Any] = {
            "basicContainer": {
                "stationType": int(self.station_type),
                "referencePosition": uper.position(frame, *front),
            },
            "highFrequencyContainer": ("basicVehicleContainerHighFrequency", moving),
        }
        if low_frequency:
            parameters["lowFrequencyContainer"] = (
                "basicVehicleContainerLowFrequency",
                {"vehicleRole": "default", "exteriorLights": (0, 8), "pathHistory": []},
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
        forward = -1.0 if moving["driveDirection"] == "backward" else 1.0
        yaw_rate = uper.known(moving["yawRate"]["yawRateValue"], _YAW_RATE_UNKNOWN, "yaw rate")
        return cls(
            station_id=_HEADER.decode(value["header"]),
            station_type=StationType(basic["stationType"]),
            generation_time_ns=uper.undelta_ns(value["cam"]["generationDeltaTime"], received_ns),
            x_m=x_m,
            y_m=y_m,
            heading_rad=heading_rad,
            speed_mps=forward * uper.speed_mps(moving["speed"]),
            acceleration_mps2=uper.acceleration_mps2(moving["longitudinalAcceleration"]),
            yaw_rate_radps=math.radians(yaw_rate / 100),
            length_m=length_m,
            width_m=uper.known(moving["vehicleWidth"], _WIDTH_UNKNOWN, "width") / 10,
        )
