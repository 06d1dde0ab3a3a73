"""The collective perception message (ETSI TS 103 324 V2.1.1): here is what my sensors see.

pycrate ships no module of it, and its ASN.1 uses information objects, which asn1tools doesn't know:
`cpm.asn` holds the part that is used, laid out bit for bit as in the standard. A CPM that has other
optional fields is refused as malformed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import asn1tools

from vehicles.messages import uper
from vehicles.messages.frame import Frame
from vehicles.messages.kinds import StationType
from vehicles.state import Kind

OBJECTS_MAX = 255

_HEADER = uper.Header(message_id=14, version=2)
_ORIGINATING_VEHICLE, _PERCEIVED_OBJECTS = 1, 5
_REACH_CM, _FASTEST_CMPS, _LONGEST_DM = 131_070, 16_381, 254
_SPEED_UNKNOWN, _DIMENSION_UNKNOWN = 16_383, 256
_CLASS_OF_KIND: dict[Kind, tuple[str, Any]] = {
    Kind.CAR: ("vehicle", int(StationType.PASSENGER_CAR)),
    Kind.TRUCK: ("vehicle", int(StationType.HEAVY_TRUCK)),
    Kind.BUS: ("vehicle", int(StationType.BUS)),
    Kind.MOTORCYCLE: ("vru", ("motorcyclist", 2)),
    Kind.BICYCLE: ("vru", ("bicyclist", 1)),
    Kind.PEDESTRIAN: ("vru", ("pedestrian", 1)),
    Kind.OTHER: ("vehicle", int(StationType.UNKNOWN)),
}
_KIND_OF_VRU = {
    "motorcyclist": Kind.MOTORCYCLE,
    "bicyclist": Kind.BICYCLE,
    "pedestrian": Kind.PEDESTRIAN,
}
_KIND_OF_VEHICLE = {
    value: kind for kind, (name, value) in _CLASS_OF_KIND.items() if name == "vehicle"
}


@dataclass(frozen=True, slots=True)
class PerceivedObject:
    """A road user that a sensor sees; the position is the centre of its body.

    Args:
        object_id: by which the sender knows it again.
        measured_ns: when it was seen there [ns].
        x_m: in the net's plane, as everything.
        y_m: the same.
        vx_mps: speed along x.
        vy_mps: speed along y.
        kind: what it looks like.
        length_m: of its body.
        width_m: of its body.
    """

    object_id: int
    measured_ns: int
    x_m: float
    y_m: float
    vx_mps: float
    vy_mps: float
    kind: Kind
    length_m: float
    width_m: float


@dataclass(frozen=True, slots=True)
class Cpm:
    """What one station's sensors see; its position is that of the station.

    `heading_rad` is a vehicle's, in its container of the originating station; None beside the road.
    """

    station_id: int
    generation_time_ns: int
    x_m: float
    y_m: float
    objects: tuple[PerceivedObject, ...]
    heading_rad: float | None = None

    def encode(self, frame: Frame) -> bytes:
        """UPER bytes; ValueError for more than 255 objects."""
        objects = [self._object(frame, seen) for seen in self.objects]
        place = uper.position(frame, self.x_m, self.y_m)
        place["altitude"]["altitudeConfidence"] = 15
        try:
            containers = [
                _container(
                    _PERCEIVED_OBJECTS,
                    "PerceivedObjects",
                    {"numberOfPerceivedObjects": len(objects), "perceivedObjects": objects},
                )
            ]
            if self.heading_rad is not None:
                bearing = uper.heading(frame, self.heading_rad)["headingValue"]
                vehicle = {"orientationAngle": {"value": bearing, "confidence": 127}}
                containers.insert(
                    0, _container(_ORIGINATING_VEHICLE, "OriginatingVehicle", vehicle)
                )
            encoded: bytes = _asn1().encode(
                "Cpm",
                {
                    "header": {
                        "protocolVersion": _HEADER.version,
                        "messageId": _HEADER.message_id,
                        "stationId": self.station_id,
                    },
                    "payload": {
                        "management": {
                            "referenceTime": uper.timestamp_ms(self.generation_time_ns),
                            "referencePosition": place,
                        },
                        "containers": containers,
                    },
                },
                check_constraints=True,
            )
        except asn1tools.Error as error:
            raise ValueError(f"CPM can't be encoded: {error}") from error
        return encoded

    @classmethod
    def decode(cls, data: bytes, frame: Frame, received_ns: int) -> Cpm:
        """The message; MalformedMessage for anything else."""
        del received_ns
        value = _decode("Cpm", data)
        header, payload = value["header"], value["payload"]
        station_id = _HEADER.decode(
            {
                "messageID": header["messageId"],
                "protocolVersion": header["protocolVersion"],
                "stationID": header["stationId"],
            }
        )
        management = payload["management"]
        x_m, y_m = uper.point(frame, management["referencePosition"])
        generated_ns = uper.instant_ns(management["referenceTime"])
        objects: list[PerceivedObject] = []
        heading_rad = None
        for container in payload["containers"]:
            if container["containerId"] == _ORIGINATING_VEHICLE:
                vehicle = _decode("OriginatingVehicle", container["containerData"])
                bearing = {"headingValue": vehicle["orientationAngle"]["value"]}
                heading_rad = uper.heading_rad(frame, bearing)
            elif container["containerId"] == _PERCEIVED_OBJECTS:
                seen = _decode("PerceivedObjects", container["containerData"])
                objects.extend(
                    _perceived(frame, (x_m, y_m), generated_ns, one)
                    for one in seen["perceivedObjects"]
                )
        return cls(station_id, generated_ns, x_m, y_m, tuple(objects), heading_rad)

    def _object(self, frame: Frame, seen: PerceivedObject) -> dict[str, Any]:
        east_m, north_m = frame.to_east_north(seen.x_m - self.x_m, seen.y_m - self.y_m)
        v_east, v_north = frame.to_east_north(seen.vx_mps, seen.vy_mps)
        delta_ms = (seen.measured_ns - self.generation_time_ns) // 1_000_000
        return {
            "objectId": seen.object_id,
            "measurementDeltaTime": uper.clamp(delta_ms, -2048, 2047),
            "position": {"x": _coordinate(east_m), "y": _coordinate(north_m)},
            "velocity": ("cartesian", {"x": _component(v_east), "y": _component(v_north)}),
            "dimensionX": _dimension(seen.length_m),
            "dimensionY": _dimension(seen.width_m),
            "classification": [{"class": _CLASS_OF_KIND[seen.kind], "confidence": 101}],
        }


def _perceived(
    frame: Frame, origin: tuple[float, float], generated_ns: int, value: dict[str, Any]
) -> PerceivedObject:
    try:
        moves, speed = value["velocity"]
        if moves != "cartesian":
            raise uper.MalformedMessage("an object without a velocity in x and y")
        v_east = uper.known(speed["x"]["value"], _SPEED_UNKNOWN, "speed") / 100
        v_north = uper.known(speed["y"]["value"], _SPEED_UNKNOWN, "speed") / 100
        length = uper.known(value["dimensionX"]["value"], _DIMENSION_UNKNOWN, "length")
        width = uper.known(value["dimensionY"]["value"], _DIMENSION_UNKNOWN, "width")
        object_id = value["objectId"]
        kind = _kind(*value["classification"][0]["class"])
    except KeyError as error:
        raise uper.MalformedMessage(f"an object without its {error.args[0]}") from error
    place = value["position"]
    dx_m, dy_m = frame.from_east_north(place["x"]["value"] / 100, place["y"]["value"] / 100)
    vx_mps, vy_mps = frame.from_east_north(v_east, v_north)
    return PerceivedObject(
        object_id=object_id,
        measured_ns=generated_ns + value["measurementDeltaTime"] * 1_000_000,
        x_m=origin[0] + dx_m,
        y_m=origin[1] + dy_m,
        vx_mps=vx_mps,
        vy_mps=vy_mps,
        kind=kind,
        length_m=length / 10,
        width_m=width / 10,
    )


def _kind(name: str, value: Any) -> Kind:
    if name == "vru":
        return _KIND_OF_VRU.get(value[0], Kind.OTHER)
    return _KIND_OF_VEHICLE.get(value, Kind.OTHER) if name == "vehicle" else Kind.OTHER


def _container(number: int, name: str, value: dict[str, Any]) -> dict[str, Any]:
    data = _asn1().encode(name, value, check_constraints=True)
    return {"containerId": number, "containerData": data}


def _coordinate(metres: float) -> dict[str, int]:
    return {"value": uper.clamp(metres * 100, -_REACH_CM, _REACH_CM), "confidence": 4096}


def _component(speed_mps: float) -> dict[str, int]:
    value = uper.clamp(speed_mps * 100, -_FASTEST_CMPS, _FASTEST_CMPS)
    return {"value": value, "confidence": 127}


def _dimension(metres: float) -> dict[str, int]:
    return {"value": uper.clamp(metres * 10, 1, _LONGEST_DM), "confidence": 32}


@cache
def _asn1() -> Any:
    return asn1tools.compile_files(str(Path(__file__).with_suffix(".asn")), "uper")


def _decode(name: str, data: bytes) -> dict[str, Any]:
    try:
        value: dict[str, Any] = _asn1().decode(name, data)
    except Exception as error:
        # As in `uper.decode`: hostile bytes may make a decoder fail in any way.
        raise uper.MalformedMessage(f"not a message: {type(error).__name__}") from error
    _refuse_placeholders(value)
    return value


def _refuse_placeholders(value: Any) -> None:
    """What `cpm.asn` doesn't spell out has bits of its own where it is present: all is off then."""
    if value is None:
        raise uper.MalformedMessage("with a field that isn't known here")
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            _refuse_placeholders(part)
