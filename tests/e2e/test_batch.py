"""Batches as a person runs them: any number of workers, deaths, interruptions, a cluster."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest
from junitparser.xunit2 import JUnitXml

from tests.e2e.conftest import run_cosim

# Six runs of two quiet seconds.
BATCH = [
    "batch", "highway_brake", "--set", "duration_s=2", "--set", "events=[]",
    "--sweep", "vehicles.driven.0.drives.0.acc.desired_speed_mps=20,25", "--sweep", "seed=1..3",
]  # fmt: skip
RUNS = 6


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The results of the batch on one worker."""
    out = tmp_path_factory.mktemp("undisturbed") / "batch"
    ended = run_cosim(*BATCH, "--jobs", 1, "--out", out)
    assert ended.returncode == 0, ended.stderr
    results = pd.read_parquet(out / "results.parquet")
    assert list(results["status"]) == ["passed"] * RUNS
    assert results["digest"].nunique() == RUNS
    assert list(results["seed"]) == [1, 2, 3, 1, 2, 3]
    assert list(results["vehicles.driven.0.drives.0.acc.desired_speed_mps"]) == [20] * 3 + [25] * 3
    return (out / "results.parquet").read_bytes()


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def wait_for(condition: Callable[[], bool], what: str, *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what}"
        time.sleep(0.05)


def complete_runs(out: Path) -> int:
    return len(list(out.glob("*/*/kpis.json")))


def test_two_workers_give_the_same_bytes_and_junit_has_it_all(
    undisturbed: bytes, tmp_path: Path
) -> None:
    out = tmp_path / "batch"
    ended = run_cosim(*BATCH, "--jobs", 2, "--out", out)
    assert ended.returncode == 0, ended.stderr
    assert (out / "results.parquet").read_bytes() == undisturbed
    (suite,) = JUnitXml.fromfile(str(out / "junit.xml"))
    assert (suite.tests, suite.failures, suite.errors) == (RUNS, 0, 0)
    properties = {entry.name: entry.value for entry in next(iter(suite)).properties()}
    assert properties["vehicles.driven.0.drives.0.acc.desired_speed_mps"] == "20"
    assert "v2x.latency_ms.p95" in properties
    assert Path(properties["folder"]).is_dir()

    page = (out / "report.html").read_text()
    assert "All 6 runs are as expected." in page
    assert page.count("<svg") > 3
    # Nothing is loaded from anywhere; what is left are names of SVG's own.
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)

    shown = run_cosim("results", out, "--query", "seed == 2 and v2x.sent > 0", "--kpi", "v2x.sent")
    assert shown.stdout.count("highway_brake/") == 2


def test_a_killed_worker_costs_nothing_but_time(
    undisturbed: bytes, tmp_path: Path, start_cosim: Callable[..., subprocess.Popen[str]]
) -> None:
    out = tmp_path / "batch"
    process = start_cosim(*BATCH, "--jobs", 2, "--out", out)
    wait_for(lambda: complete_runs(out) >= 1, "complete run")
    workers_of(process)[0].kill()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert (out / "results.parquet").read_bytes() == undisturbed


def test_a_batch_that_was_interrupted_is_gone_on_with(
    undisturbed: bytes, tmp_path: Path, start_cosim: Callable[..., subprocess.Popen[str]]
) -> None:
    out = tmp_path / "batch"
    process = start_cosim(*BATCH, "--jobs", 2, "--out", out)
    wait_for(lambda: complete_runs(out) >= 1, "complete run")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in errors
    assert 1 <= complete_runs(out) < RUNS

    again = run_cosim(*BATCH, "--out", out)
    assert again.returncode == 2
    assert "go on with --resume" in again.stderr
    other = run_cosim(*BATCH, "--set", "seed=9", "--resume", "--sweep", "seed=4..6", "--out", out)
    assert other.returncode == 2
    assert "its runs are others" in other.stderr
    resumed = run_cosim(*BATCH, "--jobs", 2, "--resume", "--out", out)
    assert resumed.returncode == 0, resumed.stderr
    assert (out / "results.parquet").read_bytes() == undisturbed


def test_a_broken_scenario_is_told_by_its_line_and_the_others_are_run(tmp_path: Path) -> None:
    folder = tmp_path / "scenarios"
    folder.mkdir()
    net = Path("scenarios/highway").resolve()
    good = (
        f"duration_s: 1\ntraffic: {{net: {net}/highway.net.xml, routes: [{net}/highway.rou.xml]}}\n"
    )
    (folder / "a.yaml").write_text(f"name: a\n{good}")
    (folder / "b.yaml").write_text(f"name: b\n{good}vehicels: {{}}\n")
    (folder / "c.yaml").write_text(f"name: c\n{good}expect: {{v2x.sent: {{max: 0}}}}\n")
    out = tmp_path / "out"
    ended = run_cosim("batch", folder, "--out", out)
    assert ended.returncode == 2
    assert "b.yaml:4: unknown key `vehicels`; did you mean `vehicles`?" in ended.stderr
    assert "Traceback" not in ended.stderr
    results = pd.read_parquet(out / "results.parquet").set_index("run")
    assert dict(results["status"]) == {"a": "passed", "b": "refused", "c": "failed"}
    assert results.loc["c", "told"].startswith("expected v2x.sent at most 0, got ")


def test_a_run_that_takes_too_long_is_tried_twice_and_told(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = run_cosim(
        "batch", "highway_brake", "--set", "pace=0.1", "--timeout-s", 3, "--out", out
    )  # fmt: skip
    assert ended.returncode == 3
    assert "broke off: its time of 3 s ran out" in ended.stderr
    assert (out / "highway_brake" / "manifest.json").is_file()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Dask scheduler, and two workers that are restarted when they die."""
    file = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    scheduler = subprocess.Popen(
        [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *common],
        stderr=subprocess.DEVNULL,
    )
    wait_for(file.is_file, "Dask scheduler")
    workers = subprocess.Popen(
        [*dask, "worker", "--nworkers", "2", "--nthreads", "1", *common],
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    address = pd.read_json(file, typ="series")["address"]
    yield address, workers
    for process in (workers, scheduler):
        for part in [*psutil.Process(process.pid).children(recursive=True), process]:
            part.kill()
        process.wait()


def test_a_cluster_gives_the_same_bytes_though_a_worker_is_killed(
    undisturbed: bytes,
    tmp_path: Path,
    cluster: tuple[str, subprocess.Popen[bytes]],
    start_cosim: Callable[..., subprocess.Popen[str]],
) -> None:
    address, workers = cluster
    out = tmp_path / "batch"
    process = start_cosim(*BATCH, "--cluster", address, "--out", out)
    wait_for(lambda: complete_runs(out) >= 1, "complete run")
    nannied = psutil.Process(workers.pid).children(recursive=True)
    next(child for child in nannied if "spawn_main" in " ".join(child.cmdline())).kill()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert (out / "results.parquet").read_bytes() == undisturbed


def test_a_cluster_that_is_not_there_is_told() -> None:
    ended = run_cosim("batch", "highway_brake", "--cluster", "tcp://127.0.0.1:9")
    assert ended.returncode == 2
    assert "no Dask scheduler answers" in ended.stderr
