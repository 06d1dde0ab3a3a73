"""Brokers: where one is, what goes wrong with one, and the embedded one."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType

_DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


class BrokerUnreachable(ConnectionError):
    """No connection to the broker could be made; the message names it."""


class BrokerDied(ConnectionError):
    """The broker went away, or stopped delivering; the message names it."""


@dataclass(frozen=True)
class BrokerAddress:
    """Where an MQTT broker is and how to log in to it. As a string: host and port, no secrets."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @classmethod
    def parse(cls, url: str) -> BrokerAddress:
        """Read `mqtt://[user[:password]@]host[:port]`, or `mqtts://` for TLS.

        Raises:
            ValueError: anything else. The URL isn't repeated: it may hold a password.
        """
        expected = "expected a broker URL like mqtt://user:password@host:1883 or mqtts://host:8883"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"{expected}: {error}") from None
        if parts.scheme not in _DEFAULT_PORTS:
            raise ValueError(f"{expected}: its scheme is {parts.scheme!r}")
        if not parts.hostname:
            raise ValueError(f"{expected}: it names no host")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError(f"{expected}: something follows the port")
        return cls(
            host=parts.hostname,
            port=_DEFAULT_PORTS[parts.scheme] if port is None else port,
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            tls=parts.scheme == "mqtts",
        )


class EmbeddedBroker:
    """A broker within this process, on a free port of the loopback interface, open to anyone there.

    It runs in a thread and an asyncio loop of its own, and speaks MQTT 3.1.1 like any other.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = Future()

    def start(self) -> BrokerAddress:
        """Start serving, and say where; BrokerUnreachable if it can't."""
        self._thread = threading.Thread(target=self._run, name="mqtt-broker", daemon=True)
        self._thread.start()
        try:
            _, _, port = self._started.result()
        except Exception as error:
            self._thread.join()
            raise BrokerUnreachable(f"the embedded MQTT broker did not start: {error}") from error
        return BrokerAddress("127.0.0.1", port)

    def close(self) -> None:
        """Stop serving and drop every connection; may be called again, or before `start`."""
        if self._thread is None or not self._thread.is_alive():
            return
        loop, closing, _ = self._started.result()
        loop.call_soon_threadsafe(closing.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        # amqtt tells of every client that comes and goes; those who need to know learn it anyway.
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        broker = Broker(
            BrokerConfig(
                listeners={"default": ListenerConfig(type=ListenerType.EXTERNAL)},
                plugins={
                    "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
                },
            )
        )
        await broker.start()

        connections: set[asyncio.StreamWriter] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.add(writer)
            await broker.external_connected(
                StreamReaderAdapter(reader), _OpenWriter(writer), "default"
            )
            connections.discard(writer)

        # Its own listener would need a port chosen beforehand; this one asks the system for it.
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        closing = asyncio.Event()
        port = server.sockets[0].getsockname()[1]
        self._started.set_result((asyncio.get_running_loop(), closing, port))
        await closing.wait()
        server.close()
        # amqtt cancels its readers and waits for them. On Python 3.11 a cancellation that meets a
        # packet just read is lost in `asyncio.wait_for`, but a reader at its end stops by itself.
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        for connection in connections:
            connection.transport.abort()
        await broker.shutdown()


class _OpenWriter(StreamWriterAdapter):  # type: ignore[misc]  # amqtt is untyped here
    """Writes nothing to a client that has gone; asyncio would log each attempt."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        super().__init__(writer)
        self._stream = writer

    def write(self, data: bytes) -> None:
        if not self._stream.is_closing():
            super().write(data)
