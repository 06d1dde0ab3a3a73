"""OpenDRIVE as the headless server needs it: driving lanes as points, and the traffic lights.

What is read: plan view (line, arc, spiral, poly3, paramPoly3), elevation, lane offset, lane
sections with their widths and speeds, signals, controllers and the georeference. Superelevation
and lane heights are left out. Positions come out in CARLA's frame: x as in OpenDRIVE, y mirrored,
yaw clockwise from x [deg] (ASAM OpenDRIVE 1.4, clauses 5.3.4 to 5.3.7).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from network.arrays import Bools, Floats, Ints

_SPACING_M = 1.0
_SPAWN_SPACING_M = 25.0
_SPAWN_MARGIN_M = 8.0
_TRIGGER_M = 12.0
_DEFAULT_LIMIT_MPS = 50.0 / 3.6
_PER_MPS = {"m/s": 1.0, "km/h": 1.0 / 3.6, "mph": 0.44704}
_NO_LIGHT = -1


class GeoReference(NamedTuple):
    """Where the map's origin lies on the earth [deg]; the client's default if the map is silent."""

    latitude_deg: float = 42.0
    longitude_deg: float = 2.0


class Pose(NamedTuple):
    """Place on a road in CARLA's frame [m, deg]."""

    x_m: float
    y_m: float
    z_m: float
    yaw_deg: float


@dataclass(frozen=True)
class Light:
    """A traffic light: one dynamic signal of the map."""

    sign_id: str
    group: str
    """The controller, or the approach's road if no controller names the signal."""
    approach: str
    """Road whose traffic it holds: lights of one approach are green together."""
    pose: Pose
    zone: Pose
    """Middle of the stretch of lanes before the stop line where it is heeded."""
    zone_extent_m: tuple[float, float]


@dataclass(frozen=True)
class LanePoints:
    """Points along the middle of every driving lane, about a metre apart; one array entry each."""

    x_m: Floats
    y_m: Floats
    z_m: Floats
    yaw_deg: Floats
    width_m: Floats
    limit_mps: Floats
    light: Ints
    """Index of the traffic light that holds traffic here, -1 if none."""
    spawn: Bools
    """Where a vehicle may be put on the road."""


class OpenDriveMap:
    """A map read from OpenDRIVE.

    Args:
        text: the file's text.

    Raises:
        ValueError: it isn't OpenDRIVE, or has no driving lane.
    """

    def __init__(self, text: str) -> None:
        try:
            root = ET.fromstring(text.encode())
        except ET.ParseError as error:
            raise ValueError(f"not OpenDRIVE: {error}") from error
        if root.tag != "OpenDRIVE":
            raise ValueError(f"not OpenDRIVE: its root is <{root.tag}>")
        self.text = text
        self.geo_reference = _geo_reference(root)
        roads = {road.attrib["id"]: _Road(road) for road in root.iter("road")}
        found = [points for road in roads.values() for points in road.lanes()]
        if not found:
            raise ValueError("the OpenDRIVE map has no driving lane")
        self.lights = _Lights(root, roads, found).lights
        self.points = LanePoints(
            *(
                np.concatenate([getattr(points, name) for points in found])
                for name in ("x", "y", "z", "yaw_deg", "width", "limit", "light", "spawn")
            )
        )
        self._tree = cKDTree(np.column_stack((self.points.x_m, self.points.y_m)))

    def spawn_points(self) -> list[Pose]:
        """Where vehicles may be put on the road, on the ground."""
        p = self.points
        rows = np.flatnonzero(p.spawn)
        columns = (p.x_m[rows], p.y_m[rows], p.z_m[rows], p.yaw_deg[rows])
        return [Pose(*map(float, row)) for row in zip(*columns, strict=True)]

    def nearest(self, x_m: Floats, y_m: Floats) -> tuple[Ints, Floats]:
        """For each place the index of the nearest lane point and the distance to it [m]."""
        distance, index = self._tree.query(np.column_stack((x_m, y_m)))
        return np.asarray(index), np.asarray(distance)


@dataclass
class _Lane:
    """One driving lane of one lane section, in its direction of travel."""

    road: str
    lane_id: int
    s: Floats
    x: Floats
    y: Floats
    z: Floats
    yaw_deg: Floats
    width: Floats
    limit: Floats
    spawn: Bools
    light: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.light = np.full(self.s.size, _NO_LIGHT)


