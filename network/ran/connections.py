"""Who is served by which cell: measurements, handovers, failures, and coming back."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from network.arrays import Bools, Floats, Ints
from network.base import RADIO_LINK_FAILURES, Cause, Handovers, StationState
from network.packet import NEVER, NS_PER_MS, Positions
from network.ran.failures import ConnectionFailures
from network.ran.fallback import FallbackTriggers
from network.ran.handover import HandoverDelays, History, in_order_of_end
from network.ran.layers import NO_CELL, Layer, slices_of
from network.ran.measurement import RadioLinkMonitor
from network.ran.reception import Reception
from network.ran.secondary import SecondaryCells
from network.ran.triggers import HandoverTriggers
from network.settings import NetworkSettings

# Handed over to, the target asks for a preamble and an answer; three exchanges re-establish.
_ROUND_TRIPS_TO_ACCESS, _ROUND_TRIPS_TO_REESTABLISH = 1, 3
_AFTER_RADIO_LINK_FAILURE = [int(cause) for cause in RADIO_LINK_FAILURES]


class _Command(NamedTuple):
    """Handovers that have been decided and take effect at an instant, with the cause of each.

    `begun_ns` is when stations that the source goes on serving (DAPS) got the command, -1 for one
    that is still to come.
    """

    instant_ns: int
    station: Ints
    target: Ints
    cause: Ints
    begun_ns: int = -1


class Connections:
    """The connections of stations to cells, one row for each station.

    Every `measurement_period_ms` the stations measure all cells: from that follow the SINR they are
    served with until the next time, handovers and radio link failures. Between two instants that
    `next_ns` names nothing here and in the reception changes.

    Args:
        stations: Number of rows.
        layers: The network's layers, the one on the ground first; cells are numbered through.
        reception: What the stations receive.
        seed: Seed of the run.
        interrupt: Is told stations whose cell ceases to serve them now, before it does.
    """

    def __init__(
        self,
        stations: int,
        layers: tuple[Layer, ...],
        reception: Reception,
        *,
        seed: int,
        interrupt: Callable[[Ints], None],
    ) -> None:
        ground = layers[0]
        settings = ground.settings
        handover = self._rules = settings.handover
        self._interrupt = interrupt
        self._several = len(layers) > 1
        sizes = [len(layer.cell_names) for layer in layers]
        cells = sum(sizes)
        self._layer_of_cell = np.repeat(np.arange(len(layers)), sizes)
        self._lte = np.repeat([layer.lte for layer in layers], sizes)
        sites = np.cumsum([0, *(layer.site_of_cell[-1] + 1 for layer in layers)])
        self._site_of_cell = np.concatenate(
            [layer.site_of_cell + first for layer, first in zip(layers, sites, strict=False)]
        )
        self._now_ns = 0
        self._period_ns = handover.measurement_period_ms * NS_PER_MS
        self._next_measurement_ns = self._period_ns
        self._commands: deque[_Command] = deque()
        # By the layer that is gone to.
        self._delays = [HandoverDelays(layer.settings.handover, seed) for layer in layers]
        self._inter_rat_ns = np.array([_inter_rat_ns(layer.settings) for layer in layers])
        self._reception = reception
        # The cell that a station is connected to; in EN-DC its master's, which data needn't take.
        self._serving = np.full(stations, NO_CELL)
        # It isn't served from `_blocked_from_ns` until `_blocked_until_ns`.
        self._blocked_from_ns = np.zeros(stations, dtype=np.int64)
        self._blocked_until_ns = np.zeros(stations, dtype=np.int64)
        self._commanded = np.zeros(stations, dtype=np.bool_)
        # On the way into a new cell, and served by the old one until then (DAPS).
        self._accessing = np.zeros(stations, dtype=np.bool_)
        self._switching = np.zeros(stations, dtype=np.bool_)
        self._triggers = HandoverTriggers(stations, cells, handover)
        self._failures = ConnectionFailures(stations, handover)
        selectable = np.repeat([layer.selectable for layer in layers], sizes)
        self._fallback = (
            FallbackTriggers(
                stations,
                np.where(selectable, self._layer_of_cell, -1),
                self._lte,
                np.repeat([layer.min_rsrp_dbm for layer in layers], sizes),
                settings,
            )
            if sum(layer.selectable for layer in layers) > 1
            else None
        )
        self._secondary = (
            None
            if ground.selectable
            else SecondaryCells(
                stations, slices_of(layers)[0], cells, settings, seed=seed, moved=self._move_data
            )
        )
        # Why a station is on the way into a new cell.
        self._cause = np.zeros(stations, dtype=np.int64)
        self._event = Cause[handover.event] if handover.rule is None else Cause.RULE
        self._t304_ns = handover.t304_ms * NS_PER_MS
        self._monitor = RadioLinkMonitor(
            stations,
            qout_db=handover.qout_db,
            qin_db=handover.qin_db,
            n310=handover.n310,
            n311=handover.n311,
            t310_ns=handover.t310_ms * NS_PER_MS,
        )
        self._changes = History(stations, handover.ping_pong_s)
        self._state: StationState | None = None

    @property
    def next_ns(self) -> int:
        """When something may change next [ns]."""
        instants = [self._next_measurement_ns, self._reception.next_change_ns]
        if self._commands:
            instants.append(self._commands[0].instant_ns)
        if self._secondary is not None:
            instants.append(self._secondary.next_ns)
        return min(instants)

    @property
    def data_cell(self) -> Ints:
        """The cell that each station's data takes, `NO_CELL` if there is none."""
        if self._secondary is None:
            return self._serving
        return np.where(self._secondary.cell != NO_CELL, self._secondary.cell, self._serving)

    def blocked_ns(self, stations: Ints) -> tuple[Ints, Ints]:
        """Return from when until when data of stations (n,) waits, or did the last time [ns]."""
        begin, end = self._blocked_from_ns[stations], self._blocked_until_ns[stations]
        if self._secondary is None:
            return begin, end
        also = self._secondary.blocked_from_ns[stations], self._secondary.blocked_until_ns[stations]
        both = (end > self._now_ns) & (also[1] > self._now_ns)
        later = np.where(also[1] > end, also[0], begin)
        return np.where(both, np.minimum(begin, also[0]), later), np.maximum(end, also[1])

    def attach(self, station: int, key: int, antenna_height_m: float) -> None:
        """Let a station select a cell from now on, to be connected to it at once.

        Args:
            station: Its row.
            key: `key_of` its name.
            antenna_height_m: Height of its antenna above ground [m].
        """
        self._state = None
        self._reception.attach(station, key, antenna_height_m)
        self._serving[station] = NO_CELL
        self._blocked_from_ns[station] = self._now_ns
        self._blocked_until_ns[station] = NEVER
        self._commanded[station] = False
        self._accessing[station] = False
        self._failures.forget(station)
        if self._secondary is not None:
            self._secondary.leave(np.array([station]))

    def detach(self, station: int) -> None:
        """Take a station out."""
        self._state = None
        self._reception.detach(station)
        self._serving[station] = NO_CELL
        self._changes.forget(station, self._now_ns)
        self._withdraw_commands(np.array([station]))
        if self._secondary is not None:
            self._secondary.forget(station, self._now_ns)

    def begin(self, positions: Positions) -> None:
        """Go on from where the stations are now; new ones select their first cell."""
        self._state = None
        self._reception.move(self._now_ns, positions)
        self._change_air()
        new = self._reception.begin()
        if new.size:
            found, cell = self._reception.select(new)
            self._enter_cell(found, cell)
            self._blocked_until_ns[found] = 0

    def reach(self, instant_ns: int) -> None:
        """Do what is due at an instant, not after `next_ns` [ns]."""
        self._now_ns = instant_ns
        self._reception.move(instant_ns)
        self._change_air()
        self._execute_commands()
        if instant_ns == self._next_measurement_ns:
            self._measure()
            self._next_measurement_ns += self._period_ns
            self._execute_commands()

    def handovers(self) -> Handovers:
        """Return the changes of cell that ended since the last call."""
        changes = self._changes.ended(self._now_ns)
        if self._secondary is None:
            return changes
        return in_order_of_end([changes, self._secondary.ended(self._now_ns)])

    def state(self) -> StationState:
        """Return the radio state of all stations."""
        if self._state is None:
            everyone = np.arange(len(self._serving))
            self._state = self._reception.state(self.data_cell, self.blocked_ns(everyone)[1])
        return self._state

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        more = (0, stations - len(self._serving))
        for name in (
            "_serving",
            "_blocked_from_ns",
            "_blocked_until_ns",
            "_commanded",
            "_accessing",
            "_switching",
            "_cause",
        ):
            setattr(self, name, np.pad(getattr(self, name), more))
        self._reception.grow(stations)
        self._triggers.grow(stations)
        if self._fallback is not None:
            self._fallback.grow(stations)
        if self._secondary is not None:
            self._secondary.grow(stations)
        self._failures.grow(stations)
        self._monitor.grow(stations)
        self._changes.grow(stations)

    def _measure(self) -> None:
        """Take the measurements of this instant and act on them."""
        now = self._now_ns
        rows = self._reception.measure()
        if not rows.size:
            return
        serving = self._serving[rows]
        served = serving != NO_CELL
        here = rows[served]
        self._reception.report(here)
        self._reception.see(here, self.data_cell[here])
        self._try_access(np.flatnonzero(self._accessing))

        # Who isn't served because the cell is off the air has yet to find out.
        watching = (self._blocked_until_ns[here] < now) | self._reception.off_air[
            self._serving[here]
        ]
        free = here[watching & ~self._accessing[here]]
        failed = self._monitor.update(now, free, self._master_sinr_db(free))
        failed &= ~self._switching[free]
        self._search(rows[~served])
        if failed.any():
            self._fail(free[failed])
        ready = free[~failed & ~self._commanded[free]]
        self._trigger(ready)
        if self._secondary is not None:
            rows = np.flatnonzero(self._steady())
            self._secondary.measure(
                now,
                rows,
                self._reception.signals.rsrp_dbm[rows],
                self._serving[rows],
                self._reception.down_sinr_db[rows],
                self._hears,
            )

    def _trigger(self, stations: Ints) -> None:
        """Decide handovers by the events of stations that aren't amid one."""
        serving = self._serving[stations]
        rsrp_dbm = self._reception.signals.rsrp_dbm.take(stations, axis=0)
        if self._fallback is not None:
            moves = self._fallback.update(self._now_ns, stations, rsrp_dbm, serving, self._hears)
            self._prepare(*moves)
            stay = ~np.isin(stations, moves.station)
            stations, serving, rsrp_dbm = stations[stay], serving[stay], rsrp_dbm[stay]
        if self._several:
            here = self._layer_of_cell == self._layer_of_cell[serving][:, None]
            rsrp_dbm = np.where(here, rsrp_dbm, -np.inf)
        moving, target = self._triggers.update(
            self._now_ns, stations, rsrp_dbm, serving, self._hears
        )
        if not moving.size:
            return
        cause = np.full(len(moving), int(self._event))
        if self._rules.procedure == "conditional":
            self._hand_over(moving, target, cause)
        else:
            self._prepare(moving, target, cause)

    def _prepare(self, stations: Ints, target: Ints, cause: Ints) -> None:
        """Have handovers prepared; their commands come later, by a satellite after a round trip."""
        self._commanded[stations] = True
        prepared_ns = self._now_ns + round(self._rules.preparation_ms * NS_PER_MS)
        instants = prepared_ns + 2 * self._reception.one_way_ns[self._serving[stations]]
        for instant in np.unique(instants).tolist():
            at = instants == instant
            command = _Command(instant, stations[at], target[at], cause[at])
            insort(self._commands, command, key=_instant)

    def _hears(self, stations: Ints, cells: Ints | None = None) -> Bools:
        """Return which stations commands of the serving or of other cells reach."""
        return self._reception.hears(stations, self._serving[stations] if cells is None else cells)

    def _steady(self) -> Bools:
        """Return whose LTE master is there and not being changed (EN-DC), of all stations."""
        lte = (self._serving != NO_CELL) & self._lte[self._serving]
        lte &= ~self._accessing & ~self._switching
        return np.asarray(lte & (self._blocked_until_ns <= self._now_ns))

    def _master_sinr_db(self, stations: Ints) -> Floats:
        """Return the SINR of stations in the cells they are connected to [dB]."""
        if self._secondary is None:
            return self._reception.down_sinr_db[stations]
        return self._reception.sinr_db(stations, self._serving[stations])[0]

    def _execute_commands(self) -> None:
        if self._secondary is not None:
            self._secondary.execute(
                self._now_ns, self._reception.key, self._serving, self._steady(), self._hears
            )
        while self._commands and self._commands[0].instant_ns == self._now_ns:
            command = self._commands.popleft()
            if not command.station.size:
                continue
            if command.begun_ns >= 0:
                self._switch(command)
                continue
            heard = self._hears(command.station)
            stations, target = command.station[heard], command.target[heard]
            cause = command.cause[heard]
            # Who doesn't hear the command reports once more, if the event still holds.
            self._commanded[command.station[~heard]] = False
            both = cause == self._event
            both &= self._rules.procedure == "daps"
            self._begin_switch(stations[both], target[both])
            self._commanded[stations[~both]] = False
            self._hand_over(stations[~both], target[~both], cause[~both])

    def _hand_over(self, stations: Ints, target: Ints, cause: Ints) -> None:
        """Take stations out of their cells; they begin random access in the target ones."""
        if not stations.size:
            return
        source = self._serving[stations]
        self._cause[stations] = cause
        other_rat = self._lte[source] != self._lte[target]
        span = self._access_ns(stations, target)
        span += np.where(other_rat, self._inter_rat_ns[self._layer_of_cell[target]], 0)
        self._block(stations, self._now_ns + span)
        self._enter_cell(stations, target)
        self._failures.handed_over(stations, source, target, self._now_ns)
        self._accessing[stations] = True
        self._try_access(stations)

    def _access_ns(self, stations: Ints, target: Ints) -> Ints:
        """Return how long it takes from a command to data in the target [ns]."""
        layer = self._layer_of_cell[target]
        span = np.zeros(len(stations), dtype=np.int64)
        for number in np.unique(layer).tolist():
            mine = layer == number
            keys = self._reception.key[stations[mine]]
            span[mine] = self._delays[number].interruption_ns(keys, self._now_ns)
        return np.asarray(span + _ROUND_TRIPS_TO_ACCESS * 2 * self._reception.one_way_ns[target])

    def _try_access(self, stations: Ints) -> None:
        """See who of those accessing a cell gets in before the next measurement.

        A target that isn't heard is tried again after each measurement until T304 expires.
        """
        if not stations.size:
            return
        next_ns = (self._now_ns // self._period_ns + 1) * self._period_ns
        stations = stations[self._blocked_until_ns[stations] <= next_ns]
        if not stations.size:
            return
        begun, ready = self._blocked_from_ns[stations], self._blocked_until_ns[stations]
        inside = self._hears(stations) & (ready - begun <= self._t304_ns)
        arrived = stations[inside]
        self._accessing[arrived] = False
        self._changes.add(
            begun[inside],
            arrived,
            self._failures.source(arrived),
            self._serving[arrived],
            self._cause[arrived],
            (ready - begun)[inside],
        )
        expired = ~inside & (self._now_ns - begun >= self._t304_ns)
        self._blocked_until_ns[stations[~inside & ~expired]] += self._period_ns
        failed = stations[expired]
        if failed.size:
            self._accessing[failed] = False
            self._failures.access_failed(failed, self._now_ns)
            self._blocked_until_ns[failed] = NEVER
            self._serving[failed] = NO_CELL
            self._drop_secondary(failed)
            self._search(failed)

    def _begin_switch(self, stations: Ints, target: Ints) -> None:
        """Let stations access the target while the source serves them (DAPS)."""
        if not stations.size:
            return
        now = self._now_ns
        self._switching[stations] = True
        ready = now + self._access_ns(stations, target)
        for n, instant in enumerate(ready.tolist()):
            one = slice(n, n + 1)
            cause = np.array([int(self._event)])
            switch = _Command(instant, stations[one], target[one], cause, now)
            insort(self._commands, switch, key=_instant)

    def _switch(self, command: _Command) -> None:
        """Let the target serve in the source's stead, if the station got in (DAPS).

        Otherwise it tries again, until T304 expires and it stays in the source.
        """
        now, stations, target = self._now_ns, command.station, command.target
        source = self._serving[stations]
        inside = bool(self._hears(stations, target)[0])
        if not inside and now + self._period_ns - command.begun_ns <= self._t304_ns:
            later = command._replace(instant_ns=now + self._period_ns)
            insort(self._commands, later, key=_instant)
            return
        self._commanded[stations] = False
        self._switching[stations] = False
        at, none = np.array([now]), np.zeros(1, dtype=np.int64)
        if inside and now - command.begun_ns <= self._t304_ns:
            self._block(stations, now)
            self._enter_cell(stations, target)
            self._failures.handed_over(stations, source, target, command.begun_ns)
            self._changes.add(at, stations, source, target, self._event, none)
        else:
            self._changes.add(at, stations, source, source, Cause.T304_EXPIRY, none)

    def _withdraw_commands(self, stations: Ints) -> None:
        """Forget the handovers that stations have been or would be told of."""
        self._commanded[stations] = False
        self._switching[stations] = False
        self._commands = deque(
            command._replace(
                station=command.station[keep],
                target=command.target[keep],
                cause=command.cause[keep],
            )
            for command in self._commands
            for keep in [~np.isin(command.station, stations)]
        )

    def _fail(self, stations: Ints) -> None:
        """Declare radio link failure: look for a cell, and be out of service until then."""
        self._withdraw_commands(stations)
        self._failures.radio_link_failed(stations, self._serving[stations], self._now_ns)
        self._block(stations, NEVER)
        self._serving[stations] = NO_CELL
        self._drop_secondary(stations)
        self._search(stations)

    def _search(self, stations: Ints) -> None:
        """Let stations without a cell come back in the strongest one, if there is any.

        They re-establish, or, where that cell is prepared for a conditional handover, execute that
        (TS 38.331 clause 5.3.7.3).
        """
        if not stations.size:
            return
        found, cell = self._reception.select(stations)
        if not found.size:
            return
        now = self._now_ns
        known = self._failures.knows(found, cell, self._site_of_cell)
        delay = np.where(known, 0, self._delays[0].context_fetch_ns)
        delay += self._delays[0].reestablishment_ns
        delay += _ROUND_TRIPS_TO_REESTABLISH * 2 * self._reception.one_way_ns[cell]
        prepared = self._triggers.prepared(found, cell, now)
        if prepared.any():
            executed = self._access_ns(found, cell)
            delay = np.where(prepared, executed, delay)
        lost = self._failures.lost(found)
        cause = self._failures.came_back(found, cell, now)
        layer = self._layer_of_cell
        fell = (lost != NO_CELL) & (layer[lost] != layer[cell])
        cause[fell & np.isin(cause, _AFTER_RADIO_LINK_FAILURE)] = Cause.FALLBACK
        self._enter_cell(found, cell)
        ready = now + delay
        self._blocked_until_ns[found] = ready
        begun = self._blocked_from_ns[found]
        self._changes.add(begun, found, lost, cell, cause, ready - begun)

    def _enter_cell(self, stations: Ints, cells: Ints) -> None:
        self._serving[stations] = cells
        self._triggers.reset(stations)
        if self._fallback is not None:
            self._fallback.reset(stations)
        self._monitor.reset(stations)
        self._drop_secondary(stations[~self._lte[cells]])
        self._reception.enter(stations, self.data_cell[stations])

    def _move_data(self, stations: Ints) -> None:
        """Take the data of stations out of its cells and into others (EN-DC)."""
        self._interrupt(stations)
        self._reception.enter(stations, self.data_cell[stations])

    def _drop_secondary(self, stations: Ints) -> None:
        """Let go of the NR cells of stations without an LTE master (EN-DC)."""
        if self._secondary is not None:
            self._secondary.leave(stations)

    def _block(self, stations: Ints, until_ns: int | Ints) -> None:
        self._interrupt(stations)
        going_on = self._blocked_until_ns[stations] > self._now_ns
        begin = np.where(going_on, self._blocked_from_ns[stations], self._now_ns)
        self._blocked_from_ns[stations] = begin
        self._blocked_until_ns[stations] = until_ns

    def _change_air(self) -> None:
        """Take notice of cells that went off the air or came back, when it is time to."""
        changed = self._reception.change_air()
        if changed is None:
            return
        lost, back = changed
        self._lose_cells(lost)
        # Stations that the outage was too short for to notice are served again.
        again = np.isin(self._serving, back) & (self._blocked_until_ns == NEVER)
        self._blocked_until_ns[again] = self._now_ns
        served = np.flatnonzero(self._serving != NO_CELL)
        self._reception.see(served, self.data_cell[served])

    def _lose_cells(self, cells: Ints) -> None:
        """Stop serving in cells: their stations notice by radio link failure.

        Who is on the way into one doesn't get in.
        """
        served = ~self._accessing & np.isin(self._serving, cells)
        self._block(np.flatnonzero(served), NEVER)


def _inter_rat_ns(settings: NetworkSettings) -> int:
    """Return how much longer RRC takes with a handover from the other technology [ns]."""
    if settings.lte is None:
        return 0
    longer_ms = settings.lte.inter_rat_processing_ms - settings.handover.rrc_processing_ms
    return round(max(longer_ms, 0.0) * NS_PER_MS)


def _instant(command: _Command) -> int:
    return command.instant_ns
