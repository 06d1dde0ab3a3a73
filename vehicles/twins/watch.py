"""What happens to twins: they go late, enter zones, leave coverage, lose their link."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import shapely

from network.arrays import Bools, Floats
from vehicles.twins.coverage import CoverageMap
from vehicles.twins.fleet import FleetState, Staleness

# Link quality has to get so much better before it counts as restored.
_HYSTERESIS_DB = 3.0


class Happening(NamedTuple):
    """Something that happened to a twin."""

    vehicle_id: str
    kind: str
    detail: str


class Watch:
    """Compares each twin with what it was at the last look.

    Args:
        zones: polygons in the plane by name.
        degraded_sinr_db: below this SINR a link is degraded.
        coverage_rsrp_dbm: below this RSRP a place isn't covered.
    """

    def __init__(
        self,
        zones: Mapping[str, shapely.Polygon],
        *,
        degraded_sinr_db: float,
        coverage_rsrp_dbm: float,
    ) -> None:
        self._zones = zones
        self._degraded_sinr_db = degraded_sinr_db
        self._coverage_rsrp_dbm = coverage_rsrp_dbm
        self._coverage = CoverageMap()
        # What each twin was: staleness, zones it was in, about to leave coverage, link degraded.
        self._known: dict[str, tuple[int, tuple[bool, ...], bool, bool]] = {}
        for zone in zones.values():
            shapely.prepare(zone)

    def look(self, now: FleetState, ahead: FleetState, staleness: list[int]) -> Iterator[Happening]:
        """What has changed since the last look, twin by twin.

        Args:
            now: the twins.
            ahead: the same, predicted.
            staleness: each twin's `Staleness`.
        """
        live = np.array(staleness, dtype=np.int64) == Staleness.LIVE
        self._coverage.learn(now.state[live, :2], now.rsrp_dbm[live])
        leaving = self._leaving(now, ahead, live).tolist()
        within = [
            shapely.contains_xy(zone, now.state[:, 0], now.state[:, 1]).tolist()
            for zone in self._zones.values()
        ]
        outside = (False,) * len(self._zones)
        known = {}
        for row, vehicle_id in enumerate(now.ids):
            inside = tuple(column[row] for column in within)
            new = vehicle_id not in self._known
            before = self._known.get(vehicle_id, (-1, outside, False, False))
            degraded = self._is_degraded(float(now.sinr_db[row]), degraded=before[3])
            known[vehicle_id] = (staleness[row], inside, leaving[row], degraded)
            if not new and known[vehicle_id] == before:
                continue
            if staleness[row] != before[0]:
                age_s = int(now.age_ns[row]) * 1e-9
                name = "new" if new else Staleness(staleness[row]).name.lower()
                yield Happening(vehicle_id, name, f"heard of {age_s:.1f} s ago")
            for zone, is_in, was_in in zip(self._zones, inside, before[1], strict=True):
                if is_in != was_in:
                    yield Happening(vehicle_id, "entered_zone" if is_in else "left_zone", zone)
            if leaving[row] and not before[2]:
                yield Happening(vehicle_id, "leaving_coverage", _place(ahead.state[row]))
            if degraded != before[3]:
                kind = "link_degraded" if degraded else "link_restored"
                yield Happening(vehicle_id, kind, f"SINR {now.sinr_db[row]:.1f} dB")
        self._known = known

    def _leaving(self, now: FleetState, ahead: FleetState, live: Bools) -> Bools:
        expected_dbm = self._coverage.expected_dbm(ahead.state[:, :2])
        covered = now.rsrp_dbm >= self._coverage_rsrp_dbm
        leaving: Bools = live & covered & (expected_dbm < self._coverage_rsrp_dbm)
        return leaving

    def _is_degraded(self, sinr_db: float, *, degraded: bool) -> bool:
        if np.isnan(sinr_db):
            return degraded
        return sinr_db < self._degraded_sinr_db + (_HYSTERESIS_DB if degraded else 0.0)


def _place(state: Floats) -> str:
    return f"expected at x {state[0]:.0f}, y {state[1]:.0f} m"
