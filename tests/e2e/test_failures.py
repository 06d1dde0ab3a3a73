"""What a person sees when something is wrong: one line, the right exit code, nothing lost."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cosim.recording import read_manifest, read_table
from tests.e2e.conftest import SHORT, run_cosim

Start = Callable[..., subprocess.Popen[str]]


def assert_refused(done: subprocess.CompletedProcess[str], *says: str) -> None:
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for part in says:
        assert part in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--set", "network.handover.offset=3"], ["network.handover.offset", "offset_db"]),
        (["--set", "network.radio.bandwidth_mhz=-40"], ["network.radio.bandwidth_mhz"]),
        (["--set", "traffic.net=none.net.xml"], ["traffic.net", "no such file"]),
        (["--set", "twins.broker=mqtt://127.0.0.1:1"], ["127.0.0.1:1"]),
        (["--set", "twins.broker=carrier pigeon"], ["mqtt://"]),
        (["--set", "expect={ego.colisions: {max: 0}}"], ["ego.colisions", "ego.collisions"]),
        (["--set", "network.load=[{cell: nowhere, prb_utilisation: 1}]"], ["nowhere"]),
        (["--set", "vehicles.driven.0.model=batmobile"], ["batmobile"]),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    tmp_path: Path, arguments: list[str], says: list[str]
) -> None:
    assert_refused(run_cosim(*SHORT, *arguments, "--out", tmp_path / "out"), *says)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert_refused(run_cosim(*SHORT, "--out", tmp_path), "not empty")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_what_sumo_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    cfg = tmp_path / "broken.sumocfg"
    cfg.write_text('<configuration><input><net-file value="no.net.xml"/></input></configuration>')
    assert_refused(run_cosim("run", cfg, "--out", tmp_path / "out"), "no.net.xml")
    net = tmp_path / "not.net.xml"
    net.write_text("<net><edge/></net>")
    scenario = tmp_path / "s.yaml"
    scenario.write_text("name: s\nduration_s: 5\ntraffic: {net: not.net.xml}\n")
    assert_refused(run_cosim("run", scenario, "--out", tmp_path / "out2"), "not.net.xml")


def test_a_failed_expectation_is_exit_1(tmp_path: Path) -> None:
    done = run_cosim(
        *SHORT, "--set", "expect={run.ticks: {max: 10}, ego.collisions: {max: 0}}",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip() == "cosim: expected run.ticks at most 10, got 600"
    assert read_manifest(tmp_path / "out")["complete"] is True


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


def sumo_of(process: subprocess.Popen[str]) -> psutil.Process | None:
    children = psutil.Process(process.pid).children()
    return next((child for child in children if child.name() == "sumo"), None)


def start_at_walking_pace(start: Start, out: Path, *arguments: str) -> subprocess.Popen[str]:
    """A run of a minute at the wall clock's pace that has recorded something."""
    process = start(
        "run", "highway_brake", "--quiet", "--set", "pace=1", *arguments, "--out", out
    )  # fmt: skip
    stream = out / "road_users.arrows"
    empty = 4096
    wait_until(lambda: stream.is_file() and stream.stat().st_size > empty, "the first rows")
    return process


def assert_cut_off(out: Path, told: str) -> None:
    manifest = read_manifest(out)
    assert manifest["complete"] is False
    assert told in manifest["ended_by"]
    assert len(read_table(out, "road_users")) > 0
    assert len(read_table(out, "packets")) > 0


@pytest.mark.parametrize(
    ("deed", "says"), [(signal.SIGKILL, "SUMO died"), (signal.SIGSTOP, "SUMO died: no answer")]
)
def test_a_sumo_that_is_killed_or_hangs_ends_the_run(
    tmp_path: Path, start_cosim: Start, deed: signal.Signals, says: str
) -> None:
    out = tmp_path / "out"
    process = start_at_walking_pace(
        start_cosim, out, "--set", "traffic.api=traci", "--set", "watchdog_s=2"
    )
    sumo = sumo_of(process)
    assert sumo is not None
    sumo.send_signal(deed)
    began = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - began < 8
    assert process.returncode == 3
    assert says in errors
    assert len(errors.strip().splitlines()) == 1
    assert_cut_off(out, says)
    assert not sumo.is_running()


def test_a_broker_that_is_killed_ends_the_run(
    tmp_path: Path, start_cosim: Start, mosquitto: tuple[subprocess.Popen[bytes], str]
) -> None:
    broker, url = mosquitto
    out = tmp_path / "out"
    process = start_at_walking_pace(start_cosim, out, "--set", f"twins.broker={url}")
    broker.kill()
    began = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - began < 8
    assert process.returncode == 3
    assert "MQTT broker died" in errors
    assert url.removeprefix("mqtt://") in errors
    assert len(errors.strip().splitlines()) == 1
    assert_cut_off(out, "MQTT broker died")


def test_ctrl_c_keeps_what_was_recorded(tmp_path: Path, start_cosim: Start) -> None:
    out = tmp_path / "out"
    process = start_at_walking_pace(start_cosim, out, "--set", "traffic.api=traci")
    sumo = sumo_of(process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert_cut_off(out, "interrupted")
    assert sumo is not None
    assert not sumo.is_running()


def test_list_and_schema() -> None:
    listed = run_cosim("list")
    assert listed.returncode == 0
    assert "highway_brake" in listed.stdout
    schema = run_cosim("schema")
    assert json.loads(schema.stdout)["title"] == "Scenario"
