"""What the bridge reads from SUMO's net and polygons itself: extent, georeference, buildings."""

from __future__ import annotations

import gzip
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import shapely
from pyproj.exceptions import ProjError

from cosim.federate import BadInput
from vehicles.messages.frame import Frame


def net_bounds_m(net: Path) -> tuple[float, float, float, float]:
    """Extent of a net as (x min, y min, x max, y max) [m]; BadInput if it isn't a SUMO net."""
    location = _location(net)
    try:
        x_min, y_min, x_max, y_max = map(float, location["convBoundary"].split(","))
    except (KeyError, ValueError) as error:
        raise BadInput(f"{net}: can't be read as a SUMO net: {error}") from error
    return x_min, y_min, x_max, y_max


def net_frame(net: Path) -> Frame:
    """Where a net lies on earth, by its georeference; BadInput if that can't be understood."""
    location = _location(net)
    projection = location.get("projParameter", "!")
    if projection in ("", "!", "-", "."):
        return Frame.local()
    try:
        x_m, y_m = map(float, location["netOffset"].split(","))
        return Frame(projection, (x_m, y_m))
    except (KeyError, ValueError, ProjError) as error:
        raise BadInput(f"{net}: its georeference can't be read: {error}") from error


def _location(net: Path) -> dict[str, str]:
    try:
        with _open(net) as stream:
            for _event, element in ET.iterparse(stream, events=("start",)):
                if element.tag == "location":
                    return dict(element.attrib)
    except (ET.ParseError, OSError) as error:
        raise BadInput(f"{net}: can't be read as a SUMO net: {error}") from error
    raise BadInput(f"{net}: not a SUMO net: it has no <location>")


def read_buildings(files: Iterable[Path]) -> list[shapely.Polygon]:
    """Footprints of the polygons of a type `building...` in SUMO additional files [m]."""
    buildings = []
    for file in files:
        try:
            with _open(file) as stream:
                polygons = [
                    element for _event, element in ET.iterparse(stream) if element.tag == "poly"
                ]
        except (ET.ParseError, OSError) as error:
            raise BadInput(f"{file}: can't be read: {error}") from error
        for element in polygons:
            if not element.get("type", "").startswith("building"):
                continue
            points = [
                tuple(map(float, point.split(",")[:2]))
                for point in element.get("shape", "").split()
            ]
            if len(points) >= 3:
                buildings.append(shapely.Polygon(points))
    return [building for building in buildings if building.is_valid and not building.is_empty]


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]
