"""What a scenario says about its traffic."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from network.settings import Settings


class TrafficSettings(Settings):
    """SUMO's input, either a .sumocfg or a net with routes, and how it is run."""

    sumocfg: Path | None = Field(None, description="A SUMO configuration file.")
    net: Path | None = Field(None, description="A SUMO net (.net.xml), instead of a sumocfg.")
    routes: list[Path] = Field([], description="Route files (.rou.xml) for the net.")
    additional: list[Path] = Field([], description="Additional files: types, stops, polygons.")
    buildings: list[Path] = Field(
        [],
        description="Footprints of buildings besides SUMO's polygons, as GeoJSON: WGS84 on a net "
        "with a georeference, else metres.",
    )
    step_s: float | None = Field(
        None,
        gt=0,
        le=10,
        description="SUMO's step; the sumocfg's own if it names one, else 0.1 s.",
    )
    lane_change_duration_s: float | None = Field(
        None, gt=0, description="Time that a lane change takes; SUMO's own lane changes are jumps."
    )
    api: Literal["libsumo", "traci"] = Field(
        "libsumo", description="In this process (libsumo) or in one of its own over a socket."
    )
    gui: bool = Field(False, description="Show SUMO's window (needs `api: traci`).")

    @model_validator(mode="after")
    def _one_source(self) -> TrafficSettings:
        if self.sumocfg is not None and self.net is not None:
            raise ValueError("give either `sumocfg` or `net`")
        if self.gui and self.api != "traci":
            raise ValueError("`gui: true` needs `api: traci`")
        return self
