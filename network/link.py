"""The 5G link: stations, cells and a server."""

from __future__ import annotations

from bisect import insort
from collections import deque
from functools import partial
from typing import NamedTuple

import numpy as np

from network.arrays import Bools, Floats, Ints
from network.base import (
    TRIES,
    Cause,
    CellState,
    Handovers,
    LinkModel,
    StationState,
    draw_keys,
)
from network.core import Core
from network.draws import Draws, key_of
from network.five_qi import discard_after_ns
from network.impairments import RadioImpairments, WireImpairments
from network.packet import (
    NEVER,
    NS_PER_MS,
    SERVER,
    Fate,
    InFlight,
    Leg,
    joined,
)
from network.plugins import propagation, scheduler
from network.radio.channel import Sight
from network.radio.penetration import CarLoss
from network.ran.cells import (
    Bounds,
    cell_names,
    cells_of,
    powers_dbm,
    sites_of,
    utilisation_of,
)
from network.ran.fades import DOWN, UP, Fades
from network.ran.failures import ConnectionFailures
from network.ran.handover import HandoverDelays, History
from network.ran.measurement import RadioLinkMonitor
from network.ran.scheduler import Arrivals
from network.ran.signals import Signals
from network.ran.triggers import HandoverTriggers
from network.ran.uplink import interference_mw
from network.settings import NetworkSettings

_NO_CELL = -1
# The columns of a packet's luck.
_PARTS = _AIR_UP, _WIRE_UP, _WIRE_DOWN, _AIR_DOWN = range(4)


class _Command(NamedTuple):
    """Handovers that have been decided and take effect at an instant.

    `begun_ns` is when stations that the source goes on serving (DAPS) got the command, -1 for one
    that is still to come.
    """

    instant_ns: int
    station: Ints
    target: Ints
    begun_ns: int = -1


