"""The link that replays a measured drive."""

from __future__ import annotations

import numpy as np

from network.arrays import Bools, Floats, Ints
from network.base import (
    DOWN_PARTS,
    UP_PARTS,
    Cause,
    Handovers,
    LegByLeg,
    StationState,
    draw_keys,
)
from network.core import ServerTime
from network.draws import Draws
from network.packet import (
    NEVER,
    NS_PER_MS,
    NS_PER_S,
    SERVER,
    Fate,
    InFlight,
    Leg,
)
from network.ran.handover import History
from network.settings import NetworkSettings
from network.traces.reading import read_trace

_NO_CELL = -1
# How often each station looks up its row of the trace. The rows of a log are a second apart.
_LOOK_NS = 10 * NS_PER_MS
# Places in a trace are whole nanoseconds or micrometres, so that they compare exactly.
_UM_PER_M = 1_000_000


class TraceLink(LegByLeg):
    """Every station has the link of a measured drive, by the time or by how far it has driven.

    Every 10 ms each station finds its row of the trace, which holds until the next time. The row
    tells how long packets take between station and server, how many are lost, and how fast a
    station's packets can follow one another; where the row's cell is another than the last one's,
    the station is interrupted. Stations don't get in each other's way: what the phone shared its
    cells with is in the measured values already.

    A log knows of the whole way between the phone and the server that it pinged, not of its parts:
    the time is booked under UL_AIR and DL_AIR, waiting for the own earlier packets under UL_QUEUE
    and DL_QUEUE, and the server's own time is that of `core.server_ms`. A change of cell in a log
    has no stated cause; it is given as A3, and as re-establishment after a lack of service.

    Args:
        settings: The network; of it count `trace`, `core.server_ms`, `scheduling.discard_timer_ms`,
            `handover.reestablishment_ms` and `handover.ping_pong_s`.
        seed: Seed of the run.

    Raises:
        ValueError: Settings without a trace, or a file that can't be replayed.
    """

    def __init__(self, settings: NetworkSettings, *, seed: int) -> None:
        super().__init__(Draws(seed, "trace/packets"))
        if settings.trace is None:
            raise ValueError("no trace is given; expected `trace: {file: ...}`")
        rules = settings.trace
        self._rules = rules
        self._trace = trace = read_trace(rules)
        self.cell_names = trace.cell_names
        if rules.follow == "time":
            self._rows_at = np.rint(trace.time_s * NS_PER_S).astype(np.int64)
            self._length = round(trace.end_s * NS_PER_S)
            self._start_at = round(rules.start_s * NS_PER_S)
        else:
            assert trace.distance_m is not None
            self._rows_at = np.rint(trace.distance_m * _UM_PER_M).astype(np.int64)
            self._length = round(trace.end_m * _UM_PER_M)
            self._start_at = round(rules.start_m * _UM_PER_M)
        self._technology = np.unique(trace.cell_technologies, return_inverse=True)[1]
        self._stagger = Draws(seed, "trace/start")
        self._server = ServerTime(settings.core.server_ms, seed)
        self._discard_ns = settings.scheduling.discard_timer_ms * NS_PER_MS
        self._reestablishment_ns = round(settings.handover.reestablishment_ms * NS_PER_MS)
        self._cell_change_ns = round(rules.cell_change_ms * NS_PER_MS)
        self._technology_change_ns = round(rules.technology_change_ms * NS_PER_MS)
        least = 0 if rules.spread else 1
        self.least_latency_ns = min(
            int(_ns(trace.up_ms[trace.served, least]).min()) + self._server.least_ns,
            int(_ns(trace.down_ms[trace.served, least]).min()),
        )

        n = len(self._attached)
        self._next_look_ns = 0
        self._phase = np.zeros(n, dtype=np.int64)
        self._driven_m = np.zeros(n)
        self._row = np.zeros(n, dtype=np.int64)
        # A station isn't served from `_blocked_from_ns` until `_blocked_until_ns`.
        self._blocked_from_ns = np.zeros(n, dtype=np.int64)
        self._blocked_until_ns = np.zeros(n, dtype=np.int64)
        self._lost_cell = np.full(n, _NO_CELL)
        self._busy_up_ns = np.zeros(n, dtype=np.int64)
        self._busy_down_ns = np.zeros(n, dtype=np.int64)
        self._changes = History(n, settings.handover.ping_pong_s)

    def attach(self, station: int, key: str, antenna_height_m: float, *, subscribed: bool) -> None:
        """Let a station take part from now on; see `LinkModel.attach`."""
        super().attach(station, key, antenna_height_m, subscribed=subscribed)
        one = np.array([station])
        begin = 0.0
        if self._rules.stagger:
            begin = float(self._stagger.uniform(self._key[one], 0)[0]) * self._length
        self._phase[station] = self._start_at + int(begin)
        self._driven_m[station] = 0.0
        self._row[one] = self._rows_now(one)
        served = bool(self._trace.served[self._row[station]])
        self._blocked_from_ns[station] = self._now_ns
        self._blocked_until_ns[station] = 0 if served else NEVER
        self._lost_cell[station] = _NO_CELL
        self._busy_up_ns[station] = 0
        self._busy_down_ns[station] = 0

    def detach(self, station: int) -> None:
        """Take a station out; see `LinkModel.detach`."""
        super().detach(station)
        self._changes.forget(station, self._now_ns)

    def handovers(self) -> Handovers:
        """Return the changes of cell that ended since the last call."""
        return self._changes.ended(self._now_ns)

    def station_state(self) -> StationState:
        """Return what the log says of each station's cell; it has no uplink SINR."""
        trace, here = self._trace, self._attached
        row = self._row
        served = here & trace.served[row]

        def level(values: Floats) -> Floats:
            return np.where(served, values[row], np.nan)

        return StationState(
            serving_cell=np.where(served, trace.cell[row], _NO_CELL),
            rsrp_dbm=level(trace.rsrp_dbm),
            sinr_db=level(trace.sinr_db),
            uplink_sinr_db=np.full(len(row), np.nan),
            neighbour_cell=np.full(len(row), _NO_CELL),
            neighbour_rsrp_dbm=level(trace.neighbour_rsrp_dbm),
            interrupted_until_ns=np.where(here, self._blocked_until_ns, NEVER),
        )

    def _grow(self, capacity: int) -> None:
        more = (0, capacity - len(self._attached))
        super()._grow(capacity)
        for name in (
            "_phase",
            "_driven_m",
            "_row",
            "_blocked_from_ns",
            "_blocked_until_ns",
            "_lost_cell",
            "_busy_up_ns",
            "_busy_down_ns",
        ):
            setattr(self, name, np.pad(getattr(self, name), more))
        self._changes.grow(capacity)

    def _run(self, to_ns: int) -> None:
        while self._next_look_ns <= to_ns:
            self._carry(self._next_look_ns - 1)
            self._move(self._next_look_ns)
            self._look()
            self._next_look_ns += _LOOK_NS
        self._carry(to_ns)
        self._move(to_ns)

    # Where in the trace stations are

    def _move(self, to_ns: int) -> None:
        """Let time pass, and stations drive."""
        positions = self._positions
        assert positions is not None
        if self._rules.follow == "distance":
            here = np.flatnonzero(self._attached)
            speed_mps = np.hypot(positions.vx_mps[here], positions.vy_mps[here])
            self._driven_m[here] += speed_mps * ((to_ns - self._now_ns) * 1e-9)
        self._now_ns = to_ns

    def _rows_now(self, stations: Ints) -> Ints:
        if self._rules.follow == "time":
            come = np.full(len(stations), self._now_ns)
        else:
            come = np.rint(self._driven_m[stations] * _UM_PER_M).astype(np.int64)
        place = (self._phase[stations] + come) % self._length
        return np.asarray(np.searchsorted(self._rows_at, place, side="right") - 1)

    def _look(self) -> None:
        """Find each station's row, and see what that changes."""
        stations = np.flatnonzero(self._attached)
        row, before = self._rows_now(stations), self._row[stations]
        moved = row != before
        if not moved.any():
            return
        stations, row, before = stations[moved], row[moved], before[moved]
        self._row[stations] = row
        now, trace = self._now_ns, self._trace
        was, served = trace.served[before], trace.served[row]
        old, new = trace.cell[before], trace.cell[row]

        lost = stations[was & ~served]
        self._blocked_from_ns[lost] = now
        self._blocked_until_ns[lost] = NEVER
        self._lost_cell[lost] = old[was & ~served]

        back = stations[~was & served]
        self._blocked_until_ns[back] = now + self._reestablishment_ns
        known = self._lost_cell[back] != _NO_CELL
        from_ns = self._blocked_from_ns[back]
        self._note(
            known,
            from_ns,
            back,
            self._lost_cell[back],
            new[~was & served],
            Cause.REESTABLISHMENT,
            self._blocked_until_ns[back] - from_ns,
        )

        changed = was & served & (new != old)
        station, old, new = stations[changed], old[changed], new[changed]
        same = self._technology[old] == self._technology[new]
        takes = np.where(same, self._cell_change_ns, self._technology_change_ns)
        self._blocked_from_ns[station] = now
        self._blocked_until_ns[station] = np.maximum(self._blocked_until_ns[station], now + takes)
        everyone = np.ones(len(station), dtype=np.bool_)
        self._note(everyone, np.full(len(station), now), station, old, new, Cause.MEASURED, takes)

    def _note(
        self,
        which: Bools,
        instant_ns: Ints,
        station: Ints,
        from_cell: Ints,
        to_cell: Ints,
        cause: Cause,
        interruption_ns: Ints,
    ) -> None:
        if which.any():
            self._changes.add(
                instant_ns[which],
                station[which],
                from_cell[which],
                to_cell[which],
                cause,
                interruption_ns[which],
            )

    # Packets

    def _start(self, flights: InFlight) -> None:
        everyone = np.arange(len(flights))
        self._draw(flights, everyone, UP_PARTS + DOWN_PARTS)
        flights.leg[flights.sender == SERVER] = Leg.DOWN_WAIT
        flights.plan_ns[:, 2:] = NEVER
        flights.deadline_ns[:] = flights.sent_ns + self._discard_ns

    def _carry(self, to_ns: int) -> None:
        """Let packets go on up to an instant, with each station's row as it is.

        Nothing that comes down makes anything go up, so that each leg can be dealt with for the
        whole span before the next.
        """
        if not len(self._flights):
            return
        self._begin(Leg.UP_WAIT, to_ns)
        self._land(Leg.UP_RADIO, to_ns)
        self._pass_server(self._due(Leg.UP_WIRE, to_ns))
        self._begin(Leg.DOWN_WAIT, to_ns)
        self._land(Leg.DOWN_RADIO, to_ns)

    def _begin(self, leg: Leg, to_ns: int) -> None:
        """Let waiting packets of served stations set out, and drop those that waited too long."""
        flights = self._flights
        waits = (flights.leg == leg) & (flights.plan_ns[:, 0] <= to_ns)
        rows = np.flatnonzero(waits & (flights.fate == Fate.IN_FLIGHT))
        if not rows.size:
            return
        up = leg == Leg.UP_WAIT
        station = (flights.sender if up else flights.receiver)[rows]
        arrived, deadline = flights.plan_ns[rows, 0], flights.deadline_ns[rows]
        begin = np.maximum(arrived, self._blocked_until_ns[station])
        flights.plan_ns[rows, 2:] = begin[:, None]

        late = (deadline < begin) & (deadline <= to_ns)
        no_cell = self._blocked_until_ns[station[late]] == NEVER
        flights.end(
            rows[late],
            np.where(no_cell, int(Fate.NO_COVERAGE), int(Fate.EXPIRED)),
            deadline[late],
        )

        go = np.flatnonzero(~late & (begin <= to_ns))
        # A station's packets set out in the order in which they could.
        go = go[np.lexsort((flights.packet_id[rows[go]], begin[go]))]
        if go.size:
            flights.book(rows[go], begin[go])
            self._set_out(rows[go], station[go], begin[go], up=up)

    def _set_out(self, rows: Ints, station: Ints, begin_ns: Ints, *, up: bool) -> None:
        """Plan the way between stations and the server for packets in order of their begin."""
        flights, trace = self._flights, self._trace
        row = self._row[station]
        rate_kbps = (trace.up_kbps if up else trace.down_kbps)[row]
        # 1 kbit/s is 1 bit in 1 ms.
        sending_ns = np.ceil(flights.size_bytes[rows] * 8 * NS_PER_MS / rate_kbps).astype(np.int64)
        deadline = flights.deadline_ns[rows]
        on_air_ns = self._queue(station, begin_ns, sending_ns, deadline, up=up)
        expired = on_air_ns > deadline
        # One part of its luck says how long a packet takes, the other whether it gets lost.
        luck = flights.luck[rows][:, UP_PARTS if up else DOWN_PARTS]
        way_ns = _ns(self._drawn_ms((trace.up_ms if up else trace.down_ms)[row], luck[:, 0]))
        lost = luck[:, 1] < (trace.up_loss if up else trace.down_loss)[row]
        there = on_air_ns + sending_ns + way_ns
        plan = np.stack([begin_ns, on_air_ns, there, there], axis=1)
        flights.leg[rows] += 1
        plan[expired] = np.minimum(plan, deadline[:, None])[expired]
        flights.plan_ns[rows] = plan
        fate = np.where(lost, int(Fate.RADIO), int(Fate.IN_FLIGHT))
        flights.plan_fate[rows] = np.where(expired, int(Fate.EXPIRED), fate)
        cell = np.where(expired, _NO_CELL, trace.cell[row])
        (flights.cell_up if up else flights.cell_down)[rows] = cell

    def _queue(
        self, station: Ints, begin_ns: Ints, sending_ns: Ints, deadline_ns: Ints, *, up: bool
    ) -> Ints:
        """Return when packets get on the air, one after another for each station.

        A packet whose turn comes after its deadline takes no time of those behind it.
        """
        busy_ns = self._busy_up_ns if up else self._busy_down_ns
        on_air_ns = np.empty_like(begin_ns)
        left = np.arange(len(station))
        while left.size:
            # The next packet of each station; seldom has one more than one in 10 ms.
            first = left[np.sort(np.unique(station[left], return_index=True)[1])]
            who = station[first]
            turn = np.maximum(begin_ns[first], busy_ns[who])
            on_air_ns[first] = turn
            in_time = turn <= deadline_ns[first]
            busy_ns[who[in_time]] = (turn + sending_ns[first])[in_time]
            left = np.setdiff1d(left, first, assume_unique=True)
        return on_air_ns

    def _drawn_ms(self, way_ms: Floats, luck: Floats) -> Floats:
        """Return a time between least and most for each row of (n, 3), whose mean is the mean.

        Evenly below the mean and evenly above it, in the shares that leave the mean where it is.
        """
        least, mean, most = way_ms.T
        if not self._rules.spread:
            return np.asarray(mean)
        width = np.where(most > least, most - least, 1.0)
        below = np.where(most > least, (most - mean) / width, 1.0)
        is_below = luck <= below
        part = np.where(
            is_below,
            luck / np.where(below > 0.0, below, 1.0),
            (luck - below) / np.where(below < 1.0, 1.0 - below, 1.0),
        )
        drawn = np.where(is_below, least + part * (mean - least), mean + part * (most - mean))
        return np.asarray(drawn)

    def _land(self, leg: Leg, to_ns: int) -> None:
        """End the leg of packets that are done with it, and let those that came up on."""
        flights = self._flights
        rows = self._due(leg, to_ns)
        if not rows.size:
            return
        fate = flights.plan_fate[rows]
        if leg == Leg.DOWN_RADIO:
            fate = np.where(fate == Fate.IN_FLIGHT, int(Fate.DELIVERED), fate)
        over = fate != Fate.IN_FLIGHT
        done = flights.due_ns[rows]
        flights.end(rows[over], fate[over], done[over])
        on, done = rows[~over], done[~over]
        flights.book(on, done)
        flights.leg[on] = Leg.UP_WIRE
        flights.plan_ns[on, :3] = done[:, None]
        flights.plan_ns[on, 3] = done + self._server.ns(draw_keys(flights, on))

    def _send_down(self, flights: InFlight, rows: Ints, from_ns: Ints) -> None:
        flights.leg[rows] = Leg.DOWN_WAIT
        flights.plan_ns[rows, :2] = from_ns[:, None]
        flights.plan_ns[rows, 2:] = NEVER
        flights.deadline_ns[rows] = from_ns + self._discard_ns


def _ns(time_ms: Floats) -> Ints:
    return np.rint(time_ms * NS_PER_MS).astype(np.int64)
