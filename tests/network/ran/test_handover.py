from __future__ import annotations

import numpy as np
import pytest

from network.base import Cause
from network.draws import key_of
from network.ran.handover import HandoverDelays, History
from network.settings import HandoverSettings

MS = 1_000_000


def change(history: History, instant_ms: int, source: int, target: int, span_ms: int = 50) -> None:
    history.add(
        np.array([instant_ms * MS]),
        np.array([0]),
        np.array([source]),
        np.array([target]),
        Cause.A3,
        np.array([span_ms * MS]),
    )


def ping_pongs(history: History) -> list[bool]:
    return history.ended(10**15).ping_pong.tolist()  # type: ignore[no-any-return]


def test_back_within_the_minimum_time_of_stay_is_a_ping_pong() -> None:
    history = History(1, 1.0)
    change(history, 0, 4, 7)
    change(history, 999, 7, 4)  # stayed from 50 to 1049 ms: 999 ms
    assert ping_pongs(history) == [False, True]


def test_back_after_it_is_none() -> None:
    history = History(1, 1.0)
    change(history, 0, 4, 7)
    change(history, 1000, 7, 4)
    assert ping_pongs(history) == [False, False]


def test_on_to_a_third_cell_is_none() -> None:
    history = History(1, 1.0)
    change(history, 0, 4, 7)
    change(history, 200, 7, 5)
    change(history, 400, 5, 4)
    assert ping_pongs(history) == [False, False, False]


def test_coming_back_to_the_same_cell_does_not_end_the_stay() -> None:
    history = History(1, 1.0)
    change(history, 0, 4, 7)
    change(history, 300, 7, 7)
    change(history, 900, 7, 4)  # stayed from 50 to 950 ms
    assert ping_pongs(history) == [False, False, True]


def test_each_return_counts() -> None:
    history = History(1, 1.0)
    for number in range(4):
        change(history, 300 * number, *((4, 7), (7, 4))[number % 2])
    assert ping_pongs(history) == [False, True, True, True]


def test_changes_are_told_once_and_when_they_have_ended() -> None:
    history = History(1, 1.0)
    change(history, 100, 4, 7)
    assert history.ended(149 * MS).station.size == 0
    assert history.ended(150 * MS).station.tolist() == [0]
    assert history.ended(150 * MS).station.size == 0


def test_who_leaves_amid_a_change_has_not_changed() -> None:
    history = History(1, 1.0)
    change(history, 0, 4, 7)
    change(history, 100, 7, 4)
    history.forget(0, 120 * MS)
    assert history.ended(10**15).to_cell.tolist() == [7]
    change(history, 200, 4, 7)  # another station by now
    assert ping_pongs(history) == [False]


def test_interruptions_are_the_sum_of_their_parts() -> None:
    delays = HandoverDelays(HandoverSettings(), seed=1)
    keys = np.array([key_of(f"car{n}") for n in range(20_000)], dtype=np.uint64)
    ms = delays.interruption_ns(keys, 40 * MS) / MS
    assert 38.0 <= ms.min() < 38.5
    assert 67.5 < ms.max() <= 68.0
    assert ms.mean() == pytest.approx(53.0, abs=0.15)
    # Two even waits of 10 and 20 ms.
    assert ms.std() == pytest.approx(np.sqrt((10.0**2 + 20.0**2) / 12.0), abs=0.05)
    assert (ms[:5] == delays.interruption_ns(keys[:5], 40 * MS) / MS).all()
