"""What was measured, and how well it is predicted before and after calibration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cosim.plots.style import COLOURS, WIDTH_IN, caption, tidy
from network.calibration import Calibration, Network
from network.radio.propagation import path_losses_db

_BEFORE, _AFTER = COLOURS[1], COLOURS[0]
_STATES = (("in sight", COLOURS[2]), ("out of sight", COLOURS[0]))


def plot_calibration(result: Calibration, network: Network, png: Path) -> None:
    """Draw loss over distance, errors before and after, and where they are."""
    figure = Figure(figsize=(WIDTH_IN, 4.6), layout="constrained")
    loss, errors, places = figure.subplots(1, 3)
    _draw_loss(loss, result, network)
    _draw_errors(errors, result)
    _draw_places(figure, places, result, network)
    figure.savefig(png, dpi=130)


def _draw_loss(axes: Axes, result: Calibration, network: Network) -> None:
    axes.scatter(result.distance_m, result.loss_db, s=4, color="0.75", label="measured")
    distance_m = np.geomspace(max(result.distance_m.min(), 10.0), result.distance_m.max(), 100)
    height_m = float(network.cells.height_m.mean())
    by_formula = path_losses_db(
        network.scenario, distance_m, network.carrier_ghz, bs_height_m=height_m, ue_height_m=1.5
    )
    for (name, colour), state, formula_db in zip(
        _STATES, result.fitted.loss, by_formula, strict=True
    ):
        fitted_db = state.loss_db(distance_m, network.carrier_ghz)
        axes.plot(distance_m, fitted_db, color=colour, linewidth=2, label=f"fitted, {name}")
        axes.plot(distance_m, formula_db, color=colour, linestyle=":", label=network.scenario)
    axes.set_xscale("log")
    axes.set_xlabel("distance [m]")
    axes.set_ylabel("path loss with shadowing [dB]")
    caption(axes, "Path loss")
    axes.legend(frameon=False, fontsize=8)
    tidy(axes)


def _draw_errors(axes: Axes, result: Calibration) -> None:
    for name, colour, predicted_dbm, error_db in (
        ("before", _BEFORE, result.before_dbm, result.error_before_db),
        ("after, left out of the fit", _AFTER, result.after_dbm, result.error_after_db),
    ):
        errors_db = np.sort(np.abs(predicted_dbm - result.rows.rsrp_dbm))
        share = np.linspace(0.0, 1.0, len(errors_db))
        axes.plot(errors_db, share, color=colour, label=f"{name}: {error_db:.1f} dB rms")
    axes.set_xlabel("error of the predicted RSRP [dB]")
    axes.set_ylabel("share of the places")
    caption(axes, "How well RSRP is predicted")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    tidy(axes)


def _draw_places(figure: Figure, axes: Axes, result: Calibration, network: Network) -> None:
    rows = result.rows
    error_db = rows.rsrp_dbm - result.after_dbm
    most = float(np.nanquantile(np.abs(error_db), 0.95))
    dots = axes.scatter(rows.x_m, rows.y_m, c=error_db, s=5, cmap="PuOr", vmin=-most, vmax=most)
    near = (
        (network.cells.x_m > rows.x_m.min() - 500.0) & (network.cells.x_m < rows.x_m.max() + 500.0)
        & (network.cells.y_m > rows.y_m.min() - 500.0)
        & (network.cells.y_m < rows.y_m.max() + 500.0)
    )  # fmt: skip
    axes.scatter(network.cells.x_m[near], network.cells.y_m[near], marker="^", color="0.2", s=28)
    figure.colorbar(dots, ax=axes, label="measured over predicted [dB]", location="bottom")
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("x [m]")
    axes.set_ylabel("y [m]")
    caption(axes, "Where it is stronger or weaker; sites as triangles")
    tidy(axes)
