"""What a scenario says about its twins."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, field_serializer, field_validator

from network.arrays import Floats
from network.settings import Settings
from vehicles.twins.broker import BrokerAddress
from vehicles.twins.telemetry import Encoding

# A position known exactly would leave the filter nothing to weigh.
_LEAST_POSITION_SIGMA_M = 0.01


class SensorNoise(Settings):
    """Standard deviations of what a vehicle says of itself, white from message to message.

    The defaults are of a satellite receiver with corrections and an inertial unit (from memory).
    """

    position_m: float = Field(0.5, ge=0, le=100, description="Of the position, along each axis.")
    heading_deg: float = Field(0.5, gt=0, le=90)
    speed_mps: float = Field(0.1, gt=0, le=10)
    acceleration_mps2: float = Field(0.1, gt=0, le=10)
    yaw_rate_degps: float = Field(0.3, gt=0, le=90)

    def sigmas(self) -> Floats:
        """Of (x, y, heading, speed, acceleration, turn rate) in SI units; shape (6,)."""
        return np.array(
            [
                self.position_m,
                self.position_m,
                np.radians(self.heading_deg),
                self.speed_mps,
                self.acceleration_mps2,
                np.radians(self.yaw_rate_degps),
            ]
        )

    def variances(self) -> Floats:
        """What the filter takes for the variances of the same, each greater than zero."""
        variances: Floats = self.sigmas() ** 2
        variances[:2] = self.position_variance(self.position_m)
        return variances

    @staticmethod
    def position_variance(sigma_m: float | Floats) -> Floats:
        """What the filter takes for the variance of a position [m²]."""
        return np.maximum(sigma_m, _LEAST_POSITION_SIGMA_M) ** 2


class Zone(Settings):
    """An area that is watched: who enters it, and who leaves it."""

    id: str = Field(min_length=1)
    polygon_m: list[tuple[float, float]] = Field(
        min_length=3, description="Corners (x, y) in the plane of the net."
    )


class TwinsSettings(Settings):
    """Which vehicles have a twin, and how its telemetry travels."""

    rate_hz: float = Field(10.0, gt=0, le=50, description="Telemetry messages per second.")
    vehicles: Literal["driven", "connected"] = Field(
        "driven", description="Twins of the driven vehicles, or of every connected road user."
    )
    encoding: Encoding = Field("json", description="How vehicles write their telemetry.")
    sensors: SensorNoise = SensorNoise()
    broker: str = Field(
        "embedded", description="`embedded`, or an MQTT broker as mqtt://user:password@host:port."
    )
    gateway: bool = Field(
        True,
        description="Whether what reaches the server together is published together; else one MQTT "
        "message per vehicle.",
    )
    username: str | None = Field(None, description="Of the broker, if its URL has none.")
    password_file: Path | None = Field(None, description="Holds the password and nothing else.")
    ca: Path | None = Field(
        None, description="Certificates to hold an mqtts:// broker's against; else the system's."
    )
    certificate: Path | None = Field(None, description="What this client shows of itself.")
    key: Path | None = Field(None, description="The key of `certificate`, if it is not in it.")
    step_s: float = Field(0.1, gt=0, le=1, description="How often twins are read and recorded.")
    horizon_s: float = Field(2.0, gt=0, le=30, description="How far ahead twins are predicted.")
    late_after_s: float = Field(1.0, gt=0, description="Age of information of a twin that is late.")
    lost_after_s: float = Field(5.0, gt=0, description="Age of information of a twin that is lost.")

    forget_after_s: float = Field(
        600.0, gt=0, description="Age of information of a twin that is let go of."
    )
    state_rate_hz: float | None = Field(
        1.0, gt=0, le=10, description="How often states are published, if at all."
    )
    zones: list[Zone] = Field([], description="Areas whose comings and goings are events.")
    degraded_sinr_db: float = Field(0.0, description="SINR below which a link is degraded.")
    coverage_rsrp_dbm: float = Field(
        -110.0, description="RSRP below which a place isn't covered, as the fleet has found it."
    )

    @field_validator("broker")
    @classmethod
    def _readable(cls, broker: str) -> str:
        if broker != "embedded":
            BrokerAddress.parse(broker)
        return broker

    @property
    def staleness_ns(self) -> tuple[int, int]:
        """Ages of information from which on a twin is late and lost [ns]."""
        return round(self.late_after_s * 1e9), round(self.lost_after_s * 1e9)

    @field_serializer("broker")
    def _without_secrets(self, broker: str) -> str:
        """Manifests are passed around: they name the broker, not who may use it."""
        return broker if broker == "embedded" else str(BrokerAddress.parse(broker))
