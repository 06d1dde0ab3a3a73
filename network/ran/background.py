"""Everyone else's traffic: bursts of exponential size, a Poisson process in each cell.

Each cell has one sequence of bursts in *operational* time, in which they come at rate 1 whatever
the load; the utilisation only says how fast operational time runs. Runs that differ in load alone
so see the same bursts, sooner or later.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from network.arrays import Ints
from network.draws import Draws
from network.packet import NEVER, NS_PER_S
from network.ran.cells import Timeline

_BLOCK = 128
_LOOK_AHEAD_NS = NS_PER_S


class Background:
    """The bursts of all cells in one direction.

    Args:
        cell_keys: Key of each cell's draws (cells,).
        seed: Seed of the run.
        direction: Tells the directions' draws apart.
        utilisation: Share of its blocks that is asked of each cell, over time.
        burst_blocks: Mean size of a burst in resource blocks.
        blocks_per_s: Capacity of a cell in resource blocks a second.
    """

    def __init__(
        self,
        cell_keys: NDArray[np.uint64],
        seed: int,
        direction: str,
        *,
        utilisation: Timeline,
        burst_blocks: float,
        blocks_per_s: float,
    ) -> None:
        self._keys = cell_keys[:, None]
        self._gaps = Draws(seed, f"background/gap/{direction}")
        self._sizes = Draws(seed, f"background/size/{direction}")
        self._burst_blocks = burst_blocks
        self._full_rate_per_ns = blocks_per_s / burst_blocks * 1e-9
        self._changes = [*utilisation.from_ns[1:], NEVER]
        self._utilisations = utilisation.values
        self._change = 0
        cells = len(cell_keys)
        self._everywhere = np.arange(cells)
        self._drawn = np.zeros(cells, dtype=np.int64)
        self._arrival = np.zeros((cells, _BLOCK))  # in operational time
        self._arrival_ns = np.zeros((cells, _BLOCK), dtype=np.int64)
        self._work = np.zeros((cells, _BLOCK), dtype=np.int64)
        # Since `_anchor_ns` operational time runs at a steady rate, from `_anchor` on.
        self._anchor_ns = utilisation.from_ns[0]
        self._anchor = np.zeros(cells)
        self._rate_per_ns = utilisation.values[0] * self._full_rate_per_ns
        self._draw(self._everywhere)
        self._ahead_until_ns = self._anchor_ns
        none = np.zeros(0, dtype=np.int64)
        self._ahead = (none, none, none)

    def take(self, from_ns: int, to_ns: int) -> tuple[Ints, Ints, Ints]:
        """Return the bursts of [from, to): their cells, instants [ns] and sizes in blocks.

        In order of their instants. Spans may leave gaps but don't go back.
        """
        while self._ahead_until_ns < to_ns:
            self._look_ahead(from_ns)
        cell, instant_ns, work = self._ahead
        begin, end = np.searchsorted(instant_ns, (from_ns, to_ns))
        return cell[begin:end], instant_ns[begin:end], work[begin:end]

    def _look_ahead(self, from_ns: int) -> None:
        """Work out the bursts of the next second, or until the load changes; drop what is past."""
        begin_ns = self._ahead_until_ns
        end_ns = min(begin_ns + _LOOK_AHEAD_NS, self._changes[self._change])
        cell, instant_ns, work = self._ahead
        kept = instant_ns >= from_ns
        parts = [(cell[kept], instant_ns[kept], work[kept])]
        cells = self._everywhere
        while cells.size:
            instants = self._arrival_ns[cells]
            row, column = np.nonzero((instants >= begin_ns) & (instants < end_ns))
            parts.append((cells[row], instants[row, column], self._work[cells[row], column]))
            # Cells that have used up what was drawn go on with what comes next.
            cells = cells[instants[:, -1] < end_ns]
            if cells.size:
                self._draw(cells)
        cell, instant_ns, work = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(instant_ns, kind="stable")
        self._ahead = (cell[order], instant_ns[order], work[order])
        self._ahead_until_ns = end_ns
        if end_ns == self._changes[self._change]:
            self._change += 1
            self._set_rate(end_ns)

    def _set_rate(self, instant_ns: int) -> None:
        self._anchor = self._anchor + self._rate_per_ns * (instant_ns - self._anchor_ns)
        self._anchor_ns = instant_ns
        self._rate_per_ns = self._utilisations[self._change] * self._full_rate_per_ns
        self._time(self._everywhere)

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
