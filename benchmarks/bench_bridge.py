"""What the whole bridge costs beside SUMO alone, and where the time goes.

    python benchmarks/bench_bridge.py

Each row is one scenario, run by SUMO alone and by the bridge in turn, three times; medians are
shown.
SUMO alone takes the same steps through libsumo and reads nothing.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import libsumo
import sumo
from rich.console import Console
from rich.table import Table

from cosim.recording import read_manifest, read_table
from cosim.run import run
from cosim.scenario import Scenario, load_scenario
from cosim.shipped import find_scenario
from cosim.traffic.files import sumo_arguments

ROUNDS = 3
GAME = Path(sumo.SUMO_HOME) / "tools" / "game"
CASES = (
    ("highway_brake", find_scenario("highway_brake"), ["duration_s=45"]),
    ("city_grid", find_scenario("city_grid"), ["duration_s=30"]),
    ("A10KW (motorway)", GAME / "A10KW.sumocfg", ["duration_s=60"]),
)
SIDES = ("SUMO", "vehicles", "link", "driving", "on-board units", "MQTT broker", "recorder")


def sumo_alone_s(scenario: Scenario, folder: Path) -> float:
    arguments = sumo_arguments(scenario.traffic, folder, scenario.seed)
    step_s = float(arguments[arguments.index("--step-length") + 1])
    libsumo.start(["sumo", *arguments])
    began = time.perf_counter()
    for _ in range(round(scenario.duration_s / step_s)):
        libsumo.simulationStep()
    spent = time.perf_counter() - began
    libsumo.close()
    return spent


def main() -> None:
    columns = ["scenario", "road users", "SUMO alone", "bridge", "ratio", *SIDES]
    table = Table(*columns, box=None, title="ms per simulated second, medians")
    for name, path, overrides in CASES:
        scenario = load_scenario(path, overrides)
        alone: list[float] = []
        bridge: list[float] = []
        by_side: dict[str, list[float]] = {side: [] for side in SIDES}
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory() as folder:
                alone.append(sumo_alone_s(scenario, Path(folder) / "alone"))
                run_dir = Path(folder) / "bridge"
                run(scenario, run_dir)
                wall_s = read_manifest(run_dir)["wall_s"]
                bridge.append(sum(wall_s.values()))
                for side in SIDES:
                    by_side[side].append(wall_s[side])
                users = read_table(run_dir, "road_users", ["time_s"])
        per_second = 1000 / scenario.duration_s
        mean_users = len(users) / users["time_s"].nunique()
        table.add_row(
            name,
            f"{mean_users:.0f}",
            f"{statistics.median(alone) * per_second:.1f}",
            f"{statistics.median(bridge) * per_second:.1f}",
            f"{statistics.median(b / a for b, a in zip(bridge, alone, strict=True)):.1f}",
            *(f"{statistics.median(spent) * per_second:.1f}" for spent in by_side.values()),
        )
    Console(width=160).print(table)


if __name__ == "__main__":
    sys.exit(main())
