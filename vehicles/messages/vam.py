"""The vulnerable road user awareness message (ETSI TS 103 300-3): here I walk, or cycle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pycrate_asn1dir.ITS_VAM_3 import VAM_PDU_Descriptions

from vehicles.messages import uper
from vehicles.messages.frame import Frame
from vehicles.messages.kinds import StationType

# Encoded sizes without and with the container of slowly changing things: every field that is sent
# has a fixed width.
SIZE_BYTES = 34
SIZE_WITH_LOW_FREQUENCY_BYTES = 36

_PDU = VAM_PDU_Descriptions.VAM
_HEADER = uper.Header(message_id=16, version=3)
_BODIES_M = {StationType.CYCLIST: (1.8, 0.65)}
_PEDESTRIAN_M = (0.5, 0.5)
_PROFILES = {
    StationType.PEDESTRIAN: ("pedestrian", "ordinary-pedestrian"),
    StationType.CYCLIST: ("bicyclist", "bicyclist"),
}


@dataclass(frozen=True, slots=True)
class Vam:
    """One pedestrian's or cyclist's awareness message; the position is the centre of its body."""

    station_id: int
    station_type: StationType
    generation_time_ns: int
    x_m: float
    y_m: float
    heading_rad: float
    speed_mps: float
    acceleration_mps2: float

    @property
    def length_m(self) -> float:
        """What a body of its type is long; the message doesn't say."""
        return _BODIES_M.get(self.station_type, _PEDESTRIAN_M)[0]

    @property
    def width_m(self) -> float:
        """What a body of its type is wide; the message doesn't say."""
        return _BODIES_M.get(self.station_type, _PEDESTRIAN_M)[1]

    def encode(self, frame: Frame, *, low_frequency: bool = False) -> bytes:
        """UPER bytes, with the container of slowly changing things if asked for."""
        parameters: dict[str, Any] = {
            "basicContainer": {
                "stationType": int(self.station_type),
                "referencePosition": uper.position(frame, self.x_m, self.y_m),
            },
            "vruHighFrequencyContainer": {
                "heading": uper.heading(frame, self.heading_rad),
                "speed": uper.speed(self.speed_mps),
                "longitudinalAcceleration": uper.acceleration(self.acceleration_mps2),
            },
        }
        if low_frequency:
            profile = _PROFILES.get(self.station_type, ("pedestrian", "unavailable"))
            parameters["vruLowFrequencyContainer"] = {"profileAndSubprofile": profile}
        return uper.encode(
            _PDU,
            {
                "header": _HEADER.encode(self.station_id),
                "vam": {
                    "generationDeltaTime": uper.delta_time(self.generation_time_ns),
                    "vamParameters": parameters,
                },
            },
        )

    @classmethod
    def decode(cls, data: bytes, frame: Frame, received_ns: int) -> Vam:
        """The message; MalformedMessage for anything else."""
        value = uper.decode(_PDU, data)
        parameters = value["vam"]["vamParameters"]
        basic = parameters["basicContainer"]
        moving = parameters.get("vruHighFrequencyContainer")
        if moving is None:
            raise uper.MalformedMessage("without a movement")
        x_m, y_m = uper.point(frame, basic["referencePosition"])
        return cls(
            station_id=_HEADER.decode(value["header"]),
            station_type=StationType(basic["stationType"]),
            generation_time_ns=uper.undelta_ns(value["vam"]["generationDeltaTime"], received_ns),
            x_m=x_m,
            y_m=y_m,
            heading_rad=uper.heading_rad(frame, moving["heading"]),
            speed_mps=uper.speed_mps(moving["speed"]),
            acceleration_mps2=uper.acceleration_mps2(moving["longitudinalAcceleration"]),
        )
