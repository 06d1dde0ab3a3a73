"""LTE beside NR: a layer to fall back to (SA), and the masters of EN-DC (NSA)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from network import Fate, NetworkSettings
from network.base import Cause
from network.packet import Stage
from network.ran.layers import layers_of
from tests.network.along import (
    CROSSING,
    MS,
    SECOND,
    UNFILTERED,
    Driven,
    Levels,
    drive_along,
)

STRONG = Levels([0.0, 1000.0], [[-90.0], [-90.0]])
TWO_STRONG = Levels([0.0, 1000.0], [[-90.0, -110.0], [-90.0, -110.0]])
# NR falls into a hole and comes back; RSRP is the gain plus 15 dBm.
HOLE = Levels([0.0, 100.0, 140.0, 400.0, 440.0], [[-100.0], [-100.0], [-150.0], [-150.0], [-100.0]])
# So steep that the link fails before anyone is told.
CLIFF = Levels([0.0, 100.0, 101.0, 400.0, 401.0], [[-90.0], [-90.0], [-190.0], [-190.0], [-90.0]])


def drive(
    nr: Levels, lte: Levels = STRONG, *, cells: int = 1, nsa: bool = True, **block: Any
) -> Driven:
    return drive_along(
        nr,
        cells=cells,
        seconds=block.pop("seconds", 24.0),
        packet_every_ms=20,
        lte_levels=lte,
        lte={"architecture": "NSA" if nsa else "SA"},
        handover={**UNFILTERED, **block.pop("handover", {})},
        **block,
    )


def seen(one: Driven) -> list[tuple[str, str, str]]:
    """From where, to where and why."""
    names = [*one.link.cell_names, ""]
    changes = one.changes
    return [
        (names[source], names[target], Cause(cause).name)
        for source, target, cause in zip(
            changes.from_cell, changes.to_cell, changes.cause, strict=True
        )
    ]


def waited_ms(one: Driven) -> float:
    return float(one.packets.stage_ns[:, Stage.INTERRUPTION].max() / MS)


# A plain layer


def test_handed_over_to_lte_by_b2_and_back_by_b1() -> None:
    one = drive(HOLE, nsa=False)
    assert seen(one) == [("c0/0", "c0-lte/0", "B2"), ("c0-lte/0", "c0/0", "B1")]
    # RRC 50. To LTE: T_IU up to 10, 20, random access 6. To NR: up to 10, 20, up to 20, 2, 6.
    to_lte, to_nr = one.changes.interruption_ns / MS
    assert 76.0 <= to_lte <= 86.0
    assert 78.0 <= to_nr <= 108.0
    assert not (one.packets.fate == Fate.NO_COVERAGE).any()


def test_lte_is_what_is_left_after_a_radio_link_failure() -> None:
    one = drive(CLIFF, nsa=False)
    assert seen(one) == [("c0/0", "c0-lte/0", "FALLBACK"), ("c0-lte/0", "c0/0", "B1")]


def test_lte_takes_longer_for_a_packet() -> None:
    one = drive(HOLE, nsa=False)
    got = one.packets.fate == Fate.DELIVERED
    latency_ms = (one.packets.ended_ns - one.packets.sent_ns) / MS
    nr, lte = (np.median(latency_ms[got & (one.packets.cell_up == cell)]) for cell in (0, 1))
    assert nr + 4.0 < lte < nr + 10.0


def test_satellites_come_after_lte() -> None:
    gone = Levels([0.0, 240.0, 241.0], [[-90.0], [-90.0], [-190.0]])
    one = drive(CLIFF, gone, nsa=False, satellites=[{"id": "leo"}])
    layers = [(source.split("/")[0], target.split("/")[0]) for source, target, _ in seen(one)]
    assert [pair for pair in layers if len(set(pair)) > 1] == [
        ("c0", "c0-lte"),
        ("c0-lte", "leo"),
        ("leo", "c0"),
    ]


# EN-DC


def test_an_nr_cell_is_added_without_a_gap() -> None:
    one = drive(STRONG, seconds=3.0)
    assert seen(one) == [("c0-lte/0", "c0/0", "B1")]
    # The first measurement at 40 ms, TTT 160, the master's command 20 later, then access to NR
    # with 16 ms of RRC: 44 to 74 ms.
    at_ms = one.changes.instant_ns[0] / MS
    assert 220.0 + 44.0 <= at_ms <= 220.0 + 74.0
    assert one.changes.interruption_ns[0] == 0
    assert waited_ms(one) == 0.0
    before = one.packets.sent_ns < at_ms * MS - 20 * MS
    assert (one.packets.cell_up[before] == 1).all()
    assert (one.packets.cell_up[one.packets.sent_ns > at_ms * MS] == 0).all()


def test_a_weak_nr_cell_is_released_and_data_goes_on_over_lte() -> None:
    one = drive(HOLE)
    assert seen(one)[1:] == [("c0/0", "c0-lte/0", "A2"), ("c0-lte/0", "c0/0", "B1")]
    assert one.changes.interruption_ns[1] == 16 * MS
    assert waited_ms(one) <= 16.0
    assert not np.isin(one.packets.fate, [Fate.NO_COVERAGE, Fate.EXPIRED]).any()


def test_an_nr_cell_that_is_lost_is_an_scg_failure() -> None:
    # So fast that A2 with this TTT comes too late.
    late = Levels([0.0, 300.0, 301.0], [[-90.0], [-90.0], [-190.0]])
    one = drive(late, seconds=18.0, handover={"time_to_trigger_ms": 5120})
    assert seen(one) == [("c0-lte/0", "c0/0", "B1"), ("c0/0", "c0-lte/0", "SCG_FAILURE")]
    # Out of sync with the first gain worked out past 301 m; T310; 20 and 16 ms to tell and act.
    assert one.changes.instant_ns[1] == (15_120 + 1000) * MS
    assert one.changes.interruption_ns[1] == 36 * MS


def test_nr_cells_change_while_the_master_stays() -> None:
    one = drive(CROSSING, TWO_STRONG, cells=2, seconds=10.0)
    assert seen(one) == [("c0-lte/0", "c0/0", "B1"), ("c0/0", "c1/0", "A3")]
    # 16 ms of RRC instead of 10; 20, up to 10 and 20, 2, 6.
    assert 44 * MS <= one.changes.interruption_ns[1] <= 74 * MS


def test_the_master_changes_and_keeps_the_nr_cell() -> None:
    nr = Levels([0.0, 1000.0], [[-90.0, -120.0], [-90.0, -120.0]])
    one = drive(nr, CROSSING, cells=2, seconds=10.0)
    assert seen(one) == [("c0-lte/0", "c0/0", "B1"), ("c0-lte/0", "c1-lte/0", "A3")]
    after = one.packets.sent_ns > one.changes.instant_ns[1] + SECOND
    assert (one.packets.cell_up[after] == 0).all()
    assert waited_ms(one) > 20.0


def test_without_its_master_a_station_loses_its_nr_cell_too() -> None:
    one = drive(STRONG, CLIFF)
    assert seen(one)[0] == ("c0-lte/0", "c0/0", "B1")
    assert seen(one)[1:3] == [("c0-lte/0", "c0-lte/0", "REESTABLISHMENT"), seen(one)[0]]
    hole = (one.packets.sent_ns > 7 * SECOND) & (one.packets.sent_ns < 19 * SECOND)
    assert (one.packets.fate[hole] == Fate.NO_COVERAGE).all()


def test_a_target_that_is_not_heard_is_an_scg_failure_after_t304() -> None:
    # Much better for a moment, and gone when the command to change comes.
    nr = Levels(
        [0.0, 100.0, 101.0, 106.0, 107.0],
        [[-90.0, -120.0], [-90.0, -120.0], [-90.0, -80.0], [-90.0, -80.0], [-90.0, -200.0]],
    )
    rules = {"t304_ms": 100, "preparation_ms": 200.0}
    one = drive(nr, TWO_STRONG, cells=2, seconds=6.0, handover=rules)
    assert seen(one)[1] == ("c0/0", "c0-lte/0", "SCG_FAILURE")
    assert one.changes.interruption_ns[1] == (100 + 200 + 16) * MS


@pytest.mark.parametrize("qos", [{}, {"cam": 3}])
@pytest.mark.parametrize("nsa", [False, True])
def test_what_comes_of_it_does_not_hang_on_the_callers_step(nsa: bool, qos: dict[str, int]) -> None:
    runs = [drive(HOLE, nsa=nsa, step_ms=step, qos=qos, seconds=9.1) for step in (100, 350)]
    one, other = (np.argsort(run.packets.packet_id) for run in runs)
    assert (runs[0].packets.ended_ns[one] == runs[1].packets.ended_ns[other]).all()
    assert (runs[0].changes.instant_ns == runs[1].changes.instant_ns).all()


def test_who_comes_in_anothers_place_begins_anew() -> None:
    one = drive(STRONG, seconds=3.0)
    link = one.link
    link.detach(0)
    link.attach(0, "other", 1.5, subscribed=False)
    assert link.station_state().serving_cell[0] == -1
    assert not len(link.handovers().station)


# Layers


def test_lte_cells_stand_at_the_nr_masts_and_are_shadowed_alike() -> None:
    settings = NetworkSettings.model_validate(
        {
            "radio": {"carrier_ghz": 1.8},
            "cells": [{"id": "west", "x_m": 0.0, "y_m": 0.0}],
            "lte": {"architecture": "NSA"},
        }
    )
    nr, lte = layers_of(settings, (0.0, 0.0, 500.0, 1.0), seed=1)
    assert lte.cell_names == ("west-lte/0", "west-lte/1", "west-lte/2")
    places = np.linspace(50.0, 500.0, 20), np.zeros(20), np.full(20, 1.5)
    assert (nr.channel.path_gain_db(*places) == lte.channel.path_gain_db(*places)).all()


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"lte": {"architecture": "EN-DC"}}, "'SA' or 'NSA'"),
        ({"lte": {"bandwidth_mhz": 40}}, "5, 10, 15 or 20"),
        ({"lte": {"cells": [{"id": "a", "x_m": 0.0, "y_m": 0.0}]}}, "two sites are called 'a'"),
        (
            {"lte": {}, "load": [{"cell": "a-lte/7", "prb_utilisation": 0.1}]},
            "'a-lte/7', which there is not",
        ),
    ],
)
def test_bad_input_is_told(block: dict[str, Any], message: str) -> None:
    cells = [{"id": "a", "x_m": 0.0, "y_m": 0.0}]
    with pytest.raises(ValidationError, match=message):
        NetworkSettings.model_validate({"cells": cells, **block})
