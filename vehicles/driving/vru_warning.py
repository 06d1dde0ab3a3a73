"""Slows down for who walks or rides into the car's way unseen, by VAM or CPM."""

from __future__ import annotations

from typing import cast

import numpy as np

from vehicles.criticality import Patience, find_crossing
from vehicles.driving.base import Bodies, Message, Proposal, Situation
from vehicles.driving.following import LINE_GAP_M, allowed_speed_mps, free_mps2, stop_mps2
from vehicles.driving.heard import moved_on
from vehicles.messages.cpm import Cpm, PerceivedObject
from vehicles.messages.received import Received
from vehicles.state import Kind

_VULNERABLE = frozenset((Kind.PEDESTRIAN, Kind.BICYCLE, Kind.MOTORCYCLE))
# Who is heard of comes from where nobody is seen: it is given more time than who is seen.
_PATIENCE = Patience(braking_mps2=(1.0, 2.0), on_foot_s=(4.0, 3.0))
# CPMs tell of everyone on foot or bicycle at least twice a second (TS 103 324).
_FORGET_NS = 1_200_000_000
# Gentler braking than this can wait.
_WORTH_IT_MPS2 = 0.5


class VruWarning:
    """Slows down for vulnerable road users that are about to cross the car's way.

    They tell of themselves by VAM, or a camera or another car that sees them tells by CPM. The
    judgement is that of `acc` on who it sees, made earlier: on foot, who will be in the way within
    3 s.
    """

    name = "vru_warning"

    def __init__(self) -> None:
        # By station and object: a CPM holds only those whose turn it is.
        self._told: dict[tuple[int, int], tuple[Received[Cpm], PerceivedObject]] = {}

    def decide(self, situation: Situation) -> Proposal | None:
        """The braking with which to stop short of who crosses."""
        self._listen(situation)
        vams = list(situation.ldm.vams.values())
        told = list(self._told.values())
        if not vams and not told:
            return None
        now_ns = situation.instant_ns
        own, seen = moved_on(vams, now_ns), _perceived([one for _, one in told], now_ns)
        bodies = Bodies(*(np.concatenate(columns) for columns in zip(own, seen, strict=True)))
        ego, road = situation.ego, situation.road
        crossing = find_crossing(road, ego, bodies, patience=_PATIENCE)
        if crossing is None:
            return None
        free = free_mps2(ego.speed_mps, allowed_speed_mps(road))
        stop = stop_mps2(ego.speed_mps, free, crossing.gap_m - LINE_GAP_M)
        if stop > -_WORTH_IT_MPS2:
            return None
        sources: list[Received[Message]] = [*vams, *(received for received, _ in told)]
        return Proposal(stop, "crossing on foot or bicycle", messages=(sources[crossing.row],))

    def _listen(self, situation: Situation) -> None:
        """Keep what CPMs tell of vulnerable road users, and forget what is old."""
        for received in situation.received:
            if isinstance(received.message, Cpm):
                cpm = cast("Received[Cpm]", received)
                for one in cpm.message.objects:
                    if one.kind in _VULNERABLE:
                        self._told[cpm.message.station_id, one.object_id] = (cpm, one)
        self._told = {
            which: told
            for which, told in self._told.items()
            if situation.instant_ns - told[1].measured_ns < _FORGET_NS
        }


def _perceived(objects: list[PerceivedObject], now_ns: int) -> Bodies:
    """Bodies of perceived objects at an instant, going on straight."""
    columns = np.array(
        [(o.x_m, o.y_m, o.vx_mps, o.vy_mps, o.length_m, o.width_m) for o in objects]
    ).reshape(len(objects), 6)
    x, y, vx, vy, length, width = columns.T
    age_s = np.array([1e-9 * (now_ns - o.measured_ns) for o in objects])
    return Bodies(
        x + vx * age_s, y + vy * age_s, np.arctan2(vy, vx), np.hypot(vx, vy), length, width
    )
