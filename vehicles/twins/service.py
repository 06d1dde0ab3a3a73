"""The twin service: telemetry out to a broker, back in from it, and the twins it keeps."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import ssl
import threading
from collections.abc import Iterable
from typing import Any, TypeAlias

from aiomqtt import Client, Message, MqttError

from vehicles.twins.broker import BrokerAddress, BrokerDied, BrokerUnreachable
from vehicles.twins.fleet import Fleet, FleetState
from vehicles.twins.telemetry import Telemetry, Topics, decode, encode

# Whatever paho-mqtt would log of a lost connection is raised.
_PAHO_LOGGER = logging.getLogger(f"{__name__}.paho")
_PAHO_LOGGER.setLevel(logging.CRITICAL)

_CONNECT_TIMEOUT_S = 3.0
_GRANTED_QOS = (0, 1, 2)
# Acknowledgements awaited at once. Fewer leave the line idle, more cost paho-mqtt searching time.
_IN_FLIGHT = 50
# Messages between publisher and subscriber at once: a broker drops what it can't queue for a
# subscriber, mosquitto beyond 1000 by default.
_UNDERWAY = 500

_Key: TypeAlias = tuple[str, int]  # vehicle id, sequence number


class ServiceAborted(RuntimeError):
    """The service was told to stop waiting."""


class TwinService:
    """Keeps a run's twins from the telemetry that comes through an MQTT broker.

    In lockstep, at each tick: `confirm` what was published at the one before, read `states`, then
    `publish` what has arrived since. Twins change in `confirm` alone, and there by everything
    published before it, in the order of the sequence numbers: so they depend on what was published
    between confirmations, not on the broker, its order of delivery, or the clock on the wall.

    Messages travel in a thread of the service's own. The methods belong to one thread, except
    `abort`.

    Args:
        broker: where to connect.
        run_id: keeps runs on one broker apart.
    """

    def __init__(self, broker: BrokerAddress, run_id: str) -> None:
        self._broker = broker
        self._topics = Topics(run_id)
        self._fleet = Fleet()
        self._thread: threading.Thread | None = None
        # Belong to the thread, which makes them.
        self._outbox: asyncio.Queue[tuple[str, bytes]]
        self._underway: asyncio.Semaphore
        # Shared with the thread, under the condition's lock; `_serving` is set while its loop runs.
        self._loop: asyncio.AbstractEventLoop
        self._serving: asyncio.Task[None] | None = None
        self._changed = threading.Condition()
        self._connected = False
        self._failure: Exception | None = None
        self._awaited: set[_Key] = set()
        self._inbox: list[Telemetry] = []
        self._malformed = 0

    @property
    def malformed(self) -> int:
        """How many messages on the run's telemetry topics were not telemetry, and were dropped."""
        with self._changed:
            return self._malformed

    @property
    def duplicates(self) -> int:
        """How many messages came again, as QoS 1 allows."""
        return self._fleet.duplicates

    def start(self) -> None:
        """Connect and subscribe.

        Raises:
            BrokerUnreachable: nobody answers there within some seconds, or the broker refuses.
        """
        self._thread = threading.Thread(target=self._run, name="twin-service", daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._connected or self._failure is not None)
            failure = self._failure
        if failure is not None:
            self._thread.join()
            raise failure

    def publish(self, messages: Iterable[Telemetry]) -> None:
        """Hand messages over for publishing, and return without waiting.

        A message that is underway already isn't sent a second time.

        Raises:
            BrokerDied: the connection is lost.
            ServiceAborted: `abort` was called.
            ValueError: a message holds what telemetry can't carry; none is published.
        """
        batch = {
            (message.vehicle_id, message.sequence): (
                self._topics.telemetry(message.vehicle_id),
                encode(message),
            )
            for message in messages
        }
        with self._changed:
            if self._failure is not None:
                raise self._failure
            fresh = [packet for key, packet in batch.items() if key not in self._awaited]
            self._awaited.update(batch)
            self._loop.call_soon_threadsafe(self._enqueue, fresh)

    def confirm(self, timeout_s: float) -> None:
        """Wait until every message published so far has come back, and update the twins by them.

        Args:
            timeout_s: how long the broker may take, on the wall clock [s].

        Raises:
            BrokerDied: the connection is lost (at once), or the time is up.
            ServiceAborted: `abort` was called.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: not self._awaited or self._failure is not None, timeout_s
            )
            if self._failure is not None:
                raise self._failure
            if self._awaited:
                raise BrokerDied(
                    f"MQTT broker {self._broker} did not deliver {len(self._awaited)} messages "
                    f"within {timeout_s:g} s"
                )
            messages, self._inbox = self._inbox, []
        self._fleet.apply(messages)

    def states(self, instant_ns: int) -> FleetState:
        """Every twin, predicted to an instant [ns] from what was confirmed."""
        return self._fleet.state(instant_ns)

    def abort(self) -> None:
        """Make `confirm` and `publish` raise from now on; for another thread to call."""
        self._fail(ServiceAborted(f"waiting for MQTT broker {self._broker} was aborted"))

    def close(self) -> None:
        """Disconnect, dropping what isn't confirmed; may be called again, or before `start`."""
        if self._thread is None:
            return
        with self._changed:
            if self._serving is not None:
                self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join()

    def _fail(self, failure: Exception) -> None:
        with self._changed:
            self._failure = self._failure or failure
            self._changed.notify_all()

    # What follows runs in the service's thread.

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._on_loop_error)
        self._serving = asyncio.current_task()
        self._outbox = asyncio.Queue()
        self._underway = asyncio.Semaphore(_UNDERWAY)
        try:
            async with self._client() as client:
                await self._carry(client)
        except asyncio.CancelledError:
            self._fail(RuntimeError("the twin service is closed"))
        except Exception as error:
            self._fail(self._told(error))
        finally:
            with self._changed:
                self._serving = None

    def _client(self) -> Client:
        service = self

        class Inbox(asyncio.Queue[Message]):
            """Takes each message as it comes: a queue and an iterator would double its cost."""

            def put_nowait(self, message: Message) -> None:
                service._receive(message)

        return Client(
            self._broker.host,
            self._broker.port,
            username=self._broker.username,
            password=self._broker.password,
            tls_context=ssl.create_default_context() if self._broker.tls else None,
            timeout=_CONNECT_TIMEOUT_S,
            max_inflight_messages=_IN_FLIGHT,
            queue_type=Inbox,
            logger=_PAHO_LOGGER,
            # Or each small packet waits for the acknowledgement of the one before, 40 ms.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    async def _carry(self, client: Client) -> None:
        """Send and receive until the connection ends, which raises."""
        granted = await client.subscribe(self._topics.every_telemetry, qos=1)
        if granted[0] not in _GRANTED_QOS:
            raise MqttError(f"subscription to {self._topics.every_telemetry} refused")
        with self._changed:
            self._connected = True
            self._changed.notify_all()
        async with asyncio.TaskGroup() as senders:
            for _ in range(_IN_FLIGHT):
                senders.create_task(self._send(client))
            async for _ in client.messages:  # `Inbox` keeps none: this only ends by disconnection
                pass

    async def _send(self, client: Client) -> None:
        while True:
            topic, payload = await self._outbox.get()
            await self._underway.acquire()
            await client.publish(topic, payload, qos=1, timeout=math.inf)

    def _enqueue(self, packets: list[tuple[str, bytes]]) -> None:
        for packet in packets:
            self._outbox.put_nowait(packet)

    def _receive(self, message: Message) -> None:
        try:
            vehicle_id = self._topics.vehicle_of(message.topic.value)
            telemetry = decode(vehicle_id, message.payload)
        except ValueError:
            with self._changed:
                self._malformed += 1
            return
        key = (vehicle_id, telemetry.sequence)
        with self._changed:
            self._inbox.append(telemetry)
            if key not in self._awaited:
                return  # another publisher's, or one of ours again
            self._awaited.remove(key)
            if not self._awaited:
                self._changed.notify_all()
        self._underway.release()

    def _on_loop_error(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take what aiomqtt's callbacks raise, such as a socket that is gone already."""
        if isinstance(error := context.get("exception"), Exception):
            self._fail(self._told(error))

    def _told(self, error: Exception) -> Exception:
        """What went wrong, in terms of the broker where it was the broker."""
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if not isinstance(error, MqttError | OSError):
            return error
        if self._connected:
            reason = error.__cause__ or error
            return BrokerDied(f"lost the connection to MQTT broker {self._broker}: {reason}")
        return BrokerUnreachable(f"cannot connect to MQTT broker {self._broker}: {error}")