class _Road:
    def __init__(self, element: ET.Element) -> None:
        self.element = element
        self.id = element.attrib["id"]
        self.length_m = float(element.attrib["length"])
        self.in_junction = element.get("junction", "-1") != "-1"
        self.left_hand = element.get("rule") == "LHT"
        self._geometries = sorted(element.iter("geometry"), key=_s)
        self._elevation = _polynomials(element.findall("elevationProfile/elevation"), "s")
        self._lane_offset = _polynomials(element.findall("lanes/laneOffset"), "s")

    def reference(self, s: Floats) -> tuple[Floats, Floats, Floats]:
        """Reference line at s: x, y, heading in OpenDRIVE's frame."""
        x, y, heading = np.zeros_like(s), np.zeros_like(s), np.zeros_like(s)
        starts = np.array([_s(geometry) for geometry in self._geometries])
        which = np.maximum(np.searchsorted(starts, s, side="right") - 1, 0)
        for index in np.unique(which):
            here = which == index
            x[here], y[here], heading[here] = _trace(
                self._geometries[index], s[here] - starts[index]
            )
        return x, y, heading

    def at(self, s: Floats, t: Floats | float) -> tuple[Floats, Floats, Floats, Floats]:
        """Points beside the reference line in CARLA's frame: x, y, z and yaw along s [deg]."""
        x, y, heading = self.reference(s)
        x = x - t * np.sin(heading)
        y = y + t * np.cos(heading)
        return x, -y, _evaluate(self._elevation, s), -np.degrees(heading)

    def lanes(self) -> Iterator[_Lane]:
        """The driving lanes."""
        sections = sorted(self.element.findall("lanes/laneSection"), key=_s)
        ends = [_s(section) for section in sections[1:]] + [self.length_m]
        for section, end in zip(sections, ends, strict=True):
            begin = _s(section)
            if end - begin < 1e-3 or not self._geometries:
                continue
            s = np.linspace(begin, end, max(int((end - begin) / _SPACING_M) + 1, 2))
            for side, sign in (("left", 1), ("right", -1)):
                inner = _evaluate(self._lane_offset, s)
                lanes = section.findall(f"{side}/lane")
                for lane in sorted(lanes, key=lambda lane: abs(int(lane.attrib["id"]))):
                    widths = _polynomials(lane.findall("width"), "sOffset")
                    width = _evaluate(widths, s - begin)
                    if lane.get("type") in ("driving", "bidirectional"):
                        yield self._lane(lane, s, inner + 0.5 * sign * width, width, sign)
                    inner = inner + sign * width

    def forward(self, lane_id: int) -> bool:
        """Whether a lane's traffic goes with growing s."""
        return (lane_id < 0) != self.left_hand

    def _lane(self, lane: ET.Element, s: Floats, t: Floats, width: Floats, sign: int) -> _Lane:
        lane_id = int(lane.attrib["id"])
        x, y, z, yaw_deg = self.at(s, t)
        if not self.forward(lane_id):
            yaw_deg = yaw_deg + 180.0
        gap = max(round(_SPAWN_SPACING_M / _SPACING_M), 1)
        spawn = np.zeros(s.size, dtype=np.bool_)
        if not self.in_junction:
            inside = np.flatnonzero(
                (s >= s[0] + _SPAWN_MARGIN_M) & (s <= s[-1] - _SPAWN_MARGIN_M) & (width > 2.0)
            )
            spawn[inside[::gap]] = True
        return _Lane(
            road=self.id,
            lane_id=sign * abs(lane_id),
            s=s,
            x=x,
            y=y,
            z=z,
            yaw_deg=(yaw_deg + 180.0) % 360.0 - 180.0,
            width=width,
            limit=np.full(s.size, self._limit_mps(lane)),
            spawn=spawn,
        )

    def _limit_mps(self, lane: ET.Element) -> float:
        for speed in (lane.find("speed"), self.element.find("type/speed")):
            if speed is not None and speed.get("max", "").replace(".", "", 1).isdigit():
                return float(speed.attrib["max"]) * _PER_MPS.get(speed.get("unit", "m/s"), 1.0)
        return _DEFAULT_LIMIT_MPS


class _Lights:
    """The dynamic signals and the lanes they hold, which are marked in the lanes' points."""

    def __init__(self, root: ET.Element, roads: dict[str, _Road], lanes: list[_Lane]) -> None:
        self._lanes = lanes
        self._controller = {
            control.attrib["signalId"]: controller.attrib["id"]
            for controller in root.iter("controller")
            for control in controller.iter("control")
        }
        references: dict[str, list[tuple[_Road, ET.Element]]] = {}
        for road in roads.values():
            for element in road.element.findall("signals/signalReference"):
                references.setdefault(element.attrib["id"], []).append((road, element))
        self.lights: list[Light] = []
        for road in roads.values():
            for signal in road.element.findall("signals/signal"):
                if signal.get("dynamic") == "yes":
                    held = [(road, signal), *references.get(signal.attrib["id"], [])]
                    self._add(road, signal, held)

    def _add(self, road: _Road, signal: ET.Element, held: list[tuple[_Road, ET.Element]]) -> None:
        sign_id = signal.attrib["id"]
        zone = [
            (lane, rows)
            for holder, element in held
            for lane in self._lanes
            if lane.road == holder.id and _holds(element, holder, lane.lane_id)
            if (rows := _before(holder.forward(lane.lane_id), lane.s, _s(element))).size
        ]
        for lane, rows in zone:
            lane.light[rows] = np.where(
                lane.light[rows] == _NO_LIGHT, len(self.lights), lane.light[rows]
            )
        s = np.array([_s(signal)])
        x, y, z, yaw = (float(v[0]) for v in road.at(s, float(signal.get("t", 0.0))))
        z += float(signal.get("zOffset", 0.0))
        # It faces the traffic that it holds.
        yaw += 180.0 if signal.get("orientation") != "-" else 0.0
        pose = Pose(x, y, z, (yaw + 180.0) % 360.0 - 180.0)
        across_m = 0.5 * sum(float(lane.width[0]) for lane, _ in zone)
        self.lights.append(
            Light(
                sign_id=sign_id,
                group=self._controller.get(sign_id, f"road {road.id}"),
                approach=road.id,
                pose=pose,
                zone=_middle(zone) if zone else pose,
                zone_extent_m=(0.5 * _TRIGGER_M, across_m) if zone else (0.0, 0.0),
            )
        )


