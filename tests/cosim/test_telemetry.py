"""What a driven vehicle's own GNSS and IMU measured goes before the twins' sensors."""

from typing import Any

import numpy as np
import pytest

from cosim.sides.telemetry import TelemetryUnits
from vehicles.carla.sensors import Measured
from vehicles.georeference import Georeference
from vehicles.state import Kind, RoadUsers
from vehicles.twins.settings import TwinsSettings
from vehicles.twins.telemetry import Telemetry, decode


class Link:
    """Takes what is sent."""

    def __init__(self, stations: np.ndarray) -> None:
        self.stations = stations
        self.sent: list[Any] = []

    def levels(self, slots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full(len(slots), -90.0), np.full(len(slots), 10.0)

    def send(self, *_: Any, payloads: list[Any], **__: Any) -> None:
        self.sent += payloads


class Vehicles:
    """Has one driven vehicle with these sensors."""

    def __init__(self, measured: Measured) -> None:
        self.on_road = {"ego": "car 7"}
        self._measured = measured

    def measured(self, name: str) -> Measured:
        assert name == "ego"
        return self._measured


def sent(measured: Measured) -> dict[str, Telemetry]:
    users = RoadUsers()
    slots = [users.enter(name, Kind.CAR, 4.5, 1.8, 1.5) for name in ("other", "car 7")]
    users.stamp_ns[slots] = 0
    users.driven[slots[1]] = True
    link = Link(np.array(slots))
    settings = TwinsSettings(vehicles="connected")
    vehicles: Any = Vehicles(measured)
    units = TelemetryUnits(users, vehicles, link, settings, Georeference.around(48.0, 11.0), seed=1)  # type: ignore[arg-type]
    units.advance(100_000_000)
    return {
        forwarded.vehicle_id: decode(forwarded.vehicle_id, forwarded.payload)
        for forwarded in link.sent
    }


def test_own_sensors_go_first() -> None:
    plain, own = sent(Measured()), sent(Measured(47.5, 10.5, -2.5, 0.25))
    assert own["other"] == plain["other"]
    assert plain["car 7"].latitude_deg == pytest.approx(48.0, abs=1e-4)
    assert own["car 7"].latitude_deg == pytest.approx(47.5)
    assert own["car 7"].longitude_deg == pytest.approx(10.5)
    assert own["car 7"].acceleration_mps2 == pytest.approx(-2.5)
    assert own["car 7"].yaw_rate_radps == pytest.approx(0.25, abs=1e-5)
    assert own["car 7"].speed_mps == plain["car 7"].speed_mps
