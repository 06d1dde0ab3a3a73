"""Everyone else's traffic: bursts of exponential size, a Poisson process in each cell.

Each cell has one sequence of bursts in *operational* time, in which they come at rate 1 whatever
the load; the utilisation only says how fast operational time runs. Runs that differ in load alone
so see the same bursts, sooner or later.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from network.arrays import Floats, Ints
from network.draws import Draws
from network.packet import NEVER

_BLOCK = 128


class Background:
    """The bursts of all cells in one direction.

    Args:
        cell_keys: Key of each cell's draws (cells,).
        seed: Seed of the run.
        direction: Tells the directions' draws apart.
        burst_blocks: Mean size of a burst in resource blocks.
        blocks_per_s: Capacity of a cell in resource blocks a second.
    """

    def __init__(
        self,
        cell_keys: NDArray[np.uint64],
        seed: int,
        direction: str,
        *,
        burst_blocks: float,
        blocks_per_s: float,
    ) -> None:
        self._keys = cell_keys[:, None]
        self._gaps = Draws(seed, f"background/gap/{direction}")
        self._sizes = Draws(seed, f"background/size/{direction}")
        self._burst_blocks = burst_blocks
        self._full_rate_per_ns = blocks_per_s / burst_blocks * 1e-9
        cells = len(cell_keys)
        self._drawn = np.zeros(cells, dtype=np.int64)
        self._arrival = np.zeros((cells, _BLOCK))  # in operational time
        self._arrival_ns = np.zeros((cells, _BLOCK), dtype=np.int64)
        self._work = np.zeros((cells, _BLOCK), dtype=np.int64)
        self._rate_per_ns = np.zeros(cells)
        self._anchor_ns = 0
        self._anchor = np.zeros(cells)
        self._draw(np.arange(cells))

    def load(self, instant_ns: int, utilisation: Floats) -> None:
        """From an instant on, let bursts ask for a share of each cell's blocks (cells,)."""
        self._anchor = self._anchor + self._rate_per_ns * (instant_ns - self._anchor_ns)
        self._anchor_ns = instant_ns
        self._rate_per_ns = utilisation * self._full_rate_per_ns
        self._time(np.arange(len(self._anchor)))

    def take(self, from_ns: int, to_ns: int) -> tuple[Ints, Ints, Ints]:
        """Return the bursts of [from, to): their cells, instants [ns] and sizes in blocks.

        Spans have to follow one another without a gap, and `load` be called between them.
        """
        taken = []
        cells = np.arange(len(self._anchor))
        while cells.size:
            instants = self._arrival_ns[cells]
            row, column = np.nonzero((instants >= from_ns) & (instants < to_ns))
            cell = cells[row]
            taken.append((cell, instants[row, column], self._work[cell, column]))
            # Cells that have used up what was drawn go on with what comes next.
            cells = cells[instants[:, -1] < to_ns]
            if cells.size:
                self._draw(cells)
        cell, instant, work = (np.concatenate(column) for column in zip(*taken, strict=True))
        return cell, instant, work

    def _draw(self, cells: Ints) -> None:
        """Replace the block of bursts of cells by the next one."""
        counters = self._drawn[cells, None] + np.arange(_BLOCK)
        self._drawn[cells] += _BLOCK
        gaps = self._gaps.exponential(self._keys[cells], counters)
        self._arrival[cells] = self._arrival[cells, -1:] + np.cumsum(gaps, axis=1)
        sizes = self._sizes.exponential(self._keys[cells], counters) * self._burst_blocks
        self._work[cells] = np.ceil(sizes).astype(np.int64)
        self._time(cells)

    def _time(self, cells: Ints) -> None:
        """Work out when the bursts of cells come, from the present rates."""
        rate = self._rate_per_ns[cells, None]
        ahead = self._arrival[cells] - self._anchor[cells, None]
        with np.errstate(divide="ignore"):
            ns = np.where(rate > 0.0, ahead / rate, np.inf)
        self._arrival_ns[cells] = np.where(
            ns < 9e18 - self._anchor_ns,
            self._anchor_ns + np.floor(np.minimum(ns, 8e18)).astype(np.int64),
            NEVER,
        )
