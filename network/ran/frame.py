"""The slot grid: when a direction has resource blocks, and which slot a resource block lies in.

Queues count in resource blocks rather than in time: block number b of a direction is the b-th that
the cell could have sent since the beginning. `Frame` translates between that count and instants.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from network.arrays import Ints

SYMBOLS_PER_SLOT = 14


class Frame:
    """One direction of a TDD pattern, or of FDD.

    Args:
        tdd_pattern: Slots of one period, `D`, `U` and `S`; of FDD, the direction's letter alone.
        direction: `"D"` or `"U"`.
        slot_ns: Length of a slot [ns].
        prbs: Resource blocks of the carrier.
        special_downlink_symbols: Downlink symbols of an `S` slot: its share of the blocks.
    """

    def __init__(
        self,
        tdd_pattern: str,
        direction: str,
        *,
        slot_ns: int,
        prbs: int,
        special_downlink_symbols: int,
    ) -> None:
        blocks = {direction: prbs}
        if direction == "D":
            blocks["S"] = prbs * special_downlink_symbols // SYMBOLS_PER_SLOT
        self.slot_ns = slot_ns
        self.period_slots = len(tdd_pattern)
        self._before = np.cumsum([0, *(blocks.get(slot, 0) for slot in tdd_pattern)])
        slots = np.array([slot in blocks for slot in tdd_pattern], dtype=np.int64)
        self._edges: list[int] = self._before.tolist()
        self._numbers = np.flatnonzero(slots)
        self._ordinals = np.concatenate([[0], np.cumsum(slots)])
        self.blocks_per_period = int(self._before[-1])

    @property
    def blocks_per_s(self) -> float:
        """Resource blocks a second."""
        return self.blocks_per_period / (self.period_slots * self.slot_ns * 1e-9)

    def blocks_from(self, instant_ns: Ints | int) -> Ints:
        """Return the number of the first block whose slot begins at or after an instant [ns]."""
        slot = -(-np.asarray(instant_ns) // self.slot_ns)
        period, within = np.divmod(slot, self.period_slots)
        return np.asarray(period * self.blocks_per_period + self._before[within])

    def blocks_of(self, slot: int) -> tuple[int, int]:
        """Return the numbers of a slot's first block and of the first one after it."""
        period, within = divmod(slot, self.period_slots)
        before = period * self.blocks_per_period
        return before + self._edges[within], before + self._edges[within + 1]

    def slot_with(self, block: int) -> int:
        """Return the number of the slot that one block lies in."""
        period, within = divmod(block, self.blocks_per_period)
        return period * self.period_slots + bisect_right(self._edges, within) - 1

    def slot_of(self, block: Ints) -> Ints:
        """Return the number of the slot that a block lies in."""
        period, within = np.divmod(block, self.blocks_per_period)
        slot = self._before.searchsorted(within, side="right") - 1
        return np.asarray(period * self.period_slots + slot)

    def slots_later(self, slot: Ints, count: Ints) -> Ints:
        """Return the slot of this direction that comes `count` such slots after one of them."""
        per_period = len(self._numbers)
        period, within = np.divmod(slot, self.period_slots)
        ordinal = period * per_period + self._ordinals[within] + count
        period, within = np.divmod(ordinal, per_period)
        return np.asarray(period * self.period_slots + self._numbers[within])
