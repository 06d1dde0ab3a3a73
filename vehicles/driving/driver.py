"""One driven vehicle's functions, and which of them has its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from network.arrays import Floats
from vehicles.driving.acc import Acc, AccSettings
from vehicles.driving.aeb import Aeb
from vehicles.driving.base import DrivingFunction, Proposal, RoadAhead, Situation
from vehicles.driving.lane_change import LaneChange


class Choice(NamedTuple):
    """The proposal that won, whose it was, the road it is for and the line to steer along.

    Who drives may steer by itself instead: by `steering_rad`.
    """

    function: str
    proposal: Proposal
    road: RoadAhead
    line_xy_m: Floats
    steering_rad: float | None = None


class Driver:
    """Asks every function of a vehicle, and weighs what they want.

    The last that takes over drives; of what it and those that only hold back want, the lowest
    acceleration wins, at a tie the driving one's. Adaptive cruise control is there to drive when
    nobody takes over, and automatic emergency braking to hold back all of them: no network failure
    may push a car below these two.

    Args:
        functions: the vehicle's functions in the scenario's order.
    """

    def __init__(self, functions: Sequence[DrivingFunction]) -> None:
        self._functions = [*functions, Aeb()]
        if not any(isinstance(function, Acc) for function in functions):
            self._functions.insert(0, Acc(AccSettings()))
        self._lane_change = LaneChange()
        self._keeps_lane = False

    def decide(self, situation: Situation) -> Choice:
        """What the vehicle does now."""
        if self._keeps_lane:
            situation = replace(situation, road=replace(situation.road, change=None))
        road, line = self._lane_change.follow(situation)
        situation = replace(situation, road=road)
        proposals = [
            (function.name, proposal)
            for function in self._functions
            if (proposal := function.decide(situation)) is not None
        ]
        driving = [named for named in proposals if named[1].takes_over][-1]
        holding_back = [named for named in proposals if not named[1].takes_over]
        name, proposal = min([driving, *holding_back], key=lambda named: named[1].acceleration_mps2)
        self._keeps_lane = any(one.keeps_lane for _, one in proposals)
        return Choice(name, proposal, road, line, driving[1].steering_rad)
