"""The twin side: telemetry that reached the server goes over MQTT to the twins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from cosim.clock import NS_PER_MS, to_ns, to_s
from cosim.federate import BadInput, SideDied
from cosim.recording import Columns
from cosim.sides.link import LinkSide
from vehicles.messages.kinds import MessageKind
from vehicles.settings import TwinsSettings
from vehicles.state import RoadUsers
from vehicles.twins.broker import BrokerAddress, BrokerDied, BrokerUnreachable, EmbeddedBroker
from vehicles.twins.service import ServiceAborted, TwinService


class Twins:
    """Keeps the twins by what telemetry has arrived, through a real broker.

    Messages are published in one step and confirmed in the next, before any twin is read: the
    broker works while the other sides do, and the twins don't depend on how fast it is. A twin's
    row for an instant is therefore written one step later, but holds what had arrived by then.

    Args:
        settings: the scenario's twins.
        link: says what telemetry has reached the server.
        users: everyone on the road, to tell how wrong a twin is.
        run_id: keeps runs on one broker apart.
        confirm_timeout_s: wall-clock time that the broker has for one step's messages.
    """

    name = "MQTT broker"

    def __init__(
        self,
        settings: TwinsSettings,
        link: LinkSide,
        users: RoadUsers,
        *,
        run_id: str,
        confirm_timeout_s: float,
    ) -> None:
        self.step_ns = to_ns(settings.step_s)
        self._link = link
        self._users = users
        self._timeout_s = confirm_timeout_s
        self._of_driven_alone = settings.vehicles == "driven"
        self._embedded = EmbeddedBroker() if settings.broker == "embedded" else None
        self._address = None if self._embedded else BrokerAddress.parse(settings.broker)
        self._run_id = run_id
        self._service: TwinService | None = None
        self._unread: tuple[int, dict[str, tuple[float, float]]] | None = None
        self._rows: list[tuple[str, Columns]] = []

    def start(self) -> None:
        """Start the embedded broker, if it is the one, and connect; BadInput if nobody answers."""
        try:
            address = self._embedded.start() if self._embedded else self._address
            assert address is not None
            self._service = TwinService(address, self._run_id)
            self._service.start()
        except BrokerUnreachable as error:
            raise BadInput(f"twins.broker: {error}") from error

    def advance(self, to_ns: int) -> None:
        """Confirm the last step's messages and read its twins, then publish what has come since."""
        assert self._service is not None
        try:
            self._read()
            telemetry = self._link.take_at_server(MessageKind.TELEMETRY)
            self._service.publish([received.message for received in telemetry])
        except (BrokerDied, ServiceAborted) as error:
            raise SideDied(self.name, f"at {to_s(to_ns):g} s: {error}") from error
        users = self._users
        slots = users.slots()
        if self._of_driven_alone:
            slots = slots[users.driven[slots]]
        here = users.at(to_ns, slots)
        true = zip(here.x_m.tolist(), here.y_m.tolist(), strict=True)
        ids = (users.ids[slot] for slot in slots.tolist())
        self._unread = (to_ns, dict(zip(ids, true, strict=True)))

    def rows(self, _now_ns: int, *, last: bool) -> Iterator[tuple[str, Columns]]:
        """Twins read since the last call."""
        if last and self._service is not None:
            # A broker that died has been reported; its last twins can't be had any more.
            with suppress(BrokerDied, ServiceAborted):
                self._read()
        rows, self._rows = self._rows, []
        yield from rows

    def abort(self) -> None:
        """Make a wait for the broker raise."""
        if self._service is not None:
            self._service.abort()

    def close(self) -> None:
        """Disconnect and end the embedded broker."""
        if self._service is not None:
            self._service.close()
        if self._embedded is not None:
            self._embedded.close()

    def _read(self) -> None:
        """Record the twins of who was on the road in the last step, held against the truth."""
        if self._unread is None:
            return
        assert self._service is not None
        (now_ns, truth), self._unread = self._unread, None
        self._service.confirm(self._timeout_s)
        twins = self._service.states(now_ns)
        rows = np.array([row for row, user in enumerate(twins.ids) if user in truth], np.int64)
        if not len(rows):
            return
        ids = [twins.ids[row] for row in rows.tolist()]
        true_x_m, true_y_m = np.array([truth[user] for user in ids]).T
        x_m, y_m = twins.x_m[rows], twins.y_m[rows]
        self._rows.append(
            (
                "twins",
                {
                    "time_s": np.full(len(rows), to_s(now_ns)),
                    "id": ids,
                    "x_m": x_m,
                    "y_m": y_m,
                    "speed_mps": twins.speed_mps[rows],
                    "age_ms": twins.age_ns[rows] / NS_PER_MS,
                    "sequence": twins.sequence[rows],
                    "position_error_m": np.hypot(x_m - true_x_m, y_m - true_y_m),
                },
            )
        )
