"""Schedulers and signals of several layers, seen as those of one: cells are numbered through."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from network.arrays import Bools, Floats, Ints
from network.ran.cells import Timeline
from network.ran.fades import FadedPackets
from network.ran.scheduler import Arrivals, Scheduler
from network.ran.signals import Signals


class LayeredScheduler:
    """One direction of all layers; see `Scheduler`.

    Args:
        schedulers: Each layer's.
        cells: Where each layer's cells are among all.
    """

    def __init__(self, schedulers: Sequence[Scheduler], cells: Sequence[slice]) -> None:
        self._schedulers = schedulers
        self._cells = cells
        self.prbs = schedulers[0].prbs
        self.slot_ns = schedulers[0].slot_ns

    def change_load(self, utilisation: Timeline) -> None:
        """Go on under another background."""
        for one, cells in zip(self._schedulers, self._cells, strict=True):
            one.change_load(utilisation.of(cells))

    @property
    def by_qos(self) -> bool:
        """Whether 5QIs count."""
        return self._schedulers[0].by_qos

    @property
    def refused(self) -> Ints:
        """Guaranteed flows that didn't fit into each cell (cells,)."""
        return np.concatenate([one.refused for one in self._schedulers])

    @property
    def utilisation(self) -> Floats:
        """Share of its blocks that each cell used lately (cells,)."""
        return np.concatenate([one.utilisation for one in self._schedulers])

    @property
    def last_utilisation(self) -> Floats:
        """The same, between the last two measurements (cells,)."""
        return np.concatenate([one.last_utilisation for one in self._schedulers])

    @property
    def least_ns(self) -> int:
        """The least time from arrival to decoding [ns]."""
        return min(one.least_ns for one in self._schedulers)

    def measure(self, instant_ns: int) -> None:
        """Bring utilisation up to an instant [ns]."""
        for one in self._schedulers:
            one.measure(instant_ns)

    def serve(self, to_ns: int, packets: Arrivals) -> tuple[Ints, Ints]:
        """Take in packets; only those on the ground fade fast."""
        plan = np.zeros((len(packets.cell), 4), dtype=np.int64)
        fate = np.zeros(len(packets.cell), dtype=np.int64)
        for number, (one, cells) in enumerate(zip(self._schedulers, self._cells, strict=True)):
            rows = _of_layer(packets.cell, cells)
            if rows.size:
                mine = _rows(packets, rows, fade=number == 0)
                mine = mine._replace(cell=mine.cell - cells.start)
                plan[rows], fate[rows] = one.serve(to_ns, mine)
        return plan, fate

    def settled(self, to_ns: int) -> tuple[Ints, Ints, Ints]:
        """Fill the slots up to an instant, where 5QIs count."""
        parts = [one.settled(to_ns) for one in self._schedulers]
        packet_id, plan, fate = (np.concatenate(column) for column in zip(*parts, strict=True))
        return packet_id, plan, fate

    def withdraw(self, packet_ids: Ints) -> None:
        """Take packets out of the queues, where 5QIs count."""
        for one in self._schedulers:
            one.withdraw(packet_ids)


class LayeredSignals:
    """What stations receive in all layers; see `Signals`.

    Args:
        signals: Each layer's.
        cells: Where each layer's cells are among all.
    """

    def __init__(self, signals: Sequence[Signals], cells: Sequence[slice]) -> None:
        self._signals = signals
        self._cells = cells
        self._rsrp_dbm: NDArray[np.float32] | None = None

    @property
    def rsrp_dbm(self) -> NDArray[np.float32]:
        """RSRP of every cell after the layer 3 filter (stations, cells) [dBm]."""
        if self._rsrp_dbm is None:
            self._rsrp_dbm = np.concatenate([one.rsrp_dbm for one in self._signals], axis=1)
        return self._rsrp_dbm

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        self._each(lambda one, _: one.grow(stations))

    def lose(self, station: int, loss_db: float) -> None:
        """Take what a station's antenna loses by where it is mounted [dB]."""
        self._each(lambda one, _: one.lose(station, loss_db))

    def begin(
        self,
        stations: Ints,
        x_m: Floats,
        y_m: Floats,
        height_m: Floats,
        error_db: NDArray[np.float32] | None = None,
    ) -> None:
        """Take the first measurement of stations."""
        places = (stations, x_m, y_m, height_m)
        self._each(lambda one, cells: one.begin(*places, _of_cells(error_db, cells)))

    def measure(
        self,
        stations: Ints,
        x_m: Floats,
        y_m: Floats,
        height_m: Floats,
        error_db: NDArray[np.float32] | None = None,
    ) -> None:
        """Take a measurement of stations and filter it."""
        places = (stations, x_m, y_m, height_m)
        self._each(lambda one, cells: one.measure(*places, _of_cells(error_db, cells)))

    def switch(
        self, off_air: Bools, stations: Ints, x_m: Floats, y_m: Floats, height_m: Floats
    ) -> None:
        """Take cells (cells,) off the air or back."""
        self._each(lambda one, cells: one.switch(off_air[cells], stations, x_m, y_m, height_m))

    def jam(self, stations: Ints, down_mw: Floats, up_mw: Floats) -> None:
        """Set what jammers are heard with: they are on the carrier of the ground."""
        self._signals[0].jam(stations, down_mw, up_mw)

    def sinr_db(
        self, stations: Ints, serving: Ints, down_load: Floats, up_load: Floats
    ) -> tuple[Floats, Floats]:
        """Return SINR down and up in the serving cells [dB]."""
        down, up = np.zeros(len(stations)), np.zeros(len(stations))
        for one, cells in zip(self._signals, self._cells, strict=True):
            rows = _of_layer(serving, cells)
            if rows.size:
                down[rows], up[rows] = one.sinr_db(
                    stations[rows], serving[rows] - cells.start, down_load[cells], up_load[cells]
                )
        return down, up

    def los(self, stations: Ints, cells: Ints) -> Bools:
        """Return whether stations see cells on the ground, a cell each (n,); else False."""
        los = np.zeros(len(stations), dtype=np.bool_)
        rows = _of_layer(cells, self._cells[0])
        los[rows] = self._signals[0].los(stations[rows], cells[rows])
        return los

    def _each(self, do: Callable[[Signals, slice], None]) -> None:
        for one, cells in zip(self._signals, self._cells, strict=True):
            do(one, cells)
        self._rsrp_dbm = None


def _of_layer(cell: Ints, cells: slice) -> Ints:
    return np.flatnonzero((cell >= cells.start) & (cell < cells.stop))


def _rows(packets: Arrivals, rows: Ints, *, fade: bool) -> Arrivals:
    """Return some of the packets."""
    faded = packets.faded.take(rows) if fade and packets.faded is not None else None
    return Arrivals._make(
        None if column is None or isinstance(column, FadedPackets) else column[rows]
        for column in packets
    )._replace(faded=faded)


def _of_cells(error_db: NDArray[np.float32] | None, cells: slice) -> NDArray[np.float32] | None:
    return None if error_db is None else error_db[:, cells]
