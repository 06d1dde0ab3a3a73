"""What a page can show of a run: who was where, over which cell, and what happened, by time."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from cosim.live.flights import Flights
from cosim.live.layout import KINDS
from cosim.live.snapshots import NO_ROWS, Snapshots
from cosim.recording import Columns
from network.arrays import Floats

# What happened is told from the newest back; nobody reads more.
_MOST_ENTRIES = 20_000
# So many around the picked one are shown with their packets.
_NEAREST = 8
# Whoever goes farther in a step, which is a second at most, has been put somewhere else.
_LEAP_M = 120.0


class Somebody(NamedTuple):
    """A road user as a page draws it; `kind` is its place in `KINDS`."""

    id: str
    kind: int
    length_m: float
    width_m: float
    height_m: float


class Entry(NamedTuple):
    """A line of the list: what happened to whom."""

    time_s: float
    kind: str
    """decision, handover, or the kind of the event."""
    who: str
    text: str


class Frame(NamedTuple):
    """One instant; rows are of `float32`.

    `users` has the columns number, x [m], y [m], z [m], heading [rad], speed [m/s]; `links` has
    number, cell's number (-1: none), SINR [dB], RSRP [dBm], 1 while interrupted. `lights` has the
    state string of each of SUMO's traffic lights; it is the same object until one changes.
    """

    time_s: float
    users: Floats
    links: Floats
    lights: Mapping[str, str]


class Air(NamedTuple):
    """What happens on the air at an instant; rows are of `float32`.

    `changing` has the number of who changes cells and that of the cell that it comes from (-1:
    none); `packets` is as `Flights.seen` has it.
    """

    changing: Floats = NO_ROWS
    packets: Floats = NO_ROWS


class Series(NamedTuple):
    """What one vehicle went through, for the plots; pairs of time [s] and value.

    The delay is the longest of the packets that ended within a tenth of a second.
    """

    speed_mps: Floats
    sinr_db: Floats
    delay_ms: Floats


class Timeline:
    """A run's tables by time, filled by the run's thread and read by the page's.

    Args:
        cells: names of the cells that have a place, in the order of their numbers.
    """

    def __init__(self, cells: tuple[str, ...]) -> None:
        self.cells = list(cells)
        """Cells by their number; those of a measured drive follow as they come."""
        self.roster: list[Somebody] = []
        """Road users by their number; it only grows."""
        self.load: dict[str, tuple[float, float]] = {}
        """Share of each cell's resource blocks used, down and up, lately."""
        self.ended: str | None = None
        """How the run ended, once it has."""
        self._cell_number = {"": -1, **{cell: number for number, cell in enumerate(cells)}}
        self._number: dict[str, int] = {}
        self._users = Snapshots()
        self._links = Snapshots()
        self._arrivals = Snapshots()
        self._changes = Snapshots()
        self._flights = Flights()
        # All lights' states, at each instant at which one changed.
        self._lights: list[tuple[float, dict[str, str]]] = []
        self._entries: list[Entry] = []
        self._deciding: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def add(self, table: str, columns: Columns) -> None:
        """Take rows of one of a run's tables, as they are recorded; others are left out."""
        take = getattr(self, f"_add_{table}", None)
        if take is not None and len(columns["packet_id" if table == "packets" else "time_s"]):
            with self._lock:
                take(columns)

    @property
    def span_s(self) -> tuple[float, float]:
        """From when to when there is something to show [s]."""
        times = self._users.times_s
        return (times[0], times[-1]) if times else (0.0, 0.0)

    @property
    def step_s(self) -> float:
        """Time between the last two steps [s]; zero as long as there is one at most."""
        times = self._users.times_s[-2:]
        return times[1] - times[0] if len(times) == 2 else 0.0

    def number_of(self, user_id: str) -> int | None:
        """Number of a road user; None as long as it hasn't been on the road."""
        return self._number.get(user_id)

    def frame(self, time_s: float) -> Frame:
        """Everyone at an instant, moved on between two steps along the straight line."""
        with self._lock:
            before, after, share = self._users.around(time_s)
            links, lights = self._links.latest(time_s), self._lights_at(time_s)
        return Frame(time_s, _between(before, after, share), links, lights)

    def frame_ahead(self, time_s: float) -> Frame:
        """As `frame`; after the last step, everyone moved on by their velocity."""
        with self._lock:
            last, _, _ = self._users.around(time_s)
            after_s = time_s - self._users.times_s[-1] if self._users.times_s else 0.0
            links, lights = self._links.latest(time_s), self._lights_at(time_s)
        if after_s <= 0.0:
            return self.frame(time_s)
        users = last.copy()
        users[:, 1] += users[:, 5] * np.cos(users[:, 4]) * after_s
        users[:, 2] += users[:, 5] * np.sin(users[:, 4]) * after_s
        return Frame(time_s, users, links, lights)

    def next_s(self, time_s: float, steps: int) -> float:
        """The instant so many steps on, or back, from the one that is shown [s]."""
        with self._lock:
            times = self._users.times_s
            if not times:
                return 0.0
            at = bisect_left(times, time_s - 1e-6)
            if steps > 0:
                at = bisect_right(times, time_s + 1e-6) - 1
            return times[min(max(at + steps, 0), len(times) - 1)]

    def air(self, frame: Frame, picked: int | None, lasts_s: float) -> Air:
        """What happens on the air at the instant of a frame, each for so long at least [s].

        Packets are those of the picked road user and of the nearest to it.
        """
        until_s = frame.time_s
        with self._lock:
            changes = [rows for _, rows in self._changes.between(until_s - lasts_s, until_s)]
            packets = self._flights.seen(until_s, _nearest(frame.users, picked), lasts_s)
        return Air(np.concatenate(changes) if changes else NO_ROWS, packets)

    def entries(self, until_s: float, whose: set[str] | None, most: int) -> list[Entry]:
        """What happened to some (or all) up to an instant, the newest first."""
        found: list[Entry] = []
        with self._lock:
            at = bisect_right(self._entries, until_s, key=lambda entry: entry.time_s)
            for entry in reversed(self._entries[:at]):
                if whose is None or entry.who in whose or not entry.who:
                    found.append(entry)
                    if len(found) == most:
                        break
        return found

    def series(self, number: int, until_s: float, last_s: float) -> Series:
        """A road user's recent past."""
        from_s = until_s - last_s
        with self._lock:
            users = self._users.between(from_s, until_s)
            links = self._links.between(from_s, until_s)
            arrivals = self._arrivals.between(from_s, until_s)
        return Series(
            _column(users, number, 5),
            _column(links, number, 2),
            _longest(_column(arrivals, number, 1)),
        )

    def _add_bodies(self, columns: Columns) -> None:
        names = ("id", "kind", "length_m", "width_m", "height_m")
        for user_id, kind, *size_m in zip(*(columns[name] for name in names), strict=True):
            if user_id not in self._number:
                # First here: whoever has a number is looked up by it, without the lock.
                self.roster.append(Somebody(user_id, KINDS.index(kind), *map(float, size_m)))
                self._number[user_id] = len(self.roster) - 1

    def _add_road_users(self, columns: Columns) -> None:
        numbers = self._numbers(columns["id"])
        pose = ("x_m", "y_m", "z_m", "heading_rad", "speed_mps")
        self._users.add(columns["time_s"], [numbers, *(columns[name] for name in pose)])

    def _add_traffic_lights(self, columns: Columns) -> None:
        names = ("time_s", "id", "state")
        for time_s, light, state in zip(*(columns[name] for name in names), strict=True):
            if not self._lights or self._lights[-1][0] != time_s:
                before = self._lights[-1][1] if self._lights else {}
                self._lights.append((float(time_s), dict(before)))
            self._lights[-1][1][light] = state
        del self._lights[:-_MOST_ENTRIES]

    def _lights_at(self, time_s: float) -> Mapping[str, str]:
        at = bisect_right(self._lights, time_s + 1e-6, key=lambda change: change[0])
        return self._lights[at - 1][1] if at else {}

    def _add_links(self, columns: Columns) -> None:
        cell = self._cell_numbers(columns["cell"])
        levels = (columns["sinr_db"], columns["rsrp_dbm"], columns["interrupted"])
        self._links.add(columns["time_s"], [self._numbers(columns["id"]), cell, *levels])

    def _cell_numbers(self, cells: Any) -> list[int]:
        for cell in set(cells) - self._cell_number.keys():
            self._cell_number[cell] = len(self.cells)
            self.cells.append(cell)
        return [self._cell_number[cell] for cell in cells]

    def _add_cells(self, columns: Columns) -> None:
        load = (columns["downlink_utilisation"], columns["uplink_utilisation"])
        self.load.update(zip(columns["cell"], zip(*load, strict=True), strict=True))

    def _add_packets(self, columns: Columns) -> None:
        self._add_arrivals(columns)
        self._flights.add(
            columns,
            *(self._numbers(columns[end]) for end in ("sender", "receiver")),
            *(self._cell_numbers(columns[f"{way}link_cell"]) for way in ("up", "down")),
        )

    def _add_arrivals(self, columns: Columns) -> None:
        """How long what reached somebody was on its way; else what somebody sent."""
        arrived = np.asarray(columns["fate"]) == "delivered"
        ended_ns = np.asarray(columns["ended_ns"])[arrived]
        order = np.argsort(ended_ns, kind="stable")
        delay_ms = (ended_ns - np.asarray(columns["sent_ns"])[arrived]) * 1e-6
        to = self._numbers(np.asarray(columns["receiver"])[arrived])
        sent_by = self._numbers(np.asarray(columns["sender"])[arrived])
        ended_s = ended_ns[order] * 1e-9
        whose = np.where(to >= 0, to, sent_by)[order]
        # By tenths, so that looking back doesn't go through packets one by one.
        self._arrivals.add(np.floor(ended_s * 10) / 10, [whose, delay_ms[order]])

    def _add_handovers(self, columns: Columns) -> None:
        names = ("time_s", "id", "from_cell", "to_cell", "cause", "interruption_ms", "ping_pong")
        for time_s, who, old, new, cause, cut_ms, back in zip(
            *(columns[name] for name in names), strict=True
        ):
            changed = [self._numbers([who]), self._cell_numbers([old])]
            self._changes.add([time_s], changed)
            text = f"{old or 'no cell'} → {new or 'no cell'}, {cause}, {cut_ms:.0f} ms cut off"
            self._tell(time_s, "handover", who, text + (", ping-pong" if back else ""))

    def _add_decisions(self, columns: Columns) -> None:
        names = ("time_s", "vehicle", "function", "reason", "wanted_acceleration_mps2")
        for time_s, who, function, reason, wants in zip(
            *(columns[name] for name in names), strict=True
        ):
            if self._deciding.get(who) != (function, reason):
                self._deciding[who] = (function, reason)
                self._tell(time_s, "decision", who, f"{function}: {reason}, {wants:+.1f} m/s²")

    def _add_events(self, columns: Columns) -> None:
        names = ("time_s", "kind", "id", "other", "detail")
        for time_s, kind, who, other, detail in zip(
            *(columns[name] for name in names), strict=True
        ):
            self._tell(time_s, kind, who, ", ".join(part for part in (other, detail) if part))

    def tell(self, time_s: float, kind: str, who: str, text: str) -> None:
        """List something that is in none of the tables."""
        with self._lock:
            self._tell(time_s, kind, who, text)

    def _tell(self, time_s: float, kind: str, who: str, text: str) -> None:
        entry = Entry(float(time_s), str(kind), str(who), text)
        at = bisect_right(self._entries, entry.time_s, key=lambda known: known.time_s)
        self._entries.insert(at, entry)
        if len(self._entries) > _MOST_ENTRIES:
            del self._entries[: _MOST_ENTRIES // 10]

    def _numbers(self, ids: Any) -> Any:
        get = self._number.get
        return np.fromiter((get(name, -1) for name in ids), np.int64, len(ids))


def _nearest(users: Any, picked: int | None) -> Any:
    """Numbers of a picked road user and of those around it; none if it isn't there."""
    own = users[users[:, 0] == picked]
    if not len(own):
        return own[:, 0]
    away_m = np.hypot(users[:, 1] - own[0, 1], users[:, 2] - own[0, 2])
    return users[np.argsort(away_m, kind="stable")[: _NEAREST + 1], 0]


def _between(before: Any, after: Any, share: float) -> Any:
    """Rows on the way from one step to the next, of those who are there before."""
    if share == 0.0 or not len(before) or not len(after):
        return before
    order = np.argsort(after[:, 0])
    at = np.searchsorted(after[order, 0], before[:, 0])
    there = order[np.minimum(at, len(after) - 1)]
    stays = after[there, 0] == before[:, 0]
    way = np.where(stays[:, None], after[there] - before, 0.0)
    way[np.hypot(way[:, 1], way[:, 2]) > _LEAP_M] = 0.0
    # The shorter way round.
    way[:, 4] = np.arctan2(np.sin(way[:, 4]), np.cos(way[:, 4]))
    moved = before + share * way
    return moved.astype(np.float32)


def _column(snapshots: list[tuple[float, Any]], number: int, column: int) -> Any:
    """Time and value of one road user's rows (n, 2)."""
    parts: Iterator[Any] = (
        (time_s, rows[rows[:, 0] == number, column]) for time_s, rows in snapshots
    )
    pairs = [(time_s, value) for time_s, values in parts for value in values.tolist()]
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def _longest(pairs: Any) -> Any:
    """The largest value of each instant (n, 2)."""
    if not len(pairs):
        return pairs
    times, begins = np.unique(pairs[:, 0], return_index=True)
    return np.column_stack([times, np.maximum.reduceat(pairs[:, 1], begins)])
