"""Where there is coverage, as the fleet's own modems have found it."""

from __future__ import annotations

import numpy as np

from network.arrays import Floats, Ints

# Shadowing decorrelates over some tens of metres (TR 38.901, table 7.5-6).
_CELL_M = 25.0
_REACH = 2**20  # cells on either side of the origin: 26,000 km
_MOST_CELLS = 200_000


class CoverageMap:
    """Mean RSRP on a grid, learned from what vehicles report as they pass.

    It keeps to a bounded number of grid cells; beyond, it learns no new ones.
    """

    def __init__(self) -> None:
        self._row_of: dict[int, int] = {}
        self._sum_dbm = np.zeros(64)
        self._count = np.zeros(64)

    def learn(self, places_m: Floats, rsrp_dbm: Floats) -> None:
        """Take measurements in; places have the shape (n, 2), and NaN levels say nothing."""
        known = np.isfinite(rsrp_dbm)
        keys = _keys(places_m[known]).tolist()
        rows = np.array([self._row(key) for key in keys], dtype=np.int64)
        there = rows >= 0
        np.add.at(self._sum_dbm, rows[there], rsrp_dbm[known][there])
        np.add.at(self._count, rows[there], 1.0)

    def expected_dbm(self, places_m: Floats) -> Floats:
        """Mean RSRP at places, shape (n, 2); NaN where nobody has been [dBm]."""
        rows = [self._row_of.get(key, -1) for key in _keys(places_m).tolist()]
        expected = np.full(len(rows), np.nan)
        there = np.flatnonzero(np.array(rows, dtype=np.int64) >= 0)
        found = np.array(rows, dtype=np.int64)[there]
        expected[there] = self._sum_dbm[found] / self._count[found]
        return expected

    def _row(self, key: int) -> int:
        row = self._row_of.get(key)
        if row is None:
            row = len(self._row_of)
            if row == _MOST_CELLS:
                return -1
            self._row_of[key] = row
            if row == len(self._count):
                self._sum_dbm = np.concatenate([self._sum_dbm, np.zeros(row)])
                self._count = np.concatenate([self._count, np.zeros(row)])
        return row


def _keys(places_m: Floats) -> Ints:
    cells = np.clip(np.floor(places_m / _CELL_M), -_REACH, _REACH - 1).astype(np.int64) + _REACH
    keys: Ints = cells[:, 0] * (2 * _REACH) + cells[:, 1]
    return keys
