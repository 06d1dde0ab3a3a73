from __future__ import annotations

import numpy as np
import pytest

from network.ran.frame import Frame

SLOT_NS = 500_000


def frame(direction: str, pattern: str = "DDDSU") -> Frame:
    return Frame(pattern, direction, slot_ns=SLOT_NS, prbs=106, special_downlink_symbols=10)


def blocks_of_slots(pattern: str, direction: str, slots: int) -> list[int]:
    share = {"D": {"D": 106, "S": 106 * 10 // 14}, "U": {"U": 106}}[direction]
    return [share.get(pattern[slot % len(pattern)], 0) for slot in range(slots)]


@pytest.mark.parametrize("direction", ["D", "U"])
@pytest.mark.parametrize("pattern", ["DDDSU", "DU", "DDDDDDDSUU", "UUD", "DSUUU"])
def test_same_as_counting_slots(pattern: str, direction: str) -> None:
    ours = frame(direction, pattern)
    slots = blocks_of_slots(pattern, direction, 40)
    before = np.cumsum([0, *slots])
    owner = np.repeat(np.arange(40), slots)
    assert ours.slot_of(np.arange(len(owner))).tolist() == owner.tolist()
    instants = np.arange(0, 39 * SLOT_NS, SLOT_NS // 4)
    first_slot = [-(-int(t) // SLOT_NS) for t in instants]
    assert ours.blocks_from(instants).tolist() == [before[slot] for slot in first_slot]
    busy = np.flatnonzero(blocks_of_slots(pattern, direction, 120))
    for count in (0, 1, 2, 5):
        later = ours.slots_later(busy[:8], np.full(8, count))
        assert later.tolist() == busy[count : count + 8].tolist()


def test_capacity_of_the_default_carrier() -> None:
    # 3 slots of 106 blocks and one of 10/14 of them, every 2.5 ms.
    assert frame("D").blocks_per_s == pytest.approx((3 * 106 + 75) * 400)
    assert frame("U").blocks_per_s == pytest.approx(106 * 400)
