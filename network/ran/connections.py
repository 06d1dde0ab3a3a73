"""Who is served by which cell: measurements, handovers, failures, and coming back."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from network.arrays import Bools, Floats, Ints
from network.base import RADIO_LINK_FAILURES, Cause, Handovers, StationState
from network.draws import key_of
from network.impairments import RadioImpairments
from network.packet import NEVER, NS_PER_MS, Positions
from network.phy import prb_count
from network.radio.penetration import CarLoss
from network.ran.cells import cells_of
from network.ran.fades import UP, FadedPackets, Fades
from network.ran.failures import ConnectionFailures
from network.ran.fallback import FallbackTriggers
from network.ran.handover import HandoverDelays, History, in_order_of_end
from network.ran.layered import LayeredScheduler, LayeredSignals
from network.ran.layers import Layer, slices_of
from network.ran.measurement import (
    Layer1Errors,
    Levels,
    RadioLinkMonitor,
    layer_1_period_ms,
)
from network.ran.scheduler import Scheduler
from network.ran.secondary import SecondaryCells
from network.ran.signals import Signals
from network.ran.triggers import HandoverTriggers

NO_CELL = -1
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
    `next_ns` names nothing here changes.

    Args:
        stations: Number of rows.
        layers: The network's layers, the one on the ground first; cells are numbered through.
        seed: Seed of the run.
        down: The downlink's scheduler, which knows how loaded the cells are.
        up: The uplink's.
        interrupt: Is told stations whose cell ceases to serve them now, before it does.

    Raises:
        ValueError: An impairment of an unknown cell.
    """

    def __init__(
        self,
        stations: int,
        layers: tuple[Layer, ...],
        *,
        seed: int,
        down: Scheduler | LayeredScheduler,
        up: Scheduler | LayeredScheduler,
        interrupt: Callable[[Ints], None],
    ) -> None:
        ground = layers[0]
        settings = self._settings = ground.settings
        self._layers = layers
        self._cells = slices_of(layers)
        self._down, self._up = down, up
        self._interrupt = interrupt
        handover = settings.handover
        names = tuple(name for layer in layers for name in layer.cell_names)
        cells = len(names)
        sizes = [len(layer.cell_names) for layer in layers]
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
        self._air = (
            RadioImpairments(settings, names, cells_of(ground.sites), prbs=down.prbs)
            if RadioImpairments.wanted(settings)
            else None
        )
        self._off_air = np.zeros(cells, dtype=np.bool_)
        self._signals = self._signals_of(stations)
        self.one_way_ns = np.concatenate([layer.one_way_ns() for layer in layers])
        """How long signals take through space to each cell's base station (cells,) [ns]."""
        self.grant_ns = np.repeat([layer.grant_ns for layer in layers], sizes)
        """How much longer a grant takes in each cell than the settings say (cells,) [ns]."""
        self._car_loss = CarLoss(
            settings.radio.in_car_share,
            metallised_windows=settings.radio.metallised_windows,
            seed=seed,
        )
        keys = np.array([key_of(name) for name in names], dtype=np.uint64)
        self._fades = (
            Fades(stations, settings, keys, seed=seed) if settings.radio.fast_fading else None
        )
        self._errors = (
            Layer1Errors(
                stations,
                keys,
                sigma_db=handover.layer_1_error_db,
                period_ms=layer_1_period_ms(handover.smtc_period_ms),
                seed=seed,
            )
            if handover.layer_1_error_db
            else None
        )
        self._positions: Positions | None = None
        self._attached = np.zeros(stations, dtype=np.bool_)
        self._key = np.zeros(stations, dtype=np.uint64)
        self._height_m = np.zeros(stations)
        self._measured = np.zeros(stations, dtype=np.bool_)
        self._down_sinr_db = np.full(stations, np.nan)
        self._up_sinr_db = np.full(stations, np.nan)
        self._reported_down_db = np.full(stations, np.nan)
        self._reported_up_db = np.full(stations, np.nan)
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
                stations, self._cells[0], cells, settings, seed=seed, moved=self._move_data
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
        instants = [self._next_measurement_ns]
        if self._commands:
            instants.append(self._commands[0].instant_ns)
        if self._air is not None:
            instants.append(self._air.next_change_ns)
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
        self._attached[station] = True
        self._key[station] = key
        self._height_m[station] = antenna_height_m
        self._measured[station] = False
        self._serving[station] = NO_CELL
        self._blocked_from_ns[station] = self._now_ns
        self._blocked_until_ns[station] = NEVER
        self._commanded[station] = False
        self._accessing[station] = False
        self._failures.forget(station)
        if self._secondary is not None:
            self._secondary.leave(np.array([station]))
        if self._errors is not None:
            self._errors.reset(station)
        if self._settings.radio.in_car_share:
            loss_db = self._car_loss.loss_db(self._key[station : station + 1])
            self._signals.lose(station, float(loss_db[0]))
        if self._fades is not None:
            self._fades.reset(station)

    def detach(self, station: int) -> None:
        """Take a station out."""
        self._state = None
        self._attached[station] = False
        self._serving[station] = NO_CELL
        self._changes.forget(station, self._now_ns)
        self._withdraw_commands(np.array([station]))
        if self._secondary is not None:
            self._secondary.forget(station, self._now_ns)

    def begin(self, positions: Positions) -> None:
        """Go on from where the stations are now; new ones select their first cell."""
        self._state = None
        self._positions = positions
        self._move_cells()
        self._change_air()
        self._select_first_cells()

    def reach(self, instant_ns: int) -> None:
        """Do what is due at an instant, not after `next_ns` [ns]."""
        self._now_ns = instant_ns
        self._move_cells()
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
            self._state = self._present_state()
        return self._state

    def quality(
        self, way: int, stations: Ints, begin_ns: Ints
    ) -> tuple[Floats, Floats, FadedPackets | None]:
        """Return what packets (n,) are sent with: reported SINR, SINR [dB], and fast fading.

        Args:
            way: `fades.UP` or `fades.DOWN`.
            stations: The station of each.
            begin_ns: When each comes to its queue [ns].
        """
        reported_db = (self._reported_up_db if way == UP else self._reported_down_db)[stations]
        sinr_db = (self._up_sinr_db if way == UP else self._down_sinr_db)[stations]
        if self._fades is None:
            return reported_db, sinr_db, None
        assert self._positions is not None
        return (
            reported_db + self._fades.margin_db(stations, way),
            sinr_db,
            self._fades.packets(way, stations, sinr_db, self._positions, begin_ns),
        )

    def expected_sinr_db(self, x_m: Floats, y_m: Floats, height_m: Floats) -> Floats:
        """Return the downlink SINR to be expected at places; as `LinkModel.expected_sinr_db`."""
        places = np.arange(len(x_m))
        signals = self._signals_of(len(x_m))
        signals.begin(places, x_m, y_m, height_m)
        cell = self._selected(np.where(self._off_air, -np.inf, signals.rsrp_dbm))
        on_air = ~self._off_air
        down_db, _ = signals.sinr_db(
            places,
            np.maximum(cell, 0),
            self._down.utilisation * on_air,
            self._up.utilisation * on_air,
        )
        return np.where(cell == NO_CELL, -np.inf, down_db)

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        more = (0, stations - len(self._attached))
        for name in (
            "_attached",
            "_key",
            "_height_m",
            "_measured",
            "_serving",
            "_down_sinr_db",
            "_up_sinr_db",
            "_reported_down_db",
            "_reported_up_db",
            "_blocked_from_ns",
            "_blocked_until_ns",
            "_commanded",
            "_accessing",
            "_switching",
            "_cause",
        ):
            setattr(self, name, np.pad(getattr(self, name), more))
        self._signals.grow(stations)
        if self._errors is not None:
            self._errors.grow(stations)
        self._triggers.grow(stations)
        if self._fallback is not None:
            self._fallback.grow(stations)
        if self._secondary is not None:
            self._secondary.grow(stations)
        self._failures.grow(stations)
        if self._fades is not None:
            self._fades.grow(stations)
        self._monitor.grow(stations)
        self._changes.grow(stations)

    def _move_cells(self) -> None:
        """Let what carries cells be where it is now."""
        for layer in self._layers[1:]:
            if layer.orbit is not None:
                layer.orbit.move_to(self._now_ns)

    def _select_first_cells(self) -> None:
        """Let new stations measure and take the strongest cell."""
        new = np.flatnonzero(self._attached & ~self._measured)
        if not new.size:
            return
        self._signals.begin(new, *self._places(new), self._error_db(new))
        self._hear_jammers(new)
        self._measured[new] = True
        found, cell = self._strongest(new)
        self._enter_cell(found, cell)
        self._blocked_until_ns[found] = 0

    def _error_db(self, stations: Ints) -> NDArray[np.float32] | None:
        if self._errors is None:
            return None
        return self._errors.at(self._now_ns, stations, self._key[stations])

    def _measure(self) -> None:
        """Take the measurements of this instant and act on them."""
        now = self._now_ns
        self._up.measure(now)
        self._down.measure(now)
        if self._fades is not None:
            self._fades.adapt()
        rows = np.flatnonzero(self._attached)
        if not rows.size:
            return
        self._signals.measure(rows, *self._places(rows), self._error_db(rows))
        if len(self._layers) > 1:
            self.one_way_ns = np.concatenate([layer.one_way_ns() for layer in self._layers])
        self._hear_jammers(rows)
        serving = self._serving[rows]
        served = serving != NO_CELL
        here = rows[served]
        self._reported_down_db[here] = self._down_sinr_db[here]
        self._reported_up_db[here] = self._up_sinr_db[here]
        self._update_sinr(here)
        self._try_access(np.flatnonzero(self._accessing))

        # Who isn't served because the cell is off the air has yet to find out.
        watching = (self._blocked_until_ns[here] < now) | self._off_air[self._serving[here]]
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
                self._signals.rsrp_dbm[rows],
                self._serving[rows],
                self._down_sinr_db[rows],
                self._hears,
            )

    def _trigger(self, stations: Ints) -> None:
        """Decide handovers by the events of stations that aren't amid one."""
        rsrp_dbm, serving = self._signals.rsrp_dbm[stations], self._serving[stations]
        if self._fallback is not None:
            moves = self._fallback.update(self._now_ns, stations, rsrp_dbm, serving, self._hears)
            self._prepare(*moves)
            stay = ~np.isin(stations, moves.station)
            stations, serving, rsrp_dbm = stations[stay], serving[stay], rsrp_dbm[stay]
        if len(self._layers) > 1:
            here = self._layer_of_cell == self._layer_of_cell[serving][:, None]
            rsrp_dbm = np.where(here, rsrp_dbm, -np.inf)
        moving, target = self._triggers.update(
            self._now_ns, stations, rsrp_dbm, serving, self._hears
        )
        if not moving.size:
            return
        cause = np.full(len(moving), int(self._event))
        if self._settings.handover.procedure == "conditional":
            self._hand_over(moving, target, cause)
        else:
            self._prepare(moving, target, cause)

    def _prepare(self, stations: Ints, target: Ints, cause: Ints) -> None:
        """Have handovers prepared; their commands come later, by a satellite after a round trip."""
        self._commanded[stations] = True
        prepared_ns = self._now_ns + round(self._settings.handover.preparation_ms * NS_PER_MS)
        instants = prepared_ns + 2 * self.one_way_ns[self._serving[stations]]
        for instant in np.unique(instants).tolist():
            at = instants == instant
            command = _Command(instant, stations[at], target[at], cause[at])
            insort(self._commands, command, key=_instant)

    def _hears(self, stations: Ints, cells: Ints | None = None) -> Bools:
        """Return which stations commands of the serving or of other cells reach.

        A command is sent several times over, and so are the messages of random access. In a slot in
        which a neighbour is silent it doesn't disturb, so they only suffer from who is busy in all
        of these slots.
        """
        busy_throughout = self._down.utilisation**self._settings.scheduling.harq_max_transmissions
        sinr_db, _ = self._signals.sinr_db(
            stations,
            self._serving[stations] if cells is None else cells,
            busy_throughout,
            self._up.utilisation,
        )
        return np.asarray(sinr_db >= self._settings.handover.qout_db)

    def _steady(self) -> Bools:
        """Return whose LTE master is there and not being changed (EN-DC), of all stations."""
        lte = (self._serving != NO_CELL) & self._lte[self._serving]
        lte &= ~self._accessing & ~self._switching
        return np.asarray(lte & (self._blocked_until_ns <= self._now_ns))

    def _master_sinr_db(self, stations: Ints) -> Floats:
        """Return the SINR of stations in the cells they are connected to [dB]."""
        if self._secondary is None:
            return self._down_sinr_db[stations]
        down_db, _ = self._signals.sinr_db(
            stations, self._serving[stations], self._down.utilisation, self._up.utilisation
        )
        return down_db

    def _execute_commands(self) -> None:
        if self._secondary is not None:
            self._secondary.execute(
                self._now_ns, self._key, self._serving, self._steady(), self._hears
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
            both &= self._settings.handover.procedure == "daps"
            self._begin_switch(stations[both], target[both])
            self._commanded[stations[~both]] = False
            self._hand_over(stations[~both], target[~both], cause[~both])

    def _hand_over(self, stations: Ints, target: Ints, cause: Ints) -> None:
        """Take stations out of their cells; they begin random access in the target ones."""
        if not stations.size:
            return
        source = self._serving[stations]
        self._cause[stations] = cause
        span = self._access_ns(stations, target)
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
            keys = self._key[stations[mine]]
            span[mine] = self._delays[number].interruption_ns(keys, self._now_ns)
        return np.asarray(span + _ROUND_TRIPS_TO_ACCESS * 2 * self.one_way_ns[target])

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
        found, cell = self._strongest(stations)
        if not found.size:
            return
        now = self._now_ns
        known = self._failures.knows(found, cell, self._site_of_cell)
        delay = np.where(known, 0, self._delays[0].context_fetch_ns)
        delay += self._delays[0].reestablishment_ns
        delay += _ROUND_TRIPS_TO_REESTABLISH * 2 * self.one_way_ns[cell]
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

    def _strongest(self, stations: Ints) -> tuple[Ints, Ints]:
        """Return those stations that a cell can be selected for, and the cell of each."""
        cell = self._selected(self._signals.rsrp_dbm[stations])
        found = cell != NO_CELL
        return stations[found], cell[found]

    def _selected(self, rsrp_dbm: Levels) -> Ints:
        """Return the strongest cell of the first layer that has one strong enough (n,), or NO_CELL.

        Args:
            rsrp_dbm: RSRP of every cell (n, cells) [dBm].
        """
        selected = np.full(len(rsrp_dbm), NO_CELL)
        for layer, cells in zip(self._layers, self._cells, strict=True):
            if not layer.selectable:
                continue
            rows = np.flatnonzero(selected == NO_CELL)
            strongest = np.argmax(rsrp_dbm[rows, cells], axis=1)
            reached = rsrp_dbm[rows, cells.start + strongest] >= layer.min_rsrp_dbm
            selected[rows[reached]] = cells.start + strongest[reached]
        return selected

    def _signals_of(self, stations: int) -> Signals | LayeredSignals:
        """Return what so many stations receive in all layers."""
        received = [signals_of(layer, stations) for layer in self._layers]
        return received[0] if len(received) == 1 else LayeredSignals(received, self._cells)

    def _enter_cell(self, stations: Ints, cells: Ints) -> None:
        self._serving[stations] = cells
        self._triggers.reset(stations)
        if self._fallback is not None:
            self._fallback.reset(stations)
        self._monitor.reset(stations)
        self._drop_secondary(stations[~self._lte[cells]])
        self._use_cell(stations)

    def _use_cell(self, stations: Ints) -> None:
        """Let data of stations take the cells that it takes from now on."""
        if self._fades is not None:
            self._fades.enter(stations, self._key[stations], self.data_cell[stations])
        self._update_sinr(stations)
        self._reported_down_db[stations] = self._down_sinr_db[stations]
        self._reported_up_db[stations] = self._up_sinr_db[stations]

    def _move_data(self, stations: Ints) -> None:
        """Take the data of stations out of its cells and into others (EN-DC)."""
        self._interrupt(stations)
        self._use_cell(stations)

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

    # Impairments on the air

    def _change_air(self) -> None:
        """Take cells off the air or back, and switch jammers, when it is time to."""
        if self._air is None or self._now_ns < self._air.next_change_ns:
            return
        self._air.change()
        before, self._off_air = self._off_air, self._air.off_air(self._now_ns)
        rows = np.flatnonzero(self._attached & self._measured)
        if (before != self._off_air).any():
            self._signals.switch(self._off_air, rows, *self._places(rows))
            self._lose_cells(np.flatnonzero(self._off_air & ~before))
            # Stations that the outage was too short for to notice are served again.
            back = np.isin(self._serving, np.flatnonzero(before & ~self._off_air))
            self._blocked_until_ns[back & (self._blocked_until_ns == NEVER)] = self._now_ns
        self._hear_jammers(rows)
        self._update_sinr(rows[self._serving[rows] != NO_CELL])

    def _lose_cells(self, cells: Ints) -> None:
        """Stop serving in cells: their stations notice by radio link failure.

        Who is on the way into one doesn't get in.
        """
        served = self._attached & ~self._accessing & np.isin(self._serving, cells)
        self._block(np.flatnonzero(served), NEVER)

    def _hear_jammers(self, stations: Ints) -> None:
        if self._air is not None:
            down, up = self._air.jamming_mw(
                self._now_ns, *self._places(stations), self._whereabouts
            )
            self._signals.jam(stations, down, up)

    def _whereabouts(self, key: str) -> tuple[float, float] | None:
        station = np.flatnonzero(self._attached & (self._key == np.uint64(key_of(key))))
        if not station.size:
            return None
        x_m, y_m, _ = self._places(station)
        return float(x_m[0]), float(y_m[0])

    def _places(self, stations: Ints) -> tuple[Floats, Floats, Floats]:
        """Return x, y and the antenna's height [m] of stations now."""
        assert self._positions is not None
        x_m, y_m = self._positions.at(self._now_ns, stations)
        # The last bits hang on the instant that the caller gave positions for; on the edge of a
        # square of the shadowing map they would decide.
        return np.round(x_m, 6), np.round(y_m, 6), self._height_m[stations]

    def _update_sinr(self, stations: Ints) -> None:
        """Work out the SINR of stations in their cells, with every cell's present load."""
        self._down_sinr_db[stations], self._up_sinr_db[stations] = self._signals.sinr_db(
            stations, self.data_cell[stations], self._down.utilisation, self._up.utilisation
        )
        if self._fades is not None:
            self._fades.see(stations, self._signals.los(stations, self.data_cell[stations]))

    def _present_state(self) -> StationState:
        n = len(self._attached)
        rows = np.flatnonzero(self._attached & self._measured)
        serving = np.where(self._attached, self.data_cell, NO_CELL)
        served = rows[serving[rows] != NO_CELL]
        served = served[~self._off_air[serving[served]]]
        rsrp, neighbour_rsrp = np.full(n, np.nan), np.full(n, np.nan)
        sinr, up_sinr = np.full(n, np.nan), np.full(n, np.nan)
        neighbour = np.full(n, NO_CELL)
        rsrp[served] = self._signals.rsrp_dbm[served, serving[served]]
        sinr[served] = self._down_sinr_db[served]
        up_sinr[served] = self._up_sinr_db[served]
        if rows.size and self._off_air.size > 1:
            others = self._signals.rsrp_dbm[rows]
            own = serving[rows] != NO_CELL
            others[own, serving[rows[own]]] = -np.inf
            neighbour[rows] = np.argmax(others, axis=1)
            neighbour_rsrp[rows] = others[np.arange(len(rows)), neighbour[rows]]
        until = np.where(self._attached, self.blocked_ns(np.arange(n))[1], 0)
        return StationState(serving, rsrp, sinr, up_sinr, neighbour, neighbour_rsrp, until)


def _instant(command: _Command) -> int:
    return command.instant_ns


def signals_of(layer: Layer, stations: int) -> Signals:
    """Return what so many stations receive in a layer."""
    radio = layer.settings.radio
    return Signals(
        stations,
        layer.settings,
        layer.channel,
        layer.power_dbm,
        prbs=prb_count(radio.bandwidth_mhz, radio.subcarrier_spacing_khz),
        uplink_interference_mw=layer.uplink_interference_mw,
        moving=layer.orbit is not None,
    )
