"""Rows of a run by time, as far back as there is room."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any

import numpy as np

# A run that goes on for hours is remembered so far: some 50 MB of each.
_MOST_ROWS = 2_000_000
NO_ROWS: Any = np.zeros((0, 5), dtype=np.float32)


class Snapshots:
    """Rows of `float32` by instant, the oldest dropped when there are too many."""

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self._rows: list[Any] = []
        self._total = 0

    def add(self, time_s: Any, columns: list[Any]) -> None:
        """Take rows in the order of their instants [s], by column."""
        times = np.asarray(time_s, dtype=np.float64)
        if not len(times):
            return
        rows = np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)
        rows = rows.astype(np.float32)
        begins = np.concatenate([[0], np.flatnonzero(np.diff(times)) + 1, [len(times)]])
        for begin, end in zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True):
            self._add_one(float(times[begin]), rows[begin:end])
        while self._total > _MOST_ROWS:
            self._total -= len(self._rows[0])
            del self.times_s[0], self._rows[0]

    def _add_one(self, time_s: float, rows: Any) -> None:
        self._total += len(rows)
        at = bisect_left(self.times_s, time_s)
        if at < len(self.times_s) and self.times_s[at] == time_s:
            self._rows[at] = np.concatenate([self._rows[at], rows])
        else:
            self.times_s.insert(at, time_s)
            self._rows.insert(at, rows)

    def latest(self, time_s: float) -> Any:
        """Rows of the last instant up to one."""
        at = bisect_right(self.times_s, time_s + 1e-6) - 1
        return self._rows[at] if at >= 0 else NO_ROWS

    def around(self, time_s: float) -> tuple[Any, Any, float]:
        """Rows before and after an instant, and how far it lies between the two."""
        if not self.times_s:
            nobody = np.zeros((0, 6), dtype=np.float32)
            return nobody, nobody, 0.0
        at = max(bisect_right(self.times_s, time_s + 1e-6) - 1, 0)
        after = min(at + 1, len(self.times_s) - 1)
        step_s = self.times_s[after] - self.times_s[at]
        share = (time_s - self.times_s[at]) / step_s if step_s > 0 else 0.0
        return self._rows[at], self._rows[after], min(max(share, 0.0), 1.0)

    def between(self, from_s: float, to_s: float) -> list[tuple[float, Any]]:
        """Instants from one to another, and the rows of each."""
        begin, end = bisect_left(self.times_s, from_s), bisect_right(self.times_s, to_s + 1e-6)
        return list(zip(self.times_s[begin:end], self._rows[begin:end], strict=True))
