"""A measured drive as the link."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from network.settings.base import Settings


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
