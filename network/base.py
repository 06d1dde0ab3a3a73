"""What every link has in common: stations, packets on their way, relays to an area."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from network.arrays import Bools, Floats, Ints
from network.draws import DrawKeys, Draws, key_of
from network.five_qi import BEST_EFFORT, check_five_qi
from network.packet import (
    AREA,
    NEVER,
    SERVER,
    Fate,
    InFlight,
    Leg,
    Packets,
    Positions,
    Receptions,
    Stage,
    as_packets,
    joined,
)
from network.settings import CellOutage, LoadBurst

_CAPACITY = 64
_SERVER_KEY = key_of("server")
# A packet's own draws are counted by its instant, so that what else is sent doesn't shift them:
# room for 32 packets of a sender at one instant, and for 4 tries at the air after interruptions.
_PACKETS_AT_ONCE = 32
TRIES = 4
# A relayed copy is named by its parent and its receiver, so that names don't depend on when the
# relay was worked out.
_COPY_SHIFT = 40
# Pairs of sender and receiver looked at together when a packet goes to an area.
_PAIRS_AT_ONCE = 1 << 20
# The columns of a packet's luck, in the order of its way.
_PARTS = 4
UP_PARTS, DOWN_PARTS = (0, 1), (2, 3)
_NO_PACKETS = Packets.empty()


class Cause(IntEnum):
    """Why a station changed its cell, and what became of a handover that failed.

    The failures are those of TS 38.300 clause 15.5.2.2: named by where the station was before its
    connection failed, and by where it came back.
    """

    A3 = 0
    REESTABLISHMENT = 1  # after radio link failure, in the same cell or late; or into coverage
    A5 = 2
    TOO_LATE = 3  # radio link failure, no handover shortly before, came back in another cell
    TOO_EARLY = 4  # radio link failure shortly after a handover, came back in its source
    WRONG_CELL = 5  # the same, came back neither in the handover's source nor in its target
    T304_TOO_EARLY = 6  # no access to the target until T304 expired, came back in the source
    T304_WRONG_CELL = 7  # the same, came back neither in the source nor in the target
    T304_EXPIRY = 8  # the same, came back in the target after all, or never left (DAPS)
    MEASURED = 9  # read from a measured drive, which doesn't tell why
    RULE = 10  # a rule of one's own
    A4 = 11  # back in a layer above, as from a satellite to the ground
    FALLBACK = 12  # after radio link failure, in another layer
    B1 = 13  # from LTE to NR: handed over, or an NR cell added to the LTE master (EN-DC)
    B2 = 14  # from NR to LTE: handed over
    A2 = 15  # the NR cell, weak, was released; data goes on over LTE (EN-DC)
    SCG_FAILURE = 16  # the NR cell was lost; data goes on over LTE (EN-DC)


HANDOVERS = frozenset((Cause.A2, Cause.A3, Cause.A4, Cause.A5, Cause.B1, Cause.B2, Cause.RULE))
"""Causes of changes that went as they should."""

HANDOVER_FAILURES = frozenset(
    (
        Cause.TOO_LATE,
        Cause.TOO_EARLY,
        Cause.WRONG_CELL,
        Cause.T304_TOO_EARLY,
        Cause.T304_WRONG_CELL,
        Cause.T304_EXPIRY,
    )
)
"""Causes that a failed handover, or one that should have been, comes to."""

RADIO_LINK_FAILURES = frozenset(
    (
        Cause.REESTABLISHMENT,
        Cause.TOO_LATE,
        Cause.TOO_EARLY,
        Cause.WRONG_CELL,
        Cause.FALLBACK,
    )
)
"""Causes that follow a radio link failure, if there was a cell before."""


class Handovers(NamedTuple):
    """Changes of cell, in order of their end; every array has shape (n,).

    `instant_ns` is when the old cell ceased to serve, and `interruption_ns` how long it took until
    the new one did.
    """

    instant_ns: Ints
    station: Ints
    from_cell: Ints
    to_cell: Ints
    cause: Ints
    interruption_ns: Ints
    ping_pong: Bools


class StationState(NamedTuple):
    """The radio state of stations, indexed by station number, as of the last measurement.

    Cells are -1 and levels NaN where there is no such cell. `interrupted_until_ns` lies in the past
    when a station is served, and is `NEVER` when it has no cell.
    """

    serving_cell: Ints
    rsrp_dbm: Floats
    sinr_db: Floats
    uplink_sinr_db: Floats
    neighbour_cell: Ints
    neighbour_rsrp_dbm: Floats
    interrupted_until_ns: Ints


class CellState(NamedTuple):
    """The load of cells over the last measurement period, indexed by cell; shapes (cells,).

    Utilisation is the share of a direction's resource blocks that were used. `gbr_refused` counts
    the guaranteed flows that didn't fit since the beginning, in both directions.
    """

    downlink_utilisation: Floats
    uplink_utilisation: Floats
    gbr_refused: Ints


class LinkModel(ABC):
    """A link between stations and a server.

    A station is a number that the caller chooses, such as its slot in an array; it may be given to
    another station after `detach`. Time is in nanoseconds from 0 and only moves by `advance`.
    """

    cell_names: tuple[str, ...] = ()
    """Names of the cells, in the order of the cell numbers."""

    least_latency_ns: int = 0
    """No packet is received sooner than this after it was sent [ns]."""

    def __init__(self) -> None:
        self._now_ns = 0
        self._sent = 0
        self._positions: Positions | None = None
        self._attached = np.zeros(_CAPACITY, dtype=np.bool_)
        self._subscribed = np.zeros(_CAPACITY, dtype=np.bool_)
        self._height_m = np.zeros(_CAPACITY)
        self._key = np.zeros(_CAPACITY, dtype=np.uint64)
        self._last_sent_ns = np.full(_CAPACITY, -1)
        self._sent_at_once = np.zeros(_CAPACITY, dtype=np.int64)
        self._flights = InFlight.empty()
        self._finished: list[Packets] = []

    @property
    def now_ns(self) -> int:
        """The instant that the link was advanced to [ns]."""
        return self._now_ns

    def impair(self, impairment: CellOutage | LoadBurst) -> None:
        """Let something go wrong with a cell or site for a time that hasn't begun.

        It is then as if the settings had said so from the beginning.

        Raises:
            ValueError: A link without such a cell.
        """
        raise ValueError(f"cell {impairment.cell!r}: nothing goes wrong with cells of this link")

    def attach(self, station: int, key: str, antenna_height_m: float, *, subscribed: bool) -> None:
        """Let a station take part from now on.

        Args:
            station: Its number.
            key: Its name, which its random draws belong to.
            antenna_height_m: Height of its antenna above ground [m].
            subscribed: Whether it gets packets sent to an area.

        Raises:
            ValueError: A negative number or one in use, or a height that isn't above ground.
        """
        if station < 0:
            raise ValueError(f"station {station} is negative; expected 0 or more")
        if station < len(self._attached) and self._attached[station]:
            raise ValueError(f"station {station} is attached already; expected a free number")
        if not (np.isfinite(antenna_height_m) and antenna_height_m > 0.0):
            raise ValueError(
                f"antenna height {antenna_height_m} m of {key!r}; expected more than 0"
            )
        while station >= len(self._attached):
            self._grow(2 * len(self._attached))
        self._attached[station] = True
        self._subscribed[station] = subscribed
        self._height_m[station] = antenna_height_m
        self._key[station] = key_of(key)
        self._last_sent_ns[station] = -1

    def detach(self, station: int) -> None:
        """Take a station out; its number is free again.

        Packets to it and packets it hasn't got out yet end as LEFT. Those that have reached the
        base station go on, and to an area around where it was last.

        Raises:
            ValueError: A station that isn't attached.
        """
        self._check_attached(np.array([station]))
        flights, now = self._flights, self._now_ns
        mine = flights.sender == station
        lost = (mine & (flights.leg <= Leg.UP_RADIO)) | (flights.receiver == station)
        rows = np.flatnonzero(lost)
        flights.end(rows, Fate.LEFT, np.maximum(now, flights.sent_ns[rows]))
        going_on = np.flatnonzero(mine & ~lost)
        if going_on.size and self._positions is not None:
            x_m, y_m = self._positions.at(now, np.array([station]))
            flights.left_x_m[going_on] = x_m
            flights.left_y_m[going_on] = y_m
        self._retire()
        self._attached[station] = False
        self._subscribed[station] = False

    def send(
        self,
        senders: ArrayLike,
        size_bytes: ArrayLike,
        sent_ns: ArrayLike,
        *,
        kinds: ArrayLike = 0,
        to: ArrayLike = SERVER,
        radius_m: ArrayLike = 0.0,
        references: ArrayLike = 0,
        five_qi: ArrayLike = BEST_EFFORT,
    ) -> Ints:
        """Hand packets to the link. Arguments are arrays of shape (n,), or one value for all.

        Args:
            senders: Stations, or SERVER for a packet down to a station.
            size_bytes: Size above IP [B].
            sent_ns: When each is sent [ns], not before now.
            kinds: Small integers of the caller's, handed through.
            to: SERVER, a station (by way of the server), or AREA.
            radius_m: For AREA: the server relays the packet to every other subscribed station
                within this distance of the sender at the instant of the relay [m].
            references: Integers of the caller's, handed through.
            five_qi: 5QI of the flow that each belongs to, up and down; it counts where the settings
                name 5QIs or slices, or a configured grant for it.

        Returns:
            Packet ids (n,).

        Raises:
            ValueError: Unknown stations, an instant in the past, a size or radius that isn't
                positive, an unknown 5QI, or a packet of the server's to anything but a station.
        """
        sender, size, sent, kind, receiver, radius, reference, flow = np.broadcast_arrays(
            np.atleast_1d(np.asarray(senders, dtype=np.int64)),
            np.asarray(size_bytes, dtype=np.int64),
            np.asarray(sent_ns, dtype=np.int64),
            np.asarray(kinds, dtype=np.int64),
            np.asarray(to, dtype=np.int64),
            np.asarray(radius_m, dtype=np.float64),
            np.asarray(references, dtype=np.int64),
            np.asarray(five_qi, dtype=np.int64),
        )
        if sender.ndim != 1:
            raise ValueError(f"packets of shape {sender.shape}; expected one dimension")
        self._check_send(sender, receiver, size, sent, radius)
        check_five_qi(flow)
        n = len(sender)
        if not n:
            return np.zeros(0, dtype=np.int64)
        packet_id = np.arange(self._sent, self._sent + n)
        self._sent += n
        to_area = receiver == AREA
        flights = InFlight(
            packet_id=packet_id,
            parent_id=np.full(n, -1),
            sender=sender.copy(),
            sender_key=self._key_of(sender),
            receiver=np.where(to_area, SERVER, receiver),
            kind=kind.copy(),
            reference=reference.copy(),
            size_bytes=size.copy(),
            sent_ns=sent.copy(),
            ended_ns=np.full(n, -1),
            fate=np.full(n, int(Fate.IN_FLIGHT)),
            cell_up=np.full(n, -1),
            cell_down=np.full(n, -1),
            stage_ns=np.zeros((n, len(Stage)), dtype=np.int64),
            leg=np.where(sender == SERVER, int(Leg.DOWN_WIRE), int(Leg.UP_WAIT)),
            plan_ns=np.repeat(sent[:, None], 4, axis=1),
            plan_fate=np.full(n, int(Fate.IN_FLIGHT)),
            deadline_ns=np.full(n, NEVER),
            draw_key=_pair_key(
                self._key_of(sender), self._key_of(np.where(to_area, SERVER, receiver))
            ),
            draw_counter=self._draw_counter(np.where(sender == SERVER, receiver, sender), sent),
            luck=np.zeros((n, 4)),
            radius_m=np.where(to_area, radius, -1.0),
            left_x_m=np.full(n, np.nan),
            left_y_m=np.full(n, np.nan),
            five_qi=flow.copy(),
        )
        self._start(flights)
        self._flights = joined([self._flights, flights])
        return packet_id

    def advance(self, to_ns: int, positions: Positions) -> Receptions:
        """Move time on.

        What comes out of it doesn't depend on how a span is cut into calls, as long as the stations
        move evenly over it.

        Args:
            to_ns: The instant to move on to [ns], after now.
            positions: Where the stations are, with a row for each attached one.

        Returns:
            All packets received after the last instant and up to this one.

        Raises:
            ValueError: An instant that isn't after now; positions missing or not finite.
        """
        if to_ns <= self._now_ns:
            raise ValueError(
                f"advance to {to_ns} ns from {self._now_ns} ns; expected a later instant"
            )
        self._check_positions(positions)
        self._positions = positions
        self._run(to_ns)
        ended = self._retire()
        return ended.take(ended.fate == Fate.DELIVERED).receptions()

    def finished(self) -> Packets:
        """Return the packets whose fate became known since the last call."""
        done = joined(self._finished) if self._finished else _NO_PACKETS
        self._finished = []
        return done

    def unfinished(self) -> Packets:
        """Return the packets still on their way, each with its stages so far, as of now."""
        flights = self._flights.take(np.arange(len(self._flights)))
        rows = np.arange(len(flights))
        flights.end(rows, Fate.IN_FLIGHT, np.maximum(self._now_ns, flights.sent_ns))
        return as_packets(flights, rows)

    @abstractmethod
    def handovers(self) -> Handovers:
        """Return the changes of cell that ended since the last call."""

    @abstractmethod
    def station_state(self) -> StationState:
        """Return the radio state of all stations."""

    def cell_state(self) -> CellState:
        """Return the load of all cells; NaN where a link has no model of that."""
        cells = len(self.cell_names)
        unknown = np.full(cells, np.nan)
        return CellState(unknown, unknown, np.zeros(cells, dtype=np.int64))

    def expected_sinr_db(self, x_m: Floats, y_m: Floats, height_m: Floats) -> Floats:
        """Return the downlink SINR to be expected at places under the present load [dB].

        Args:
            x_m: Positions (n,) [m].
            y_m: Positions (n,) [m].
            height_m: Heights of antennas above ground (n,) [m].

        Returns:
            That of the strongest cell on the air (n,), minus infinity where it is too weak to be
            selected; NaN where a link has no model of that.
        """
        del y_m, height_m
        return np.full(len(x_m), np.nan)

    @abstractmethod
    def _start(self, flights: InFlight) -> None:
        """Give new packets their first plan."""

    @abstractmethod
    def _run(self, to_ns: int) -> None:
        """Bring `_flights` and `_now_ns` up to an instant."""

    def _grow(self, capacity: int) -> None:
        more = (0, capacity - len(self._attached))
        self._attached = np.pad(self._attached, more)
        self._subscribed = np.pad(self._subscribed, more)
        self._height_m = np.pad(self._height_m, more)
        self._key = np.pad(self._key, more)
        self._last_sent_ns = np.pad(self._last_sent_ns, more, constant_values=-1)
        self._sent_at_once = np.pad(self._sent_at_once, more)

    def _retire(self) -> Packets:
        """Move packets that have ended out of those in flight, and return them."""
        over = self._flights.fate != Fate.IN_FLIGHT
        if not over.any():
            return _NO_PACKETS
        ended = as_packets(self._flights, over)
        self._finished.append(ended)
        self._flights = self._flights.take(~over)
        return ended

    def _relay(self, rows: Ints, relayed_ns: Ints) -> InFlight:
        """Return the copies of AREA packets for the stations around their senders.

        Args:
            rows: Packets in flight that have come to the server.
            relayed_ns: When the server is done with each [ns].
        """
        flights = self._flights
        assert self._positions is not None
        listening = np.flatnonzero(self._attached & self._subscribed)
        gone = ~np.isnan(flights.left_x_m[rows])
        sender = np.where(gone, 0, flights.sender[rows])
        x_m, y_m = self._positions.at(relayed_ns, sender)
        x_m = np.where(gone, flights.left_x_m[rows], x_m)
        y_m = np.where(gone, flights.left_y_m[rows], y_m)
        at_once = max(1, _PAIRS_AT_ONCE // max(1, len(listening)))
        pairs = [
            self._around(
                listening,
                np.where(gone, SERVER, flights.sender[rows])[part],
                x_m[part],
                y_m[part],
                flights.radius_m[rows][part],
                relayed_ns[part],
            )
            for part in (slice(k, k + at_once) for k in range(0, len(rows), at_once))
        ]
        parent = np.concatenate([p[0] + k * at_once for k, p in enumerate(pairs)])
        receiver = np.concatenate([p[1] for p in pairs])
        copies = flights.take(rows[parent])
        copies.parent_id = copies.packet_id.copy()
        copies.packet_id = copies.parent_id + ((receiver + 1) << _COPY_SHIFT)
        copies.receiver = receiver
        copies.radius_m = np.full(len(copies), -1.0)
        copies.draw_key = _pair_key(copies.draw_key, self._key[receiver])
        return copies

    def _around(
        self,
        listening: Ints,
        sender: Ints,
        x_m: Floats,
        y_m: Floats,
        radius_m: Floats,
        instant_ns: Ints,
    ) -> tuple[Ints, Ints]:
        """Return pairs of packet and listener within reach, in order of both."""
        assert self._positions is not None
        positions = self._positions
        dt_s = ((instant_ns - positions.instant_ns) * 1e-9)[:, None]
        dx = positions.vx_mps[listening] * dt_s
        dx += positions.x_m[listening]
        dx -= x_m[:, None]
        dy = positions.vy_mps[listening] * dt_s
        dy += positions.y_m[listening]
        dy -= y_m[:, None]
        dx *= dx
        dy *= dy
        dx += dy
        near = dx <= (radius_m**2)[:, None]
        near &= listening != sender[:, None]
        packet, place = np.nonzero(near)
        return packet, listening[place]

    def _draw_counter(self, owner: Ints, sent_ns: Ints) -> Ints:
        """Return where the draws of packets begin, by their owner (a station) and instant."""
        order = np.lexsort((sent_ns, owner))
        who, when = owner[order], sent_ns[order]
        new = np.concatenate([[True], (who[1:] != who[:-1]) | (when[1:] != when[:-1])])
        place = np.arange(len(order))
        rank = place - np.maximum.accumulate(np.where(new, place, 0))
        rank += np.where(when == self._last_sent_ns[who], self._sent_at_once[who], 0)
        # Later rows of an owner overwrite earlier ones: what stays is its last instant.
        self._last_sent_ns[who] = when
        self._sent_at_once[who] = rank + 1
        counter = np.empty(len(order), dtype=np.int64)
        counter[order] = (when * _PACKETS_AT_ONCE + rank % _PACKETS_AT_ONCE) * TRIES
        return counter

    def _key_of(self, station: Ints) -> NDArray[np.uint64]:
        return np.where(station < 0, np.uint64(_SERVER_KEY), self._key[np.maximum(station, 0)])

    def _check_attached(self, stations: Ints) -> None:
        known = (stations >= 0) & (stations < len(self._attached))
        known[known] = self._attached[stations[known]]
        if not known.all():
            raise ValueError(f"station {stations[~known][0]} is not attached")

    def _check_send(
        self, sender: Ints, receiver: Ints, size: Ints, sent: Ints, radius_m: Floats
    ) -> None:
        from_server = sender == SERVER
        self._check_attached(sender[~from_server])
        self._check_attached(receiver[(receiver != SERVER) & (receiver != AREA)])
        if (from_server & (receiver < 0)).any():
            raise ValueError("a packet of the server's goes to no station; expected a station")
        if (sender == receiver)[~from_server].any():
            raise ValueError("a packet goes to its own sender; expected another station")
        if (size < 1).any():
            raise ValueError(f"packet of {size.min()} bytes; expected 1 or more")
        if (sent < self._now_ns).any():
            raise ValueError(
                f"packet sent at {sent.min()} ns, before {self._now_ns} ns; expected now or later"
            )
        reach = radius_m[receiver == AREA]
        if not (reach > 0.0).all():
            raise ValueError("a packet to an area without a radius; expected radius_m above 0")

    def _check_positions(self, positions: Positions) -> None:
        stations = np.flatnonzero(self._attached)
        if not stations.size:
            return
        for name, column in zip(positions._fields[1:], positions[1:], strict=True):
            if len(column) <= stations[-1]:
                raise ValueError(
                    f"{name} has {len(column)} rows; expected one for station {stations[-1]} too"
                )
            finite = np.isfinite(column[stations])
            if not finite.all():
                raise ValueError(
                    f"{name} of station {stations[~finite][0]} is {column[stations[~finite][0]]}; "
                    "expected a finite number"
                )


class LegByLeg(LinkModel):
    """A link whose packets go up to the server and down from it, leg by leg.

    Args:
        luck: Decides what packets meet on their way.
    """

    def __init__(self, luck: Draws) -> None:
        super().__init__()
        self._luck = luck

    @abstractmethod
    def _send_down(self, flights: InFlight, rows: Ints, from_ns: Ints) -> None:
        """Let packets leave the server for their stations, one instant [ns] each."""

    def _due(self, leg: Leg, to_ns: int) -> Ints:
        """Return the packets in flight that are done with a leg by an instant."""
        flights = self._flights
        due = (flights.leg == leg) & (flights.due_ns <= to_ns) & (flights.fate == Fate.IN_FLIGHT)
        return np.flatnonzero(due)

    def _draw(self, flights: InFlight, rows: Ints, parts: Sequence[int]) -> None:
        """Draw the luck of packets in some parts of their way."""
        if rows.size:
            counters = flights.draw_counter[rows, None] * _PARTS + np.array(parts)
            flights.luck[rows[:, None], parts] = self._luck.uniform(
                flights.draw_key[rows, None], counters
            )

    def _pass_server(self, rows: Ints) -> None:
        """Deliver packets that the server is done with, or send them on to stations."""
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
        if not ends.all():
            self._send_down(flights, rows[~ends], done[~ends])
        if copies is not None and len(copies):
            everyone = np.arange(len(copies))
            self._draw(copies, everyone, DOWN_PARTS)
            self._send_down(copies, everyone, copies.due_ns.copy())
            self._flights = joined([flights, copies])


def draw_keys(flights: InFlight, rows: Ints) -> DrawKeys:
    """Return what packets draw with that doesn't change with their tries."""
    return DrawKeys(flights.draw_key[rows], flights.draw_counter[rows] // TRIES)


def _pair_key(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return a key for an ordered pair of keys."""
    turned = other * np.uint64(0xC2B2AE3D27D4EB4F)
    turned = (turned << np.uint64(31)) | (turned >> np.uint64(33))
    return np.asarray((one * np.uint64(0x9E3779B97F4A7C15)) ^ turned)
