from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from network.draws import key_of
from network.ran.background import Background

SECOND = 1_000_000_000


def background(cells: int = 3, seed: int = 1) -> Background:
    keys = np.array([key_of(f"c{c}") for c in range(cells)], dtype=np.uint64)
    return Background(keys, seed, "D", burst_blocks=100.0, blocks_per_s=10_000.0)


def taken(source: Background, cuts: list[int]) -> list[tuple[int, int, int]]:
    rows = []
    for begin, end in pairwise(cuts):
        cell, instant, work = source.take(begin, end)
        assert ((instant >= begin) & (instant < end)).all()
        rows += list(zip(instant.tolist(), cell.tolist(), work.tolist(), strict=True))
    return sorted(rows)


def test_asks_for_its_share_of_the_blocks() -> None:
    source = background(cells=50)
    share = np.linspace(0.1, 1.0, 50)
    source.load(0, share)
    cell, _, work = source.take(0, 100 * SECOND)
    asked = np.bincount(cell, weights=work, minlength=50) / (100 * 10_000.0)
    # Bursts of exponential size: the standard deviation of a sum of n is its mean times sqrt(2/n).
    n = share * 100 * 100
    assert (np.abs(asked / share - 1.0) < 4.5 * np.sqrt(2.0 / n) + 0.005).all()
    assert work.mean() == pytest.approx(100.5, rel=0.02)
    assert work.std() == pytest.approx(100.0, rel=0.03)


def test_bursts_come_as_a_poisson_process() -> None:
    source = background(cells=1)
    source.load(0, np.array([0.5]))
    _, instant, _ = source.take(0, 400 * SECOND)
    gaps = np.diff(instant) * 1e-9
    assert gaps.mean() == pytest.approx(1 / 50, rel=0.03)
    assert gaps.std() == pytest.approx(1 / 50, rel=0.04)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 20 * SECOND - 1), max_size=12))
def test_does_not_depend_on_how_time_is_cut(cuts: list[int]) -> None:
    whole, cut = background(), background()
    share = np.array([0.9, 0.0, 0.3])
    whole.load(0, share)
    cut.load(0, share)
    edges = sorted({0, 20 * SECOND, *cuts})
    assert taken(whole, [0, 20 * SECOND]) == taken(cut, edges)


def test_other_cells_do_not_shift_its_bursts() -> None:
    few, many = background(cells=1), background(cells=4)
    few.load(0, np.full(1, 0.7))
    many.load(0, np.full(4, 0.7))
    alone = taken(few, [0, 5 * SECOND])
    assert alone == [row for row in taken(many, [0, 5 * SECOND]) if row[1] == 0]


def test_another_load_gives_the_same_bursts_at_other_instants() -> None:
    slow, fast = background(cells=1), background(cells=1)
    slow.load(0, np.array([0.2]))
    fast.load(0, np.array([0.8]))
    seldom, often = taken(slow, [0, 20 * SECOND]), taken(fast, [0, 5 * SECOND])
    assert len(seldom) == len(often)
    for (late, _, work), (early, _, same) in zip(seldom, often, strict=True):
        assert work == same
        assert abs(late - 4 * early) <= 4


def test_a_change_of_load_takes_effect_at_its_instant() -> None:
    source = background(cells=1)
    source.load(0, np.array([0.0]))
    assert taken(source, [0, 5 * SECOND]) == []
    source.load(5 * SECOND, np.array([1.0]))
    busy = taken(source, [5 * SECOND, 15 * SECOND])
    assert len(busy) == pytest.approx(1000, rel=0.12)
    source.load(15 * SECOND, np.array([0.0]))
    assert taken(source, [15 * SECOND, 100 * SECOND]) == []
    # What was due goes on where it stood.
    source.load(100 * SECOND, np.array([1.0]))
    resumed = taken(source, [100 * SECOND, 101 * SECOND])
    reference = background(cells=1)
    reference.load(0, np.array([1.0]))
    expected = taken(reference, [0, 11 * SECOND])[len(busy) :]
    assert [row[2] for row in resumed] == [row[2] for row in expected]
