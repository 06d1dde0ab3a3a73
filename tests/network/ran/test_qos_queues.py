"""Queues by 5QI: what is given at once is what is given slot by slot, and block by block."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from network.ran.frame import Frame
from network.ran.qos import QosQueues
from network.ran.turns import Job, Shared
from network.settings import SliceSettings

SLOT_NS = 500_000
SLICES = (SliceSettings(name="a", min_prb_share=0.2, max_prb_share=0.6, five_qi=(3,)),)


def ended(seed: int, slices: tuple[SliceSettings, ...]) -> list[tuple[int, int, bool]]:
    """Run random jobs; return number, last block if it got through, and whether it did."""
    frame = Frame("DDDSU", "D", slot_ns=SLOT_NS, prbs=53, special_downlink_symbols=10)
    queues = QosQueues(1, frame, slices)
    random = np.random.default_rng(seed)
    coming = np.sort(random.integers(0, 3000, 400))
    for number, slot in enumerate(coming.tolist()):
        need = int(random.integers(1, 8) if number % 3 else random.exponential(800) + 1)
        five_qi = int(random.choice([3, 9, 9, 9, 83]))
        limit = slot + int(random.integers(20, 900))
        blocks = frame.blocks_of(slot)[0], frame.blocks_of(limit)[0]
        queues.add(0, five_qi, Job(number, need, *blocks, slot * SLOT_NS, limit * SLOT_NS))
    for to in range(25, 4500, 25):
        queues.run(to * SLOT_NS, 0)
    return [(j.packet_id, j.last if through else -1, through) for j, through in queues.take_ended()]


@pytest.mark.parametrize("slices", [(), SLICES])
@pytest.mark.parametrize("seed", range(3))
def test_many_slots_at_once_are_as_one_by_one(
    seed: int, slices: tuple[SliceSettings, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = ended(seed, slices)
    monkeypatch.setattr(QosQueues, "_only_levels_count", lambda *_: False)
    one_by_one = ended(seed, slices)
    assert sorted(at_once) == sorted(one_by_one)
    assert len({through for _, _, through in at_once}) == 2


@pytest.mark.parametrize("seed", range(5))
def test_a_shared_queue_gives_each_job_a_block_in_turn(seed: int) -> None:
    random = np.random.default_rng(seed)
    ended: list[tuple[int, int, int, bool]] = []
    queue = Shared(lambda job, through: ended.append(_outcome(job, job.first, job.last, through)))
    # The same by counting down, block by block.
    turns: deque[tuple[Job, list[int]]] = deque()
    expected: list[tuple[int, int, int, bool]] = []
    block = 0
    for number in range(300):
        limit = block + int(random.integers(5, 400))
        need = 1 + int(random.exponential(12))
        queue.add(Job(number, need, block, limit, 0, 0))
        turns.append((Job(number, need, block, limit, 0, 0), []))
        if random.random() < 0.1:
            gone = int(random.integers(len(turns)))
            queue.jobs[
                [job.packet_id for job in queue.jobs].index(turns[gone][0].packet_id)
            ].withdraw()
            del turns[gone]
        end = block + int(random.integers(0, 30))
        used = queue.serve(block, end)
        for given in range(block, end):
            for job, blocks in turns:
                if job.limit <= given:
                    expected.append(_outcome(job, *(blocks[:1] or [-1]), -1, False))
            turns = deque(one for one in turns if one[0].limit > given)
            if not turns:
                break
            job, blocks = turns.popleft()
            blocks.append(given)
            if len(blocks) == job.need:
                expected.append(_outcome(job, blocks[0], given, True))
            else:
                turns.append((job, blocks))
            assert used > given - block
        assert queue.left == sum(job.need - len(blocks) for job, blocks in turns)
        block = end
    assert sorted(ended) == sorted(expected)
    assert len({through for *_, through in ended}) == 2


def _outcome(job: Job, first: int, last: int, through: bool) -> tuple[int, int, int, bool]:
    return job.packet_id, first, last, through
