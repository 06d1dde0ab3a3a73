"""What a station concludes from measuring: layer 3 filter, events, radio link monitoring."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache

import numpy as np
from numpy.typing import NDArray

from network.arrays import Bools, Floats, Ints
from network.draws import Draws
from network.packet import NEVER, NS_PER_MS

Levels = Floats | NDArray[np.float32]

L1_PERIOD_MS = 200.0
"""The measurement period that a filter coefficient is meant for (FR1, TS 38.133 clause 9.2.5)."""

_SAMPLES = 5


def layer_1_period_ms(smtc_period_ms: float) -> float:
    """Return the time that layer 1 takes for a measurement [ms].

    Intra-frequency, FR1, without gaps and DRX: five occasions of the SMTC window, but 200 ms at
    least (TS 38.133 clause 9.2.5.2).

    Args:
        smtc_period_ms: Period of the SMTC window [ms].
    """
    return max(L1_PERIOD_MS, _SAMPLES * smtc_period_ms)


def filter_weight(coefficient: int, period_ms: float, smtc_period_ms: float = 20.0) -> float:
    """Return how much a new measurement weighs in the layer 3 filter (TS 38.331 clause 5.5.3.2).

    The filter is F = (1 - a) F' + a M with a = 1/2^(k/4). It is meant for one measurement of layer
    1 after another, every 200 ms unless the SMTC window is rare; where they come at another rate,
    the specification asks for the same behaviour in time, so here the old value fades by (1 - a) in
    that time, however many measurements it is.

    Args:
        coefficient: k.
        period_ms: Time between measurements [ms].
        smtc_period_ms: Period of the SMTC window [ms].
    """
    weight = 2.0 ** (-coefficient / 4.0)
    return float(1.0 - (1.0 - weight) ** (period_ms / layer_1_period_ms(smtc_period_ms)))


class Layer1Errors:
    """What layer 1 measures beside the mark: normal, independent between cells and in time.

    A measurement of layer 1 is an average over its period (`layer_1_period_ms`); the layer 3 filter
    gets a new one when that has passed, and the same until then. Each station's periods begin at an
    instant of its own.

    Args:
        stations: Rows to keep track of.
        cell_keys: Key of each cell's draws (cells,).
        sigma_db: Standard deviation [dB].
        period_ms: Layer 1's period [ms].
        seed: Seed of the run.
    """

    def __init__(
        self,
        stations: int,
        cell_keys: NDArray[np.uint64],
        *,
        sigma_db: float,
        period_ms: float,
        seed: int,
    ) -> None:
        self._period_ns = round(period_ms * NS_PER_MS)
        self._draws = Draws(seed, "layer 1 error")
        # Stations and cells draw a place each, and read what is at the sum of both: one draw for a
        # station rather than one for every link.
        self._place_of_cell = self._draws.uint64(cell_keys, -1)
        self._values_db = (_normal_values() * sigma_db).astype(np.float32)
        self._period = np.full(stations, -1)
        self._error_db = np.zeros((stations, len(cell_keys)), dtype=np.float32)

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        more = (0, stations - len(self._period))
        self._period = np.pad(self._period, more, constant_values=-1)
        self._error_db = np.pad(self._error_db, (more, (0, 0)))

    def reset(self, station: int) -> None:
        """Begin anew for a row: a new station."""
        self._period[station] = -1

    def at(self, instant_ns: int, stations: Ints, keys: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Return the errors of rows (n, cells) [dB].

        Args:
            instant_ns: The instant [ns]; later than any before.
            stations: The rows (n,).
            keys: Keys of their draws (n,).
        """
        phase_ns = (keys % np.uint64(self._period_ns)).astype(np.int64)
        period = (instant_ns + phase_ns) // self._period_ns
        new = period != self._period[stations]
        if new.any():
            place = self._draws.uint64(keys[new], period[new])[:, None] + self._place_of_cell
            rows = stations[new]
            self._error_db[rows] = self._values_db[place % np.uint64(len(self._values_db))]
            self._period[rows] = period[new]
        return self._error_db[stations]


@cache
def _normal_values() -> Floats:
    return Draws(0, "normal values").normal(0, np.arange(1 << 16))


