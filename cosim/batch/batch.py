"""A batch from its plan to its verdict: its folder, resuming it, and what it comes to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from cosim.batch.junit import write_junit
from cosim.batch.plan import Executor, PlannedRun
from cosim.batch.results import COMPLETE, Status, is_complete, status_of, write_results
from cosim.batch.seeds import check_trends, judge_together
from cosim.expectations import Verdict, check_names
from cosim.federate import BadInput
from cosim.kpis import kpi_names

_PLAN = "batch.json"
_JUNIT = "junit.xml"
_TOGETHER = "together.json"


class Batch(NamedTuple):
    """What came of a batch: a row per run, and by scenario what its seeds show together."""

    results: pd.DataFrame
    together: dict[str, list[Verdict]]

    @property
    def exit_code(self) -> int:
        """0 if all is as expected, else the worst of 1 failed, 2 refused, 3 broke off."""
        codes = [Status(status).exit_code for status in self.results["status"]]
        missed = any(not verdict.passed for some in self.together.values() for verdict in some)
        return max([int(missed), *codes])


def run_batch(
    runs: Sequence[PlannedRun],
    batch_dir: Path,
    execute_all: Executor,
    *,
    resume: bool,
    fail_fast: bool,
    on_end: Callable[[PlannedRun, Status], None],
) -> Batch:
    """Compute what a plan asks for and isn't there yet, and judge it all.

    Args:
        runs: the plan.
        batch_dir: made if missing; must be empty, or hold the same plan when resuming.
        execute_all: who computes.
        resume: keep the complete runs of the folder.
        fail_fast: stop at the first run that doesn't pass; what is left is not run.
        on_end: called for every run when its end is known.

    Raises:
        BadInput: the folder is in use or holds another plan, or an expectation can't be judged.
        KeyboardInterrupt: Ctrl-C; complete runs are kept.
    """
    for run in runs:
        if run.scenario is not None:
            check_names(run.scenario.expect, kpi_names(run.scenario.driven_ids))
            check_trends(run.scenario.expect, list(run.parameters))
    _open_folder(batch_dir, runs, resume=resume)
    todo = []
    for run in runs:
        if run.scenario is None or is_complete(batch_dir / run.id):
            on_end(run, status_of(batch_dir, run))
        else:
            todo.append(run)
    for run in execute_all(todo, batch_dir):
        status = status_of(batch_dir, run)
        on_end(run, status)
        if fail_fast and status is not Status.PASSED:
            break
    return _judge(runs, batch_dir)


def read_together(batch_dir: Path) -> dict[str, list[Verdict]]:
    """What the seeds of a batch showed together, by scenario."""
    told = json.loads((batch_dir / _TOGETHER).read_text())
    return {name: [Verdict(**verdict) for verdict in some] for name, some in told.items()}


def _judge(runs: Sequence[PlannedRun], batch_dir: Path) -> Batch:
    """Write the results, what the seeds show together, and JUnit."""
    results, timings = write_results(batch_dir, runs)
    together: dict[str, list[Verdict]] = {}
    for name, of_scenario in groupby(runs, key=lambda run: run.scenario_name):
        readable = [run for run in of_scenario if run.scenario is not None]
        mine = (results["scenario"] == name) & results["status"].isin(COMPLETE)
        if readable and mine.any():
            assert readable[0].scenario is not None
            expect = readable[0].scenario.expectations
            together[name] = judge_together(expect, results[mine], list(readable[0].parameters))
    told = {name: [verdict._asdict() for verdict in some] for name, some in together.items()}
    (batch_dir / _TOGETHER).write_text(json.dumps(told, indent=1) + "\n")
    seconds = dict(zip(timings["run"], timings["took_s"], strict=True))
    write_junit(batch_dir / _JUNIT, results, together, seconds)
    return Batch(results, together)


def _open_folder(batch_dir: Path, runs: Sequence[PlannedRun], *, resume: bool) -> None:
    """Make the folder and leave the plan in it, or see that it is the plan's."""
    file = batch_dir / _PLAN
    asked = [{"run": run.id, "asks": _fingerprint(run)} for run in runs]
    if resume and file.is_file():
        there = json.loads(file.read_text())
        if there != asked:
            raise BadInput(
                f"--resume {batch_dir}: its runs are others than these; "
                "give what it was begun with, or a new folder"
            )
        return
    try:
        batch_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out {batch_dir}: can't be made: {error.strerror}") from error
    if any(batch_dir.iterdir()):
        raise BadInput(f"--out {batch_dir}: not empty; name a new folder, or go on with --resume")
    file.write_text(json.dumps(asked, indent=1) + "\n")


def _fingerprint(run: PlannedRun) -> str:
    content = run.error if run.scenario is None else run.scenario.model_dump_json()
    return hashlib.sha256(content.encode()).hexdigest()
