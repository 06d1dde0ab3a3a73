"""What the network does to each driving function: paired runs that differ in the network alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cosim.scenario import load_scenario
from cosim.shipped import find_scenario
from tests.runs import run_scenario

# Coarser than usual, for the tests' sake.
STEPS = ("vehicles.step_s=0.05", "driving.step_s=0.05", "network.step_s=0.05")
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
            "expect={}",
            *STEPS,
            *self._overrides,
            f"network.impairments={json.dumps(list(impairments))}",
            *overrides,
        )
        return {name: value for name, value in outcome.kpis.items() if value is not None}

    def delayed(self, kpi: str, extra_ms: Sequence[float]) -> list[float]:
        """A KPI for delays of the backhaul, each way."""
        return [self.kpis([{"kind": "backhaul_delay", "extra_ms": ms}])[kpi] for ms in extra_ms]


def of_vehicle(kpis: dict[str, float], vehicle: str) -> dict[str, float]:
    return {name: value for name, value in kpis.items() if name.startswith(f"{vehicle}.")}


def rising(values: Sequence[float]) -> bool:
    """By more than rounding would make of it."""
    return all(after > before + 0.001 * abs(before) for before, after in pairwise(values))


CACC = (
    "platoon_at_cell_edge", "duration_s=17", "network.load=[]",
    "vehicles.driven=[{id: second, drives: [acc, cacc]}]",
    "events=[{at_s: 12, brake: {vehicle: lead, deceleration_mps2: 3, to_mps: 12}}]",
)  # fmt: skip
PLATOON = (
    "platoon_at_cell_edge", "duration_s=18", "network.load=[]",
    "events=[{at_s: 12, brake: {vehicle: lead, deceleration_mps2: 3, to_mps: 12}}]",
)  # fmt: skip
CORNER = ("blind_corner", "duration_s=12")
VAN = ("pedestrian_behind_van", "duration_s=13.5")
LIGHT = (
    "green_wave", "duration_s=31", "network.cells=[{id: west, x_m: 150, y_m: 12, height_m: 10}]"
)  # fmt: skip
AWARE = (
    "platoon_at_cell_edge", "duration_s=14", "network.load=[]",
    "vehicles.driven=[{id: ego, drives: [acc, network_aware]}]",
    "events=[{at_s: 9, brake: {vehicle: lead, deceleration_mps2: 6, to_mps: 5}}]",
)  # fmt: skip


def test_cacc_gets_closer_the_later_it_hears(tmp_path: Path) -> None:
    runs = Paired(tmp_path, *CACC)
    headways_s = runs.delayed("second.min_time_headway_s", (0, 80, 160, 240))
    assert rising(headways_s[::-1])


def test_a_platoon_s_last_brakes_harder_the_later_it_hears(tmp_path: Path) -> None:
    runs = Paired(tmp_path, *PLATOON)
    assert rising(runs.delayed("ego.max_drac_mps2", (0, 80, 160, 240)))


def test_at_a_blind_corner_it_brakes_harder_the_later_it_first_hears(tmp_path: Path) -> None:
    runs = Paired(tmp_path, *CORNER)
    # A constant delay hardly counts here: where the other will be follows from what is known of it.
    hardest_mps2 = [
        runs.kpis([{"kind": "backhaul_cut", "to_s": until_s}])["ego.max_deceleration_mps2"]
        for until_s in (7, 8.0, 8.3, 8.6)
    ]
    assert rising(hardest_mps2)
    assert hardest_mps2[-1] > 1.5 * hardest_mps2[0]


def test_at_a_parked_van_it_brakes_harder_the_later_it_hears(tmp_path: Path) -> None:
    runs = Paired(tmp_path, *VAN)
    assert rising(runs.delayed("ego.max_deceleration_mps2", (0, 300, 500, 700)))


def test_with_glosa_it_stands_longer_the_later_it_first_hears(tmp_path: Path) -> None:
    runs = Paired(tmp_path, *LIGHT)
    standing_s = [
        runs.kpis([{"kind": "backhaul_cut", "to_s": until_s}])["ego.standing_s"]
        for until_s in (10, 14, 15.5, 17)
    ]
    assert standing_s[0] == 0.0
    assert rising(standing_s)


def test_network_aware_keeps_more_distance_the_later_it_hears(tmp_path: Path) -> None:
    runs = Paired(tmp_path, *AWARE)
    assert rising(runs.delayed("ego.mean_time_headway_s", (0, 150, 200, 250)))


@pytest.mark.slow
def test_warned_of_a_hidden_car_s_braking_it_brakes_harder_the_later_it_hears(
    tmp_path: Path,
) -> None:
    runs = Paired(tmp_path, "highway_brake", "duration_s=38", "network.load=[]")
    assert rising(runs.delayed("ego.max_deceleration_mps2", (0, 200, 400, 600)))


@pytest.mark.slow
@pytest.mark.parametrize("given", [CACC, PLATOON, CORNER, VAN, LIGHT], ids=lambda given: given[0])
def test_without_a_network_it_drives_like_acc_alone(tmp_path: Path, given: tuple[str, ...]) -> None:
    runs = Paired(tmp_path, *given)
    driven = load_scenario(find_scenario(given[0]), given[1:]).vehicles.driven
    alone = [f"vehicles.driven.{n}.drives=[acc]" for n in range(len(driven))]
    functions, acc = runs.kpis(GONE), runs.kpis(GONE, *alone)
    for vehicle in driven:
        assert of_vehicle(functions, vehicle.id) == of_vehicle(acc, vehicle.id)


@pytest.mark.slow
def test_without_a_network_network_aware_is_no_worse_than_acc(tmp_path: Path) -> None:
    runs = Paired(tmp_path, *AWARE)
    aware, acc = runs.kpis(GONE), runs.kpis(GONE, "vehicles.driven.0.drives=[acc]")
    assert aware["ego.min_ttc_s"] >= acc["ego.min_ttc_s"]
    assert aware["ego.max_deceleration_mps2"] <= acc["ego.max_deceleration_mps2"]
