"""Queues by 5QI: what is given at once is what is given slot by slot."""

from __future__ import annotations

import numpy as np
import pytest

from network.ran.frame import Frame
from network.ran.qos import Job, QosQueues
from network.settings import SliceSettings

SLOT_NS = 500_000
SLICES = (SliceSettings(name="a", min_prb_share=0.2, max_prb_share=0.6, five_qi=(3,)),)


def ended(seed: int, slices: tuple[SliceSettings, ...]) -> list[tuple[int, int, bool]]:
    """Run random jobs; return number, last slot if it got through, and whether it did."""
    frame = Frame("DDDSU", "D", slot_ns=SLOT_NS, prbs=53, special_downlink_symbols=10)
    queues = QosQueues(1, frame, slices)
    random = np.random.default_rng(seed)
    coming = np.sort(random.integers(0, 3000, 400))
    for number, slot in enumerate(coming.tolist()):
        need = int(random.integers(1, 8) if number % 3 else random.exponential(800) + 1)
        five_qi = int(random.choice([3, 9, 9, 9, 83]))
        limit_ns = (slot + int(random.integers(20, 900))) * SLOT_NS
        queues.add(0, five_qi, slot, Job(number, need, slot * SLOT_NS, limit_ns))
    for to in range(25, 4500, 25):
        queues.run(to * SLOT_NS, 0)
    return [
        (j.packet_id, j.last_slot if through else -1, through) for j, through in queues.take_ended()
    ]


@pytest.mark.parametrize("slices", [(), SLICES])
@pytest.mark.parametrize("seed", range(3))
def test_many_slots_at_once_are_as_one_by_one(
    seed: int, slices: tuple[SliceSettings, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = ended(seed, slices)
    monkeypatch.setattr(QosQueues, "_at_once", lambda *_: None)
    one_by_one = ended(seed, slices)
    assert sorted(at_once) == sorted(one_by_one)
    assert len({through for _, _, through in at_once}) == 2
