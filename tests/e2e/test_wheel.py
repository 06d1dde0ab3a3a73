"""The built wheel in an environment of its own, and a user's project there."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCENARIO = """\
name: quiet
duration_s: 1
traffic: {net: highway/highway.net.xml, routes: [highway/highway.rou.xml]}
sweep: {seed: [1, 2]}
expect:
  v2x.sent: {min: 1}
"""
TESTS = """\
import pytest

@pytest.mark.scenario("quiet.scenario.yaml", sweep={"seed": [3, 4]})
def test_messages_are_sent(cosim_run):
    assert cosim_run().kpis["v2x.sent"] > 25

def test_a_scenario_that_comes_with_it_says_the_same_twice(cosim_run):
    quiet = {"duration_s": 1, "events": [], "expect": {}}
    assert cosim_run("highway_brake", **quiet).digest == cosim_run("highway_brake", **quiet).digest
"""


def done(*command: object, cwd: Path | None = None) -> str:
    """What a command says; it has to succeed."""
    ended = subprocess.run(
        [*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=900, check=False
    )
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
    return ended.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_fresh_project_s_pytest_works_with_the_installed_wheel(tmp_path: Path) -> None:
    done(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path / "dist", ".")
    (wheel,) = (tmp_path / "dist").glob("cosim_v2x-*.whl")
    done(sys.executable, "-m", "venv", tmp_path / "venv")
    programs = tmp_path / "venv/bin"
    done(programs / "pip", "install", "--quiet", wheel, "pytest")

    project = tmp_path / "project"
    shutil.copytree("scenarios/highway", project / "highway")
    (project / "quiet.scenario.yaml").write_text(SCENARIO)
    (project / "test_mine.py").write_text(TESTS)
    # What is imported is the wheel's, not this checkout's.
    file = done(programs / "python", "-c", "import cosim; print(cosim.__file__)", cwd=project)
    assert Path(file.strip()).is_relative_to(tmp_path / "venv")
    told = done(programs / "pytest", "-q", "-p", "no:cacheprovider", cwd=project)
    assert "5 passed" in told, told
    assert "highway_brake" in done(programs / "cosim", "list", cwd=project)
