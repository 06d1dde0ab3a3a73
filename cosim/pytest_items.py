"""The tests that scenario files become, and who computes their runs."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cosim.batch.baseline import compare, load_baseline, save_baseline
from cosim.batch.plan import Executor, PlannedRun, plan
from cosim.batch.results import COMPLETE, collect, kpis_of
from cosim.batch.seeds import judge_together
from cosim.batch.workers import local_workers
from cosim.expectations import Verdict
from cosim.federate import RunError
from cosim.recording import read_manifest
from cosim.run import Outcome


class ScenarioFile(pytest.File):
    """A scenario file: a test per run, and those of all of its runs."""

    def collect(self) -> Iterator[pytest.Item]:
        """Plan the file's runs."""
        prefix = file_name(self.nodeid)
        runs = [run._replace(id=f"{prefix}/{run.id}") for run in plan([self.path])]
        for run in runs:
            yield RunItem.from_parent(self, name=f"run[{told(run.point)}]", planned=run)
        scenario = runs[0].scenario
        if scenario is None:
            return
        bounds = scenario.expectations.values()
        if any(one.share is not None or one.trend is not None for one in bounds):
            yield TogetherItem.from_parent(self, name="together", runs=runs)
        baseline = self.path.with_name(f"{self.path.name.split('.')[0]}.baseline.json")
        if baseline.is_file() or self.config.option.cosim_update_baselines:
            yield BaselineItem.from_parent(self, name="baseline", runs=runs, file=baseline)


