"""How latency, SINR and interruptions are distributed over a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter, ScalarFormatter

from cosim.plots.recorded import Recorded, flows
from cosim.plots.style import caption, colours_of, new_figure, say_empty, tidy, title
from network.arrays import Floats
from network.base import HANDOVERS, RADIO_LINK_FAILURES, Cause

_CAUSES = {
    **{cause.name.lower(): "handover" for cause in HANDOVERS},
    **{cause.name.lower(): "radio link failure" for cause in RADIO_LINK_FAILURES},
    **{cause.name.lower(): "no access (T304)" for cause in Cause if cause.name.startswith("T304")},
    "scg_failure": "SCG failure",
}
_MOST_POINTS = 2000


def draw_distributions(run: Recorded, vehicle: str, vehicle_ids: Sequence[str]) -> Figure:
    """Draw cumulative distributions of packets' latency, of SINR and of interruptions.

    The network is not the ideal one.

    Args:
        run: The run.
        vehicle: A driven vehicle, whose SINR is drawn beside everyone's.
        vehicle_ids: Its ids in SUMO.
    """
    figure = new_figure(4.8)
    title(figure, run, "distributions of latency, SINR and interruptions")
    latency, sinr, interruption = figure.subplots(1, 3)
    _draw_latency(latency, run)
    links = run.table("links", ["id", "sinr_db"])
    _draw_curves(
        sinr,
        {
            "all stations": links["sinr_db"],
            vehicle: links.loc[links["id"].isin(vehicle_ids), "sinr_db"],
        },
        "no station was served",
    )
    caption(sinr, "downlink SINR over stations and time")
    sinr.set_xlabel("SINR [dB]")
    handovers = run.table("handovers", ["cause", "interruption_ms"])
    cause = handovers["cause"].astype(str).map(lambda name: _CAUSES.get(name, name))
    _draw_curves(
        interruption,
        {name: handovers.loc[cause == name, "interruption_ms"] for name in sorted(set(cause))},
        "no station changed its cell",
        log=True,
    )
    caption(interruption, "interruption by a change of cell")
    interruption.set_xlabel("time without service [ms]")
    for axes, share_of in ((latency, "packets, lost ones included"), (sinr, "samples"),
                           (interruption, "changes")):  # fmt: skip
        axes.set_ylabel(f"share of {share_of}")
        axes.set_ylim(0, 1.005)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        tidy(axes)
        if axes.lines:
            axes.legend(
                loc="upper left", bbox_to_anchor=(0, -0.2), frameon=False, fontsize=9,
                borderaxespad=0,
            )  # fmt: skip
    return figure


def steps(values: Floats, total: int) -> tuple[Floats, Floats]:
    """The share of `total` that is at most x, as corners of a staircase.

    Args:
        values: Any order (n,), n > 0.
        total: n or more: what has no value counts as larger than any.

    Returns:
        x, thinned out where there are very many, and the share at each.
    """
    x = np.sort(values)
    rank = np.unique(np.linspace(0, len(x) - 1, min(len(x), _MOST_POINTS)).round().astype(int))
    return np.r_[x[0], x[rank]], np.r_[0.0, (rank + 1) / total]


def _draw_latency(axes: Axes, run: Recorded) -> None:
    packets = run.packets()
    caption(axes, "latency by kind of packet")
    axes.set_xlabel("latency [ms]")
    if packets.empty:
        say_empty(axes, "no packets")
        return
    for flow, colour in colours_of(flows(packets)).items():
        some = packets[packets["flow"] == flow]
        arrived = some.loc[some["arrived"], "latency_ms"].to_numpy()
        label = f"{flow}, {1 - len(arrived) / len(some):.1%} of {len(some):,} lost"
        if arrived.size:
            axes.step(*steps(arrived, len(some)), where="post", color=colour, label=label)
    _log(axes)


def _draw_curves(
    axes: Axes, curves: dict[str, pd.Series], if_empty: str, *, log: bool = False
) -> None:
    for name, colour in colours_of(curves).items():
        values = curves[name].to_numpy(dtype=np.float64)
        values = values[np.isfinite(values)]
        if values.size:
            label = f"{name}, {values.size:,}"
            axes.step(*steps(values, values.size), where="post", color=colour, label=label)
    if not axes.lines:
        say_empty(axes, if_empty)
    elif log:
        _log(axes)


def _log(axes: Axes) -> None:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low / 1.2, high * 1.2)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
