"""What the link can be told: the `network` block of a scenario, by 3GPP's names.

Defaults are those of an urban 3.5 GHz network; each says where it comes from. Everything is checked
here, so that the rest of the package can trust what it gets.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from network.phy import prb_count

TimeToTriggerMs = Literal[
    0, 40, 64, 80, 100, 128, 160, 256, 320, 480, 512, 640, 1024, 1280, 2560, 5120
]
FilterCoefficient = Literal[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 17, 19]
ClassPath = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
FiveQiNumber = Literal[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 65, 66, 67, 69, 70, 75, 79, 80, 82, 83, 84, 85, 86
]  # fmt: skip
CellName = Annotated[str, Field(pattern=r"^[^/\s]+(/\d+)?$")]


class Settings(BaseModel):
    """Values that don't change once read; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
        description="RRC reconfiguration with a handover to LTE [ms] (TS 36.331 clause 11.2).",
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
        "periods and for each cell; 1.2 is within +-2 dB in 90 % (relative accuracy of TS 38.133 "
        "clause 10.1.2), 0 measures exactly.",
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
    qout_db: float = Field(-8.0, ge=-30.0, le=10.0, description="Out of sync below this SINR [dB].")
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


class SchedulingSettings(Settings):
    """How a packet gets its resource blocks, and how often it is tried."""

    model: ClassPath | None = Field(
        None, description="A class of one's own for the scheduler, as package.module:Class."
    )
    scheduling_request_period_ms: float = Field(
        5.0,
        gt=0.0,
        le=640.0,
        description="Time between a station's scheduling request occasions [ms].",
    )
    grant_delay_ms: float = Field(
        2.5,
        ge=0.0,
        le=100.0,
        description="From the scheduling request to the first slot the grant may name [ms].",
    )
    configured_grant_period_ms: dict[FiveQiNumber, Annotated[float, Field(gt=0.0, le=640.0)]] = (
        Field(
            default_factory=dict,
            description="Period of a configured grant's uplink occasions [ms], by 5QI.",
        )
    )
    downlink_preparation_slots: int = Field(
        1, ge=0, le=16, description="Slots from a packet's coming down to the first it may use."
    )
    decoding_symbols: int | None = Field(
        None,
        ge=0,
        le=280,
        description="Symbols to decode a block; none is N1 of TS 38.214 Table 5.3-1, capability 1.",
    )
    guaranteed_kbps: float = Field(
        100.0, gt=0.0, le=1e6, description="GFBR of each GBR flow of a station [kbit/s]."
    )
    guaranteed_prb_share: float = Field(
        0.8,
        ge=0.0,
        le=1.0,
        description="Share of a cell's blocks for guaranteed flows; who doesn't fit is 5QI 9.",
    )
    harq_max_transmissions: int = Field(
        4, ge=1, le=16, description="Transmissions before giving up."
    )
    harq_round_trip_slots: int = Field(
        8,
        ge=1,
        le=64,
        description="Slots to a retransmission at least; taken up to whole TDD periods.",
    )
    target_bler: float = Field(
        0.1, gt=0.0, lt=1.0, description="Block error rate the MCS is chosen for."
    )
    discard_timer_ms: int = Field(
        300,
        ge=10,
        le=1500,
        description="PDCP discardTimer [ms]: older packets are thrown away unsent.",
    )
    uplink_p0_dbm: float = Field(
        -80.0,
        ge=-202.0,
        le=24.0,
        description="P0 of uplink power control [dBm per resource block].",
    )
    uplink_alpha: float = Field(
        0.8,
        ge=0.0,
        le=1.0,
        description="Share of the path loss that uplink power control makes up for.",
    )
    uplink_allocation_prbs: int = Field(
        12, ge=1, le=275, description="Most resource blocks a station sends on in one slot."
    )


class SliceSettings(Settings):
    """A network slice: its share of each cell's resource blocks (rRMPolicyRatio of TS 28.541)."""

    name: str = Field(min_length=1, description="Name of the slice.")
    min_prb_share: float = Field(
        0.0, ge=0.0, le=1.0, description="Share it is guaranteed; what it doesn't need is lent."
    )
    max_prb_share: float = Field(1.0, gt=0.0, le=1.0, description="Share it gets at most.")
    five_qi: tuple[FiveQiNumber, ...] = Field(
        min_length=1, description="5QIs of its packets; the background is 9."
    )

    @model_validator(mode="after")
    def _min_within_max(self) -> SliceSettings:
        if self.min_prb_share > self.max_prb_share:
            raise ValueError(
                f"slice {self.name!r}: min_prb_share {self.min_prb_share} is above "
                f"max_prb_share {self.max_prb_share}"
            )
        return self


