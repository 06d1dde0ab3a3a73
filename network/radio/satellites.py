"""What satellites' signals lose on their way to stations, by elevation (TR 38.811 clause 6.6).

Free space and ionospheric scintillation always; shadowing, and clutter loss where the line of sight
is blocked. Gases take nothing that counts below 6 GHz above 10 degrees. The tables go by tens of
degrees; between them values are interpolated, so that nothing jumps while a satellite passes.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import j1

from network.arrays import Floats
from network.draws import Draws, key_of
from network.radio.channel import LinkBudget
from network.radio.orbits import Orbit
from network.radio.propagation import (
    CORRELATION_DISTANCES,
    SPEED_OF_LIGHT_MPS,
    Scenario,
    soft_los_state,
)
from network.radio.shadowing import Maps

Environment = Literal["dense urban", "urban", "suburban", "rural"]

ENVIRONMENTS: dict[Scenario, Environment] = {
    "UMa": "urban",
    "UMi": "dense urban",
    "RMa": "rural",
}
"""What the surroundings of a scenario on the ground are to a satellite."""

# A satellite under the horizon: nothing, but still a finite level.
_HIDDEN_DB = 200.0
_HALF = np.float32(0.5)


class ElevationTable(NamedTuple):
    """Values for elevations of 10, 20, ... 90 degrees in one environment, S band."""

    los_probability: tuple[float, ...]
    sigma_los_db: tuple[float, ...]
    sigma_nlos_db: tuple[float, ...]
    clutter_db: tuple[float, ...]

    def at(self, column: tuple[float, ...], elevation_rad: ArrayLike) -> Floats:
        """Return a column's values at elevations."""
        return np.interp(np.degrees(elevation_rad), _TENS, column)


_TENS = np.arange(10.0, 91.0, 10.0)
_URBAN_CLUTTER = (34.3, 30.9, 29.0, 27.7, 26.8, 26.2, 25.8, 25.5, 25.5)
_OPEN_LOS = (0.782, 0.869, 0.919, 0.929, 0.935, 0.940, 0.949, 0.952, 0.998)
_OPEN = (
    (1.79, 1.14, 1.14, 0.92, 1.42, 1.56, 0.85, 0.72, 0.72),
    (8.93, 9.08, 8.78, 10.25, 10.56, 10.74, 10.17, 11.52, 11.52),
    (19.52, 18.17, 18.42, 18.28, 18.63, 17.68, 16.50, 16.30, 16.30),
)
TABLES: dict[Environment, ElevationTable] = {
    "dense urban": ElevationTable(
        (0.282, 0.331, 0.398, 0.468, 0.537, 0.612, 0.738, 0.820, 0.981),
        (3.5, 3.4, 2.9, 3.0, 3.1, 2.7, 2.5, 2.3, 1.2),
        (15.5, 13.9, 12.4, 11.7, 10.6, 10.5, 10.1, 9.2, 9.2),
        _URBAN_CLUTTER,
    ),
    "urban": ElevationTable(
        (0.246, 0.386, 0.493, 0.613, 0.726, 0.805, 0.919, 0.968, 0.992),
        (4.0,) * 9,
        (6.0,) * 9,
        _URBAN_CLUTTER,
    ),
    "suburban": ElevationTable(_OPEN_LOS, *_OPEN),
    "rural": ElevationTable(_OPEN_LOS, *_OPEN),
}
"""TR 38.811 Table 6.6.1-1 and Tables 6.6.2-1 to 6.6.2-3."""


def free_space_loss_db(distance_m: ArrayLike, carrier_ghz: float) -> Floats:
    """Return 32.45 + 20 lg f + 20 lg d [dB], f in GHz, d in m (TR 38.811 eq. 6.6-2)."""
    return np.asarray(32.45 + 20.0 * np.log10(carrier_ghz) + 20.0 * np.log10(distance_m))


def scintillation_loss_db(carrier_ghz: float) -> float:
    """Return the ionosphere's scintillation loss [dB], below 6 GHz (TR 38.811 6.6.6.1-4).

    It is 1.1 dB peak to peak at 4 GHz, a 1.5th power law, and counts by its root mean square:
    2.2 dB at 2 GHz, as in the link budgets of TR 38.821.
    """
    return float(1.1 / np.sqrt(2.0) * (4.0 / carrier_ghz) ** 1.5)


