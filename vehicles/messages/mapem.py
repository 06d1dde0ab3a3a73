"""The map message (ETSI TS 103 301): the lanes of an intersection, and which light is for whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pycrate_asn1dir.ITS_IS import MAPEM_PDU_Descriptions

from vehicles.messages import uper
from vehicles.messages.frame import Frame, Wgs84

LANES_MAX = 255
CONNECTIONS_MAX = 16
POINTS_MAX = 63

_PDU = MAPEM_PDU_Descriptions.MAPEM
_HEADER = uper.Header(message_id=5, version=2)
_NO_BITS_OF_VEHICLE_LANES = (0, 8)
_INGRESS, _EGRESS = (0b10, 2), (0b01, 2)
# From the smallest on: offsets that fit into so many centimetres either way.
_NODES = (
    ("node-XY1", 512),
    ("node-XY2", 1024),
    ("node-XY3", 2048),
    ("node-XY4", 4096),
    ("node-XY5", 8192),
    ("node-XY6", 32_768),
)


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a lane leads, and the signal group that lets it; 0 if none does."""

    to_lane_id: int
    signal_group: int


@dataclass(frozen=True, slots=True)
class MapLane:
    """One lane; its centre line goes outwards from the stop line, or from the far side.

    No two of its points may be more than 320 m apart in x or y, nor the first from the
    intersection's point of reference.
    """

    lane_id: int
    ingress: bool
    points_m: tuple[tuple[float, float], ...]
    connections: tuple[Connection, ...] = ()


@dataclass(frozen=True, slots=True)
class Mapem:
    """The lanes of one intersection around a point of reference; one width for all of them."""

    station_id: int
    generation_time_ns: int
    intersection_id: int
    x_m: float
    y_m: float
    lane_width_m: float
    lanes: tuple[MapLane, ...]

    def encode(self, frame: Frame) -> bytes:
        """UPER bytes; ValueError for more lanes, points or connections than it can say."""
        place = frame.to_wgs84(self.x_m, self.y_m)
        intersection = {
            "id": {"id": self.intersection_id},
            "revision": 0,
            "refPoint": {"lat": place.latitude, "long": place.longitude},
            "laneWidth": uper.clamp(self.lane_width_m * 100, 0, 32_767),
            "laneSet": [self._lane(frame, lane) for lane in self.lanes],
        }
        return uper.encode(
            _PDU,
            {
                "header": _HEADER.encode(self.station_id),
                "map": {
                    "msgIssueRevision": 0,
                    "intersections": [intersection],
                },
            },
        )

    @classmethod
    def decode(cls, data: bytes, frame: Frame, received_ns: int) -> Mapem:
        """The message; MalformedMessage for anything else, and for several intersections.

        A map doesn't say when it was made: it was true when it came.
        """
        value = uper.decode(_PDU, data)
        station_id = _HEADER.decode(value["header"])
        try:
            (intersection,) = value["map"]["intersections"]
            place, width = intersection["refPoint"], intersection["laneWidth"]
            x_m, y_m = uper.point(frame, {"latitude": place["lat"], "longitude": place["long"]})
            lanes = tuple(_map_lane(frame, (x_m, y_m), lane) for lane in intersection["laneSet"])
        except KeyError as error:
            raise uper.MalformedMessage(f"without its {error.args[0]}") from error
        except uper.MalformedMessage:
            raise
        except ValueError as error:
            raise uper.MalformedMessage("several intersections; expected one") from error
        return cls(
            station_id=station_id,
            generation_time_ns=received_ns,
            intersection_id=intersection["id"]["id"],
            x_m=x_m,
            y_m=y_m,
            lane_width_m=width / 100,
            lanes=lanes,
        )

    def _lane(self, frame: Frame, lane: MapLane) -> dict[str, Any]:
        value: dict[str, Any] = {
            "laneID": lane.lane_id,
            "laneAttributes": {
                "directionalUse": _INGRESS if lane.ingress else _EGRESS,
                "sharedWith": (0, 10),
                "laneType": ("vehicle", _NO_BITS_OF_VEHICLE_LANES),
            },
            "nodeList": ("nodes", _nodes(frame, (self.x_m, self.y_m), lane.points_m)),
        }
        if lane.connections:
            value["connectsTo"] = [
                {
                    "connectingLane": {"lane": connection.to_lane_id},
                    "signalGroup": connection.signal_group,
                }
                for connection in lane.connections
            ]
        return value


def _nodes(
    frame: Frame, origin: tuple[float, float], points_m: tuple[tuple[float, float], ...]
) -> list[dict[str, Any]]:
    """Offsets of each point from the one before, rounded so that errors don't add up."""
    nodes = []
    x_before = y_before = 0
    for x_m, y_m in points_m:
        east_m, north_m = frame.to_east_north(x_m - origin[0], y_m - origin[1])
        x, y = round(east_m * 100), round(north_m * 100)
        dx, dy = x - x_before, y - y_before
        x_before, y_before = x, y
        name = next((name for name, reach in _NODES if max(abs(dx), abs(dy)) < reach), None)
        if name is None:
            raise ValueError(f"points of a lane are {max(abs(dx), abs(dy)) / 100:g} m apart")
        nodes.append({"delta": (name, {"x": dx, "y": dy})})
    return nodes


def _map_lane(frame: Frame, origin: tuple[float, float], value: dict[str, Any]) -> MapLane:
    form, nodes = value["nodeList"]
    if form != "nodes":
        raise uper.MalformedMessage(f"a lane of {form} points; expected nodes")
    points = []
    east = north = 0
    for node in nodes:
        name, offset = node["delta"]
        if name == "node-LatLon":
            points.append(frame.to_plane(Wgs84(offset["lat"], offset["lon"])))
            continue
        if not name.startswith("node-XY"):
            raise uper.MalformedMessage(f"a point as {name}")
        east, north = east + offset["x"], north + offset["y"]
        dx_m, dy_m = frame.from_east_north(east / 100, north / 100)
        points.append((origin[0] + dx_m, origin[1] + dy_m))
    bits, _length = value["laneAttributes"]["directionalUse"]
    return MapLane(
        lane_id=value["laneID"],
        ingress=bits == _INGRESS[0],
        points_m=tuple(points),
        connections=tuple(
            Connection(connection["connectingLane"]["lane"], connection.get("signalGroup", 0))
            for connection in value.get("connectsTo", [])
        ),
    )
