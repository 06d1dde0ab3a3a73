"""Green light optimal speed advisory: arrives when the light is green, by SPATEM and MAPEM."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from pydantic import Field

from network.settings import Settings
from vehicles.driving.base import Proposal, RoadAhead, Situation
from vehicles.driving.following import allowed_speed_mps
from vehicles.messages.mapem import Mapem, MapLane
from vehicles.messages.received import Received
from vehicles.messages.spatem import SignalEvent, SignalState, Spatem

_GREEN = frozenset((SignalState.PERMISSIVE_GREEN, SignalState.PROTECTED_GREEN))
# A lane of the map is the one that the path leads along if it is this near.
_ON_PATH_M = 2.0
_GENTLE_MPS2 = 1.5
# The light isn't green at once for the car that arrives with it: not before `acc` would brake for
# the line it is at.
_APPROACH_S = 0.5
_APPROACH_MPS2 = 1.73
_MARGIN_S = 0.5
_GAIN_PER_S = 1.0


class GlosaSettings(Settings):
    """Settings of `glosa`."""

    least_speed_mps: float = Field(
        5.0, gt=0, description="Slower than this it doesn't drive to meet a green light."
    )


class Approach(NamedTuple):
    """A light ahead, by what has been heard of it."""

    to_line_m: float
    """From the front bumper."""
    green_ns: tuple[tuple[int, int], ...]
    """When it is green: begin and end of each phase that is known of."""
    sources: tuple[Received[Spatem] | Received[Mapem], ...]


class Glosa:
    """Slows down early to the speed at which the car meets the light green, rather than stop at it.

    It doesn't hold back a car that will meet it green anyway, nor one that would have to crawl.
    """

    name = "glosa"
    Settings = GlosaSettings

    def __init__(self, settings: GlosaSettings) -> None:
        self._least_mps = settings.least_speed_mps

    def decide(self, situation: Situation) -> Proposal | None:
        """The braking to the speed that meets the next green light."""
        approach = find_approach(situation)
        if approach is None:
            return None
        speed_mps = situation.ego.speed_mps
        top_mps = allowed_speed_mps(situation.road)
        advised_mps = advised_speed_mps(approach, situation.instant_ns, top_mps)
        if advised_mps is None or advised_mps >= top_mps:
            return None
        advised_mps = max(advised_mps, self._least_mps)
        wanted = max(_GAIN_PER_S * (advised_mps - speed_mps), -_GENTLE_MPS2)
        return Proposal(
            wanted, f"green light at {3.6 * advised_mps:.0f} km/h", (), approach.sources
        )


def advised_speed_mps(approach: Approach, now_ns: int, top_mps: float) -> float | None:
    """The highest speed that meets the light green [m/s]; None if no green phase is known of.

    The light turns green when the car is still as far from the line as it takes to see it and not
    brake: `acc` would from 0.5 s and v^2 / (2 * 1.73 m/s2) on.
    """
    for begin_ns, end_ns in approach.green_ns:
        wait_s, left_s = ((at - now_ns) * 1e-9 for at in (begin_ns, end_ns))
        if approach.to_line_m / top_mps > left_s - _MARGIN_S:
            continue
        if wait_s <= 0.0:
            return top_mps
        span_s = wait_s + _APPROACH_S + _MARGIN_S
        root_s = math.sqrt(span_s**2 + 2.0 * approach.to_line_m / _APPROACH_MPS2)
        speed_mps = _APPROACH_MPS2 * (root_s - span_s)
        if approach.to_line_m <= speed_mps * (left_s - _MARGIN_S):
            return min(speed_mps, top_mps)
    return None


def find_approach(situation: Situation) -> Approach | None:
    """The nearest light on the way that map and phases have been received of."""
    front_m = situation.road.ego_s_m + 0.5 * situation.ego.length_m
    nearest: Approach | None = None
    for intersection, mapem in situation.ldm.mapems.items():
        spatem = situation.ldm.spatems.get(intersection)
        found = _line_on(situation.road, mapem.message, front_m) if spatem else None
        if spatem is None or found is None:
            continue
        line_m, signal_group = found
        if nearest is None or line_m - front_m < nearest.to_line_m:
            green = _green_ns(spatem.message, signal_group, situation.instant_ns)
            nearest = Approach(line_m - front_m, green, (spatem, mapem))
    return nearest


def _line_on(road: RoadAhead, mapem: Mapem, front_m: float) -> tuple[float, int] | None:
    """The stop line that the path crosses next, as arc length [m], and the light's group."""
    lanes = {lane.lane_id: lane for lane in mapem.lanes}
    lines = [
        (line_m, lane)
        for lane in mapem.lanes
        if lane.ingress
        and lane.connections
        and (line_m := _crossed_m(road, lane)) is not None
        and line_m > front_m
    ]
    if not lines:
        return None
    line_m, lane = min(lines, key=lambda line: line[0])
    onward = min(
        lane.connections, key=lambda connection: _aside_m(road, lanes.get(connection.to_lane_id))
    )
    return line_m, onward.signal_group


def _crossed_m(road: RoadAhead, lane: MapLane) -> float | None:
    """Where the path goes along a lane to its stop line, as the line's arc length [m]."""
    s_m, left_m = road.along(*np.array(lane.points_m[:2]).T)
    along = bool((np.abs(left_m) < _ON_PATH_M).all()) and s_m[0] > s_m[-1]
    return float(s_m[0]) if along else None


def _aside_m(road: RoadAhead, lane: MapLane | None) -> float:
    """How far from the path a lane begins [m]."""
    if lane is None:
        return math.inf
    _, left_m = road.along(*np.array(lane.points_m[:1]).T)
    return abs(float(left_m[0]))


def _green_ns(spatem: Spatem, signal_group: int, now_ns: int) -> tuple[tuple[int, int], ...]:
    """When a light is green, as far as is known."""
    movement = next((one for one in spatem.movements if one.signal_group == signal_group), None)
    phases, begin_ns = [], now_ns
    for event in movement.events if movement else ():
        begin_ns = event.begin_ns or begin_ns
        end_ns = _end_ns(event)
        if event.state in _GREEN:
            phases.append((begin_ns, end_ns))
        begin_ns = end_ns
    return tuple(phases)


def _end_ns(event: SignalEvent) -> int:
    return event.min_end_ns if event.likely_ns is None else event.likely_ns
