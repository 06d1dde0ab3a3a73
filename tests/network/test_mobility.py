"""Handover procedures and failures through the link, and input that tries it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import network
from network import SERVER, Fate, Link, NetworkSettings, Positions
from network.base import Cause
from network.packet import NEVER, Stage
from network.ran.cells import hexagonal_grid
from network.settings import GridSettings
from tests.network.along import (
    CORNER,
    CROSSING,
    FULL_FIRST,
    FULL_SECOND,
    GAP,
    GAP_MPS,
    MS,
    SECOND,
    UNFILTERED,
    Driven,
    Levels,
    drive_along,
)

AREA_M = (-500.0, -100.0, 1500.0, 100.0)
PROCEDURES = ("normal", "conditional", "daps")


def seen(drive: Driven) -> list[tuple[int, int, int]]:
    """From where, to where and why."""
    changes = drive.changes
    return list(
        zip(
            changes.from_cell.tolist(),
            changes.to_cell.tolist(),
            changes.cause.tolist(),
            strict=True,
        )
    )


# Events


def test_a5_hands_over_once_the_serving_cell_is_weak() -> None:
    thresholds = {"a5_threshold1_dbm": -74.0, "a5_threshold2_dbm": -85.0}
    by_a3 = drive_along(CROSSING, cells=2, seconds=12.0, handover=UNFILTERED)
    by_a5 = drive_along(
        CROSSING, cells=2, seconds=12.0, handover={"event": "A5", **thresholds, **UNFILTERED}
    )
    assert seen(by_a3) == [(0, 1, Cause.A3)]
    assert seen(by_a5) == [(0, 1, Cause.A5)]
    # RSRP is the gain plus 46 dBm less 10 log(106 * 12) dB: the first cell is below -75 dBm from
    # 149.6 m on, which a measurement sees within 2 m and one period, 160 and 20 ms before.
    place_m = 20.0 * (by_a5.changes.instant_ns[0] / SECOND - 0.18)
    assert 149.6 < place_m < 149.6 + 2.0 + 0.8
    assert by_a5.changes.instant_ns[0] > by_a3.changes.instant_ns[0]


def test_neighbours_are_measured_only_while_the_serving_cell_is_weak() -> None:
    element_dbm = 46.0 - 10.0 * np.log10(106 * 12)
    instants = []
    for gain_db in (None, -80.0, -88.0, -90.0):
        level = None if gain_db is None else gain_db + element_dbm
        drive = drive_along(
            CROSSING,
            cells=2,
            seconds=11.0,
            handover={"a2_threshold_dbm": level, **UNFILTERED, "time_to_trigger_ms": 0},
        )
        instants.append(int(drive.changes.instant_ns[0]))
    # A3 is entered past 120 m, where the first cell's gain is -87 dB; lower levels hold it up.
    assert instants[0] == instants[1] < instants[2] < instants[3]


def test_rare_measurement_windows_make_the_filter_slower() -> None:
    instants = [
        int(drive_along(CROSSING, cells=2, seconds=12.0, handover={"smtc_period_ms": ms})
            .changes.instant_ns[0])
        for ms in (20.0, 40.0, 80.0, 160.0)
    ]  # fmt: skip
    assert instants[0] == instants[1] < instants[2] < instants[3]


# Failures

# The target is heard for 60 m more after the handover, then the source alone, or a third cell.
FADES = Levels(
    [0.0, 60.0, 61.0, 90.0, 91.0],
    [
        [-80.0, -120.0, -130.0],
        [-80.0, -120.0, -130.0],
        [-90.0, -75.0, -130.0],
        [-90.0, -75.0, -130.0],
        [-80.0, -120.0, -130.0],
    ],
)
FADES_TO_A_THIRD = Levels(
    [0.0, 60.0, 61.0, 90.0, 91.0],
    [
        [-80.0, -120.0, -130.0],
        [-80.0, -120.0, -130.0],
        [-90.0, -75.0, -130.0],
        [-90.0, -75.0, -130.0],
        [-130.0, -120.0, -80.0],
    ],
)


@pytest.mark.parametrize(
    ("levels", "full", "to_cell", "cause"),
    [(FADES, "c0", 0, Cause.TOO_EARLY), (FADES_TO_A_THIRD, "c2", 2, Cause.WRONG_CELL)],
)
def test_a_link_that_fails_soon_after_the_handover(
    levels: Levels, full: str, to_cell: int, cause: Cause
) -> None:
    drive = drive_along(
        levels,
        cells=3,
        seconds=8.0,
        handover={**UNFILTERED, "t310_ms": 200},
        load=[{"cell": full, "prb_utilisation": 2.0}],
    )
    assert seen(drive)[:2] == [(0, 1, Cause.A3), (1, to_cell, cause)]
    # Another site fetches the station's context: 10 ms more.
    assert drive.changes.interruption_ns[1] == 160 * MS
    lone = drive_along(
        levels,
        cells=3,
        seconds=8.0,
        handover={**UNFILTERED, "t310_ms": 200, "tstore_ue_cntxt_ms": 500},
        load=[{"cell": full, "prb_utilisation": 2.0}],
    )
    assert seen(lone)[1] == (1, to_cell, Cause.TOO_LATE)


def test_a_command_that_comes_when_the_source_is_gone_is_not_heard() -> None:
    outcomes = []
    for preparation_ms in (20.0, 400.0):
        drive = drive_along(
            CORNER,
            cells=2,
            seconds=6.0,
            load=FULL_SECOND,
            handover={**UNFILTERED, "time_to_trigger_ms": 0, "preparation_ms": preparation_ms},
        )
        outcomes += seen(drive)
    assert outcomes == [(0, 1, Cause.A3), (0, 1, Cause.TOO_LATE)]


def test_packets_wait_for_t304_and_are_not_lost_track_of() -> None:
    drive = drive_along(
        GAP,
        cells=2,
        seconds=4.0,
        speed_mps=GAP_MPS,
        load=FULL_FIRST,
        handover={"t304_ms": 100, **UNFILTERED},
        scheduling={"discard_timer_ms": 1500},
    )
    begin, span = int(drive.changes.instant_ns[0]), int(drive.changes.interruption_ns[0])
    assert (begin, span) == (2220 * MS, 250 * MS)
    packets = drive.packets
    ready = packets.sent_ns + packets.stage_ns[:, Stage.UL_SCHEDULING]
    amid = (ready > begin) & (ready < begin + span)
    assert amid.sum() >= 20
    waited = packets.stage_ns[amid, Stage.INTERRUPTION]
    assert (waited == (begin + span - ready)[amid]).all()
    assert (packets.stage_ns.sum(axis=1) == packets.ended_ns - packets.sent_ns).all()


def test_a_daps_station_stays_where_it_is_when_the_target_is_gone() -> None:
    drive = drive_along(
        GAP,
        cells=2,
        seconds=4.0,
        speed_mps=GAP_MPS,
        load=FULL_FIRST,
        handover={"procedure": "daps", "t304_ms": 500, **UNFILTERED},
    )
    assert seen(drive) == [(0, 0, Cause.T304_EXPIRY)]
    assert drive.changes.interruption_ns.tolist() == [0]
    assert (drive.packets.stage_ns[:, Stage.INTERRUPTION] == 0).all()


# Conditional and DAPS handover


def test_a_prepared_cell_is_taken_instead_of_re_establishing() -> None:
    # The time to trigger is so long that the link fails first.
    rules = {"t310_ms": 200, "time_to_trigger_ms": 5120, "conditional_lead_db": 6.0}
    spans = []
    for procedure in ("normal", "conditional"):
        drive = drive_along(
            CORNER,
            cells=2,
            seconds=6.0,
            load=FULL_SECOND,
            handover={"procedure": procedure, **rules},
        )
        assert seen(drive) == [(0, 1, Cause.TOO_LATE)]
        spans.append(int(drive.changes.interruption_ns[0]))
    assert spans[0] == 160 * MS
    assert 38 * MS <= spans[1] <= 68 * MS


def test_a_conditional_handover_is_executed_without_the_preparation_s_delay() -> None:
    normal, conditional = (
        drive_along(CROSSING, cells=2, seconds=10.0, handover={"procedure": procedure}).changes
        for procedure in ("normal", "conditional")
    )
    assert normal.instant_ns[0] - conditional.instant_ns[0] == 20 * MS
    # Preparing takes longer than the way from the one event to the other: held up by that.
    late = drive_along(
        CROSSING,
        cells=2,
        seconds=14.0,
        handover={"procedure": "conditional", "preparation_ms": 3000.0},
    ).changes
    assert late.instant_ns[0] > conditional.instant_ns[0]


def test_in_daps_the_source_carries_packets_until_the_target_does() -> None:
    drive = drive_along(CROSSING, cells=2, seconds=10.0, handover={"procedure": "daps"})
    switched = int(drive.changes.instant_ns[0])
    packets = drive.packets
    assert (packets.fate == Fate.DELIVERED).all()
    assert (packets.cell_up[packets.ended_ns < switched] == 0).all()
    assert (packets.cell_up[packets.sent_ns > switched] == 1).all()
    normal = drive_along(CROSSING, cells=2, seconds=10.0).packets
    assert (normal.stage_ns[:, Stage.INTERRUPTION] > 0).any()


def busy_street(procedure: str, event: str, cuts_ms: list[int]) -> Any:
    """Cars among full cells in which handovers fail, with packets up, down and around."""
    sites = [{"id": f"s{n}", "x_m": 200.0 * n, "y_m": 30.0 * (-1.0) ** n} for n in range(4)]
    block = {
        "cells": sites,
        "background": {"prb_utilisation": 0.8},
        "handover": {
            "procedure": procedure,
            "event": event,
            "a5_threshold1_dbm": -60.0,
            "a5_threshold2_dbm": -90.0,
            "time_to_trigger_ms": 40,
            "t310_ms": 100,
            "t304_ms": 50,
        },
    }
    link = Link(NetworkSettings.model_validate(block), seed=5, bounds_m=AREA_M)
    cars = 12
    start_m, speed_mps = np.linspace(0.0, 500.0, cars), np.where(np.arange(cars) % 2, 40.0, -30.0)
    for car in range(cars):
        link.attach(car, f"car{car}", 1.5, subscribed=True)
    sent = np.arange(0, 1900 * MS, 20 * MS)
    for car in range(cars):
        link.send(car, 300, sent + car * MS)
        link.send(SERVER, 900, sent + car * MS, to=car)
    packets, changes = [], []
    zero = np.zeros(cars)
    for cut in [*sorted({ms for ms in cuts_ms if ms < 2000}), 2000]:
        x_m = start_m + speed_mps * cut * 1e-3
        link.advance(cut * MS, Positions(cut * MS, x_m, zero, zero, speed_mps, zero))
        done, gone = link.finished(), link.handovers()
        packets += list(zip(*(np.asarray(c).tolist() for c in vars(done).values()), strict=True))
        changes += list(zip(*(c.tolist() for c in gone), strict=True))
    return sorted(packets), sorted(changes), link


@pytest.mark.parametrize("procedure", PROCEDURES)
@pytest.mark.parametrize("event", ["A3", "A5"])
def test_stages_add_up_in_every_procedure(procedure: str, event: str) -> None:
    packets, changes, link = busy_street(procedure, event, [])
    assert len(changes) > 5
    assert len({row[4] for row in changes}) > 1
    for row in packets:
        named = dict(zip(network.Packets.__dataclass_fields__, row, strict=True))
        assert sum(named["stage_ns"]) == named["ended_ns"] - named["sent_ns"]
        assert min(named["stage_ns"]) >= 0
    assert len(packets) + len(link.unfinished()) == 2 * 12 * 95


@pytest.mark.parametrize("procedure", PROCEDURES)
@settings(max_examples=4, deadline=None)
@given(cuts_ms=st.lists(st.integers(1, 1999), max_size=12))
def test_procedures_do_not_depend_on_how_time_is_cut(procedure: str, cuts_ms: list[int]) -> None:
    ours, theirs = busy_street(procedure, "A3", cuts_ms), busy_street(procedure, "A3", [])
    assert ours[0] == theirs[0]
    assert ours[1] == theirs[1]


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_a_station_that_leaves_amid_a_handover_takes_it_along(procedure: str) -> None:
    sites = [{"id": f"c{n}", "x_m": 300.0 * n, "y_m": 0.0, "sectors": 1} for n in range(2)]
    block: dict[str, Any] = {"cells": sites, "handover": {"procedure": procedure, **UNFILTERED}}
    whole = drive_along(CROSSING, cells=2, seconds=10.0, handover=block["handover"])
    begin = int(whole.changes.instant_ns[0])
    zero = np.zeros(1)
    for leave_ns in range(begin - 30 * MS, begin + 90 * MS, 10 * MS):
        link = Link(NetworkSettings.model_validate(block), seed=1, bounds_m=AREA_M)
        link._reception.signals._channel = CROSSING  # type: ignore[assignment]
        link.attach(0, "car", 1.5, subscribed=False)

        def at(instant: int) -> Positions:
            x_m = np.array([20.0 * instant * 1e-9])
            return Positions(instant, x_m, zero, zero, zero + 20.0, zero)

        link.advance(leave_ns, at(leave_ns))
        link.detach(0)
        link.attach(0, "next", 1.5, subscribed=False)
        link.send(0, 300, leave_ns + MS)
        link.advance(leave_ns + 40 * MS, at(leave_ns + 40 * MS))
        # The next one begins in the stronger cell and is in service at once.
        assert link.finished().fate.tolist() == [Fate.DELIVERED]
        link.advance(leave_ns + SECOND, at(leave_ns + SECOND))
        assert link.station_state().serving_cell[0] == 1
        assert not any(
            end > leave_ns for end in link.handovers().instant_ns if end < leave_ns + 20 * MS
        )


# Input that tries it


def test_a_handover_loop_goes_on_but_each_turn_takes_its_time() -> None:
    # With a negative offset each of two equal cells is better than the other.
    equal = Levels([0.0, 1000.0], [[-80.0, -80.0], [-80.0, -80.0]])
    drive = drive_along(
        equal,
        cells=2,
        seconds=20.0,
        handover={"offset_db": -6.0, "time_to_trigger_ms": 160},
    )
    changes = drive.changes
    begin, end = changes.instant_ns, changes.instant_ns + changes.interruption_ns
    assert (begin[1:] - end[:-1] >= (160 + 20) * MS).all()
    assert 20.0 / 0.4 * 0.8 < len(begin) < 20.0 / (0.16 + 0.02 + 0.038)
    assert changes.ping_pong[1:].all()
    assert (drive.packets.fate == Fate.DELIVERED).all()
    assert (drive.packets.stage_ns[:, Stage.INTERRUPTION] > 0).mean() < 0.35


def test_the_tightest_loop_of_all_still_ends() -> None:
    equal = Levels([0.0, 1000.0], [[-80.0, -80.0], [-80.0, -80.0]])
    nothing = (
        "preparation_ms rrc_processing_ms processing_ms smtc_period_ms prach_period_ms margin_ms "
        "random_access_ms hysteresis_db"
    )
    for procedure in PROCEDURES:
        rules: dict[str, Any] = dict.fromkeys(nothing.split(), 0.0)
        rules.update(offset_db=-15.0, time_to_trigger_ms=0, procedure=procedure)
        drive = drive_along(equal, cells=2, seconds=2.0, handover=rules)
        # At most one turn in a measurement.
        assert 10 < len(drive.changes.instant_ns) <= 50
        assert (drive.packets.fate == Fate.DELIVERED).all()


def test_no_cells_given_is_a_grid_and_the_smallest_area_has_one_site() -> None:
    for block in ({}, {"cells": []}):
        link = network.open_link(
            NetworkSettings.model_validate(block), seed=1, bounds_m=(-7.0, -9.0, -7.0, -9.0)
        )
        assert link.cell_names == ("g0/0", "g0/1", "g0/2")
    assert len(hexagonal_grid(GridSettings(), (0.0, 0.0, 0.0, 0.0))) == 1


def test_a_station_outside_every_cell_has_none_and_its_packets_say_so() -> None:
    nowhere = Levels([0.0, 1000.0], [[-170.0], [-170.0]])
    drive = drive_along(nowhere, cells=1, seconds=3.0)
    state = drive.link.station_state()
    assert state.serving_cell[0] == -1
    assert np.isnan(state.rsrp_dbm[0])
    assert state.interrupted_until_ns[0] == NEVER
    assert (drive.packets.fate == Fate.NO_COVERAGE).all()
    assert (drive.packets.ended_ns - drive.packets.sent_ns == 300 * MS).all()
    assert len(drive.changes.station) == 0


def test_negative_positions_are_places_like_others() -> None:
    tables = []
    for shift_m in (0.0, -100_000.0):
        mast = {"id": "mast", "x_m": shift_m, "y_m": shift_m, "sectors": 1}
        block: dict[str, Any] = {"cells": [mast], "background": {"prb_utilisation": 0.0}}
        link = network.open_link(
            NetworkSettings.model_validate(block), seed=1,
            bounds_m=(shift_m - 500.0, shift_m - 500.0, shift_m + 500.0, shift_m + 500.0),
        )  # fmt: skip
        link.attach(0, "car", 1.5, subscribed=False)
        link.send(0, 300, np.arange(0, 900 * MS, 10 * MS))
        at, zero = np.array([shift_m + 60.0]), np.zeros(1)
        link.advance(SECOND, Positions(SECOND, at, at, zero, zero, zero))
        tables.append(link.finished().fate.tolist())
    assert tables[0] == tables[1] == [Fate.DELIVERED] * 90


@pytest.mark.parametrize("column", ["x_m", "y_m", "z_m", "vx_mps", "vy_mps"])
@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_position_that_is_no_number_is_refused_and_changes_nothing(
    column: str, wrong: float
) -> None:
    link = network.open_link(NetworkSettings(), seed=1, bounds_m=AREA_M)
    link.attach(0, "car", 1.5, subscribed=False)
    zero = np.zeros(1)
    right = Positions(SECOND, zero, zero, zero, zero, zero)
    with pytest.raises(ValueError, match=f"{column} of station 0 is {wrong}; expected a finite"):
        link.advance(
            SECOND,
            right._replace(**{column: np.array([wrong])}),  # type: ignore[arg-type]
        )
    assert link.now_ns == 0
    link.advance(SECOND, right)
    # Rows of nobody may hold anything.
    more = Positions(2 * SECOND, *(np.array([0.0, wrong]) for _ in range(5)))
    link.advance(2 * SECOND, more)
