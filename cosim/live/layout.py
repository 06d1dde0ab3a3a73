"""What doesn't move in the picture: roads, buildings, masts, as triangles and lines [m]."""

from __future__ import annotations

import base64
import math
from typing import Any, NamedTuple

import numpy as np
import shapely
import shapely.ops
import sumolib
from matplotlib import colormaps
from shapely.geometry.polygon import orient

from cosim.federate import BadInput
from cosim.plots.coverage import read_ground, work_out_coverage
from cosim.scenario import Scenario
from cosim.traffic.buildings import Building, read_buildings, sight_past
from cosim.traffic.files import net_and_additional
from cosim.traffic.net import net_bounds_m
from network.arrays import Floats
from network.ran.layers import layers_of
from vehicles.state import Kind

KINDS = tuple(kind.name.lower() for kind in Kind)
SINR_DB = (-10.0, 30.0)
"""Ends of the colour scale."""
_DASH_M, _GAP_M, _LINE_M = 3.0, 6.0, 0.15
_KERB_M = 0.3
# Where cells of satellites are drawn.
_SPACE_M = 400.0


class Layout(NamedTuple):
    """The scene of a scenario, and the names of its cells in the order of their numbers."""

    cells: tuple[str, ...]
    content: dict[str, Any]
    """Plain JSON for the page; arrays of `float32` are in base64."""


def lay_out(scenario: Scenario) -> Layout:
    """Read what a scenario's net and buildings look like and where its masts stand.

    Raises:
        BadInput: A file is gone or can't be read.
    """
    net, additional = net_and_additional(scenario.traffic)
    bounds_m = net_bounds_m(net)
    buildings = read_buildings(net, additional, scenario.traffic.buildings)
    read: Any = sumolib.net.readNet(str(net))
    surface, lines = _roads(read)
    cells, masts = _masts(scenario, bounds_m, buildings)
    scale = colormaps["cividis"](np.linspace(0.0, 1.0, 64))[:, :3]
    content = {
        "bounds": bounds_m,
        "roads": packed(_flat(surface)),
        "lines": packed(_flat(lines)),
        "buildings": packed(_solids(buildings)),
        "signals": _signals(read),
        "masts": masts,
        "cells": cells,
        "kinds": KINDS,
        "scale": np.round(scale, 4).tolist(),
        "sinr_db": SINR_DB,
    }
    return Layout(cells, content)


def coverage_of(scenario: Scenario) -> dict[str, Any] | None:
    """SINR over the ground as the page lays it there; None without cells."""
    if scenario.network.model != "5g":
        return None
    coverage = work_out_coverage(scenario, read_ground(scenario))
    return {
        "x": [float(coverage.x_m[0]), float(coverage.x_m[-1])],
        "y": [float(coverage.y_m[0]), float(coverage.y_m[-1])],
        "columns": len(coverage.x_m),
        "sinr_db": packed(coverage.sinr_db.ravel()),
    }


def packed(values: Floats) -> str:
    """Numbers of `float32` as the page reads them."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()


def _roads(net: Any) -> tuple[Any, Any]:
    """The carriageway, and the lines between lanes."""
    strips: list[Any] = []
    lines: list[Any] = []
    for edge in net.getEdges(withInternal=False):
        for lane in edge.getLanes():
            axis = shapely.LineString([point[:2] for point in lane.getShape()])
            half_m = lane.getWidth() / 2
            strips.append(axis.buffer(half_m + _KERB_M, cap_style="flat", join_style="mitre"))
            right = axis.offset_curve(-half_m)
            # Of two lanes beside each other the left one's right side is the line between them.
            lines += [right] if lane.getIndex() == 0 else _dashes(right)
            if lane.getIndex() == edge.getLaneNumber() - 1:
                lines.append(axis.offset_curve(half_m))
    junctions = [
        shapely.Polygon([point[:2] for point in node.getShape()])
        for node in net.getNodes()
        if len(node.getShape()) > 2
    ]
    solid = shapely.make_valid(np.array([*strips, *junctions], dtype=object))
    surface = shapely.union_all(solid, grid_size=0.01)
    painted = [line.buffer(_LINE_M / 2, cap_style="flat") for line in lines]
    return surface, shapely.GeometryCollection(painted)


def _dashes(line: Any) -> list[Any]:
    begins = np.arange(_GAP_M / 2, line.length - _DASH_M, _DASH_M + _GAP_M)
    return [shapely.ops.substring(line, begin, begin + _DASH_M) for begin in begins.tolist()]


def _signals(net: Any) -> dict[str, list[Any]]:
    """Traffic lights: a head for each of SUMO's links over its stop line, and what they hang from.

    Heads have light, link, x, y [m], heading [rad] and width [m]; of the links of a lane the right
    one hangs on the right. Gantries have the foot's x and y, heading, and how far they reach over
    the road, from the right. Crossings of people on foot have none.
    """
    heads: list[Any] = []
    gantries: list[Any] = []
    for light in net.getTrafficLights():
        links_of: dict[Any, set[int]] = {}
        for lane, _goes_to, link in light.getConnections():
            links_of.setdefault(lane, set()).add(link)
        edges: dict[Any, list[Any]] = {}
        for lane in sorted(links_of, key=lambda lane: lane.getIndex()):
            edges.setdefault(lane.getEdge(), []).append(lane)
            x_m, y_m, heading_rad = _stop_line(lane)
            links = sorted(links_of[lane])
            share_m = lane.getWidth() / len(links)
            for place, link in enumerate(links):
                aside_m = (place + 0.5) * share_m - lane.getWidth() / 2
                at = _left_of(x_m, y_m, heading_rad, aside_m)
                heads.append([light.getID(), link, *at, round(heading_rad, 4), round(share_m, 2)])
        for lanes in edges.values():
            x_m, y_m, heading_rad = _stop_line(lanes[0])
            foot = _left_of(x_m, y_m, heading_rad, -lanes[0].getWidth() / 2 - _KERB_M)
            across_m = sum(lane.getWidth() for lane in lanes) + _KERB_M
            gantries.append([*foot, round(heading_rad, 4), round(across_m, 2)])
    return {"heads": heads, "gantries": gantries}


def _stop_line(lane: Any) -> tuple[float, float, float]:
    """Middle of a lane's end, and its heading there."""
    (x0, y0), (x1, y1) = (point[:2] for point in lane.getShape()[-2:])
    return x1, y1, math.atan2(y1 - y0, x1 - x0)


