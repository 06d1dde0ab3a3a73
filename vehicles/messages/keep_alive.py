"""Keep-alive forwarding of warnings (ETSI EN 302 637-3 V1.3.1 clauses 6.1.4.2 and 8.3.2.5).

Who has heard a warning says it again, word for word, when nobody has for a while: its finder may
have driven off, or have lost its network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from network.draws import Draws, key_of
from vehicles.messages.denm import Denm

_NS_PER_MS = 1_000_000
# Of those who fall due together the first to speak silences the others.
_LONGEST_JITTER_NS = 150 * _NS_PER_MS


@dataclass
class _Kept:
    denm: Denm
    due_ns: int


class KeepAliveForwarding:
    """The warnings that one station keeps alive.

    Each is due T_Forwarding after it was last heard or forwarded: twice the transmission interval
    that it names, and up to 150 ms of the station's own.

    Args:
        name: of the station.
        draws: of the purpose, for its delays.
    """

    def __init__(self, name: str, draws: Draws) -> None:
        self._key = key_of(name)
        self._draws = draws
        self._drawn = 0
        self._kept: dict[tuple[int, int], _Kept] = {}

    def hear(self, denm: Denm, received_ns: int) -> None:
        """Take note of a warning, its repetition or its cancellation, whoever said it."""
        action = denm.station_id, denm.sequence_number
        kept = self._kept.get(action)
        if kept is None or kept.denm.generation_time_ns <= denm.generation_time_ns:
            self._kept[action] = _Kept(denm, self._due_ns(denm, received_ns))

    def due(self, x_m: float, y_m: float, now_ns: int) -> list[Denm]:
        """What the station forwards at an instant [ns] from where it is [m].

        A warning outside whose relevance area the station is waits until it is back inside. One
        that is cancelled, or says nothing of its interval, is never forwarded.
        """
        self._kept = {
            action: kept for action, kept in self._kept.items() if kept.denm.valid_until_ns > now_ns
        }
        forwarded = []
        for kept in self._kept.values():
            denm = kept.denm
            if denm.terminated or not denm.interval_ms or kept.due_ns > now_ns:
                continue
            if math.hypot(denm.x_m - x_m, denm.y_m - y_m) <= denm.relevance_m:
                kept.due_ns = self._due_ns(denm, now_ns)
                forwarded.append(denm)
        return forwarded

    def _due_ns(self, denm: Denm, now_ns: int) -> int:
        share = float(self._draws.uniform(self._key, self._drawn))
        self._drawn += 1
        return now_ns + 2 * denm.interval_ms * _NS_PER_MS + int(share * _LONGEST_JITTER_NS)
