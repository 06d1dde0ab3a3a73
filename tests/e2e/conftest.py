import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.browser import headless_browser

# Twelve quiet seconds of the scenario that comes with the bridge.
SHORT = ["run", "highway_brake", "--set", "duration_s=12", "--set", "events=[]"]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "cosim.cli", *map(str, arguments)]


def run_cosim(*arguments: object, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=timeout_s, check=False
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with headless_browser() as browser:
        yield browser


@pytest.fixture
def start_cosim() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the command in the background; whatever is left of it is killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A mosquitto of this test's own, and its URL."""
    binary = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    if binary is None:
        pytest.skip("mosquitto is not installed")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen(
        [binary, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < deadline, "mosquitto did not start"
            time.sleep(0.05)
    yield process, f"mqtt://127.0.0.1:{port}"
    process.kill()
    process.wait()
