"""What a fleet's operator asks of a vehicle, and what the vehicle answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CommandKind = Literal["speed_advice", "route", "minimal_risk_manoeuvre"]


@dataclass(frozen=True, slots=True)
class FleetCommand:
    """A request, good until an instant.

    Args:
        command_id: by which it is answered.
        kind: what is asked.
        generation_time_ns: when it was given [ns].
        valid_until_ns: a vehicle that has it later doesn't obey [ns].
        speed_mps: for `speed_advice`: not to go faster than that from now on.
        route: for `route`: the edges to drive, the one the vehicle is on first.
    """

    command_id: str
    kind: CommandKind
    generation_time_ns: int
    valid_until_ns: int
    speed_mps: float | None = None
    route: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FleetAnswer:
    """Whether a vehicle obeys a command, and why not."""

    command_id: str
    generation_time_ns: int
    accepted: bool
    reason: str
