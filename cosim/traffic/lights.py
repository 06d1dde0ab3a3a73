"""SUMO's traffic lights as their controllers tell of them: lanes, signal groups, phases to come."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import shapely
import shapely.ops

from cosim.clock import to_ns
from vehicles.messages.mapem import CONNECTIONS_MAX, LANES_MAX, POINTS_MAX, Connection, MapLane
from vehicles.messages.spatem import EVENTS_MAX, Movement, SignalEvent, SignalState

# How far from the intersection its lanes are told of; messages can't say more than 320 m.
_LANES_REACH_M = 300.0
_POINT_EVERY_M = 150.0
_STATE_OF = {
    "r": SignalState.STOP_AND_REMAIN,
    "R": SignalState.STOP_AND_REMAIN,
    "u": SignalState.PRE_MOVEMENT,
    "U": SignalState.PRE_MOVEMENT,
    "y": SignalState.PERMISSIVE_CLEARANCE,
    "Y": SignalState.PROTECTED_CLEARANCE,
    "g": SignalState.PERMISSIVE_GREEN,
    "G": SignalState.PROTECTED_GREEN,
    "s": SignalState.STOP_THEN_PROCEED,
    "o": SignalState.CAUTION,
    "O": SignalState.DARK,
}


class Intersection(NamedTuple):
    """What doesn't change of an intersection with lights."""

    id: str
    x_m: float
    y_m: float
    lane_width_m: float
    lanes: tuple[MapLane, ...]


class TrafficLights:
    """Reads the lights' programmes and where they stand, from SUMO.

    A signal group is a set of SUMO's links that show the same in every phase of the programme.

    Args:
        api: libsumo, or a connection of traci's.
    """

    def __init__(self, api: Any) -> None:
        self._api = api
        self._phases: dict[tuple[str, str], list[Any]] = {}
        self._groups: dict[str, list[int]] = {}
        self.intersections = [
            intersection
            for light in api.trafficlight.getIDList()
            if (intersection := self._intersection(light)) is not None
        ]

    def movements(self, light: str, now_ns: int) -> tuple[Movement, ...]:
        """What each signal group shows at the instant that SUMO has reached, and then [ns].

        Phases are foretold by the programme for one of its cycles; an actuated one may keep or
        leave them between the least and the greatest of their durations.
        """
        lights = self._api.trafficlight
        phases = self._programme(light)
        time_s = self._api.simulation.getTime()
        left_s = max(lights.getNextSwitch(light) - time_s, 0.0)
        spent_s = lights.getSpentDuration(light)
        at = lights.getPhase(light)
        # From now on: when each phase ends at the least, most likely, and at the latest.
        order: list[int] = []
        ends_s: list[tuple[float, float, float]] = []
        for step in range(len(phases) + 1):
            phase = phases[(at + step) % len(phases)]
            if step == 0:
                end = (
                    max(min(phase.minDur - spent_s, left_s), 0.0),
                    left_s,
                    max(phase.maxDur - spent_s, left_s),
                )
            else:
                lasts = (phase.minDur, phase.duration, phase.maxDur)
                soonest, likely, latest = map(operator.add, ends_s[-1], lasts)
                end = (soonest, likely, latest)
            order.append((at + step) % len(phases))
            ends_s.append(end)
        seen: dict[int, Movement] = {}
        for link, group in enumerate(self._groups[light]):
            if group not in seen:
                shown = [_STATE_OF[phases[index].state[link]] for index in order]
                seen[group] = Movement(group, _events(shown, ends_s, now_ns))
        return tuple(seen.values())

    def _programme(self, light: str) -> list[Any]:
        programme = self._api.trafficlight.getProgram(light)
        key = (light, programme)
        if key not in self._phases:
            logics = self._api.trafficlight.getAllProgramLogics(light)
            named = (logic.phases for logic in logics if logic.programID == programme)
            self._phases[key] = next(named, [])
        return self._phases[key]

    def _intersection(self, light: str) -> Intersection | None:
        """None for lights that messages can't tell of: no lanes, or too many."""
        links = self._api.trafficlight.getControlledLinks(light)
        phases = self._programme(light)
        if not links or not phases or any(len(phase.state) < len(links) for phase in phases):
            return None
        columns = ["".join(phase.state[link] for phase in phases) for link in range(len(links))]
        numbers = {column: number + 1 for number, column in enumerate(dict.fromkeys(columns))}
        leads: dict[str, list[tuple[str, int]]] = {}
        for link, column in zip(links, columns, strict=True):
            for came_from, goes_to, _via in link:
                leads.setdefault(came_from, []).append((goes_to, numbers[column]))
        leaving = dict.fromkeys(goes_to for ways in leads.values() for goes_to, _group in ways)
        names = [*leads, *(lane for lane in leaving if lane not in leads)]
        if not names or len(names) > LANES_MAX or len(numbers) > LANES_MAX:
            return None
        self._groups[light] = [numbers[column] for column in columns]
        number_of = {lane: number + 1 for number, lane in enumerate(names)}
        lanes = [
            MapLane(
                number_of[lane],
                ingress=True,
                points_m=self._points(lane, inwards=True),
                connections=tuple(
                    Connection(number_of[goes_to], group)
                    for goes_to, group in leads[lane][:CONNECTIONS_MAX]
                ),
            )
            for lane in leads
        ]
        lanes += [
            MapLane(number_of[lane], ingress=False, points_m=self._points(lane, inwards=False))
            for lane in names
            if lane not in leads
        ]
        near = np.array([lane.points_m[0] for lane in lanes])
        x_m, y_m = near.mean(axis=0).tolist()
        width_m = float(np.mean([self._api.lane.getWidth(lane) for lane in leads]))
        return Intersection(light, x_m, y_m, width_m, tuple(lanes))

    def _points(self, lane: str, *, inwards: bool) -> tuple[tuple[float, float], ...]:
        """Centre line from the intersection outwards, as far as messages tell of it."""
        shape = self._api.lane.getShape(lane)
        line = shapely.LineString([point[:2] for point in (shape[::-1] if inwards else shape)])
        near = shapely.segmentize(shapely.ops.substring(line, 0.0, _LANES_REACH_M), _POINT_EVERY_M)
        points = [(float(x), float(y)) for x, y in near.coords]
        if len(points) > POINTS_MAX:
            points = [points[i] for i in np.linspace(0, len(points) - 1, POINTS_MAX).astype(int)]
        return tuple(points)


def _events(
    shown: Sequence[SignalState], ends_s: Sequence[tuple[float, float, float]], now_ns: int
) -> tuple[SignalEvent, ...]:
    """Phases in order as events of one group: those that show it the same are one."""
    events: list[SignalEvent] = []
    begin_ns: int | None = None
    last = [state != after for state, after in pairwise(shown)] + [True]
    for state, end_s, ends in zip(shown, ends_s, last, strict=True):
        if not ends:
            continue
        soonest, likely, latest = (now_ns + to_ns(second) for second in end_s)
        events.append(SignalEvent(state, begin_ns, soonest, latest, likely))
        begin_ns = likely
    return tuple(events[:EVENTS_MAX])
