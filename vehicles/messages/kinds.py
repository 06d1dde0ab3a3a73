"""The kinds of packets that vehicles send, and what road users are called on the air."""

from __future__ import annotations

from enum import IntEnum

from network.draws import key_of
from vehicles.state import Kind


class MessageKind(IntEnum):
    """What a packet carries."""

    CAM = 0
    DENM = 1
    TELEMETRY = 2
    SPATEM = 3
    MAPEM = 4
    VAM = 5
    CPM = 6
    VIDEO = 16
    REMOTE_COMMAND = 17
    FLEET_COMMAND = 18
    FLEET_ANSWER = 19


class StationType(IntEnum):
    """ITS station types (ETSI TS 102 894-2, DE_StationType); others count as unknown."""

    UNKNOWN = 0
    PEDESTRIAN = 1
    CYCLIST = 2
    MOPED = 3
    MOTORCYCLE = 4
    PASSENGER_CAR = 5
    BUS = 6
    LIGHT_TRUCK = 7
    HEAVY_TRUCK = 8
    TRAILER = 9
    SPECIAL_VEHICLE = 10
    TRAM = 11
    ROAD_SIDE_UNIT = 15

    @classmethod
    def _missing_(cls, value: object) -> StationType:
        del value
        return cls.UNKNOWN


STATION_TYPES = {
    Kind.CAR: StationType.PASSENGER_CAR,
    Kind.TRUCK: StationType.HEAVY_TRUCK,
    Kind.BUS: StationType.BUS,
    Kind.MOTORCYCLE: StationType.MOTORCYCLE,
    Kind.BICYCLE: StationType.CYCLIST,
    Kind.PEDESTRIAN: StationType.PEDESTRIAN,
    Kind.OTHER: StationType.UNKNOWN,
}
"""What each kind of road user calls itself."""

VULNERABLE = (Kind.BICYCLE, Kind.PEDESTRIAN)
"""Kinds that send VAMs; the others send CAMs."""

STATION_ID_MAX = 2**32 - 1


class StationIds:
    """Numbers by which ITS stations call themselves, one for each name, the same in every run."""

    def __init__(self) -> None:
        self._id_of: dict[str, int] = {}
        self._taken: set[int] = set()

    def of(self, name: str) -> int:
        """The number of a station, drawn from its name; the next free one if that is taken."""
        station_id = self._id_of.get(name)
        if station_id is None:
            station_id = key_of(name) & STATION_ID_MAX
            while station_id in self._taken:
                station_id = (station_id + 1) & STATION_ID_MAX
            self._id_of[name] = station_id
            self._taken.add(station_id)
        return station_id
