"""Antenna patterns of TR 38.901: the element, a column of them with downtilt, a sector.

Zenith angles are 0 straight up and pi/2 at the horizon; azimuths are counter-clockwise from east in
the net's plane, relative ones 0 at boresight. Both in radians. Gains come in the precision of the
angles: float32 is plenty, and numpy's sines are many times faster in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from network.arrays import Floats

ELEMENT_GAIN_DBI = 8.0
BEAMWIDTH_RAD = math.radians(65.0)
SIDE_LOBE_DB = 30.0
FRONT_TO_BACK_DB = 30.0


def element_gain_dbi(zenith_rad: ArrayLike, azimuth_rad: ArrayLike) -> Floats:
    """Return the gain of one element (TR 38.901 Table 7.3-1).

    Args:
        zenith_rad: Angle from straight up [rad].
        azimuth_rad: Angle from boresight [rad].

    Returns:
        Gain [dBi] of the broadcast shape, 8 at boresight and never under -22.
    """
    loss = vertical_loss_db(zenith_rad) + horizontal_loss_db(azimuth_rad)
    return np.asarray(ELEMENT_GAIN_DBI - np.minimum(loss, FRONT_TO_BACK_DB))


def vertical_loss_db(zenith_rad: ArrayLike) -> Floats:
    """Return how much an element loses off the horizon [dB], up to 30."""
    off = (np.asarray(zenith_rad) - np.pi / 2.0) / BEAMWIDTH_RAD
    return np.asarray(np.minimum(12.0 * off**2, SIDE_LOBE_DB))


def horizontal_loss_db(azimuth_rad: ArrayLike) -> Floats:
    """Return how much an element loses off boresight [dB], up to 30."""
    loss = np.asarray(np.asarray(azimuth_rad) / (2.0 * np.pi))
    # In turns, from half a one back to half a one forth; in place, for there is one for every link.
    loss -= np.rint(loss)
    loss *= loss
    loss *= 12.0 * (2.0 * np.pi / BEAMWIDTH_RAD) ** 2
    return np.minimum(loss, FRONT_TO_BACK_DB, out=loss)


def column_gain_db(
    zenith_rad: ArrayLike, *, elements: int, spacing_wavelengths: float, tilt_rad: ArrayLike
) -> Floats:
    """Return what a vertical column adds to its element, power shared among the elements.

    The weights of TR 36.897 / Table 7.8-1 steer the column electrically: the array factor is that
    of a uniform line, sin(Mx)/sin(x) with x = pi d (cos zenith - cos tilt).

    Args:
        zenith_rad: Angle from straight up [rad].
        elements: Number of elements M in the column.
        spacing_wavelengths: Distance d between two elements in wavelengths.
        tilt_rad: Zenith angle that the column is steered to [rad]; over pi/2 is downwards.

    Returns:
        Gain [dB] of the broadcast shape, 10 lg M in the steered direction.
    """
    x = np.pi * spacing_wavelengths * (np.cos(zenith_rad) - np.cos(tilt_rad))
    denominator = np.sin(x)
    at_peak = np.abs(denominator) < 1e-9
    factor = np.where(at_peak, elements, np.sin(elements * x) / np.where(at_peak, 1.0, denominator))
    # The floor, far below every side lobe, only keeps the nulls finite.
    return np.asarray(10.0 * np.log10(np.maximum(factor**2 / elements, 1e-5)))


@dataclass(frozen=True)
class Panel:
    """A sector's antenna: one column of Table 7.3-1 elements, steered electrically.

    The defaults are those of the calibration set-up of TR 38.901 Table 7.8-1.

    Attributes:
        rows: Elements in the column.
        spacing_wavelengths: Distance between two elements in wavelengths.
    """

    rows: int = 10
    spacing_wavelengths: float = 0.5

    def __post_init__(self) -> None:
        if self.rows < 1 or self.spacing_wavelengths <= 0.0:
            raise ValueError("a panel needs at least one row and a spacing over 0")

    def gain_dbi(
        self,
        zenith_rad: ArrayLike,
        azimuth_rad: ArrayLike,
        *,
        tilt_rad: ArrayLike,
        omnidirectional: ArrayLike = False,
    ) -> Floats:
        """Return the gain towards a direction.

        Args:
            zenith_rad: Angle from straight up [rad].
            azimuth_rad: Angle from the sector's boresight [rad].
            tilt_rad: Zenith angle that the column is steered to [rad].
            omnidirectional: True where the element radiates alike in all azimuths.

        Returns:
            Gain [dBi] of the broadcast shape.
        """
        across = np.where(omnidirectional, 0.0, horizontal_loss_db(azimuth_rad))
        loss = np.minimum(vertical_loss_db(zenith_rad) + across, FRONT_TO_BACK_DB)
        return np.asarray(ELEMENT_GAIN_DBI - loss + self.column_gain_db(zenith_rad, tilt_rad))

    def column_gain_db(self, zenith_rad: ArrayLike, tilt_rad: ArrayLike) -> Floats:
        """Return what the column adds to its element [dB]; see `column_gain_db`."""
        return column_gain_db(
            zenith_rad,
            elements=self.rows,
            spacing_wavelengths=self.spacing_wavelengths,
            tilt_rad=tilt_rad,
        )
