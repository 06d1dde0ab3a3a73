"""One driven vehicle's functions, and which of them has its way."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from network.arrays import Floats
from vehicles.driving.acc import Acc
from vehicles.driving.aeb import Aeb
from vehicles.driving.base import DrivingFunction, Proposal, RoadAhead, Situation
from vehicles.driving.emergency_brake_warning import EmergencyBrakeWarning
from vehicles.driving.lane_change import LaneChange
from vehicles.settings import DrivenSettings


class Choice(NamedTuple):
    """The proposal that won, whose it was, the road it is for and the line to steer along."""

    function: str
    proposal: Proposal
    road: RoadAhead
    line_xy_m: Floats


class Driver:
    """Asks every function of a vehicle; the lowest acceleration wins.

    Automatic emergency braking is always there: no network failure may push a car below it.
    """

    def __init__(self, settings: DrivenSettings) -> None:
        self._functions: list[DrivingFunction] = [
            Aeb(),
            *(_function(name, settings) for name in settings.drives),
        ]
        self._lane_change = LaneChange()

    def decide(self, situation: Situation) -> Choice:
        """What the vehicle does now; at a tie the function named first."""
        road, line = self._lane_change.follow(situation)
        situation = replace(situation, road=road)
        proposals = [
            (function.name, proposal)
            for function in self._functions
            if (proposal := function.decide(situation)) is not None
        ]
        name, proposal = min(
            proposals,
            key=lambda named: named[1].acceleration_mps2,
            default=("none", Proposal(0.0, "nothing to say")),
        )
        return Choice(name, proposal, road, line)


def _function(name: str, settings: DrivenSettings) -> DrivingFunction:
    if name == "acc":
        return Acc(settings.desired_speed_mps, settings.time_gap_s)
    if name == "emergency_brake_warning":
        return EmergencyBrakeWarning()
    raise ValueError(f"unknown driving function {name!r}")
