"""The `cosim` command."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from cosim.batch.baseline_command import app as baseline_app
from cosim.batch.command import batch, report, results
from cosim.batch.search_command import envelope, falsify
from cosim.calibrate.command import calibrate
from cosim.clock import to_s
from cosim.drive.command import drive
from cosim.federate import INTERRUPTED, BadInput, RunError
from cosim.folders import fresh_folder
from cosim.live.command import Host, Port, shown_live, watch
from cosim.live.server import PORT
from cosim.twins.command import app as twins_app

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="SUMO traffic, vehicles and a 5G link in lockstep.",
)
_out = Console(soft_wrap=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False)

app.command()(batch)
app.command()(results)
app.command()(report)
app.command()(envelope)
app.command()(falsify)
app.command()(calibrate)
app.command()(drive)
app.command()(watch)
app.add_typer(baseline_app, name="baseline")
app.add_typer(twins_app, name="twins")


def main() -> None:
    """Run the command; every error that a person can mend is one line."""
    try:
        app()
    except RunError as error:
        _err.print(f"cosim: {error}", markup=False)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _err.print("cosim: interrupted; what was recorded is kept")
        sys.exit(INTERRUPTED)


@app.command()
def run(
    scenario: Annotated[
        str,
        typer.Argument(help="A scenario file, a .sumocfg, or the name of one that comes with it."),
    ],
    out: Annotated[Path | None, typer.Option(help="The run's folder; new or empty.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed, instead of the scenario's.")] = None,
    overrides: Annotated[
        list[str], typer.Option("--set", metavar="KEY.PATH=VALUE", help="Change one value.")
    ] = [],  # noqa: B006 (typer copies it)
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Show it in the browser, at the scenario's pace or at 1.")
    ] = False,
    host: Host = None,
    port: Port = PORT,
) -> None:
    """Run a scenario; exit 0 if all is as expected, 1 if not, 2 on bad input, 3 if a side died."""
    from cosim.run import run as run_scenario
    from cosim.scenario import load_scenario
    from cosim.shipped import find_scenario

    if seed is not None:
        overrides = [*overrides, f"seed={seed}"]
    loaded = load_scenario(find_scenario(scenario), overrides)
    if host is not None and not live:
        raise BadInput("--host is where the page of --live is served; give --live with it")
    # Whoever ends the run politely gets everything closed and kept, as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run_dir = out or fresh_folder(loaded.name)
    shown = shown_live(loaded, run_dir, host=host, port=port) if live else nullcontext()
    with shown as onlooker:
        with _progress(loaded.name, loaded.duration_s, quiet=quiet) as on_tick:
            outcome = run_scenario(loaded, run_dir, on_tick=on_tick, onlooker=onlooker)
        if not quiet:
            _print_kpis({run_dir.name: outcome.kpis})
            _out.print(f"run folder  {run_dir}", markup=False, highlight=False, soft_wrap=True)
            digest = f"digest      {outcome.digest}"
            _out.print(digest, markup=False, highlight=False, soft_wrap=True)
        for verdict in outcome.verdicts:
            if not verdict.passed:
                _err.print(f"cosim: {verdict}", markup=False)
    if not outcome.passed:
        raise typer.Exit(1)


@app.command("list")
def list_scenarios() -> None:
    """List the scenarios that come with it."""
    from cosim.scenario import load_scenario
    from cosim.shipped import shipped_scenarios

    table = Table(box=None, show_header=False, pad_edge=False)
    for path in shipped_scenarios():
        table.add_row(path.stem, load_scenario(path).description)
    _out.print(table)


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from cosim.scenario import Scenario

    print(json.dumps(Scenario.model_json_schema(), indent=2))  # noqa: T201


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs, two or more.")],
    plot: Annotated[
        Path | None, typer.Option(help="Draw the driven vehicle's runs into this PNG.")
    ] = None,
) -> None:
    """Print the KPIs of runs side by side."""
    from cosim.recording import read_kpis

    kpis = {}
    shared = os.path.commonpath([run_dir.absolute().parent for run_dir in runs])
    for run_dir in runs:
        if not (run_dir / "kpis.json").is_file():
            raise BadInput(f"{run_dir}: no kpis.json; expected the folder of a complete run")
        kpis[str(run_dir.absolute().relative_to(shared))] = read_kpis(run_dir)
    _print_kpis(kpis)
    if plot is not None:
        from cosim.plots import plot_comparison

        plot_comparison(runs, plot)
        _out.print(f"drawn       {plot}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def plot(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    out: Annotated[Path | None, typer.Option(help="Where to; RUN/plots if not given.")] = None,
    vehicle: Annotated[
        str | None, typer.Option(help="The driven vehicle to show; the first if not given.")
    ] = None,
) -> None:
    """Draw a run: coverage, the drive, distributions, latency by stage; PNGs and one page."""
    from cosim.plots import plot_run

    drawn = plot_run(run, out or run / "plots", vehicle)
    for note in drawn.notes:
        _err.print(f"cosim: {note}", markup=False)
    for file in drawn.files:
        _out.print(f"drawn       {file}", markup=False, highlight=False, soft_wrap=True)


@app.command("carla-server")
def carla_server(
    port: Annotated[
        int, typer.Option(min=0, max=65534, help="RPC port; streams are on the next. 0: any free.")
    ] = 2000,
    net: Annotated[Path | None, typer.Option(help="SUMO net to drive on.")] = None,
    xodr: Annotated[Path | None, typer.Option(help="OpenDRIVE map to drive on.")] = None,
    hz: Annotated[
        float, typer.Option(min=0.1, max=1000, help="Ticks per second while no client sets them.")
    ] = 20.0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve CARLA 0.9.16's protocol without graphics, to any unmodified CARLA client."""
    from cosim.carla_server import run_carla_server

    run_carla_server(
        host=host,
        port=port,
        net=net,
        xodr=xodr,
        hz=hz,
        ready=lambda line: print(line, flush=True),  # noqa: T201
    )


