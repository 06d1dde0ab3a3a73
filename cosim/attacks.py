"""What a scenario's attackers do: forged, repeated and senseless messages."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from network.settings import Settings
from vehicles.messages.kinds import STATION_ID_MAX


class Spoof(Settings):
    """A connected road user tells of a vehicle that isn't there, which goes straight on."""

    by: str = Field(description="Road user from which it is sent.")
    message: Literal["cam", "denm"] = Field(
        "cam", description="Awareness messages, or warnings of its braking."
    )
    station_id: int = Field(666, ge=0, le=STATION_ID_MAX, description="Who it claims to be.")
    x_m: float = Field(description="Where the ghost is at first: the centre of its body.")
    y_m: float
    heading_deg: float = Field(
        0.0, ge=-360, le=360, description="Counter-clockwise from the x axis."
    )
    speed_mps: float = Field(0.0, ge=-160, le=160)
    acceleration_mps2: float = Field(0.0, ge=-16, le=16, description="As told; it isn't acted on.")
    for_s: float = Field(5.0, gt=0)
    rate_hz: float = Field(10.0, gt=0, le=10)


class Replay(Settings):
    """A connected road user records what others broadcast, and sends it again later."""

    by: str = Field(description="Road user that records and sends.")
    message: Literal["cam", "denm"] = "denm"
    record_s: float = Field(1.0, gt=0, description="For how long it records.")
    delay_s: float = Field(gt=0, description="How much later it sends each message again.")
    restamp: bool = Field(
        False, description="Give the messages the time of sending: only who can sign can do this."
    )


class Flood(Settings):
    """A connected road user sends senseless bytes as awareness messages."""

    by: str = Field(description="Road user from which they are sent.")
    rate_hz: float = Field(1000.0, gt=0, le=10_000)
    size_bytes: int = Field(300, ge=1, le=1500)
    for_s: float = Field(5.0, gt=0)
