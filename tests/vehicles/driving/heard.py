"""Messages of road users on the straight road of `scene`."""

from __future__ import annotations

from typing import Any

from tests.vehicles.driving.scene import CAR
from vehicles.messages.cam import Cam
from vehicles.messages.kinds import StationType
from vehicles.messages.ldm import LocalDynamicMap, Received

MS = 1_000_000


def cam(
    station_id: int,
    x_m: float,
    speed_mps: float,
    *,
    y_m: float = 0.0,
    heading_rad: float = 0.0,
    acceleration_mps2: float = 0.0,
    generated_ns: int = 0,
) -> Received[Cam]:
    """Of a car as in `scene`; received when it was generated."""
    message = Cam(
        station_id=station_id,
        station_type=StationType.PASSENGER_CAR,
        generation_time_ns=generated_ns,
        x_m=x_m,
        y_m=y_m,
        heading_rad=heading_rad,
        speed_mps=speed_mps,
        acceleration_mps2=acceleration_mps2,
        yaw_rate_radps=0.0,
        length_m=CAR[0],
        width_m=CAR[1],
    )
    return Received(station_id, message, generated_ns, generated_ns)


def known(*received: Received[Any]) -> LocalDynamicMap:
    """What a receiver knows that has heard this."""
    ldm = LocalDynamicMap()
    for one in received:
        ldm.add(one)
    return ldm
