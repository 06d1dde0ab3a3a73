"""When a station changes between layers: down where its own grows weak, up when it returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from network.arrays import Bools, Floats, Ints
from network.base import Cause
from network.packet import NS_PER_MS
from network.ran.measurement import EventA4, EventA5, Levels
from network.settings import NetworkSettings

_FAR_BELOW_DB = 1e4


class Moves(NamedTuple):
    """Stations that go to another layer, the cells they go to and why (n,)."""

    station: Ints
    target: Ints
    cause: Ints


class FallbackTriggers:
    """Decides from measurements who goes to another layer (TS 38.331 clauses 5.5.4.5 and 5.5.4.6).

    Down by event A5: the serving cell is below a5-Threshold1, and a layer below has a cell that may
    be selected. Up by event A4: a cell of a layer above is better than a4-Threshold. Between NR and
    LTE they are called B2 and B1. Among several layers the first counts, in a layer the strongest
    cell.

    Args:
        stations: Rows to keep track of.
        layer_of_cell: Layer of each cell, 0 before 1 (cells,); -1 for one not to be selected.
        lte: Which cells are LTE's (cells,).
        min_rsrp_dbm: Weakest level of each cell to be selected (cells,) [dBm].
        settings: The network's.
    """

    def __init__(
        self,
        stations: int,
        layer_of_cell: Ints,
        lte: Bools,
        min_rsrp_dbm: Floats,
        settings: NetworkSettings,
    ) -> None:
        self._layer_of_cell = layer_of_cell
        self._lte = lte
        self._min_rsrp_dbm = min_rsrp_dbm
        rules, cells = settings.handover, len(layer_of_cell)
        time_to_trigger_ns = rules.time_to_trigger_ms * NS_PER_MS
        self._up = EventA4(
            stations,
            cells,
            threshold_dbm=settings.fallback.a4_threshold_dbm,
            hysteresis_db=rules.hysteresis_db,
            time_to_trigger_ns=time_to_trigger_ns,
        )
        # Neighbours count by how far they are above what may be selected.
        self._down = EventA5(
            stations,
            cells,
            threshold1_dbm=settings.fallback.a5_threshold1_dbm,
            threshold2_dbm=0.0,
            hysteresis_db=rules.hysteresis_db,
            time_to_trigger_ns=time_to_trigger_ns,
        )

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        self._up.grow(stations)
        self._down.grow(stations)

    def reset(self, stations: Ints) -> None:
        """Forget what was going on in rows, as after a change of cell."""
        self._up.reset(stations)
        self._down.reset(stations)

    def update(
        self,
        instant_ns: int,
        stations: Ints,
        rsrp_dbm: Levels,
        serving: Ints,
        hears: Callable[[Ints], Bools],
    ) -> Moves:
        """Take in one measurement of some rows, each once; arguments as for `HandoverTriggers`."""
        layer, own = self._layer_of_cell, np.arange(len(stations))
        here = layer[serving][:, None]
        above = np.where((layer >= 0) & (layer < here), rsrp_dbm, -_FAR_BELOW_DB)
        below = np.where(layer > here, rsrp_dbm - self._min_rsrp_dbm, -_FAR_BELOW_DB)
        target = np.full(len(stations), -1)
        cause = np.zeros(len(stations), dtype=np.int64)
        for event, levels, inside, between in (
            (self._down, below, Cause.A5, Cause.B2),
            (self._up, above, Cause.A4, Cause.B1),
        ):
            levels[own, serving] = rsrp_dbm[own, serving]
            event.update(instant_ns, stations, levels, serving)
            triggered = event.triggered(stations)
            going = np.flatnonzero(triggered.any(axis=1))
            ranked = rsrp_dbm[going] - _FAR_BELOW_DB * layer
            best = np.argmax(np.where(triggered[going], ranked, -np.inf), axis=1)
            target[going] = best
            same = self._lte[serving[going]] == self._lte[best]
            cause[going] = np.where(same, inside, between)
        rows = np.flatnonzero(target >= 0)
        if rows.size:
            rows = rows[hears(stations[rows])]
        return Moves(stations[rows], target[rows], cause[rows])