class Link(LinkModel):
    """A 5G network by 3GPP's models.

    Every `measurement_period_ms` the stations measure all cells: from that follow the SINR they are
    served with until the next time, handovers and radio link failures. In between, packets go
    through the queues of their cell at exact instants. The measuring instants and everything else
    that changes the network's state are the link's own, so that the caller's step only decides when
    results are handed out.

    Args:
        settings: The network.
        seed: Seed of the run.
        bounds_m: xmin, ymin, xmax, ymax of the area [m]: where a grid is laid and stations are.
        buildings: What blocks the line of sight, such as `radio.obstacles.Buildings`; without it,
            line of sight is drawn by the scenario's probability.

    Raises:
        ValueError: An area that isn't one, a load on an unknown cell, a grid of too many sites, a
            radio map that isn't one or lacks cells.
    """

    def __init__(
        self,
        settings: NetworkSettings,
        *,
        seed: int,
        bounds_m: Bounds,
        buildings: Sight | None = None,
    ) -> None:
        super().__init__()
        self._settings = settings
        sites = sites_of(settings, bounds_m)
        self.cell_names = cell_names(sites)
        cells = len(self.cell_names)
        keys = np.array([key_of(name) for name in self.cell_names], dtype=np.uint64)
        load = utilisation_of(settings, self.cell_names)
        self._down, self._up = (
            scheduler(settings, way, cell_keys=keys, utilisation=load, seed=seed) for way in "DU"
        )
        self._core = Core(settings.core, seed)
        self._delays = HandoverDelays(settings.handover, seed)
        rules, handover = settings.scheduling, settings.handover
        self._request_period_ns = round(rules.scheduling_request_period_ms * NS_PER_MS)
        # By 5QI: occasions to ask for a grant, or those that a configured grant gives.
        self._occasion_period_ns = np.full(256, self._request_period_ns)
        self._grant_ns = np.full(256, round(rules.grant_delay_ms * NS_PER_MS))
        self._has_grant = np.zeros(256, dtype=np.bool_)
        for five_qi, period_ms in rules.configured_grant_period_ms.items():
            self._occasion_period_ns[five_qi] = round(period_ms * NS_PER_MS)
            self._grant_ns[five_qi] = 0
            self._has_grant[five_qi] = True
        self._discard_ns = rules.discard_timer_ms * NS_PER_MS
        self._request_phase = Draws(seed, "scheduling request")
        self._luck = Draws(seed, "packets")
        self._period_ns = handover.measurement_period_ms * NS_PER_MS
        self._next_measurement_ns = self._period_ns
        self._commands: deque[_Command] = deque()
        self.least_latency_ns = min(
            int(self._grant_ns.min()) + self._up.least_ns + self._core.least_up_ns,
            self._core.least_down_ns + self._down.least_ns,
        )

        wired = WireImpairments.wanted(settings)
        self._wire = WireImpairments(settings, self.cell_names, seed) if wired else None
        power_dbm = powers_dbm(sites)
        self._air = (
            RadioImpairments(settings, self.cell_names, cells_of(sites), prbs=self._down.prbs)
            if RadioImpairments.wanted(settings)
            else None
        )
        self._off_air = np.zeros(cells, dtype=np.bool_)
        channel = propagation(settings, sites, seed=seed, sight=buildings)
        n = len(self._attached)
        self._signals_of = partial(
            Signals,
            settings=settings,
            channel=channel,
            powers_dbm=power_dbm,
            prbs=self._down.prbs,
            uplink_interference_mw=interference_mw(channel, power_dbm, settings, bounds_m),
        )
        self._signals = self._signals_of(n)
        self._car_loss = CarLoss(
            settings.radio.in_car_share,
            metallised_windows=settings.radio.metallised_windows,
            seed=seed,
        )
        self._fades = Fades(n, settings, keys, seed=seed) if settings.radio.fast_fading else None
        self._measured = np.zeros(n, dtype=np.bool_)
        self._serving = np.full(n, _NO_CELL)
        self._down_sinr_db = np.full(n, np.nan)
        self._up_sinr_db = np.full(n, np.nan)
        self._reported_down_db = np.full(n, np.nan)
        self._reported_up_db = np.full(n, np.nan)
        self._request_offset_ns = np.zeros(n, dtype=np.int64)
        # A station isn't served from `_blocked_from_ns` until `_blocked_until_ns`.
        self._blocked_from_ns = np.zeros(n, dtype=np.int64)
        self._blocked_until_ns = np.zeros(n, dtype=np.int64)
        self._commanded = np.zeros(n, dtype=np.bool_)
        # On the way into a new cell, and served by the old one until then (DAPS).
        self._accessing = np.zeros(n, dtype=np.bool_)
        self._switching = np.zeros(n, dtype=np.bool_)
        self._triggers = HandoverTriggers(n, cells, handover)
        self._failures = ConnectionFailures(n, handover)
        self._event = Cause[handover.event] if handover.rule is None else Cause.RULE
        self._t304_ns = handover.t304_ms * NS_PER_MS
        self._site_of_cell = np.repeat(np.arange(len(sites)), [site.sectors for site in sites])
        self._monitor = RadioLinkMonitor(
            n,
            qout_db=handover.qout_db,
            qin_db=handover.qin_db,
            n310=handover.n310,
            n311=handover.n311,
            t310_ns=handover.t310_ms * NS_PER_MS,
        )
        self._changes = History(n, handover.ping_pong_s)
        self._state: StationState | None = None

    def attach(self, station: int, key: str, antenna_height_m: float, *, subscribed: bool) -> None:
        """Let a station take part from now on; see `LinkModel.attach`.

        It selects the strongest cell at once and is connected to it.
        """
        super().attach(station, key, antenna_height_m, subscribed=subscribed)
        self._state = None
        phase = self._request_phase.uniform(self._key[station : station + 1], 0)
        self._request_offset_ns[station] = int(phase[0] * self._request_period_ns)
        self._measured[station] = False
        self._serving[station] = _NO_CELL
        self._blocked_from_ns[station] = self._now_ns
        self._blocked_until_ns[station] = NEVER
        self._commanded[station] = False
        self._accessing[station] = False
        self._failures.forget(station)
        if self._settings.radio.in_car_share:
            loss_db = self._car_loss.loss_db(self._key[station : station + 1])
            self._signals.lose(station, float(loss_db[0]))
        if self._fades is not None:
            self._fades.reset(station)

    def detach(self, station: int) -> None:
        """Take a station out; see `LinkModel.detach`."""
        super().detach(station)
        self._state = None
        self._serving[station] = _NO_CELL
        self._changes.forget(station, self._now_ns)
        self._withdraw_commands(np.array([station]))

    def handovers(self) -> Handovers:
        """Return the changes of cell that ended since the last call."""
        return self._changes.ended(self._now_ns)

    def station_state(self) -> StationState:
        """Return the radio state of all stations."""
        if self._state is None:
            self._state = self._present_state()
        return self._state

    def cell_state(self) -> CellState:
        """Return the load of all cells over the last measurement period."""
        return CellState(
            self._down.last_utilisation,
            self._up.last_utilisation,
            self._down.refused + self._up.refused,
        )

    # Packets

    def expected_sinr_db(self, x_m: Floats, y_m: Floats, height_m: Floats) -> Floats:
        """Return the downlink SINR to be expected at places; as for every link."""
        places = np.arange(len(x_m))
        signals = self._signals_of(len(x_m))
        signals.begin(places, x_m, y_m, height_m)
        rsrp_dbm = np.where(self._off_air, -np.inf, signals.rsrp_dbm)
        best = np.argmax(rsrp_dbm, axis=1)
        on_air = np.where(self._off_air, 0.0, 1.0)
        down, _ = signals.sinr_db(
            places, best, self._down.utilisation * on_air, self._up.utilisation * on_air
        )
        heard = rsrp_dbm[places, best] >= self._settings.handover.min_rsrp_dbm
        return np.where(heard, down, -np.inf)

    def _start(self, flights: InFlight) -> None:
        everyone = np.arange(len(flights))
        self._draw(flights, everyone, [_AIR_UP, _WIRE_UP, _WIRE_DOWN, _AIR_DOWN])
        up = np.flatnonzero(flights.sender != SERVER)
        sent = flights.sent_ns[up]
        flow = flights.five_qi[up]
        period = self._occasion_period_ns[flow]
        offset = self._request_offset_ns[flights.sender[up]] * period // self._request_period_ns
        # Granted occasions are slots.
        offset -= np.where(self._has_grant[flow], offset % self._up.slot_ns, 0)
        flights.plan_ns[up, 1] = sent + (offset - sent) % period + self._grant_ns[flow]
        flights.plan_ns[up, 2:] = NEVER
        flights.deadline_ns[up] = sent + self._patience_ns(flights, up)
        down = np.flatnonzero(flights.sender == SERVER)
        self._send_down(flights, down, flights.sent_ns[down])

    def _run(self, to_ns: int) -> None:
        self._state = None
        self._change_air()
        self._select_first_cells()
        while self._now_ns < to_ns:
            until = min(to_ns, self._next_measurement_ns)
            if self._commands:
                until = min(until, self._commands[0].instant_ns)
            if self._air is not None:
                until = min(until, self._air.next_change_ns)
            self._carry(until)
            self._now_ns = until
            self._change_air()
            self._execute_commands()
            if until == self._next_measurement_ns:
                self._measure()
                self._next_measurement_ns += self._period_ns
                self._execute_commands()

    def _carry(self, to_ns: int) -> None:
        """Move packets through a span in which no station's radio state changes.

        What comes to a queue at `to_ns` itself belongs to the next span.
        """
        self._admit(Leg.UP_WAIT, to_ns)
        self._settle(Leg.UP_RADIO, to_ns)
        self._land(Leg.UP_RADIO, to_ns)
        self._pass_server(to_ns)
        self._reach_base_station(to_ns)
        self._admit(Leg.DOWN_WAIT, to_ns)
        self._settle(Leg.DOWN_RADIO, to_ns)
        self._land(Leg.DOWN_RADIO, to_ns)

    def _admit(self, leg: Leg, to_ns: int) -> None:
        """Queue packets whose wait ends in their cell; end those that waited too long."""
        flights = self._flights
        up = leg == Leg.UP_WAIT
        rows = np.flatnonzero(flights.leg == leg)
        rows = rows[flights.fate[rows] == Fate.IN_FLIGHT]
        if not rows.size:
            return
        station = (flights.sender if up else flights.receiver)[rows]
        ready = flights.plan_ns[rows, 1]
        blocked = (ready >= self._blocked_from_ns[station]) & (
            ready < self._blocked_until_ns[station]
        )
        begin = np.where(blocked, self._blocked_until_ns[station], ready)
        deadline = flights.deadline_ns[rows]
        # What an interruption took off the air may be past its deadline already.
        given_up = np.maximum(deadline, ready)
        late = (begin > deadline) & (given_up < to_ns)
        nowhere = self._serving[station] == _NO_CELL
        flights.end(
            rows[late],
            np.where(nowhere[late], int(Fate.NO_COVERAGE), int(Fate.EXPIRED)),
            given_up[late],
        )
        go = (begin < to_ns) & (begin <= deadline)
        if not go.any():
            return
        rows, station, begin = rows[go], station[go], begin[go]
        flights.plan_ns[rows, 2:] = begin[:, None]
        flights.book(rows, begin)
        serving = self._serving[station]
        scheduler = self._up if up else self._down
        reported_db = (self._reported_up_db if up else self._reported_down_db)[station]
        sinr_db = (self._up_sinr_db if up else self._down_sinr_db)[station]
        faded = None
        if self._fades is not None:
            assert self._positions is not None
            way = UP if up else DOWN
            reported_db = reported_db + self._fades.margin_db(station, way)
            faded = self._fades.packets(way, station, sinr_db, self._positions, begin)
        plan, fate = scheduler.serve(
            to_ns,
            Arrivals(
                serving,
                begin,
                flights.deadline_ns[rows],
                flights.packet_id[rows],
                flights.size_bytes[rows],
                reported_db,
                sinr_db,
                flights.luck[rows, _AIR_UP if up else _AIR_DOWN],
                flights.five_qi[rows],
                self._key[station],
                faded,
            ),
        )
        flights.leg[rows] = leg + 1
        flights.plan_ns[rows] = plan
        flights.plan_fate[rows] = fate
        (flights.cell_up if up else flights.cell_down)[rows] = serving

    def _land(self, leg: Leg, to_ns: int) -> None:
        """End the radio leg of packets that are done with it."""
        flights = self._flights
        rows = self._due(leg, to_ns)
        if not rows.size:
            return
        fate = flights.plan_fate[rows]
        if leg == Leg.DOWN_RADIO:
            fate = np.where(fate == Fate.IN_FLIGHT, int(Fate.DELIVERED), fate)
        over = fate != Fate.IN_FLIGHT
        flights.end(rows[over], fate[over], flights.due_ns[rows[over]])
        on = rows[~over]
        if not on.size:
            return
        done = flights.due_ns[on]
        flights.book(on, done)
        flights.leg[on] = Leg.UP_WIRE
        keys = draw_keys(flights, on)
        flights.plan_ns[on] = self._core.up(done, flights.luck[on, _WIRE_UP], keys)
        if self._wire is not None:
            flights.plan_ns[on], flights.plan_fate[on] = self._wire.up(
                flights.plan_ns[on], flights.cell_up[on], keys
            )

    def _pass_server(self, to_ns: int) -> None:
        """Deliver to the server, and send on what is for stations."""
        rows = self._arrived(Leg.UP_WIRE, to_ns)
        if not rows.size:
            return
        flights = self._flights
        done = flights.due_ns[rows]
        flights.book(rows, done)
        for_area = flights.radius_m[rows] >= 0.0
        copies = self._relay(rows[for_area], done[for_area]) if for_area.any() else None
        ends = flights.receiver[rows] == SERVER
        flights.fate[rows[ends]] = Fate.DELIVERED
        flights.ended_ns[rows[ends]] = done[ends]
        self._send_down(flights, rows[~ends], done[~ends])
        if copies is not None and len(copies):
            everyone = np.arange(len(copies))
            self._draw(copies, everyone, [_WIRE_DOWN, _AIR_DOWN])
            self._send_down(copies, everyone, copies.due_ns)
            self._flights = joined([flights, copies])

    def _send_down(self, flights: InFlight, rows: Ints, from_ns: Ints) -> None:
        if not rows.size:
            return
        flights.leg[rows] = Leg.DOWN_WIRE
        flights.plan_ns[rows] = self._core.down(from_ns, flights.luck[rows, _WIRE_DOWN])
        if self._wire is not None:
            flights.plan_ns[rows], flights.plan_fate[rows] = self._wire.leave_server(
                flights.plan_ns[rows]
            )

    def _reach_base_station(self, to_ns: int) -> None:
        rows = self._arrived(Leg.DOWN_WIRE, to_ns)
        if self._wire is not None:
            self._hold_down(self._wire, rows)
            rows = self._arrived(Leg.DOWN_HELD, to_ns)
        if not rows.size:
            return
        flights = self._flights
        done = flights.due_ns[rows]
        flights.book(rows, done)
        flights.leg[rows] = Leg.DOWN_WAIT
        flights.plan_ns[rows] = _waiting(done)
        flights.deadline_ns[rows] = done + self._patience_ns(flights, rows)

    def _patience_ns(self, flights: InFlight, rows: Ints) -> int | Ints:
        """Return how long packets may wait in one direction [ns]."""
        if not self._up.by_qos:
            return self._discard_ns
        return discard_after_ns(flights.five_qi[rows], flights.size_bytes[rows], self._discard_ns)

    def _settle(self, leg: Leg, to_ns: int) -> None:
        """Take over what has become of packets whose turn depends on others."""
        scheduler = self._up if leg == Leg.UP_RADIO else self._down
        if not scheduler.by_qos:
            return
        packet_id, plan, fate = scheduler.settled(to_ns)
        flights = self._flights
        rows = np.flatnonzero(flights.leg == leg)
        rows = rows[np.argsort(flights.packet_id[rows])]
        if not packet_id.size or not rows.size:
            return
        # Packets of stations that have left aren't there any more.
        place = np.searchsorted(flights.packet_id[rows], packet_id)
        row = rows[np.minimum(place, len(rows) - 1)]
        there = flights.packet_id[row] == packet_id
        flights.plan_ns[row[there]] = plan[there]
        flights.plan_fate[row[there]] = fate[there]

    def _hold_down(self, wire: WireImpairments, rows: Ints) -> None:
        """Let packets at the end of the backhaul go through what is wrong with it."""
        flights = self._flights
        done = flights.due_ns[rows]
        flights.book(rows, done)
        flights.leg[rows] = Leg.DOWN_HELD
        flights.plan_ns[rows], flights.plan_fate[rows] = wire.down(
            done, self._serving[flights.receiver[rows]], draw_keys(flights, rows)
        )

    def _arrived(self, leg: Leg, to_ns: int) -> Ints:
        """Return the packets that are through with a leg on the wire; end those lost on it."""
        rows = self._due(leg, to_ns)
        if self._wire is None or not rows.size:
            return rows
        flights = self._flights
        lost = rows[flights.plan_fate[rows] != Fate.IN_FLIGHT]
        flights.end(lost, flights.plan_fate[lost], flights.due_ns[lost])
        return np.asarray(rows[flights.fate[rows] == Fate.IN_FLIGHT])

    def _due(self, leg: Leg, to_ns: int) -> Ints:
        flights = self._flights
        due = (flights.leg == leg) & (flights.due_ns <= to_ns) & (flights.fate == Fate.IN_FLIGHT)
        return np.flatnonzero(due)

    def _put_back(self, stations: Ints) -> None:
        """Take packets of stations out of their old cell: what isn't through now begins anew."""
        flights = self._flights
        affected = np.zeros(len(self._attached), dtype=np.bool_)
        affected[stations] = True
        for radio, wait, owner in (
            (Leg.UP_RADIO, Leg.UP_WAIT, flights.sender),
            (Leg.DOWN_RADIO, Leg.DOWN_WAIT, flights.receiver),
        ):
            rows = np.flatnonzero((flights.leg == radio) & (flights.due_ns > self._now_ns))
            rows = rows[affected[owner[rows]]]
            (self._up if radio == Leg.UP_RADIO else self._down).withdraw(flights.packet_id[rows])
            flights.book(rows, self._now_ns)
            flights.leg[rows] = wait
            flights.plan_ns[rows] = _waiting(np.full(len(rows), self._now_ns))
            flights.plan_fate[rows] = Fate.IN_FLIGHT
            flights.draw_counter[rows] += flights.draw_counter[rows] % TRIES < TRIES - 1
            self._draw(flights, rows, [_AIR_UP if radio == Leg.UP_RADIO else _AIR_DOWN])

    def _draw(self, flights: InFlight, rows: Ints, parts: list[int]) -> None:
        """Draw the luck of packets in some parts of their way."""
        if rows.size:
            counters = flights.draw_counter[rows, None] * len(_PARTS) + np.array(parts)
            flights.luck[rows[:, None], parts] = self._luck.uniform(
                flights.draw_key[rows, None], counters
            )

    # Radio

    def _select_first_cells(self) -> None:
        """Let new stations measure and take the strongest cell."""
        new = np.flatnonzero(self._attached & ~self._measured)
        if not new.size:
            return
        self._signals.begin(new, *self._places(new))
        self._hear_jammers(new)
        self._measured[new] = True
        found, cell = self._strongest(new)
        self._enter_cell(found, cell)
        self._blocked_until_ns[found] = 0

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
        self._signals.measure(rows, *self._places(rows))
        self._hear_jammers(rows)
        serving = self._serving[rows]
        served = serving != _NO_CELL
        here = rows[served]
        self._reported_down_db[here] = self._down_sinr_db[here]
        self._reported_up_db[here] = self._up_sinr_db[here]
        self._update_sinr(here)
        self._try_access(np.flatnonzero(self._accessing))

        # Who isn't served because the cell is off the air has yet to find out.
        watching = (self._blocked_until_ns[here] < now) | self._off_air[self._serving[here]]
        free = here[watching & ~self._accessing[here]]
        failed = self._monitor.update(now, free, self._down_sinr_db[free])
        failed &= ~self._switching[free]
        self._search(rows[~served])
        if failed.any():
            self._fail(free[failed])
        ready = free[~failed & ~self._commanded[free]]
        self._trigger(ready)

    def _trigger(self, stations: Ints) -> None:
        """Decide handovers by the events of stations that aren't amid one."""
        moving, target = self._triggers.update(
            self._now_ns,
            stations,
            self._signals.rsrp_dbm[stations],
            self._serving[stations],
            self._hears,
        )
        if not moving.size:
            return
        rules = self._settings.handover
        if rules.procedure == "conditional":
            self._hand_over(moving, target)
        else:
            self._commanded[moving] = True
            instant = self._now_ns + round(rules.preparation_ms * NS_PER_MS)
            insort(self._commands, _Command(instant, moving, target), key=_instant)

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

    def _execute_commands(self) -> None:
        while self._commands and self._commands[0].instant_ns == self._now_ns:
            command = self._commands.popleft()
            if not command.station.size:
                continue
            if command.begun_ns >= 0:
                self._switch(command)
                continue
            heard = self._hears(command.station)
            stations, target = command.station[heard], command.target[heard]
            # Who doesn't hear the command reports once more, if the event still holds.
            self._commanded[command.station[~heard]] = False
            if self._settings.handover.procedure == "daps":
                self._begin_switch(stations, target)
            else:
                self._commanded[stations] = False
                self._hand_over(stations, target)

    def _hand_over(self, stations: Ints, target: Ints) -> None:
        """Take stations out of their cells; they begin random access in the target ones."""
        source = self._serving[stations]
        span = self._delays.interruption_ns(self._key[stations], self._now_ns)
        self._block(stations, self._now_ns + span)
        self._enter_cell(stations, target)
        self._failures.handed_over(stations, source, target, self._now_ns)
        self._accessing[stations] = True
        self._try_access(stations)

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
            self._event,
            (ready - begun)[inside],
        )
        expired = ~inside & (self._now_ns - begun >= self._t304_ns)
        self._blocked_until_ns[stations[~inside & ~expired]] += self._period_ns
        failed = stations[expired]
        if failed.size:
            self._accessing[failed] = False
            self._failures.access_failed(failed, self._now_ns)
            self._blocked_until_ns[failed] = NEVER
            self._serving[failed] = _NO_CELL
            self._search(failed)

    def _begin_switch(self, stations: Ints, target: Ints) -> None:
        """Let stations access the target while the source serves them (DAPS)."""
        now = self._now_ns
        self._switching[stations] = True
        ready = now + self._delays.interruption_ns(self._key[stations], now)
        for n, instant in enumerate(ready.tolist()):
            one = slice(n, n + 1)
            switch = _Command(instant, stations[one], target[one], now)
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
            command._replace(station=command.station[keep], target=command.target[keep])
            for command in self._commands
            for keep in [~np.isin(command.station, stations)]
        )

    def _fail(self, stations: Ints) -> None:
        """Declare radio link failure: look for a cell, and be out of service until then."""
        self._withdraw_commands(stations)
        self._failures.radio_link_failed(stations, self._serving[stations], self._now_ns)
        self._block(stations, NEVER)
        self._serving[stations] = _NO_CELL
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
        delay = np.where(known, 0, self._delays.context_fetch_ns) + self._delays.reestablishment_ns
        prepared = self._triggers.prepared(found, cell, now)
        if prepared.any():
            executed = self._delays.interruption_ns(self._key[found], now)
            delay = np.where(prepared, executed, delay)
        lost = self._failures.lost(found)
        cause = self._failures.came_back(found, cell, now)
        self._enter_cell(found, cell)
        ready = now + delay
        self._blocked_until_ns[found] = ready
        begun = self._blocked_from_ns[found]
        self._changes.add(begun, found, lost, cell, cause, ready - begun)

    def _strongest(self, stations: Ints) -> tuple[Ints, Ints]:
        """Return those stations that a cell is strong enough for, and the strongest of each."""
        if not stations.size:
            return stations, stations
        best = np.argmax(self._signals.rsrp_dbm[stations], axis=1)
        level = self._signals.rsrp_dbm[stations, best]
        reached = level >= self._settings.handover.min_rsrp_dbm
        return stations[reached], best[reached]

    def _enter_cell(self, stations: Ints, cells: Ints) -> None:
        self._serving[stations] = cells
        self._triggers.reset(stations)
        self._monitor.reset(stations)
        if self._fades is not None:
            self._fades.enter(stations, self._key[stations], self._serving[stations])
        self._update_sinr(stations)
        self._reported_down_db[stations] = self._down_sinr_db[stations]
        self._reported_up_db[stations] = self._up_sinr_db[stations]

    def _block(self, stations: Ints, until_ns: int | Ints) -> None:
        self._put_back(stations)
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
        self._update_sinr(rows[self._serving[rows] != _NO_CELL])

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
            stations, self._serving[stations], self._down.utilisation, self._up.utilisation
        )
        if self._fades is not None:
            self._fades.see(stations, self._signals.los(stations, self._serving[stations]))

    def _present_state(self) -> StationState:
        n = len(self._attached)
        rows = np.flatnonzero(self._attached & self._measured)
        served = rows[self._serving[rows] != _NO_CELL]
        served = served[~self._off_air[self._serving[served]]]
        serving = np.where(self._attached, self._serving, _NO_CELL)
        rsrp, neighbour_rsrp = np.full(n, np.nan), np.full(n, np.nan)
        sinr, up_sinr = np.full(n, np.nan), np.full(n, np.nan)
        neighbour = np.full(n, _NO_CELL)
        rsrp[served] = self._signals.rsrp_dbm[served, serving[served]]
        sinr[served] = self._down_sinr_db[served]
        up_sinr[served] = self._up_sinr_db[served]
        if rows.size and len(self.cell_names) > 1:
            others = self._signals.rsrp_dbm[rows]
            own = serving[rows] != _NO_CELL
            others[own, serving[rows[own]]] = -np.inf
            neighbour[rows] = np.argmax(others, axis=1)
            neighbour_rsrp[rows] = others[np.arange(len(rows)), neighbour[rows]]
        until = np.where(self._attached, self._blocked_until_ns, 0)
        return StationState(serving, rsrp, sinr, up_sinr, neighbour, neighbour_rsrp, until)

    def _grow(self, capacity: int) -> None:
        more = (0, capacity - len(self._attached))
        super()._grow(capacity)
        for name in (
            "_measured",
            "_serving",
            "_down_sinr_db",
            "_up_sinr_db",
            "_reported_down_db",
            "_reported_up_db",
            "_request_offset_ns",
            "_blocked_from_ns",
            "_blocked_until_ns",
            "_commanded",
            "_accessing",
            "_switching",
        ):
            setattr(self, name, np.pad(getattr(self, name), more))
        self._signals.grow(capacity)
        self._triggers.grow(capacity)
        self._failures.grow(capacity)
        if self._fades is not None:
            self._fades.grow(capacity)
        self._monitor.grow(capacity)
        self._changes.grow(capacity)


def _instant(command: _Command) -> int:
    return command.instant_ns


def _waiting(ready_ns: Ints) -> Ints:
    """Return plans of packets that are ready for the queue and wait for their station."""
    never = np.full_like(ready_ns, NEVER)
    return np.stack([ready_ns, ready_ns, never, never], axis=1)
