"""Keep-alive forwarding by EN 302 637-3 V1.3.1 clauses 6.1.4.2 and 8.3.2.5."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from network.draws import Draws
from tests.vehicles.messages.test_denm import DENM, FRAME, MS, SECOND
from vehicles.messages.denm import Denm
from vehicles.messages.keep_alive import KeepAliveForwarding

FOUND = replace(DENM, detection_time_ns=0, generation_time_ns=0)
"""A warning that holds for 2 s, is repeated every 100 ms and matters within 500 m."""


def station(name: str = "car") -> KeepAliveForwarding:
    return KeepAliveForwarding(name, Draws(1, "test"))


def forwarded_ms(
    kept: KeepAliveForwarding, until_ms: int = 3000, *, away_m: float = 0.0
) -> list[int]:
    place = FOUND.x_m - away_m, FOUND.y_m
    return [at for at in range(0, until_ms, 5) if kept.due(*place, at * MS)]


def test_who_hears_no_repetition_says_it_itself_until_validity_ends() -> None:
    kept = station()
    kept.hear(FOUND, 0)
    said = forwarded_ms(kept)
    # T_Forwarding: twice the interval and up to 150 ms.
    gaps = [after - before for before, after in pairwise([0, *said])]
    assert 2000 // 355 <= len(said) <= 2000 // 200
    assert all(200 <= gap <= 355 for gap in gaps)
    assert len(set(gaps)) > 1
    assert said[-1] < 2000


def test_repetitions_keep_it_silent() -> None:
    kept = station()
    for at_ms in range(0, 1900, 195):
        kept.hear(FOUND, at_ms * MS)
        assert not kept.due(FOUND.x_m, FOUND.y_m, (at_ms + 194) * MS)


def test_the_first_to_forward_silences_the_others() -> None:
    stations = [station(name) for name in ("one", "two", "three")]
    for kept in stations:
        kept.hear(FOUND, 0)
    said = []
    for at_ms in range(0, 2000, 5):
        for kept in stations:
            for denm in kept.due(FOUND.x_m, FOUND.y_m, at_ms * MS):
                said.append(at_ms)
                for other in stations:
                    other.hear(denm, at_ms * MS)
    assert all(after - before >= 200 for before, after in pairwise(said))


def test_only_the_newest_version_is_forwarded() -> None:
    kept = station()
    newer = replace(FOUND, detection_time_ns=SECOND, generation_time_ns=SECOND, speed_mps=3.0)
    kept.hear(newer, SECOND)
    kept.hear(FOUND, SECOND + 150 * MS)
    # The older one, late on its way, doesn't count as a repetition either.
    assert kept.due(FOUND.x_m, FOUND.y_m, SECOND + 350 * MS) == [newer]


def test_what_is_cancelled_is_not_forwarded_even_if_it_comes_later() -> None:
    kept = station()
    kept.hear(FOUND, 0)
    kept.hear(replace(FOUND, terminated=True, generation_time_ns=100 * MS), 100 * MS)
    kept.hear(FOUND, 150 * MS)
    assert forwarded_ms(kept) == []


def test_who_is_outside_the_relevance_area_waits_until_it_is_back() -> None:
    kept = station()
    kept.hear(FOUND, 0)
    assert forwarded_ms(kept, 1000, away_m=501.0) == []
    assert kept.due(FOUND.x_m - 499.0, FOUND.y_m, SECOND) == [FOUND]


def test_a_warning_without_an_interval_is_not_to_be_forwarded() -> None:
    silent = Denm.decode(replace(FOUND, interval_ms=0).encode(FRAME), FRAME, 0)
    assert silent.interval_ms == 0
    kept = station()
    kept.hear(silent, 0)
    assert forwarded_ms(kept) == []


def test_what_is_forwarded_is_word_for_word_what_was_heard() -> None:
    data = DENM.encode(FRAME)
    assert Denm.decode(data, FRAME, 0).encode(FRAME) == data
