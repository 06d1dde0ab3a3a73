"""`cosim drive` as a person uses it, but for the person and the screen."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cosim.recording import read_manifest, read_table
from tests.e2e.conftest import run_cosim
from tests.e2e.test_failures import wait_until

pytest.importorskip("pygame")

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")


def test_ctrl_c_ends_a_drive_well_and_why_explains_it(tmp_path: Path, start_cosim: Start) -> None:
    out = tmp_path / "out"
    process = start_cosim("drive", "remote_drive_full_cell", "--window", "--record", out)
    stream, empty = out / "road_users.arrows", 4096
    wait_until(lambda: stream.is_file() and stream.stat().st_size > empty, "the first rows")
    process.send_signal(signal.SIGINT)
    told, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert f"again       cosim run {out / 'replay.yaml'}" in told
    manifest = read_manifest(out)
    assert manifest["complete"]
    assert manifest["people"] == ["ego"]
    assert read_table(out, "road_users")["time_s"].max() == pytest.approx(
        manifest["reached_s"], abs=0.11
    )
    why = json.loads(run_cosim("why", out, "--at", "0.5", "--json").stdout)
    assert why["function"] == "person"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--set", "vehicles.driven=[]"], "highway_brake: `vehicles.driven` is empty"),
        (["--carla", "here"], "--carla here: expected HOST:PORT"),
        (["--vehicle", "lead"], "--vehicle lead: not driven; expected one of ego"),
        # Before anybody has opened the page.
        (["--record", "tests", "--port", "0"], "tests: not empty"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], told: str) -> None:
    assert_refused(run_cosim("drive", "highway_brake", *arguments), told)


def test_without_pygame_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pygame.py").write_text("raise ImportError\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    told = "the window needs pygame: pip install 'cosim-v2x[drive]'"
    assert_refused(run_cosim("drive", "highway_brake", "--window"), told)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there always is a display")
def test_a_window_that_nobody_would_see_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    done = run_cosim("drive", "highway_brake", "--window", "--record", tmp_path / "out")
    assert done.returncode == 2
    told = "cosim: no window can be opened: no display; --web drives in the browser"
    assert done.stderr.splitlines()[-1] == told
    assert not (tmp_path / "out").exists()


def assert_refused(done: subprocess.CompletedProcess[str], told: str) -> None:
    assert done.returncode == 2
    assert done.stderr.startswith(f"cosim: {told}")
    assert done.stderr.count("\n") == 1
