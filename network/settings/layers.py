"""Layers beside that of NR on the ground: LTE, and when stations change between layers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from network.settings.base import Settings
from network.settings.radio import SiteSettings


class LteSettings(Settings):
    """LTE cells beside the NR ones, on a carrier of their own; at their masts if none are named.

    Data on the air is taken as NR's at 15 kHz, FDD, with LTE's times for processing.
    """

    architecture: Literal["SA", "NSA"] = Field(
        "SA",
        description="SA: a layer below NR to fall back to. NSA: EN-DC, every station's master is "
        "an LTE cell, and NR cells are added to it.",
    )
    cells: tuple[SiteSettings, ...] = Field(
        (), description="The sites; if none are given, the NR ones with `-lte` after their names."
    )
    power_dbm: float = Field(
        46.0, ge=-30.0, le=80.0, description="Power of each cell at the NR sites [dBm]."
    )
    carrier_ghz: float = Field(1.8, ge=0.5, le=6.0, description="Carrier frequency [GHz].")
    bandwidth_mhz: Literal[5, 10, 15, 20] = Field(20, description="Channel bandwidth [MHz].")
    min_rsrp_dbm: float = Field(
        -124.0,
        ge=-156.0,
        le=-31.0,
        description="Weakest cell a station may select [dBm] (q-RxLevMin).",
    )
    rrc_processing_ms: float = Field(
        15.0,
        ge=0.0,
        le=1000.0,
        description="RRC reconfiguration with a handover in LTE [ms] (TS 36.331 clause 11.2).",
    )
    inter_rat_processing_ms: float = Field(
        50.0,
        ge=0.0,
        le=1000.0,
        description="RRC of a handover from NR to LTE or back [ms] (TS 38.133 clause 6.1.2.1, TS "
        "36.133 clause 5.3.4).",
    )
    scg_processing_ms: float = Field(
        16.0,
        ge=0.0,
        le=1000.0,
        description="RRC reconfiguration with a change of the NR cell in EN-DC [ms] (TS 38.331 "
        "clause 12).",
    )


class FallbackSettings(Settings):
    """When stations change between layers: NR on the ground comes first, LTE next, then satellites.

    In EN-DC, when NR cells are added to the LTE master (event B1) and released (event A2).

    Hysteresis and time to trigger are those of `handover`.
    """

    a5_threshold1_dbm: float = Field(
        -116.0,
        ge=-156.0,
        le=-31.0,
        description="Serving cell weaker than this [dBm]: down to a layer below, if that has a "
        "cell to select (event A5; B2 to LTE, A2 in EN-DC).",
    )
    a4_threshold_dbm: float = Field(
        -110.0,
        ge=-156.0,
        le=-31.0,
        description="Cell of a layer above stronger than this [dBm]: back to it (event A4; B1 "
        "from LTE).",
    )

    @model_validator(mode="after")
    def _leaves_room(self) -> FallbackSettings:
        if self.a4_threshold_dbm < self.a5_threshold1_dbm:
            raise ValueError(
                f"a4_threshold_dbm {self.a4_threshold_dbm:g} is below a5_threshold1_dbm "
                f"{self.a5_threshold1_dbm:g}: who comes back would be sent away again"
            )
        return self


def lte_site(site: SiteSettings, lte: LteSettings) -> SiteSettings:
    """Return the LTE site on the mast of an NR site."""
    return site.model_copy(update={"id": f"{site.id}-lte", "power_dbm": lte.power_dbm})
