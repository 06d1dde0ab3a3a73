"""`cosim envelope` and `cosim falsify`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cosim.federate import BadInput
from cosim.folders import emptied, fresh_folder

if TYPE_CHECKING:
    from cosim.batch.envelope import Axis, Envelope

_out = Console()
_err = Console(stderr=True, soft_wrap=True, highlight=False)

_Scenario = Annotated[str, typer.Argument(help="A scenario file, or the name of a shipped one.")]
_Overrides = Annotated[
    list[str], typer.Option("--set", metavar="KEY.PATH=VALUE", help="Change one value.")
]
_Out = Annotated[Path | None, typer.Option(help="The folder for runs and findings; new or empty.")]
_Jobs = Annotated[int | None, typer.Option(min=1, help="Worker processes; one per processor.")]


def envelope(
    scenario: _Scenario,
    x: Annotated[str, typer.Option(metavar="KEY.PATH=LOW..HIGH", help="What is bisected.")],
    y: Annotated[str, typer.Option(metavar="KEY.PATH=LOW..HIGH", help="The other parameter.")],
    until: Annotated[
        str, typer.Option(metavar="CONDITION", help="What isn't safe: 'ego.collisions > 0'.")
    ],
    levels: Annotated[int, typer.Option(min=2, help="How many values of y.")] = 7,
    halvings: Annotated[int, typer.Option(min=1, help="How often x's span is halved.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each point, from 1 on.")] = 3,
    overrides: _Overrides = [],  # noqa: B006 (typer copies it)
    out: _Out = None,
    jobs: _Jobs = None,
) -> None:
    """Find the boundary between safe and not over two parameters, and draw it."""
    from cosim.batch.condition import read_condition
    from cosim.batch.envelope import Search, find_envelope
    from cosim.batch.workers import local_workers
    from cosim.kpis import kpi_names
    from cosim.plots.envelope import plot_envelope
    from cosim.scenario import load_scenario
    from cosim.shipped import find_scenario

    file = find_scenario(scenario)
    known = kpi_names(load_scenario(file, overrides).driven_ids)
    search = Search(
        file,
        overrides,
        _read_axis("--x", x),
        _read_axis("--y", y),
        read_condition(until, known),
        levels,
        halvings,
        range(1, seeds + 1),
    )
    with (
        emptied(out or fresh_folder("envelope")) as folder,
        local_workers(jobs or os.cpu_count() or 1) as execute_all,
        _progress("at most", search.most_runs) as on_run,
    ):
        found = find_envelope(search, folder / "runs", execute_all, on_run=on_run)
    found.rows.to_csv(folder / "envelope.csv", index=False)
    found.points.to_csv(folder / "points.csv", index=False)
    plot_envelope(found, folder / "envelope.png")
    _print_envelope(found)
    _out.print(f"drawn       {folder / 'envelope.png'}", highlight=False, soft_wrap=True)


def falsify(
    scenario: _Scenario,
    space: Annotated[
        list[str],
        typer.Option(metavar="KEY.PATH=LOW..HIGH", help="A span, or a list as KEY.PATH=A,B,C."),
    ],
    lowest: Annotated[str | None, typer.Option(metavar="KPI", help="Worst when low.")] = None,
    highest: Annotated[str | None, typer.Option(metavar="KPI", help="Worst when high.")] = None,
    runs: Annotated[int, typer.Option(help="No more than this many.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the search.")] = 1,
    overrides: _Overrides = [],  # noqa: B006
    out: _Out = None,
    jobs: _Jobs = None,
) -> None:
    """Look for the worst case in a space of parameters, and keep it as a scenario file."""
    from cosim.batch.falsify import falsify as find_worst
    from cosim.batch.sweep import read_dimension
    from cosim.batch.workers import local_workers
    from cosim.expectations import nearest_kpi
    from cosim.kpis import kpi_names
    from cosim.scenario import load_scenario, save_scenario
    from cosim.shipped import find_scenario

    kpi = lowest or highest
    if kpi is None or (lowest and highest):
        raise BadInput("falsify: give --lowest KPI or --highest KPI")
    file = find_scenario(scenario)
    known = kpi_names(load_scenario(file, overrides).driven_ids)
    if kpi not in known:
        raise BadInput(nearest_kpi(kpi, known))
    with (
        emptied(out or fresh_folder("falsify")) as folder,
        local_workers(jobs or os.cpu_count() or 1) as execute_all,
        _progress("at most", runs) as on_run,
    ):
        worst = find_worst(
            file,
            dict(read_dimension("--space", given) for given in space),
            kpi,
            highest=highest is not None,
            runs=runs,
            seed=seed,
            overrides=overrides,
            out_dir=folder / "runs",
            execute_all=execute_all,
            on_run=on_run,
        )
    assert worst.run.scenario is not None
    save_scenario(worst.run.scenario, folder / "worst.yaml")
    _out.print(f"{kpi} = {worst.value:g}, the worst of {len(worst.history)} runs, at")
    for key, value in worst.run.point.items():
        _out.print(f"  {key} = {value}", markup=False)
    _out.print(f"kept        {folder / 'worst.yaml'}", highlight=False, soft_wrap=True)


def _read_axis(option: str, given: str) -> Axis:
    from cosim.batch.envelope import Axis

    key, _, span = given.partition("=")
    low, _, high = span.partition("..")
    try:
        axis = Axis(key, float(low), float(high))
    except ValueError:
        axis = None
    if axis is None or not key or axis.low >= axis.high:
        raise BadInput(f"{option} {given}: expected key.path=low..high")
    return axis


def _print_envelope(found: Envelope) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    _out.print(f"{found.condition}, over {found.x.key}:", markup=False, highlight=False)
    table.add_column(found.y.key, justify="right", overflow="fold")
    table.add_column("not at", justify="right")
    table.add_column("but at", justify="right")
    for values in found.rows.to_numpy():
        table.add_row(*(f"{value:.5g}" for value in values))
    _out.print(table)


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)
