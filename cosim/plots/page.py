"""All pictures of a run, and one page with them in it.

The page holds the pictures themselves rather than plotly's figures: 2 MB instead of 6 MB and more
for each of a night's hundreds of runs, drawn once, the same on the page, in a paper and on a slide.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from cosim.expectations import Verdict
from cosim.federate import BadInput
from cosim.kpis import describe
from cosim.plots.coverage import cell_colours, draw_coverage, read_ground, work_out_coverage
from cosim.plots.distributions import draw_distributions
from cosim.plots.drive import draw_drive, driven_ids
from cosim.plots.recorded import Recorded, read_run
from cosim.plots.remote import draw_remote, is_driven_from_afar
from cosim.plots.stages import draw_stages
from cosim.recording import KPIS, read_kpis
from cosim.report.page import render, verdict_row, why_text

# Twice what a page shows at first: a click on a picture shows all of it.
_DPI = 180


class Drawn(NamedTuple):
    """What came of drawing a run."""

    files: list[Path]
    notes: list[str]
    """What was left out and why, a line each."""


class Shown(NamedTuple):
    """A picture as a page has it; `data` is its PNG in base 64."""

    file: str
    title: str
    about: str
    data: str


class RunShown(NamedTuple):
    """Pictures of a run, and notes of what couldn't be drawn."""

    pictures: list[Shown]
    notes: list[str]


class _Picture(NamedTuple):
    file: str
    title: str
    about: str
    figure: Figure


def plot_run(run_dir: Path, out_dir: Path, vehicle: str | None = None) -> Drawn:
    """Draw what there is of a run into a folder: PNGs, and `index.html` with all of them in it.

    Args:
        run_dir: The run's folder; the run may have broken off.
        out_dir: Made if missing; pictures drawn before are replaced.
        vehicle: The driven vehicle whose drive is drawn; the scenario's first if None.

    Raises:
        BadInput: Not a run's folder, no such vehicle, or a folder that can't be written.
    """
    run = read_run(run_dir)
    _choose(run, vehicle)
    # Told before anything is worked out.
    _make(out_dir)
    shown = show_run(run_dir, vehicle)
    files = []
    for picture in shown.pictures:
        files.append(out_dir / picture.file)
        _write(files[-1], base64.b64decode(picture.data))
    files.append(out_dir / "index.html")
    _write(files[-1], _page(run, shown).encode())
    return Drawn(files, shown.notes)


def write_run_report(run_dir: Path) -> Path:
    """Write `report.html` of a run into its folder: verdicts, KPIs and all pictures.

    Raises:
        BadInput: Not a run's folder, or one that can't be written.
    """
    file = run_dir / "report.html"
    _write(file, _page(read_run(run_dir), show_run(run_dir)).encode())
    return file


def show_run(run_dir: Path, vehicle: str | None = None) -> RunShown:
    """Draw what there is of a run; arguments and errors as `plot_run`."""
    run = read_run(run_dir)
    vehicle = _choose(run, vehicle)
    notes: list[str] = []
    if not run.manifest.get("complete"):
        reached_s = run.manifest.get("reached_s")
        ended_by = run.manifest.get("ended_by") or "the process was killed"
        at = "" if reached_s is None else f" at {reached_s:g} s"
        notes.append(f"the run broke off{at} ({ended_by}); drawn is what it left")
    pictures = []
    for picture in _pictures(run, vehicle, notes):
        png = BytesIO()
        picture.figure.savefig(png, format="png", dpi=_DPI)
        data = base64.b64encode(png.getvalue()).decode("ascii")
        pictures.append(Shown(picture.file, picture.title, picture.about, data))
    return RunShown(pictures, notes)


def _choose(run: Recorded, vehicle: str | None) -> str | None:
    driven = [one.id for one in run.scenario.vehicles.driven]
    if vehicle is None:
        return driven[0] if driven else None
    if vehicle not in driven:
        known = ", ".join(driven) or "none: the scenario drives no vehicle"
        raise BadInput(f"--vehicle {vehicle}: not driven in this run; expected one of {known}")
    return vehicle


def _pictures(run: Recorded, vehicle: str | None, notes: list[str]) -> Iterator[_Picture]:
    """The pictures that can be drawn, one at a time; what can't is added to the notes."""
    ids = driven_ids(run, vehicle) if vehicle is not None else []
    colours: dict[str, str] = {}
    model = run.scenario.network.model
    if model != "5g":
        notes.append(f"no coverage map: the network's model is `{model}`, without sites")
    else:
        try:
            ground = read_ground(run.scenario)
            coverage = work_out_coverage(run.scenario, ground, run.cell_load())
        except (BadInput, ValueError) as error:
            notes.append(f"no coverage map: {error}")
        else:
            colours = cell_colours(coverage)
            yield _Picture(
                "coverage.png",
                "Coverage",
                "Worked out with the channel and the seed of the run: the same shadowing that the "
                "stations met. The packets of the run itself come on top of the background load.",
                draw_coverage(run, ground, coverage, vehicle, ids),
            )
    if vehicle is None:
        notes.append("no drive: the scenario drives no vehicle")
    elif not ids:
        notes.append(f"no drive: {vehicle} was never on the road")
    else:
        yield _Picture(
            f"drive_{vehicle}.png",
            f"The drive of {vehicle}",
            "What the vehicle did, what its link was like and what reached it, over one time axis.",
            draw_drive(run, vehicle, ids, colours),
        )
        if is_driven_from_afar(run, vehicle):
            yield _Picture(
                f"remote_{vehicle}.png",
                f"The remote driving of {vehicle}",
                "How old the pictures are that it is driven by, and what becomes of its speed.",
                draw_remote(run, vehicle),
            )
    if run.is_ideal:
        notes.append("no distributions and no stages: every packet arrives when it is sent")
        return
    yield _Picture(
        "distributions.png",
        "Distributions",
        "A latency curve ends below 100 % where packets were lost.",
        draw_distributions(run, vehicle or "", ids),
    )
    yield _Picture(
        "stages.png",
        "Latency by stage",
        "Packets around the 50th, 95th and 99th percentile of each kind, and the mean of each "
        "stage over them; the stages of a packet add up to its latency.",
        draw_stages(run),
    )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out {folder}: can't be made: {error.strerror}") from error


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise BadInput(f"{file}: can't be written: {error.strerror}") from error


def _page(run: Recorded, shown: RunShown) -> str:
    scenario, manifest = run.scenario, run.manifest
    facts = [
        f"{scenario.duration_s:g} s",
        f"seed {scenario.seed}",
        f"network {scenario.network.model}",
        f"started {manifest.get('started', 'unknown')}",
        f"digest {manifest.get('digest') or 'none'}",
    ]
    kpis = read_kpis(run.run_dir) if (run.run_dir / KPIS).is_file() else {}
    return render(
        "run.html.j2",
        title=f"{scenario.name}: {run.run_dir.resolve().name}",
        description=scenario.description,
        facts=" · ".join(facts),
        notes=shown.notes,
        verdicts=[verdict_row(Verdict(**verdict)) for verdict in manifest.get("verdicts", [])],
        why=why_text(run.run_dir),
        pictures=shown.pictures,
        kpis=[
            {
                "name": name,
                "figures": ["-" if value is None else f"{value:.6g}"],
                "about": describe(name),
            }
            for name, value in kpis.items()
        ],
    )
