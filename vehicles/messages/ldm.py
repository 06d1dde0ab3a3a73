"""What a vehicle has heard and still believes (after ETSI EN 302 895, the local dynamic map)."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar, cast

from vehicles.messages.cam import Cam
from vehicles.messages.codec import ItsMessage
from vehicles.messages.cpm import Cpm
from vehicles.messages.denm import Denm
from vehicles.messages.mapem import Mapem
from vehicles.messages.received import Received
from vehicles.messages.spatem import Spatem
from vehicles.messages.vam import Vam

_NS_PER_S = 1_000_000_000
# A little longer than the longest time between two messages of each.
_AWARENESS_LIFE_NS = 2 * _NS_PER_S
_VAM_LIFE_NS = 6 * _NS_PER_S
_SPATEM_LIFE_NS = 3 * _NS_PER_S
_MAPEM_LIFE_NS = 60 * _NS_PER_S


class LocalDynamicMap:
    """The newest message of each sender, or about each thing, until its life ends.

    `cams`, `vams` and `cpms` are by station id, `spatems` and `mapems` by intersection id; `denms`
    are by station id and sequence number, until their validity ends or they are cancelled.
    """

    def __init__(self) -> None:
        self.cams: dict[int, Received[Cam]] = {}
        self.vams: dict[int, Received[Vam]] = {}
        self.cpms: dict[int, Received[Cpm]] = {}
        self.spatems: dict[int, Received[Spatem]] = {}
        self.mapems: dict[int, Received[Mapem]] = {}
        self.denms: dict[tuple[int, int], Received[Denm]] = {}
        self._cancelled: dict[tuple[int, int], Received[Denm]] = {}

    def add(self, received: Received[ItsMessage]) -> None:
        """Take in a message, unless a newer one is known."""
        message = received.message
        match message:
            case Cam():
                _keep_newest(self.cams, message.station_id, cast("Received[Cam]", received))
            case Vam():
                _keep_newest(self.vams, message.station_id, cast("Received[Vam]", received))
            case Cpm():
                _keep_newest(self.cpms, message.station_id, cast("Received[Cpm]", received))
            case Spatem():
                key = message.intersection_id
                _keep_newest(self.spatems, key, cast("Received[Spatem]", received))
            case Mapem():
                key = message.intersection_id
                _keep_newest(self.mapems, key, cast("Received[Mapem]", received))
            case Denm():
                self._add_denm(cast("Received[Denm]", received))

    def forget(self, now_ns: int) -> None:
        """Drop what has outlived its life."""
        _drop(self.cams, now_ns - _AWARENESS_LIFE_NS)
        _drop(self.vams, now_ns - _VAM_LIFE_NS)
        _drop(self.cpms, now_ns - _AWARENESS_LIFE_NS)
        _drop(self.spatems, now_ns - _SPATEM_LIFE_NS)
        _drop(self.mapems, now_ns - _MAPEM_LIFE_NS)
        for denms in (self.denms, self._cancelled):
            for action in [
                action
                for action, received in denms.items()
                if received.message.valid_until_ns <= now_ns
            ]:
                del denms[action]

    def _add_denm(self, received: Received[Denm]) -> None:
        action = received.message.station_id, received.message.sequence_number
        cancelled = self._cancelled.get(action)
        generated_ns = received.message.generation_time_ns
        if cancelled and cancelled.message.generation_time_ns >= generated_ns:
            # A version from before the cancellation that took longer on its way.
            return
        _keep_newest(self.denms, action, received)
        if received.message.terminated and self.denms[action] is received:
            self._cancelled[action] = self.denms.pop(action)


_Key = TypeVar("_Key", bound=Hashable)
_Message = TypeVar("_Message", bound=ItsMessage)


def _keep_newest(known: dict[_Key, Received[_Message]], key: _Key, new: Received[_Message]) -> None:
    before = known.get(key)
    if before is None or before.message.generation_time_ns < new.message.generation_time_ns:
        known[key] = new


def _drop(known: dict[_Key, Received[_Message]], before_ns: int) -> None:
    for key in [
        key for key, received in known.items() if received.message.generation_time_ns <= before_ns
    ]:
        del known[key]
