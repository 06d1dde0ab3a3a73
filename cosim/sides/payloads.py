"""What packets carry, kept beside the link until nobody can receive them any more."""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

import numpy as np

from network.arrays import Ints


class Batch(Protocol):
    """Payloads sent together; what a row carries may be made when it is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> Any: ...


class Payloads:
    """Payloads by the reference that their packets bear, in order of sending."""

    def __init__(self) -> None:
        self._batches: deque[tuple[int, Batch]] = deque()
        self._next = 0

    def add(self, batch: Batch) -> Ints:
        """Keep the payloads of a batch; the references for its packets, shape (n,)."""
        first, self._next = self._next, self._next + len(batch)
        self._batches.append((first, batch))
        return np.arange(first, self._next)

    def __getitem__(self, reference: int) -> Any:
        # Most of what arrives was sent a moment ago.
        for first, batch in reversed(self._batches):
            if reference >= first:
                return batch[reference - first]
        raise KeyError(reference)

    def keep(self, references: Ints) -> None:
        """Drop the batches that are older than all of these references, of packets under way."""
        oldest = int(references.min(initial=self._next))
        while self._batches and self._batches[0][0] + len(self._batches[0][1]) <= oldest:
            self._batches.popleft()
