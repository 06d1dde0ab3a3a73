"""Packets: one fate for each, and where its time went, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from network.arrays import Bools, Floats, Ints

SERVER = -1
"""Stands for the server where a station number is asked for."""

AREA = -2
"""As an addressee: every subscribed station around the sender, by way of the server."""

NEVER = np.iinfo(np.int64).max
"""An instant [ns] that doesn't come."""

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class Stage(IntEnum):
    """Where a packet's time goes, in the order it passes through."""

    UL_SCHEDULING = 0  # wait for a scheduling request occasion, then for the grant
    UL_QUEUE = 1  # wait for free resource blocks
    UL_AIR = 2  # first transmission and its decoding
    UL_RETRANSMISSION = 3
    INTERRUPTION = 4  # the station is between cells, or in none
    BACKHAUL = 5  # base station to core, both ways
    CORE = 6  # core to server, both ways
    SERVER = 7
    DL_QUEUE = 8
    DL_AIR = 9
    DL_RETRANSMISSION = 10


class Fate(IntEnum):
    """How a packet ends."""

    IN_FLIGHT = 0  # not yet
    DELIVERED = 1
    RADIO = 2  # the last retransmission failed too
    NO_COVERAGE = 3  # the station had no cell until the discard timer ran out
    EXPIRED = 4  # the discard timer ran out in the queue or in an interruption
    LEFT = 5  # the station was detached
    BACKHAUL = 6  # lost between base station and core
    CORE = 7  # the core could not pass it on to or from the server


class Positions(NamedTuple):
    """Where stations are, indexed by station number, true at one instant."""

    instant_ns: int
    x_m: Floats
    y_m: Floats
    z_m: Floats
    vx_mps: Floats
    vy_mps: Floats

    def at(self, instant_ns: int | Ints, stations: Ints) -> tuple[Floats, Floats]:
        """Return x and y [m] of stations, moved on by their velocity to one instant or one each."""
        dt_s = (instant_ns - self.instant_ns) * 1e-9
        return (
            self.x_m[stations] + self.vx_mps[stations] * dt_s,
            self.y_m[stations] + self.vy_mps[stations] * dt_s,
        )


class Receptions(NamedTuple):
    """Packets received, ordered by instant and packet id; every array has shape (n,)."""

    received_ns: Ints
    packet_id: Ints
    parent_id: Ints
    sender: Ints
    receiver: Ints
    kind: Ints
    reference: Ints
    size_bytes: Ints
    sent_ns: Ints


@dataclass
class Packets:
    """Packets as rows of arrays; each array has n entries, `stage_ns` the shape (n, len(Stage)).

    `parent_id` is the packet that a relayed copy was made from, -1 for the others. `cell_up` and
    `cell_down` are the cells that carried the packet, -1 if none did. The stages of a packet add up
    to `ended_ns - sent_ns`; those of a relayed copy include its parent's.

    A sender may have left before its packet ends, and its number be another station's by then:
    `sender_key` is `key_of` its name. The receiver is the one that has the number when it ends.
    """

    packet_id: Ints
    parent_id: Ints
    sender: Ints
    sender_key: NDArray[np.uint64]
    receiver: Ints
    kind: Ints
    reference: Ints
    size_bytes: Ints
    sent_ns: Ints
    ended_ns: Ints
    fate: Ints
    cell_up: Ints
    cell_down: Ints
    stage_ns: Ints

    def __len__(self) -> int:
        return len(self.packet_id)

    def take(self, rows: Ints | Bools) -> Self:
        """Return a copy of some rows, given by number or by mask."""
        return type(self)(*_columns(self, self, rows))

    def receptions(self) -> Receptions:
        """Return the rows as receptions at `ended_ns`, ordered by instant and packet id."""
        order = np.lexsort((self.packet_id, self.ended_ns))
        return Receptions(
            self.ended_ns[order],
            *(getattr(self, name)[order] for name in Receptions._fields[1:]),
        )

    @classmethod
    def empty(cls) -> Self:
        """Return a table without rows."""
        columns: dict[str, Any] = {
            name: np.zeros(0, dtype=_DTYPES.get(name, np.int64))
            for name in cls.__dataclass_fields__
        }
        columns["stage_ns"] = np.zeros((0, len(Stage)), dtype=np.int64)
        if "plan_ns" in columns:
            columns["plan_ns"] = np.zeros((0, 4), dtype=np.int64)
            columns["luck"] = np.zeros((0, 4))
        return cls(**columns)


