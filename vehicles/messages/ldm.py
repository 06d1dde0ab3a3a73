"""What a vehicle has heard and still believes (after ETSI EN 302 895, the local dynamic map)."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar, cast

from vehicles.messages.cam import Cam
from vehicles.messages.codec import ItsMessage
from vehicles.messages.denm import Denm
from vehicles.messages.received import Received

_NS_PER_S = 1_000_000_000
_CAM_LIFE_NS = 2 * _NS_PER_S


class LocalDynamicMap:
    """The newest message of each sender, or about each thing, until its life ends.

    `cams` are by station id; `denms` by station id and sequence number, until their validity ends
    or they are cancelled.
    """

    def __init__(self) -> None:
        self.cams: dict[int, Received[Cam]] = {}
        self.denms: dict[tuple[int, int], Received[Denm]] = {}
        self._cancelled: dict[tuple[int, int], Received[Denm]] = {}

    def add(self, received: Received[ItsMessage]) -> None:
        """Take in a message, unless a newer one is known."""
        message = received.message
        match message:
            case Cam():
                _keep_newest(self.cams, message.station_id, cast("Received[Cam]", received))
            case Denm():
                self._add_denm(cast("Received[Denm]", received))

    def forget(self, now_ns: int) -> None:
        """Drop what has outlived its life."""
        _drop(self.cams, now_ns - _CAM_LIFE_NS)
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
