"""The receiving side of a vehicle: from packets to what is known, or to a reason to doubt them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from vehicles.messages.codec import ITS_KINDS, ItsMessage, decode
from vehicles.messages.denm import Denm
from vehicles.messages.frame import Frame
from vehicles.messages.kinds import MessageKind
from vehicles.messages.ldm import LocalDynamicMap
from vehicles.messages.mapem import Mapem
from vehicles.messages.plausibility import Plausibility
from vehicles.messages.received import Received
from vehicles.messages.uper import MalformedMessage


class Arrival(NamedTuple):
    """A packet that has reached a vehicle; an ETSI message in it is bytes still."""

    kind: MessageKind
    packet: Received[Any]


class Discarded(NamedTuple):
    """A packet that wasn't believed, and why; `station_id` is -1 where nobody can tell."""

    packet_id: int
    kind: MessageKind
    received_ns: int
    station_id: int
    check: str
    detail: str


# Messages that are repeated word for word, and how many of them are remembered.
_REPEATED = (MessageKind.DENM, MessageKind.MAPEM)
_REMEMBERED = 256


class Receiver:
    """Reads what reaches one vehicle.

    Args:
        frame: of the net.
    """

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._discarded: list[Discarded] = []
        self._plausibility = Plausibility()
        self._read_before: dict[bytes, ItsMessage] = {}
        self.ldm = LocalDynamicMap()

    def read(
        self, arrivals: Sequence[Arrival], station_id: int, x_m: float, y_m: float, now_ns: int
    ) -> list[Received[Any]]:
        """The messages among packets, ordered by arrival; what is known is brought up to now.

        Args:
            arrivals: packets since the last call.
            station_id: how the receiver calls itself; its own warning, forwarded, is no news.
            x_m: where the receiver is [m].
            y_m: the same [m].
            now_ns: the instant [ns].
        """
        read = []
        for kind, packet in arrivals:
            if kind not in ITS_KINDS:
                read.append(packet)
                continue
            try:
                message = self._decode(kind, packet)
            except MalformedMessage as error:
                self._discard(kind, packet, -1, "malformed", str(error))
                continue
            if isinstance(message, Denm) and message.station_id == station_id:
                continue
            received = replace(packet, message=message)
            doubt = self._plausibility.doubt(received, x_m, y_m)
            if doubt is not None:
                self._discard(kind, packet, message.station_id, *doubt)
                continue
            self.ldm.add(received)
            read.append(received)
        self.ldm.forget(now_ns)
        return read

    def _decode(self, kind: MessageKind, packet: Received[Any]) -> ItsMessage:
        """The message in a packet; one that was read before needn't be decoded again."""
        if kind not in _REPEATED:
            return decode(kind, packet.message, self._frame, packet.received_ns)
        message = self._read_before.get(packet.message)
        if message is None:
            message = decode(kind, packet.message, self._frame, packet.received_ns)
            if len(self._read_before) >= _REMEMBERED:
                self._read_before.clear()
            self._read_before[packet.message] = message
        if isinstance(message, Mapem):
            return replace(message, generation_time_ns=packet.received_ns)
        return message

    def take_discarded(self) -> list[Discarded]:
        """What hasn't been believed since the last call."""
        discarded, self._discarded = self._discarded, []
        return discarded

    def _discard(
        self, kind: MessageKind, packet: Received[Any], station_id: int, check: str, detail: str
    ) -> None:
        self._discarded.append(
            Discarded(packet.packet_id, kind, packet.received_ns, station_id, check, detail)
        )
