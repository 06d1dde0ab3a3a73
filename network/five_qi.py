"""The standardized 5QIs: what flows of packets ask of the network."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from network.arrays import Bools, Ints
from network.packet import NS_PER_MS

BEST_EFFORT = 9
"""The 5QI of the background, and of packets for which nothing else is asked."""


class Resource(IntEnum):
    """Resource types of QoS flows (TS 23.501 clause 5.7.3.2)."""

    NON_GBR = 0
    GBR = 1
    DELAY_CRITICAL_GBR = 2


class FiveQi(NamedTuple):
    """Characteristics of a 5QI; level 1 is served first of all."""

    resource: Resource
    priority_level: int
    delay_budget_ms: int
    error_rate: float
    burst_bytes: int | None = None  # maximum data burst volume, of delay-critical ones


_N, _G, _D = Resource.NON_GBR, Resource.GBR, Resource.DELAY_CRITICAL_GBR
FIVE_QI = {
    1: FiveQi(_G, 20, 100, 1e-2),
    2: FiveQi(_G, 40, 150, 1e-3),
    3: FiveQi(_G, 30, 50, 1e-3),
    4: FiveQi(_G, 50, 300, 1e-6),
    65: FiveQi(_G, 7, 75, 1e-2),
    66: FiveQi(_G, 20, 100, 1e-2),
    67: FiveQi(_G, 15, 100, 1e-3),
    75: FiveQi(_G, 25, 50, 1e-2),
    5: FiveQi(_N, 10, 100, 1e-6),
    6: FiveQi(_N, 60, 300, 1e-6),
    7: FiveQi(_N, 70, 100, 1e-3),
    8: FiveQi(_N, 80, 300, 1e-6),
    9: FiveQi(_N, 90, 300, 1e-6),
    69: FiveQi(_N, 5, 60, 1e-6),
    70: FiveQi(_N, 55, 200, 1e-6),
    79: FiveQi(_N, 65, 50, 1e-2),
    80: FiveQi(_N, 68, 10, 1e-6),
    82: FiveQi(_D, 19, 10, 1e-4, 255),
    83: FiveQi(_D, 22, 10, 1e-4, 1354),
    84: FiveQi(_D, 24, 30, 1e-5, 1354),
    85: FiveQi(_D, 21, 5, 1e-5, 255),
    86: FiveQi(_D, 18, 5, 1e-4, 1354),
}
"""TS 23.501 Table 5.7.4-1, the rows for user data and V2X. 75 is of early releases."""


def discard_after_ns(five_qi: Ints, size_bytes: Ints, discard_timer_ns: int) -> Ints:
    """Return how long packets are worth sending [ns].

    The packet delay budget, where the flow is delay critical and the packet within its maximum data
    burst volume (TS 23.501 clauses 5.7.3.4 and 5.7.3.7), but no longer than the discard timer.

    Args:
        five_qi: 5QI of each (n,).
        size_bytes: Size of each (n,) [B].
        discard_timer_ns: PDCP's discardTimer [ns].
    """
    budget = np.full(_MOST + 1, discard_timer_ns)
    burst = np.zeros(len(budget), dtype=np.int64)
    for number, row in FIVE_QI.items():
        if row.burst_bytes is not None:
            budget[number] = min(discard_timer_ns, row.delay_budget_ms * NS_PER_MS)
            burst[number] = row.burst_bytes
    return np.where(size_bytes <= burst[five_qi], budget[five_qi], discard_timer_ns)


_MOST = max(FIVE_QI)
_KNOWN = np.isin(np.arange(_MOST + 1), list(FIVE_QI))
_GUARANTEED = np.array(
    [q in FIVE_QI and FIVE_QI[q].resource != Resource.NON_GBR for q in range(_MOST + 1)]
)


def is_guaranteed(five_qi: Ints) -> Bools:
    """Return which 5QIs are of flows with a guaranteed bit rate (n,)."""
    return np.asarray(_GUARANTEED[five_qi])


def check_five_qi(five_qi: Ints) -> None:
    """Raise ValueError if one isn't a 5QI of `FIVE_QI`."""
    known = (five_qi >= 0) & (five_qi <= _MOST)
    known &= _KNOWN[np.where(known, five_qi, 0)]
    if not known.all():
        raise ValueError(
            f"5QI {five_qi[~known][0]}; expected one of {', '.join(map(str, sorted(FIVE_QI)))}"
        )
