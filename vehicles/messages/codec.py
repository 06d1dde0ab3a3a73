"""From a packet's bytes to the message in it, whichever it is."""

from __future__ import annotations

from typing import TypeAlias

from vehicles.messages.cam import Cam
from vehicles.messages.cpm import Cpm
from vehicles.messages.denm import Denm
from vehicles.messages.frame import Frame
from vehicles.messages.kinds import MessageKind
from vehicles.messages.mapem import Mapem
from vehicles.messages.spatem import Spatem
from vehicles.messages.vam import Vam

ItsMessage: TypeAlias = Cam | Denm | Spatem | Mapem | Vam | Cpm

_CLASSES: dict[MessageKind, type[ItsMessage]] = {
    MessageKind.CAM: Cam,
    MessageKind.DENM: Denm,
    MessageKind.SPATEM: Spatem,
    MessageKind.MAPEM: Mapem,
    MessageKind.VAM: Vam,
    MessageKind.CPM: Cpm,
}

ITS_MESSAGES = tuple(_CLASSES.values())
ITS_KINDS = frozenset(_CLASSES)
"""Kinds of packets that carry an ETSI message."""


def decode(kind: MessageKind, data: bytes, frame: Frame, received_ns: int) -> ItsMessage:
    """The message in a packet.

    Args:
        kind: what the packet says it carries.
        data: its payload.
        frame: of the net.
        received_ns: when it came, which settles times that a message abbreviates [ns].

    Raises:
        MalformedMessage: the payload is no such message; whatever it is, nothing else is raised.
    """
    return _CLASSES[kind].decode(data, frame, received_ns)
