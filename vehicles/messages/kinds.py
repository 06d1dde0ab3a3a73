"""The kinds of packets that vehicles send."""

from __future__ import annotations

from enum import IntEnum


class MessageKind(IntEnum):
    """What a packet carries."""

    CAM = 0
    BRAKE_WARNING = 1
    TELEMETRY = 2
    VIDEO = 16
    REMOTE_COMMAND = 17
