"""`cosim calibrate`: reads measurements, fits, and writes a scenario fragment and a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from ruamel.yaml import YAML

from cosim.federate import BadInput
from cosim.folders import emptied, fresh_folder

if TYPE_CHECKING:
    from network.calibration import Calibration, Measurements, Network
    from network.settings import SiteSettings

_out = Console(soft_wrap=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False)

FRAGMENT = "calibration.yaml"
FIGURES = "calibration.json"
PICTURE = "calibration.png"


def calibrate(
    measurements: Annotated[
        Path,
        typer.Argument(help="A .csv or .parquet table, a G-NetTrack Pro log, or a run's folder."),
    ],
    cells: Annotated[
        str | None,
        typer.Option(
            metavar="SCENARIO",
            help="The scenario whose cells were measured; a run has its own, and for a log without "
            "one their places are estimated.",
        ),
    ] = None,
    net: Annotated[
        Path | None, typer.Option(help="The SUMO net, instead of the scenario's.")
    ] = None,
    technology: Annotated[str, typer.Option(help="Of a log: rows of this NetworkMode.")] = "5G",
    out: Annotated[Path | None, typer.Option(help="The result's folder; new or empty.")] = None,
) -> None:
    """Fit path loss, shadowing, tilt and load to measurements, and write a scenario fragment."""
    from cosim.plots.calibration import plot_calibration
    from network.calibration import STEPS
    from network.calibration import calibrate as fit

    with emptied(out or fresh_folder("calibration")) as folder:
        task = _read(measurements, cells, net, technology)
        with Progress(
            TextColumn("fitting"), BarColumn(), TimeRemainingColumn(),
            console=_err, transient=True, disable=not _err.is_terminal,
        ) as progress:  # fmt: skip
            bar = progress.add_task("fitting", total=STEPS)
            try:
                result = fit(task.measured, task.network, on_step=lambda: progress.advance(bar))
            except ValueError as error:
                raise BadInput(f"{measurements}: {error}") from error
        with (folder / FRAGMENT).open("w") as stream:
            YAML().dump(_fragment(task, result), stream)
        (folder / FIGURES).write_text(json.dumps(_figures(result), indent=2) + "\n")
        plot_calibration(result, task.network, folder / PICTURE)
    _print(result)
    if not result.error_after_db < result.error_before_db:
        _err.print(
            f"cosim: {measurements}: the scenario's own formulas predict it no worse; "
            "more road or more rows would tell more"
        )
    for name in (FRAGMENT, FIGURES, PICTURE):
        _out.print(f"written     {folder / name}", markup=False, highlight=False, soft_wrap=True)


class _Task(NamedTuple):
    """What to fit: rows, the network, and its sites; None where they were estimated."""

    measured: Measurements
    network: Network
    sites: tuple[SiteSettings, ...] | None


def _read(file: Path, cells: str | None, net: Path | None, technology: str) -> _Task:
    from cosim.calibrate import measurements as given
    from cosim.calibrate.networks import network_of, network_of_log
    from cosim.plots.recorded import read_run
    from cosim.scenario import load_scenario
    from cosim.shipped import find_scenario

    scenario = None if cells is None else load_scenario(find_scenario(cells))
    if file.is_dir():
        scenario = scenario or read_run(file).scenario
        table = given.read_run(file)
    elif given.is_log(file):
        table = given.read_log(file, technology)
        if scenario is None:
            return _Task(*network_of_log(table, file, net), None)
    else:
        table = given.read_measurements(file)
    if scenario is None:
        raise BadInput(f"{file}: says nothing of its cells; name their scenario with --cells")
    network, sites, names, plane = network_of(scenario, net)
    measured = given.as_measurements(table, file, names, plane)
    return _Task(measured, network, sites)


def _fragment(task: _Task, result: Calibration) -> dict[str, Any]:
    """What a scenario takes over, under its own keys."""
    states = zip(("los", "nlos"), result.fitted.loss, strict=True)
    path_loss = {
        name: {key: round(float(value), 3) for key, value in state._asdict().items()}
        for name, state in states
    }
    network: dict[str, Any] = {"radio": {"path_loss": path_loss}}
    if task.sites is not None and result.fitted.tilt_offset_deg:
        network["cells"] = [
            {
                **site.model_dump(exclude_defaults=True),
                "downtilt_deg": round(site.downtilt_deg + result.fitted.tilt_offset_deg, 2),
            }
            for site in task.sites
        ]
    if task.sites is None:
        cells = task.network.cells
        network["cells"] = [
            {"id": f"cell-{k}", "x_m": round(float(x), 1), "y_m": round(float(y), 1), "sectors": 1}
            for k, (x, y) in enumerate(zip(cells.x_m, cells.y_m, strict=True))
        ]
    if result.prb_utilisation is not None:
        network["background"] = {"prb_utilisation": round(result.prb_utilisation, 3)}
    return {"network": network}


def _figures(result: Calibration) -> dict[str, Any]:
    """Everything that was found, for programs."""
    figures: dict[str, Any] = {
        "measurements": len(result.rows.x_m),
        "rms_error_before_db": result.error_before_db,
        "rms_error_after_db": result.error_after_db,
        "prb_utilisation": result.prb_utilisation,
        "tilt_offset_deg": result.fitted.tilt_offset_deg,
        "tilt_offset_deviation_deg": result.deviations.tilt_offset_deg,
    }
    for number, name in enumerate(("los", "nlos")):
        figures[name] = {
            **result.fitted.loss[number]._asdict(),
            "deviations": result.deviations.loss[number]._asdict(),
            "measurements": result.in_state[number],
        }
    return figures


def _print(result: Calibration) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name in ("in sight", "out of sight"):
        table.add_column(name, justify="right")
    table.add_row("measurements", *(f"{number:.0f}" for number in result.in_state))
    for key, words in (
        ("exponent", "path-loss exponent"),
        ("offset_db", "loss at 1 m and 1 GHz in dB"),
        ("shadowing_sigma_db", "shadowing in dB"),
    ):
        pairs = zip(result.fitted.loss, result.deviations.loss, strict=True)
        table.add_row(
            words, *(f"{getattr(one, key):.2f} ± {getattr(two, key):.2f}" for one, two in pairs)
        )
    distances = (f"{state.correlation_distance_m:.0f}" for state in result.fitted.loss)
    table.add_row("correlation distance in m", *distances)
    _out.print(table)
    if result.fitted.tilt_offset_deg:
        tilt, deviation = result.fitted.tilt_offset_deg, result.deviations.tilt_offset_deg
        _out.print(f"tilts are off by {tilt:.1f} ± {deviation:.1f} degrees", highlight=False)
    if result.prb_utilisation is not None:
        _out.print(f"other cells are {result.prb_utilisation:.0%} busy", highlight=False)
    _out.print(
        f"RSRP is predicted within {result.error_before_db:.1f} dB rms before, "
        f"{result.error_after_db:.1f} dB after (places left out of the fit)",
        highlight=False,
    )
