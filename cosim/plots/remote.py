"""Remote driving over time: how old the pictures are, how fast the car, and who has the wheel."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import ScalarFormatter

from cosim.plots.drive import Stretch, stretches
from cosim.plots.recorded import Recorded
from cosim.plots.style import COLOURS, caption, new_figure, tidy, title

_SHADES = {"on_board": "0.88", "minimal_risk": "#F6C9A5"}
_NAMES = {"on_board": "not taken over yet", "minimal_risk": "minimal-risk manoeuvre"}


def is_driven_from_afar(run: Recorded, vehicle: str) -> bool:
    """Whether a vehicle was driven from afar."""
    drives = run.table("remote_driving", ["vehicle"])
    return bool((drives["vehicle"] == vehicle).any())


def draw_remote(run: Recorded, vehicle: str) -> Figure:
    """Draw a vehicle's remote driving.

    Args:
        run: The run.
        vehicle: A driven vehicle for which `is_driven_from_afar`.
    """
    columns = ["mode", "picture_age_ms", "speed_cap_mps", "bit_rate_mbps"]
    drives = _of(run, "remote_driving", vehicle, columns)
    frames = _of(run, "frames", vehicle, ["glass_to_glass_ms"])
    decisions = _of(run, "decisions", vehicle, ["speed_mps"])
    figure = new_figure(6.6)
    speed, age, rate = figure.subplots(3, 1, sharex=True, height_ratios=(1.4, 1.6, 0.9))
    time_s = drives["time_s"]

    speed.plot(decisions["time_s"], decisions["speed_mps"], color=COLOURS[0])
    speed.plot(time_s, drives["speed_cap_mps"], color=COLOURS[1], linewidth=1.0)
    speed.set_ylim(0, 1.5 * max(float(decisions["speed_mps"].max()), 1.0))
    caption(speed, "speed, and what the delay allows (thin) [m/s]")

    age.plot(time_s, drives["picture_age_ms"], color=COLOURS[0], linewidth=1.2)
    shown_ms = frames["glass_to_glass_ms"]
    age.plot(frames["time_s"], shown_ms, ".", color=COLOURS[2], markersize=3)
    lost = shown_ms.isna()
    least_ms = 0.8 * float(np.nanmin(shown_ms)) if shown_ms.notna().any() else 10.0
    at_the_foot = np.full(int(lost.sum()), least_ms)
    age.plot(frames.loc[lost, "time_s"], at_the_foot, "x", color=COLOURS[1], markersize=4)
    age.set_yscale("log")
    age.yaxis.set_major_formatter(ScalarFormatter())
    caption(
        age,
        "age of the picture behind the newest command, and from camera to screen (dots) [ms]; "
        "crosses: frames never shown",
    )
    rate.plot(time_s, drives["bit_rate_mbps"], color=COLOURS[0])
    rate.set_ylim(bottom=0)
    caption(rate, "bit rate of the video [Mbit/s]")
    rate.set_xlabel("simulated time [s]")
    modes = stretches(time_s, drives["mode"])
    for axes in (speed, age, rate):
        tidy(axes)
        _shade(axes, modes)
    speed.set_xlim(time_s.iloc[0], time_s.iloc[-1])
    title(figure, run, f"remote driving of {vehicle}")
    told = [
        Patch(color=_SHADES[name], label=_NAMES[name])
        for name in dict.fromkeys(mode.name for mode in modes)
        if name in _SHADES
    ]
    figure.legend(handles=told, loc="outside upper right", ncols=2, frameon=False, fontsize=9)
    return figure


def _of(run: Recorded, table: str, vehicle: str, columns: list[str]) -> pd.DataFrame:
    rows = run.table(table, ["time_s", "vehicle", *columns])
    return rows[rows["vehicle"] == vehicle]


def _shade(axes: Axes, modes: list[Stretch]) -> None:
    for mode in modes:
        if mode.name in _SHADES:
            axes.axvspan(mode.from_s, mode.to_s, color=_SHADES[mode.name], zorder=0, linewidth=0)
