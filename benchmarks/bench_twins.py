"""What a lockstep tick costs in which vehicles report, by broker and by form of the messages.

    python benchmarks/bench_twins.py [mqtt://host:port]

Without a URL: the embedded broker, and mosquitto if it is installed. `gateway` is one MQTT message
for all that arrived together, `each` one per vehicle. `idle` has the caller wait at once; `busy`
has it compute in Python for 50 ms between publishing and confirming, as a tick does, and `added` is
what that tick takes beyond one that publishes nothing. `processor`
is what this process spends on it.
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

from vehicles.twins.broker import BrokerAddress, BrokerUnreachable
from vehicles.twins.connection import Connection
from vehicles.twins.embedded_broker import EmbeddedBroker
from vehicles.twins.lockstep import LockstepTwins
from vehicles.twins.service import TwinService
from vehicles.twins.telemetry import Forwarded, Telemetry, encode
from vehicles.twins.topics import Topics

TICKS = 20
BUSY_S = 0.05


def main() -> None:
    """Print the table."""
    print(f"{'broker':10} {'messages':8} {'vehicles':>8} {'idle tick ms':>12} ", end="")
    print(f"{'processor ms':>12} {'busy added ms':>13}")
    for name, address in brokers(sys.argv[1:]):
        for form in ("gateway", "each"):
            for vehicles in (200, 1000):
                topics = Topics(f"bench-{form}-{vehicles}")
                twins = LockstepTwins(
                    address, topics, TwinService(topics), gateway=form == "gateway"
                )
                twins.start()
                measure(twins, 3, vehicles, 0, 0.0)
                processor_s = time.process_time()
                idle = measure(twins, TICKS, vehicles, 3, 0.0)
                processor_ms = 1e3 * (time.process_time() - processor_s) / TICKS
                busy = measure(twins, TICKS, vehicles, 3 + TICKS, BUSY_S)
                alone = measure(twins, TICKS, 0, 3 + 2 * TICKS, BUSY_S)
                twins.close()
                idle_ms = 1e3 * np.median(idle)
                added_ms = 1e3 * (np.median(busy) - np.median(alone))
                print(f"{name:10} {form:8} {vehicles:8} {idle_ms:12.1f} ", end="")
                print(f"{processor_ms:12.1f} {added_ms:13.1f}")


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
        connection = Connection(address)
        try:
            connection.start()
        except BrokerUnreachable:
            time.sleep(0.05)
        else:
            break
    connection.close()
    yield address
    process.kill()
    process.wait()


def measure(
    twins: LockstepTwins, ticks: int, vehicles: int, first: int, busy_s: float
) -> list[float]:
    """Seconds of each tick, from publishing to the states."""
    spent_s = []
    for tick in range(first, first + ticks):
        now_ns = tick * 10**8
        arrived = [
            Forwarded(f"veh_{k}", now_ns, encode(reported(f"veh_{k}", tick, 100.0 * k)))
            for k in range(vehicles)
        ]
        began = time.perf_counter()
        twins.publish(arrived)
        compute(busy_s)
        twins.confirm(60.0, now_ns)
        twins.state(now_ns)
        spent_s.append(time.perf_counter() - began)
    return spent_s


def reported(vehicle_id: str, tick: int, y_m: float) -> Telemetry:
    """What a vehicle at 50 km/h says."""
    return Telemetry(vehicle_id, tick, tick * 10**8, 0.0, 13.9, 0.0, 0.0, x_m=1.39 * tick, y_m=y_m)


def compute(cpu_s: float) -> None:
    """Python and numpy work worth so much time of this thread on the processor."""
    until = time.thread_time() + cpu_s
    values = np.arange(2000.0)
    while time.thread_time() < until:
        values = np.sqrt(values * values + 1e-9)


if __name__ == "__main__":
    main()