class BackgroundSettings(Settings):
    """Everyone else's traffic: bursts of exponential size at random instants, in each cell."""

    prb_utilisation: float = Field(
        0.2,
        ge=0.0,
        le=2.0,
        description="Share of each cell's resource blocks asked for; 1 or more overloads.",
    )
    downlink_burst_kb: float = Field(
        100.0,
        gt=0.0,
        le=100_000.0,
        description="Mean burst down [kB]; 100 as in FTP model 3 of TR 38.840.",
    )
    uplink_burst_kb: float = Field(20.0, gt=0.0, le=100_000.0, description="Mean burst up [kB].")
    efficiency_bps_hz: float = Field(
        2.4063,
        gt=0.0,
        le=8.0,
        description="Its spectral efficiency [bit/s/Hz]; CQI 9 of TS 38.214 Table 5.2.2.1-2.",
    )


class LoadSettings(Settings):
    """A stretch of time in which a cell's background utilisation is another."""

    cell: CellName = Field(
        description="A site (all its sectors) or one cell, as `west` or `west/1`."
    )
    from_s: float = Field(0.0, ge=0.0, description="Beginning [s].")
    to_s: float | None = Field(None, ge=0.0, description="End [s]; none is the end of the run.")
    prb_utilisation: float = Field(
        ge=0.0,
        le=2.0,
        description="Share of resource blocks asked for; 1 or more overloads the cell.",
    )

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> LoadSettings:
        if self.to_s is not None and self.to_s <= self.from_s:
            raise ValueError(f"to_s {self.to_s} is not after from_s {self.from_s}")
        return self


class ServerPathSettings(Settings):
    """One's own figures for the way between base station and server."""

    delay_ms: float = Field(ge=0.0, le=10_000.0, description="The least it takes, one way [ms].")
    jitter_ms: float = Field(
        0.0, ge=0.0, le=10_000.0, description="Mean of an exponential time on top, one way [ms]."
    )


class ServerTimeSettings(Settings):
    """The server's time as a distribution: log-normal, by its mean and standard deviation."""

    mean_ms: float = Field(gt=0.0, le=10_000.0, description="Mean time with a message [ms].")
    spread_ms: float = Field(ge=0.0, le=10_000.0, description="Its standard deviation [ms].")


class CoreSettings(Settings):
    """From the base station to the server and back."""

    server: Literal["gnb", "edge", "region", "cloud"] | ServerPathSettings = Field(
        "edge",
        description="Where user plane function and server stand: at the base station, at the "
        "access ring's first node, at the operator's core, or beyond it in the internet; or the "
        "way from the base station in one's own figures.",
    )
    backhaul_ms: float | None = Field(
        None,
        ge=0.0,
        le=1000.0,
        description="Base station to user plane function, one way [ms]; by default what nodes and "
        "fibre on the way to the server's place come to, and 0 with one's own figures.",
    )
    server_ms: Annotated[float, Field(ge=0.0, le=10_000.0)] | ServerTimeSettings = Field(
        1.0, description="Time the server takes with a message [ms], or its mean and spread."
    )


class TraceSettings(Settings):
    """A measured drive and how it is replayed; `docs/traces.md` says what becomes of each value."""

    file: Path = Field(description="A G-NetTrack Pro log, or a table of latency and loss (CSV).")
    follow: Literal["time", "distance"] = Field(
        "time",
        description="Replay by the run's time, or by how far a station has driven since it came.",
    )
    start_s: float = Field(
        0.0, ge=0.0, le=1e6, description="Following time: where in the trace the run begins [s]."
    )
    start_m: float = Field(
        0.0, ge=0.0, le=1e7, description="Following distance: where stations begin [m]."
    )
    stagger: bool = Field(
        False,
        description="Each station begins at a place of the trace drawn for it, not all at one.",
    )
    uplink_share: float = Field(
        0.5, gt=0.0, lt=1.0, description="Share of a ping's round trip that is the way up."
    )
    spread: bool = Field(
        True,
        description="Draw latencies from a ping burst's least to its most; else take its mean.",
    )
    rtt_ms_without_pings: float | None = Field(
        None,
        gt=0.0,
        le=60_000.0,
        description="Round trip [ms] for a log that has no answered ping; refused without it.",
    )
    busy_kbps: float = Field(
        1000.0,
        gt=0.0,
        description="A logged bit rate limits packets from here on [kbit/s]; lower ones were "
        "an idle phone's or acknowledgements and say nothing of what the link could carry.",
    )
    gap_s: float = Field(
        5.0,
        gt=1.0,
        description="Rows of a log further apart than this [s]: no service between.",
    )
    cell_change_ms: float = Field(
        55.0,
        ge=0.0,
        le=60_000.0,
        description="Interruption by a change of cell [ms]; LTE (the anchor) is quoted with 30-80.",
    )
    technology_change_ms: float = Field(
        100.0,
        ge=0.0,
        le=60_000.0,
        description="Interruption by a change of technology [ms]; NR is quoted with 50-150.",
    )

    @model_validator(mode="after")
    def _starts_where_it_follows(self) -> TraceSettings:
        if self.follow == "time" and self.start_m:
            raise ValueError("trace follows time but has start_m; expected start_s")
        if self.follow == "distance" and self.start_s:
            raise ValueError("trace follows distance but has start_s; expected start_m")
        return self


