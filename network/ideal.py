"""The ideal link: no latency, no loss, everyone always reachable. What others are compared with."""

from __future__ import annotations

import numpy as np

from network.base import Handovers, LinkModel, StationState
from network.packet import Fate, InFlight, joined


class IdealLink(LinkModel):
    """Receives every packet at the instant it was sent.

    A packet sent at the instant that the link stands at is received at that instant and handed out
    by the next `advance`.
    """

    def handovers(self) -> Handovers:
        """Return no handovers: there are no cells."""
        none = np.zeros(0, dtype=np.int64)
        return Handovers(none, none, none, none, none, none, np.zeros(0, dtype=np.bool_))

    def station_state(self) -> StationState:
        """Return stations without cells and never interrupted."""
        n = len(self._attached)
        no_cell, no_level = np.full(n, -1), np.full(n, np.nan)
        past = np.zeros(n, dtype=np.int64)
        return StationState(no_cell, no_level, no_level, no_level, no_cell, no_level, past)

    def _start(self, flights: InFlight) -> None:
        """Leave the plan as it is: all of it at the instant of sending."""

    def _run(self, to_ns: int) -> None:
        flights = self._flights
        due = flights.sent_ns <= to_ns
        to_area = np.flatnonzero(due & (flights.radius_m >= 0.0))
        if to_area.size:
            copies = self._relay(to_area, flights.sent_ns[to_area])
            self._flights = flights = joined([flights, copies])
            due = flights.sent_ns <= to_ns
        rows = np.flatnonzero(due)
        flights.end(rows, int(Fate.DELIVERED), flights.sent_ns[rows])
        self._now_ns = to_ns
