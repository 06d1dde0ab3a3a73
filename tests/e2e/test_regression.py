"""Faults put in on purpose are noticed by the baseline; no change isn't."""

from pathlib import Path

import pytest

from cosim.batch.baseline import compare, load_baseline, save_baseline
from cosim.batch.results import read_results
from tests.e2e.conftest import run_cosim

# The braking car, sooner than in the scenario itself and over an empty network.
BATCH = [
    "batch", "highway_brake", "--sweep", "seed=1..3", "--set", "duration_s=18",
    "--set", "network.load=[]", "--set", "expect={}",
    "--set", "events.0.at_s=10", "--set", "events.1.at_s=10.5",
]  # fmt: skip


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baseline")
    ended = run_cosim(*BATCH, "--out", folder / "batch")
    assert ended.returncode == 0, ended.stderr
    saved = run_cosim("baseline", "save", folder / "batch", "--file", folder / "baseline.json")
    assert saved.returncode == 0, saved.stderr
    return folder / "baseline.json"


def test_no_change_is_no_alarm(baseline: Path) -> None:
    checked = run_cosim("baseline", "check", baseline.parent / "batch", "--file", baseline)
    assert checked.returncode == 0
    assert "compared    3 runs, all with the same digest; no KPI changed" in checked.stdout


@pytest.mark.parametrize(
    ("fault", "kpi"),
    [
        # T_margin of 2 ms: 80 ms more of interruption in every handover.
        ("network.handover.margin_ms=82", "network.interruption_ms.p95"),
        ("vehicles.driven.0.drives=[acc, tests.e2e.slow_brake:SlowBrake]", "ego."),
    ],
)
def test_a_seeded_fault_is_caught(fault: str, kpi: str, baseline: Path, tmp_path: Path) -> None:
    ended = run_cosim(*BATCH, "--set", fault, "--out", tmp_path / "batch")
    assert ended.returncode == 0, ended.stderr
    checked = run_cosim("baseline", "check", tmp_path / "batch", "--file", baseline)
    assert checked.returncode == 1, checked.stdout
    worse = [line for line in checked.stdout.splitlines() if line.startswith("worse")]
    assert any(kpi in line for line in worse), checked.stdout
    assert f"cosim why {tmp_path / 'batch'}" in checked.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_repeats_of_no_change_raise_no_alarm(tmp_path: Path) -> None:
    """Nothing but the random draws changes: twenty times, three other seeds stand in for 1 to 3.

    A repeat with the same seeds has the same digests and can't alarm. Other draws are what a change
    that means nothing comes to, like a draw more in front of all others.
    """
    batch, file = tmp_path / "batch", tmp_path / "baseline.json"
    short = ["--set", "duration_s=5", "--set", "events=[]", "--set", "expect={}"]
    sweep = ["highway_brake", "--sweep", "seed=1..63", *short]
    ended = run_cosim("batch", *sweep, "--out", batch, timeout_s=1700)
    assert ended.returncode == 0, ended.stderr
    runs = read_results(batch)
    save_baseline(runs[runs["seed"] <= 3], file)
    baseline = load_baseline(file)
    alarms = {}
    for first in range(4, 64, 3):
        repeat = runs[runs["seed"].between(first, first + 2)].assign(seed=[1, 2, 3])
        comparison = compare(baseline, repeat)
        assert comparison.compared == len(comparison.redigested) == 3
        if comparison.alarm:
            alarms[first] = comparison.changes
    assert not alarms
