"""What stations send with, and how much of it other cells hear."""

from __future__ import annotations

import numpy as np

from network.arrays import Floats
from network.radio.channel import PathGains
from network.ran.cells import Bounds
from network.settings import NetworkSettings

_SAMPLES_PER_SIDE = 32
_SAMPLE_HEIGHT_M = 1.5


def power_per_prb_dbm(path_gain_db: Floats, settings: NetworkSettings) -> Floats:
    """Return what stations send on each of their resource blocks [dBm] (TS 38.213 clause 7.1.1).

    Open-loop fractional power control: P0 and a share of the path loss, and no more in all than the
    station has.

    Args:
        path_gain_db: Gain to the serving cell [dB].
        settings: The network's settings.
    """
    rules = settings.scheduling
    most = settings.radio.ue_power_dbm - 10.0 * np.log10(rules.uplink_allocation_prbs)
    wanted = rules.uplink_p0_dbm - rules.uplink_alpha * path_gain_db
    return np.asarray(np.minimum(wanted, most))


def interference_mw(
    channel: PathGains, powers_dbm: Floats, settings: NetworkSettings, bounds_m: Bounds
) -> Floats:
    """Return what each cell's stations are heard with in each other cell when they use every block.

    The stations of a cell stand evenly over the part of the area that it serves. A cell that serves
    none of the area disturbs nobody.

    Args:
        channel: The gains.
        powers_dbm: Power of each cell (cells,) [dBm], which decides who serves where.
        settings: The network's settings.
        bounds_m: The area.

    Returns:
        Mean power on each resource block (cells that send, cells that hear) [mW].
    """
    xmin, ymin, xmax, ymax = bounds_m
    middle = (np.arange(_SAMPLES_PER_SIDE) + 0.5) / _SAMPLES_PER_SIDE
    x, y = np.meshgrid(xmin + (xmax - xmin) * middle, ymin + (ymax - ymin) * middle)
    gain = channel.path_gain_db(x.ravel(), y.ravel(), np.full(x.size, _SAMPLE_HEIGHT_M))
    gain = gain + settings.radio.ue_antenna_gain_dbi
    serving = np.argmax(gain + powers_dbm, axis=1)
    power = power_per_prb_dbm(gain[np.arange(len(gain)), serving], settings)
    heard = 10.0 ** ((power[:, None] + gain) / 10.0)
    total = np.zeros((len(powers_dbm), len(powers_dbm)))
    np.add.at(total, serving, heard)
    count = np.bincount(serving, minlength=len(powers_dbm))
    total /= np.maximum(count, 1)[:, None]
    np.fill_diagonal(total, 0.0)
    return total
