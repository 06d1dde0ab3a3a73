"""Satellites."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from network.settings.base import Settings


class SatelliteSettings(Settings):
    """Satellites that serve where the ground doesn't; their beams are the cells `id/0`, `id/1`, ...

    They have a carrier of their own, FDD at 15 kHz, and transparent payloads: the base station
    stands at the gateway. What an orbit brings with it is set 1 of TR 38.821 Table 6.1.1.1-1.
    """

    id: str = Field(
        pattern=r"^[^/\s]+$", description="Name of the satellites, without '/' or blanks."
    )
    orbit: Literal["LEO-600", "LEO-1200", "GEO"] = Field(
        "LEO-600", description="Low Earth orbit at 600 or 1200 km, or geostationary."
    )
    elevation_deg: float = Field(
        60.0,
        ge=10.0,
        le=90.0,
        description="Elevation of a satellite over the net when it is closest [deg].",
    )
    heading_deg: float = Field(
        90.0,
        ge=-360.0,
        le=360.0,
        description="Where satellites go, passing on the left; a GEO one stands on the left of "
        "this [deg], counter-clockwise from east.",
    )
    service_link: Literal["earth_moving", "quasi_earth_fixed"] = Field(
        "earth_moving",
        description="earth_moving: beams move on with their satellite. quasi_earth_fixed: a "
        "satellite keeps a beam on the net while it is high enough (TS 38.300 clause 16.14.1).",
    )
    beams: int = Field(
        7, ge=1, le=61, description="Beams of each satellite along its track; one if they are kept."
    )
    least_elevation_deg: float = Field(
        30.0,
        ge=10.0,
        le=89.0,
        description="quasi_earth_fixed: elevation at which the next satellite takes over [deg].",
    )
    start_s: float = Field(
        0.0,
        ge=0.0,
        le=1e6,
        description="How long a satellite has served the net when the run begins [s].",
    )
    gateway_elevation_deg: float = Field(
        30.0,
        ge=5.0,
        le=90.0,
        description="Elevation of a satellite over its gateway [deg], for the feeder link's delay.",
    )
    carrier_ghz: float = Field(
        2.0, ge=1.0, le=6.0, description="Carrier frequency [GHz]; S band, such as n256."
    )
    bandwidth_mhz: Literal[5, 10, 15, 20, 30] = Field(
        20, description="Channel bandwidth [MHz] (TS 38.101-5)."
    )
    ue_antenna_gain_dbi: float = Field(
        0.0,
        ge=-20.0,
        le=45.0,
        description="Gain of a station's antenna towards satellites [dBi]: 0 of a handheld, with "
        "which GEO hardly hears it; a vehicle may have more.",
    )
    min_rsrp_dbm: float = Field(
        -128.0,
        ge=-156.0,
        le=-31.0,
        description="Weakest beam a station may select [dBm] (q-RxLevMin).",
    )

    @property
    def still(self) -> bool:
        """Whether they stand still over the Earth."""
        return self.orbit == "GEO"

    @property
    def keeps_beams(self) -> bool:
        """Whether satellites keep a beam on the net while they pass."""
        return not self.still and self.service_link == "quasi_earth_fixed"

    @model_validator(mode="after")
    def _passes_high_enough(self) -> SatelliteSettings:
        if self.keeps_beams and self.least_elevation_deg >= self.elevation_deg:
            raise ValueError(
                f"satellites {self.id!r}: least_elevation_deg {self.least_elevation_deg:g} isn't "
                f"below elevation_deg {self.elevation_deg:g}"
            )
        return self
