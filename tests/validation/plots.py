"""Pictures of checks that are distributions: ours as curves, the published percentiles on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from network.arrays import Floats
from tests.validation import calibration, radio_checks
from tests.validation.registry import Check, checks

_OURS, _REFERENCE = "#0072B2", "#D55E00"


def plot_calibration(folder: Path) -> Path:
    """Draw coupling loss and geometry SINR of urban macro; return the picture's path.

    Args:
        folder: Where to; made if missing.

    Raises:
        OSError: The folder can't be written.
    """
    registered = {one.name: one for one in checks()}
    figure = Figure(figsize=(11, 5), layout="constrained")
    coupling_loss, sinr = figure.subplots(1, 2)
    ours = calibration.run_once("UMa")
    _draw(
        coupling_loss,
        ours.coupling_loss_db,
        registered["UMa calibration: coupling loss at 5 to 95 %"],
        "coupling loss [dB]",
    )
    _draw(
        sinr,
        ours.sinr_db,
        registered["UMa calibration: geometry SINR at 5 to 95 %"],
        "geometry SINR [dB]",
    )
    figure.suptitle(
        f"Urban macro: {calibration.STATIONS:,} stations against {radio_checks.CALIBRATION}",
        x=0.01, ha="left", fontsize=11,
    )  # fmt: skip
    figure.legend(
        *sinr.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False
    )
    folder.mkdir(parents=True, exist_ok=True)
    png = folder / "uma_calibration.png"
    figure.savefig(png, dpi=150)
    return png


def _draw(axes: Axes, ours: Floats, check: Check, quantity: str) -> None:
    """A curve, and the check's reference with its tolerance as bars."""
    reference = np.asarray(check.compare().reference, dtype=np.float64)
    share = np.array(radio_checks.PERCENTILES) / 100.0
    axes.plot(np.sort(ours), (np.arange(len(ours)) + 1) / len(ours), color=_OURS, label="ours")
    axes.errorbar(
        reference,
        share,
        xerr=np.broadcast_to(np.asarray(check.tolerance, dtype=np.float64), reference.shape),
        fmt="o",
        color=_REFERENCE,
        markersize=5,
        capsize=3,
        zorder=3,
        label="published percentiles, with the check's tolerance",
    )
    axes.set(xlabel=quantity, ylabel="share of stations", ylim=(0, 1))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    outcome = check.run()
    axes.set_title(
        f"farthest apart: {outcome.ours:.1f} against {outcome.reference:.1f} dB "
        f"(tolerance {outcome.tolerance:g} dB)",
        loc="left",
        fontsize=10,
    )
