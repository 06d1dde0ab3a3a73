"""The road ahead of a driven vehicle, read from SUMO's net, route and signals."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from network.arrays import Floats
from vehicles.driving.base import RoadAhead
from vehicles.driving.path import Path

_HORIZON_M = 300.0
_RED = frozenset("ruRU")
_YELLOW = frozenset("yY")
# States of a link whose traffic goes before everybody who crosses it.
_FIRST = frozenset("MGO")
# Keep this far before the end of a lane that doesn't lead on.
_LANE_END_MARGIN_M = 2.0
# Somebody crosses just behind a junction, too.
_CROSSING_M = 6.0


class _Link(NamedTuple):
    """The way from the end of a lane on to the next, as it is now."""

    open: bool
    state: str


class _Lane(NamedTuple):
    shape_m: Floats
    limit_mps: float
    # Successor lane -> the internal lane that leads there ("" if none).
    via: dict[str, str]


class RoadReader:
    """Reads lanes once, and the way through them and its signals at every step of SUMO's.

    Args:
        api: libsumo, or a connection of traci's.
    """

    def __init__(self, api: Any) -> None:
        self._api = api
        self._lanes: dict[str, _Lane] = {}
        self._way: dict[str, list[str]] = {}
        self._leads_out: dict[str, bool] = {}

    def ahead(self, user_id: str) -> RoadAhead | None:
        """The road ahead of a vehicle, seen from the path's begin; None off the road."""
        vehicle = self._api.vehicle
        lane_id = vehicle.getLaneID(user_id)
        if not lane_id or lane_id.startswith(":"):
            # Inside a junction the way chosen on its approach goes on.
            return self._along(user_id, lane_id, self._way.get(user_id, []), None)
        lanes = {row[0]: row for row in vehicle.getBestLanes(user_id)}
        here = lanes.get(lane_id)
        if here is None:
            return self._along(user_id, lane_id, self._way.get(user_id, []), None)
        position_m = vehicle.getLanePosition(user_id)
        edges_left = len(vehicle.getRoute(user_id)) - vehicle.getRouteIndex(user_id)
        way, goes_on = self._through(here[5], position_m)
        self._leads_out[user_id] = goes_on or _edges(way) == edges_left
        change = None
        if here[3] != 0:
            wanted = _neighbour(lane_id, 1 if here[3] > 0 else -1)
            if wanted in lanes and self._may_use(user_id, wanted):
                other, goes_on = self._through(lanes[wanted][5], position_m)
                leads_out = goes_on or _edges(other) == edges_left
                change = self._join(user_id, wanted, other, leads_out, None)
        # The junction just left keeps the path in place under the vehicle's rear.
        known = self._way.get(user_id, [])
        if known and known[0] != way[0] and way[0] in known:
            way.insert(0, known[known.index(way[0]) - 1])
        elif len(known) > 1 and known[0].startswith(":") and known[1] == way[0]:
            way.insert(0, known[0])
        self._way[user_id] = way
        return self._along(user_id, lane_id, way, change)

    def forget(self, user_id: str) -> None:
        """Drop what is kept of a vehicle that left the road."""
        self._way.pop(user_id, None)
        self._leads_out.pop(user_id, None)

    def _along(
        self, user_id: str, lane_id: str, way: list[str], change: RoadAhead | None
    ) -> RoadAhead | None:
        if not way:
            return None
        return self._join(user_id, lane_id, way, self._leads_out[user_id], change)

    def _may_use(self, user_id: str, lane_id: str) -> bool:
        allowed = self._api.lane.getAllowed(lane_id)
        return not allowed or self._api.vehicle.getVehicleClass(user_id) in allowed

    def _through(self, lanes: tuple[str, ...], position_m: float) -> tuple[list[str], bool]:
        """Lanes of a route with the internal ones between them, and whether they go on.

        They do beyond the horizon, which is as far as they are followed.
        """
        way: list[str] = []
        length_m = -position_m
        for lane_id in lanes:
            if not lane_id:
                break
            if way:
                internal = self._lane(way[-1]).via.get(lane_id, "")
                while internal:
                    way.append(internal)
                    length_m += _length_m(self._lane(internal).shape_m)
                    internal = self._lane(internal).via.get(lane_id, "")
            way.append(lane_id)
            length_m += _length_m(self._lane(lane_id).shape_m)
            if length_m > _HORIZON_M:
                return way, True
        return way, False

    def _join(
        self, user_id: str, lane_id: str, way: list[str], leads_out: bool, change: RoadAhead | None
    ) -> RoadAhead | None:
        """One path through lanes, with the lines and junctions on it."""
        lanes = [self._lane(lane) for lane in way]
        path = np.concatenate([lane.shape_m for lane in lanes])
        leg_m = np.hypot(*np.diff(path, axis=0).T)
        keep = np.concatenate([[True], leg_m > 0.01])
        if keep.sum() < 2:
            return None
        s = np.concatenate([[0.0], np.cumsum(leg_m)])
        points = [len(lane.shape_m) for lane in lanes]
        ends = s[np.cumsum(points) - 1]
        stop_s = np.inf if leads_out else float(s[-1]) - _LANE_END_MARGIN_M
        stop_if_comfortable = False
        yields = []
        passed = way.index(lane_id) if lane_id in way else 0
        links = self._links(user_id, way)
        for index, link in enumerate(links):
            if link is None:
                continue
            if link.state not in _FIRST:
                # From the line to behind the crossing on the junction's far side.
                normal = next(i for i in range(index + 1, len(way)) if not way[i].startswith(":"))
                yields.append((ends[index], ends[normal - 1] + _CROSSING_M))
            soft = link.state in _YELLOW
            closed = soft or link.state in _RED or not (link.open or link.state in _FIRST)
            # What lies behind the front bumper's lane has been passed.
            if closed and index >= passed and ends[index] < stop_s:
                stop_s, stop_if_comfortable = float(ends[index]), soft
        return RoadAhead(
            path=Path(path[keep], s[keep]),
            speed_limit_mps=np.repeat([lane.limit_mps for lane in lanes], points)[keep],
            stop_s_m=stop_s,
            stop_if_comfortable=stop_if_comfortable,
            yield_s_m=np.array(yields).reshape(-1, 2),
            change=change,
        )

    def _links(self, user_id: str, way: list[str]) -> list[_Link | None]:
        """The link at the end of each lane but the last, as it is now; None inside junctions."""
        # As the vehicle finds them: it may have waited long enough at a stop sign, say.
        found = {row[4]: row for row in self._api.vehicle.getNextLinks(user_id)}
        links: list[_Link | None] = []
        for lane, following in pairwise(way):
            row = found.get(following)
            if row is None:
                row = next(
                    (row for row in self._api.lane.getLinks(lane) if following in (row[0], row[4])),
                    None,
                )
            links.append(_Link(open=row[2], state=row[5]) if row else None)
        return links

    def _lane(self, lane_id: str) -> _Lane:
        lane = self._lanes.get(lane_id)
        if lane is None:
            lanes = self._api.lane
            lane = _Lane(
                shape_m=np.array(lanes.getShape(lane_id), dtype=np.float64)[:, :2],
                limit_mps=lanes.getMaxSpeed(lane_id),
                via={link[0]: link[4] for link in lanes.getLinks(lane_id)},
            )
            self._lanes[lane_id] = lane
        return lane


def _length_m(shape_m: Floats) -> float:
    return float(np.hypot(*np.diff(shape_m, axis=0).T).sum())


def _edges(way: list[str]) -> int:
    return sum(not lane.startswith(":") for lane in way)


def _neighbour(lane_id: str, step: int) -> str:
    edge, index = lane_id.rsplit("_", 1)
    return f"{edge}_{int(index) + step}"
