"""The topics of one fleet, and what a topic says."""

from __future__ import annotations

from urllib.parse import quote, unquote

from vehicles.twins.rejections import Refused, Rejection

_LONGEST_ID = 256


class Topics:
    """The topics of one fleet: a run's, or that of real vehicles.

    Ids are percent-encoded: a SUMO id may hold `/`, `+` or `#`, which mean something in a topic.

    Args:
        fleet_id: what keeps fleets on one broker apart.
    """

    def __init__(self, fleet_id: str) -> None:
        self._fleet = f"cosim/{_level(fleet_id)}"
        self._vehicles = f"{self._fleet}/vehicles/"
        self.every_telemetry = self._of("+", "telemetry")
        self.every_command = self._of("+", "command")
        self.gateway_telemetry = f"{self._fleet}/gateway/telemetry"
        self.service = f"{self._fleet}/service"
        self.probe = f"{self._fleet}/service/probe"

    def telemetry(self, vehicle_id: str) -> str:
        """Where a vehicle publishes its telemetry; ValueError for an empty id."""
        return self._of(_level(vehicle_id), "telemetry")

    def state(self, vehicle_id: str) -> str:
        """Where a vehicle's twin is published; ValueError for an empty id."""
        return self._of(_level(vehicle_id), "state")

    def events(self, vehicle_id: str) -> str:
        """Where what happens to a twin is published; ValueError for an empty id."""
        return self._of(_level(vehicle_id), "events")

    def command(self, vehicle_id: str) -> str:
        """Where commands to a vehicle are published; ValueError for an empty id."""
        return self._of(_level(vehicle_id), "command")

    def acknowledgement(self, vehicle_id: str) -> str:
        """Where a vehicle answers commands; ValueError for an empty id."""
        return self._of(_level(vehicle_id), "command/ack")

    def vehicle_of(self, topic: str, leaf: str = "telemetry") -> str:
        """The vehicle that a topic belongs to; Refused if it is none of this fleet's."""
        level = topic.removeprefix(self._vehicles).removesuffix(f"/{leaf}")
        try:
            vehicle_id = unquote(level, errors="strict")
        except UnicodeDecodeError:
            vehicle_id = ""
        if not vehicle_id or self._of(_level(vehicle_id), leaf) != topic:
            raise Refused(
                Rejection.TOPIC, f"expected a topic like {self._of('+', leaf)}, got {topic!r}"
            )
        return vehicle_id

    def _of(self, level: str, leaf: str) -> str:
        return f"{self._vehicles}{level}/{leaf}"


def check_id(vehicle_id: str) -> None:
    """Refuse what no vehicle is called."""
    if not 0 < len(vehicle_id) <= _LONGEST_ID:
        raise Refused(Rejection.TOPIC, f"expected an id of 1 to {_LONGEST_ID} characters")


def _level(name: str) -> str:
    if not name:
        raise ValueError("expected an id of at least one character for an MQTT topic")
    return quote(name, safe="")
