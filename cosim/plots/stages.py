"""Where packets' time goes: the stages of typical, late and very late packets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from cosim.plots.recorded import STAGE_COLUMNS, Recorded, flows
from cosim.plots.style import caption, new_figure, say_empty, tidy, title
from network.arrays import Floats
from network.packet import Stage


class Paint(NamedTuple):
    """How a stage is drawn: one hue a leg of the way, from early to late."""

    label: str
    colour: str
    hatch: str = ""


PAINTS: dict[Stage, Paint] = {
    Stage.UL_SCHEDULING: Paint("uplink: scheduling request and grant", "#08306B"),
    Stage.UL_QUEUE: Paint("uplink: queue", "#0072B2"),
    Stage.UL_AIR: Paint("uplink: on the air", "#9ECAE1"),
    Stage.UL_RETRANSMISSION: Paint("uplink: retransmissions", "#9ECAE1", "////"),
    Stage.INTERRUPTION: Paint("interruption", "#000000"),
    Stage.BACKHAUL: Paint("backhaul", "#595959"),
    Stage.CORE: Paint("core", "#969696"),
    Stage.SERVER: Paint("server", "#D0D0D0"),
    Stage.DL_QUEUE: Paint("downlink: queue", "#A63603"),
    Stage.DL_AIR: Paint("downlink: on the air", "#FDBE85"),
    Stage.DL_RETRANSMISSION: Paint("downlink: retransmissions", "#FDBE85", "////"),
}
# Percentile, and the percentiles between which packets are taken for it.
_PERCENTILES = {
    "p50: typical packets": (45.0, 55.0),
    "p95: late packets": (94.0, 96.0),
    "p99: very late packets": (98.5, 99.5),
}

# A narrower piece has no room for its number.
_LEAST_SHARE_WITH_NUMBER = 0.09


def draw_stages(run: Recorded) -> Figure:
    """Draw mean stages of the packets around the 50th, 95th and 99th percentile of each kind.

    The network is not the ideal one, on which packets take no time.
    """
    packets = run.packets()
    packets = packets[packets["arrived"]]
    kinds = flows(packets)
    figure = new_figure(2.3 + 0.55 * max(len(kinds), 2))
    panels: list[Axes] = list(figure.subplots(1, len(_PERCENTILES), sharey=True))
    for axes, (percentile, (low, high)) in zip(panels, _PERCENTILES.items(), strict=True):
        caption(axes, percentile)
        tidy(axes)
        axes.set_xlabel("share of the mean latency; numbers: mean [ms]")
        if not kinds:
            say_empty(axes, "no packet arrived")
            continue
        for row, flow in enumerate(kinds):
            stages_ms = mean_stages_ms(packets[packets["flow"] == flow], low, high)
            _draw_bar(axes, row, stages_ms)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.grid(visible=False, axis="y")
    counts = packets["flow"].value_counts()
    panels[0].set_yticks(range(len(kinds)), [f"{flow}\n{counts[flow]:,}" for flow in kinds])
    panels[0].set_ylim(max(len(kinds), 1) - 0.5, -0.5)
    if panels[0].patches:
        handles, labels = panels[0].get_legend_handles_labels()
        by_label = dict(zip(labels, handles, strict=True))
        figure.legend(
            by_label.values(), by_label, loc="outside lower center", ncols=4, frameon=False,
            fontsize=9,
        )  # fmt: skip
    title(figure, run, "where the time of the packets that arrived went")
    return figure


def mean_stages_ms(packets: pd.DataFrame, low: float, high: float) -> Floats:
    """Mean of each stage over the packets between two percentiles of latency.

    Args:
        packets: Of one kind, at least one, with `latency_ms` and the stages' columns.
        low: From this percentile.
        high: To this one; at least one packet is taken.

    Returns:
        Means [ms] in the order of `Stage`; their sum is the mean latency of these packets.
    """
    order = np.argsort(packets["latency_ms"].to_numpy(), kind="stable")
    begin = min(int(len(order) * low / 100.0), len(order) - 1)
    end = max(int(np.ceil(len(order) * high / 100.0)), begin + 1)
    taken = packets.iloc[order[begin:end]]
    return np.asarray(taken[list(STAGE_COLUMNS)].to_numpy().mean(axis=0) * 1e-6)


def _draw_bar(axes: Axes, row: int, stages_ms: Floats) -> None:
    """Shares of the whole, so that short latencies can be read beside long ones; ms in numbers."""
    whole_ms = float(stages_ms.sum())
    left = 0.0
    for stage, paint in PAINTS.items():
        share = float(stages_ms[stage]) / whole_ms
        axes.barh(
            row,
            share,
            0.62,
            left=left,
            color=paint.colour,
            hatch=paint.hatch,
            edgecolor="white",
            linewidth=0,
            label=paint.label,
        )
        if share > _LEAST_SHARE_WITH_NUMBER:
            dark = sum(to_rgb(paint.colour)) < 1.5
            axes.text(
                left + share / 2,
                row,
                _ms(stages_ms[stage]),
                color="white" if dark else "black",
                ha="center",
                va="center",
                fontsize=8,
            )
        left += share
    axes.text(1.02, row, f"{_ms(whole_ms)} ms", va="center", fontsize=9)


def _ms(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
