"""What a signal loses on its way into a building or a car, or past a vehicle."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from network.arrays import Floats
from network.draws import Draws

Building = Literal["low", "high"]


def building_loss_db(
    carrier_ghz: float, building: Building, *, indoor_distance_m: ArrayLike, normal: ArrayLike
) -> Floats:
    """Return the loss into a building (TR 38.901 7.4.3.1, equation 7.4-2, before V19).

    Args:
        carrier_ghz: Carrier frequency [GHz].
        building: ``"low"`` is standard glass and concrete, ``"high"`` infrared-reflecting glass and
            concrete.
        indoor_distance_m: Way inside the building in the plane [m].
        normal: Standard normal draws, one per station.

    Returns:
        Loss [dB] of the broadcast shape: wall, way inside, and the spread among buildings.
    """
    glass = 2.0 + 0.2 * carrier_ghz
    reflecting_glass = 23.0 + 0.3 * carrier_ghz
    concrete = 5.0 + 4.0 * carrier_ghz
    if building == "low":
        wall, spread = _through((0.3, glass), (0.7, concrete)), 4.4
    elif building == "high":
        wall, spread = _through((0.7, reflecting_glass), (0.3, concrete)), 6.5
    else:
        raise ValueError(f"building must be 'low' or 'high', got {building!r}")
    return np.asarray(
        wall + 0.5 * np.asarray(indoor_distance_m, dtype=np.float64) + spread * np.asarray(normal)
    )


def car_loss_db(normal: ArrayLike, *, metallised_windows: bool = False) -> Floats:
    """Return the loss into a car's cabin (TR 38.901 7.4.3.2), for an antenna that is inside.

    Args:
        normal: Standard normal draws, one per car.
        metallised_windows: 20 dB in the mean instead of 9.

    Returns:
        Loss [dB]; spread 5 dB.
    """
    return np.asarray((20.0 if metallised_windows else 9.0) + 5.0 * np.asarray(normal))


class CarLoss:
    """What stations lose whose antenna is in a car's cabin; one on the roof loses nothing.

    Args:
        share: Share of the stations with their antenna inside.
        metallised_windows: Whether the cars' windows are metallised.
        seed: The run's seed.
    """

    def __init__(self, share: float, *, metallised_windows: bool, seed: int) -> None:
        self._share = share
        self._metallised = metallised_windows
        self._draws = Draws(seed, "radio/car")

    def loss_db(self, station_keys: NDArray[np.uint64]) -> Floats:
        """Return each station's loss (n,) [dB], the same whenever it is asked for."""
        inside = self._draws.uniform(station_keys, 0) < self._share
        loss = car_loss_db(self._draws.normal(station_keys, 1), metallised_windows=self._metallised)
        return np.where(inside, loss, 0.0)


def vehicle_blockage_loss_db(
    distance_m: ArrayLike,
    height_a_m: ArrayLike,
    height_b_m: ArrayLike,
    blocker_height_m: ArrayLike,
    normal: ArrayLike,
) -> Floats:
    """Return what a vehicle between two others adds in NLOSv (TR 37.885 6.2.1).

    Nothing when both antennas look over the blocker; 9 dB in the mean when neither does and 5 dB
    when one does, more from 545 m on, spread 4.5 and 4 dB, never a gain.

    Args:
        distance_m: Distance between the two antennas [m].
        height_a_m: Height of one antenna [m].
        height_b_m: Height of the other [m].
        blocker_height_m: Height of the vehicle between them [m].
        normal: Standard normal draws, one per link.

    Returns:
        Loss [dB] of the broadcast shape.
    """
    lower = np.minimum(height_a_m, height_b_m)
    higher = np.maximum(height_a_m, height_b_m)
    far = np.maximum(0.0, 15.0 * np.log10(np.maximum(distance_m, 1.0)) - 41.0)
    under = higher <= blocker_height_m
    drawn = np.where(under, 9.0, 5.0) + far + np.where(under, 4.5, 4.0) * np.asarray(normal)
    return np.asarray(np.where(lower > blocker_height_m, 0.0, np.maximum(drawn, 0.0)))


def _through(*walls: tuple[float, float]) -> float:
    """Return the loss of a wall made of shares of materials, and 5 dB for slanted incidence."""
    passed = sum(share * 10.0 ** (-loss / 10.0) for share, loss in walls)
    return 5.0 - 10.0 * float(np.log10(passed))