class _Item(pytest.Item):
    """A test that fails in a line, not in a traceback."""

    def repr_failure(  # type: ignore[override]
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> Any:
        """Say what is wrong as the command line does."""
        if isinstance(excinfo.value, RunError | Unexpected):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Name the scenario's file."""
        return self.path, None, self.name


class Unexpected(Exception):
    """An expectation failed; the message has a line for each."""


class RunItem(_Item):
    """One run held against what every run must keep."""

    def __init__(self, *, planned: PlannedRun, **more: Any) -> None:
        super().__init__(**more)
        self.planned = planned

    def runtest(self) -> None:
        """Wait for the run and judge it."""
        runner = runner_of(self.config)
        note(self, self.planned, runner)
        outcome = runner.outcome(self.planned)
        self.user_properties += [(name, str(value)) for name, value in outcome.kpis.items()]
        _expect(outcome.verdicts)


class TogetherItem(_Item):
    """What the seeds of a file show together."""

    def __init__(self, *, runs: Sequence[PlannedRun], **more: Any) -> None:
        super().__init__(**more)
        self._runs = runs

    def runtest(self) -> None:
        """Wait for all the runs and judge them."""
        results = runner_of(self.config).results(self._runs)
        complete = results[results["status"].isin(COMPLETE)]
        if complete.empty:
            raise Unexpected("no run went to its end")
        first = self._runs[0]
        assert first.scenario is not None
        _expect(judge_together(first.scenario.expectations, complete, list(first.parameters)))


class BaselineItem(_Item):
    """A file's runs held against its baseline."""

    def __init__(self, *, runs: Sequence[PlannedRun], file: Path, **more: Any) -> None:
        super().__init__(**more)
        self._runs = runs
        self._file = file

    def runtest(self) -> None:
        """Wait for all the runs, then compare or update."""
        results = runner_of(self.config).results(self._runs)
        if self.config.option.cosim_update_baselines:
            save_baseline(results, self._file)
            return
        comparison = compare(load_baseline(self._file), results)
        if comparison.alarm:
            changes = [
                f"{change.kind}: {change.kpi} {change.point}: was {change.before:.4g}, "
                f"is {change.after:.4g}"
                for change in comparison.changes
            ]
            missing = [f"missing: {run}" for run in comparison.missing]
            raise Unexpected("\n".join([*changes, *missing]))


class Runner:
    """Computes runs in worker processes, each once, and keeps their folders until the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._under_xdist = hasattr(config, "workerinput")
        jobs = 1 if self._under_xdist else os.cpu_count() or 1
        self._jobs = config.option.cosim_jobs or jobs
        self._kept_in: Path = config.rootpath / config.option.cosim_out
        self._closing = ExitStack()
        self._folder: Path | None = None
        self._execute_all: Executor | None = None
        self._ahead: dict[str, threading.Event] = {}

    def begin(self, runs: Sequence[PlannedRun]) -> None:
        """Compute runs in the background; not under xdist, whose workers share them out later."""
        runs = [run for run in runs if run.scenario is not None]
        if self._under_xdist or not runs:
            return
        self._ahead = {run.id: threading.Event() for run in runs}
        # Both are made here, as this thread asks for them too.
        execute_all, folder = self._workers(), self.folder

        def compute() -> None:
            for run in execute_all(runs, folder):
                self._ahead[run.id].set()

        threading.Thread(target=compute, name="cosim runs", daemon=True).start()

    @property
    def folder(self) -> Path:
        """Where the runs' folders are."""
        if self._folder is None:
            made = tempfile.TemporaryDirectory(prefix="cosim-")
            self._folder = Path(self._closing.enter_context(made))
        return self._folder

    def outcome(self, run: PlannedRun) -> Outcome:
        """What came of a run, computed if it isn't yet; RunError if it broke off."""
        self._compute([run])
        kpis = kpis_of(self.folder, run)
        manifest = read_manifest(self.folder / run.id)
        verdicts = [Verdict(**verdict) for verdict in manifest["verdicts"]]
        return Outcome(self.folder / run.id, manifest["digest"], kpis, verdicts)

    def results(self, runs: Sequence[PlannedRun]) -> pd.DataFrame:
        """What came of runs, as `batch.results.collect` gives it."""
        self._compute(runs)
        return collect(self.folder, runs)

    def keep(self, run_dir: Path) -> Path:
        """Copy a run's folder to where it outlives the session."""
        kept = self._kept_in / run_dir.relative_to(self.folder)
        if run_dir.is_dir():
            shutil.copytree(run_dir, kept, dirs_exist_ok=True)
        return kept

    def close(self) -> None:
        """End the workers and remove the folders."""
        self._closing.close()

    def _workers(self) -> Executor:
        if self._execute_all is None:
            self._execute_all = self._closing.enter_context(local_workers(self._jobs))
        return self._execute_all

    def _compute(self, runs: Sequence[PlannedRun]) -> None:
        for run in runs:
            if run.scenario is None:
                continue
            if run.id in self._ahead:
                self._ahead[run.id].wait()
            elif not (self.folder / run.id).exists():
                for _ in self._workers()([run], self.folder):
                    pass


_RUNNER = pytest.StashKey[Runner]()
RUN_DIRS = pytest.StashKey[list[Path]]()
"""With a test: the folders of the runs that it looks at."""


def runner_of(config: pytest.Config) -> Runner:
    """The session's runner."""
    if _RUNNER not in config.stash:
        config.stash[_RUNNER] = Runner(config)
        config.add_cleanup(config.stash[_RUNNER].close)
    return config.stash[_RUNNER]


def note(item: pytest.Item, planned: PlannedRun, runner: Runner) -> None:
    """Leave with a test which run it looks at, for its report."""
    run_dir = runner.folder / planned.id
    item.stash.setdefault(RUN_DIRS, []).append(run_dir)
    item.user_properties.append(("folder", str(run_dir)))
    item.user_properties += [(key, str(value)) for key, value in planned.point.items()]


def _expect(verdicts: Sequence[Verdict]) -> None:
    broken = [str(verdict) for verdict in verdicts if not verdict.passed]
    if broken:
        raise Unexpected("\n".join(broken))


def told(point: Mapping[str, Any]) -> str:
    """A point of a sweep as part of a test's name."""
    return ",".join(f"{key}={value}" for key, value in point.items())


def file_name(nodeid: str) -> str:
    """A test's id as part of a path."""
    return re.sub(r"[^\w.=,-]+", "_", nodeid)
