"""The 5G link: stations, cells and a server."""

from __future__ import annotations

import numpy as np

from network.arrays import Floats, Ints
from network.base import (
    DOWN_PARTS,
    TRIES,
    UP_PARTS,
    CellState,
    Handovers,
    LegByLeg,
    StationState,
    draw_keys,
)
from network.core import Core
from network.draws import Draws, key_of
from network.five_qi import discard_after_ns
from network.impairments import WireImpairments
from network.packet import (
    NEVER,
    NS_PER_MS,
    SERVER,
    Fate,
    InFlight,
    Leg,
)
from network.plugins import scheduler
from network.radio.channel import Sight
from network.ran.cells import Bounds, Timeline, utilisation_of
from network.ran.connections import Connections
from network.ran.fades import DOWN, UP
from network.ran.layered import LayeredScheduler
from network.ran.layers import NO_CELL, Layer, layers_of, slices_of
from network.ran.reception import Reception
from network.ran.scheduler import Arrivals, Scheduler
from network.settings import CellOutage, LoadBurst, NetworkSettings

# The columns of a packet's luck.
_AIR_UP, _WIRE_UP = UP_PARTS
_WIRE_DOWN, _AIR_DOWN = DOWN_PARTS


class Link(LegByLeg):
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
        super().__init__(Draws(seed, "packets"))
        self._settings = settings
        layers = layers_of(settings, bounds_m, seed=seed, sight=buildings)
        self.cell_names = tuple(name for layer in layers for name in layer.cell_names)
        load = utilisation_of(settings, self.cell_names)
        self._down, self._up = (_scheduler(layers, way, load, seed=seed) for way in "DU")
        self._core = Core(settings.core, seed)
        rules = settings.scheduling
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
        self.least_latency_ns = min(
            int(self._grant_ns.min()) + self._up.least_ns + self._core.least_up_ns,
            self._core.least_down_ns + self._down.least_ns,
        )

        wired = WireImpairments.wanted(settings)
        self._wire = WireImpairments(settings, self.cell_names, seed) if wired else None
        self._request_offset_ns = np.zeros(len(self._attached), dtype=np.int64)
        self._grant_later_ns = np.repeat(
            [layer.grant_ns for layer in layers], [len(layer.cell_names) for layer in layers]
        )
        stations = len(self._attached)
        self._reception = Reception(stations, layers, seed=seed, down=self._down, up=self._up)
        self._connections = Connections(
            stations, layers, self._reception, seed=seed, interrupt=self._put_back
        )

    def attach(self, station: int, key: str, antenna_height_m: float, *, subscribed: bool) -> None:
        """Let a station take part from now on; see `LinkModel.attach`.

        It selects the strongest cell at once and is connected to it.
        """
        super().attach(station, key, antenna_height_m, subscribed=subscribed)
        phase = self._request_phase.uniform(self._key[station : station + 1], 0)
        self._request_offset_ns[station] = int(phase[0] * self._request_period_ns)
        self._connections.attach(station, int(self._key[station]), antenna_height_m)

    def detach(self, station: int) -> None:
        """Take a station out; see `LinkModel.detach`."""
        super().detach(station)
        self._connections.detach(station)

    def impair(self, impairment: CellOutage | LoadBurst) -> None:
        """Let something go wrong with a cell; see `LinkModel.impair`."""
        if isinstance(impairment, CellOutage):
            self._reception.take_off_air(impairment)
            return
        impairments = (*self._settings.impairments, impairment)
        settings = self._settings.model_copy(update={"impairments": impairments})
        load = utilisation_of(settings, self.cell_names)
        self._settings = settings
        for direction in (self._down, self._up):
            direction.change_load(load)

    def handovers(self) -> Handovers:
        """Return the changes of cell that ended since the last call."""
        return self._connections.handovers()

    def station_state(self) -> StationState:
        """Return the radio state of all stations."""
        return self._connections.state()

    def expected_sinr_db(self, x_m: Floats, y_m: Floats, height_m: Floats) -> Floats:
        """Return the downlink SINR to be expected at places; as for every link."""
        return self._reception.expected_sinr_db(x_m, y_m, height_m)

    def cell_state(self) -> CellState:
        """Return the load of all cells over the last measurement period."""
        return CellState(
            self._down.last_utilisation,
            self._up.last_utilisation,
            self._down.refused + self._up.refused,
        )

    # Packets

    def _start(self, flights: InFlight) -> None:
        everyone = np.arange(len(flights))
        self._draw(flights, everyone, UP_PARTS + DOWN_PARTS)
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
        assert self._positions is not None
        self._connections.begin(self._positions)
        while self._now_ns < to_ns:
            until = min(to_ns, self._connections.next_ns)
            self._carry(until)
            self._now_ns = until
            self._connections.reach(until)

    def _carry(self, to_ns: int) -> None:
        """Move packets through a span in which no station's radio state changes.

        What comes to a queue at `to_ns` itself belongs to the next span.
        """
        self._admit(Leg.UP_WAIT, to_ns)
        self._settle(Leg.UP_RADIO, to_ns)
        self._land(Leg.UP_RADIO, to_ns)
        self._pass_server(self._arrived(Leg.UP_WIRE, to_ns))
        self._reach_base_station(to_ns)
        self._admit(Leg.DOWN_WAIT, to_ns)
        self._settle(Leg.DOWN_RADIO, to_ns)
        self._land(Leg.DOWN_RADIO, to_ns)

    def _admit(self, leg: Leg, to_ns: int) -> None:
        """Queue packets whose wait ends in their cell; end those that waited too long."""
        flights = self._flights
        up = leg == Leg.UP_WAIT
        ready = flights.plan_ns[:, 1]
        coming = (flights.leg == leg) & (ready < to_ns) & (flights.fate == Fate.IN_FLIGHT)
        rows = np.flatnonzero(coming)
        if not rows.size:
            return
        station = (flights.sender if up else flights.receiver).take(rows)
        ready = ready.take(rows)
        link = self._connections
        blocked_from, blocked_until = link.blocked_ns(station)
        blocked = (ready >= blocked_from) & (ready < blocked_until)
        begin = np.where(blocked, blocked_until, ready)
        deadline = flights.deadline_ns.take(rows)
        # What an interruption took off the air may be past its deadline already.
        given_up = np.maximum(deadline, ready)
        late = (begin > deadline) & (given_up < to_ns)
        serving = link.data_cell.take(station)
        nowhere = serving == NO_CELL
        flights.end(
            rows[late],
            np.where(nowhere[late], int(Fate.NO_COVERAGE), int(Fate.EXPIRED)),
            given_up[late],
        )
        go = (begin < to_ns) & (begin <= deadline)
        if not go.any():
            return
        rows, station, begin, serving = rows[go], station[go], begin[go], serving[go]
        flights.plan_ns[rows, 2:] = begin[:, None]
        flights.book(rows, begin)
        reported_db, sinr_db, faded = self._reception.quality(UP if up else DOWN, station, begin)
        scheduler = self._up if up else self._down
        plan, fate = scheduler.serve(
            to_ns,
            Arrivals(
                serving,
                begin,
                flights.deadline_ns.take(rows),
                flights.packet_id.take(rows),
                flights.size_bytes.take(rows),
                reported_db,
                sinr_db,
                flights.luck[rows, _AIR_UP if up else _AIR_DOWN],
                flights.five_qi.take(rows),
                self._key.take(station),
                faded,
            ),
        )
        flights.leg[rows] = leg + 1
        flights.plan_ns[rows] = plan
        flights.plan_fate[rows] = fate
        (flights.cell_up if up else flights.cell_down)[rows] = serving
        if not scheduler.by_qos:
            self._fly(leg + 1, rows)

    def _fly(self, leg: int, rows: Ints) -> None:
        """Let packets whose radio leg is planned take their time through space.

        Up, a request and its grant go ahead of the packet, unless the grant is a configured one. In
        LTE that takes longer than the settings say.
        """
        flights = self._flights
        up = leg == Leg.UP_RADIO
        cells = (flights.cell_up if up else flights.cell_down)[rows]
        one_way_ns = self._reception.one_way_ns[cells]
        asking_ns = 2 * one_way_ns + self._grant_later_ns[cells]
        asks = up & ~self._has_grant[flights.five_qi[rows]]
        flights.plan_ns[rows, 2:] += (one_way_ns + asks * asking_ns)[:, None]

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
        self._fly(leg, row[there])

    def _hold_down(self, wire: WireImpairments, rows: Ints) -> None:
        """Let packets at the end of the backhaul go through what is wrong with it."""
        flights = self._flights
        done = flights.due_ns[rows]
        flights.book(rows, done)
        flights.leg[rows] = Leg.DOWN_HELD
        flights.plan_ns[rows], flights.plan_fate[rows] = wire.down(
            done, self._connections.data_cell[flights.receiver[rows]], draw_keys(flights, rows)
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
            if not rows.size:
                continue
            (self._up if radio == Leg.UP_RADIO else self._down).withdraw(flights.packet_id[rows])
            flights.book(rows, self._now_ns)
            flights.leg[rows] = wait
            flights.plan_ns[rows] = _waiting(np.full(len(rows), self._now_ns))
            flights.plan_fate[rows] = Fate.IN_FLIGHT
            flights.draw_counter[rows] += flights.draw_counter[rows] % TRIES < TRIES - 1
            self._draw(flights, rows, [_AIR_UP if radio == Leg.UP_RADIO else _AIR_DOWN])

    def _grow(self, capacity: int) -> None:
        more = (0, capacity - len(self._attached))
        super()._grow(capacity)
        self._request_offset_ns = np.pad(self._request_offset_ns, more)
        self._connections.grow(capacity)


def _waiting(ready_ns: Ints) -> Ints:
    """Return plans of packets that are ready for the queue and wait for their station."""
    never = np.full_like(ready_ns, NEVER)
    return np.stack([ready_ns, ready_ns, never, never], axis=1)


def _scheduler(
    layers: tuple[Layer, ...], way: str, load: Timeline, *, seed: int
) -> Scheduler | LayeredScheduler:
    """Return a direction's scheduler of all layers."""
    cells = slices_of(layers)
    each = [
        scheduler(
            layer.settings,
            way,
            cell_keys=np.array([key_of(name) for name in layer.cell_names], dtype=np.uint64),
            utilisation=load.of(mine),
            seed=seed,
        )
        for layer, mine in zip(layers, cells, strict=True)
    ]
    return each[0] if len(each) == 1 else LayeredScheduler(each, cells)
