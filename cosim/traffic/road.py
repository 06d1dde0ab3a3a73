"""The road ahead of a driven vehicle, read from SUMO's net, route and signals."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from network.arrays import Floats
from vehicles.driving.base import RoadAhead

_HORIZON_M = 300.0
_RED = frozenset("ruRU")
_YELLOW = frozenset("yY")
# Keep this far before the end of a lane that doesn't lead on.
_LANE_END_MARGIN_M = 2.0


class _Lane(NamedTuple):
    shape_m: Floats
    limit_mps: float
    length_m: float
    # Successor lane -> the internal lane that leads there ("" if none).
    via: dict[str, str]


class RoadReader:
    """Reads lanes once and the way through them at every step."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self._lanes: dict[str, _Lane] = {}
        self._way: dict[str, list[str]] = {}

    def ahead(self, user_id: str) -> RoadAhead | None:
        """The road ahead of a vehicle, seen from the path's begin."""
        way = self._lanes_ahead(user_id)
        if not way:
            return None
        path, limits, starts = self._join(way)
        if len(path) < 2:
            return None
        s = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
        stop_s, if_comfortable = self._stop(user_id, way, starts, float(s[-1]))
        return RoadAhead(path, s, limits, stop_s, if_comfortable, 0.0)

    def _lanes_ahead(self, user_id: str) -> list[str]:
        """Lanes from the one behind the vehicle on, internal ones included."""
        lane_id = self._api.vehicle.getLaneID(user_id)
        known = self._way.get(user_id, [])
        if not lane_id:
            return known
        if lane_id.startswith(":"):
            # Inside a junction the way chosen on its approach goes on.
            return known
        best = self._api.vehicle.getBestLanes(user_id)
        here = next((row for row in best if row[0] == lane_id), None)
        if here is None:
            return known
        if here[3] != 0:
            # The route needs another lane: aim at the neighbour on that side.
            wanted = _lane_index(lane_id) + (1 if here[3] > 0 else -1)
            here = next((row for row in best if _lane_index(row[0]) == wanted), here)
        way: list[str] = []
        length = -self._api.vehicle.getLanePosition(user_id)
        for lane in here[5]:
            if not lane:
                break
            if way:
                for via in self._through(way[-1], lane):
                    way.append(via)
                    length += self._lane(via).length_m
            way.append(lane)
            length += self._lane(lane).length_m
            if length > _HORIZON_M:
                break
        # The lane just left keeps the path in place under the vehicle's rear.
        if known and way and known[0] != way[0] and way[0] in known:
            before = known[known.index(way[0]) - 1]
            way.insert(0, before)
        self._way[user_id] = way
        return way

    def _through(self, lane: str, successor: str) -> list[str]:
        """Internal lanes between two lanes of a route."""
        internal = []
        via = self._lane(lane).via.get(successor, "")
        while via:
            internal.append(via)
            via = self._lane(via).via.get(successor, "")
        return internal

    def _join(self, way: list[str]) -> tuple[Floats, Floats, list[float]]:
        """One polyline through lanes, the limit at each point, and where each lane starts."""
        points: list[Floats] = []
        limits: list[Floats] = []
        starts = []
        travelled = 0.0
        last: Floats | None = None
        for lane_id in way:
            lane = self._lane(lane_id)
            shape = lane.shape_m
            if last is not None:
                travelled += float(np.hypot(*(shape[0] - last)))
            starts.append(travelled)
            travelled += float(np.hypot(*np.diff(shape, axis=0).T).sum())
            points.append(shape)
            limits.append(np.full(len(shape), lane.limit_mps))
            last = shape[-1]
        path = np.concatenate(points)
        limit = np.concatenate(limits)
        keep = np.concatenate([[True], np.hypot(*np.diff(path, axis=0).T) > 0.01])
        return path[keep], limit[keep], starts

    def _stop(
        self, user_id: str, way: list[str], starts: list[float], length_m: float
    ) -> tuple[float, bool]:
        """Arc length of the next line not to be crossed now, and whether it is a soft one."""
        for (
            lane,
            _via,
            priority,
            opened,
            _foe,
            state,
            _direction,
            _length,
        ) in self._api.vehicle.getNextLinks(user_id):
            if lane not in way:
                continue
            entry = way.index(lane)
            # The line is at the begin of the junction, before the internal lanes.
            while entry > 0 and way[entry - 1].startswith(":"):
                entry -= 1
            if state in _YELLOW:
                return starts[entry], True
            if state in _RED or not (opened or priority):
                return starts[entry], False
        return length_m - _LANE_END_MARGIN_M, False

    def _lane(self, lane_id: str) -> _Lane:
        lane = self._lanes.get(lane_id)
        if lane is None:
            lanes = self._api.lane
            lane = _Lane(
                shape_m=np.array(lanes.getShape(lane_id), dtype=np.float64)[:, :2],
                limit_mps=lanes.getMaxSpeed(lane_id),
                length_m=lanes.getLength(lane_id),
                via={link[0]: link[4] for link in lanes.getLinks(lane_id)},
            )
            self._lanes[lane_id] = lane
        return lane


def _lane_index(lane_id: str) -> int:
    return int(lane_id.rsplit("_", 1)[1])
