"""What all pictures have in common."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from cosim.plots.recorded import Recorded

# Okabe and Ito's colours, told apart by everyone.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
HALO = [withStroke(linewidth=2.5, foreground="white")]
"""Lets text and lines be seen on any ground."""
WIDTH_IN = 12.5
"""A laptop's browser shows it about as wide as it was drawn."""


def tidy(axes: Axes) -> None:
    """Leave of the frame what carries a scale, and lay a light grid under the data."""
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def caption(axes: Axes, text: str) -> None:
    """Say over the axes what is drawn in them."""
    axes.set_title(text, loc="left", fontsize=10)


def title(figure: Figure, run: Recorded, text: str) -> None:
    """Say over a picture which run it is of and what it shows."""
    figure.suptitle(
        f"{run.scenario.name}, seed {run.scenario.seed}: {text}", x=0.01, ha="left", fontsize=10
    )


def say_empty(axes: Axes, why: str) -> None:
    """Say in the middle of axes why there is nothing in them."""
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color="0.4")


def new_figure(height_in: float) -> Figure:
    """An empty picture as wide as the page."""
    return Figure(figsize=(WIDTH_IN, height_in), layout="constrained")


def colours_of(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name, in their order; they come again after six."""
    return {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