class Leg(IntEnum):
    """What a packet in flight is doing: what its `plan_ns` describes."""

    UP_WAIT = 0  # for its grant, and for the end of an interruption
    UP_RADIO = 1
    UP_WIRE = 2  # base station to server, and the server's own time
    DOWN_WIRE = 3  # server to base station
    DOWN_WAIT = 4  # for the end of an interruption
    DOWN_RADIO = 5
    DOWN_HELD = 6  # in an impaired backhaul, short of the base station


LEG_STAGES = np.array(
    [
        (Stage.UL_SCHEDULING, Stage.INTERRUPTION, Stage.UL_QUEUE),
        (Stage.UL_QUEUE, Stage.UL_AIR, Stage.UL_RETRANSMISSION),
        (Stage.BACKHAUL, Stage.CORE, Stage.SERVER),
        (Stage.CORE, Stage.BACKHAUL, Stage.SERVER),
        (Stage.DL_QUEUE, Stage.INTERRUPTION, Stage.DL_AIR),
        (Stage.DL_QUEUE, Stage.DL_AIR, Stage.DL_RETRANSMISSION),
        (Stage.BACKHAUL, Stage.CORE, Stage.SERVER),
    ]
)
"""The three stages of each leg, between the four instants of its plan."""


@dataclass
class InFlight(Packets):
    """Packets on their way.

    `plan_ns` (n, 4) holds the instants that bound the three stages of the packet's `leg`, and
    `plan_fate` how it ends with the leg, IN_FLIGHT if it goes on. Until the leg is done, nothing of
    it is in `stage_ns`, so that it can still be cut short.
    """

    leg: Ints
    plan_ns: Ints
    plan_fate: Ints
    deadline_ns: Ints  # of the discard timer
    draw_key: NDArray[np.uint64]
    draw_counter: Ints
    luck: Floats  # (n, 4), uniform in (0, 1): up on the air and wire, down on the wire and air
    radius_m: Floats  # of an AREA packet; negative for others
    left_x_m: Floats  # where the sender was when it was detached, else NaN
    left_y_m: Floats
    five_qi: Ints

    @property
    def due_ns(self) -> Ints:
        """When the leg's last planned stage ends."""
        return np.asarray(self.plan_ns[:, 3])

    def book(self, rows: Ints, until_ns: int | Ints) -> None:
        """Move the planned stages of rows, as far as an instant, to what has been."""
        if not rows.size:
            return
        until = np.reshape(np.asarray(until_ns, dtype=np.int64), (-1, 1))
        # `take` is the quickest way to some rows, and one axis quicker than two.
        plan = np.minimum(self.plan_ns.take(rows, axis=0), until)
        places = LEG_STAGES.take(self.leg.take(rows), axis=0)
        places += (rows * len(Stage))[:, None]
        stage_ns = self.stage_ns.reshape(-1, copy=False)
        stage_ns[places] = stage_ns.take(places) + (plan[:, 1:] - plan[:, :-1])

    def end(self, rows: Ints, fate: int | Ints, ended_ns: int | Ints) -> None:
        """End rows with a fate at an instant, or with one each."""
        self.book(rows, ended_ns)
        self.fate[rows] = fate
        self.ended_ns[rows] = ended_ns


_DTYPES: dict[str, type] = {
    "sender_key": np.uint64,
    "draw_key": np.uint64,
    "radius_m": np.float64,
    "left_x_m": np.float64,
    "left_y_m": np.float64,
}

Table = TypeVar("Table", bound=Packets)


def joined(tables: list[Table]) -> Table:
    """Return the rows of one or more tables of one type as one table."""
    if len(tables) == 1:
        return tables[0]
    kind = type(tables[0])
    return kind(
        *[np.concatenate([getattr(t, name) for t in tables]) for name in kind.__dataclass_fields__]
    )


def as_packets(flights: InFlight, rows: Ints | Bools) -> Packets:
    """Return the lasting columns of some packets in flight."""
    return Packets(*_columns(Packets, flights, rows))


def _columns(kind: Packets | type[Packets], table: Packets, rows: Ints | Bools) -> list[Any]:
    """Return the columns that a kind of table has, of some rows of a table."""
    # A mask is searched through once for all columns.
    places = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
    return [getattr(table, name).take(places, axis=0) for name in kind.__dataclass_fields__]
