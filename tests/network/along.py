"""A road along which every cell's level is given by hand, and a car that drives it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from network import Link, NetworkSettings, Positions
from network.arrays import Floats
from network.base import Handovers
from network.packet import Packets, joined
from network.ran.layered import LayeredSignals

MS = 1_000_000
SECOND = 1000 * MS


class Levels:
    """A channel with gains that are straight lines between places on the x axis.

    Args:
        x_m: Places (k,) [m], ascending.
        gain_db: The cells' gains there (k, cells) [dB].
    """

    def __init__(self, x_m: list[float], gain_db: list[list[float]]) -> None:
        self._x_m = np.array(x_m)
        self._gain_db = np.array(gain_db)

    def path_gain_db(self, x_m: Floats, _y_m: Floats, _height_m: Floats) -> Floats:
        return np.stack([np.interp(x_m, self._x_m, cell) for cell in self._gain_db.T], axis=1)


class Driven(NamedTuple):
    """What came of a drive."""

    link: Link
    changes: Handovers
    packets: Packets


def drive_along(
    levels: Levels,
    *,
    cells: int,
    seconds: float,
    speed_mps: float = 20.0,
    packet_every_ms: int = 10,
    step_ms: int = 100,
    cars: int = 1,
    lte_levels: Levels | None = None,
    **block: Any,
) -> Driven:
    """Drive cars from x = 0; their levels are those given, each cell is a site of its own.

    Args:
        levels: The cells' levels.
        cells: Number of cells.
        seconds: How long [s].
        speed_mps: How fast [m/s].
        packet_every_ms: How often the first one sends to the server [ms].
        step_ms: How often the link is called [ms].
        cars: How many, all at the same place.
        lte_levels: The LTE cells' levels, at the same masts, if there are such.
        block: The rest of the network's settings.
    """
    sites = [
        {"id": f"c{n}", "x_m": 300.0 * n, "y_m": 0.0, "sectors": 1, "power_dbm": 46.0}
        for n in range(cells)
    ]
    settings = NetworkSettings.model_validate(
        {"cells": sites, "background": {"prb_utilisation": 0.0}, **block}
    )
    link = Link(settings, seed=1, bounds_m=(-500.0, -500.0, 2000.0, 500.0))
    signals = link._reception.signals
    ground, *others = signals._signals if isinstance(signals, LayeredSignals) else [signals]
    ground._channel = levels  # type: ignore[assignment]
    if lte_levels is not None:
        others[0]._channel = lte_levels  # type: ignore[assignment]
    for car in range(cars):
        link.attach(car, f"car{car}" if car else "car", 1.5, subscribed=False)
    sent = np.arange(0, round(seconds * SECOND) - SECOND // 2, packet_every_ms * MS)
    link.send(0, 300, sent)
    changes, packets = [], []
    zero = np.zeros(cars)
    for instant in range(step_ms * MS, round(seconds * SECOND) + 1, step_ms * MS):
        x_m = zero + speed_mps * instant * 1e-9
        link.advance(instant, Positions(instant, x_m, zero, zero, zero + speed_mps, zero))
        changes.append(link.handovers())
        packets.append(link.finished())
    together = Handovers._make(np.concatenate(column) for column in zip(*changes, strict=True))
    return Driven(link, together, joined(packets))


# Into the shadow of a corner: after a stretch on which both cells are nearly alike, the first one's
# level falls by 30 dB within 10 m. The second one, busy throughout, drowns what the first one says.
CORNER = Levels([0.0, 60.0, 70.0], [[-80.0, -81.0], [-80.0, -81.0], [-110.0, -76.0]])
FULL_SECOND = [{"cell": "c1", "prb_utilisation": 2.0}]

# Past a neighbour that is heard through a gap between houses: strong for 12 m, then gone. At 60 m/s
# and 40 ms, measurements are taken every 2.4 m.
GAP = Levels(
    [0.0, 120.0, 121.0, 133.0, 133.5],
    [[-80.0, -120.0], [-80.0, -120.0], [-80.0, -70.0], [-80.0, -70.0], [-80.0, -120.0]],
)
GAP_MPS = 60.0
FULL_FIRST = [{"cell": "c0", "prb_utilisation": 2.0}]

# From one cell to the other.
CROSSING = Levels([0.0, 200.0], [[-75.0, -95.0], [-95.0, -75.0]])

UNFILTERED = {"filter_coefficient": 0, "time_to_trigger_ms": 160}
