"""The receiving side of a vehicle: from packets to what is known, or to a reason to doubt them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from vehicles.messages.codec import ITS_KINDS, Message, decode
from vehicles.messages.frame import Frame
from vehicles.messages.kinds import MessageKind
from vehicles.messages.ldm import LocalDynamicMap, Received
from vehicles.messages.uper import MalformedMessage


class Arrival(NamedTuple):
    """A packet that has reached a vehicle."""

    packet_id: int
    kind: MessageKind
    payload: Any
    sent_ns: int
    received_ns: int


class Discarded(NamedTuple):
    """A packet that wasn't believed, and why; `station_id` is -1 where nobody can tell."""

    packet_id: int
    kind: MessageKind
    received_ns: int
    station_id: int
    check: str
    detail: str


class Receiver:
    """Reads what reaches one vehicle.

    Args:
        frame: of the net.
    """

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._discarded: list[Discarded] = []
        self.ldm = LocalDynamicMap()

    def read(self, arrivals: Sequence[Arrival], now_ns: int) -> list[Received[Message]]:
        """The messages among packets, ordered by arrival; what is known is brought up to now."""
        read = []
        for arrival in arrivals:
            if arrival.kind not in ITS_KINDS:
                continue
            try:
                message = decode(arrival.kind, arrival.payload, self._frame, arrival.received_ns)
            except MalformedMessage as error:
                self._discard(arrival, -1, "malformed", str(error))
                continue
            received = Received(arrival.packet_id, message, arrival.sent_ns, arrival.received_ns)
            self.ldm.add(received)
            read.append(received)
        self.ldm.forget(now_ns)
        return read

    def take_discarded(self) -> list[Discarded]:
        """What hasn't been believed since the last call."""
        discarded, self._discarded = self._discarded, []
        return discarded

    def _discard(self, arrival: Arrival, station_id: int, check: str, detail: str) -> None:
        self._discarded.append(
            Discarded(
                arrival.packet_id, arrival.kind, arrival.received_ns, station_id, check, detail
            )
        )
