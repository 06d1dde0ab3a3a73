"""The embedded broker: what a run keeps its twins through if it names no other."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType

from vehicles.twins.broker import BrokerAddress, BrokerUnreachable


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

        closing = asyncio.Event()
        connections: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

        # Not a coroutine: cancelled before its first step, one would leave its connection open, as
        # amqtt leaves that of a client whose first packet is no good.
        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            def ended(_serving: asyncio.Task[None]) -> None:
                del connections[writer]
                writer.close()

            if closing.is_set():
                writer.transport.abort()
                return
            served = broker.external_connected(
                StreamReaderAdapter(reader), _OpenWriter(writer), "default"
            )
            connections[writer] = asyncio.create_task(served)
            connections[writer].add_done_callback(ended)

        # Its own listener would need a port chosen beforehand; this one asks the system for it.
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self._started.set_result((asyncio.get_running_loop(), closing, port))
        await closing.wait()
        # On Python 3.11 a connection accepted in the instant its server closes is never closed:
        # accept no more, then let each that was accepted be made.
        asyncio.get_running_loop().remove_reader(server.sockets[0].fileno())
        await asyncio.sleep(0)
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
