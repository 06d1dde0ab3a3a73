"""`cosim baseline save` and `cosim baseline check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from cosim.batch.baseline import Change, Comparison

app = typer.Typer(help="Keep what a batch came to, and notice when it changes.")
_out = Console()
_err = Console(stderr=True, soft_wrap=True, highlight=False)

_Batch = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a batch.")]
_File = Annotated[Path, typer.Option(help="The baseline's file, to be kept under version control.")]
_DEFAULT = Path("baseline.json")


@app.command()
def save(batch_dir: _Batch, file: _File = _DEFAULT) -> None:
    """Make a batch the baseline; tolerances in an older file stay."""
    from cosim.batch.baseline import save_baseline
    from cosim.batch.results import read_results

    count = save_baseline(read_results(batch_dir), file)
    _out.print(f"saved       {count} runs in {file}", markup=False, highlight=False)


@app.command()
def check(batch_dir: _Batch, file: _File = _DEFAULT) -> None:
    """Hold a batch against the baseline; exit 1 if something got worse or changed."""
    from cosim.batch.baseline import compare, load_baseline
    from cosim.batch.results import read_results
    from cosim.why import explain_worst, told

    comparison = compare(load_baseline(file), read_results(batch_dir))
    if comparison.changes:
        _out.print(_table(comparison.changes))
        for run in dict.fromkeys(change.run for change in comparison.changes):
            chain = explain_worst(batch_dir / run)
            headline = "" if chain is None else told(chain).splitlines()[0]
            _out.print(f"cosim why {batch_dir / run}: {headline}", markup=False, soft_wrap=True)
    _tell(comparison, file)
    if comparison.alarm:
        raise typer.Exit(1)


def _table(changes: list[Change]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "KPI", "was", "is", "p", "at"):
        number = name in ("was", "is", "p")
        table.add_column(name, justify="right" if number else "left", no_wrap=name != "at")
    for change in changes:
        table.add_row(
            str(change.kind),
            change.kpi,
            f"{change.before:.4g}",
            f"{change.after:.4g}",
            f"{change.p:.2g}",
            change.point,
        )
    return table


def _tell(comparison: Comparison, file: Path) -> None:
    for run in comparison.missing:
        _err.print(f"cosim: {run} is in {file}, but no complete run of the batch", markup=False)
    redigested = len(comparison.redigested)
    told = f"{redigested} with another digest" if redigested else "all with the same digest"
    changed = f"{len(comparison.changes)} KPIs changed" if comparison.changes else "no KPI changed"
    _out.print(f"compared    {comparison.compared} runs, {told}; {changed}", highlight=False)
