"""The weather of a scenario, by CARLA's names and scales."""

from __future__ import annotations

from pydantic import Field

from network.settings import Settings


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

    @property
    def is_night(self) -> bool:
        """Whether the sun is below the horizon."""
        return self.sun_altitude_angle < 0.0
