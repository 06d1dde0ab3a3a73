"""What goes wrong, and when."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from network.settings.base import CellName, Settings


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
