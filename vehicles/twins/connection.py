"""The connection to a broker: messages out and in, in a thread of its own."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import os
import random
import socket
import ssl
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from aiomqtt import Client, Message, MqttCodeError, MqttError, ProtocolVersion, Will
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from vehicles.twins.broker import BrokerAddress, BrokerDied, BrokerUnreachable

# Whatever paho-mqtt would log of a lost connection is raised.
_PAHO_LOGGER = logging.getLogger(f"{__name__}.paho")
_PAHO_LOGGER.setLevel(logging.CRITICAL)

_CONNECT_TIMEOUT_S = 3.0
_PROBE_TIMEOUT_S = 5.0
# Waits between attempts to connect again.
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
# How long a broker keeps what comes for a client that is away (MQTT 5; 3.1.1 leaves it to brokers).
_SESSION_EXPIRY_S = 3600
# Acknowledgements awaited at once. Fewer leave the line idle, more cost paho-mqtt searching time.
_IN_FLIGHT = 50
# CONNACK codes of MQTT 3.1.1 (4, 5) and 5 for who may not come in.
_REFUSED_USER = {4, 5, 134, 135}
_LEAST_FAILURE_CODE = 128


class ConnectionAborted(RuntimeError):
    """The connection was told to end while somebody waited for it."""


class Outgoing(NamedTuple):
    """A message to publish. A retained one takes the place of an older one still unsent."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


