"""What functions share that follow by messages: who is ahead by its own word, and the law."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vehicles.criticality import Leader, find_leader
from vehicles.driving.base import Proposal, Situation
from vehicles.driving.following import LATERAL_MARGIN_M, STANDSTILL_GAP_M, hardest_mps2
from vehicles.driving.heard import moved_on
from vehicles.messages.cam import Cam
from vehicles.messages.received import Received

# Gains of Ploeg et al. 2011.
_KP = 0.2
_KD = 0.7
# The time gap changes by this much each second: at 25 m/s the car is 2.5 m/s slower meanwhile.
_GAP_RATE = 0.1
_STRONGEST_MPS2 = 2.0
# So much harder than who it is told of it may brake: it began later, and has that to make good.
_MAKES_GOOD_MPS2 = 1.0
_SAME_LANE_M = 1.75
_SAME_DIRECTION_RAD = math.radians(45.0)
# What is seen is who a message is from if it is this near to where the message puts its sender.
_SAME_BODY_M = 4.0


class Heard(NamedTuple):
    """A vehicle ahead in the own lane, as its newest CAM has it, moved on to the present."""

    cam: Received[Cam]
    s_m: float
    """Arc length of its centre [m]."""
    speed_mps: float

    @property
    def rear_m(self) -> float:
        """Arc length of its rear [m]."""
        return self.s_m - 0.5 * self.cam.message.length_m

    @property
    def front_m(self) -> float:
        """Arc length of its front [m]."""
        return self.s_m + 0.5 * self.cam.message.length_m


class Ahead(NamedTuple):
    """Who is ahead: the nearest that is seen, and those heard from there on, nearest first."""

    leader: Leader
    slot: int
    heard: Sequence[Heard]
    """The first of them is the leader itself; empty if it isn't heard."""

    def fresh(self, now_ns: int, max_age_ms: float) -> bool:
        """Whether the leader is heard, and what it says is no older than that."""
        return bool(self.heard) and self.heard[0].cam.age_ns(now_ns) <= max_age_ms * 1e6


def look_ahead(situation: Situation) -> Ahead | None:
    """Who is ahead in the own lane; None if nobody is seen there."""
    ego, road, seen = situation.ego, situation.road, situation.seen
    leader = find_leader(road, ego, seen.bodies, margin_m=LATERAL_MARGIN_M)
    if leader is None:
        return None
    body = np.array([leader.row])
    seen_s, _ = road.along(seen.bodies.x_m[body], seen.bodies.y_m[body])
    heard = [one for one in _heard(situation) if one.s_m > float(seen_s[0]) - _SAME_BODY_M]
    if heard and heard[0].s_m > float(seen_s[0]) + _SAME_BODY_M:
        heard = []
    return Ahead(leader, int(seen.slots[leader.row]), heard)


class CooperativeFollower:
    """Follows who is ahead at a time gap that moves smoothly to the one that is wanted.

    The law is that of Ploeg, Scheepers, van Nunen, van de Wouw and Nijmeijer, "Design and
    experimental evaluation of cooperative adaptive cruise control" (ITSC 2011): the commanded
    acceleration u obeys h du/dt = -u + kp e + kd de/dt + w, with the spacing error
    e = gap - r - h v and the acceleration w that the vehicle ahead tells of. Gap and closing speed
    are the own sensor's.

    Args:
        alone_time_gap_s: the gap from which it isn't needed: another function's who sees no
            messages.
    """

    def __init__(self, alone_time_gap_s: float) -> None:
        self._alone_time_gap_s = alone_time_gap_s
        self._time_gap_s: float | None = None
        self._command_mps2 = 0.0
        self._instant_ns = 0

    def stop(self) -> None:
        """Leave following to others."""
        self._time_gap_s = None

    def follow(
        self,
        situation: Situation,
        ahead: Ahead,
        *,
        time_gap_s: float,
        told_mps2: float,
        reason: str,
        messages: Sequence[Received[Cam]] = (),
    ) -> Proposal | None:
        """Follow at a time gap; None once it is as far behind as without messages.

        Args:
            situation: what the vehicle knows.
            ahead: who is ahead.
            time_gap_s: the gap that is wanted [s].
            told_mps2: acceleration that messages tell of, 0 if there are none [m/s2].
            reason: for the record.
            messages: what it is based on, for the record.
        """
        ego = situation.ego
        room_m = ahead.leader.gap_m - STANDSTILL_GAP_M
        if self._time_gap_s is None:
            if time_gap_s >= self._alone_time_gap_s:
                return None
            now_s = room_m / max(ego.speed_mps, 1.0)
            self._time_gap_s = min(max(now_s, time_gap_s), self._alone_time_gap_s)
            self._command_mps2 = ego.acceleration_mps2
            self._instant_ns = situation.instant_ns
        elapsed_s = (situation.instant_ns - self._instant_ns) * 1e-9
        self._instant_ns = situation.instant_ns
        step_s = _GAP_RATE * elapsed_s
        self._time_gap_s += min(max(time_gap_s - self._time_gap_s, -step_s), step_s)
        if self._time_gap_s >= self._alone_time_gap_s <= time_gap_s:
            self.stop()
            return None
        error_m = room_m - self._time_gap_s * ego.speed_mps
        opening_mps = (
            ahead.leader.speed_mps - ego.speed_mps - self._time_gap_s * ego.acceleration_mps2
        )
        wanted = _KP * error_m + _KD * opening_mps + told_mps2
        self._command_mps2 += (wanted - self._command_mps2) * min(elapsed_s / self._time_gap_s, 1.0)
        # Within what may be carried out, so that the filter doesn't wind up. With no more than an
        # adaptive cruise control's, at such a gap, it would run into who brakes harder than that.
        hardest = max(hardest_mps2(ego.speed_mps), _MAKES_GOOD_MPS2 - told_mps2)
        self._command_mps2 = min(max(self._command_mps2, -hardest), _STRONGEST_MPS2)
        return Proposal(self._command_mps2, reason, (ahead.slot,), messages)


def _heard(situation: Situation) -> list[Heard]:
    """Vehicles ahead in the own lane that have been heard, nearest first."""
    ego, road = situation.ego, situation.road
    cams = list(situation.ldm.cams.values())
    if not cams:
        return []
    bodies = moved_on(cams, situation.instant_ns)
    s_m, left_m = road.along(bodies.x_m, bodies.y_m)
    turned = bodies.heading_rad - ego.heading_rad
    same_way = np.cos(turned) > math.cos(_SAME_DIRECTION_RAD)
    ahead = np.flatnonzero(same_way & (np.abs(left_m) < _SAME_LANE_M) & (s_m > road.ego_s_m))
    return [
        Heard(cams[row], float(s_m[row]), float(bodies.speed_mps[row]))
        for row in ahead[np.argsort(s_m[ahead])].tolist()
    ]
