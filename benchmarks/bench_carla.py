"""What it costs to have CARLA move the ego and show everybody else, beside the embedded model.

    python benchmarks/bench_carla.py

`city_grid` at 20 Hz through the unmodified client and the headless server, which is a process of
its own on the same machine. The run takes turns with the embedded model's, three times; medians are
shown. CPU time is that of the whole run, link, sensing, twins and recording included, and of the
server: it says something on a busy machine, too.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from cosim.recording import read_manifest, read_table
from cosim.run import run
from cosim.scenario import load_scenario
from cosim.shipped import find_scenario

ROUNDS = 3
DURATION_S = 40.0
STEP_S = 0.05


def of_process_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def main() -> None:
    command = [sys.executable, "-m", "cosim.cli", "carla-server", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    port = re.search(r":(\d+) ", server.stdout.readline())
    assert port is not None
    sides = {"embedded": "vehicles", "carla": "CARLA"}
    side_s: dict[str, list[float]] = {backend: [] for backend in sides}
    cpu_s: dict[str, list[float]] = {backend: [] for backend in sides}
    users = 0.0
    try:
        for _ in range(ROUNDS):
            for backend, side in sides.items():
                scenario = load_scenario(
                    find_scenario("city_grid"),
                    [
                        f"duration_s={DURATION_S}",
                        f"vehicles.backend={backend}",
                        f"vehicles.carla.port={port.group(1)}",
                        f"vehicles.step_s={STEP_S}",
                        f"driving.step_s={STEP_S}",
                    ],
                )
                with tempfile.TemporaryDirectory() as folder:
                    run_dir = Path(folder) / "run"
                    before_s = time.process_time() + of_process_s(server.pid)
                    run(scenario, run_dir)
                    spent_s = time.process_time() + of_process_s(server.pid) - before_s
                    wall_s = read_manifest(run_dir)["wall_s"]
                    rows = read_table(run_dir, "road_users", ["time_s"])
                users = len(rows) / rows["time_s"].nunique()
                side_s[backend].append(wall_s[side])
                cpu_s[backend].append(spent_s)
    finally:
        server.terminate()
        server.wait()
    columns = ["moved by", "ms per tick", "ticks/s", "x real time", "CPU ms per tick, whole run"]
    table = Table(*columns, box=None, title=f"city_grid, {users:.0f} road users, {1 / STEP_S:g} Hz")
    ticks = DURATION_S / STEP_S
    for backend in sides:
        tick_s = statistics.median(side_s[backend]) / ticks
        table.add_row(
            backend,
            f"{1000 * tick_s:.2f}",
            f"{1 / tick_s:.0f}",
            f"{STEP_S / tick_s:.1f}",
            f"{1000 * statistics.median(cpu_s[backend]) / ticks:.2f}",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    sys.exit(main())
