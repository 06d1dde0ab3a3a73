"""Path loss that falls with the logarithm of the distance: what is fitted to measurements.

The floating-intercept form in which channel surveys report what they found: exponent and offset of
a state, and log-normal shadowing around them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from network.arrays import Floats, floating


class LogDistance(NamedTuple):
    """Path loss and shadowing of links in one state.

    Attributes:
        exponent: Ten times it is lost per decade of distance.
        offset_db: Loss at 1 m and 1 GHz [dB]; 32.4 in free space.
        shadowing_sigma_db: Standard deviation of shadowing [dB].
        correlation_distance_m: Where shadowing's autocorrelation has fallen to 1/e [m].
    """

    exponent: float
    offset_db: float
    shadowing_sigma_db: float
    correlation_distance_m: float

    def loss_db(self, distance_3d_m: ArrayLike, carrier_ghz: float) -> Floats:
        """Return the mean path loss [dB]; under 1 m it is that at 1 m."""
        distance_m = np.maximum(floating(distance_3d_m), 1.0)
        loss = self.offset_db + 10.0 * self.exponent * np.log10(distance_m)
        return np.asarray(loss + 20.0 * math.log10(carrier_ghz))


class MeasuredLoss(NamedTuple):
    """Path loss and shadowing as measured, by line of sight."""

    los: LogDistance
    nlos: LogDistance
