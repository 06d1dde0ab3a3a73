"""One driven vehicle's drive over time: what it did, its link, and what reached it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullFormatter, ScalarFormatter

from cosim.plots.recorded import Recorded, flows
from cosim.plots.style import COLOURS, HALO, caption, colours_of, new_figure, say_empty, tidy, title
from network.base import HANDOVERS

_BAND_ROW_IN = 0.22
_EVENT_ROWS = 8
_MANY_PACKETS = 4000
_LATENCY_TICKS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
_COLOUR = COLOURS[0]


class Stretch(NamedTuple):
    """A stretch of time in which something has one name."""

    name: str
    from_s: float
    to_s: float


def stretches(time_s: pd.Series, names: pd.Series) -> list[Stretch]:
    """Stretches of equal names; empty ones are left out.

    Args:
        time_s: Ascending instants [s]; what holds at one holds until the next.
        names: What holds at each.
    """
    if time_s.empty:
        return []
    times, values = time_s.to_numpy(), names.astype(str).to_numpy()
    step_s = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    begins = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    ends = np.r_[times[begins[1:]], times[-1] + step_s]
    return [
        Stretch(name, float(begin), float(end))
        for name, begin, end in zip(values[begins], times[begins], ends, strict=True)
        if name
    ]


def driven_ids(run: Recorded, vehicle: str) -> list[str]:
    """Ids that SUMO gave a driven vehicle, in their order; none if it was never on the road."""
    decisions = run.table("decisions", ["vehicle", "id"])
    return list(map(str, decisions.loc[decisions["vehicle"] == vehicle, "id"].unique()))


def draw_drive(
    run: Recorded, vehicle: str, vehicle_ids: Sequence[str], cell_colours: Mapping[str, str]
) -> Figure:
    """Draw a drive.

    Args:
        run: The run.
        vehicle: The driven vehicle's name in the scenario.
        vehicle_ids: What `driven_ids` gives for it; not empty.
        cell_colours: The cells' colours on the map; a cell that isn't in it gets another.
    """
    decisions = run.table(
        "decisions", ["time_s", "vehicle", "function", "speed_mps", "acceleration_mps2"]
    )
    decisions = decisions[decisions["vehicle"] == vehicle]
    links = run.table("links", ["time_s", "id", "cell", "rsrp_dbm", "sinr_db"])
    links = links[links["id"].isin(vehicle_ids)]
    names = decisions["function"].astype(str).str.replace("_", " ")
    functions = stretches(decisions["time_s"], names)
    cells = stretches(links["time_s"], links["cell"])

    heights_in = {"speed": 1.5, "acceleration": 1.3, "function": _band_height_in(functions)}
    if not run.is_ideal:
        heights_in |= {"cell": _band_height_in(cells), "rsrp": 1.3, "sinr": 1.3}
    heights_in["latency"] = 2.3
    figure = new_figure(sum(heights_in.values()) + 0.37 * len(heights_in) + 0.9)
    panels = figure.subplot_mosaic(
        [[name] for name in heights_in], sharex=True, height_ratios=list(heights_in.values())
    )
    panels["speed"].plot(decisions["time_s"], decisions["speed_mps"], color=_COLOUR)
    panels["speed"].set_ylim(bottom=0, top=1.08 * max(float(decisions["speed_mps"].max()), 1.0))
    caption(panels["speed"], "speed [m/s]")
    panels["acceleration"].axhline(0, color="0.7", linewidth=0.8)
    panels["acceleration"].plot(decisions["time_s"], decisions["acceleration_mps2"], color=_COLOUR)
    caption(panels["acceleration"], "acceleration [m/s²]")
    _draw_band(panels["function"], functions, {})
    caption(panels["function"], "driving function that decided")
    if not run.is_ideal:
        _draw_band(panels["cell"], cells, cell_colours)
        caption(panels["cell"], "serving cell")
        caption(panels["rsrp"], "RSRP of the serving cell [dBm]")
        caption(panels["sinr"], "downlink SINR [dB]")
        for axes, level in (
            (panels["rsrp"], links["rsrp_dbm"]),
            (panels["sinr"], links["sinr_db"]),
        ):
            axes.plot(links["time_s"], level, color=_COLOUR, linewidth=1.2)
            if not np.isfinite(level).any():
                say_empty(axes, "not known")
    sent_and_received = _draw_packets(panels["latency"], run, vehicle_ids)
    panels["latency"].set_xlabel("simulated time [s]")
    for axes in panels.values():
        tidy(axes)
        axes.tick_params(labelsize=9)
    marks = _draw_marks(panels, run, vehicle_ids)
    panels["speed"].set_xlim(decisions["time_s"].iloc[0], decisions["time_s"].iloc[-1])
    title(figure, run, f"the drive of {vehicle}")
    figure.legend(handles=marks, loc="outside upper right", ncols=3, frameon=False, fontsize=9)
    figure.legend(
        handles=sent_and_received, loc="outside lower center", ncols=4, frameon=False, fontsize=9
    )
    return figure


def _band_height_in(band: list[Stretch]) -> float:
    return max(len({one.name for one in band}), 2) * _BAND_ROW_IN


def _draw_band(axes: Axes, band: list[Stretch], colours: Mapping[str, str]) -> None:
    """A row for each name, so that nobody has to tell them by colour."""
    names = list(dict.fromkeys(one.name for one in band))
    for row, (name, colour) in enumerate(colours_of(names).items()):
        spans = [(one.from_s, one.to_s - one.from_s) for one in band if one.name == name]
        axes.broken_barh(spans, (row - 0.42, 0.84), facecolors=colours.get(name, colour))
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    if not names:
        say_empty(axes, "none")


def _draw_packets(axes: Axes, run: Recorded, vehicle_ids: Sequence[str]) -> list[Line2D]:
    """Draw what the vehicle sent to the server and what it received; return the legend."""
    packets = run.packets()
    colours = colours_of(flows(packets))
    received = packets["receiver"].isin(vehicle_ids)
    sent = packets["sender"].isin(vehicle_ids) & (packets["receiver"] == "server")
    packets = packets[received | sent]
    caption(
        axes,
        "latency of what it sent to the server and of what it received [ms]; "
        "crosses: lost, and after how long",
    )
    if packets.empty:
        say_empty(axes, "no packets")
        return []
    legend = []
    size = 4.0 if len(packets) < _MANY_PACKETS else 2.0
    # The rarer ones on top, or they wouldn't be seen.
    for flow, count in packets["flow"].value_counts().items():
        some = packets[packets["flow"] == flow]
        arrived, lost = some[some["arrived"]], some[~some["arrived"]]
        colour = colours[str(flow)]
        axes.plot(arrived["sent_s"], arrived["latency_ms"], ".", color=colour, markersize=size)
        axes.plot(lost["sent_s"], lost["latency_ms"], "x", color=colour, markersize=6)
        label = f"{flow}: {len(lost):,} of {count:,} lost"
        legend.append(Line2D([], [], color=colour, marker="o", linestyle="none", label=label))
    if (packets["latency_ms"] > 0).all():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(FixedLocator(_LATENCY_TICKS_MS))
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=-0.1, top=max(1.0, 1.05 * packets["latency_ms"].max()))
    return legend


def _draw_marks(
    panels: Mapping[str, Axes], run: Recorded, vehicle_ids: Sequence[str]
) -> list[Line2D | Patch]:
    """Draw handovers, failures, interruptions and the scenario's events; return their legend."""
    handovers = run.table("handovers", ["time_s", "id", "cause", "interruption_ms", "ping_pong"])
    handovers = handovers[handovers["id"].isin(vehicle_ids)]
    failed = ~handovers["cause"].isin([cause.name.lower() for cause in HANDOVERS])
    back = handovers["ping_pong"].astype(bool)
    events = run.table("events", ["time_s", "kind", "id"])
    collisions = events[(events["kind"] == "collision") & events["id"].isin(vehicle_ids)]
    of_twins = events["kind"].astype(str).str.startswith("twin_")
    told = events[(events["kind"] != "collision") & ~of_twins]
    legend: list[Line2D | Patch] = []
    everywhere = list(panels.values())
    radio = [panels[name] for name in ("cell", "rsrp", "sinr", "latency") if name in panels]
    kinds: tuple[tuple[pd.DataFrame, str, str, Literal["-", ":", "--"], Sequence[Axes]], ...] = (
        (handovers[~failed & ~back], "handover", "0.3", "-", radio),
        (handovers[~failed & back], "ping-pong handover", COLOURS[3], "-", radio),
        (handovers[failed], "connection failed, or back into coverage", COLOURS[1], "-", radio),
        (told, "event of the scenario", "0.3", ":", everywhere),
        (collisions, "collision", COLOURS[1], "--", everywhere),
    )
    for rows, label, colour, style, on in kinds:
        for time_s in rows["time_s"]:
            for axes in on:
                axes.axvline(time_s, color=colour, linestyle=style, linewidth=1.0, zorder=3)
        if len(rows):
            legend.append(Line2D([], [], color=colour, linestyle=style, label=label))
    for row, event in enumerate(told.itertuples()):
        panels["speed"].annotate(
            f"{event.id}: {str(event.kind).replace('_', ' ')}",
            (event.time_s, 1.0),
            xycoords=("data", "axes fraction"),
            # One under the other, so that events at about the same time can be read.
            xytext=(4, -2 - 11 * (row % _EVENT_ROWS)),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color="0.3",
            path_effects=HALO,
        )
    spans = handovers[["time_s", "interruption_ms"]].to_numpy(dtype=np.float64)
    for time_s, interruption_ms in spans.tolist():
        for axes in radio:
            axes.axvspan(
                time_s, time_s + interruption_ms * 1e-3, color=COLOURS[4], alpha=0.35, lw=0
            )
    if len(spans):
        legend.append(Patch(color=COLOURS[4], alpha=0.35, label="without service"))
    return legend
