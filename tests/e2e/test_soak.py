"""A page that is left open: neither the browser nor the server may grow."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

import numpy as np
import pytest
from playwright.sync_api import Browser, CDPSession, Page
from scipy.stats import theilslopes

from tests.e2e.browser import address_of, needs_chromium, open_page
from tests.e2e.conftest import run_cosim

pytestmark = [needs_chromium, pytest.mark.slow, pytest.mark.timeout(0)]

# An hour is COSIM_SOAK_S=3600.
SOAK_S = float(os.environ.get("COSIM_SOAK_S", "240"))
_EVERY_S = 4.0
# Each goes there and back, or undoes what one before it did. Twice to the beginning, so that what
# plays doesn't come to its end.
_KEYS = [*"3v1vn2", "Home", *"lbzl1x", "h", "Escape", "Home"]


class Sample(NamedTuple):
    """What is in use at an instant."""

    time_s: float
    server_mb: float
    heap_mb: float
    nodes: float
    listeners: float
    gpu: float
    """Geometries and textures."""


# What each may seem to grow by, however long it takes: all of them go up and down. A picture has
# some 5 kB, and 72 000 of them come in an hour.
_MOST = Sample(0.0, server_mb=1.0, heap_mb=3.0, nodes=400.0, listeners=80.0, gpu=5.0)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "recorded"
    unasked = ("--set", "duration_s=60", "--set", "expect={}")
    done = run_cosim("run", "highway_brake", *unasked, "--out", out, "-q")
    assert done.returncode == 0, done.stderr
    return out


# What a page or its server may keep of every picture, or every second, by mistake.
FAULTS = {
    "heap_mb": "setInterval(() => (window.kept ??= []).push(Array(600).fill(0.5)), 50)",
    "listeners": "setInterval(() => document.addEventListener('copy', () => 0), 500)",
    "nodes": "setInterval(() => (window.kept ??= []).push(document.createElement('p')), 100)",
    "gpu": """setInterval(() => {
        const {x, y} = roadScene.ring.position;
        roadScene.cover({x: [x, x + 0.1], y: [y, y + 0.1], columns: 1, sinr_db: "AAAAAA=="});
        roadScene.covered = null;
    }, 500)""",
}
SERVER_FAULT = """
import cosim.live.road_scene as scene
kept, packed = [], scene.packed
scene.packed = lambda values: kept.append(packed(values)) or kept[-1]
"""
FAULT_S = 100.0


def test_a_page_left_open_leaks_nothing(
    browser: Browser, recorded: Path, tmp_path: Path, start_cosim: Callable[..., Popen[str]]
) -> None:
    process = start_cosim("watch", recorded, "--port", 0)
    assert what_grows(watch(browser, process, SOAK_S, tmp_path / "soak.csv")) == {}


@pytest.mark.parametrize("what", FAULTS)
def test_what_a_page_keeps_is_seen(
    browser: Browser,
    recorded: Path,
    tmp_path: Path,
    start_cosim: Callable[..., Popen[str]],
    what: str,
) -> None:
    process = start_cosim("watch", recorded, "--port", 0)
    samples = watch(browser, process, FAULT_S, tmp_path / "soak.csv", fault=FAULTS[what])
    assert what in what_grows(samples)


def test_what_the_server_keeps_is_seen(
    browser: Browser,
    recorded: Path,
    tmp_path: Path,
    start_cosim: Callable[..., Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(SERVER_FAULT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    process = start_cosim("watch", recorded, "--port", 0)
    assert set(what_grows(watch(browser, process, FAULT_S, tmp_path / "soak.csv"))) == {"server_mb"}


def watch(
    browser: Browser, process: Popen[str], for_s: float, log: Path, *, fault: str = ""
) -> list[Sample]:
    """Use a page for a while, and sample what it and its server have in use."""
    page = browser.new_page(viewport={"width": 640, "height": 400})
    open_page(page, address_of(process))
    page.evaluate(f"window.soaking = true; {fault}")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    samples: list[Sample] = []
    began_s = time.monotonic()
    with log.open("w", buffering=1) as lines:
        lines.write(",".join(Sample._fields) + "\n")
        while (now_s := time.monotonic() - began_s) < for_s:
            page.keyboard.press(_KEYS[len(samples) % len(_KEYS)])
            page.wait_for_timeout(1000 * _EVERY_S)
            # A page that loads itself again has lost what it kept.
            assert page.evaluate("window.soaking")
            samples.append(sample(now_s, page, session, process.pid))
            lines.write(",".join(f"{value:.2f}" for value in samples[-1]) + "\n")
    page.close()
    return samples


def sample(now_s: float, page: Page, session: CDPSession, pid: int) -> Sample:
    session.send("HeapProfiler.collectGarbage")
    told = session.send("Performance.getMetrics")["metrics"]
    used = {metric["name"]: metric["value"] for metric in told}
    status = Path(f"/proc/{pid}/status").read_text()
    (resident,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    gpu = page.evaluate(
        "Object.values(roadScene.renderer.info.memory).reduce((sum, count) => sum + count, 0)"
    )
    return Sample(
        now_s,
        int(resident) / 1024,
        used["JSHeapUsedSize"] / 2**20,
        used["Nodes"],
        used["JSEventListeners"],
        gpu,
    )


def what_grows(samples: list[Sample]) -> dict[str, float]:
    """What grows by more than it may, and by how much; the first third is for it to settle."""
    settled = np.array(samples[len(samples) // 3 :])
    time_s = settled[:, 0]
    by = {
        name: float(theilslopes(settled[:, column], time_s).slope * np.ptp(time_s))
        for column, name in enumerate(Sample._fields)
        if name != "time_s"
    }
    return {name: grown for name, grown in by.items() if grown > getattr(_MOST, name)}
