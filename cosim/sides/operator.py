"""The operator's side: commands by way of the broker and the link, and the vehicles' answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cosim.clock import to_ns, to_s
from cosim.events import EventSettings
from cosim.recording import Columns
from cosim.sides.driving import Driving
from cosim.sides.link import LinkSide
from cosim.sides.twins import Twins
from cosim.sides.vehicles import DrivenVehicles
from cosim.traffic.sumo import SumoTraffic
from network.packet import SERVER
from vehicles.messages.fleet_command import FleetAnswer, FleetCommand
from vehicles.messages.kinds import MessageKind
from vehicles.messages.received import Received
from vehicles.state import RoadUsers
from vehicles.twins.commands import encode_answer, encode_command


class Operator:
    """Gives the scenario's commands, carries them to the vehicles, and their answers back.

    Args:
        events: of the scenario; those that are commands are given.
        driving: the vehicles' functions that obey.
        vehicles: who is on the road.
        traffic: changes routes.
        link: carries commands down and answers up.
        users: everyone on the road.
        twins: carries both over the broker.
        step_ns: the side's step [ns].
    """

    name = "operator"

    def __init__(
        self,
        events: list[EventSettings],
        driving: Driving,
        vehicles: DrivenVehicles,
        traffic: SumoTraffic,
        link: LinkSide,
        users: RoadUsers,
        twins: Twins,
        *,
        step_ns: int,
    ) -> None:
        self.step_ns = step_ns
        self._pending = sorted(
            (event for event in events if event.command is not None), key=lambda event: event.at_s
        )
        self._driving = driving
        self._vehicles = vehicles
        self._traffic = traffic
        self._link = link
        self._users = users
        self._twins = twins
        self._given = 0
        self._happened: list[tuple[float, str, str, str, str]] = []
        self._answered: list[dict[str, Any]] = []

    def start(self) -> None:
        """Nothing to start."""

    def advance(self, to_ns: int) -> None:
        """Give what is due, send what the broker has delivered, and pass answers on."""
        self._give(to_ns)
        names = {user_id: name for name, user_id in self._vehicles.on_road.items()}
        for user_id, command in self._twins.take_commands():
            self._send(names.get(user_id), user_id, command, to_ns)
        for vehicle, function in self._driving.commanded.items():
            for heard, answer in function.take_answers():
                self._answer(vehicle, heard, answer, to_ns)
        for received in self._link.take_at_server(MessageKind.FLEET_ANSWER):
            user_id, answer = received.message
            self._twins.acknowledge(user_id, answer)

    def rows(self, _now_ns: int, *, last: bool) -> Iterator[tuple[str, Columns]]:
        """Commands given, accepted and refused since the last call, and what vehicles answered."""
        del last
        happened, self._happened = self._happened, []
        if happened:
            names = ("time_s", "kind", "id", "other", "detail")
            yield "events", dict(zip(names, map(list, zip(*happened, strict=True)), strict=True))
        answered, self._answered = self._answered, []
        if answered:
            yield "commands", {name: [row[name] for row in answered] for name in answered[0]}

    def abort(self) -> None:
        """Nothing to abort."""

    def close(self) -> None:
        """Nothing to release."""

    def _give(self, now_ns: int) -> None:
        while self._pending and to_ns(self._pending[0].at_s) <= now_ns:
            order = self._pending.pop(0).command
            assert order is not None
            self._given += 1
            command = FleetCommand(
                f"command-{self._given}",
                order.kind,
                now_ns,
                now_ns + to_ns(order.valid_s),
                order.speed_advice_mps,
                tuple(order.route),
            )
            user_id = self._vehicles.on_road.get(order.vehicle, order.vehicle)
            self._twins.command(user_id, command)
            detail = f"{command.kind}, valid for {order.valid_s:g} s"
            self._note(now_ns, "command_given", order.vehicle, command.command_id, detail)

    def _send(self, vehicle: str | None, user_id: str, command: FleetCommand, now_ns: int) -> None:
        if vehicle not in self._driving.commanded:
            detail = "not on the road" if vehicle is None else "doesn't drive `fleet_commands`"
            self._note(now_ns, "command_refused", vehicle or user_id, command.command_id, detail)
            return
        self._link.send(
            np.array([SERVER]),
            np.array([now_ns]),
            kind=MessageKind.FLEET_COMMAND,
            size_bytes=len(encode_command(command)),
            to=self._users.slot_of(user_id),
            payloads=[command],
        )

    def _answer(
        self, vehicle: str, received: Received[FleetCommand], answer: FleetAnswer, now_ns: int
    ) -> None:
        command = received.message
        user_id = self._vehicles.on_road.get(vehicle)
        if user_id is None:
            return
        if answer.accepted and command.route and not self._traffic.reroute(user_id, command.route):
            answer = FleetAnswer(
                answer.command_id, answer.generation_time_ns, accepted=False, reason="no such way"
            )
        kind = "command_accepted" if answer.accepted else "command_refused"
        self._note(now_ns, kind, vehicle, answer.command_id, answer.reason)
        self._answered.append(
            {
                "time_s": to_s(answer.generation_time_ns),
                "vehicle": vehicle,
                "command": command.command_id,
                "kind": command.kind,
                "given_s": to_s(command.generation_time_ns),
                "valid_until_s": to_s(command.valid_until_ns),
                "packet_id": received.packet_id,
                "heard_s": to_s(received.received_ns),
                "accepted": answer.accepted,
                "reason": answer.reason,
            }
        )
        self._link.send(
            np.array([self._users.slot_of(user_id)]),
            np.array([now_ns]),
            kind=MessageKind.FLEET_ANSWER,
            size_bytes=len(encode_answer(answer)),
            to=SERVER,
            payloads=[(user_id, answer)],
        )

    def _note(self, now_ns: int, kind: str, vehicle: str, command_id: str, detail: str) -> None:
        self._happened.append((to_s(now_ns), kind, vehicle, command_id, detail))
