from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from network.draws import Draws, key_of, philox4x32

# Random123 distribution, kat_vectors, philox4x32 with 10 rounds: counter, key, output.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "output"), KNOWN_ANSWERS)
def test_philox_gives_the_known_answers(counter: str, key: str, output: str) -> None:
    w0, w1, w2, w3 = (np.array([word], dtype=np.uint64) for word in words(counter))
    k0, k1 = words(key)
    assert [int(word[0]) for word in philox4x32((w0, w1, w2, w3), (k0, k1))] == words(output)


@given(
    seed=st.integers(-(2**70), 2**70),
    keys=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20),
    counter=st.integers(-(2**63), 2**63 - 1),
)
def test_a_draw_does_not_depend_on_its_batch(seed: int, keys: list[int], counter: int) -> None:
    draws = Draws(seed, "test")
    together = draws.normal(np.array(keys, dtype=np.uint64), counter)
    alone = [float(draws.normal(key, counter)) for key in keys]
    assert together.tolist() == alone


def test_seed_purpose_key_and_counter_all_matter() -> None:
    base = Draws(1, "a").uint64(5, 7)
    for other in (
        Draws(2, "a").uint64(5, 7),
        Draws(1, "b").uint64(5, 7),
        Draws(1, "a").uint64(6, 7),
        Draws(1, "a").uint64(5, 8),
        Draws(1, "a").uint64(7, 5),
        Draws(1, "a").uint64(5 + 2**32, 7),
        Draws(1, "a").uint64(5, 7 + 2**32),
    ):
        assert base != other


def test_keys_and_counters_are_broadcast() -> None:
    grid = Draws(0, "grid").uniform(np.arange(3)[:, None], np.arange(4))
    assert grid.shape == (3, 4)
    assert grid[2, 1] == Draws(0, "grid").uniform(2, 1)
    assert Draws(0, "grid").uniform(2, 1).shape == ()


@pytest.mark.parametrize(
    ("method", "cdf"),
    [
        ("uniform", stats.uniform.cdf),
        ("normal", stats.norm.cdf),
        ("exponential", stats.expon.cdf),
    ],
)
def test_distributions(method: str, cdf: object) -> None:
    draws = getattr(Draws(3, "distribution"), method)(np.arange(100)[:, None], np.arange(500))
    assert stats.kstest(draws.ravel(), cdf).pvalue > 0.01
    neighbours = np.corrcoef(draws[:-1].ravel(), draws[1:].ravel())[0, 1]
    assert abs(neighbours) < 4 / np.sqrt(draws.size)


def test_a_pair_is_independent_and_starts_with_the_normal() -> None:
    first, second = Draws(3, "pair").normal_pair(1, np.arange(50_000))
    assert np.array_equal(first, Draws(3, "pair").normal(1, np.arange(50_000)))
    assert stats.kstest(second, stats.norm.cdf).pvalue > 0.01
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(first.size)


def test_keys_are_the_same_in_another_process() -> None:
    code = "from network.draws import key_of; print(key_of('west/0'))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(other.stdout) == key_of("west/0")


def test_floats_are_refused() -> None:
    with pytest.raises(ValueError, match="must be integers"):
        Draws(1, "x").uniform(np.array([1.5]), 0)
