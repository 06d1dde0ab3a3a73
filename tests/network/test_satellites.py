"""Satellites through the link: falling back to them, their beams and delays, and coming back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from network import SERVER, Fate, Link, NetworkSettings, Positions
from network.base import Cause
from network.packet import Stage
from network.ran.layers import layers_of
from tests.network.along import MS, SECOND, UNFILTERED, Driven, Levels, drive_along

LEO = [{"id": "leo", "bandwidth_mhz": 10}]

# One mast's level falls into a hole and comes back. RSRP is the gain plus 15 dBm.
HOLE = Levels([0.0, 100.0, 140.0, 400.0, 440.0], [[-100.0], [-100.0], [-150.0], [-150.0], [-100.0]])
# The same, so steep that the link fails before anyone can act.
CLIFF = Levels([0.0, 100.0, 101.0, 400.0, 401.0], [[-90.0], [-90.0], [-190.0], [-190.0], [-90.0]])


def cells_of(drive: Driven) -> list[tuple[str, str]]:
    names = drive.link.cell_names
    return [
        (names[one].partition("/")[0], names[other].partition("/")[0])
        for one, other in zip(drive.changes.from_cell, drive.changes.to_cell, strict=True)
    ]


def through_the_hole(levels: Levels = HOLE, **block: Any) -> Driven:
    return drive_along(
        levels,
        cells=1,
        seconds=28.0,
        packet_every_ms=100,
        satellites=block.pop("satellites", LEO),
        handover={**UNFILTERED, **block.pop("handover", {})},
        **block,
    )


def test_down_to_a_satellite_in_a_coverage_hole_and_back_up() -> None:
    drive = through_the_hole()
    between = [one for one in cells_of(drive) if len(set(one)) > 1]
    causes = [
        Cause(cause).name
        for cause, one in zip(drive.changes.cause, cells_of(drive), strict=True)
        if len(set(one)) > 1
    ]
    assert between == [("c0", "leo"), ("leo", "c0")]
    assert causes == ["A5", "A4"]
    lost = (drive.packets.fate == Fate.NO_COVERAGE).sum()
    assert lost == 0
    without = through_the_hole(satellites=[])
    assert (without.packets.fate == Fate.NO_COVERAGE).sum() > 100


def test_after_a_radio_link_failure_the_satellite_is_what_is_left() -> None:
    drive = through_the_hole(CLIFF)
    names = drive.link.cell_names
    first = int(np.flatnonzero(drive.changes.cause == Cause.FALLBACK)[0])
    assert names[drive.changes.from_cell[first]] == "c0/0"
    assert names[drive.changes.to_cell[first]].startswith("leo/")
    # 150 ms to re-establish, 10 ms for the context, and three round trips through space.
    longest_ms = 160.0 + 6.0 * drive.link._reception.one_way_ns.max() / MS
    assert longest_ms - 4.0 < drive.changes.interruption_ns[first] / MS < longest_ms
    assert drive.changes.cause[-1] == Cause.A4


def test_beams_of_a_low_orbit_are_handed_over() -> None:
    everywhere = Levels([0.0, 1000.0], [[-200.0], [-200.0]])
    drive = through_the_hole(everywhere)
    moves = drive.changes.cause == Cause.A3
    assert moves.sum() == 4
    assert np.diff(drive.changes.instant_ns[moves]) / SECOND == pytest.approx(7.24, abs=0.5)
    assert (drive.packets.fate == Fate.DELIVERED).mean() > 0.9


def test_a_packet_takes_three_ways_up_and_one_down() -> None:
    settings = NetworkSettings.model_validate(
        {
            "cells": [{"id": "far", "x_m": 9e6, "y_m": 0.0}],
            "satellites": [{"id": "geo", "orbit": "GEO", "elevation_deg": 40.0,
                            "ue_antenna_gain_dbi": 12.0}],
            "background": {"prb_utilisation": 0.0},
            "radio": {"scenario": "RMa", "carrier_ghz": 2.0},
        }
    )  # fmt: skip
    link = Link(settings, seed=3, bounds_m=(0.0, 0.0, 100.0, 100.0))
    link.attach(0, "car", 1.5, subscribed=False)
    link.send([0], 20, 0)
    link.send(SERVER, 20, 0, to=0)
    zero = np.zeros(1)
    for instant in range(100 * MS, 4 * SECOND, 100 * MS):
        link.advance(instant, Positions(instant, zero, zero, zero, zero, zero))
    packets = link.finished()
    assert (packets.fate == Fate.DELIVERED).all()
    one_way_ns = link._reception.one_way_ns[-1]
    assert 240 * MS < one_way_ns < 270 * MS
    down, up = (packets.stage_ns[packets.sender == who][0] for who in (SERVER, 0))
    for stages, ways, stage in ((up, 3, Stage.UL_AIR), (down, 1, Stage.DL_AIR)):
        assert 0 < stages[stage] - ways * one_way_ns < 10 * MS
    assert up.sum() == (packets.ended_ns - packets.sent_ns)[packets.sender == 0][0]


def test_a_configured_grant_saves_the_round_trip() -> None:
    least_ms = []
    for grants in ({}, {9: 10.0}):
        drive = drive_along(
            Levels([0.0, 1000.0], [[-200.0], [-200.0]]),
            cells=1,
            seconds=4.0,
            satellites=LEO,
            scheduling={"configured_grant_period_ms": grants},
        )
        got = drive.packets.fate == Fate.DELIVERED
        least_ms.append(drive.packets.stage_ns[got, Stage.UL_AIR].min() / MS)
    one_way_ms = drive.link._reception.one_way_ns[drive.packets.cell_up[got][0]] / MS
    assert least_ms[0] - least_ms[1] == pytest.approx(2.0 * one_way_ms, abs=0.1)


@pytest.mark.parametrize("qos", [{}, {"cam": 3}])
def test_what_comes_of_it_does_not_hang_on_the_callers_step(qos: dict[str, int]) -> None:
    runs = [through_the_hole(step_ms=step, qos=qos) for step in (100, 350)]
    one, other = (np.argsort(run.packets.packet_id) for run in runs)
    assert (runs[0].packets.ended_ns[one] == runs[1].packets.ended_ns[other]).all()
    assert (runs[0].changes.instant_ns == runs[1].changes.instant_ns).all()


def test_satellites_change_nothing_for_who_stays_on_the_ground() -> None:
    near = Levels([0.0, 1000.0], [[-90.0], [-90.0]])
    with_, without = (through_the_hole(near, satellites=some) for some in (LEO, []))
    assert (with_.packets.ended_ns == without.packets.ended_ns).all()


def test_a_satellite_can_fail_too() -> None:
    outage = [{"kind": "cell_outage", "cell": "leo", "from_s": 10.0}]
    drive = through_the_hole(impairments=outage)
    after = drive.packets.sent_ns > 12 * SECOND
    assert (drive.packets.fate[after] == Fate.NO_COVERAGE).any()


def test_layers_come_in_the_order_they_are_named() -> None:
    settings = NetworkSettings.model_validate(
        {
            "cells": [{"id": "a", "x_m": 0.0, "y_m": 0.0}],
            "satellites": [{"id": "low", "orbit": "LEO-1200"}, {"id": "high", "orbit": "GEO"}],
        }
    )
    layers = layers_of(settings, (0.0, 0.0, 1.0, 1.0), seed=1)
    assert [layer.cell_names[0] for layer in layers] == ["a/0", "low/0", "high/0"]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"satellites": [{"id": "a"}]}, "there are two of 'a'"),
        ({"satellites": [{"id": "s", "orbit": "MEO"}]}, "LEO-600"),
        ({"satellites": [{"id": "s", "elevation_deg": 5.0}]}, "greater than or equal to 10"),
        (
            {"satellites": [{"id": "s", "service_link": "quasi_earth_fixed",
                             "elevation_deg": 25.0}]},
            "least_elevation_deg 30 isn't below elevation_deg 25",
        ),
        (
            {"fallback": {"a4_threshold_dbm": -120.0}},
            "a4_threshold_dbm -120 is below a5_threshold1_dbm -116",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_told(block: dict[str, Any], message: str) -> None:
    cells = [{"id": "a", "x_m": 0.0, "y_m": 0.0}]
    with pytest.raises(ValidationError, match=message):
        NetworkSettings.model_validate({"cells": cells, **block})


def test_a_beam_that_there_is_not_is_told() -> None:
    block = {
        "cells": [{"id": "a", "x_m": 0.0, "y_m": 0.0}],
        "satellites": LEO,
        "load": [{"cell": "leo/99", "prb_utilisation": 0.5}],
    }
    with pytest.raises(ValueError, match="'leo/99', which there is not"):
        Link(NetworkSettings.model_validate(block), seed=1, bounds_m=(0.0, 0.0, 9.0, 9.0))