class NeighbourEvent(ABC):
    """An event of TS 38.331 clause 5.5.4 that neighbouring cells enter and leave.

    It triggers when the entering condition has held for every measurement of the time to trigger;
    one measurement without it begins anew. Once triggered it stays so until the leaving condition
    holds.

    Args:
        stations: Rows to keep track of.
        cells: Number of cells.
        time_to_trigger_ns: Time to trigger [ns].
    """

    def __init__(self, stations: int, cells: int, *, time_to_trigger_ns: int) -> None:
        self._time_to_trigger_ns = time_to_trigger_ns
        self._inside = np.zeros((stations, cells), dtype=np.bool_)
        self._triggered = np.zeros((stations, cells), dtype=np.bool_)
        self._active = np.zeros(stations, dtype=np.bool_)
        self._since_ns = np.zeros((stations, cells), dtype=np.int64)

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        more = ((0, stations - len(self._inside)), (0, 0))
        self._inside = np.pad(self._inside, more)
        self._triggered = np.pad(self._triggered, more)
        self._active = np.pad(self._active, more[0])
        self._since_ns = np.pad(self._since_ns, more)

    def reset(self, stations: Ints | int) -> None:
        """Forget what was going on in rows: new stations, or such with another serving cell."""
        self._inside[stations] = False
        self._triggered[stations] = False
        self._active[stations] = False

    def triggered(self, stations: Ints) -> Bools:
        """Return which cells are triggered for rows (n, cells)."""
        return self._triggered[stations]

    def update(
        self,
        instant_ns: int,
        stations: Ints,
        rsrp_dbm: Levels,
        serving: Ints,
        allowed: Bools | None = None,
    ) -> tuple[Ints, Ints]:
        """Take in one measurement of some rows, each row once.

        Args:
            instant_ns: When it was taken [ns].
            stations: The rows (n,).
            rsrp_dbm: Filtered RSRP of every cell (n, cells) [dBm].
            serving: Serving cell of each (n,).
            allowed: Which cells may be returned (n, cells); without it all.

        Returns:
            The stations that have a triggered neighbour, and the strongest such neighbour of each.
        """
        own = rsrp_dbm[np.arange(len(stations)), serving]
        # Most stations have no neighbour near the threshold: only the others are looked at closely.
        near = self._near(own, rsrp_dbm.max(axis=1)) | self._active[stations]
        stations, rsrp_dbm, serving, own = stations[near], rsrp_dbm[near], serving[near], own[near]
        entering, leaving = self._conditions(own[:, None], rsrp_dbm)
        # The serving cell is no neighbour of itself, even with a negative offset.
        entering[np.arange(len(stations)), serving] = False
        triggered = self._triggered[stations]
        triggered &= ~leaving
        row, cell = np.nonzero(entering)
        new = ~self._inside[stations[row], cell]
        self._since_ns[stations[row[new]], cell[new]] = instant_ns
        held = instant_ns - self._since_ns[stations[row], cell] >= self._time_to_trigger_ns
        triggered[row[held], cell[held]] = True
        self._inside[stations] = entering
        self._triggered[stations] = triggered
        self._active[stations] = (entering | triggered).any(axis=1)
        if allowed is not None:
            triggered = triggered & allowed[near]
        rows = np.flatnonzero(triggered.any(axis=1))
        best = np.argmax(np.where(triggered[rows], rsrp_dbm[rows], -np.inf), axis=1)
        return stations[rows], best

    @abstractmethod
    def _near(self, own_dbm: Levels, strongest_dbm: Levels) -> Bools:
        """Return whether any cell may fulfil the entering condition; arrays of shape (n,)."""

    @abstractmethod
    def _conditions(self, own_dbm: Levels, rsrp_dbm: Levels) -> tuple[Bools, Bools]:
        """Return entering and leaving conditions of cells (n, cells); `own_dbm` is (n, 1)."""


