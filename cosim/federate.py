"""What a side of the bridge is, and the errors that end a run."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from network.arrays import Ints


class Deliveries(NamedTuple):
    """What a side handed to others in one advance, for the causality check.

    Both arrays have one entry per message [ns]. No message may arrive before
    `sent_ns + least_latency_ns`, after the instant it was handed over at, or in an earlier step.
    """

    sent_ns: Ints
    received_ns: Ints
    least_latency_ns: int


@runtime_checkable
class Federate(Protocol):
    """One side of the bridge: traffic, vehicles, link, driving, twins or the recorder.

    `advance(to_ns)` brings the side from its last instant to `to_ns` and may return the messages
    it delivered on the way. It raises `SideDied` when what stands behind it is gone. `abort` is
    called from another thread when `advance` doesn't come back: it makes the blocked call raise
    if that is possible. `close` may be called at any time, more than once.
    """

    name: str
    step_ns: int

    def start(self) -> None:
        """Get ready at instant 0."""

    def advance(self, to_ns: int) -> Deliveries | None:
        """Bring the side to `to_ns` [ns]."""

    def abort(self) -> None:
        """Make a blocked `advance` raise, from another thread."""

    def close(self) -> None:
        """Release everything; safe to call twice."""


INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class RunError(Exception):
    """A run can't go on; the message is one line for the person who started it."""

    exit_code = 3


class BadInput(RunError):
    """What the person gave can't be run: file, line, key and what was expected."""

    exit_code = 2


class SideDied(RunError):
    """A side of the bridge is gone or doesn't answer."""

    def __init__(self, side: str, what: str) -> None:
        super().__init__(f"{side} died: {what}")
        self.side = side


class Stopped(Exception):
    """Somebody who looks on has had enough: the run ends here, as if its time were up."""


class CausalityError(RunError):
    """A message arrived before it can have arrived."""
