"""What the network does to each driving function: paired runs that differ in the network alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.runs import run_scenario

# The core fails before anyone has sent anything.
GONE = [{"kind": "core_failure"}]


class Paired:
    """Runs of one scenario that differ in what is wrong with the network, or in who drives how."""

    def __init__(self, tmp_path: Path, scenario: str, *overrides: str) -> None:
        self._tmp_path = tmp_path
        self._scenario = scenario
        self._overrides = overrides
        self._count = 0

    def kpis(self, impairments: Sequence[dict[str, Any]], *overrides: str) -> dict[str, float]:
        self._count += 1
        outcome = run_scenario(
            self._scenario,
            self._tmp_path / str(self._count),
            "twins=null",
            *self._overrides,
            f"network.impairments={json.dumps(list(impairments))}",
            *overrides,
        )
        return {name: value for name, value in outcome.kpis.items() if value is not None}

    def delayed(self, kpi: str, extra_ms: Sequence[float]) -> list[float]:
        """A KPI for delays of the backhaul, each way."""
        return [self.kpis([{"kind": "backhaul_delay", "extra_ms": ms}])[kpi] for ms in extra_ms]

    def lost(self, kpi: str, probabilities: Sequence[float]) -> list[float]:
        """A KPI for losses on the backhaul, each way."""
        return [
            self.kpis([{"kind": "backhaul_loss", "probability": p}])[kpi] for p in probabilities
        ]


def of_vehicle(kpis: dict[str, float], vehicle: str) -> dict[str, float]:
    return {name: value for name, value in kpis.items() if name.startswith(f"{vehicle}.")}


def rising(values: Sequence[float]) -> bool:
    return all(before < after for before, after in zip(values, values[1:], strict=False))


def test_cacc(tmp_path: Path) -> None:
    runs = Paired(
        tmp_path, "platoon_at_cell_edge", "duration_s=19", "network.load=[]",
        "vehicles.driven=[{id: second, drives: [acc, cacc]}]",
        "events=[{at_s: 13, brake: {vehicle: lead, deceleration_mps2: 3, to_mps: 12}}]",
    )  # fmt: skip
    headways = runs.delayed("second.min_time_headway_s", (0, 80, 160, 240))
    assert rising(headways[::-1])
    # Without a network it drives as if there were no such function.
    acc = "vehicles.driven=[{id: second, drives: [acc]}]"
    assert of_vehicle(runs.kpis(GONE), "second") == of_vehicle(runs.kpis(GONE, acc), "second")


def test_platoon(tmp_path: Path) -> None:
    runs = Paired(
        tmp_path, "platoon_at_cell_edge", "duration_s=21", "network.load=[]",
        "events=[{at_s: 15, brake: {vehicle: lead, deceleration_mps2: 3, to_mps: 12}}]",
    )  # fmt: skip
    headways = runs.delayed("ego.min_time_headway_s", (0, 80, 160, 240))
    assert rising(headways[::-1])
    alone = [f"vehicles.driven.{n}.drives=[acc]" for n in range(3)]
    assert of_vehicle(runs.kpis(GONE), "ego") == of_vehicle(runs.kpis(GONE, *alone), "ego")


def test_intersection_warning(tmp_path: Path) -> None:
    runs = Paired(tmp_path, "blind_corner")
    braking = runs.delayed("ego.max_deceleration_mps2", (0, 300, 500, 700))
    assert rising(braking)
    alone = runs.kpis(GONE, "vehicles.driven.0.drives=[acc]")
    assert of_vehicle(runs.kpis(GONE), "ego") == of_vehicle(alone, "ego")


def test_network_aware(tmp_path: Path) -> None:
    drives = "vehicles.driven=[{id: ego, drives: [acc, network_aware]}]"
    runs = Paired(
        tmp_path, "platoon_at_cell_edge", "duration_s=19", "network.load=[]", drives,
        "events=[{at_s: 13, brake: {vehicle: lead, deceleration_mps2: 6, to_mps: 5}}]",
    )  # fmt: skip
    headways = runs.delayed("ego.mean_time_headway_s", (0, 60, 120, 240))
    assert rising(headways)
    gone, alone = runs.kpis(GONE), runs.kpis(GONE, "vehicles.driven.0.drives=[acc]")
    assert gone["ego.min_ttc_s"] >= alone["ego.min_ttc_s"]
    assert gone["ego.max_deceleration_mps2"] <= alone["ego.max_deceleration_mps2"]
