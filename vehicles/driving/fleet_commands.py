"""Obeys the commands of the fleet's operator, those that come in time."""

from __future__ import annotations

from pydantic import Field

from network.packet import NS_PER_S
from network.settings import Settings
from vehicles.driving.base import Proposal, Situation
from vehicles.driving.following import free_mps2
from vehicles.messages.fleet_command import FleetAnswer, FleetCommand
from vehicles.messages.received import Received

_STANDING_MPS = 0.1
_HOLD_MPS2 = 0.3


class FleetCommandsSettings(Settings):
    """Settings of `fleet_commands`."""

    minimal_risk_deceleration_mps2: float = Field(
        2.5, gt=0.0, le=4.0, description="Braking of a manoeuvre; UN R157 allows 4 m/s²."
    )


class FleetCommands:
    """Keeps to the advised speed, or stops in its lane, as the operator asks.

    A command is refused when it comes after it has ceased to be valid, or after a later one; every
    command is answered, once. An advice holds until the next command, and ends a manoeuvre. A route
    is accepted here and changed by who knows the roads.
    """

    name = "fleet_commands"
    Settings = FleetCommandsSettings

    def __init__(self, settings: FleetCommandsSettings) -> None:
        self._settings = settings
        self._obeyed: Received[FleetCommand] | None = None
        self._known: set[str] = set()
        self._answers: list[tuple[Received[FleetCommand], FleetAnswer]] = []

    def take_answers(self) -> list[tuple[Received[FleetCommand], FleetAnswer]]:
        """Commands, and what is answered to them, since the last call."""
        answers, self._answers = self._answers, []
        return answers

    def decide(self, situation: Situation) -> Proposal | None:
        """Hold back to what is asked; None before the first command."""
        for received in situation.heard(FleetCommand):
            if received.message.command_id not in self._known:
                self._known.add(received.message.command_id)
                self._answer(received, situation.instant_ns)
        if self._obeyed is None:
            return None
        command, speed_mps = self._obeyed.message, situation.ego.speed_mps
        if command.kind == "minimal_risk_manoeuvre":
            braking_mps2 = self._settings.minimal_risk_deceleration_mps2
            wanted_mps2 = -braking_mps2 if speed_mps > _STANDING_MPS else -_HOLD_MPS2
            reason = "minimal-risk manoeuvre, asked for"
            return Proposal(wanted_mps2, reason, messages=(self._obeyed,), keeps_lane=True)
        assert command.speed_mps is not None
        wanted_mps2 = free_mps2(speed_mps, command.speed_mps)
        return Proposal(wanted_mps2, "advised speed", messages=(self._obeyed,))

    def _answer(self, received: Received[FleetCommand], now_ns: int) -> None:
        command = received.message
        late_ns = received.received_ns - command.valid_until_ns
        newest = self._obeyed
        if late_ns > 0:
            reason = f"came {late_ns / NS_PER_S:.3f} s after its validity"
        elif newest and command.generation_time_ns < newest.message.generation_time_ns:
            reason = f"came after {newest.message.command_id}, which was given later"
        else:
            reason = ""
            if command.kind != "route":
                self._obeyed = received
        answer = FleetAnswer(command.command_id, now_ns, not reason, reason or "obeyed")
        self._answers.append((received, answer))
