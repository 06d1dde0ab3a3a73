"""Events and timers by sequences worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from network.draws import key_of
from network.ran.measurement import EventA3, Layer1Errors, RadioLinkMonitor, filter_weight

MS = 1_000_000
PERIOD_MS = 40


def event(cells: int = 2, ttt_ms: int = 160, offset_db: float = 3.0, hys: float = 1.0) -> EventA3:
    return EventA3(1, cells, offset_db=offset_db, hysteresis_db=hys, time_to_trigger_ns=ttt_ms * MS)


def reports(a3: EventA3, neighbour_db: list[float], serving_db: float = -90.0) -> list[int]:
    """Measurements (by number) at which the station reports its only neighbour."""
    seen = []
    for number, level in enumerate(neighbour_db):
        stations, best = a3.update(
            number * PERIOD_MS * MS,
            np.array([0]),
            np.array([[serving_db, serving_db + level]]),
            np.array([0]),
        )
        if stations.size:
            assert best.tolist() == [1]
            seen.append(number)
    return seen


def test_enters_above_offset_and_hysteresis_only() -> None:
    # Entering needs more than 3 + 1 dB.
    assert reports(event(ttt_ms=0), [3.9, 4.0, 4.1]) == [2]


def test_triggers_when_time_to_trigger_has_passed() -> None:
    # Entered at measurement 1 (40 ms); 160 ms later is measurement 5.
    assert reports(event(), [0.0, *[5.0] * 5]) == [5]
    # 100 ms isn't a multiple of 40: the first measurement after it, 120 ms.
    assert reports(event(ttt_ms=100), [0.0, *[5.0] * 4]) == [4]


def test_one_measurement_without_the_condition_begins_anew() -> None:
    # 3.5 dB isn't the leaving condition, but no longer the entering one either.
    assert reports(event(), [*[5.0] * 4, 3.5, *[5.0] * 5]) == [9]


def test_stays_triggered_within_hysteresis_and_leaves_below() -> None:
    # Triggered at 0; above 3 - 1 dB it stays; 1.9 leaves, and 3.5 then doesn't enter.
    assert reports(event(ttt_ms=0), [5.0, 3.5, 2.0, 1.9, 3.5]) == [0, 1, 2]


def test_a_negative_offset_does_not_make_the_serving_cell_its_own_neighbour() -> None:
    assert reports(event(ttt_ms=0, offset_db=-3.0), [-10.0, -5.0]) == []
    assert reports(event(ttt_ms=0, offset_db=-3.0), [-1.0]) == [0]


def test_reports_the_strongest_of_several() -> None:
    a3 = event(cells=4, ttt_ms=0)
    level = np.array([[-90.0, -84.0, -80.0, -95.0]])
    stations, best = a3.update(0, np.array([0]), level, np.array([0]))
    assert (stations.tolist(), best.tolist()) == ([0], [2])


def test_each_neighbour_has_its_own_time() -> None:
    a3 = event(cells=3)
    better = {1: range(5), 2: range(2, 9)}
    seen = []
    for number in range(9):
        level = np.full((1, 3), -90.0)
        for cell, when in better.items():
            level[0, cell] += 6.0 * (number in when)
        stations, best = a3.update(number * PERIOD_MS * MS, np.array([0]), level, np.array([0]))
        seen.append(int(best[0]) if stations.size else 0)
    # Cell 1 triggers at 160 ms, when cell 2 has held for 80; cell 2 triggers at 240.
    assert seen == [0, 0, 0, 0, 1, 0, 2, 2, 2]


def test_stations_do_not_mix() -> None:
    a3 = EventA3(3, 2, offset_db=3.0, hysteresis_db=1.0, time_to_trigger_ns=40 * MS)
    level = np.array([[-90.0, -80.0], [-80.0, -90.0], [-90.0, -90.0]])
    everyone, serving = np.arange(3), np.array([0, 1, 0])
    assert a3.update(0, everyone, level, serving)[0].size == 0
    a3.reset(np.array([1]))
    stations, best = a3.update(40 * MS, everyone, level, serving)
    assert (stations.tolist(), best.tolist()) == ([0], [1])
    a3.grow(5)
    assert a3.update(80 * MS, everyone, level, serving)[0].tolist() == [0, 1]


def test_filter_weight_is_the_specification_s_at_its_rate() -> None:
    # k = 4 halves: F = F'/2 + M/2 with a measurement every 200 ms.
    assert filter_weight(4, 200.0) == pytest.approx(0.5)
    assert filter_weight(0, 200.0) == filter_weight(0, 40.0) == 1.0
    assert filter_weight(19, 200.0) == pytest.approx(2.0**-4.75)


def test_filter_keeps_its_behaviour_in_time() -> None:
    # After 200 ms at any rate, half of a step is left for k = 4.
    for period_ms in (20.0, 40.0, 100.0):
        weight = filter_weight(4, period_ms)
        assert (1.0 - weight) ** (200.0 / period_ms) == pytest.approx(0.5)


def monitor(n310: int = 1, n311: int = 1, t310_ms: int = 200) -> RadioLinkMonitor:
    return RadioLinkMonitor(
        1, qout_db=-8.0, qin_db=-6.0, n310=n310, n311=n311, t310_ns=t310_ms * MS
    )


def failures(watch: RadioLinkMonitor, sinr_db: list[float]) -> list[int]:
    return [
        number
        for number, sinr in enumerate(sinr_db)
        if watch.update(number * PERIOD_MS * MS, np.array([0]), np.array([sinr]))[0]
    ]


def test_fails_when_t310_ends() -> None:
    # Out of sync from measurement 1 on; T310 of 200 ms ends with measurement 6.
    assert failures(monitor(), [0.0, *[-9.0] * 6]) == [6]


def test_n310_indications_start_the_timer() -> None:
    assert failures(monitor(n310=3), [*[-9.0] * 8]) == [7]
    # A measurement that isn't out of sync counts anew.
    assert failures(monitor(n310=3), [-9.0, -9.0, -7.0, *[-9.0] * 8]) == [10]


def test_n311_indications_stop_it() -> None:
    assert failures(monitor(), [-9.0, -9.0, -5.0, *[-9.0] * 5]) == []
    assert failures(monitor(n311=2), [-9.0, -9.0, -5.0, *[-9.0] * 3]) == [5]
    assert failures(monitor(n311=2), [-9.0, -5.0, -5.0, *[-9.0] * 5]) == []


def test_between_qout_and_qin_the_timer_runs_on() -> None:
    assert failures(monitor(), [-9.0, *[-7.0] * 5]) == [5]


def test_reset_stops_everything() -> None:
    watch = monitor()
    failures(watch, [-9.0] * 4)
    watch.reset(0)
    assert failures(watch, [-9.0] * 5) == []


def test_layer_1_errors_hold_for_a_period_and_belong_to_station_and_cell() -> None:
    def errors(*cells: int) -> Layer1Errors:
        keys = np.array(cells, dtype=np.uint64)
        return Layer1Errors(2, keys, sigma_db=1.2, period_ms=200.0, seed=1)

    rows = np.arange(2)
    keys = np.array([key_of("a"), key_of("b")], dtype=np.uint64)
    instants = np.arange(0, 2_000, 40) * MS
    both = errors(7, 8)
    seen = np.array([both.at(instant, rows, keys) for instant in instants.tolist()])
    changes = (np.diff(seen[:, :, 0], axis=0) != 0.0).sum(axis=0)
    assert ((changes >= 9) & (changes <= 10)).all()
    # Neither another cell nor another station shifts what one draws.
    alone = errors(8)
    again = [alone.at(instant, rows[:1], keys[1:])[0, 0] for instant in instants.tolist()]
    assert again == seen[:, 1, 1].tolist()
