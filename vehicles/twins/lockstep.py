"""Twins in lockstep: telemetry of a simulated instant out to a broker and back before the next."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TypeAlias

from vehicles.messages.fleet_command import FleetAnswer, FleetCommand
from vehicles.twins.broker import BrokerAddress, BrokerDied
from vehicles.twins.commands import decode_command, encode_answer, encode_command
from vehicles.twins.connection import Connection, ConnectionAborted, Outgoing
from vehicles.twins.fleet import FleetState
from vehicles.twins.rejections import Refused, Rejection
from vehicles.twins.service import TwinService
from vehicles.twins.telemetry import Forwarded, encode_batch
from vehicles.twins.topics import Topics

# Messages between publisher and subscriber at once: a broker drops what it can't queue for a
# subscriber, mosquitto beyond 1000 by default.
_UNDERWAY = 500
# How long a broker may take at the end to forget what it retains.
_FAREWELL_S = 2.0

_Message: TypeAlias = tuple[str, bytes]  # topic, payload


class LockstepTwins:
    """Keeps a run's twins through an MQTT broker.

    At each tick: `confirm` what was published at the one before, read `state`, then `publish` what
    has arrived since. Twins change in `confirm` alone, and there by everything published before
    it: so they depend on what was published between confirmations, not on the broker, its order of
    delivery, or the clock on the wall. What others publish to the run is counted and left alone.

    The methods belong to one thread, except `abort`.

    Args:
        broker: where to connect.
        topics: the run's topics.
        service: what keeps the twins.
        gateway: whether what arrives together is published together, as an edge or a fleet's back
            end does; one message per vehicle, as vehicles publish themselves, costs far more.
    """

    def __init__(
        self, broker: BrokerAddress, topics: Topics, service: TwinService, *, gateway: bool = True
    ) -> None:
        self._topics = topics
        self._service = service
        self._gateway = gateway
        subscription = topics.gateway_telemetry if gateway else topics.every_telemetry
        self._connection = Connection(
            broker,
            [subscription, topics.every_command],
            self._come_back,
            probe=topics.gateway_telemetry if gateway else topics.telemetry("probe"),
        )
        # Shared with the connection's thread, under the lock of its condition.
        self._changed = self._connection.changed
        self._waiting: dict[_Message, int] = {}  # published when these have made room
        self._awaited: dict[_Message, int] = {}  # and when the link delivered them [ns]
        self._returned: list[tuple[_Message, int]] = []
        self._strange = 0
        self._commands: list[tuple[str, FleetCommand]] = []

    def start(self) -> None:
        """Connect, subscribe, and see that messages pass; BrokerUnreachable if they don't."""
        self._connection.start()

    def publish(self, arrived: Sequence[Forwarded]) -> None:
        """Hand over what vehicles sent and the link has delivered, and return without waiting.

        A message that is underway already isn't sent a second time.

        Raises:
            BrokerDied: the connection is lost.
            ConnectionAborted: `abort` was called.
        """
        if not arrived:
            return
        messages: dict[_Message, int]
        if self._gateway:
            message = self._topics.gateway_telemetry, encode_batch(arrived)
            messages = {message: arrived[-1].received_ns}
        else:
            messages = {
                (self._topics.telemetry(one.vehicle_id), one.payload): one.received_ns
                for one in arrived
            }
        self._hand_over(messages)

    def command(self, vehicle_id: str, command: FleetCommand) -> None:
        """Publish a command; it is there to be taken after the next `confirm`."""
        message = self._topics.command(vehicle_id), encode_command(command)
        self._hand_over({message: command.generation_time_ns})

    def take_commands(self) -> list[tuple[str, FleetCommand]]:
        """Commands confirmed since the last call, by vehicle."""
        commands, self._commands = self._commands, []
        return commands

    def acknowledge(self, vehicle_id: str, answer: FleetAnswer) -> None:
        """Publish what a vehicle answers to a command."""
        topic = self._topics.acknowledgement(vehicle_id)
        self._connection.publish([Outgoing(topic, encode_answer(answer))])

    def confirm(self, timeout_s: float, now_ns: int) -> None:
        """Wait until every message published so far has come back, and advance the twins.

        Args:
            timeout_s: how long the broker may take, on the wall clock [s].
            now_ns: the instant to which they are advanced [ns].

        Raises:
            BrokerDied: the connection is lost (at once), or the time is up.
            ConnectionAborted: `abort` was called.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._connection.failure or not (self._awaited or self._waiting), timeout_s
            )
            if self._connection.failure is not None:
                raise self._connection.failure
            missing = len(self._awaited) + len(self._waiting)
            if missing:
                raise BrokerDied(
                    f"MQTT broker {self._connection.broker} did not deliver {missing} messages "
                    f"within {timeout_s:g} s"
                )
            returned, self._returned = self._returned, []
            strange, self._strange = self._strange, 0
        self._service.reject(Rejection.STRANGER, strange)
        for (topic, payload), received_ns in sorted(returned, key=lambda one: one[0]):
            if topic.endswith("/command"):
                self._take_command(topic, payload)
            else:
                self._service.take(topic, payload, received_ns)
        self._connection.publish(self._service.advance(now_ns))

    def state(self, instant_ns: int) -> FleetState:
        """Every twin, predicted to an instant [ns] from what was confirmed."""
        return self._service.state(instant_ns)

    def abort(self) -> None:
        """Make `confirm` and `publish` raise from now on; for another thread to call."""
        self._connection.fail(
            ConnectionAborted(f"waiting for MQTT broker {self._connection.broker} was aborted")
        )

    def close(self) -> None:
        """Disconnect, dropping what isn't confirmed; may be called again, or before `start`.

        The broker forgets the run's twins.
        """
        if self._connection.is_open and not (self._awaited or self._waiting):
            self._connection.publish(self._service.farewell())
            self._connection.drain(_FAREWELL_S)
        self._connection.close()

    def _hand_over(self, messages: dict[_Message, int]) -> None:
        with self._changed:
            for message, received_ns in messages.items():
                if message not in self._awaited:
                    self._waiting.setdefault(message, received_ns)
            self._send_waiting()

    def _take_command(self, topic: str, payload: bytes) -> None:
        try:
            vehicle_id = self._topics.vehicle_of(topic, "command")
            self._commands.append((vehicle_id, decode_command(payload)))
        except Refused as refused:
            self._service.reject(refused.reason)

    def _send_waiting(self) -> None:
        room = _UNDERWAY - len(self._awaited)
        sending = {key: self._waiting[key] for key in itertools.islice(self._waiting, room)}
        for message in sending:
            del self._waiting[message]
        self._awaited.update(sending)
        self._connection.publish(Outgoing(topic, payload) for topic, payload in sending)

    def _come_back(self, topic: str, payload: bytes) -> None:
        """Take a message that the broker delivered; in the connection's thread."""
        message = topic, payload
        with self._changed:
            if message not in self._awaited:
                self._strange += 1  # another publisher's, or one of ours again
                return
            self._returned.append((message, self._awaited.pop(message)))
            if self._waiting:
                self._send_waiting()
            elif not self._awaited:
                self._changed.notify_all()
