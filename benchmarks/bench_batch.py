"""What a batch costs beside the sum of its runs.

    python benchmarks/bench_batch.py [SECONDS OF EACH RUN]

200 runs of highway_brake (20 seeds, 10 loads) on all processors. Ideal is what the runs themselves
took, imports excluded, shared out over the processors: as they took within the batch, with every
processor busy, and as a tenth of them takes one after the other.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from cosim.batch.batch import run_batch
from cosim.batch.plan import PlannedRun, plan
from cosim.batch.results import TIMINGS
from cosim.batch.sweep import Span
from cosim.batch.workers import local_workers
from cosim.shipped import find_scenario

SEEDS = Span.model_validate({"from": 1, "count": 20})
LOADS = [round(0.1 * step, 1) for step in range(1, 11)]


def timed(runs: list[PlannedRun], jobs: int) -> tuple[float, float]:
    """Wall-clock time of a batch and of the runs in it [s]."""
    with tempfile.TemporaryDirectory() as folder:
        began_s = time.perf_counter()
        with local_workers(jobs) as execute_all:
            ended = run_batch(
                runs,
                Path(folder) / "batch",
                execute_all,
                resume=False,
                fail_fast=False,
                on_end=lambda _run, _status: None,
            )
        wall_s = time.perf_counter() - began_s
        assert ended.exit_code in (0, 1), "a run broke off"
        spent = pd.read_parquet(Path(folder) / "batch" / TIMINGS)
    return wall_s, float(spent["took_s"].sum())


def main() -> None:
    duration_s = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    overrides = [f"duration_s={duration_s}"]
    if duration_s <= 31:
        overrides.append("events=[]")
    runs = plan(
        [find_scenario("highway_brake")],
        overrides=overrides,
        sweep={"network.load.0.prb_utilisation": LOADS, "seed": SEEDS},
    )
    jobs = os.cpu_count() or 1
    wall_s, within_s = timed(runs, jobs)
    some = runs[::10]
    _, alone_s = timed(some, 1)
    table = Table(
        "", "s", box=None, title=f"{len(runs)} runs of {duration_s:g} s on {jobs} workers"
    )
    table.add_row("the batch", f"{wall_s:.1f}")
    table.add_row("ideal, by the runs in it", f"{within_s / jobs:.1f}")
    table.add_row(
        "ideal, by runs one after the other", f"{alone_s * len(runs) / len(some) / jobs:.1f}"
    )
    table.add_row("batch over the first", f"{wall_s / (within_s / jobs):.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
