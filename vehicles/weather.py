"""The weather of a scenario, by CARLA's names and scales."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field
from scipy.special import lambertw

from network.arrays import Floats
from network.settings import Settings

# At 100 % the visibility is that of dense fog, 50 m; fog as WMO has it (less than 1 km) begins at
# 5 %. Koschmieder: contrast is down to 2 % there.
_DENSE_FOG_M = 50.0
_CONTRAST = -math.log(0.02)
# At 100 % it rains 50 mm/h, which is called violent.
_RAIN_MMPH = 50.0
# ITU-R P.1817: attenuation of light by rain [dB/km] is 1.076 R^0.67 for R in mm/h.
_RAIN_DB_PER_KM, _RAIN_EXPONENT = 1.076, 0.67
_DB_PER_NEPER = 10.0 / math.log(10.0)
# Depth of water on a road that is wet and no more, and in puddles [mm].
_FILM_MM, _PUDDLES_MM = 0.2, 2.0
# Friction of new tyres by speed [km/h] (rows) and depth of water [mm] (Bosch Automotive Handbook,
# "Friction coefficient of tyre and road").
_SPEEDS_KMH = (50.0, 90.0, 130.0)
_DEPTHS_MM = (0.0, 0.2, 1.0, 2.0)
_FRICTION = np.array([(0.85, 0.65, 0.55, 0.50), (0.80, 0.60, 0.30, 0.05), (0.75, 0.55, 0.20, 0.0)])
# On a film of water something still rolls along.
_LEAST_GRIP = 0.05


class WeatherSettings(Settings):
    """Weather as `carla.WeatherParameters` has it; a dry, clear noon if nothing is said.

    What is named here means the same on every backend: CARLA shows it, and the embedded sensors and
    tyres take from it what concerns them.
    """

    cloudiness: float = Field(0.0, ge=0, le=100, description="Clouds, 0 to 100 %.")
    precipitation: float = Field(0.0, ge=0, le=100, description="Rain, 0 to 100 %.")
    precipitation_deposits: float = Field(
        0.0, ge=0, le=100, description="Puddles on the road, 0 to 100 %."
    )
    wind_intensity: float = Field(0.0, ge=0, le=100, description="Wind, 0 to 100 %.")
    sun_azimuth_angle: float = Field(0.0, ge=-360, le=360, description="Azimuth of the sun [deg].")
    sun_altitude_angle: float = Field(
        45.0, ge=-90, le=90, description="Height of the sun [deg]; night below 0."
    )
    fog_density: float = Field(0.0, ge=0, le=100, description="Fog, 0 to 100 %.")
    fog_distance: float = Field(0.0, ge=0, description="Where the fog begins [m].")
    fog_falloff: float = Field(
        0.2, ge=0, description="How fast the fog thins with height; from 5 on it hugs the ground."
    )
    wetness: float = Field(
        0.0, ge=0, le=100, description="Wetness of the road's surface, 0 to 100 %."
    )
    scattering_intensity: float = Field(1.0, ge=0, description="Light scattered by the fog.")
    mie_scattering_scale: float = Field(0.03, ge=0, description="Haze of large particles.")
    rayleigh_scattering_scale: float = Field(0.0331, ge=0, description="Colour of the sky.")
    dust_storm: float = Field(0.0, ge=0, le=100, description="Dust in the air, 0 to 100 %.")

    def optical_range_m(self, clear_m: float) -> float:
        """How far a lidar or camera sees that sees `clear_m` in clear air [m].

        What comes back from a distance r is 1 / r^2, dampened by exp(-2 s r) with the extinction s
        of rain, and of fog beyond where it begins. The range is where that is what it was at
        `clear_m`: r exp(s r) = clear_m, solved by Lambert's W.
        """
        rain = self._rain_per_m
        fog = self.fog_density / 100.0 * _CONTRAST / _DENSE_FOG_M
        before_fog_m = _range_m(clear_m, rain)
        if fog == 0.0 or before_fog_m <= self.fog_distance:
            return before_fog_m
        return _range_m(clear_m * math.exp(fog * self.fog_distance), rain + fog)

    @property
    def water_mm(self) -> float:
        """Depth of water on the road [mm]."""
        puddles = self.precipitation_deposits / 100.0
        return _FILM_MM * self.wetness / 100.0 * (1.0 - puddles) + _PUDDLES_MM * puddles

    def grip(self, speed_mps: Floats) -> Floats:
        """Share of a tyre's dry friction that water leaves, by speed [m/s] (n,)."""
        by_depth = np.array([np.interp(self.water_mm, _DEPTHS_MM, row) for row in _FRICTION])
        share = np.maximum(by_depth / _FRICTION[:, 0], _LEAST_GRIP)
        return np.asarray(np.interp(3.6 * speed_mps, _SPEEDS_KMH, share))

    @property
    def _rain_per_m(self) -> float:
        rate_mmph = self.precipitation / 100.0 * _RAIN_MMPH
        return float(_RAIN_DB_PER_KM * rate_mmph**_RAIN_EXPONENT / _DB_PER_NEPER / 1000.0)

    @property
    def is_night(self) -> bool:
        """Whether the sun is below the horizon."""
        return self.sun_altitude_angle < 0.0


def _range_m(clear_m: float, extinction_per_m: float) -> float:
    """Where r exp(extinction r) is `clear_m`."""
    if extinction_per_m == 0.0:
        return clear_m
    return float(lambertw(extinction_per_m * clear_m).real) / extinction_per_m
