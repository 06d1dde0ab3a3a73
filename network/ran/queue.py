"""First come, first served: what waits in each cell for resource blocks of one direction.

Nobody who comes later overtakes, so a packet's blocks are known when it comes: it gets the next
`work` blocks after those of the one before, or after its own arrival if the queue is empty by then.
That is Lindley's recursion

    finish_i = max(finish_{i-1}, arrival_i) + work_i

which, unrolled, is a cumulative sum and a running maximum over all cells at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from network.arrays import Bools, Ints

# Keeps the cells' running maxima apart; block numbers stay below it for a year of simulated time.
_CELL_STRIDE = 1 << 44


class Service(NamedTuple):
    """The blocks that arrivals get: from `first` up to, but without, `end`; shapes (n,)."""

    first: Ints
    end: Ints
    served: Bools


class Queues:
    """The queues of all cells in one direction."""

    def __init__(self, cells: int) -> None:
        self._finish = np.zeros(cells, dtype=np.int64)
        self._work = np.zeros(cells, dtype=np.int64)

    def admit(self, cell: Ints, arrival: Ints, limit: Ints, work: Ints) -> Service:
        """Take in arrivals, all later than those of earlier calls in the same cell.

        One whose first block would not come before its limit isn't served and takes no blocks.

        Args:
            cell: Cell of each arrival, ascending; within a cell in order of arrival.
            arrival: First block that each may use.
            limit: First block that is too late for it.
            work: Blocks that each takes, 1 or more.
        """
        if not cell.size:
            return Service(arrival, arrival, np.zeros(0, dtype=np.bool_))
        begins = np.concatenate([[True], cell[1:] != cell[:-1]])
        total = np.cumsum(work)
        free = np.where(begins, np.maximum(arrival, self._finish[cell]), arrival)
        apart = cell * _CELL_STRIDE
        end = np.maximum.accumulate(free - (total - work) + apart) - apart + total
        served = end - work < limit
        if not served.all():
            self._turn_away(cell, arrival, limit, work, end, served)
        ends = np.concatenate([begins[1:], [True]])
        self._finish[cell[ends]] = end[ends]
        np.add.at(self._work, cell, np.where(served, work, 0))
        return Service(end - np.where(served, work, 0), end, served)

    def done(self, block: int) -> Ints:
        """Return how many blocks each cell has used before a block number (cells,)."""
        return self._work - np.maximum(self._finish - block, 0)

    def _turn_away(
        self, cell: Ints, arrival: Ints, limit: Ints, work: Ints, end: Ints, served: Bools
    ) -> None:
        """Redo the cells in which someone comes too late: who isn't served holds nobody up.

        The recursion then depends on its own results and can't be unrolled. It runs over plain
        integers, in full cells alone.
        """
        redo = np.flatnonzero(np.isin(cell, np.unique(cell[~served])))
        finish = 0
        last_cell = -1
        ends, kept = [], []
        for c, a, most, w in zip(
            cell[redo].tolist(),
            arrival[redo].tolist(),
            limit[redo].tolist(),
            work[redo].tolist(),
            strict=True,
        ):
            if c != last_cell:
                finish, last_cell = int(self._finish[c]), c
            first = max(finish, a)
            fits = first < most
            if fits:
                finish = first + w
            ends.append(finish)
            kept.append(fits)
        end[redo] = ends
        served[redo] = kept
