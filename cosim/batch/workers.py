"""Who computes the runs of a batch: worker processes of this machine.

A worker is used again for the next run, so that imports are paid once. One that crashes, hangs or
runs out of memory costs the run it had, which is tried once more.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from pebble import ProcessExpired, ProcessPool

from cosim.batch.plan import Executor, PlannedRun
from cosim.federate import RunError
from cosim.recording import MANIFEST, read_manifest, write_manifest
from cosim.run import run as run_scenario
from cosim.scenario import Scenario

TRIES = 2
# Libraries may leak; a worker this old is replaced by a new one.
_RUNS_PER_WORKER = 250


def execute(scenario: Scenario, run_dir: Path) -> int:
    """Run a scenario into a folder of its own, what it prints into `output.log` there.

    Returns:
        0 if it went to its end, else the exit code that its manifest holds.
    """
    shutil.rmtree(run_dir, ignore_errors=True)
    run_dir.parent.mkdir(parents=True, exist_ok=True)
    log = run_dir.with_name(f"{run_dir.name}.log")
    try:
        with _output_to(log):
            run_scenario(scenario, run_dir)
    except RunError as error:
        note_end(run_dir, str(error), error.exit_code)
        return error.exit_code
    except Exception as error:
        note_end(run_dir, f"{type(error).__name__}: {error}", RunError.exit_code)
        (run_dir / "error.txt").write_text(traceback.format_exc())
        return RunError.exit_code
    finally:
        if log.stat().st_size:
            log.replace(run_dir / "output.log")
        else:
            log.unlink()
    return 0


@contextmanager
def local_workers(jobs: int, timeout_s: float | None = None) -> Iterator[Executor]:
    """Worker processes of this machine, as something that executes runs; they end with the block.

    What they are at when the block is left stays incomplete.

    Args:
        jobs: how many workers.
        timeout_s: wall-clock time that one run may take.
    """
    # Spawned, not forked: a worker must not inherit SUMO or the threads of this process.
    pool = ProcessPool(
        max_workers=jobs,
        max_tasks=_RUNS_PER_WORKER,
        initializer=_leave_interrupts_to_parent,
        context=get_context("spawn"),
    )

    def execute_all(runs: Sequence[PlannedRun], batch_dir: Path) -> Iterator[PlannedRun]:
        tries: dict[str, int] = {}

        def schedule(run: PlannedRun) -> Future[int]:
            tries[run.id] = tries.get(run.id, 0) + 1
            return pool.schedule(execute, (run.scenario, batch_dir / run.id), timeout=timeout_s)

        pending = {schedule(run): run for run in runs}
        while pending:
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                run = pending.pop(future)
                exit_code = _came_of(future, batch_dir / run.id)
                if exit_code == RunError.exit_code and tries[run.id] < TRIES:
                    pending[schedule(run)] = run
                else:
                    yield run

    try:
        yield execute_all
    finally:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def note_end(run_dir: Path, told: str, exit_code: int) -> None:
    """Say in a run's manifest how it broke off, if it couldn't say so itself."""
    run_dir.mkdir(parents=True, exist_ok=True)
    there = read_manifest(run_dir) if (run_dir / MANIFEST).is_file() else {}
    ended = {"complete": False, "ended_by": told, "exit_code": exit_code}
    write_manifest(run_dir, {**ended, **there})


def _came_of(future: Future[int], run_dir: Path) -> int:
    try:
        return future.result()
    except TimeoutError as error:
        told = f"its time of {error.args[1]:g} s ran out"
    except ProcessExpired as error:
        # A negative exit code is the signal that killed it.
        how = signal.Signals(-error.exitcode).name if error.exitcode < 0 else error.exitcode
        told = f"its process died ({how})"
    note_end(run_dir, told, RunError.exit_code)
    return RunError.exit_code


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _output_to(file: Path) -> Iterator[None]:
    """Send what this process prints into a file, C libraries included."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    with file.open("wb") as stream:
        for descriptor in (1, 2):
            os.dup2(stream.fileno(), descriptor)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, original in zip((1, 2), kept, strict=True):
            os.dup2(original, descriptor)
            os.close(original)
