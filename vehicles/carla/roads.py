"""One road for both: SUMO's net as OpenDRIVE for CARLA, or a CARLA town's OpenDRIVE as a net.

netconvert does the work. Its answers are kept in the user's cache, by what they were made from.
Both sides then have the same coordinates (CARLA's y mirrored): the offset that OpenDRIVE's header
may name is overlooked by CARLA, so none is left in it, and the origin of the coordinates is given
as a place on the earth, the only thing of a georeference that CARLA reads.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pyproj
import sumo

_HEADER = re.compile(r"<header\b([^>]*?)(?:/>|>.*?</header>)", re.DOTALL)
_LOCATION = re.compile(r"<location\b([^>]*)>")
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
# Rises when the same net or map is to give something else than what caches have of it.
_FORMAT = 1
_NO_NORMALIZATION = "--offset.disable-normalization"


def opendrive_of_net(net: Path) -> str:
    """A SUMO net as OpenDRIVE.

    Args:
        net: a `.net.xml`, or one that is gzipped.

    Raises:
        ValueError: the net can't be read or converted; the message names it.
    """
    try:
        content = net.read_bytes()
        text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{net}: can't be read: {reason}") from error
    try:
        made = _cached(text, ".xodr", lambda draft: _to_opendrive(net, text, draft))
    except ValueError as error:
        raise ValueError(f"{net}: {error}") from error
    return made.read_text()


def net_of_opendrive(opendrive: str) -> Path:
    """An OpenDRIVE map as a SUMO net: the file in the cache.

    Traffic lights keep the ids of their OpenDRIVE signals in the net's parameters.

    Raises:
        ValueError: the map can't be converted; the message is netconvert's own.
    """
    return _cached(opendrive, ".net.xml", lambda draft: _to_net(opendrive, draft))


def _to_opendrive(net: Path, text: str, draft: Path) -> None:
    _netconvert("-s", str(net.resolve()), "--opendrive-output", str(draft), _NO_NORMALIZATION)
    header = r"<header\1>" + _geo_reference(text) + "</header>"
    draft.write_text(_HEADER.sub(header, draft.read_text(), count=1))


def _to_net(opendrive: str, draft: Path) -> None:
    source = draft.with_suffix(".source.xodr")
    source.write_text(opendrive)
    _netconvert("--opendrive-files", str(source), "-o", str(draft), _NO_NORMALIZATION)


def _geo_reference(net: str) -> str:
    """Where on the earth the net's (0, 0) is, as CARLA reads it; (0, 0) if the net doesn't say."""
    match = _LOCATION.search(net)
    location = dict(_ATTRIBUTE.findall(match.group(1))) if match else {}
    projection = location.get("projParameter", "!").strip()
    latitude = longitude = 0.0
    if projection not in {"", "!", "-"}:
        offset_x, offset_y = map(float, location["netOffset"].split(","))
        to_earth = pyproj.Transformer.from_crs(projection, "EPSG:4326", always_xy=True)
        longitude, latitude = to_earth.transform(-offset_x, -offset_y)
    return (
        f"<geoReference>+proj=tmerc +lat_0={latitude:.9f} +lon_0={longitude:.9f} +k=1 +x_0=0 "
        "+y_0=0 +ellps=WGS84 +units=m +no_defs</geoReference>"
    )


def _cached(source: str, suffix: str, make: Callable[[Path], None]) -> Path:
    """The file made from a source, made now if the cache hasn't got it."""
    made_by = f"{_FORMAT} {version('eclipse-sumo')} {suffix}"
    key = hashlib.sha256(f"{made_by}\0{source}".encode()).hexdigest()
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cosim" / "roads"
    kept = folder / f"{key[:20]}{suffix}"
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            draft = Path(scratch) / f"draft{suffix}"
            make(draft)
            # Another run may be doing the same.
            draft.replace(kept)
    return kept


def _netconvert(*arguments: str) -> None:
    answer = subprocess.run(
        [str(Path(sumo.SUMO_HOME) / "bin" / "netconvert"), *arguments],
        env={**os.environ, "SUMO_HOME": sumo.SUMO_HOME},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        lines = answer.stderr.strip().splitlines() or ["it gave no reason"]
        told = next((line for line in lines if line.startswith("Error:")), lines[0])
        raise ValueError(f"netconvert: {told.removeprefix('Error:').strip()}")
