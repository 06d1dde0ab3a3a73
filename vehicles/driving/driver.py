"""One driven vehicle's functions, and which of them has its way."""

from __future__ import annotations

from typing import NamedTuple

from vehicles.driving.acc import Acc
from vehicles.driving.aeb import Aeb
from vehicles.driving.base import DrivingFunction, Proposal, Situation
from vehicles.driving.emergency_brake_warning import EmergencyBrakeWarning
from vehicles.settings import DrivenSettings


class Choice(NamedTuple):
    """The proposal that won, and whose it was."""

    function: str
    proposal: Proposal


class Driver:
    """Asks every function of a vehicle; the lowest acceleration wins.

    Automatic emergency braking is always there: no network failure may push a car below it.
    """

    def __init__(self, settings: DrivenSettings) -> None:
        self._functions: list[DrivingFunction] = [
            Aeb(),
            *(_function(name, settings) for name in settings.drives),
        ]

    def decide(self, situation: Situation) -> Choice:
        """What the vehicle does now; at a tie the function named first."""
        choices = [
            Choice(function.name, proposal)
            for function in self._functions
            if (proposal := function.decide(situation)) is not None
        ]
        return min(
            choices,
            key=lambda choice: choice.proposal.acceleration_mps2,
            default=Choice("none", Proposal(0.0, "nothing to say")),
        )


def _function(name: str, settings: DrivenSettings) -> DrivingFunction:
    if name == "acc":
        return Acc(settings.desired_speed_mps, settings.time_gap_s)
    if name == "emergency_brake_warning":
        return EmergencyBrakeWarning()
    raise ValueError(f"unknown driving function {name!r}")