@app.command()
def why(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    vehicle: Annotated[
        str | None, typer.Option(help="The driven vehicle; the first if not given.")
    ] = None,
    at: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="The decision in force then.")
    ] = None,
    event: Annotated[
        str | None,
        typer.Option(
            help="The decision at the first collision, hard_brake, fallback, mrm, refused_command."
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="ideal|KEY.PATH=VALUE",
            help="Run it again with this changed, and show where the two part.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Explain a decision: by which message, where its time went, which handover and load did it."""
    from cosim.why import EVENTS, Chain, Pairing, compare_with, explain, told
    from cosim.why import as_json as in_json

    if sum(given is not None for given in (at, event, against)) > 1:
        raise BadInput("give one of --at, --event, --against")
    if event is not None and event not in EVENTS:
        raise BadInput(f"--event {event}: expected one of {', '.join(EVENTS)}")
    explanation: Chain | Pairing
    if against is not None:
        explanation = compare_with(run, against, vehicle=vehicle)
    else:
        explanation = explain(run, vehicle=vehicle, at_s=at, event=event)
    print(in_json(explanation) if as_json else told(explanation))  # noqa: T201


@app.command("carla-net")
def carla_net(
    town: Annotated[
        str | None, typer.Argument(help="A map of the server's; the loaded one if not given.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to; TOWN.net.xml if not given.")] = None,
    host: Annotated[str, typer.Option(help="Where the CARLA server is.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Its port for calls.")] = 2000,
) -> None:
    """Write the road of a CARLA map as a SUMO net, to make routes for."""
    from cosim.sides.carla import net_of_town
    from vehicles.settings import CarlaSettings

    net = net_of_town(CarlaSettings(host=host, port=port, town=town))
    written = out or Path(f"{town or 'carla'}.net.xml")
    try:
        shutil.copyfile(net, written)
    except OSError as error:
        raise BadInput(f"--out {written}: can't be written: {error.strerror}") from error
    _out.print(f"written     {written}", markup=False, highlight=False, soft_wrap=True)


def _print_kpis(kpis: dict[str, dict[str, float | None]]) -> None:
    from cosim.kpis import describe

    # Names and values are whole on any screen; what is left goes to the words.
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("KPI", no_wrap=True)
    for run_name in kpis:
        table.add_column(run_name, justify="right", no_wrap=True)
    table.add_column("", style="dim", no_wrap=True, overflow="ellipsis", ratio=1)
    names = list(dict.fromkeys(name for values in kpis.values() for name in values))
    for name in names:
        values = [_shown(values.get(name)) for values in kpis.values()]
        table.add_row(name, *values, describe(name))
    _out.print(table)


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.4f}"


@contextmanager
def _progress(
    name: str, duration_s: float, *, quiet: bool
) -> Iterator[Callable[[int], None] | None]:
    if quiet or not _err.is_terminal:
        yield None
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} s"),
        _RealTimeFactor(),
        TimeRemainingColumn(),
        console=_err,
        transient=True,
    ) as progress:
        task = progress.add_task(name, total=duration_s)
        yield lambda now_ns: progress.update(task, completed=to_s(now_ns))


class _RealTimeFactor(ProgressColumn):
    """Simulated seconds per wall-clock second."""

    def render(self, task: Task) -> Text:
        if not task.elapsed:
            return Text("")
        return Text(f"{task.completed / task.elapsed:.1f} x real time")


if __name__ == "__main__":
    main()
