"""What the link can be told: the `network` block of a scenario, by 3GPP's names.

Defaults are those of an urban 3.5 GHz network; each says where it comes from. Everything is checked
here, so that the rest of the package can trust what it gets.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from network.settings.base import CellName, ClassPath, FiveQiNumber, Settings
from network.settings.core import CoreSettings, ServerPathSettings, ServerTimeSettings
from network.settings.handover import FilterCoefficient, HandoverSettings, TimeToTriggerMs
from network.settings.impairments import (
    AnyImpairment,
    BackhaulCut,
    BackhaulDelay,
    BackhaulLoss,
    CellOutage,
    CoreFailure,
    Impairment,
    Jammer,
    LoadBurst,
)
from network.settings.layers import FallbackSettings, LteSettings, lte_site
from network.settings.radio import GridSettings, RadioSettings, SiteSettings
from network.settings.satellites import SatelliteSettings
from network.settings.scheduling import (
    BackgroundSettings,
    LoadSettings,
    SchedulingSettings,
    SliceSettings,
)
from network.settings.traces import TraceSettings

__all__ = [
    "AnyImpairment",
    "BackgroundSettings",
    "BackhaulCut",
    "BackhaulDelay",
    "BackhaulLoss",
    "CellName",
    "CellOutage",
    "ClassPath",
    "CoreFailure",
    "CoreSettings",
    "FallbackSettings",
    "FilterCoefficient",
    "FiveQiNumber",
    "GridSettings",
    "HandoverSettings",
    "Impairment",
    "Jammer",
    "LoadBurst",
    "LoadSettings",
    "LteSettings",
    "NetworkSettings",
    "RadioSettings",
    "SatelliteSettings",
    "SchedulingSettings",
    "ServerPathSettings",
    "ServerTimeSettings",
    "Settings",
    "SiteSettings",
    "SliceSettings",
    "TimeToTriggerMs",
    "TraceSettings",
    "lte_site",
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
