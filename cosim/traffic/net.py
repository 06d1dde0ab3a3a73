"""What the bridge reads from SUMO's net and additional files itself."""

from __future__ import annotations

import gzip
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import IO, NamedTuple

from cosim.federate import BadInput
from vehicles.georeference import Georeference


class Location(NamedTuple):
    """Where a net lies: its extent, and how its plane follows from places on Earth."""

    bounds_m: tuple[float, float, float, float]
    """x min, y min, x max, y max in the net's plane [m]."""
    projection: str | None
    """PROJ's name for the projection; None for a net without a georeference."""
    offset_m: tuple[float, float]
    """What is added to projected coordinates [m]."""


def net_location(net: Path) -> Location:
    """Read where a net lies; BadInput if it isn't a SUMO net."""
    try:
        with _open(net) as stream:
            for _event, element in ET.iterparse(stream, events=("start",)):
                if element.tag == "location":
                    x_min, y_min, x_max, y_max = _numbers(element.attrib["convBoundary"])
                    x_m, y_m = _numbers(element.attrib.get("netOffset", "0,0"))
                    projection = element.attrib.get("projParameter", "!")
                    return Location(
                        (x_min, y_min, x_max, y_max),
                        None if projection == "!" else projection,
                        (x_m, y_m),
                    )
    except (ET.ParseError, OSError, KeyError, ValueError) as error:
        raise BadInput(f"{net}: can't be read as a SUMO net: {error}") from error
    raise BadInput(f"{net}: not a SUMO net: it has no <location>")


def net_bounds_m(net: Path) -> tuple[float, float, float, float]:
    """Extent of a net as (x min, y min, x max, y max) [m]; BadInput if it isn't a SUMO net."""
    return net_location(net).bounds_m


def net_georeference(net: Path) -> Georeference | None:
    """The plane of a net on Earth; None without a georeference, BadInput if it can't be read."""
    location = net_location(net)
    if location.projection is None:
        return None
    try:
        return Georeference(location.projection, location.offset_m)
    except ValueError as error:
        raise BadInput(f"{net}: its georeference can't be read: {error}") from error


def read_elements(file: Path, tag: str) -> list[ET.Element]:
    """The elements of one name in a SUMO file; BadInput if it can't be read."""
    try:
        with _open(file) as stream:
            return [element for _event, element in ET.iterparse(stream) if element.tag == tag]
    except (ET.ParseError, OSError) as error:
        raise BadInput(f"{file}: can't be read: {error}") from error


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]
