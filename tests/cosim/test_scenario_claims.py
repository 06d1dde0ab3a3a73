"""What docs/scenarios.md says that the network changes in a scenario, and how to see it, is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from cosim.shipped import shipped_scenarios
from tests.runs import run_scenario

PAGE = Path(__file__).parents[2] / "docs" / "scenarios.md"


class Claim(NamedTuple):
    """A KPI, and a bound that only one of the runs keeps: as shipped, or as the page changes it."""

    kpi: str
    at_most: float
    kept_by: str


SHIPPED, CHANGED = "shipped", "changed"
CLAIMS = {
    "blind_corner": Claim("ego.max_deceleration_mps2", 6.0, SHIPPED),
    "jammer_at_junction": Claim("v2x.delivery_ratio", 0.5, SHIPPED),
    "outage_while_joining": Claim("second.min_distance_m", 10.0, CHANGED),
    "pedestrian_behind_van": Claim("ego.collisions", 0.0, SHIPPED),
    "remote_drive_slice": Claim("ego.mrm_count", 0.0, SHIPPED),
}
# By paired runs, or with more than one figure. `city_grid` promises no effect.
ELSEWHERE = {
    "city_grid": None,
    "green_wave": "tests/e2e/test_driving_functions.py",
    "highway_brake": "tests/e2e/test_runs.py",
    "platoon_at_cell_edge": "tests/e2e/test_driving_functions.py",
    "rainy_car_park": "tests/cosim/test_remote_driving.py",
    "remote_drive_full_cell": "tests/cosim/test_remote_driving.py",
    "rural_satellite_gap": "tests/cosim/test_network_scenarios.py",
    "stadium_slice": "tests/cosim/test_network_scenarios.py",
    "twin_accuracy": "docs/twin_accuracy.py",
}
LONG = {"outage_while_joining", "remote_drive_slice"}


def what_to_change() -> dict[str, list[str]]:
    """Scenario -> the overrides that the last column of its row names first."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): re.findall(r"`(network\.[^`]*)`", row[-1]) for row in cells}


def test_every_scenario_has_a_row_and_a_test() -> None:
    names = {path.stem for path in shipped_scenarios()}
    assert set(what_to_change()) == names
    assert set(CLAIMS) | set(ELSEWHERE) == names
    for path in ELSEWHERE.values():
        assert path is None or (PAGE.parents[1] / path).is_file()


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in CLAIMS],
)
def test_the_page_is_right(name: str, tmp_path: Path) -> None:
    claim, change = CLAIMS[name], what_to_change()[name]
    assert change
    kept = {}
    for run, overrides in ((SHIPPED, []), (CHANGED, change)):
        value = run_scenario(name, tmp_path / run, *overrides).kpis[claim.kpi]
        assert value is not None
        kept[run] = value <= claim.at_most
    assert kept == {run: run == claim.kept_by for run in (SHIPPED, CHANGED)}