def _holds(element: ET.Element, road: _Road, lane_id: int) -> bool:
    orientation = element.get("orientation", "+")
    if orientation != "none" and road.forward(lane_id) != (orientation == "+"):
        return False
    valid = element.findall("validity")
    return not valid or any(
        int(span.attrib["fromLane"]) <= lane_id <= int(span.attrib["toLane"])
        or int(span.attrib["toLane"]) <= lane_id <= int(span.attrib["fromLane"])
        for span in valid
    )


def _before(forward: bool, s: Floats, line_s: float) -> Ints:
    behind = line_s - s if forward else s - line_s
    return np.flatnonzero((behind >= -0.5) & (behind <= _TRIGGER_M))


def _middle(zone: list[tuple[_Lane, Ints]]) -> Pose:
    x, y, z = (
        float(np.mean([getattr(lane, name)[rows].mean() for lane, rows in zone]))
        for name in ("x", "y", "z")
    )
    lane, rows = zone[0]
    return Pose(x, y, z, float(lane.yaw_deg[rows[0]]))


def _s(element: ET.Element) -> float:
    return float(element.attrib["s"])


def _polynomials(elements: list[ET.Element], start: str) -> Floats:
    """Rows of (start, a, b, c, d), ascending."""
    rows = [[float(e.get(name, 0.0)) for name in (start, "a", "b", "c", "d")] for e in elements]
    return np.array(sorted(rows)).reshape(-1, 5)


def _evaluate(rows: Floats, s: Floats) -> Floats:
    if not len(rows):
        return np.zeros_like(s)
    start, a, b, c, d = rows[np.maximum(np.searchsorted(rows[:, 0], s, side="right") - 1, 0)].T
    ds = s - start
    return np.asarray(a + ds * (b + ds * (c + ds * d)))


def _trace(geometry: ET.Element, ds: Floats) -> tuple[Floats, Floats, Floats]:
    """A piece of plan view, ds after its beginning: x, y, heading."""
    x0, y0, h0, length = (float(geometry.attrib[name]) for name in ("x", "y", "hdg", "length"))
    shape = geometry[0]
    given = {name: float(v) for name, v in shape.attrib.items() if name != "pRange"}
    if shape.tag == "arc":
        u, v, turned = _clothoid(given["curvature"], 0.0, ds)
    elif shape.tag == "spiral":
        start = given["curvStart"]
        u, v, turned = _clothoid(start, (given["curvEnd"] - start) / length, ds)
    elif shape.tag == "poly3":
        a, b, c, d = (given[name] for name in "abcd")
        # ds stands for u, as for the flat curves that it is used for.
        u, v = ds, a + ds * (b + ds * (c + ds * d))
        turned = np.arctan(b + ds * (2.0 * c + 3.0 * ds * d))
    elif shape.tag == "paramPoly3":
        p = ds if shape.get("pRange") == "arcLength" else ds / length
        u, du = _cubic([given[f"{name}U"] for name in "abcd"], p)
        v, dv = _cubic([given[f"{name}V"] for name in "abcd"], p)
        turned = np.arctan2(dv, du)
    else:
        u, v, turned = ds, np.zeros_like(ds), np.zeros_like(ds)
    cos, sin = np.cos(h0), np.sin(h0)
    return x0 + u * cos - v * sin, y0 + u * sin + v * cos, h0 + turned


def _cubic(coefficients: list[float], p: Floats) -> tuple[Floats, Floats]:
    a, b, c, d = coefficients
    return a + p * (b + p * (c + p * d)), b + p * (2.0 * c + 3.0 * p * d)


# Gauss-Legendre nodes for the integral of a clothoid's direction: exact enough for bends that
# turn by less than a full circle in one piece.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


def _clothoid(curvature: float, change: float, ds: Floats) -> tuple[Floats, Floats, Floats]:
    at = 0.5 * ds[:, None] * (1.0 + _NODES)
    heading = at * (curvature + 0.5 * change * at)
    half = 0.5 * ds
    u = half * (np.cos(heading) @ _WEIGHTS)
    v = half * (np.sin(heading) @ _WEIGHTS)
    return u, v, ds * (curvature + 0.5 * change * ds)


def _geo_reference(root: ET.Element) -> GeoReference:
    text = root.findtext("header/geoReference") or ""
    default = GeoReference()
    found = [re.search(rf"\+{name}=([-\d.eE]+)", text) for name in ("lat_0", "lon_0")]
    latitude, longitude = (float(match.group(1)) if match else None for match in found)
    if latitude is None or longitude is None:
        return default
    return GeoReference(latitude, longitude)
