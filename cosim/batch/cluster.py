"""Who computes the runs of a batch: the workers of a Dask cluster.

Dask restarts a worker that dies and gives its run to another. A run's folder comes back as an
archive, so that workers need nothing of the batch's folder; the scenario's own files (nets, routes)
must be on them under the same paths.
"""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cosim.batch.plan import Executor, PlannedRun
from cosim.batch.workers import TRIES, execute, note_end
from cosim.federate import BadInput, RunError, SideDied
from cosim.scenario import Scenario


class _Returned(NamedTuple):
    exit_code: int
    folder: bytes


@contextmanager
def cluster_workers(scheduler: str) -> Iterator[Executor]:
    """The workers of a cluster, as something that executes runs.

    Args:
        scheduler: address of Dask's scheduler, such as tcp://host:8786.

    Raises:
        BadInput: dask isn't installed, nobody answers, or a worker has more than one thread.
        SideDied: the scheduler went away.
    """
    client = _connect(scheduler)
    from distributed import CancelledError, KilledWorker, as_completed

    def execute_all(runs: Sequence[PlannedRun], batch_dir: Path) -> Iterator[PlannedRun]:
        tries: dict[str, int] = {}

        def submit(run: PlannedRun) -> Any:
            tries[run.id] = tries.get(run.id, 0) + 1
            return client.submit(_execute_remotely, run.scenario, pure=False)

        run_of = {submit(run): run for run in runs}
        ended = as_completed(run_of)  # type: ignore[no-untyped-call]
        for future in ended:
            run = run_of.pop(future)
            try:
                returned = future.result()
            except CancelledError as error:
                raise SideDied("Dask scheduler", f"no answer from {scheduler} any more") from error
            except KilledWorker as error:
                note_end(batch_dir / run.id, f"its workers died: {error}", RunError.exit_code)
                yield run
                continue
            if returned.exit_code == RunError.exit_code and tries[run.id] < TRIES:
                again = submit(run)
                run_of[again] = run
                ended.add(again)  # type: ignore[no-untyped-call]
                continue
            _unpack(returned.folder, batch_dir / run.id)
            yield run

    try:
        yield execute_all
    finally:
        client.close()


def _connect(scheduler: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise BadInput("--cluster needs dask: pip install 'cosim-v2x[cluster]'") from None
    try:
        client: Any = Client(scheduler, timeout="10s")  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise BadInput(f"--cluster {scheduler}: no Dask scheduler answers: {error}") from error
    workers = client.scheduler_info(n_workers=-1)["workers"]
    for name, worker in workers.items():
        if worker["nthreads"] != 1:
            client.close()
            raise BadInput(
                f"--cluster {scheduler}: worker {name} has {worker['nthreads']} threads; start "
                "workers with --nthreads 1, as a process holds one SUMO"
            )
    return client


def _execute_remotely(scenario: Scenario) -> _Returned:
    with tempfile.TemporaryDirectory(prefix="cosim-") as folder:
        run_dir = Path(folder) / "run"
        exit_code = execute(scenario, run_dir)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(run_dir, arcname=".")
    return _Returned(exit_code, packed.getvalue())


def _unpack(folder: bytes, run_dir: Path) -> None:
    shutil.rmtree(run_dir, ignore_errors=True)
    run_dir.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(folder)) as archive:
        archive.extractall(run_dir, filter="data")
