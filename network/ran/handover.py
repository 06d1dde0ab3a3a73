"""How long a change of cell takes, and what became of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from network.arrays import Bools, Ints
from network.base import Cause, Handovers
from network.draws import Draws
from network.packet import NS_PER_MS, NS_PER_S
from network.settings import HandoverSettings


class HandoverDelays:
    """Interruptions of user data (TS 38.331 clause 12, TS 38.133 clause 6.1.1.2.2).

    From the handover command on: RRC processing, T_search, T_IU (the wait for a random access
    occasion), T_processing, T_delta (the wait for the target's reference signals), T_margin, and
    then the random access itself until data flows again.

    Args:
        settings: The parts.
        seed: Seed of the run.
    """

    def __init__(self, settings: HandoverSettings, seed: int) -> None:
        self._fixed_ms = (
            settings.rrc_processing_ms
            + settings.search_ms
            + settings.processing_ms
            + settings.margin_ms
            + settings.random_access_ms
        )
        self._occasion_ms = settings.prach_period_ms
        self._reference_ms = settings.smtc_period_ms
        self._occasion = Draws(seed, "handover/random access occasion")
        self._reference = Draws(seed, "handover/reference signal")
        self.reestablishment_ns = round(settings.reestablishment_ms * NS_PER_MS)
        self.context_fetch_ns = round(settings.context_fetch_ms * NS_PER_MS)

    def interruption_ns(self, keys: NDArray[np.uint64], instant_ns: int) -> Ints:
        """Return how long handovers of stations interrupt, begun at an instant [ns]."""
        ms = (
            self._fixed_ms
            + self._occasion_ms * self._occasion.uniform(keys, instant_ns)
            + self._reference_ms * self._reference.uniform(keys, instant_ns)
        )
        return np.rint(ms * NS_PER_MS).astype(np.int64)


class History:
    """Changes of cell until they are asked for, and which of them are ping-pongs.

    A change is a ping-pong if it leads back to the cell before, and the time of stay in between,
    from the end of one change to the end of the next, is below a minimum (TR 36.839).

    Args:
        stations: Rows to keep track of.
        minimum_stay_s: The minimum time of stay [s].
    """

    def __init__(self, stations: int, minimum_stay_s: float) -> None:
        self._minimum_stay_ns = round(minimum_stay_s * NS_PER_S)
        self._cell_before = np.full(stations, -1)
        self._ended_ns = np.zeros(stations, dtype=np.int64)
        self._changes = [_none()]

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        more = (0, stations - len(self._ended_ns))
        self._cell_before = np.pad(self._cell_before, more, constant_values=-1)
        self._ended_ns = np.pad(self._ended_ns, more)

    def forget(self, station: int, now_ns: int) -> None:
        """Begin anew for a station; a change that it is amid doesn't count."""
        self._cell_before[station] = -1
        changes = self._all()
        running = changes.instant_ns + changes.interruption_ns > now_ns
        self._changes = [_rows(changes, ~(running & (changes.station == station)))]

    def add(
        self,
        instant_ns: Ints,
        station: Ints,
        from_cell: Ints,
        to_cell: Ints,
        cause: Cause | Ints,
        interruption_ns: Ints,
    ) -> None:
        """Note changes, of each station one; all arrays have the shape (n,).

        Coming back to the same cell is noted, but doesn't end the stay there.
        """
        end = instant_ns + interruption_ns
        back = (to_cell == self._cell_before[station]) & (to_cell != from_cell)
        ping_pong = back & (end - self._ended_ns[station] < self._minimum_stay_ns)
        left = from_cell != to_cell
        self._cell_before[station[left]] = from_cell[left]
        self._ended_ns[station[left]] = end[left]
        causes = np.broadcast_to(np.asarray(cause, dtype=np.int64), len(station)).copy()
        self._changes.append(
            Handovers(instant_ns, station, from_cell, to_cell, causes, interruption_ns, ping_pong)
        )

    def ended(self, now_ns: int) -> Handovers:
        """Return the changes that have ended, in order of their end, and forget them."""
        changes = self._all()
        end = changes.instant_ns + changes.interruption_ns
        over = end <= now_ns
        self._changes = [_rows(changes, ~over)]
        return in_order_of_end([_rows(changes, over)])

    def _all(self) -> Handovers:
        return _joined(self._changes)


def in_order_of_end(parts: list[Handovers]) -> Handovers:
    """Return changes in order of their end, then by station."""
    changes = _joined(parts)
    end = changes.instant_ns + changes.interruption_ns
    return _rows(changes, np.lexsort((changes.station, end)))


def _joined(parts: list[Handovers]) -> Handovers:
    return Handovers._make(map(np.concatenate, zip(*parts, strict=True)))


def _none() -> Handovers:
    none = np.zeros(0, dtype=np.int64)
    return Handovers(none, none, none, none, none, none, np.zeros(0, dtype=np.bool_))


def _rows(changes: Handovers, rows: Ints | Bools) -> Handovers:
    return Handovers._make(column[rows] for column in changes)
