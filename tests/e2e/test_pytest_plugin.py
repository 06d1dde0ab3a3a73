"""A project of a user's, with a scenario file and a test file, under a pytest of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
from junitparser.xunit2 import JUnitXml

HIGHWAY = Path("scenarios/highway").resolve()
SCENARIO = f"""\
name: quiet
duration_s: 1
traffic: {{net: {HIGHWAY}/highway.net.xml, routes: [{HIGHWAY}/highway.rou.xml]}}
sweep: {{seed: [1, 2, 3]}}
expect:
  v2x.sent: {{min: 1}}
  network.handovers: {{max: 1000, share: 0.3}}
"""
TESTS = """\
import pytest

@pytest.mark.scenario("quiet.scenario.yaml", sweep={"v2x.penetration": [0, 1], "seed": range(2)})
def test_who_is_connected_sends(cosim_run):
    assert cosim_run().kpis["v2x.sent"] > 25

def test_two_runs_of_one_seed_are_the_same(cosim_run):
    digests = {cosim_run("quiet.scenario.yaml", seed=5).digest for _ in range(2)}
    assert len(digests) == 1
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "quiet.scenario.yaml").write_text(SCENARIO)
    (tmp_path / "test_mine.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def run_pytest(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_scenario_files_and_marked_tests_are_tests(project: Path) -> None:
    ended = run_pytest(project, "--junitxml=junit.xml", "--cosim-jobs=2")
    assert ended.returncode == 1, ended.stdout
    assert "2 failed, 7 passed" in ended.stdout
    assert "quiet.scenario.yaml::run[seed=2]" in run_pytest(project, "--collect-only").stdout

    cases = {
        case.name: case for suite in JUnitXml.fromfile(str(project / "junit.xml")) for case in suite
    }
    properties = {entry.name: entry.value for entry in cases["run[seed=2]"].properties()}
    assert properties["seed"] == "2"
    assert float(properties["v2x.sent"]) > 1
    # The folders of the failed tests are kept, and no others.
    kept, _ = sorted((project / "cosim-failed").iterdir())
    assert "v2x.penetration=0" in kept.name
    assert (kept / "packets.parquet").is_file()


def test_a_broken_scenario_is_one_failed_test_with_its_line(project: Path) -> None:
    (project / "a_broken.scenario.yaml").write_text(f"{SCENARIO}vehicels: {{}}\n")
    ended = run_pytest(project, "-k", "scenario", "a_broken.scenario.yaml", "quiet.scenario.yaml")
    assert "1 failed, 4 passed" in ended.stdout
    assert "a_broken.scenario.yaml:8: unknown key `vehicels`" in ended.stdout
    assert "Traceback" not in ended.stdout


def test_a_baseline_is_written_held_and_alarms(project: Path) -> None:
    file = project / "quiet.scenario.yaml"
    updated = run_pytest(project, file.name, "--cosim-update-baselines")
    assert updated.returncode == 0, updated.stdout
    assert (project / "quiet.baseline.json").is_file()
    file.write_text(SCENARIO.replace("duration_s: 1", "duration_s: 2"))
    # xdist shares the tests out.
    changed = run_pytest(project, file.name, "-n", "2")
    assert changed.returncode == 1, changed.stdout
    assert "quiet: was" in changed.stdout
