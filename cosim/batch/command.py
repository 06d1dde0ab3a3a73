"""`cosim batch` and `cosim results`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from cosim.federate import INTERRUPTED, BadInput
from cosim.folders import fresh_folder

if TYPE_CHECKING:
    from cosim.batch.batch import Batch
    from cosim.batch.plan import Executor, PlannedRun
    from cosim.batch.results import Status

_out = Console()
_err = Console(stderr=True, soft_wrap=True, highlight=False)
_WORST_SHOWN = 10


def batch(
    scenarios: Annotated[
        list[str], typer.Argument(help="Scenario files, folders of them, or shipped names.")
    ],
    sweeps: Annotated[
        list[str],
        typer.Option(
            "--sweep", metavar="KEY.PATH=A,B,C", help="Vary a value; 1..20 is a span of integers."
        ),
    ] = [],  # noqa: B006 (typer copies it)
    overrides: Annotated[
        list[str], typer.Option("--set", metavar="KEY.PATH=VALUE", help="Change one value.")
    ] = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option(help="The batch's folder; new or empty.")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; one per processor if not given.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Dask scheduler to use, such as tcp://host:8786."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the batch in --out.")
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first run that doesn't pass.")
    ] = False,
    timeout_s: Annotated[
        float | None, typer.Option(min=1, help="Wall-clock time that one run may take.")
    ] = None,
) -> None:
    """Run scenarios over their sweeps; exit 0 if all is as expected, else the worst of 1, 2, 3."""
    from cosim.batch.batch import run_batch
    from cosim.batch.plan import find_scenarios, plan
    from cosim.batch.sweep import read_dimension

    if resume and out is None:
        raise BadInput("--resume: name the batch's folder with --out")
    swept = dict(read_dimension("--sweep", given) for given in sweeps)
    runs = plan(find_scenarios(scenarios), overrides=overrides, sweep=swept)
    batch_dir = out or fresh_folder("batch")
    try:
        with (
            _workers(jobs, timeout_s, cluster) as execute_all,
            _progress(len(runs)) as on_end,
        ):
            ended = run_batch(
                runs, batch_dir, execute_all, resume=resume, fail_fast=fail_fast, on_end=on_end
            )
    except KeyboardInterrupt:
        _err.print(f"cosim: interrupted; --resume --out {batch_dir} goes on with it")
        raise typer.Exit(INTERRUPTED) from None
    _print_batch(ended, batch_dir)
    report(batch_dir)
    raise typer.Exit(ended.exit_code)


def results(
    batch_dir: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a batch.")],
    query: Annotated[
        str | None,
        typer.Option(help="Which runs, such as 'ego.collisions > 0 and status == \"failed\"'."),
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Mean of each KPI by this column, such as a parameter.")
    ] = None,
    kpis: Annotated[
        str | None, typer.Option("--kpi", help="KPIs to show, comma-separated; all if not given.")
    ] = None,
) -> None:
    """Print what came of a batch."""
    from cosim.batch.results import read_results, select

    frame = select(read_results(batch_dir), query=query, by=by, kpis=kpis)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in frame.columns:
        table.add_column(str(name), overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(f"{cell:.6g}" if isinstance(cell, float) else str(cell) for cell in row))
    _out.print(table)


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a batch or a run.")],
) -> None:
    """Draw a batch or a run into one page, `report.html` in its folder."""
    from cosim.batch.results import RESULTS
    from cosim.plots.page import write_run_report
    from cosim.report.batch import write_report

    file = write_report(folder) if (folder / RESULTS).is_file() else write_run_report(folder)
    _out.print(f"report      {file}", markup=False, highlight=False, soft_wrap=True)


def _workers(
    jobs: int | None, timeout_s: float | None, cluster: str | None
) -> AbstractContextManager[Executor]:
    from cosim.batch.cluster import cluster_workers
    from cosim.batch.workers import local_workers

    if cluster is None:
        return local_workers(jobs or os.cpu_count() or 1, timeout_s)
    if jobs is not None or timeout_s is not None:
        raise BadInput("--cluster: --jobs and --timeout-s are for workers of this machine")
    return cluster_workers(cluster)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[PlannedRun, Status], None]]:
    counts: Counter[str] = Counter()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    # Without a terminal the bar would be noise in a log.
    with Progress(*columns, console=_err, disable=not _err.is_terminal) as progress:
        task = progress.add_task("all passed so far", total=total)

        def on_end(run: PlannedRun, status: Status) -> None:
            counts[status] += 1
            others = [f"{count} {name}" for name, count in counts.items() if name != "passed"]
            progress.update(task, advance=1, description=", ".join(others) or "all passed so far")
            if status != "passed" and _err.is_terminal:
                progress.print(f"{run.id}: {status}", markup=False)

        yield on_end


def _print_batch(ended: Batch, batch_dir: Path) -> None:
    runs = ended.results
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("scenario")
    states = list(dict.fromkeys(runs["status"]))
    for state in ("runs", *states):
        table.add_column(str(state), justify="right")
    for name, mine in runs.groupby("scenario", sort=False):
        counts = mine["status"].value_counts()
        table.add_row(str(name), str(len(mine)), *(str(counts.get(state, 0)) for state in states))
    _out.print(table)
    troubled = runs[runs["status"] != "passed"]
    for row in troubled.head(_WORST_SHOWN).itertuples():
        _err.print(f"cosim: {row.run}: {row.status}: {row.told}", markup=False)
    if len(troubled) > _WORST_SHOWN:
        _err.print(
            f"cosim: and {len(troubled) - _WORST_SHOWN} more; see `cosim results {batch_dir}`"
        )
    for name, verdicts in ended.together.items():
        for verdict in verdicts:
            if not verdict.passed:
                _err.print(f"cosim: {name}: {verdict}", markup=False)
    _out.print(f"results     {batch_dir}", markup=False, highlight=False, soft_wrap=True)
