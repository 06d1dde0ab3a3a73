from __future__ import annotations

import gc
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vehicles.twins.broker import BrokerAddress
from vehicles.twins.embedded_broker import EmbeddedBroker
from vehicles.twins.lockstep import LockstepTwins
from vehicles.twins.service import TwinService
from vehicles.twins.telemetry import Telemetry
from vehicles.twins.topics import Topics

Connect = Callable[..., LockstepTwins]


def telemetry(vehicle_id: str = "ego", sequence: int = 0, **changed: float) -> Telemetry:
    """A plausible message; each sequence number has a place and a time of its own."""
    values = {
        "sent_ns": sequence * 100_000_000,
        "x_m": 10.0 + 1.39 * sequence,
        "y_m": -4.8,
        "heading_rad": 0.1,
        "speed_mps": 13.9,
        "acceleration_mps2": -0.5,
        "yaw_rate_radps": 0.02,
    }
    return Telemetry(vehicle_id, sequence, **(values | changed))  # type: ignore[arg-type]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Mosquitto:
    """A real mosquitto on a free loopback port, open to anyone there unless told otherwise."""

    def __init__(self, folder: Path, *settings: str) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None:
            pytest.skip("the mosquitto broker is not installed")
        self.address = BrokerAddress("127.0.0.1", free_port())
        config = folder / "mosquitto.conf"
        lines = [f"listener {self.address.port} 127.0.0.1", *(settings or ["allow_anonymous true"])]
        config.write_text("\n".join(lines))
        self._command = [program, "-c", str(config)]
        self.start()

    def start(self) -> None:
        """Start it, at first or again."""
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 5.0
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.address.port)).close()
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "mosquitto did not start"
                time.sleep(0.02)
            else:
                return

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def nothing_left_behind() -> Iterator[None]:
    """A test leaves the threads it found, and no unclosed socket or unawaited future."""
    before = set(threading.enumerate())
    yield
    gc.collect()  # what is left behind warns when it is collected, and warnings are errors
    assert set(threading.enumerate()) <= before


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    yield broker
    broker.close()


@pytest.fixture
def embedded() -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker()
    yield broker
    broker.close()


@pytest.fixture(params=["embedded", pytest.param("mosquitto", marks=pytest.mark.mosquitto)])
def broker(request: pytest.FixtureRequest) -> BrokerAddress:
    if request.param == "embedded":
        return request.getfixturevalue("embedded").start()
    return request.getfixturevalue("mosquitto").address


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect lockstep twins to a broker; they are closed after the test, before the broker."""
    started: list[LockstepTwins] = []

    def start(
        address: BrokerAddress,
        run_id: str = "run",
        *,
        gateway: bool = False,
        service: TwinService | None = None,
    ) -> LockstepTwins:
        topics = Topics(run_id)
        twins = LockstepTwins(address, topics, service or TwinService(topics), gateway=gateway)
        started.append(twins)
        twins.start()
        return twins

    yield start
    for twins in started:
        twins.close()
