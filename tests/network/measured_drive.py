"""A drive through a network whose path loss is known: what calibration has to find again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from network.arrays import Floats
from network.calibration import Measurements, Network
from network.draws import key_of
from network.radio.channel import Cells, Channel
from network.radio.log_distance import LogDistance, MeasuredLoss

TRUTH = MeasuredLoss(LogDistance(2.3, 34.0, 3.5, 30.0), LogDistance(3.4, 24.0, 6.5, 60.0))
PRB_UTILISATION = 0.35
_ELEMENT_DBM = 46.0 - 10.0 * np.log10(106 * 12)
_NOISE_DBM = -174.0 + 10.0 * np.log10(30e3) + 9.0
_SITES_M = ((0.0, 0.0), (1400.0, 200.0), (500.0, 1300.0), (1700.0, 1500.0))
_LOW_M, _HIGH_M = np.array([-300.0, -300.0]), np.array([2000.0, 1800.0])


def drive(
    seed: int, rows: int, *, tilt_off_deg: float = 0.0, sectors: int = 3
) -> tuple[Measurements, Network]:
    """A row every 10 m of straight legs between random places, served by the strongest cell.

    One sector radiates all around.
    """
    x_m, y_m = _way(seed, rows).T
    height_m = np.full(rows, 1.5)
    cells = _cells(sectors)
    there = replace(cells, downtilt_rad=cells.downtilt_rad + np.radians(tilt_off_deg))
    channel = Channel(there, scenario="UMa", carrier_ghz=3.5, seed=seed, measured=TRUTH)
    rsrp_dbm = _ELEMENT_DBM + channel.path_gain_db(x_m, y_m, height_m)
    cell = rsrp_dbm.argmax(axis=1)
    heard_mw = 10.0 ** (rsrp_dbm / 10.0)
    signal_mw = heard_mw[np.arange(rows), cell]
    others_mw = PRB_UTILISATION * (heard_mw.sum(axis=1) - signal_mw)
    sinr_db = 10.0 * np.log10(signal_mw / (10.0 ** (_NOISE_DBM / 10.0) + others_mw))
    measured = Measurements(
        drive=np.zeros(rows, dtype=np.int64),
        x_m=x_m,
        y_m=y_m,
        height_m=height_m,
        cell=cell,
        rsrp_dbm=rsrp_dbm[np.arange(rows), cell],
        sinr_db=sinr_db,
    )
    known = Network(
        cells,
        np.full(4 * sectors, _ELEMENT_DBM),
        _NOISE_DBM,
        0.0,
        "UMa",
        3.5,
        sight=None,
        margin_db=0.0,
    )
    return measured, known


def _cells(sectors: int) -> Cells:
    x_m, y_m = np.repeat(np.array(_SITES_M), sectors, axis=0).T
    keys = np.array([key_of(name) for name in "abcd"], dtype=np.uint64)
    azimuth_deg = [30.0, 150.0, 270.0] if sectors == 3 else [np.nan]
    return Cells(
        np.repeat(keys, sectors),
        x_m,
        y_m,
        np.full(len(x_m), 25.0),
        np.tile(np.radians(azimuth_deg), 4),
        np.full(len(x_m), np.radians(8.0)),
    )


def _way(seed: int, rows: int) -> Floats:
    random = np.random.default_rng(seed)
    here, legs, length = random.uniform(_LOW_M, _HIGH_M), [], 0
    while length < rows:
        there = random.uniform(_LOW_M, _HIGH_M)
        steps = max(int(np.hypot(*(there - here)) / 10.0), 1)
        legs.append(here + (there - here) * (np.arange(steps) / steps)[:, None])
        here, length = there, length + steps
    return np.asarray(np.concatenate(legs)[:rows])
