"""Gives way to crossing traffic that the car can't see yet, by its awareness messages."""

from __future__ import annotations

import math

import numpy as np

from network.arrays import Floats
from vehicles.criticality import Patience, find_crossing
from vehicles.driving.base import Proposal, Situation
from vehicles.driving.following import LINE_GAP_M, allowed_speed_mps, free_mps2, stop_mps2
from vehicles.driving.heard import moved_on
from vehicles.messages.cam import Cam
from vehicles.messages.received import Received

# A car that doesn't brake where it would have to brake at more than this isn't going to wait.
_PATIENCE = Patience(braking_mps2=(1.0, 2.5))
_BRAKES_MPS2 = -0.3
# Gentler braking than this can wait.
_WORTH_IT_MPS2 = 0.5


class IntersectionWarning:
    """Slows down for who is about to cross the car's way, though hidden, and won't wait.

    The judgement is that of `acc` on who it sees, with two differences: it counts who would have
    to brake at 2.5 m/s2 already, and nobody whose braking will stop it in time.
    """

    name = "intersection_warning"

    def decide(self, situation: Situation) -> Proposal | None:
        """The braking with which to stop short of who crosses."""
        cams = list(situation.ldm.cams.values())
        if not cams:
            return None
        ego, road = situation.ego, situation.road
        bodies = moved_on(cams, situation.instant_ns)
        crossing = find_crossing(
            road, ego, bodies, patience=_PATIENCE, reach_m=_reach_m(cams, bodies.speed_mps)
        )
        if crossing is None:
            return None
        free = free_mps2(ego.speed_mps, allowed_speed_mps(road))
        stop = stop_mps2(ego.speed_mps, free, crossing.gap_m - LINE_GAP_M)
        if stop > -_WORTH_IT_MPS2:
            return None
        return Proposal(stop, "crossing traffic", messages=(cams[crossing.row],))


def _reach_m(cams: list[Received[Cam]], speed_mps: Floats) -> Floats:
    """How far each goes that brakes as it says; the others go on."""
    acceleration = np.array([received.message.acceleration_mps2 for received in cams])
    reach = np.full(len(cams), math.inf)
    brakes = acceleration < _BRAKES_MPS2
    reach[brakes] = speed_mps[brakes] ** 2 / (-2.0 * acceleration[brakes])
    return reach
