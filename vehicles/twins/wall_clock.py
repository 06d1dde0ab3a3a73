"""Twins on the wall clock: a service that keeps them for whatever publishes to its fleet."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from network.packet import NS_PER_S
from vehicles.twins import publications
from vehicles.twins.broker import BrokerAddress
from vehicles.twins.connection import Connection, Outgoing
from vehicles.twins.rejections import Rejection
from vehicles.twins.service import TwinService
from vehicles.twins.topics import Topics

_STATUS_PERIOD_NS = 5 * NS_PER_S
_FAREWELL_S = 2.0
# Messages that may wait for the next step; a thousand vehicles send so many in a second.
_CAPACITY = 20_000


class WallClockTwins:
    """Keeps a fleet's twins; `step` is to be called some ten times a second.

    The broker knows the service by name and keeps what comes while it is away. When the connection
    is lost it is made again, with growing waits; what was to be sent is sent then, of each state
    only the newest.

    Args:
        broker: where to connect.
        fleet_id: the fleet's name.
        topics: the fleet's topics.
        service: what keeps the twins.
        on_loss: told, in another thread, when the connection is lost.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        fleet_id: str,
        topics: Topics,
        service: TwinService,
        on_loss: Callable[[str], None],
    ) -> None:
        self._topics = topics
        self._service = service
        self._status_due_ns = 0
        self._heard: deque[tuple[str, bytes, int]] = deque(maxlen=_CAPACITY)
        self._came = self._taken = 0
        self._connection = Connection(
            broker,
            [topics.every_telemetry, topics.gateway_telemetry],
            self._receive,
            probe=topics.probe,
            client_id=f"cosim-twins-{fleet_id}",
            will=publications.status(topics, 0, online=False, rejected={}),
            on_loss=on_loss,
        )

    def start(self) -> None:
        """Connect, subscribe, and see that messages pass; BrokerUnreachable if they don't."""
        self._connection.start()

    def step(self) -> int:
        """Take in what has come, publish what is to be, and return the instant [ns since 1970].

        Raises:
            Exception: what the connection ended by, if it can't be made again.
        """
        heard = [self._heard.popleft() for _ in range(len(self._heard))]
        for topic, payload, received_ns in heard:
            self._service.take(topic, payload, received_ns)
        # The deque drops the oldest when it is full.
        self._taken += len(heard)
        dropped = self._came - self._taken - len(self._heard)
        if dropped > 0:
            self._service.reject(Rejection.OVERFLOW, dropped)
            self._taken += dropped
        now_ns = time.time_ns()
        self._connection.publish(self._service.advance(now_ns))
        if now_ns >= self._status_due_ns:
            self._status_due_ns = now_ns + _STATUS_PERIOD_NS
            self._connection.publish([self._status(now_ns, online=True)])
        return now_ns

    def close(self) -> None:
        """Say that the service goes, and disconnect; may be called again, or before `start`."""
        if self._connection.is_open:
            self._connection.publish([self._status(time.time_ns(), online=False)])
            self._connection.drain(_FAREWELL_S)
        self._connection.close()

    def _status(self, now_ns: int, *, online: bool) -> Outgoing:
        rejected = {str(reason): count for reason, count in self._service.rejected.items()}
        return publications.status(
            self._topics, now_ns, online=online, twins=self._service.twins, rejected=rejected
        )

    def _receive(self, topic: str, payload: bytes) -> None:
        """Keep a message for the next step; in the connection's thread."""
        self._heard.append((topic, payload, time.time_ns()))
        self._came += 1
