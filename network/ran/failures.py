"""Connections that failed, and which handover is to blame for it."""

from __future__ import annotations

import numpy as np

from network.arrays import Bools, Ints
from network.base import Cause
from network.packet import NS_PER_MS
from network.settings import HandoverSettings

_NONE = -1


class ConnectionFailures:
    """Who lost the connection where, after which handover (TS 38.300 clause 15.5.2.2).

    A radio link failure that comes soon after a handover began is that handover's fault: it was too
    early if the station comes back in the cell that it was handed over from, and led to the wrong
    cell if it comes back in a third one. Without a handover shortly before, coming back in another
    cell means that a handover to it was too late. A handover whose target let nobody in until T304
    expired is judged alike. Coming back where the connection was lost is nobody's fault, and so is
    coming back after T311.

    Args:
        stations: Rows to keep track of.
        settings: T311 and what counts as soon.
    """

    def __init__(self, stations: int, settings: HandoverSettings) -> None:
        self._soon_ns = settings.tstore_ue_cntxt_ms * NS_PER_MS
        self._t311_ns = settings.t311_ms * NS_PER_MS
        self._source = np.full(stations, _NONE)
        self._target = np.full(stations, _NONE)
        self._begun_ns = np.zeros(stations, dtype=np.int64)
        self._lost = np.full(stations, _NONE)
        self._failed_ns = np.zeros(stations, dtype=np.int64)
        self._at_access = np.zeros(stations, dtype=np.bool_)

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        more = (0, stations - len(self._lost))
        for name in ("_source", "_target", "_lost"):
            setattr(self, name, np.pad(getattr(self, name), more, constant_values=_NONE))
        for name in ("_begun_ns", "_failed_ns", "_at_access"):
            setattr(self, name, np.pad(getattr(self, name), more))

    def forget(self, station: int) -> None:
        """Begin anew for a station."""
        self._source[station] = self._target[station] = self._lost[station] = _NONE
        self._at_access[station] = False

    def handed_over(self, stations: Ints, source: Ints, target: Ints, instant_ns: int) -> None:
        """Note handovers that begin at an instant [ns]; arrays of shape (n,)."""
        self._source[stations] = source
        self._target[stations] = target
        self._begun_ns[stations] = instant_ns

    def source(self, stations: Ints) -> Ints:
        """Return the cells that stations were last handed over from (n,)."""
        return self._source[stations]

    def lost(self, stations: Ints) -> Ints:
        """Return the cells that served stations before their connection failed (n,), -1 if none."""
        return self._lost[stations]

    def radio_link_failed(self, stations: Ints, serving: Ints, instant_ns: int) -> None:
        """Note radio link failures in the serving cells (n,)."""
        self._lost[stations] = serving
        self._failed_ns[stations] = instant_ns
        self._at_access[stations] = False

    def access_failed(self, stations: Ints, instant_ns: int) -> None:
        """Note that T304 of the last handovers expired."""
        self._lost[stations] = self._source[stations]
        self._failed_ns[stations] = instant_ns
        self._at_access[stations] = True

    def knows(self, stations: Ints, cells: Ints, site_of_cell: Ints) -> Bools:
        """Return whether cells have the stations' context, or there is none to get (n,).

        The sites of the last serving cell and of a prepared target have it.
        """
        lost, target = self._lost[stations], self._target[stations]
        site = site_of_cell[cells]
        prepared = self._at_access[stations] & (site == site_of_cell[target])
        return np.asarray((lost == _NONE) | (site == site_of_cell[lost]) | prepared)

    def came_back(self, stations: Ints, cells: Ints, instant_ns: int) -> Ints:
        """Return a `Cause` for each station that finds a cell again (n,), and forget the past."""
        source, target = self._source[stations], self._target[stations]
        lost, failed_ns = self._lost[stations], self._failed_ns[stations]
        at_access = self._at_access[stations]
        soon = (target != _NONE) & (target == lost)
        soon &= failed_ns - self._begun_ns[stations] <= self._soon_ns
        blameless = (lost == _NONE) | (cells == lost)
        idle = instant_ns - failed_ns > self._t311_ns
        cause = np.select(
            [
                at_access & (idle | (cells == target)),
                at_access & (cells == source),
                at_access,
                blameless | idle,
                soon & (cells == source),
                soon,
            ],
            [
                int(Cause.T304_EXPIRY),
                int(Cause.T304_TOO_EARLY),
                int(Cause.T304_WRONG_CELL),
                int(Cause.REESTABLISHMENT),
                int(Cause.TOO_EARLY),
                int(Cause.WRONG_CELL),
            ],
            default=int(Cause.TOO_LATE),
        )
        self._source[stations] = self._target[stations] = _NONE
        self._at_access[stations] = False
        return np.asarray(cause)
