"""Explanations of the shipped highway_brake, held against the run's own tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cosim.recording import read_table
from cosim.why import Chain, compare_with, explain, told
from cosim.why.packets import Cause
from tests.e2e.conftest import run_cosim


@pytest.fixture(scope="module")
def highway(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """highway_brake until shortly after the first warning is acted upon."""
    out = tmp_path_factory.mktemp("why") / "run"
    done = run_cosim("run", "highway_brake", "--set", "duration_s=33", "--out", out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def chain(highway: Path) -> Chain:
    return explain(highway)


def cause_of(chain: Chain, stage: str) -> Cause:
    return next(cause for cause in chain.information[0].causes if cause.stage == stage)


def test_the_decision_is_the_first_that_rests_on_a_message(highway: Path, chain: Chain) -> None:
    decisions = read_table(highway, "decisions")
    first = decisions[decisions["packets"].map(len) > 0].iloc[0]
    assert chain.time_s == first["time_s"]
    assert (chain.function, chain.vehicle) == ("emergency_brake_warning", "ego")
    assert [packet.packet_id for packet in chain.information] == first["packets"].tolist()
    assert [packet.age_ms for packet in chain.information] == first["message_ages_ms"].tolist()


def test_the_packet_s_milliseconds_are_those_of_its_row(highway: Path, chain: Chain) -> None:
    warning = chain.information[0]
    row = read_table(highway, "packets").set_index("packet_id").loc[warning.packet_id]
    assert (warning.kind, warning.sender, warning.receiver) == ("denm", "lead", "ego")
    assert warning.fate == row["fate"] == "delivered"
    assert sum(warning.stages_ms.values()) == pytest.approx(warning.took_ms, abs=0.01)
    assert warning.took_ms == pytest.approx((row["ended_ns"] - row["sent_ns"]) / 1e6, abs=1e-3)
    assert warning.ended_s <= chain.time_s
    for stage in ("ul_queue", "dl_queue"):
        assert warning.stages_ms[stage] == pytest.approx(row[f"{stage}_ns"] / 1e6, abs=1e-3)
    assert cause_of(chain, "ul_queue").cell == row["uplink_cell"]
    assert cause_of(chain, "dl_queue").cell == row["downlink_cell"]
    # Most of the way is spent in these two.
    assert warning.stages_ms["ul_queue"] + warning.stages_ms["dl_queue"] > 0.8 * warning.took_ms


def test_the_load_that_delayed_it_is_the_scenario_s(highway: Path, chain: Chain) -> None:
    scenario = json.loads((highway / "manifest.json").read_text())["scenario"]
    west = [load for load in scenario["network"]["load"] if load["cell"] == "west"]
    cells = read_table(highway, "cells")
    for stage, station in (("ul_queue", "lead"), ("dl_queue", "ego")):
        cause = cause_of(chain, stage)
        assert cause.station == station
        assert cause.load == west
        own = cells[cells["cell"] == cause.cell]
        warning = chain.information[0]
        near = own[own["time_s"].between(warning.sent_s, warning.ended_s)]
        assert cause.utilisation == pytest.approx(
            near[f"{cause.direction}_utilisation"].mean(), abs=0.05
        )
        assert cause.utilisation > 0.95


def test_the_handover_is_the_lead_s(highway: Path, chain: Chain) -> None:
    (change,) = cause_of(chain, "ul_queue").handovers
    handovers = read_table(highway, "handovers")
    row = handovers[(handovers["id"] == "lead") & np.isclose(handovers["time_s"], change.time_s)]
    assert len(row) == 1
    assert change.station == "lead"
    assert (change.from_cell, change.to_cell) == (row["from_cell"].item(), row["to_cell"].item())
    assert change.cause == row["cause"].item()
    assert change.interruption_ms == pytest.approx(row["interruption_ms"].item(), abs=1e-3)
    # It leaves, or loses, the very cell in whose queue the warning waited.
    assert change.from_cell == cause_of(chain, "ul_queue").cell


def test_words_on_one_screen_and_the_same_as_json(highway: Path, chain: Chain) -> None:
    text = told(chain)
    assert len(text.splitlines()) <= 40
    for word in ("denm of lead", "handover: lead", "load: west at 100%", f"{chain.time_s:.2f} s"):
        assert word in text
    done = run_cosim("why", highway)
    assert (done.returncode, done.stdout) == (0, text + "\n")
    done = run_cosim("why", highway, "--at", chain.time_s, "--json")
    assert json.loads(done.stdout)["information"][0]["packet_id"] == chain.information[0].packet_id


def test_nothing_differs_before_the_first_packet_that_does(highway: Path) -> None:
    pairing = compare_with(highway, "network.load=[]")
    other = Path(pairing.other_run)
    assert pairing.first_packet_s is not None
    # The load that is taken away begins at 20 s.
    assert 19.5 < pairing.first_packet_s < 22.0
    for table in ("road_users", "decisions"):
        one, two = read_table(highway, table), read_table(other, table)
        until = [frame[frame["time_s"] <= pairing.first_packet_s] for frame in (one, two)]
        assert len(until[0]) > 900
        assert until[0].astype(str).equals(until[1].astype(str))
    assert pairing.here is not None
    assert pairing.here.time_s > pairing.first_packet_s
    # The paired run is kept, and isn't run twice.
    assert compare_with(highway, "network.load=[]") == pairing


def test_against_the_ideal_network(highway: Path) -> None:
    pairing = compare_with(highway, "ideal")
    here, there = pairing.here, pairing.there
    assert here is not None
    assert there is not None
    assert here.time_s == there.time_s < 30.2
    assert (here.function, there.function) == ("acc", "emergency_brake_warning")
    known, became = there.information[0], pairing.became[0]
    assert (known.sender, known.sent_s) == (became.sender, became.sent_s)
    # Told there, it is still on its way here.
    assert known.ended_s <= here.time_s < became.ended_s
    worse, better = pairing.kpis["ego.max_deceleration_mps2"]
    assert worse > better


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--vehicle", "nobody"), "no such driven vehicle"),
        (("--event", "collision"), "there is none of ego"),
        (("--event", "flood"), "expected one of collision"),
        (("--at", "0.0"), "it decides from"),
        (("--at", "600"), "its last decision is of"),
        (("--at", "3", "--against", "ideal"), "one of --at"),
        (("--against", "network.lode=[]"), "did you mean `load`"),
    ],
)
def test_what_cant_be_explained(highway: Path, arguments: tuple[str, ...], told: str) -> None:
    done = run_cosim("why", highway, *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_what_is_no_run(tmp_path: Path) -> None:
    done = run_cosim("why", tmp_path)
    assert done.returncode == 2
    assert "no manifest.json" in done.stderr
