"""A message as a vehicle, or the server, has it: in which packet it came, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Generated(Protocol):
    """A message that says when it was made."""

    @property
    def generation_time_ns(self) -> int:
        """When what it says was true [ns]."""


MessageT_co = TypeVar("MessageT_co", bound=Generated, covariant=True)


@dataclass(frozen=True, slots=True)
class Received(Generic[MessageT_co]):
    """A message that has arrived.

    `sent_ns` is the timestamp of the packet's header: a message that is repeated keeps its time of
    generation, not this.
    """

    packet_id: int
    message: MessageT_co
    sent_ns: int
    received_ns: int

    def age_ns(self, now_ns: int) -> int:
        """Age of the information [ns]: how long ago it was true, by the message's own word."""
        return now_ns - self.message.generation_time_ns
