"""The twin service on the wall clock, with its log."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import numpy as np
import shapely

from cosim.federate import BadInput, SideDied
from cosim.folders import make_empty
from cosim.recording import Recording
from cosim.traffic.net import net_georeference
from cosim.twins.tables import happened_columns, twin_columns
from network.packet import NS_PER_S
from vehicles.georeference import Georeference
from vehicles.twins.broker import BrokerAddress, BrokerUnreachable
from vehicles.twins.service import TwinService
from vehicles.twins.settings import TwinsSettings, Zone
from vehicles.twins.topics import Topics
from vehicles.twins.wall_clock import WallClockTwins

_STEP_S = 0.1
_FLUSH_NS = 2 * NS_PER_S


def serve(
    broker: BrokerAddress,
    fleet: str,
    settings: TwinsSettings,
    *,
    net: Path | None,
    zones: Path | None,
    out: Path | None,
    tell: Callable[[str], None],
) -> None:
    """Keep a fleet's twins until Ctrl-C or SIGTERM.

    Args:
        broker: where to connect.
        fleet: the fleet's name.
        settings: how well its vehicles measure, and when twins are late.
        net: a SUMO net whose plane is the twins'.
        zones: GeoJSON polygons to watch.
        out: the log's folder.
        tell: takes lines for the person who watches.

    Raises:
        BadInput: a file is no good, or the broker can't be reached or refuses.
        SideDied: the connection ended for good.
    """
    plane = net_georeference(net) if net is not None else None
    if zones is not None:
        settings = settings.model_copy(update={"zones": _read_zones(zones, plane)})
    topics = Topics(fleet)
    service = TwinService(topics, settings, plane)
    twins = WallClockTwins(broker, fleet, topics, service, tell)
    log = None if out is None else _Log(out, service, settings)
    try:
        try:
            twins.start()
        except BrokerUnreachable as error:
            raise BadInput(f"--broker: {error}") from error
        tell(f"keeping the twins of {fleet!r} by MQTT broker {broker}; Ctrl-C ends it")
        ending = _ending()
        while not ending.wait(_STEP_S):
            now_ns = twins.step()
            if log is not None:
                log.write(now_ns)
    except ConnectionError as error:
        raise SideDied("MQTT broker", str(error)) from error
    finally:
        twins.close()
        if log is not None:
            log.close()
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(service.rejected.items()))
    tell(f"{service.twins} twins kept; rejected: {told or 'nothing'}")


def _ending() -> threading.Event:
    """Set by Ctrl-C and SIGTERM, which end a service as they should."""
    ending = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ending.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    return ending


class _Log:
    """The service's tables: every twin at the rate of its states, and what happened."""

    def __init__(self, out: Path, service: TwinService, settings: TwinsSettings) -> None:
        make_empty(out)
        self._recording = Recording(out, ("twins", "events"))
        self._service = service
        self._settings = settings
        self._period_ns = round(NS_PER_S / (settings.state_rate_hz or 1.0))
        self._due_ns = self._flushed_ns = time.time_ns()

    def write(self, now_ns: int) -> None:
        """Write down what has happened, and the twins if they are due."""
        happened = self._service.take_happened()
        if happened:
            self._recording.add("events", happened_columns(happened))
        if now_ns >= self._due_ns:
            self._due_ns = (now_ns // self._period_ns + 1) * self._period_ns
            self._write_twins(now_ns)
        if now_ns - self._flushed_ns > _FLUSH_NS:
            self._flushed_ns = now_ns
            self._recording.flush()

    def close(self) -> None:
        """Finish the tables."""
        self._recording.close()

    def _write_twins(self, now_ns: int) -> None:
        now = self._service.state(now_ns)
        ahead = self._service.state(now_ns + round(self._settings.horizon_s * NS_PER_S))
        everyone = np.arange(len(now.ids))
        # The true vehicles are out there.
        unknown = dict.fromkeys(
            ("position_error_m", "prediction_error_m", "nees"), np.full(len(everyone), np.nan)
        )
        columns = twin_columns(now_ns, now, ahead, everyone, self._settings)
        self._recording.add("twins", columns | unknown)


def _read_zones(file: Path, plane: Georeference | None) -> list[Zone]:
    """Polygons of a GeoJSON file, by its longitudes and latitudes, in the plane."""
    if plane is None:
        raise BadInput("--zones: expected --net with a georeference, which says where they lie")
    try:
        features = json.loads(file.read_text(encoding="utf-8"))["features"]
        zones = []
        for number, feature in enumerate(features):
            shape = shapely.from_geojson(json.dumps(feature["geometry"]))
            if not isinstance(shape, shapely.Polygon):
                raise TypeError(f"feature {number} is no polygon")
            longitude_deg, latitude_deg = np.array(shape.exterior.coords).T[:2]
            corners = zip(*plane.to_plane(latitude_deg, longitude_deg), strict=True)
            name = feature.get("id", (feature.get("properties") or {}).get("id", f"zone {number}"))
            zones.append(Zone(id=str(name), polygon_m=list(corners)))
    except (OSError, ValueError, KeyError, TypeError, shapely.errors.GEOSException) as error:
        raise BadInput(f"--zones {file}: expected GeoJSON with polygons: {error}") from error
    return zones
