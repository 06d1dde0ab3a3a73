"""Dual connectivity with an LTE master (EN-DC): NR cells added, changed, released, and lost."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from network.arrays import Bools, Floats, Ints
from network.base import Cause, Handovers
from network.packet import NEVER, NS_PER_MS
from network.ran.handover import HandoverDelays, History
from network.ran.layers import NO_CELL
from network.ran.measurement import EventA2, EventA3, EventA4, Levels, RadioLinkMonitor
from network.settings import NetworkSettings


class _Kind(IntEnum):
    ADD = 0  # the command to add a cell has come
    ADDED = 1  # random access to it is done
    CHANGE = 2
    RELEASE = 3


class _Step(NamedTuple):
    """What is done with stations at an instant; `target` is NO_CELL for a release."""

    instant_ns: int
    kind: _Kind
    station: Ints
    target: Ints


class SecondaryCells:
    """The secondary cell group of stations, one NR cell each at most (TS 37.340 clause 10).

    A station's user data takes its NR cell while it has one, and its master's LTE cell otherwise.
    The master adds an NR cell by event B1, has it changed by event A3, and releases it by event A2;
    what it commands has to be heard from the master. Data goes on over LTE while a cell is added.
    A radio link failure of the NR cell, or T304 without access to a new one, is an SCG failure: the
    station tells the master, and data goes back to LTE (TS 38.331 clause 5.7.3).

    Args:
        stations: Number of rows.
        cells: Where the NR cells are among all.
        count: Number of all cells.
        settings: The network.
        seed: The run's seed.
        moved: Is told stations whose data takes another cell from now on.
    """

    def __init__(
        self,
        stations: int,
        cells: slice,
        count: int,
        settings: NetworkSettings,
        *,
        seed: int,
        moved: Callable[[Ints], None],
    ) -> None:
        assert settings.lte is not None
        rules, thresholds = settings.handover, settings.fallback
        self._cells = cells
        self._moved = moved
        processing_ms = settings.lte.scg_processing_ms
        scg = rules.model_copy(update={"rrc_processing_ms": processing_ms})
        self._delays = HandoverDelays(scg, seed)
        self._processing_ns = round(processing_ms * NS_PER_MS)
        self._preparation_ns = round(rules.preparation_ms * NS_PER_MS)
        self._t304_ns = rules.t304_ms * NS_PER_MS
        hysteresis_db, time_to_trigger_ns = (
            rules.hysteresis_db,
            rules.time_to_trigger_ms * NS_PER_MS,
        )
        self._good = EventA4(
            stations,
            count,
            threshold_dbm=thresholds.a4_threshold_dbm,
            hysteresis_db=hysteresis_db,
            time_to_trigger_ns=time_to_trigger_ns,
        )
        self._better = EventA3(
            stations,
            count,
            offset_db=rules.offset_db,
            hysteresis_db=hysteresis_db,
            time_to_trigger_ns=time_to_trigger_ns,
        )
        self._weak = EventA2(
            stations,
            threshold_dbm=thresholds.a5_threshold1_dbm,
            hysteresis_db=hysteresis_db,
            time_to_trigger_ns=time_to_trigger_ns,
        )
        self._monitor = RadioLinkMonitor(
            stations,
            qout_db=rules.qout_db,
            qin_db=rules.qin_db,
            n310=rules.n310,
            n311=rules.n311,
            t310_ns=rules.t310_ms * NS_PER_MS,
        )
        self._changes = History(stations, rules.ping_pong_s)
        self._steps: list[_Step] = []
        self._commanded = np.zeros(stations, dtype=np.bool_)
        self.cell: Ints = np.full(stations, NO_CELL)
        """The NR cell of each station, `NO_CELL` if it has none."""
        self.blocked_from_ns: Ints = np.zeros(stations, dtype=np.int64)
        """A station's data waits from this instant [ns] ..."""
        self.blocked_until_ns: Ints = np.zeros(stations, dtype=np.int64)
        """... until this one."""

    @property
    def next_ns(self) -> int:
        """When something is due next [ns]."""
        return self._steps[0].instant_ns if self._steps else NEVER

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        more = (0, stations - len(self.cell))
        self.cell = np.pad(self.cell, more, constant_values=NO_CELL)
        for name in ("_commanded", "blocked_from_ns", "blocked_until_ns"):
            setattr(self, name, np.pad(getattr(self, name), more))
        for part in (self._good, self._better, self._weak, self._monitor, self._changes):
            part.grow(stations)

    def leave(self, stations: Ints) -> None:
        """Let go of what stations have, as when their master is lost."""
        self.cell[stations] = NO_CELL
        self.blocked_until_ns[stations] = 0
        self._commanded[stations] = False
        self._steps = [
            step._replace(station=step.station[keep], target=step.target[keep])
            for step in self._steps
            for keep in [~np.isin(step.station, stations)]
        ]
        self._reset(stations)

    def forget(self, station: int, now_ns: int) -> None:
        """Begin anew for a station."""
        self.leave(np.array([station]))
        self._changes.forget(station, now_ns)

    def ended(self, now_ns: int) -> Handovers:
        """Return the changes that have ended; see `History.ended`."""
        return self._changes.ended(now_ns)

    def measure(
        self,
        now_ns: int,
        stations: Ints,
        rsrp_dbm: Levels,
        master: Ints,
        sinr_db: Floats,
        hears: Callable[[Ints], Bools],
    ) -> None:
        """Take in one measurement of stations whose master is not being changed.

        Args:
            now_ns: When it was taken [ns].
            stations: The rows (n,).
            rsrp_dbm: Filtered RSRP of every cell (n, cells) [dBm].
            master: The LTE cell of each (n,).
            sinr_db: Of the cell that data takes (n,) [dB].
            hears: Returns whether stations hear what their master commands.
        """
        has = self.cell[stations] != NO_CELL
        watched = has & (self.blocked_until_ns[stations] < now_ns)
        failed = np.zeros(len(stations), dtype=np.bool_)
        failed[watched] = self._monitor.update(now_ns, stations[watched], sinr_db[watched])
        if failed.any():
            back_ns = np.full(failed.sum(), self._preparation_ns + self._processing_ns)
            self._fail(now_ns, stations[failed], master[failed], back_ns)
        free = ~failed & ~self._commanded[stations]
        nr_dbm = np.full_like(rsrp_dbm, -np.inf)
        nr_dbm[:, self._cells] = rsrp_dbm[:, self._cells]

        mine = np.flatnonzero(free & watched)
        cell = self.cell[stations[mine]]
        weak = self._weak.update(now_ns, stations[mine], nr_dbm[mine, cell])
        released = stations[mine[weak]]
        self._command(now_ns, _Kind.RELEASE, released, np.full(len(released), NO_CELL), hears)
        mine, cell = mine[~weak], cell[~weak]
        better = self._better.update(now_ns, stations[mine], nr_dbm[mine], cell)
        self._command(now_ns, _Kind.CHANGE, *better, hears)

        new = np.flatnonzero(free & ~has)
        own = master[new]
        nr_dbm[new, own] = rsrp_dbm[new, own]
        good = self._good.update(now_ns, stations[new], nr_dbm[new], own)
        self._command(now_ns, _Kind.ADD, *good, hears)

    def execute(
        self,
        now_ns: int,
        keys: NDArray[np.uint64],
        master: Ints,
        steady: Bools,
        hears: Callable[[Ints, Ints | None], Bools],
    ) -> None:
        """Do what is due now.

        Args:
            now_ns: The instant [ns].
            keys: Of all stations.
            master: The LTE cell of all stations.
            steady: Whose master isn't being changed, of all stations.
            hears: Returns whether stations hear cells, their masters if none are given.
        """
        while self._steps and self._steps[0].instant_ns == now_ns:
            step = self._steps.pop(0)
            valid = self._commanded[step.station] & steady[step.station]
            if step.kind != _Kind.ADDED:
                valid &= hears(step.station, None)
            self._commanded[step.station[~valid]] = False
            stations, target = step.station[valid], step.target[valid]
            if not stations.size:
                continue
            if step.kind == _Kind.ADD:
                self._begin_access(now_ns, stations, target, keys)
            elif step.kind == _Kind.RELEASE:
                self._commanded[stations] = False
                span = np.full(len(stations), self._processing_ns)
                self._leave_cell(now_ns, stations, master[stations], Cause.A2, span)
            else:
                self._commanded[stations] = False
                heard = hears(stations, target)
                inside, at = stations[heard], target[heard]
                if step.kind == _Kind.ADDED:
                    self._enter(now_ns, inside, at, master[inside], Cause.B1, None)
                    continue
                span = self._delays.interruption_ns(keys[inside], now_ns)
                self._enter(now_ns, inside, at, self.cell[inside], Cause.A3, span)
                lost = stations[~heard]
                back_ns = self._t304_ns + self._preparation_ns + self._processing_ns
                self._fail(now_ns, lost, master[lost], np.full(len(lost), back_ns))

    def _command(
        self,
        now_ns: int,
        kind: _Kind,
        stations: Ints,
        target: Ints,
        hears: Callable[[Ints], Bools],
    ) -> None:
        """Have the master command something, if it is told of the event."""
        if not stations.size:
            return
        heard = hears(stations)
        self._commanded[stations[heard]] = True
        step = _Step(now_ns + self._preparation_ns, kind, stations[heard], target[heard])
        insort(self._steps, step, key=_instant)

    def _begin_access(
        self, now_ns: int, stations: Ints, target: Ints, keys: NDArray[np.uint64]
    ) -> None:
        ready = now_ns + self._delays.interruption_ns(keys[stations], now_ns)
        for n, instant in enumerate(ready.tolist()):
            one = slice(n, n + 1)
            insort(
                self._steps, _Step(instant, _Kind.ADDED, stations[one], target[one]), key=_instant
            )

    def _enter(
        self,
        now_ns: int,
        stations: Ints,
        target: Ints,
        source: Ints,
        cause: Cause,
        span_ns: Ints | None,
    ) -> None:
        """Let data take NR cells, after an interruption if there is one."""
        if not stations.size:
            return
        span = np.zeros(len(stations), dtype=np.int64) if span_ns is None else span_ns
        instants = np.full(len(stations), now_ns)
        self._changes.add(instants, stations, source.copy(), target, cause, span)
        self._switch(now_ns, stations, target, span)

    def _leave_cell(
        self, now_ns: int, stations: Ints, master: Ints, cause: Cause, span_ns: Ints
    ) -> None:
        """Let data go back to the master's cells after an interruption."""
        if not stations.size:
            return
        instants = np.full(len(stations), now_ns)
        self._changes.add(instants, stations, self.cell[stations], master, cause, span_ns)
        self._switch(now_ns, stations, np.full(len(stations), NO_CELL), span_ns)

    def _fail(self, now_ns: int, stations: Ints, master: Ints, back_ns: Ints) -> None:
        self._commanded[stations] = False
        self._leave_cell(now_ns, stations, master, Cause.SCG_FAILURE, back_ns)

    def _switch(self, now_ns: int, stations: Ints, cell: Ints, span_ns: Ints) -> None:
        self.cell[stations] = cell
        self.blocked_from_ns[stations] = now_ns
        self.blocked_until_ns[stations] = now_ns + span_ns
        self._reset(stations)
        self._moved(stations)

    def _reset(self, stations: Ints) -> None:
        for part in (self._good, self._better, self._weak, self._monitor):
            part.reset(stations)


def _instant(step: _Step) -> int:
    return step.instant_ns
