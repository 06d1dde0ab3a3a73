"""What the service publishes: the state of a twin, what happens to it, and how the service is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import msgspec

from network.packet import NS_PER_MS
from vehicles.georeference import Georeference
from vehicles.twins.connection import Outgoing
from vehicles.twins.fleet import FleetState, Staleness
from vehicles.twins.topics import Topics

_STALENESS_NAMES = [staleness.name.lower() for staleness in Staleness]


class State(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={
        "heading_deg": "Vehicle.CurrentLocation.Heading",
        "speed_kmh": "Vehicle.Speed",
        "latitude_deg": "Vehicle.CurrentLocation.Latitude",
        "longitude_deg": "Vehicle.CurrentLocation.Longitude",
        "x_m": "Cosim.Position.X",
        "y_m": "Cosim.Position.Y",
        "sigma_m": "Cosim.Position.Sigma",
        "ahead_s": "Cosim.Ahead.Time",
        "ahead_x_m": "Cosim.Ahead.X",
        "ahead_y_m": "Cosim.Ahead.Y",
        "ahead_sigma_m": "Cosim.Ahead.Sigma",
    },
):
    """A twin at an instant, and `Cosim.Ahead.Time` [s] later.

    `Sigma` is the root of the mean squared distance by which a position is expected to be wrong
    [m].
    """

    schema: Literal["cosim.state/1"]
    time_ns: int
    staleness: str
    age_ms: float
    sequence: int
    messages: int
    lost: int
    rejected: int
    clock_ahead_ms: float
    heading_deg: float
    speed_kmh: float
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    x_m: float
    y_m: float
    sigma_m: float
    ahead_s: float
    ahead_x_m: float
    ahead_y_m: float
    ahead_sigma_m: float


class Event(msgspec.Struct, frozen=True):
    """Something that happened to a twin."""

    schema: Literal["cosim.event/1"]
    time_ns: int
    kind: str
    detail: str


class Status(msgspec.Struct, frozen=True):
    """How a service is; `rejected` counts messages by reason."""

    schema: Literal["cosim.service/1"]
    online: bool
    time_ns: int
    twins: int
    rejected: dict[str, int]


def states(
    topics: Topics,
    now_ns: int,
    now: FleetState,
    ahead: FleetState,
    horizon_s: float,
    staleness: list[int],
    georeference: Georeference | None,
) -> Iterator[Outgoing]:
    """Retained messages with every twin now and ahead.

    With QoS 0: the next one makes up for one that is lost.
    """
    latitude: list[float | None]
    longitude: list[float | None]
    latitude = longitude = [None] * len(now.ids)
    if georeference is not None:
        latitude_deg, longitude_deg = georeference.to_wgs84(*now.state[:, :2].T)
        latitude, longitude = latitude_deg.round(8).tolist(), longitude_deg.round(8).tolist()
    sigma_m, ahead_sigma_m = now.position_sigma_m().tolist(), ahead.position_sigma_m().tolist()
    for row, vehicle_id in enumerate(now.ids):
        x_m, y_m, heading_rad, speed_mps = now.state[row, :4].tolist()
        state = State(
            schema="cosim.state/1",
            time_ns=now_ns,
            staleness=_STALENESS_NAMES[staleness[row]],
            age_ms=round(int(now.age_ns[row]) / NS_PER_MS, 3),
            sequence=int(now.sequence[row]),
            messages=int(now.messages[row]),
            lost=int(now.lost[row]),
            rejected=int(now.rejected[row]),
            clock_ahead_ms=round(int(now.clock_ahead_ns[row]) / NS_PER_MS, 3),
            heading_deg=round((90.0 - math.degrees(heading_rad)) % 360.0, 3),
            speed_kmh=round(speed_mps * 3.6, 3),
            latitude_deg=latitude[row],
            longitude_deg=longitude[row],
            x_m=round(x_m, 3),
            y_m=round(y_m, 3),
            sigma_m=round(sigma_m[row], 3),
            ahead_s=horizon_s,
            ahead_x_m=round(float(ahead.state[row, 0]), 3),
            ahead_y_m=round(float(ahead.state[row, 1]), 3),
            ahead_sigma_m=round(ahead_sigma_m[row], 3),
        )
        yield Outgoing(topics.state(vehicle_id), msgspec.json.encode(state), qos=0, retain=True)


def event(topics: Topics, vehicle_id: str, now_ns: int, kind: str, detail: str) -> Outgoing:
    """What happened to a twin."""
    payload = msgspec.json.encode(Event("cosim.event/1", now_ns, kind, detail))
    return Outgoing(topics.events(vehicle_id), payload)


def status(
    topics: Topics, now_ns: int, *, online: bool, twins: int = 0, rejected: dict[str, int]
) -> Outgoing:
    """How the service is."""
    payload = msgspec.json.encode(Status("cosim.service/1", online, now_ns, twins, rejected))
    return Outgoing(topics.service, payload, retain=True)
