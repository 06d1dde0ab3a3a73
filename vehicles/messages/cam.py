"""When connected road users send their cooperative awareness messages.

A fixed rate within the 1 to 10 Hz of ETSI EN 302 637-2 clause 6.1.3, each sender at its own phase.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from network.arrays import Ints
from network.draws import Draws

# Mean size of CAMs in the field, security included (C2C-CC TR 2052).
SIZE_BYTES = 357


class CamSchedule:
    """Generation instants of periodic messages: every `period_ns` from a phase drawn per sender."""

    def __init__(self, rate_hz: float, seed: int) -> None:
        self._period_ns = round(1e9 / rate_hz)
        self._draws = Draws(seed, "cam phase")
        self._keys = np.zeros(0, dtype=np.uint64)
        self._phase_ns = np.zeros(0, dtype=np.int64)

    def between(self, keys: NDArray[np.uint64], from_ns: int, until_ns: int) -> tuple[Ints, Ints]:
        """Messages generated in [from_ns, until_ns).

        Args:
            keys: station keys of the senders, shape (n,); a new array whenever they change.
            from_ns: begin of the interval [ns].
            until_ns: its end [ns].

        Returns:
            Index into `keys` and generation instant [ns] of each message, ordered by instant.
        """
        if keys is not self._keys:
            # Senders come and go more seldom than they are asked for.
            self._keys = keys
            self._phase_ns = (self._draws.uniform(keys, 0) * self._period_ns).astype(np.int64)
        phase = self._phase_ns
        first = -(-(from_ns - phase) // self._period_ns)
        count = np.maximum(-(-(until_ns - phase) // self._period_ns) - first, 0)
        sender = np.repeat(np.arange(len(keys)), count)
        turn = np.arange(len(sender)) - np.repeat(np.cumsum(count) - count, count)
        instant = phase[sender] + (first[sender] + turn) * self._period_ns
        order = np.argsort(instant, kind="stable")
        return sender[order], instant[order]