def beam_loss_db(off_axis_rad: ArrayLike, carrier_ghz: float, aperture_m: float) -> Floats:
    """Return what a circular aperture's gain is below its highest (TR 38.811 clause 6.4.1).

    Args:
        off_axis_rad: Angles off the axis.
        carrier_ghz: Carrier frequency [GHz].
        aperture_m: Diameter [m].
    """
    wave_number = 2.0 * np.pi * carrier_ghz * 1e9 / SPEED_OF_LIGHT_MPS
    u = np.maximum(wave_number * aperture_m / 2.0 * np.sin(np.abs(off_axis_rad)), 1e-9)
    # In its nulls a real antenna isn't dark.
    return np.asarray(-20.0 * np.log10(np.maximum(np.abs(2.0 * j1(u) / u), 1e-3)))


class SatelliteChannel:
    """Gains between stations and the beams of a train of satellites.

    Line of sight and shadowing are maps over the ground of the train's own; the line of sight a
    place has follows the elevation as a satellite passes.

    Args:
        name: The train's.
        orbit: Where it is; it moves.
        environment: What the surroundings are like.
        carrier_ghz: Carrier frequency [GHz].
        antenna_gain_dbi: Gain on a beam's axis [dBi].
        aperture_m: Diameter of the antenna [m].
        scenario: The ground's, for how fast its maps change from place to place.
        seed: The run's seed.
    """

    def __init__(
        self,
        name: str,
        orbit: Orbit,
        environment: Environment,
        *,
        carrier_ghz: float,
        antenna_gain_dbi: float,
        aperture_m: float,
        scenario: Scenario,
        seed: int,
    ) -> None:
        self._orbit = orbit
        self._table = TABLES[environment]
        self._carrier_ghz = carrier_ghz
        self._gain_dbi = antenna_gain_dbi - scintillation_loss_db(carrier_ghz)
        self._aperture_m = aperture_m
        distances = CORRELATION_DISTANCES[scenario]
        key = np.array([key_of(name)], dtype=np.uint64)
        self._sight = Maps(key, distances.los_state_m, Draws(seed, "satellite/los"), smooth=True)
        self._in_sight = Maps(key, distances.shadowing_los_m, Draws(seed, "satellite/shadowing"))
        self._blocked = Maps(key, distances.shadowing_nlos_m, Draws(seed, "satellite/clutter"))

    def path_gain_db(self, x_m: Floats, y_m: Floats, height_m: Floats) -> Floats:
        """Return the gain of every link (stations, beams) [dB]; see `links`."""
        return self.links(x_m, y_m, height_m).gain_db

    def links(self, x_m: Floats, y_m: Floats, _height_m: Floats) -> LinkBudget:
        """Return gain and line of sight of every link.

        Args:
            x_m: Positions of the stations (stations,) [m].
            y_m: Positions of the stations (stations,) [m].
        """
        sky, of_beam, table = self._orbit.sky(x_m, y_m), self._orbit.satellite_of_beam, self._table
        probability = table.at(table.los_probability, sky.elevation_rad)
        clear = soft_los_state(probability, self._sight.normals(x_m, y_m), self._carrier_ghz)
        in_sight = table.at(table.sigma_los_db, sky.elevation_rad) * self._in_sight.normals(
            x_m, y_m
        )
        blocked = table.at(table.clutter_db, sky.elevation_rad) + table.at(
            table.sigma_nlos_db, sky.elevation_rad
        ) * self._blocked.normals(x_m, y_m)
        loss = free_space_loss_db(sky.distance_m, self._carrier_ghz)
        loss += blocked + clear * (in_sight - blocked)
        loss[sky.elevation_rad <= 0.0] += _HIDDEN_DB
        beam_loss = beam_loss_db(sky.off_axis_rad, self._carrier_ghz, self._aperture_m)
        return LinkBudget(
            self._gain_dbi - (loss[:, of_beam] + beam_loss), (clear > _HALF)[:, of_beam]
        )