class Impairment(Settings):
    """Something that goes wrong for a while."""

    from_s: float = Field(0.0, ge=0.0, le=1e9, description="Beginning [s].")
    to_s: float | None = Field(
        None, ge=0.0, le=1e9, description="End [s]; none is the end of the run."
    )

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.to_s is not None and self.to_s <= self.from_s:
            raise ValueError(f"to_s {self.to_s} is not after from_s {self.from_s}")
        return self


class CellOutage(Impairment):
    """A cell or site goes off the air: it serves nobody and disturbs nobody."""

    kind: Literal["cell_outage"] = Field(description="A cell or site without power.")
    cell: CellName = Field(description="A site (all its sectors) or one cell.")


class BackhaulDelay(Impairment):
    """Packets take longer between base station and core, in both directions."""

    kind: Literal["backhaul_delay"] = Field(description="Extra time on the backhaul.")
    cell: CellName | None = Field(None, description="A site or cell; all of them if none is named.")
    extra_ms: float = Field(0.0, ge=0.0, le=60_000.0, description="Extra time, one way [ms].")
    jitter_ms: float = Field(
        0.0, ge=0.0, le=60_000.0, description="Mean of an exponential time on top [ms]."
    )


class BackhaulLoss(Impairment):
    """Packets get lost between base station and core, in both directions."""

    kind: Literal["backhaul_loss"] = Field(description="Random loss on the backhaul.")
    cell: CellName | None = Field(None, description="A site or cell; all of them if none is named.")
    probability: float = Field(ge=0.0, le=1.0, description="Of each packet, in each direction.")


class BackhaulCut(Impairment):
    """Nothing gets through between base station and core."""

    kind: Literal["backhaul_cut"] = Field(description="The backhaul is cut.")
    cell: CellName | None = Field(None, description="A site or cell; all of them if none is named.")
    packets: Literal["lost", "wait"] = Field(
        "lost", description="What becomes of packets: lost, or kept until the cut is mended."
    )


class CoreFailure(Impairment):
    """The server can't be reached: what comes to the core or leaves the server then is lost."""

    kind: Literal["core_failure"] = Field(description="The core between base stations and server.")


class Jammer(Impairment):
    """A transmitter that disturbs both directions, its power spread evenly over the carrier."""

    kind: Literal["jammer"] = Field(description="Noise on the whole carrier from one place.")
    x_m: float | None = Field(None, description="Position in the net's plane [m].")
    y_m: float | None = Field(None, description="Position in the net's plane [m].")
    station: str | None = Field(
        None, description="Key of the station that carries it, instead of a position."
    )
    height_m: float = Field(1.5, gt=0.0, le=200.0, description="Antenna height above ground [m].")
    power_dbm: float = Field(
        ge=-60.0, le=80.0, description="Power over the carrier, antenna gain included [dBm EIRP]."
    )
    propagation: Literal["free_space", "nlos"] = Field(
        "free_space",
        description="free_space, or nlos: the scenario's NLOS path loss to base stations and that "
        "of TR 37.885 to stations, without shadowing.",
    )

    @model_validator(mode="after")
    def _is_somewhere(self) -> Jammer:
        placed = (self.x_m is not None, self.y_m is not None)
        if placed not in ((True, True), (False, False)) or placed[0] == (self.station is not None):
            raise ValueError("a jammer needs both x_m and y_m, or else a station that carries it")
        return self


class LoadBurst(Impairment):
    """A cell's background utilisation is another for a while, as in `load`."""

    kind: Literal["load_burst"] = Field(description="Other traffic in a cell for a while.")
    cell: CellName = Field(description="A site (all its sectors) or one cell.")
    prb_utilisation: float = Field(
        ge=0.0,
        le=2.0,
        description="Share of resource blocks asked for; 1 or more overloads the cell.",
    )


