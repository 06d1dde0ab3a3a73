"""The twin side: telemetry that reached the server goes over MQTT to the twins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from cosim.clock import to_ns, to_s
from cosim.federate import BadInput, SideDied
from cosim.recording import Columns
from cosim.sides.link import LinkSide
from cosim.twins.tables import happened_columns, twin_columns
from vehicles.georeference import Georeference
from vehicles.messages.fleet_command import FleetAnswer, FleetCommand
from vehicles.messages.kinds import MessageKind
from vehicles.state import RoadUsers
from vehicles.twins.broker import BrokerAddress, BrokerDied, BrokerUnreachable
from vehicles.twins.connection import ConnectionAborted
from vehicles.twins.embedded_broker import EmbeddedBroker
from vehicles.twins.estimator import X, Y, difference, normalised_error_squared
from vehicles.twins.lockstep import LockstepTwins
from vehicles.twins.service import TwinService
from vehicles.twins.settings import TwinsSettings
from vehicles.twins.telemetry import Forwarded
from vehicles.twins.topics import Topics

_UNPREDICTED = [np.nan, np.nan]


class Twins:
    """Keeps the twins by what telemetry has arrived, through a real broker.

    Messages are published in one step and confirmed in the next, before any twin is read: the
    broker works while the other sides do, and the twins don't depend on how fast it is. A twin's
    row for an instant is therefore written one step later, but holds what had arrived by then.

    Args:
        settings: the scenario's twins.
        link: says what telemetry has reached the server.
        users: everyone on the road, to tell how wrong a twin is.
        georeference: of the net's plane, for states on Earth; None if it has none.
        run_id: keeps runs on one broker apart.
        confirm_timeout_s: wall-clock time that the broker has for one step's messages.
    """

    name = "MQTT broker"

    def __init__(
        self,
        settings: TwinsSettings,
        link: LinkSide,
        users: RoadUsers,
        georeference: Georeference | None,
        *,
        run_id: str,
        confirm_timeout_s: float,
    ) -> None:
        self.step_ns = to_ns(settings.step_s)
        self._settings = settings
        self._link = link
        self._users = users
        self._timeout_s = confirm_timeout_s
        self._embedded = EmbeddedBroker() if settings.broker == "embedded" else None
        self._topics = Topics(run_id)
        self._service = TwinService(self._topics, settings, georeference)
        self._twins: LockstepTwins | None = None
        self._unread: tuple[int, dict[str, list[float]]] | None = None
        # Whole steps ahead, so that each prediction meets the truth at a step.
        self._horizon_ns = max(round(to_ns(settings.horizon_s) / self.step_ns), 1) * self.step_ns
        self._predicted: dict[int, dict[str, list[float]]] = {}
        self._rows: list[tuple[str, Columns]] = []

    def start(self) -> None:
        """Start the embedded broker, if it is the one, and connect; BadInput if nobody answers."""
        try:
            address = self._embedded.start() if self._embedded else self._given()
            self._twins = LockstepTwins(
                address, self._topics, self._service, gateway=self._settings.gateway
            )
            self._twins.start()
        except (BrokerUnreachable, ValueError) as error:
            raise BadInput(f"twins.broker: {error}") from error

    def advance(self, to_ns: int) -> None:
        """Confirm the last step's messages and read its twins, then publish what has come since."""
        assert self._twins is not None
        try:
            self._read()
            self._twins.publish(
                [
                    Forwarded(packet.message.vehicle_id, packet.received_ns, packet.message.payload)
                    for packet in self._link.take_at_server(MessageKind.TELEMETRY)
                ]
            )
        except (BrokerDied, ConnectionAborted) as error:
            raise SideDied(self.name, f"at {to_s(to_ns):g} s: {error}") from error
        self._unread = to_ns, self._truth(to_ns)

    def command(self, vehicle_id: str, command: FleetCommand) -> None:
        """Publish a command of the scenario's operator."""
        assert self._twins is not None
        self._twins.command(vehicle_id, command)

    def take_commands(self) -> list[tuple[str, FleetCommand]]:
        """Commands that have come through the broker since the last call, by vehicle."""
        assert self._twins is not None
        return self._twins.take_commands()

    def acknowledge(self, vehicle_id: str, answer: FleetAnswer) -> None:
        """Publish what a vehicle answers to a command."""
        assert self._twins is not None
        self._twins.acknowledge(vehicle_id, answer)

    def rows(self, _now_ns: int, *, last: bool) -> Iterator[tuple[str, Columns]]:
        """Twins read since the last call."""
        if last and self._twins is not None:
            # A broker that died has been reported; its last twins can't be had any more.
            with suppress(BrokerDied, ConnectionAborted):
                self._read()
        rows, self._rows = self._rows, []
        yield from rows
        happened = self._service.take_happened()
        if happened:
            yield "events", happened_columns(happened)

    def abort(self) -> None:
        """Make a wait for the broker raise."""
        if self._twins is not None:
            self._twins.abort()

    def close(self) -> None:
        """Disconnect and end the embedded broker."""
        if self._twins is not None:
            self._twins.close()
        if self._embedded is not None:
            self._embedded.close()

    def _given(self) -> BrokerAddress:
        settings = self._settings
        return BrokerAddress.parse(settings.broker).with_login(
            settings.username,
            settings.password_file,
            settings.ca,
            settings.certificate,
            settings.key,
        )

    def _truth(self, now_ns: int) -> dict[str, list[float]]:
        """The true states, as the filter has them, of who may have a twin."""
        users = self._users
        slots = users.slots()
        if self._settings.vehicles == "driven":
            slots = slots[users.driven[slots]]
        here = users.at(now_ns, slots)
        states = np.stack(
            [
                here.x_m,
                here.y_m,
                here.heading_rad,
                here.speed_mps,
                users.acceleration_mps2[slots],
                users.yaw_rate_radps[slots],
            ],
            axis=1,
        )
        return dict(zip((users.ids[slot] for slot in slots.tolist()), states.tolist(), strict=True))

    def _read(self) -> None:
        """Record the twins of who was on the road in the last step, held against the truth."""
        if self._unread is None:
            return
        assert self._twins is not None
        (now_ns, truth), self._unread = self._unread, None
        self._twins.confirm(self._timeout_s, now_ns)
        twins = self._twins.state(now_ns)
        rows = np.array([row for row, user in enumerate(twins.ids) if user in truth], np.int64)
        if not len(rows):
            return
        ids = [twins.ids[row] for row in rows.tolist()]
        true, state = np.array([truth[user] for user in ids]), twins.state[rows]
        covariance = twins.covariance[rows, :2, :2]
        error = difference(true, state)
        ahead = self._twins.state(now_ns + self._horizon_ns)
        predicted = self._predicted.pop(now_ns, {})
        self._predicted[now_ns + self._horizon_ns] = dict(
            zip(ids, ahead.state[rows, :2].tolist(), strict=True)
        )
        misjudged = true[:, :2] - [predicted.get(user, _UNPREDICTED) for user in ids]
        self._rows.append(
            (
                "twins",
                twin_columns(now_ns, twins, ahead, rows, self._settings)
                | {
                    "position_error_m": np.hypot(error[:, X], error[:, Y]),
                    "prediction_error_m": np.hypot(misjudged[:, X], misjudged[:, Y]),
                    "nees": normalised_error_squared(error[:, :2], covariance),
                },
            )
        )
