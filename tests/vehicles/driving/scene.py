"""Roads, vehicles and situations to test driving functions with."""

from __future__ import annotations

import numpy as np

from vehicles.driving.base import (
    Bodies,
    EgoState,
    LinkView,
    Message,
    RoadAhead,
    Seen,
    Situation,
)
from vehicles.driving.path import Path
from vehicles.messages.codec import ITS_MESSAGES
from vehicles.messages.ldm import LocalDynamicMap
from vehicles.messages.received import Received

CAR = (4.5, 1.8)
PEDESTRIAN = (0.3, 0.5)


def straight(
    *,
    y_m: float = 0.0,
    length_m: float = 400.0,
    limit_mps: float = 20.0,
    stop_s_m: float = np.inf,
    soft: bool = False,
    yield_s_m: tuple[tuple[float, float], ...] = (),
    change: RoadAhead | None = None,
) -> RoadAhead:
    """A road to the east from x = 0."""
    xy = np.array([[0.0, y_m], [length_m / 2, y_m], [length_m, y_m]])
    return RoadAhead(
        path=Path(xy, xy[:, 0].copy()),
        speed_limit_mps=np.full(3, limit_mps),
        stop_s_m=stop_s_m,
        stop_if_comfortable=soft,
        yield_s_m=np.array(yield_s_m).reshape(-1, 2),
        change=change,
    )


def ego_at(x_m: float, speed_mps: float, *, y_m: float = 0.0, heading_rad: float = 0.0) -> EgoState:
    """A car, 4.5 m by 1.8 m."""
    return EgoState(x_m, y_m, heading_rad, speed_mps, 0.0, *CAR)


def bodies(*rows: tuple[float, float, float, float, tuple[float, float]]) -> Bodies:
    """Bodies from rows of x, y, heading, speed and (length, width)."""
    table = np.array([(*row[:4], *row[4]) for row in rows], dtype=float).reshape(-1, 6)
    return Bodies(*table.T)


def situation(
    road: RoadAhead,
    ego: EgoState,
    seen: Bodies | None = None,
    *,
    received: tuple[Received[Message], ...] = (),
    ldm: LocalDynamicMap | None = None,
    instant_ns: int = 0,
) -> Situation:
    """What a function gets; slots of the bodies are 10, 11, ...

    A map that is given takes in what is received, as a receiver's does; without one, a new map.
    """
    known = LocalDynamicMap() if ldm is None else ldm
    for packet in received:
        if isinstance(packet.message, ITS_MESSAGES):
            known.add(packet)
    known.forget(instant_ns)
    others = bodies() if seen is None else seen
    return Situation(
        instant_ns=instant_ns,
        ego=ego,
        road=road.seen_from(ego.x_m, ego.y_m),
        seen=Seen(np.arange(10, 10 + len(others.x_m)), others),
        received=received,
        ldm=known,
        link=LinkView("cell", -80.0, 15.0, False),
    )
