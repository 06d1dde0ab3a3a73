"""Scenarios whose outcome the network decides: with the part that helps, and without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosim.run import Outcome
from tests.runs import run_scenario


def failed(outcome: Outcome) -> list[str]:
    return [verdict.kpi for verdict in outcome.verdicts if not verdict.passed]


def test_by_a_stadium_the_slice_carries_the_cars_messages(tmp_path: Path) -> None:
    assert failed(run_scenario("stadium_slice", tmp_path / "with")) == []
    without = run_scenario(
        "stadium_slice", tmp_path / "without", "network.slices=[]", "network.qos={}"
    )
    assert failed(without) == [
        "ego.min_pet_s",
        "v2x.latency_ms.p95",
        "v2x.delivery_ratio",
    ]


@pytest.mark.slow
def test_in_the_gap_the_satellite_spares_the_emergency_brake(tmp_path: Path) -> None:
    assert failed(run_scenario("rural_satellite_gap", tmp_path / "with")) == []
    without = run_scenario("rural_satellite_gap", tmp_path / "without", "network.satellites=[]")
    assert failed(without) == ["ego.hard_brakes", "ego.max_deceleration_mps2"]
    assert without.kpis["ego.collisions"] == 0
