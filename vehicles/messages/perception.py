"""When a station tells of what its sensors see, and of which road users (ETSI TS 103 324)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vehicles.messages.cpm import OBJECTS_MAX, Cpm, PerceivedObject
from vehicles.messages.kinds import VULNERABLE

_MS = 1_000_000
CHECK_NS = 100 * _MS
"""T_GenCpmMin: how often it looks, and the least time between two messages."""

_LONGEST_NS = 1000 * _MS
_VULNERABLE_LONGEST_NS = 500 * _MS
_POSITION_M = 4.0
_SPEED_MPS = 0.5
_HEADING_RAD = math.radians(4.0)


@dataclass
class _Told:
    """What was last told of a road user."""

    seen: PerceivedObject
    at_ns: int


class PerceptionService:
    """Chooses, by the rules of clause 6.1.3, what one station's next CPM holds.

    A vehicle is told of when it is new, has moved 4 m, changed its speed by 0.5 m/s or its
    direction by 4 degrees, or hasn't been told of for a second; pedestrians and cyclists all
    together, as soon as one is new or hasn't been told of for half a second. When there is nothing
    to tell, an empty message goes out once a second.
    """

    def __init__(self, station_id: int) -> None:
        self._station_id = station_id
        self._told: dict[int, _Told] = {}
        self._last_ns = -_LONGEST_NS

    def generate(
        self,
        seen: list[PerceivedObject],
        now_ns: int,
        x_m: float,
        y_m: float,
        heading_rad: float | None = None,
    ) -> Cpm | None:
        """The message of an instant at which the station looks and sees these, if one is due.

        Args:
            seen: the road users.
            now_ns: the instant [ns].
            x_m: where the station is [m].
            y_m: the same [m].
            heading_rad: of a vehicle.
        """
        self._told = {
            one.object_id: told for one in seen if (told := self._told.get(one.object_id))
        }
        vulnerable = [one for one in seen if one.kind in VULNERABLE]
        others = [one for one in seen if one.kind not in VULNERABLE]
        chosen = [one for one in others if self._is_due(one, now_ns)]
        if any(self._is_overdue(one, now_ns, _VULNERABLE_LONGEST_NS) for one in vulnerable):
            chosen = vulnerable + chosen
        if not chosen and now_ns - self._last_ns < _LONGEST_NS:
            return None
        chosen = chosen[:OBJECTS_MAX]
        for one in chosen:
            self._told[one.object_id] = _Told(one, now_ns)
        self._last_ns = now_ns
        return Cpm(self._station_id, now_ns, x_m, y_m, tuple(chosen), heading_rad)

    def _is_overdue(self, one: PerceivedObject, now_ns: int, longest_ns: int) -> bool:
        told = self._told.get(one.object_id)
        return told is None or now_ns - told.at_ns >= longest_ns

    def _is_due(self, one: PerceivedObject, now_ns: int) -> bool:
        if self._is_overdue(one, now_ns, _LONGEST_NS):
            return True
        before = self._told[one.object_id].seen
        turned = math.atan2(one.vy_mps, one.vx_mps) - math.atan2(before.vy_mps, before.vx_mps)
        speeds = math.hypot(one.vx_mps, one.vy_mps), math.hypot(before.vx_mps, before.vy_mps)
        return (
            math.hypot(one.x_m - before.x_m, one.y_m - before.y_m) > _POSITION_M
            or abs(speeds[0] - speeds[1]) > _SPEED_MPS
            or (min(speeds) > 0.0 and abs(math.remainder(turned, math.tau)) > _HEADING_RAD)
        )