class EventA3(NeighbourEvent):
    """Event A3: a neighbour is an offset better than the serving cell (TS 38.331 5.5.4.4).

    A neighbour enters while ``Mn - Hys > Mp + Off`` and leaves once ``Mn + Hys < Mp + Off``.

    Args:
        stations: Rows to keep track of.
        cells: Number of cells.
        offset_db: a3-Offset [dB].
        hysteresis_db: Hysteresis [dB].
        time_to_trigger_ns: Time to trigger [ns].
    """

    def __init__(
        self,
        stations: int,
        cells: int,
        *,
        offset_db: float,
        hysteresis_db: float,
        time_to_trigger_ns: int,
    ) -> None:
        super().__init__(stations, cells, time_to_trigger_ns=time_to_trigger_ns)
        self._enter_db = offset_db + hysteresis_db
        self._leave_db = offset_db - hysteresis_db

    def _near(self, own_dbm: Levels, strongest_dbm: Levels) -> Bools:
        return np.asarray(strongest_dbm - own_dbm > self._enter_db)

    def _conditions(self, own_dbm: Levels, rsrp_dbm: Levels) -> tuple[Bools, Bools]:
        better = rsrp_dbm - own_dbm
        return np.asarray(better > self._enter_db), np.asarray(better < self._leave_db)


class EventA4(NeighbourEvent):
    """Event A4: a neighbour has become good enough (TS 38.331 5.5.4.5; B1 of 5.5.4.8 is alike).

    A neighbour enters while ``Mn - Hys > Thresh`` and leaves once ``Mn + Hys < Thresh``.

    Args:
        stations: Rows to keep track of.
        cells: Number of cells.
        threshold_dbm: a4-Threshold [dBm].
        hysteresis_db: Hysteresis [dB].
        time_to_trigger_ns: Time to trigger [ns].
    """

    def __init__(
        self,
        stations: int,
        cells: int,
        *,
        threshold_dbm: float,
        hysteresis_db: float,
        time_to_trigger_ns: int,
    ) -> None:
        super().__init__(stations, cells, time_to_trigger_ns=time_to_trigger_ns)
        self._enter_dbm = threshold_dbm + hysteresis_db
        self._leave_dbm = threshold_dbm - hysteresis_db

    def _near(self, _own_dbm: Levels, strongest_dbm: Levels) -> Bools:
        return np.asarray(strongest_dbm > self._enter_dbm)

    def _conditions(self, _own_dbm: Levels, rsrp_dbm: Levels) -> tuple[Bools, Bools]:
        return np.asarray(rsrp_dbm > self._enter_dbm), np.asarray(rsrp_dbm < self._leave_dbm)


class EventA5(NeighbourEvent):
    """Event A5: the serving cell is weak and a neighbour is strong enough (TS 38.331 5.5.4.6).

    A neighbour enters while ``Mp + Hys < Thresh1`` and ``Mn - Hys > Thresh2``; it leaves once
    ``Mp - Hys > Thresh1`` or ``Mn + Hys < Thresh2``.

    Args:
        stations: Rows to keep track of.
        cells: Number of cells.
        threshold1_dbm: a5-Threshold1, for the serving cell [dBm].
        threshold2_dbm: a5-Threshold2, for a neighbour [dBm].
        hysteresis_db: Hysteresis [dB].
        time_to_trigger_ns: Time to trigger [ns].
    """

    def __init__(
        self,
        stations: int,
        cells: int,
        *,
        threshold1_dbm: float,
        threshold2_dbm: float,
        hysteresis_db: float,
        time_to_trigger_ns: int,
    ) -> None:
        super().__init__(stations, cells, time_to_trigger_ns=time_to_trigger_ns)
        self._threshold1_dbm = threshold1_dbm
        self._threshold2_dbm = threshold2_dbm
        self._hysteresis_db = hysteresis_db

    def _near(self, own_dbm: Levels, strongest_dbm: Levels) -> Bools:
        weak = own_dbm + self._hysteresis_db < self._threshold1_dbm
        return np.asarray(weak & (strongest_dbm - self._hysteresis_db > self._threshold2_dbm))

    def _conditions(self, own_dbm: Levels, rsrp_dbm: Levels) -> tuple[Bools, Bools]:
        hysteresis = self._hysteresis_db
        entering = rsrp_dbm - hysteresis > self._threshold2_dbm
        entering &= own_dbm + hysteresis < self._threshold1_dbm
        leaving = rsrp_dbm + hysteresis < self._threshold2_dbm
        leaving |= own_dbm - hysteresis > self._threshold1_dbm
        return entering, leaving