class Connection:
    """A connection to a broker, kept in a thread of its own; the methods belong to one other.

    Args:
        broker: where to connect.
        subscriptions: topics to receive with QoS 1.
        on_message: called in the connection's thread with topic and payload.
        probe: a topic on which a message has to come back before the connection counts as made: a
            broker that forbids a topic often doesn't say so. None for a client that only sends.
        client_id: a name under which the broker keeps what comes while the connection is lost;
            None for a client that is forgotten.
        will: published by the broker when the connection breaks.
        on_loss: called in the connection's thread, with what happened, when the connection is lost
            and will be made again. Without it a lost connection is the end.
        capacity: how many messages may wait to be sent; beyond, the oldest are dropped.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        subscriptions: Sequence[str] = (),
        on_message: Callable[[str, bytes], None] = lambda _topic, _payload: None,
        *,
        probe: str | None = None,
        client_id: str | None = None,
        will: Outgoing | None = None,
        on_loss: Callable[[str], None] | None = None,
        capacity: int = 100_000,
    ) -> None:
        self.broker = broker
        self.dropped = 0
        self._subscriptions = [*subscriptions, *([probe] if probe else [])]
        self._on_message = on_message
        self._probe = probe
        self._client_id = client_id
        self._will = will
        self._on_loss = on_loss
        self._capacity = capacity
        self._thread: threading.Thread | None = None
        # Belong to the thread.
        self._outbox: dict[Hashable, Outgoing] = {}
        self._numbers = itertools.count()
        self._filled: asyncio.Event
        self._broken: asyncio.Future[None]
        self._probed: asyncio.Event
        self._nonce = b""
        self._wait_s = _FIRST_WAIT_S
        # Shared with the thread, under the condition's lock; `_serving` is set while its loop runs.
        self.changed = threading.Condition()  # also for others to wait on: told of a failure
        self._loop: asyncio.AbstractEventLoop
        self._serving: asyncio.Task[None] | None = None
        self._connected = False
        self._was_connected = False
        self._unacknowledged = 0
        self._failure: Exception | None = None

    @property
    def failure(self) -> Exception | None:
        """Why the connection has ended, if it has."""
        return self._failure

    @property
    def is_open(self) -> bool:
        """Whether there is a connection now."""
        return self._connected and self._failure is None

    def start(self) -> None:
        """Connect, subscribe, and see that messages pass.

        Raises:
            BrokerUnreachable: nobody answers there within some seconds, or the broker refuses.
        """
        self._thread = threading.Thread(target=self._run, name="mqtt-client", daemon=True)
        self._thread.start()
        with self.changed:
            self.changed.wait_for(lambda: self._was_connected or self._failure is not None)
            failure = self._failure
        if failure is not None:
            self._thread.join()
            raise failure

    def publish(self, messages: Iterable[Outgoing]) -> None:
        """Hand messages over and return without waiting; raises what the connection ended by."""
        batch = list(messages)
        with self.changed:
            if self._failure is not None:
                raise self._failure
            self._unacknowledged += len(batch)
            self._loop.call_soon_threadsafe(self._enqueue, batch)

    def drain(self, timeout_s: float) -> bool:
        """Wait until the broker has acknowledged everything; False if it hasn't in time."""
        with self.changed:
            self.changed.wait_for(
                lambda: self._unacknowledged == 0 or self._failure is not None, timeout_s
            )
            return self._unacknowledged == 0

    def fail(self, failure: Exception) -> None:
        """End the connection's usefulness; for any thread to call. The first failure stays."""
        with self.changed:
            self._failure = self._failure or failure
            self.changed.notify_all()

    def close(self) -> None:
        """Disconnect, dropping what isn't sent; may be called again, or before `start`."""
        if self._thread is None:
            return
        with self.changed:
            if self._serving is not None:
                self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join()

    # What follows runs in the connection's thread.

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._on_loop_error)
        self._serving = asyncio.current_task()
        self._filled = asyncio.Event()
        try:
            while True:
                try:
                    await self._connect_and_carry()
                except Exception as error:
                    told = self._told(error)
                    self._connected = False
                    again = self._on_loss if self._was_connected else None
                    if again is None or not isinstance(told, ConnectionError):
                        self.fail(told)
                        return
                    again(f"{told}; trying again in {self._wait_s:g} s")
                # A crowd of clients that lost their broker together shouldn't come back together.
                await asyncio.sleep(self._wait_s * random.uniform(0.75, 1.25))  # noqa: S311
                self._wait_s = min(2.0 * self._wait_s, _LONGEST_WAIT_S)
        except asyncio.CancelledError:
            self._connected = False
            self.fail(RuntimeError("the connection is closed"))
        finally:
            with self.changed:
                self._serving = None

    async def _connect_and_carry(self) -> None:
        """Send and receive until the connection ends, which raises."""
        self._broken = self._loop.create_future()
        self._probed = asyncio.Event()
        async with self._client() as client:
            for topic in self._subscriptions:
                (granted, *_) = await client.subscribe(topic, qos=1)
                code = granted if isinstance(granted, int) else granted.value
                if code >= _LEAST_FAILURE_CODE:
                    raise MqttError(f"it refuses the subscription to {topic}")
            async with asyncio.TaskGroup() as carriers:
                carriers.create_task(self._receive(client))
                await self._see_that_messages_pass(client)
                with self.changed:
                    self._connected = self._was_connected = True
                    self._wait_s = _FIRST_WAIT_S
                    self.changed.notify_all()
                for _ in range(_IN_FLIGHT):
                    carriers.create_task(self._send(client))
                await self._broken

    def _client(self) -> Client:
        connection = self

        class Inbox(asyncio.Queue[Message]):
            """Takes each message as it comes: a queue and an iterator would double its cost."""

            def put_nowait(self, message: Message) -> None:
                connection._take(message)

        broker, will = self.broker, self._will
        kept = self._client_id is not None
        session: dict[str, Any] = {"clean_session": not kept}
        if broker.version == "5":
            expiry = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            expiry.SessionExpiryInterval = _SESSION_EXPIRY_S if kept else 0
            session = {"clean_start": not kept, "properties": expiry}
        return Client(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password,
            identifier=self._client_id,
            protocol=ProtocolVersion.V5 if broker.version == "5" else ProtocolVersion.V311,
            tls_context=broker.tls_context(),
            will=Will(will.topic, will.payload, will.qos, will.retain) if will else None,
            timeout=_CONNECT_TIMEOUT_S,
            max_inflight_messages=_IN_FLIGHT,
            queue_type=Inbox,
            logger=_PAHO_LOGGER,
            # Or each small packet waits for the acknowledgement of the one before, 40 ms.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            **session,
        )

    async def _receive(self, client: Client) -> None:
        async for _ in client.messages:  # `Inbox` keeps none: this only ends by disconnection
            pass

    async def _see_that_messages_pass(self, client: Client) -> None:
        if self._probe is None:
            return
        self._nonce = os.urandom(8)
        await client.publish(self._probe, self._nonce, qos=1, timeout=_PROBE_TIMEOUT_S)
        try:
            await asyncio.wait_for(self._probed.wait(), _PROBE_TIMEOUT_S)
        except TimeoutError:
            raise MqttError(
                f"it doesn't pass on what is published to {self._probe}; may {self._who()} "
                "publish and subscribe there?"
            ) from None

    async def _send(self, client: Client) -> None:
        while True:
            while not self._outbox:
                self._filled.clear()
                await self._filled.wait()
            key = next(iter(self._outbox))
            message = self._outbox.pop(key)
            try:
                await client.publish(
                    message.topic, message.payload, message.qos, message.retain, timeout=math.inf
                )
            except BaseException:
                if key in self._outbox:  # a newer state of the same twin
                    self._settle(1)
                else:
                    # Not acknowledged: first to go when there is a connection again.
                    self._outbox = {key: message, **self._outbox}
                raise
            self._settle(1)

    def _enqueue(self, messages: list[Outgoing]) -> None:
        before = len(self._outbox)
        for message in messages:
            self._outbox[message.topic if message.retain else next(self._numbers)] = message
        replaced = before + len(messages) - len(self._outbox)
        overflow = max(len(self._outbox) - self._capacity, 0)
        for key in list(itertools.islice(self._outbox, overflow)):
            del self._outbox[key]
        self.dropped += overflow
        if replaced + overflow:
            self._settle(replaced + overflow)
        self._filled.set()

    def _settle(self, count: int) -> None:
        with self.changed:
            self._unacknowledged -= count
            if self._unacknowledged == 0:
                self.changed.notify_all()

    def _take(self, message: Message) -> None:
        topic, payload = message.topic.value, message.payload
        raw = bytes(payload) if isinstance(payload, bytes | bytearray) else str(payload).encode()
        if topic == self._probe and raw == self._nonce:
            self._probed.set()
        else:
            self._on_message(topic, raw)

    def _on_loop_error(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take what aiomqtt's callbacks raise, such as a socket that is gone already."""
        error = context.get("exception")
        if isinstance(error, Exception) and not self._broken.done():
            self._broken.set_exception(error)

    def _told(self, error: Exception) -> Exception:
        """What went wrong, in terms of the broker where it was the broker."""
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, BrokerUnreachable) or not isinstance(error, MqttError | OSError):
            return error
        if self._connected:
            reason = error.__cause__ or error
            return BrokerDied(f"lost the connection to MQTT broker {self.broker}: {reason}")
        return BrokerUnreachable(
            f"cannot connect to MQTT broker {self.broker}: {self._refusal(error)}"
        )

    def _refusal(self, error: Exception) -> str:
        cause = error.__cause__ or error.__context__ or error
        if isinstance(error, MqttCodeError) and _code(error) in _REFUSED_USER:
            return f"{self._who()} is not authorized, or the password is wrong"
        if isinstance(cause, ssl.SSLCertVerificationError):
            by = self.broker.ca or "the system's certificates"
            return f"its certificate doesn't hold against {by}: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"no TLS with it: {cause.reason or cause}"
        return str(error)

    def _who(self) -> str:
        return "a nameless client" if self.broker.username is None else self.broker.username


def _code(error: MqttCodeError) -> int | None:
    with suppress(AttributeError):
        return int(error.rc.value)  # type: ignore[union-attr]
    return error.rc if isinstance(error.rc, int) else None
