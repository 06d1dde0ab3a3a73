"""The air interface, and where its stations stand."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from network.phy import prb_count
from network.settings.base import ClassPath, Settings


class LossSettings(Settings):
    """Path loss and shadowing of links in one state, in sight of the mast or not."""

    exponent: float = Field(
        ge=0.0, le=10.0, description="Path-loss exponent: 10 times it is lost per decade."
    )
    offset_db: float = Field(
        ge=-200.0, le=200.0, description="Loss at 1 m and 1 GHz [dB]; in free space 32.4."
    )
    shadowing_sigma_db: float = Field(
        ge=0.0, le=30.0, description="Standard deviation of shadowing [dB]."
    )
    correlation_distance_m: float = Field(
        gt=0.0, le=1000.0, description="Where shadowing's autocorrelation has fallen to 1/e [m]."
    )


class PathLossSettings(Settings):
    """Path loss as measured: 10 exponent log10(distance / m) + offset + 20 log10(carrier / GHz)."""

    los: LossSettings = Field(description="In line of sight.")
    nlos: LossSettings = Field(description="Out of it.")


class RadioSettings(Settings):
    """The air interface that all cells share."""

    scenario: Literal["UMa", "UMi", "RMa"] = Field(
        "UMa",
        description="Propagation scenario of TR 38.901: urban macro, urban micro, rural macro.",
    )
    propagation: ClassPath | None = Field(
        None,
        description="A class of one's own for the gains, as package.module:Class, in place of the "
        "scenario's.",
    )
    path_loss: PathLossSettings | None = Field(
        None,
        description="Path loss and shadowing as measured (docs/calibrate.md), in place of those of "
        "the scenario, whose line of sight stays.",
    )
    map: Path | None = Field(
        None,
        description="File of path gains (docs/radio-maps.md) that stands in for the scenario's "
        "formulas.",
    )
    carrier_ghz: float = Field(3.5, ge=0.5, le=100.0, description="Carrier frequency [GHz].")
    bandwidth_mhz: Literal[5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100] = Field(
        40, description="Channel bandwidth [MHz], one of TS 38.101-1 clause 5.3.2."
    )
    subcarrier_spacing_khz: Literal[15, 30, 60] = Field(
        30, description="Subcarrier spacing [kHz]; 15, 30, 60 give slots of 1, 0.5, 0.25 ms."
    )
    duplex: Literal["TDD", "FDD"] = Field(
        "TDD",
        description="TDD: slots by tdd_pattern. FDD: all slots up and down, each on the bandwidth.",
    )
    tdd_pattern: str = Field(
        "DDDSU",
        pattern=r"^[DSU]{2,20}$",
        description="Slots of one TDD period: D downlink, U uplink, S special (down, then guard).",
    )
    special_downlink_symbols: int = Field(
        10, ge=0, le=14, description="Downlink symbols of a special slot, of 14."
    )
    ue_power_dbm: float = Field(
        23.0, ge=-40.0, le=31.0, description="Most a station sends [dBm]; power class 3 is 23."
    )
    ue_noise_figure_db: float = Field(
        9.0, ge=0.0, le=30.0, description="Station's noise figure [dB] (TR 38.901 Table 7.8-1)."
    )
    bs_noise_figure_db: float = Field(
        5.0,
        ge=0.0,
        le=30.0,
        description="Base station's noise figure [dB] (TR 38.802 Table A.2.1-1).",
    )
    ue_antenna_gain_dbi: float = Field(
        0.0,
        ge=-20.0,
        le=20.0,
        description="Gain of a station's antenna, the same all around [dBi].",
    )

    downlink_layers: int = Field(
        1,
        ge=1,
        le=4,
        description="Spatial layers down: each carries a block of its own on a share of the power, "
        "as if none disturbed the others.",
    )
    uplink_layers: int = Field(1, ge=1, le=4, description="The same, up.")
    in_car_share: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="Share of the stations with their antenna in a car's cabin, at a loss of 9 dB "
        "in the mean (TR 38.901 7.4.3.2); the others' is on the roof, or carried outdoors.",
    )
    metallised_windows: bool = Field(
        False, description="Whether the loss into a cabin is that of metallised windows, 20 dB."
    )
    fast_fading: bool = Field(
        False,
        description="Whether each transmission fades by multipath and speed (Rayleigh, or Rician "
        "in line of sight), with an outer loop that holds target_bler; half as slow again.",
    )
    receive_antennas: int = Field(
        2,
        ge=1,
        le=8,
        description="Antennas that receive, at both ends: more of them fade less (2 as vehicles' "
        "least in TS 38.101-1). Their gain is not counted here.",
    )

    @model_validator(mode="after")
    def _one_source_of_gains(self) -> Self:
        if self.propagation is not None and (self.map is not None or self.fast_fading):
            raise ValueError("propagation of one's own goes with neither map nor fast_fading")
        if self.path_loss is not None and (self.map is not None or self.propagation is not None):
            raise ValueError("path_loss goes with neither map nor propagation of one's own")
        return self

    @model_validator(mode="after")
    def _is_a_carrier(self) -> RadioSettings:
        prb_count(self.bandwidth_mhz, self.subcarrier_spacing_khz)
        if "U" not in self.tdd_pattern:
            raise ValueError(
                f"tdd_pattern {self.tdd_pattern!r} has no uplink slot; expected a U in it"
            )
        if "D" not in self.tdd_pattern:
            raise ValueError(
                f"tdd_pattern {self.tdd_pattern!r} has no downlink slot; expected a D in it"
            )
        return self


class SiteSettings(Settings):
    """A mast. Its cells are named `id/0`, `id/1`, ..., one per sector."""

    id: str = Field(pattern=r"^[^/\s]+$", description="Name of the site, without '/' or blanks.")
    x_m: float = Field(description="Position in the net's plane [m].")
    y_m: float = Field(description="Position in the net's plane [m].")
    height_m: float = Field(25.0, gt=0.0, le=200.0, description="Antenna height above ground [m].")
    power_dbm: float = Field(46.0, ge=-30.0, le=80.0, description="Power of each cell [dBm].")
    sectors: int = Field(3, ge=1, le=6, description="Cells of the site; 1 radiates all around.")
    azimuth_deg: float = Field(
        30.0,
        ge=-360.0,
        le=360.0,
        description="Boresight of sector 0 [deg], counter-clockwise from east; others evenly.",
    )
    downtilt_deg: float = Field(
        12.0, ge=-90.0, le=90.0, description="Electrical tilt below the horizon [deg]."
    )


class GridSettings(Settings):
    """A hexagonal grid of like sites laid over an area: what a net gets that names no cells."""

    inter_site_distance_m: float = Field(
        500.0, gt=10.0, le=50_000.0, description="Distance of neighbouring sites [m]."
    )
    height_m: float = Field(25.0, gt=0.0, le=200.0, description="Antenna height above ground [m].")
    power_dbm: float = Field(46.0, ge=-30.0, le=80.0, description="Power of each cell [dBm].")
    sectors: int = Field(3, ge=1, le=6, description="Cells of each site.")
    azimuth_deg: float = Field(
        30.0,
        ge=-360.0,
        le=360.0,
        description="Boresight of sector 0 [deg], counter-clockwise from east.",
    )
    downtilt_deg: float = Field(
        12.0, ge=-90.0, le=90.0, description="Electrical tilt below the horizon [deg]."
    )
    max_sites: int = Field(
        400, ge=1, le=10_000, description="More sites than this are refused rather than simulated."
    )