class EventA2:
    """Event A2: the serving cell has become weak (TS 38.331 5.5.4.3).

    It is entered while ``Ms + Hys < Thresh`` and left once ``Ms - Hys > Thresh``.

    Args:
        stations: Rows to keep track of.
        threshold_dbm: a2-Threshold [dBm].
        hysteresis_db: Hysteresis [dB].
        time_to_trigger_ns: Time to trigger [ns].
    """

    def __init__(
        self, stations: int, *, threshold_dbm: float, hysteresis_db: float, time_to_trigger_ns: int
    ) -> None:
        self._enter_dbm = threshold_dbm - hysteresis_db
        self._leave_dbm = threshold_dbm + hysteresis_db
        self._time_to_trigger_ns = time_to_trigger_ns
        self._since_ns = np.full(stations, NEVER)
        self._triggered = np.zeros(stations, dtype=np.bool_)

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        more = (0, stations - len(self._since_ns))
        self._since_ns = np.pad(self._since_ns, more, constant_values=NEVER)
        self._triggered = np.pad(self._triggered, more)

    def reset(self, stations: Ints | int) -> None:
        """Forget what was going on in rows: new stations, or such with another serving cell."""
        self._since_ns[stations] = NEVER
        self._triggered[stations] = False

    def update(self, instant_ns: int, stations: Ints, serving_dbm: Levels) -> Bools:
        """Take in one measurement of some rows, each once; return for which it is triggered.

        Args:
            instant_ns: When it was taken [ns].
            stations: The rows (n,).
            serving_dbm: Filtered RSRP of the serving cell (n,) [dBm].
        """
        entering = serving_dbm < self._enter_dbm
        since = np.where(entering, np.minimum(self._since_ns[stations], instant_ns), NEVER)
        held = entering & (instant_ns - since >= self._time_to_trigger_ns)
        self._since_ns[stations] = since
        triggered: Bools = held | (self._triggered[stations] & (serving_dbm <= self._leave_dbm))
        self._triggered[stations] = triggered
        return triggered


class RadioLinkMonitor:
    """Radio link failure by N310, T310 and N311 (TS 38.331 clause 5.3.10).

    Args:
        stations: Rows to keep track of.
        qout_db: Out of sync below this SINR [dB].
        qin_db: In sync above this SINR [dB].
        n310: Consecutive out-of-sync indications that start T310.
        n311: Consecutive in-sync indications that stop it.
        t310_ns: Length of T310 [ns].
    """

    def __init__(
        self, stations: int, *, qout_db: float, qin_db: float, n310: int, n311: int, t310_ns: int
    ) -> None:
        self._qout_db, self._qin_db = qout_db, qin_db
        self._n310, self._n311 = n310, n311
        self._t310_ns = t310_ns
        self._out = np.zeros(stations, dtype=np.int64)
        self._in = np.zeros(stations, dtype=np.int64)
        self._started_ns = np.full(stations, NEVER)

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        more = stations - len(self._out)
        self._out = np.pad(self._out, (0, more))
        self._in = np.pad(self._in, (0, more))
        self._started_ns = np.pad(self._started_ns, (0, more), constant_values=NEVER)

    def reset(self, stations: Ints | int) -> None:
        """Begin anew for rows, as after a change of cell."""
        self._out[stations] = 0
        self._in[stations] = 0
        self._started_ns[stations] = NEVER

    def update(self, instant_ns: int, stations: Ints, sinr_db: Floats) -> Bools:
        """Take in an indication of some rows, each once; return whose radio link has failed."""
        out = sinr_db < self._qout_db
        good = sinr_db > self._qin_db
        self._out[stations] = np.where(out, self._out[stations] + 1, 0)
        self._in[stations] = np.where(good, self._in[stations] + 1, 0)
        started = self._started_ns[stations]
        started[self._in[stations] >= self._n311] = NEVER
        started[(self._out[stations] >= self._n310) & (started == NEVER)] = instant_ns
        self._started_ns[stations] = started
        return np.asarray((started != NEVER) & (instant_ns - started >= self._t310_ns))
