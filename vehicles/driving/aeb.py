"""Automatic emergency braking: the floor that every driven car has."""

from __future__ import annotations

from vehicles.criticality import Leader, find_leader
from vehicles.driving.base import Proposal, Situation

# Brake when nothing gentler than this helps any more (the level UN R152 asks of an AEB) ...
_TRIGGER_MPS2 = 5.0
# ... or when a collision is this near.
_TRIGGER_TTC_S = 0.8
_FULL_BRAKING_MPS2 = 9.0
_CLEARANCE_M = 1.0


class Aeb:
    """Brakes fully when the car ahead, as the car's own sensor sees it, can't be avoided otherwise.

    It keeps braking until it is no faster than what it brakes for.
    """

    name = "aeb"

    def __init__(self) -> None:
        self._braking = False

    def decide(self, situation: Situation) -> Proposal | None:
        """Full braking, or nothing."""
        ego = situation.ego
        leader = find_leader(situation.road, ego, situation.seen.bodies)
        if leader is None:
            self._braking = False
            return None
        # Who comes towards the car mostly clears the way in time: stopping short is what helps.
        leader = leader._replace(speed_mps=max(leader.speed_mps, 0.0))
        closing = ego.speed_mps - leader.speed_mps
        if closing <= 0.0:
            self._braking = False
            return None
        if needed_mps2(leader, closing) > _TRIGGER_MPS2 or (
            leader.time_to_collision_s(ego.speed_mps) < _TRIGGER_TTC_S
        ):
            self._braking = True
        if not self._braking:
            return None
        slot = int(situation.seen.slots[leader.row])
        return Proposal(-_FULL_BRAKING_MPS2, "emergency", sensed_slots=(slot,))


def needed_mps2(leader: Leader, closing_mps: float) -> float:
    """Constant deceleration that just avoids a leader of constant speed [m/s2]."""
    return closing_mps**2 / (2.0 * max(leader.gap_m - _CLEARANCE_M, 0.1))
