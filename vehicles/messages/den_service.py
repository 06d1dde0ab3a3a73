"""The sending side of the DEN basic service (ETSI EN 302 637-3): repetition, cancellation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vehicles.messages.denm import Denm

_NS_PER_MS = 1_000_000


@dataclass
class _Said:
    denm: Denm
    due_ns: int


class DenService:
    """Sends what it is told of a danger at once, and again every interval while it holds.

    A trigger and an update (clause 6.1.2) are both a `say`: the newer version takes the place of
    the older one. A cancellation is repeated like any other version.
    """

    def __init__(self) -> None:
        self._said: dict[tuple[int, int], _Said] = {}

    def __len__(self) -> int:
        return len(self._said)

    def say(self, denm: Denm, now_ns: int) -> None:
        """A new danger, or a new version of a known one."""
        self._said[denm.station_id, denm.sequence_number] = _Said(denm, now_ns)

    def cancel(self, denm: Denm, now_ns: int) -> None:
        """The danger is over, told by who has found it."""
        over = replace(denm, terminated=True, detection_time_ns=now_ns, generation_time_ns=now_ns)
        self.say(over, now_ns)

    def due(self, now_ns: int) -> list[Denm]:
        """What is sent at an instant [ns]; what doesn't hold any more is dropped."""
        self._said = {
            action: said for action, said in self._said.items() if said.denm.valid_until_ns > now_ns
        }
        due = [said for said in self._said.values() if said.due_ns <= now_ns]
        for said in due:
            said.due_ns += said.denm.interval_ms * _NS_PER_MS
        return [said.denm for said in due]
