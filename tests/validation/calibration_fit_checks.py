"""Calibration against a network whose path loss is known."""

from __future__ import annotations

import numpy as np

from network.calibration import fit_loss
from tests.network.measured_drive import TRUTH, drive
from tests.validation.registry import Comparison, Fault, check

FIT = "network.calibration"


@check(
    "Path loss out of sight fitted to a drive, at 100, 300 and 1000 m",
    source="a drive of 3000 rows through a network of known path loss",
    unit="dB",
    tolerance=2.5,
    faults=[
        Fault("the other cells' silence ignored", f"{FIT}:_log_weaker",
              lambda _: lambda normal, *_rest: np.zeros_like(normal)),
        Fault("every link taken for one in sight", f"{FIT}:los_probability",
              lambda _: lambda _scenario, distance_m, **_named: np.ones_like(distance_m)),
        Fault("the antenna's gain lost", "network.radio.channel:Cells.antenna_gain_dbi",
              lambda gain_dbi: lambda *where: np.zeros_like(gain_dbi(*where))),
    ],
)  # fmt: skip
def fitted_path_loss() -> Comparison:
    measured, known = drive(seed=6, rows=3000)
    state, distance_m = fit_loss(measured, known).loss.nlos, np.array([100.0, 300.0, 1000.0])
    return Comparison(state.loss_db(distance_m, 3.5), TRUTH.nlos.loss_db(distance_m, 3.5))
