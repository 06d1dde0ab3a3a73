from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from network.calibration import STEPS, calibrate, fit_loss, place_cells
from network.draws import key_of
from network.radio.channel import Cells, Channel
from network.radio.log_distance import LogDistance, MeasuredLoss
from tests.network.measured_drive import PRB_UTILISATION, TRUTH, drive


def test_a_channel_loses_what_was_measured() -> None:
    free_space = LogDistance(2.0, 32.4, 0.0, 37.0)
    one = np.array([0.0])
    cells = Cells(
        np.array([key_of("mast")], dtype=np.uint64), one, one, np.array([26.5]),
        np.array([np.nan]), one,
    )  # fmt: skip
    channel = Channel(
        cells, scenario="UMa", carrier_ghz=3.5, seed=1, measured=MeasuredLoss(*[free_space] * 2)
    )
    x_m = np.array([100.0, 1000.0])
    near, far = channel.path_gain_db(x_m, np.zeros(2), np.full(2, 1.5))[:, 0]
    near_dbi, far_dbi = cells.antenna_gain_dbi(x_m, np.zeros(2), np.full(2, 1.5))[:, 0]
    slant_m = np.hypot(x_m, 25.0)
    expected_db = 20.0 * np.log10(slant_m[1] / slant_m[0])
    assert (near - near_dbi) - (far - far_dbi) == pytest.approx(expected_db, abs=1e-3)
    assert near_dbi - near == pytest.approx(
        20.0 * np.log10(slant_m[0]) + 32.4 + 20.0 * np.log10(3.5), abs=1e-3
    )


def test_a_drive_tells_path_loss_shadowing_tilt_and_load() -> None:
    measured, known = drive(seed=3, rows=2000, tilt_off_deg=3.0)
    steps = []
    found = calibrate(measured, known, on_step=lambda: steps.append(1))
    assert len(steps) <= STEPS
    assert found.fitted.tilt_offset_deg == pytest.approx(3.0, abs=0.5)
    for one, sure, true in zip(found.fitted.loss, found.deviations.loss, TRUTH, strict=True):
        assert abs(one.exponent - true.exponent) < 3.0 * sure.exponent
        assert sure.exponent < 0.35
        assert one.shadowing_sigma_db == pytest.approx(true.shadowing_sigma_db, abs=0.8)
        assert one.loss_db(300.0, 3.5) == pytest.approx(true.loss_db(300.0, 3.5), abs=2.0)
    out_of_sight_m = found.fitted.loss.nlos.correlation_distance_m
    assert out_of_sight_m == pytest.approx(TRUTH.nlos.correlation_distance_m, rel=0.5)
    assert found.prb_utilisation == pytest.approx(PRB_UTILISATION, abs=0.12)
    assert found.error_after_db < found.error_before_db


def test_the_more_was_measured_the_nearer_it_comes_to_the_truth() -> None:
    distance_m = np.geomspace(50.0, 1000.0, 20)
    errors_db = []
    for rows in (100, 1000, 4000):
        apart_db = []
        for seed in (3, 4, 5, 6):
            measured, known = drive(seed, rows)
            fitted = fit_loss(measured, known).loss
            apart_db.append(
                fitted.nlos.loss_db(distance_m, 3.5) - TRUTH.nlos.loss_db(distance_m, 3.5)
            )
        errors_db.append(float(np.sqrt(np.mean(np.square(apart_db)))))
    assert errors_db[0] > 2.0 * errors_db[1]
    assert errors_db[1] > errors_db[2]


def test_masts_are_found_from_the_roads_around_them() -> None:
    measured, known = drive(seed=3, rows=1500, sectors=1)
    nowhere = replace(known.cells, x_m=np.zeros(4), y_m=np.zeros(4))
    placed = place_cells(measured, known._replace(cells=nowhere, margin_db=None)).cells
    off_m = np.hypot(placed.x_m - known.cells.x_m, placed.y_m - known.cells.y_m)
    # Sites are 1400 m apart, and 6.5 dB of shadowing make half as much again of a distance.
    assert off_m.max() < 700.0


def test_too_few_measurements_are_refused() -> None:
    measured, known = drive(seed=3, rows=40)
    with pytest.raises(ValueError, match="40 measurements at different places"):
        calibrate(measured, known)
