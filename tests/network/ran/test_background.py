from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from network.arrays import Floats
from network.draws import key_of
from network.ran.background import Background
from network.ran.cells import Timeline

SECOND = 1_000_000_000


def background(*loads: tuple[int, Floats | list[float]], seed: int = 1) -> Background:
    """Bursts of 100 blocks in cells of 10,000 blocks a second, at loads from instants [s] on."""
    line = Timeline(
        [at_s * SECOND for at_s, _ in loads], [np.array(load, dtype=float) for _, load in loads]
    )
    keys = np.array([key_of(f"c{c}") for c in range(len(line.values[0]))], dtype=np.uint64)
    return Background(keys, seed, "D", utilisation=line, burst_blocks=100.0, blocks_per_s=10_000.0)


def taken(source: Background, cuts: list[int]) -> list[tuple[int, int, int]]:
    rows = []
    for begin, end in pairwise(cuts):
        cell, instant, work = source.take(begin, end)
        assert ((instant >= begin) & (instant < end)).all()
        assert (np.diff(instant) >= 0).all()
        rows += list(zip(instant.tolist(), cell.tolist(), work.tolist(), strict=True))
    return sorted(rows)


def test_asks_for_its_share_of_the_blocks() -> None:
    share = np.linspace(0.1, 1.0, 50)
    cell, _, work = background((0, share)).take(0, 100 * SECOND)
    asked = np.bincount(cell, weights=work, minlength=50) / (100 * 10_000.0)
    # Bursts of exponential size: the standard deviation of a sum of n is its mean times sqrt(2/n).
    n = share * 100 * 100
    assert (np.abs(asked / share - 1.0) < 4.5 * np.sqrt(2.0 / n) + 0.005).all()
    assert work.mean() == pytest.approx(100.5, rel=0.02)
    assert work.std() == pytest.approx(100.0, rel=0.03)


def test_bursts_come_as_a_poisson_process() -> None:
    _, instant, _ = background((0, [0.5])).take(0, 400 * SECOND)
    gaps = np.diff(instant) * 1e-9
    assert gaps.mean() == pytest.approx(1 / 50, rel=0.03)
    assert gaps.std() == pytest.approx(1 / 50, rel=0.04)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 20 * SECOND - 1), max_size=12))
def test_does_not_depend_on_how_time_is_cut(cuts: list[int]) -> None:
    loads = (0, [0.9, 0.0, 0.3]), (7, [0.1, 1.5, 0.3]), (8, [0.0, 0.2, 0.3])
    edges = sorted({0, 20 * SECOND, *cuts})
    whole = taken(background(*loads), [0, 20 * SECOND])
    assert len(set(whole)) == len(whole)
    assert whole == taken(background(*loads), edges)


def test_other_cells_do_not_shift_its_bursts() -> None:
    alone = taken(background((0, [0.7])), [0, 5 * SECOND])
    every = taken(background((0, [0.7, 0.9, 0.1])), [0, 5 * SECOND])
    assert alone == [row for row in every if row[1] == 0]


def test_another_load_gives_the_same_bursts_at_other_instants() -> None:
    seldom = taken(background((0, [0.2])), [0, 20 * SECOND])
    often = taken(background((0, [0.8])), [0, 5 * SECOND])
    assert len(seldom) == len(often)
    for (late, _, work), (early, _, same) in zip(seldom, often, strict=True):
        assert work == same
        assert abs(late - 4 * early) <= 4


def test_a_change_of_load_takes_effect_at_its_instant() -> None:
    source = background((0, [0.0]), (5, [1.0]), (15, [0.0]), (100, [1.0]))
    assert taken(source, [0, 5 * SECOND]) == []
    busy = taken(source, [5 * SECOND, 15 * SECOND])
    assert len(busy) == pytest.approx(1000, rel=0.12)
    assert taken(source, [15 * SECOND, 100 * SECOND]) == []
    # What was due goes on where it stood.
    resumed = taken(source, [100 * SECOND, 101 * SECOND])
    steady = taken(background((0, [1.0])), [0, 11 * SECOND])
    assert [row[2] for row in [*busy, *resumed]] == [row[2] for row in steady]
