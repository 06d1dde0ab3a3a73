"""Who looks on while a run goes: what they see of it, and what they may do."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from cosim.injection import Injections
from cosim.pace import Pace
from cosim.recording import Columns
from cosim.scenario import Scenario
from cosim.sides.driving import Driving
from cosim.sides.link import LinkSide
from cosim.sides.remote import RemoteDrivers
from cosim.sides.vehicles import DrivenVehicles
from cosim.traffic.buildings import Building
from cosim.traffic.sumo import SumoTraffic
from vehicles.driving.person import Seat
from vehicles.state import RoadUsers


class Bridge(NamedTuple):
    """A run's sides; to be read between its ticks, in its thread."""

    scenario: Scenario
    net: Path
    buildings: list[Building]
    users: RoadUsers
    traffic: SumoTraffic
    vehicles: DrivenVehicles
    link: LinkSide
    driving: Driving
    remote: RemoteDrivers | None
    injections: Injections


class Onlooker(Protocol):
    """Looks on, and may sit in the seat of a car that a person drives."""

    pace: Pace
    """Holds the run to the wall clock."""

    def begin(self, bridge: Bridge) -> None:
        """The run is about to begin."""

    def seat(self, vehicle: str) -> Seat | None:
        """The seat in a driven vehicle, by its name; None if nobody here sits in it."""

    def observe(self, table: str, columns: Columns) -> None:
        """Rows of a table, as they are recorded."""

    def tick(self, now_ns: int) -> None:
        """All sides have reached an instant [ns]; raises Stopped to end the run well."""
