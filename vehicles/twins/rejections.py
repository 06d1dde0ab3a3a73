"""Why a message is not taken in: every one that isn't is counted under one of these."""

from __future__ import annotations

from enum import StrEnum


class Rejection(StrEnum):
    """A reason, in a word; the values stand in the service's status and in its log."""

    TOPIC = "topic"  # none of this fleet's topics, or an id that has a second spelling
    OVERSIZE = "oversize"  # longer than any message of its kind can be
    MALFORMED = "malformed"  # neither JSON nor MessagePack
    SCHEMA = "schema"  # another message, or another version
    INVALID = "invalid"  # a signal is missing, of the wrong type, not a number, or out of range
    UNPLACED = "unplaced"  # says neither where in the net's plane it is nor where on Earth
    CLOCK = "clock"  # sent at an instant that its sender's clock can't have shown
    DUPLICATE = "duplicate"  # came before, as QoS 1 allows
    TOO_OLD = "too_old"  # older than what the twin remembers
    OUTLIER = "outlier"  # no vehicle of the twin's motion can be there
    FLEET_FULL = "fleet_full"  # a new vehicle, and no room for it
    STRANGER = "stranger"  # published by somebody else into a run that is kept in lockstep
    OVERFLOW = "overflow"  # came faster than it could be taken in


class Refused(ValueError):
    """A message that is not taken in: why, in a word and in a line."""

    def __init__(self, reason: Rejection, told: str) -> None:
        super().__init__(told)
        self.reason = reason