AnyImpairment = Annotated[
    CellOutage | BackhaulDelay | BackhaulLoss | BackhaulCut | CoreFailure | Jammer | LoadBurst,
    Field(discriminator="kind"),
]


class NetworkSettings(Settings):
    """The `network` block of a scenario. All of it may be left out."""

    model: Literal["5g", "ideal", "trace"] = Field(
        "5g",
        description="5g: a 5G network by 3GPP's models. ideal: no latency, no loss. "
        "trace: a measured drive.",
    )
    trace: TraceSettings | None = Field(None, description="The drive, for the model `trace`.")
    radio: RadioSettings = Field(default_factory=RadioSettings, description="The air interface.")
    cells: tuple[SiteSettings, ...] = Field(
        (), description="The sites. If none are given, a grid of them is laid over the net."
    )
    grid: GridSettings | None = Field(
        None, description="The grid to lay; cells and grid exclude each other."
    )
    lte: LteSettings | None = Field(
        None, description="LTE cells: a layer to fall back to, or the masters of EN-DC."
    )
    satellites: tuple[SatelliteSettings, ...] = Field(
        (), description="Satellites that serve where the ground doesn't, the first ones first."
    )
    fallback: FallbackSettings = Field(
        default_factory=FallbackSettings,
        description="When stations go over to LTE or satellites, and back.",
    )
    handover: HandoverSettings = Field(
        default_factory=HandoverSettings, description="Measurements, handover, radio link failure."
    )
    scheduling: SchedulingSettings = Field(
        default_factory=SchedulingSettings, description="Grants, retransmissions, discard timer."
    )
    qos: dict[str, FiveQiNumber] = Field(
        default_factory=dict,
        description="5QI by a packet's kind, others 9. If none is given, all are in one queue.",
    )
    slices: tuple[SliceSettings, ...] = Field(
        (), description="Shares of each cell's resource blocks by 5QI; who is in none, the rest."
    )
    background: BackgroundSettings = Field(
        default_factory=BackgroundSettings, description="Everyone else's traffic, in all cells."
    )
    load: tuple[LoadSettings, ...] = Field(
        (),
        description="Where and when the background is another; of several at once the last counts.",
    )
    core: CoreSettings = Field(default_factory=CoreSettings, description="Backhaul, core, server.")
    impairments: tuple[AnyImpairment, ...] = Field(
        (), description="What goes wrong when: outages, backhaul and core faults, jammers, bursts."
    )

    @model_validator(mode="after")
    def _has_its_trace(self) -> NetworkSettings:
        if self.model == "trace" and self.trace is None:
            raise ValueError("model is trace but no trace is given; expected `trace: {file: ...}`")
        return self

    @model_validator(mode="after")
    def _slices_fit(self) -> NetworkSettings:
        numbers = [number for one in self.slices for number in one.five_qi]
        twice = {number for number in numbers if numbers.count(number) > 1}
        if twice:
            raise ValueError(f"5QI {min(twice)} is in slices twice; expected each in one slice")
        guaranteed = sum(one.min_prb_share for one in self.slices)
        if guaranteed > 1.0 + 1e-9:
            raise ValueError(f"slices are guaranteed {guaranteed:g} in all; expected at most 1")
        return self

    @model_validator(mode="after")
    def _names_fit(self) -> NetworkSettings:
        if self.cells and self.grid is not None:
            raise ValueError("network has both cells and a grid; expected one of them")
        known: set[str] = set()
        sites = self.cells
        if self.lte is not None:
            sites += self.lte.cells or tuple(lte_site(site, self.lte) for site in self.cells)
        for site in sites:
            if site.id in known:
                raise ValueError(f"two sites are called {site.id!r}; expected one of each name")
            known.update((site.id, *(f"{site.id}/{sector}" for sector in range(site.sectors))))
        for train in self.satellites:
            if train.id in known:
                raise ValueError(f"there are two of {train.id!r}; expected one of each name")
            known.add(train.id)
        named: list[tuple[str, str | None]] = [("load", load.cell) for load in self.load]
        named += [(i.kind, getattr(i, "cell", None)) for i in self.impairments]
        for what, cell in named:
            whole = None if cell is None else cell.partition("/")[0]
            beam = any(whole == train.id for train in self.satellites)
            if self.cells and cell is not None and cell not in known and not beam:
                raise ValueError(
                    f"{what} names the cell {cell!r}, which there is not; "
                    f"expected one of {', '.join(sorted(known))}"
                )
        return self


def lte_site(site: SiteSettings, lte: LteSettings) -> SiteSettings:
    """Return the LTE site on the mast of an NR site."""
    return site.model_copy(update={"id": f"{site.id}-lte", "power_dbm": lte.power_dbm})
