"""The buildings of a scenario: SUMO's polygons, and footprints in GeoJSON files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely

from cosim.federate import BadInput
from cosim.traffic.net import Location, net_location, read_elements
from network.arrays import Floats
from network.radio.obstacles import DEFAULT_HEIGHT_M, Buildings

_STOREY_M = 3.0
# What betrays degrees taken for metres, or a file of another town.
_LEAST_AREA_M2, _FARTHEST_M = 1.0, 2000.0
_POLYGONS = {"Polygon", "MultiPolygon"}
_WGS84 = "OGC:CRS84"
_METRES = re.compile(r"\s*(\d+(?:\.\d+)?)\s*m?\s*")


class Building(NamedTuple):
    """A footprint in the net's plane [m], and how high it rises above ground [m]."""

    outline: shapely.Polygon
    height_m: float


def read_buildings(
    net: Path, additional: Iterable[Path], geojson: Iterable[Path]
) -> list[Building]:
    """Read the polygons of a type `building...` in SUMO's files, and all those in GeoJSON files.

    Heights are OpenStreetMap's: `height` [m], or else `building:levels` of 3 m each, or else
    `DEFAULT_HEIGHT_M`; in SUMO's files they are `<param>`s, in GeoJSON properties.

    GeoJSON has longitude and latitude on WGS84 (RFC 7946), which the net's georeference takes to
    the net's plane. A file that names another `crs`, as GIS programs write it, is read in that;
    with `"crs": null`, or on a net without a georeference, coordinates are metres in the net's
    plane.

    Raises:
        BadInput: A file that can't be read, or coordinates that are not what they should be.
    """
    buildings = [building for file in additional for building in _from_sumo(file)]
    files = list(geojson)
    if files:
        location = net_location(net)
        buildings += [building for file in files for building in _from_geojson(file, location)]
    return buildings


def sight_past(buildings: list[Building]) -> Buildings | None:
    """Return what the link needs to know of buildings; None if there are none."""
    if not buildings:
        return None
    outlines, height_m = zip(*buildings, strict=True)
    return Buildings(outlines, height_m=height_m)


def _from_sumo(file: Path) -> Iterator[Building]:
    for element in read_elements(file, "poly"):
        if not element.get("type", "").startswith("building"):
            continue
        points = [
            tuple(map(float, point.split(",")[:2])) for point in element.get("shape", "").split()
        ]
        told = {param.get("key", ""): param.get("value") for param in element.iter("param")}
        if len(points) >= 3:
            yield from _solid(shapely.Polygon(points), _height_m(told))


def _from_geojson(file: Path, location: Location) -> list[Building]:
    content = _read_json(file)
    to_net = _into_plane(file, content, location)
    features = content["features"] if content.get("type") == "FeatureCollection" else [content]
    buildings: list[Building] = []
    for number, feature in enumerate(features):
        geometry = feature.get("geometry") or {}
        if geometry.get("type") not in _POLYGONS:
            continue
        try:
            shape = shapely.transform(shapely.from_geojson(json.dumps(geometry)), to_net)
        except (shapely.errors.GEOSException, ValueError) as error:
            raise BadInput(f"{file}: feature {number}: {error}") from error
        buildings += _solid(shape, _height_m(feature.get("properties") or {}))
    if not buildings:
        raise BadInput(f"{file}: no footprints in it; expected features that are polygons")
    if max(building.outline.area for building in buildings) < _LEAST_AREA_M2:
        raise BadInput(
            f"{file}: no footprint is larger than {_LEAST_AREA_M2:g} m2; expected metres in the "
            "plane of a net without georeference"
        )
    area = shapely.box(*location.bounds_m)
    if not any(area.dwithin(building.outline, _FARTHEST_M) for building in buildings):
        raise BadInput(
            f"{file}: no footprint within {_FARTHEST_M:g} m of the net, the first is at "
            "({0:.0f}, {1:.0f}) in its plane".format(*buildings[0].outline.bounds)
        )
    return buildings


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise BadInput(f"{file}:{error.lineno}: not JSON: {error.msg}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: can't be read: {error}") from error
    kind = content.get("type") if isinstance(content, dict) else None
    if kind == "Feature" or (
        kind == "FeatureCollection" and isinstance(content.get("features"), list)
    ):
        return dict(content)
    raise BadInput(f"{file}: not GeoJSON of footprints; expected a FeatureCollection")


def _into_plane(file: Path, content: Mapping[str, Any], location: Location) -> Any:
    """Return what takes a file's coordinates (n, 2) to the net's plane."""
    if location.projection is None or ("crs" in content and content["crs"] is None):
        return _as_they_are
    # PROJ takes a tenth of a second to load; few scenarios need it.
    import pyproj

    crs = _WGS84
    if "crs" in content:
        crs = content["crs"].get("properties", {}).get("name", "")
    try:
        transformer = pyproj.Transformer.from_crs(crs, location.projection, always_xy=True)
    except pyproj.exceptions.CRSError as error:
        raise BadInput(f"{file}: no way from its crs {crs!r} to the net's: {error}") from error
    degrees = transformer.source_crs is not None and transformer.source_crs.is_geographic
    return partial(_projected, transformer, location.offset_m, degrees=degrees)


def _as_they_are(points: Floats) -> Floats:
    if not np.isfinite(points).all():
        raise ValueError("coordinates that are no finite numbers")
    return points


def _projected(
    transformer: Any, offset_m: tuple[float, float], points: Floats, *, degrees: bool
) -> Floats:
    if degrees and (np.abs(points) > [180.0, 90.0]).any():
        x, y = points[(np.abs(points) > [180.0, 90.0]).any(axis=1)][0]
        raise ValueError(
            f"({x:g}, {y:g}) is no longitude and latitude; "
            'for metres in the net\'s plane, say `"crs": null` in the file'
        )
    plane = np.stack(transformer.transform(points[:, 0], points[:, 1]), axis=1) + offset_m
    return _as_they_are(plane)


def _height_m(told: Mapping[str, Any]) -> float:
    for key, unit_m in (("height", 1.0), ("building:levels", _STOREY_M)):
        number = _METRES.fullmatch(str(told.get(key)))
        if number is not None:
            return float(number.group(1)) * unit_m
    return DEFAULT_HEIGHT_M


def _solid(shape: Any, height_m: float) -> Iterator[Building]:
    """Give a footprint's polygons; one that crosses itself is untangled."""
    for part in shapely.get_parts(shapely.get_parts(shapely.make_valid(shape))):
        if isinstance(part, shapely.Polygon) and not part.is_empty:
            yield Building(part, height_m)
