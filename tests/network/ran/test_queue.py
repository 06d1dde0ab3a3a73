from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from network.arrays import Ints
from network.ran.queue import Queues

Job = tuple[int, int, int, int]  # cell, arrival, patience, work
jobs = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 60), st.integers(0, 40), st.integers(1, 15)),
    max_size=40,
)


def columns(rows: list[Job]) -> tuple[Ints, Ints, Ints, Ints]:
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return table[:, 0], table[:, 1], table[:, 1] + table[:, 2], table[:, 3]


def by_hand(rows: list[Job]) -> list[tuple[int, bool]]:
    """First block and fate of each job, one after the other."""
    finish: dict[int, int] = {}
    out = []
    for cell, arrival, patience, work in rows:
        first = max(arrival, finish.get(cell, 0))
        fits = first < arrival + patience
        if fits:
            finish[cell] = first + work
        out.append((first, fits))
    return out


@settings(max_examples=300, deadline=None)
@given(jobs)
def test_same_as_one_after_the_other(rows: list[Job]) -> None:
    rows = sorted(rows, key=lambda row: row[:2])
    service = Queues(4).admit(*columns(rows))
    expected = by_hand(rows)
    assert service.served.tolist() == [fits for _, fits in expected]
    assert service.first[service.served].tolist() == [first for first, fits in expected if fits]
    assert (service.end - service.first).tolist() == [
        work if fits else 0 for (*_, work), (_, fits) in zip(rows, expected, strict=True)
    ]


@settings(max_examples=200, deadline=None)
@given(jobs, st.lists(st.integers(0, 60), max_size=4))
def test_batches_do_not_matter(rows: list[Job], cuts: list[int]) -> None:
    rows = sorted(rows, key=lambda row: row[:2])
    whole = Queues(4).admit(*columns(rows))
    queues = Queues(4)
    seen = {}
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), 61], strict=True):
        part = [k for k, row in enumerate(rows) if begin <= row[1] < end]
        service = queues.admit(*columns([rows[k] for k in part]))
        seen.update(zip(part, zip(service.end, service.served, strict=True), strict=True))
    assert [seen[k] for k in range(len(rows))] == list(zip(whole.end, whole.served, strict=True))


def test_blocks_done_count_what_was_served_before() -> None:
    queues = Queues(2)
    queues.admit(*columns([(0, 10, 99, 5), (0, 12, 99, 5), (1, 100, 9, 3)]))
    # Cell 0 works from block 10 to 20, cell 1 from 100 to 103.
    assert [queues.done(block)[0] for block in (15, 17, 20, 50)] == [5, 7, 10, 10]
    assert queues.done(103).tolist() == [10, 3]


def test_a_full_cell_turns_away_and_recovers() -> None:
    queues = Queues(1)
    rows = [(0, t, 50, 10) for t in range(0, 1000, 5)]  # twice what fits
    service = queues.admit(*columns(rows))
    waits = service.first - np.arange(0, 1000, 5)
    assert service.served.mean() < 0.6
    assert waits[service.served].max() < 50
    later = queues.admit(*columns([(0, 2000, 50, 10)]))
    assert later.first.tolist() == [2000]


def test_nothing_comes() -> None:
    service = Queues(2).admit(*columns([]))
    assert service.first.size == service.served.size == 0