def _left_of(x_m: float, y_m: float, heading_rad: float, aside_m: float) -> tuple[float, float]:
    return (
        round(x_m - aside_m * math.sin(heading_rad), 2),
        round(y_m + aside_m * math.cos(heading_rad), 2),
    )


def _flat(shapes: Any) -> Floats:
    """Triangles that fill shapes (3 n, 2)."""
    polygons = [part for part in _polygons(shapes) if part.area > 0]
    if not polygons:
        return np.zeros((0, 2))
    cut = shapely.constrained_delaunay_triangles(np.array(polygons, dtype=object))
    triangles = shapely.get_parts(cut)
    corners = shapely.get_coordinates(triangles).reshape(-1, 4, 2)[:, :3]
    return _facing_up(corners).reshape(-1, 2)


def _polygons(shapes: Any) -> list[Any]:
    parts = [shapes]
    while any(hasattr(part, "geoms") for part in parts):
        parts = [inner for part in parts for inner in getattr(part, "geoms", [part])]
    return [part for part in parts if isinstance(part, shapely.Polygon)]


def _facing_up(corners: Floats) -> Floats:
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    clockwise = one[:, 0] * two[:, 1] < one[:, 1] * two[:, 0]
    corners[clockwise] = corners[clockwise][:, ::-1]
    return corners


def _solids(buildings: list[Building]) -> Floats:
    """Walls and roofs of buildings as triangles (3 n, 3)."""
    parts = [np.zeros((0, 3))]
    for building, height_m in buildings:
        # Walls then face outwards.
        outline = orient(building)
        roof = _flat(outline)
        parts.append(np.column_stack([roof, np.full(len(roof), height_m)]))
        for ring in (outline.exterior, *outline.interiors):
            points = np.array(ring.coords)[:, :2]
            a, b = points[:-1], points[1:]
            low, high = np.zeros((len(a), 1)), np.full((len(a), 1), height_m)
            corners = [(a, low), (b, low), (b, high), (a, low), (b, high), (a, high)]
            walls = np.stack([np.hstack(corner) for corner in corners], axis=1)
            parts.append(walls.reshape(-1, 3))
    return np.concatenate(parts)


def _masts(
    scenario: Scenario, bounds_m: tuple[float, float, float, float], buildings: list[Building]
) -> tuple[tuple[str, ...], list[list[float]]]:
    """Names of the cells that a run records, and each one's antenna (x, y, z) [m].

    A cell in space stands high over the middle of its area.
    """
    if scenario.network.model != "5g":
        return (), []
    try:
        layers = layers_of(
            scenario.network, bounds_m, seed=scenario.seed, sight=sight_past(buildings)
        )
    except ValueError as error:
        raise BadInput(f"network: {error}") from error
    names: list[str] = []
    places: list[list[float]] = []
    above = [(bounds_m[0] + bounds_m[2]) / 2, (bounds_m[1] + bounds_m[3]) / 2, _SPACE_M]
    for layer in layers:
        names += layer.cell_names
        sites = [layer.sites[site] for site in layer.site_of_cell.tolist()] if layer.sites else []
        places += [[site.x_m, site.y_m, site.height_m] for site in sites]
        places += [above] * (len(layer.cell_names) - len(sites))
    return tuple(names), places
