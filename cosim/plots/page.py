"""All pictures of a run, and one page with them in it.

The page holds the pictures themselves rather than plotly's figures: 2 MB instead of 6 MB and more
for each of a night's hundreds of runs, drawn once, the same on the page, in a paper and on a slide.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from cosim.federate import BadInput
from cosim.plots.coverage import cell_colours, draw_coverage, read_ground, work_out_coverage
from cosim.plots.distributions import draw_distributions
from cosim.plots.drive import draw_drive, driven_ids
from cosim.plots.recorded import Recorded, read_run
from cosim.plots.stages import draw_stages

# Twice what a page shows at first: a click on a picture shows all of it.
_DPI = 180

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 1240px; margin: 1.5rem auto;
  padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; margin: 0; }}
h2 {{ font-size: 1.15rem; margin: 2rem 0 .3rem; }}
p {{ margin: .3rem 0; }}
.facts, figcaption {{ color: #555; font-size: .9rem; overflow-wrap: anywhere; }}
.note {{ border-left: 4px solid #D55E00; padding-left: .7rem; }}
figure {{ margin: 0; overflow-x: auto; }}
img {{ max-width: 100%; height: auto; cursor: zoom-in; }}
img.whole {{ max-width: none; cursor: zoom-out; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{description}</p>
<p class="facts">{facts}</p>
{body}
<script>
for (const picture of document.images) {{
  picture.addEventListener("click", () => picture.classList.toggle("whole"));
}}
</script>
</body>
</html>
"""


class Drawn(NamedTuple):
    """What came of drawing a run."""

    files: list[Path]
    notes: list[str]
    """What was left out and why, a line each."""


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
    vehicle = _choose(run, vehicle)
    notes: list[str] = []
    if not run.manifest.get("complete"):
        reached_s = run.manifest.get("reached_s")
        ended_by = run.manifest.get("ended_by") or "the process was killed"
        at = "" if reached_s is None else f" at {reached_s:g} s"
        notes.append(f"the run broke off{at} ({ended_by}); drawn is what it left")
    # Told before anything is worked out.
    _make(out_dir)
    files = []
    shown = []
    for picture in _pictures(run, vehicle, notes):
        png = BytesIO()
        picture.figure.savefig(png, format="png", dpi=_DPI)
        files.append(out_dir / picture.file)
        _write(files[-1], png.getvalue())
        shown.append(_shown(picture, png.getvalue()))
    files.append(out_dir / "index.html")
    _write(files[-1], _page(run, notes, shown).encode())
    return Drawn(files, notes)


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
            coverage = work_out_coverage(run.scenario, ground)
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


def _shown(picture: _Picture, png: bytes) -> str:
    data = base64.b64encode(png).decode("ascii")
    return (
        f"<h2>{escape(picture.title)}</h2>\n<figure>"
        f'<img alt="{escape(picture.title)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(picture.about)}</figcaption></figure>"
    )


def _page(run: Recorded, notes: list[str], shown: list[str]) -> str:
    scenario, manifest = run.scenario, run.manifest
    facts = [
        f"{scenario.duration_s:g} s",
        f"seed {scenario.seed}",
        f"network {scenario.network.model}",
        f"started {manifest.get('started', 'unknown')}",
        f"digest {manifest.get('digest') or 'none'}",
    ]
    marked = [f'<p class="note">{escape(note)}</p>' for note in notes]
    return _PAGE.format(
        title=escape(f"{scenario.name}: {run.run_dir.resolve().name}"),
        description=escape(scenario.description),
        facts=escape(" · ".join(facts)),
        body="\n".join([*marked, *shown]),
    )
