"""Messages a second through the twin service, and what a lockstep tick waits for them.

    python benchmarks/bench_twins.py [mqtt://host:port]

Without a URL: the embedded broker, and mosquitto if it is installed. `idle` has the caller wait at
once; `busy` has it compute in Python for 50 ms between publishing and confirming, as a tick does,
and `added` is what that tick takes beyond one that publishes nothing.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from vehicles.twins.broker import BrokerAddress, BrokerUnreachable, EmbeddedBroker
from vehicles.twins.service import TwinService
from vehicles.twins.telemetry import Telemetry

TICKS = 30
BUSY_S = 0.05


def main() -> None:
    """Print the table."""
    print(f"{'broker':10} {'vehicles':>8} {'messages/s':>10} {'idle tick ms':>12} ", end="")
    print(f"{'publish ms':>10} {'busy wait ms':>12} {'busy added ms':>13}")
    for name, address in brokers(sys.argv[1:]):
        for vehicles in (50, 200, 1000):
            service = TwinService(address, f"bench-{vehicles}")
            service.start()
            measure(service, 3, vehicles, 0, 0.0)
            _, _, idle = measure(service, TICKS, vehicles, 3, 0.0)
            publish, wait, busy = measure(service, TICKS, vehicles, 3 + TICKS, BUSY_S)
            _, _, alone = measure(service, TICKS, 0, 0, BUSY_S)
            service.close()
            idle_ms, added_ms = 1e3 * np.median(idle), 1e3 * (np.median(busy) - np.median(alone))
            print(
                f"{name:10} {vehicles:8} {vehicles / np.median(idle):10.0f} {idle_ms:12.1f} ",
                end="",
            )
            print(
                f"{1e3 * np.median(publish):10.1f} {1e3 * np.median(wait):12.1f} {added_ms:13.1f}"
            )


def brokers(urls: list[str]) -> Iterator[tuple[str, BrokerAddress]]:
    """The brokers to measure, by name."""
    for url in urls:
        yield "given", BrokerAddress.parse(url)
    if not urls:
        embedded = EmbeddedBroker()
        yield "embedded", embedded.start()
        embedded.close()
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program:
            with mosquitto(program) as address:
                yield "mosquitto", address


@contextmanager
def mosquitto(program: str) -> Iterator[BrokerAddress]:
    """A mosquitto on a free port, once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = BrokerAddress("127.0.0.1", probe.getsockname()[1])
    process = subprocess.Popen([program, "-p", str(address.port)], stderr=subprocess.DEVNULL)
    for _ in range(100):
        probe_service = TwinService(address, "probe")
        try:
            probe_service.start()
        except BrokerUnreachable:
            time.sleep(0.05)
        else:
            break
    probe_service.close()
    yield address
    process.kill()
    process.wait()


def measure(
    service: TwinService, ticks: int, vehicles: int, first: int, busy_s: float
) -> tuple[list[float], list[float], list[float]]:
    """Seconds of each tick's publishing, of its waiting, and of the whole tick."""
    publish, wait, whole = [], [], []
    for tick in range(first, first + ticks):
        messages = [
            Telemetry(f"veh_{k}", tick, tick * 10**8, 1523.4 + k, -4.8, 0.3, 13.9, -0.5, 0.02)
            for k in range(vehicles)
        ]
        began = time.perf_counter()
        service.publish(messages)
        published = time.perf_counter()
        compute(busy_s)
        computed = time.perf_counter()
        service.confirm(60.0)
        service.states(tick * 10**8)
        ended = time.perf_counter()
        publish.append(published - began)
        wait.append(ended - computed)
        whole.append(ended - began)
    return publish, wait, whole


def compute(cpu_s: float) -> None:
    """Python and numpy work worth so much time of this thread on the processor."""
    until = time.thread_time() + cpu_s
    values = np.arange(2000.0)
    while time.thread_time() < until:
        values = np.sqrt(values * values + 1e-9)


if __name__ == "__main__":
    main()
