"""The boundary between safe and not, over two parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from cosim.batch.envelope import Envelope
from cosim.plots.style import COLOURS, caption, tidy

_SAFE, _UNSAFE = COLOURS[0], COLOURS[1]


def plot_envelope(envelope: Envelope, png: Path) -> None:
    """Draw the points that were run, the boundary between them and how well it is known."""
    figure = Figure(figsize=(8, 5.5), layout="constrained")
    axes = figure.subplots()
    rows, points = envelope.rows, envelope.points
    known = rows.dropna()
    middle = (known["safe"] + known["unsafe"]) / 2
    half = (known["safe"] - known["unsafe"]).abs() / 2
    axes.errorbar(
        middle, known["y"], xerr=half, color="0.3", linewidth=1.5, capsize=3, label="boundary"
    )
    safe = points["share"] == 0
    axes.scatter(
        points["x"][safe], points["y"][safe], marker="o", color=_SAFE, label="safe with all seeds"
    )
    # The more seeds, the stronger.
    strength = np.clip(points["share"][~safe], 0.35, 1.0)
    axes.scatter(
        points["x"][~safe],
        points["y"][~safe],
        marker="x",
        color=_UNSAFE,
        alpha=strength.to_numpy(),
        label=f"{envelope.condition} with some",
    )
    axes.set_xlabel(envelope.x.key)
    axes.set_ylabel(envelope.y.key)
    caption(axes, f"Where {envelope.condition} begins")
    tidy(axes)
    figure.legend(frameon=False, loc="outside lower center", ncols=3, fontsize=9)
    figure.savefig(png, dpi=130)
