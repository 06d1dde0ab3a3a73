"""A table of latency and loss: one row per change, each holding until the next."""

from __future__ import annotations

import numpy as np

from network.arrays import Floats
from network.traces.table import Table
from network.traces.trace import Trace

_MOST_MS = 60_000.0


def read_plain(table: Table) -> Trace:
    """Read the columns time_s, latency_ms, loss.

    `latency_ms` and `loss` (0 to 1, none if the column isn't there) hold for each direction; those
    of `uplink_latency_ms`, `downlink_latency_ms`, `uplink_loss`, `downlink_loss` that there are
    count instead. A row without a latency is one without service. `distance_m` is how far the
    drive had come.

    Raises:
        ValueError: An unknown column, a column missing, a cell out of range, times that don't rise.
    """
    known = ["time_s", "distance_m"]
    known += [way + name for name in ("latency_ms", "loss") for way in ("", "uplink_", "downlink_")]
    for name in table.header:
        if name not in known:
            raise table.error(1, f"unknown column {name!r}; expected one of {', '.join(known)}")
    time_s = table.numbers("time_s", needed=True)
    up_ms, down_ms = _both_ways(table, "latency_ms", 0.0, _MOST_MS)
    if up_ms is None or down_ms is None:
        raise table.error(
            1, "no latency; expected latency_ms, or uplink_latency_ms and downlink_latency_ms"
        )
    up_loss, down_loss = _both_ways(table, "loss", 0.0, 1.0)
    _check_rising(table, "time_s", time_s, strictly=True)
    served = ~(np.isnan(up_ms) | np.isnan(down_ms))
    n = len(table)
    none = np.full(n, np.nan)
    distance_m = None
    if "distance_m" in table.header:
        distance_m = table.numbers("distance_m", needed=True)
        _check_rising(table, "distance_m", distance_m, strictly=False)
        distance_m = distance_m - distance_m[0]
    return Trace(
        time_s=time_s - time_s[0],
        distance_m=distance_m,
        served=served,
        up_ms=np.repeat(np.where(served, up_ms, 0.0)[:, None], 3, axis=1),
        down_ms=np.repeat(np.where(served, down_ms, 0.0)[:, None], 3, axis=1),
        up_loss=np.zeros(n) if up_loss is None else np.nan_to_num(up_loss),
        down_loss=np.zeros(n) if down_loss is None else np.nan_to_num(down_loss),
        up_kbps=np.full(n, np.inf),
        down_kbps=np.full(n, np.inf),
        cell=np.full(n, -1),
        cell_names=(),
        cell_technologies=(),
        rsrp_dbm=none,
        sinr_db=none,
        neighbour_rsrp_dbm=none,
    )


def _both_ways(
    table: Table, name: str, least: float, most: float
) -> tuple[Floats | None, Floats | None]:
    both = table.numbers(name, least, most) if name in table.header else None
    up, down = (
        table.numbers(way + name, least, most) if way + name in table.header else both
        for way in ("uplink_", "downlink_")
    )
    return up, down


def _check_rising(table: Table, column: str, values: Floats, *, strictly: bool) -> None:
    steps = np.diff(values)
    wrong = np.flatnonzero(steps <= 0.0 if strictly else steps < 0.0)
    if wrong.size:
        row = int(wrong[0]) + 1
        raise table.error(
            table.lines[row],
            f"{column} {values[row]:g} after {values[row - 1]:g}; "
            f"expected {'more' if strictly else 'no less'}",
        )
