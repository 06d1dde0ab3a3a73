"""Runs of one scenario, over each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cosim.plots.style import COLOURS
from cosim.recording import read_manifest, read_table

# Around the first event of a scenario, what happens can be seen.
_BEFORE_S, _AFTER_S = 4.0, 10.0


def plot_comparison(run_dirs: Sequence[Path], png: Path) -> None:
    """Draw the first driven vehicle's speed, acceleration and messages in runs over each other.

    Args:
        run_dirs: folders of runs of one scenario, at most six.
        png: the picture to write.
    """
    figure = Figure(figsize=(9, 7.5), layout="constrained")
    axes: list[Axes] = list(figure.subplots(3, 1, sharex=True))
    scenario = read_manifest(run_dirs[0])["scenario"]
    vehicle = scenario["vehicles"]["driven"][0]["id"]
    first_s = scenario["events"][0]["at_s"] if scenario["events"] else 0.0
    for colour, run_dir in zip(COLOURS, run_dirs, strict=False):
        _draw_run(axes, run_dir, vehicle, colour, first_s)
    speed, acceleration, latency = axes
    speed.set_ylabel(f"speed of {vehicle} [m/s]")
    acceleration.set_ylabel("acceleration [m/s²]")
    latency.set_ylabel(f"latency to {vehicle} [ms]")
    latency.set_xlabel("simulated time [s]")
    for event in scenario["events"]:
        for axis in axes:
            axis.axvline(event["at_s"], color="0.6", linewidth=0.8, linestyle=":")
        kind = "brake" if event["brake"] else "change_lane"
        speed.annotate(
            f"{event[kind]['vehicle']}: {kind.replace('_', ' ')}",
            (event["at_s"], 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(2, -2),
            textcoords="offset points",
            rotation=90,
            va="top",
            fontsize=8,
            color="0.4",
        )
    if scenario["events"]:
        latency.set_xlim(first_s - _BEFORE_S, first_s + _AFTER_S)
    latency.set_ylim(bottom=0)
    for axis in axes:
        axis.grid(color="0.9")
        axis.spines[["top", "right"]].set_visible(False)
    speed.legend(frameon=False, loc="lower left")
    latency.set_title("dots arrived, crosses lost, bands without service", loc="left", fontsize=8)
    speed.set_title(scenario["description"], loc="left", fontsize=10)
    figure.savefig(png, dpi=110)


def _draw_run(
    axes: Sequence[Axes], run_dir: Path, vehicle: str, colour: str, first_s: float
) -> None:
    speed, acceleration, latency = axes
    decisions = read_table(
        run_dir, "decisions",
        ["time_s", "vehicle", "id", "function", "speed_mps", "acceleration_mps2"],
    )  # fmt: skip
    own = decisions[decisions["vehicle"] == vehicle]
    if own.empty:
        return
    user_id = own["id"].iloc[0]
    speed.plot(own["time_s"], own["speed_mps"], color=colour, label=run_dir.name)
    acceleration.plot(own["time_s"], own["acceleration_mps2"], color=colour)
    warned = own[(own["function"] == "emergency_brake_warning") & (own["time_s"] >= first_s)]
    if not warned.empty:
        first = warned.iloc[0]
        acceleration.plot(first["time_s"], first["acceleration_mps2"], "o", color=colour)
        acceleration.annotate(
            f"warned at {first['time_s']:.2f} s",
            (first["time_s"], first["acceleration_mps2"]),
            xytext=(6, 6),
            textcoords="offset points",
            fontsize=8,
            color=colour,
        )
    packets = read_table(run_dir, "packets", ["receiver", "sent_ns", "ended_ns", "fate"])
    packets = packets[packets["receiver"] == user_id]
    reached = packets["fate"] == "delivered"
    for rows, marker in ((reached, "."), (~reached, "x")):
        some = packets[rows]
        latency.plot(
            some["sent_ns"] * 1e-9,
            (some["ended_ns"] - some["sent_ns"]) * 1e-6,
            marker,
            color=colour,
            markersize=4,
            linestyle="none",
        )
    handovers = read_table(run_dir, "handovers", ["time_s", "id", "interruption_ms"])
    for time_s, interruption_ms in (
        handovers.loc[handovers["id"] == user_id, ["time_s", "interruption_ms"]]
        .to_numpy(dtype=np.float64)
        .tolist()
    ):
        latency.axvspan(time_s, time_s + interruption_ms * 1e-3, color=colour, alpha=0.3, lw=0)
