"""Roadside units: traffic lights tell their phases, cameras tell what they see.

They are wired to the edge server, which broadcasts for them; nothing of theirs goes up by radio.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cosim.clock import to_ns
from cosim.sides.link import LinkSide
from cosim.sides.perception import Observer
from cosim.traffic.lights import Intersection
from cosim.traffic.sumo import SumoTraffic
from vehicles.messages.cpm import Cpm
from vehicles.messages.envelope import geo_broadcast_bytes
from vehicles.messages.frame import Frame
from vehicles.messages.kinds import MessageKind
from vehicles.messages.mapem import Mapem
from vehicles.messages.perception import CHECK_NS
from vehicles.messages.spatem import Spatem
from vehicles.sensing import sense_from
from vehicles.settings import CameraSettings, RoadsideSettings
from vehicles.state import RoadUsers


class RoadsideUnits:
    """Sends SPATEM and MAPEM of every traffic light, and CPM of every camera.

    Args:
        settings: what there is beside the road.
        traffic: knows the lights.
        users: everyone on the road.
        link: carries the packets.
        frame: of the net.
        buildings: polygons that block a camera's view, or None.
    """

    name = "roadside units"

    def __init__(
        self,
        settings: RoadsideSettings,
        traffic: SumoTraffic,
        users: RoadUsers,
        link: LinkSide,
        *,
        frame: Frame,
        buildings: Any,
    ) -> None:
        self.step_ns = CHECK_NS
        self._settings = settings
        self._traffic = traffic
        self._users = users
        self._link = link
        self._frame = frame
        self._cameras = [
            _Camera(camera, link.station_ids.of(f"camera {camera.id}"), buildings)
            for camera in settings.cameras
        ]
        self._number_of: dict[str, int] = {}
        # Lanes don't change, nor what is said of them.
        self._mapem: dict[str, bytes] = {}
        self._spatem_period_ns = to_ns(1.0 / settings.spatem_rate_hz)
        self._mapem_period_ns = to_ns(1.0 / settings.mapem_rate_hz)
        self._spatem_due_ns = self._mapem_due_ns = 0

    def start(self) -> None:
        """Number the intersections."""
        if self._settings.signals:
            intersections = self._traffic.intersections()
            self._number_of = {one.id: number + 1 for number, one in enumerate(intersections)}

    def advance(self, to_ns: int) -> None:
        """Send what falls due at `to_ns`."""
        if self._number_of:
            spatem, mapem = to_ns >= self._spatem_due_ns, to_ns >= self._mapem_due_ns
            if spatem:
                self._spatem_due_ns += self._spatem_period_ns
            if mapem:
                self._mapem_due_ns += self._mapem_period_ns
            if spatem or mapem:
                for intersection in self._traffic.intersections():
                    self._send_lights(intersection, to_ns, spatem=spatem, mapem=mapem)
        for camera in self._cameras:
            cpm = camera.look(self._users, to_ns)
            if cpm is not None:
                self._broadcast(cpm.encode(self._frame), MessageKind.CPM, cpm.x_m, cpm.y_m, to_ns)

    def abort(self) -> None:
        """Nothing to abort."""

    def close(self) -> None:
        """Nothing to release."""

    def _send_lights(
        self, intersection: Intersection, now_ns: int, *, spatem: bool, mapem: bool
    ) -> None:
        x_m, y_m = intersection.x_m, intersection.y_m
        if not len(self._link.around(x_m, y_m, self._settings.radius_m, now_ns)):
            return
        station_id = self._link.station_ids.of(f"light {intersection.id}")
        number = self._number_of[intersection.id]
        if mapem:
            if intersection.id not in self._mapem:
                lanes = Mapem(station_id, 0, number, x_m, y_m, *intersection[3:])
                self._mapem[intersection.id] = lanes.encode(self._frame)
            self._broadcast(self._mapem[intersection.id], MessageKind.MAPEM, x_m, y_m, now_ns)
        if spatem:
            movements = self._traffic.movements(intersection.id, now_ns)
            phases = Spatem(station_id, now_ns, number, movements)
            self._broadcast(phases.encode(self._frame), MessageKind.SPATEM, x_m, y_m, now_ns)

    def _broadcast(
        self, encoded: bytes, kind: MessageKind, x_m: float, y_m: float, now_ns: int
    ) -> None:
        self._link.broadcast_from(
            x_m,
            y_m,
            now_ns,
            kind=kind,
            size_bytes=int(geo_broadcast_bytes(np.array(len(encoded)))),
            radius_m=self._settings.radius_m,
            payload=encoded,
        )


class _Camera:
    def __init__(self, settings: CameraSettings, station_id: int, buildings: Any) -> None:
        self._settings = settings
        self._buildings = buildings
        self._observer = Observer(station_id)

    def look(self, users: RoadUsers, now_ns: int) -> Cpm | None:
        """The CPM of an instant, if one is due."""
        settings = self._settings
        place = (settings.x_m, settings.y_m, math.radians(settings.heading_deg))
        slots = sense_from(users, now_ns, place, settings.sensor, self._buildings).slots
        return self._observer.look(users, slots, now_ns, place[:2])
