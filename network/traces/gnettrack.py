"""Logs of G-NetTrack Pro: one row a second from a phone on the road, with pings now and then."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from network.arrays import Bools, Floats, Ints
from network.settings import TraceSettings
from network.traces.table import Table
from network.traces.trace import Trace

_COLUMNS = (
    "Timestamp",
    "Longitude",
    "Latitude",
    "NetworkMode",
    "RSRP",
    "SNR",
    "DL_bitrate",
    "UL_bitrate",
    "State",
    "PINGAVG",
    "PINGMIN",
    "PINGMAX",
    "PINGLOSS",
    "RAWCELLID",
    "NRxRSRP",
)
_TIMESTAMP = "%Y.%m.%d_%H.%M.%S"
# Modes that a phone shows in turn while nothing but its traffic changes.
_GENERATIONS = dict.fromkeys(("UMTS", "HSPA", "HSPA+", "HSDPA", "HSUPA"), "3G")
_GENERATIONS |= dict.fromkeys(("GSM", "GPRS", "EDGE"), "2G")
_IDLE = ("", "I")
# A burst of pings comes every 14 s or so: two of them missing, and the last is no news any more.
_REACH_S = 30.0
_EARTH_RADIUS_M = 6_371_008.8
_MOST_MS = 60_000.0


def read_gnettrack(table: Table, settings: TraceSettings) -> Trace:
    """Make a trace of a log; `docs/traces.md` says what is assumed where the log says nothing.

    Raises:
        ValueError: A column missing, a cell that isn't what it should be, timestamps that go
            backwards, a log without an answered ping and nothing to take its place.
    """
    table.require(_COLUMNS)
    logged_s = _seconds(table)
    time_s, row = _with_gaps(logged_s, settings.gap_s)

    def numbers(column: str, least: float = -np.inf, most: float = np.inf) -> Floats:
        return np.where(row >= 0, table.numbers(column, least, most)[row], np.nan)

    def text(column: str) -> list[str]:
        cells = table.text(column)
        return [cells[k] if k >= 0 else "" for k in row.tolist()]

    technology = [_GENERATIONS.get(mode, mode) for mode in text("NetworkMode")]
    served = np.array([mode != "" for mode in technology])
    cell, names, technologies = _cells(technology, text("RAWCELLID"))
    rtt_ms, loss = _pings(table, row, time_s, technology, settings)
    share = settings.uplink_share
    at_work = np.array([state not in _IDLE for state in text("State")])
    return Trace(
        time_s=time_s,
        distance_m=_distance_m(
            time_s, numbers("Longitude", -180, 180), numbers("Latitude", -90, 90)
        ),
        served=served,
        up_ms=share * rtt_ms,
        down_ms=(1.0 - share) * rtt_ms,
        # Both ways together lose what the ping lost.
        up_loss=1.0 - (1.0 - loss) ** share,
        down_loss=1.0 - (1.0 - loss) ** (1.0 - share),
        up_kbps=_limit_kbps(numbers("UL_bitrate", 0.0), at_work, settings.busy_kbps),
        down_kbps=_limit_kbps(numbers("DL_bitrate", 0.0), at_work, settings.busy_kbps),
        cell=cell,
        cell_names=names,
        cell_technologies=technologies,
        rsrp_dbm=numbers("RSRP"),
        sinr_db=numbers("SNR"),
        neighbour_rsrp_dbm=numbers("NRxRSRP"),
    )


def _seconds(table: Table) -> Floats:
    """Return when each row was logged, from 0; rows of one second are spread over it."""
    seconds = np.zeros(len(table))
    for k, (line, text) in enumerate(zip(table.lines, table.text("Timestamp"), strict=True)):
        try:
            seconds[k] = datetime.strptime(text, _TIMESTAMP).replace(tzinfo=UTC).timestamp()
        except ValueError:
            raise table.error(
                line, f"Timestamp {text!r}; expected one like 2019.11.22_07.30.04"
            ) from None
        if k and seconds[k] < seconds[k - 1]:
            raise table.error(line, f"Timestamp {text!r} is before the last one; expected no less")
    _, first, count = np.unique(seconds, return_index=True, return_counts=True)
    rank = np.arange(len(seconds)) - np.repeat(first, count)
    seconds += rank / np.repeat(count, count)
    return np.asarray(seconds - seconds[0])


def _with_gaps(logged_s: Floats, gap_s: float) -> tuple[Floats, Ints]:
    """Return rows with one more, -1, a second after each row that is followed by a gap."""
    before = np.flatnonzero(np.diff(logged_s) > gap_s)
    time_s = np.insert(logged_s, before + 1, logged_s[before] + 1.0)
    return time_s, np.insert(np.arange(len(logged_s)), before + 1, -1)


def _cells(
    technology: list[str], cell_id: list[str]
) -> tuple[Ints, tuple[str, ...], tuple[str, ...]]:
    """Return the cell number of each row, and the cells' names and technologies.

    A cell is a cell id together with a technology: with 5G as an addition to LTE the id is the LTE
    anchor's and stays while 5G comes and goes.
    """
    numbers: dict[tuple[str, str], int] = {}
    cell = np.full(len(technology), -1)
    for k, key in enumerate(zip(technology, cell_id, strict=True)):
        if key[0]:
            cell[k] = numbers.setdefault(key, len(numbers))
    names = tuple(f"{mode}/{raw_id or '?'}" for mode, raw_id in numbers)
    return cell, names, tuple(mode for mode, _ in numbers)


def _pings(
    table: Table, row: Ints, time_s: Floats, technology: list[str], settings: TraceSettings
) -> tuple[Floats, Floats]:
    """Return least, mean and most round trip (n, 3) [ms], and loss (n,), of each row.

    A burst of pings speaks for the rows that are nearer to it than to another and not more than
    30 s away; for the round trip, only as far as its stretch of one technology goes. Other rows get
    the median round trip over the bursts of their technology in this log, or over all if it has
    none, and the mean loss over all.
    """
    least, mean, most, lost = (
        table.numbers(name, 0.0, limit)
        for name, limit in (
            ("PINGMIN", _MOST_MS),
            ("PINGAVG", _MOST_MS),
            ("PINGMAX", _MOST_MS),
            ("PINGLOSS", 100.0),
        )
    )
    wrong = np.flatnonzero((least > mean) | (mean > most) | (mean <= 0.0))
    if wrong.size:
        k = wrong[0]
        raise table.error(
            table.lines[k],
            f"PINGMIN {least[k]:g}, PINGAVG {mean[k]:g}, PINGMAX {most[k]:g}; "
            "expected them to rise from above 0",
        )
    least, most = (np.where(np.isnan(bound), mean, bound) for bound in (least, most))
    rtt = np.stack([least, mean, most])
    rtt_ms = np.where(row >= 0, rtt[:, row], np.nan).T
    loss = np.where(row >= 0, lost[row] / 100.0, np.nan)
    answered = ~np.isnan(rtt_ms[:, 1])
    if not answered.any():
        if settings.rtt_ms_without_pings is None:
            raise ValueError(
                f"{table.path}: no answered ping in the log; expected some, "
                "or `rtt_ms_without_pings` to take their place"
            )
        rtt_ms[:] = settings.rtt_ms_without_pings
        answered = np.ones(len(rtt_ms), dtype=np.bool_)
    # An answered burst without a PINGLOSS lost nothing that is known.
    loss[answered & np.isnan(loss)] = 0.0
    pinged = ~np.isnan(loss)

    kinds, kind = np.unique(technology, return_inverse=True)
    stretch = np.cumsum(np.diff(kind, prepend=kind[:1]) != 0)
    near = _nearest(time_s, stretch, answered)
    filled_ms = rtt_ms[near]
    for one in range(len(kinds)):
        mine = kind == one
        known = answered & mine if (answered & mine).any() else answered
        filled_ms[mine & (near < 0)] = np.median(rtt_ms[known], axis=0)
    # Losses come with changes of technology: kept to one side of them, most would be forgotten.
    near = _nearest(time_s, np.zeros_like(stretch), pinged)
    filled_loss = np.where(near < 0, loss[pinged].mean(), loss[near])
    return filled_ms, filled_loss


def _nearest(time_s: Floats, stretch: Ints, known: Bools) -> Ints:
    """Return, for each row, the known row of its stretch nearest in time, -1 if out of reach.

    Of two as near it is the later.
    """
    rows = np.flatnonzero(known)
    after = np.searchsorted(rows, np.arange(len(time_s)))
    best = np.full(len(time_s), -1)
    away_s = np.full(len(time_s), _REACH_S)
    for candidate in (rows[np.maximum(after - 1, 0)], rows[np.minimum(after, len(rows) - 1)]):
        distance_s = np.abs(time_s[candidate] - time_s)
        better = (stretch[candidate] == stretch) & (distance_s <= away_s)
        best[better] = candidate[better]
        away_s[better] = distance_s[better]
    return best


def _limit_kbps(rate_kbps: Floats, at_work: Bools, busy_kbps: float) -> Floats:
    return np.where(at_work & (rate_kbps >= busy_kbps), rate_kbps, np.inf)


def _distance_m(time_s: Floats, longitude_deg: Floats, latitude_deg: Floats) -> Floats | None:
    """Return how far the drive had come, along great circles between its positions (haversine)."""
    known = ~(np.isnan(longitude_deg) | np.isnan(latitude_deg))
    if not known.any():
        return None
    longitude, latitude = (
        np.radians(np.interp(time_s, time_s[known], angle[known]))
        for angle in (longitude_deg, latitude_deg)
    )
    half = (
        np.sin(np.diff(latitude) / 2) ** 2
        + np.cos(latitude[1:]) * np.cos(latitude[:-1]) * np.sin(np.diff(longitude) / 2) ** 2
    )
    steps_m = 2 * _EARTH_RADIUS_M * np.arcsin(np.sqrt(half))
    return np.concatenate([[0.0], np.cumsum(steps_m)])
