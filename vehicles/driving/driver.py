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
from vehicles.driving.person import Person


class Choice(NamedTuple):
    """The proposal that won, whose it was, the road it is for and the line to steer along.

    Who drives may steer by itself instead: by `steering_rad`. `warnings` are what other functions,
    by name, would have done in the place of the person who drives.
    """

    function: str
    proposal: Proposal
    road: RoadAhead
    line_xy_m: Floats
    steering_rad: float | None = None
    backwards: bool = False
    warnings: Sequence[tuple[str, Proposal]] = ()


class Driver:
    """Asks every function of a vehicle, and weighs what they want.

    The last that takes over drives; of what it and those that only hold back want, the lowest
    acceleration wins, at a tie the driving one's. Adaptive cruise control is there to drive when
    nobody takes over, and automatic emergency braking to hold back all of them: no network failure
    may push a car below these two. A person is only warned by what would hold others back, and may
    do without emergency braking.

    Args:
        functions: the vehicle's functions in the scenario's order.
    """

    def __init__(self, functions: Sequence[DrivingFunction]) -> None:
        self._functions = list(functions)
        self._person = next((one for one in functions if isinstance(one, Person)), None)
        if self._person is None or self._person.settings.aeb:
            self._functions.append(Aeb())
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
        warnings = []
        if self._person is not None and driving[0] == self._person.name:
            warnings = [
                (name, proposal)
                for name, proposal in holding_back
                if name != Aeb.name and proposal.acceleration_mps2 < driving[1].acceleration_mps2
            ]
            holding_back = [named for named in holding_back if named[0] == Aeb.name]
            driving = (driving[0], _warned(driving[1], warnings))
        name, proposal = min([driving, *holding_back], key=lambda named: named[1].acceleration_mps2)
        self._keeps_lane = any(one.keeps_lane for _, one in proposals)
        return Choice(
            name, proposal, road, line, driving[1].steering_rad, driving[1].backwards, warnings
        )


def _warned(proposal: Proposal, warnings: Sequence[tuple[str, Proposal]]) -> Proposal:
    """What a person wants, with what they were told meanwhile."""
    if not warnings:
        return proposal
    return replace(
        proposal,
        reason="warned: " + ", ".join(warning.reason for _, warning in warnings),
        sensed_slots=[slot for _, warning in warnings for slot in warning.sensed_slots],
        messages=[message for _, warning in warnings for message in warning.messages],
    )
