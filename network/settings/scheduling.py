"""Who gets resource blocks: scheduling, slices, and the load of others."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from network.settings.base import CellName, ClassPath, FiveQiNumber, Settings


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
    five_qi: FiveQiNumber = Field(
        9, description="Its 5QI: by which priority level it goes, and in which slice."
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
