"""Pictures of a batch: a KPI over seeds and over what is swept, as SVG."""

from __future__ import annotations

from io import StringIO

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cosim.plots.style import COLOURS, caption, tidy

_WIDTH_IN = 5.6
# A heat map with more cells than this is easier to read without their values.
_MOST_CELLS_WITH_VALUES = 80
_MOST_POINTS_NAMED = 12


def draw_kpi(kpi: str, results: pd.DataFrame, parameters: list[str]) -> str:
    """A KPI over the points of a sweep, as the text of an SVG.

    Without parameters its distribution over seeds; over one parameter each seed and their mean;
    over more a heat map of means over the two that take most values.

    Args:
        kpi: column of `results`.
        results: complete runs of one scenario.
        parameters: columns that vary, without the seed.
    """
    figure = Figure(figsize=(_WIDTH_IN, 3.2), layout="constrained")
    axes = figure.subplots()
    if not parameters:
        _draw_distribution(axes, kpi, results)
    elif len(parameters) == 1:
        _draw_over(axes, kpi, results, parameters[0])
    else:
        _draw_heat_map(figure, axes, kpi, results, parameters)
    caption(axes, kpi)
    text = StringIO()
    # Text stays text: smaller, and found by the browser's search.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": kpi}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _draw_distribution(axes: Axes, kpi: str, results: pd.DataFrame) -> None:
    values = results[kpi].dropna()
    axes.hist(values, bins=min(20, max(5, len(values) // 3)), color=COLOURS[0])
    axes.axvline(values.mean(), color=COLOURS[1], label=f"mean {values.mean():.4g}")
    axes.set_xlabel(kpi)
    axes.set_ylabel("runs")
    axes.legend(frameon=False)
    tidy(axes)


def _draw_over(axes: Axes, kpi: str, results: pd.DataFrame, parameter: str) -> None:
    known = results[[parameter, kpi]].dropna()
    levels = list(dict.fromkeys(known[parameter]))
    numeric = pd.api.types.is_numeric_dtype(known[parameter])
    x = known[parameter] if numeric else known[parameter].map(levels.index)
    means = known[kpi].groupby(x).mean()
    axes.scatter(x, known[kpi], s=14, alpha=0.5, color=COLOURS[0], label="runs", edgecolors="none")
    axes.plot(means.index, means, color=COLOURS[1], marker="_", markersize=14, label="mean")
    if not numeric:
        axes.set_xticks(range(len(levels)), [str(level) for level in levels])
    axes.set_xlabel(parameter)
    axes.legend(frameon=False)
    tidy(axes)


def _draw_heat_map(
    figure: Figure, axes: Axes, kpi: str, results: pd.DataFrame, parameters: list[str]
) -> None:
    across, down = sorted(parameters, key=lambda key: results[key].nunique(), reverse=True)[:2]
    means = results.pivot_table(index=down, columns=across, values=kpi, aggfunc="mean")
    image = axes.imshow(means, aspect="auto", cmap="cividis", origin="lower")
    figure.colorbar(image, ax=axes)
    for place, names in ((axes.set_xticks, means.columns), (axes.set_yticks, means.index)):
        step = -(-len(names) // _MOST_POINTS_NAMED)
        shown = range(0, len(names), step)
        place(shown, [_short(names[number]) for number in shown])
    axes.set_xlabel(across)
    axes.set_ylabel(down)
    if means.size > _MOST_CELLS_WITH_VALUES:
        return
    middle = np.nanmean([np.nanmin(means), np.nanmax(means)])
    for (row, column), value in np.ndenumerate(means.to_numpy()):
        if np.isfinite(value):
            colour = "black" if value > middle else "white"
            axes.text(
                column, row, _short(value), ha="center", va="center", color=colour, fontsize=8
            )


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
