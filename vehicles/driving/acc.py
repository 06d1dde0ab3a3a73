"""Adaptive cruise control on what the car's own sensor sees."""

from __future__ import annotations

import math
from dataclasses import replace

from pydantic import Field

from network.settings import Settings
from vehicles.criticality import find_crossing, find_leader
from vehicles.driving.base import Proposal, RoadAhead, Situation
from vehicles.driving.following import (
    COMFORT_MPS2,
    LATERAL_MARGIN_M,
    LINE_GAP_M,
    STANDSTILL_GAP_M,
    allowed_speed_mps,
    free_mps2,
    hardest_mps2,
    interaction_mps2,
    stop_mps2,
)

# How harsh a stop at a yellow light may be before it is better to go on.
_YELLOW_MPS2 = 3.0
# What is slower won't make room by driving on: a place to stop at, like a line.
_STANDING_MPS = 0.5
# Room to where somebody crosses that is worth hard braking.
_LEAST_GAP_M = 0.5


class AccSettings(Settings):
    """Settings of `acc`."""

    desired_speed_mps: float | None = Field(
        None, gt=0, description="Cruising speed; the speed limit if not given."
    )
    time_gap_s: float = Field(1.5, gt=0, le=5, description="Time gap to the car ahead.")


class Acc:
    """Keeps the wanted speed, the limits ahead, the time gap to the car ahead, and stop lines.

    Brakes no harder than ISO 15622 lets an adaptive cruise control brake: what needs more is the
    emergency brake's. It always has something to say: whoever takes over from it and falls silent
    gives back to it.
    """

    name = "acc"
    Settings = AccSettings

    def __init__(self, settings: AccSettings) -> None:
        self._desired_speed_mps = settings.desired_speed_mps or math.inf
        self._time_gap_s = settings.time_gap_s
        # The yellow light that is being run, by the distance left to its line; else None.
        self._running_m: float | None = None

    def decide(self, situation: Situation) -> Proposal:
        """Follow, or cruise if nothing is in the way."""
        return self.drive(situation, self._follow(situation))

    def drive(self, situation: Situation, following: Proposal | None) -> Proposal:
        """Cruise, give way and stop at lines, and keep behind who is ahead as `following` says.

        How hard `following` may brake is its own affair.
        """
        ego, road, seen = situation.ego, situation.road, situation.seen
        free = self._free_mps2(situation)
        proposals = [Proposal(free, "cruise")]
        if following is not None:
            proposals.append(following)
        crossing = find_crossing(road, ego, seen.bodies)
        if crossing is not None:
            wait = _stop_short_mps2(ego.speed_mps, free, crossing.gap_m, LINE_GAP_M, _LEAST_GAP_M)
            slot = int(seen.slots[crossing.row])
            proposals.append(
                Proposal(_allowed(wait, ego.speed_mps), "give way", sensed_slots=(slot,))
            )
        to_line_m = road.stop_s_m - (road.ego_s_m + 0.5 * ego.length_m)
        if to_line_m > -LINE_GAP_M and not self._runs(road, ego.speed_mps, to_line_m):
            stop = stop_mps2(ego.speed_mps, free, to_line_m - LINE_GAP_M)
            proposals.append(Proposal(_allowed(stop, ego.speed_mps), "stop line"))
        best = min(proposals, key=lambda proposal: proposal.acceleration_mps2)
        return replace(best, takes_over=True)

    def _follow(self, situation: Situation) -> Proposal | None:
        ego, seen = situation.ego, situation.seen
        leader = find_leader(situation.road, ego, seen.bodies, margin_m=LATERAL_MARGIN_M)
        if leader is None:
            return None
        free = self._free_mps2(situation)
        room_m = leader.gap_m - STANDSTILL_GAP_M
        if leader.speed_mps < _STANDING_MPS:
            follow = _stop_short_mps2(
                ego.speed_mps, free, leader.gap_m, STANDSTILL_GAP_M, LINE_GAP_M
            )
        else:
            follow = free - interaction_mps2(
                ego.speed_mps, leader.speed_mps, room_m, self._time_gap_s
            )
        slot = int(seen.slots[leader.row])
        return Proposal(_allowed(follow, ego.speed_mps), "follow", sensed_slots=(slot,))

    def _free_mps2(self, situation: Situation) -> float:
        wanted_mps = min(self._desired_speed_mps, allowed_speed_mps(situation.road))
        return free_mps2(situation.ego.speed_mps, wanted_mps)

    def _runs(self, road: RoadAhead, speed_mps: float, to_line_m: float) -> bool:
        """Whether the line ahead is crossed all the same: decided once, when it turns yellow."""
        known = self._running_m is not None and to_line_m < self._running_m + 1.0
        harsh_mps2 = speed_mps**2 / (2.0 * max(to_line_m, 0.1))
        if known or (road.stop_if_comfortable and harsh_mps2 > _YELLOW_MPS2):
            self._running_m = to_line_m
            return True
        self._running_m = None
        return False


def _stop_short_mps2(
    speed_mps: float, free: float, gap_m: float, wanted_m: float, least_m: float
) -> float:
    """Acceleration to stop `wanted_m` short of something, braking comfortably, or else `least_m`.

    Who comes into the way late, or steps from crossing it to standing in it, is no reason to brake
    hard for the last bit of room.
    """
    stop = stop_mps2(speed_mps, free, gap_m - wanted_m)
    if stop >= -COMFORT_MPS2:
        return stop
    return min(stop_mps2(speed_mps, free, gap_m - least_m), -COMFORT_MPS2)


def _allowed(wanted_mps2: float, speed_mps: float) -> float:
    """What an adaptive cruise control may do of what it wants."""
    return max(wanted_mps2, -hardest_mps2(speed_mps))
