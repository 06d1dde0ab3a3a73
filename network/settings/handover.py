"""Measurements, handovers and radio link failure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from network.settings.base import ClassPath, Settings

TimeToTriggerMs = Literal[
    0, 40, 64, 80, 100, 128, 160, 256, 320, 480, 512, 640, 1024, 1280, 2560, 5120
]


FilterCoefficient = Literal[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 17, 19]


class HandoverSettings(Settings):
    """Measurements, events, handovers and their delays, radio link failure (TS 38.331, TS 38.133).

    Durations that a station notices only by measuring (T310, T304) end with a measurement.
    """

    event: Literal["A3", "A5"] = Field(
        "A3",
        description="Event that starts a handover: A3, a neighbour is better by an offset; "
        "A5, the serving cell is below one threshold and a neighbour above another.",
    )
    procedure: Literal["normal", "conditional", "daps"] = Field(
        "normal",
        description="normal: on the network's command. conditional: prepared early and executed "
        "by the station itself (TS 38.331 clause 5.3.5.13). daps: on command, and the source "
        "serves until the target does.",
    )
    rule: ClassPath | None = Field(
        None,
        description="A class of one's own that decides handovers, as package.module:Class, in "
        "place of the event.",
    )
    offset_db: float = Field(
        3.0,
        ge=-15.0,
        le=15.0,
        description="a3-Offset [dB]: how much better the neighbour has to be.",
    )
    a5_threshold1_dbm: float = Field(
        -100.0, ge=-156.0, le=-31.0, description="a5-Threshold1 [dBm]: serving cell weaker."
    )
    a5_threshold2_dbm: float = Field(
        -96.0, ge=-156.0, le=-31.0, description="a5-Threshold2 [dBm]: neighbour stronger."
    )
    a2_threshold_dbm: float | None = Field(
        None,
        ge=-156.0,
        le=-31.0,
        description="a2-Threshold [dBm]: neighbours are measured only once the serving cell is "
        "weaker (event A2); none measures them always.",
    )
    conditional_lead_db: float = Field(
        3.0,
        ge=0.0,
        le=30.0,
        description="How much sooner [dB] than it is executed a conditional handover is prepared.",
    )
    hysteresis_db: float = Field(
        1.0, ge=0.0, le=15.0, description="Hysteresis [dB] of entering and of leaving the events."
    )
    time_to_trigger_ms: TimeToTriggerMs = Field(
        160, description="How long the event has to hold [ms]; the values of TS 38.331."
    )
    filter_coefficient: FilterCoefficient = Field(
        4, description="k of the layer 3 filter; 0 is no filter."
    )
    layer_1_error_db: float = Field(
        0.0,
        ge=0.0,
        le=6.0,
        description="Standard deviation of layer 1's measurements [dB], anew in each of its "
        "periods and for each cell; 1.2 is within +-2 dB in 90 %, and the difference of two cells "
        "(relative accuracy of TS 38.133 clause 10.1.2.1.2) within +-2.8; 0 measures exactly.",
    )
    measurement_period_ms: int = Field(
        40,
        ge=5,
        le=480,
        description="Time between measurements [ms]: the link's own radio instants.",
    )
    preparation_ms: float = Field(
        20.0,
        ge=0.0,
        le=10_000.0,
        description="From the station's report to the handover command [ms], still served.",
    )
    rrc_processing_ms: float = Field(
        10.0, ge=0.0, le=1000.0, description="RRC reconfiguration [ms] (TS 38.331 clause 12)."
    )
    search_ms: float = Field(
        0.0, ge=0.0, le=1000.0, description="T_search [ms]: 0 when the target is known (TS 38.133)."
    )
    processing_ms: float = Field(
        20.0, ge=0.0, le=1000.0, description="T_processing [ms] (TS 38.133 clause 6.1.1.2.2)."
    )
    smtc_period_ms: float = Field(
        20.0,
        ge=0.0,
        le=160.0,
        description="Period of the measurement windows [ms]: layer 1 measures over five of them, "
        "200 ms at least (TS 38.133 clause 9.2.5); T_delta is drawn evenly from 0 to this.",
    )
    prach_period_ms: float = Field(
        10.0,
        ge=0.0,
        le=160.0,
        description="T_IU, the wait for a random access occasion: 0 to this [ms].",
    )
    margin_ms: float = Field(2.0, ge=0.0, le=100.0, description="T_margin [ms] (TS 38.133).")
    random_access_ms: float = Field(
        6.0, ge=0.0, le=1000.0, description="From the preamble to the first user data [ms]."
    )
    t304_ms: Literal[50, 100, 150, 200, 500, 1000, 2000, 10000] = Field(
        1000,
        description="T304 [ms]: the handover has failed if there was no access to the target.",
    )
    ping_pong_s: float = Field(
        1.0,
        ge=0.0,
        le=60.0,
        description="Minimum time of stay [s] (TR 36.839): back sooner is a ping-pong.",
    )
    qout_db: float = Field(
        -8.0,
        ge=-30.0,
        le=10.0,
        description="Out of sync below this SINR [dB]; -8 and -6 are what handover studies take "
        "for the 10 and 2 % of lost PDCCHs of TS 38.133 clause 8.1.",
    )
    qin_db: float = Field(-6.0, ge=-30.0, le=10.0, description="In sync above this SINR [dB].")
    n310: int = Field(1, ge=1, le=20, description="Out-of-sync indications that start T310.")
    t310_ms: int = Field(
        1000, ge=0, le=6000, description="T310 [ms]: radio link failure at its end."
    )
    n311: int = Field(1, ge=1, le=10, description="In-sync indications that stop T310.")
    reestablishment_ms: float = Field(
        150.0,
        ge=0.0,
        le=10_000.0,
        description="From finding a cell after radio link failure to user data [ms].",
    )
    context_fetch_ms: float = Field(
        10.0,
        ge=0.0,
        le=10_000.0,
        description="What it takes longer at another site, to get the station's context [ms].",
    )
    t311_ms: Literal[1000, 3000, 5000, 10000, 15000, 20000, 30000] = Field(
        3000,
        description="T311 [ms]: who finds a cell later than this after a failure has gone idle, "
        "which isn't put down to a handover.",
    )
    tstore_ue_cntxt_ms: int = Field(
        2000,
        ge=0,
        le=60_000,
        description="Tstore_UE_cntxt [ms]: a failure within this after a handover began is put "
        "down to it (too early, wrong cell), a later one isn't (TS 38.300 clause 15.5.2.2).",
    )
    min_rsrp_dbm: float = Field(
        -120.0,
        ge=-156.0,
        le=-31.0,
        description="Weakest cell a station may select [dBm] (q-RxLevMin).",
    )

    @model_validator(mode="after")
    def _qin_above_qout(self) -> HandoverSettings:
        if self.rule is not None and self.procedure == "conditional":
            raise ValueError(
                "a handover rule of one's own decides at once; expected procedure normal or daps"
            )
        if self.qin_db < self.qout_db:
            raise ValueError(
                f"qin_db {self.qin_db} is below qout_db {self.qout_db}; expected qin_db >= qout_db"
            )
        return self
