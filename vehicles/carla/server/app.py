"""The server's process: two ports, every connection on them, and the clock."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgpack

from vehicles.carla.server import wire
from vehicles.carla.server.rpc import METHODS
from vehicles.carla.server.wire import WORLD_STREAM, CarlaError
from vehicles.carla.server.world import World

log = logging.getLogger(__name__)

_LARGEST_REQUEST_BYTES = 256 * 1024 * 1024
# Whoever reads more slowly than it is sent misses messages once this much waits for it.
_BACKLOG_BYTES = 16 * 1024 * 1024
_KEPT_MESSAGES = 256


class StreamHub:
    """Subscribers of streams, and what goes out to them."""

    def __init__(self) -> None:
        self._subscribers: dict[int, set[asyncio.Transport]] = {}
        self._awaited: dict[int, list[bytes]] = {}
        self.first_message: dict[int, Callable[[], bytes]] = {}

    def is_wanted(self, stream_id: int) -> bool:
        """Whether anybody listens, or is about to."""
        return stream_id in self._subscribers or stream_id in self._awaited

    def expect(self, stream_id: int) -> None:
        """Somebody has asked for a stream's token and will subscribe in a moment.

        The client goes on meanwhile: without keeping what is published until then, whether a sensor
        tells of the tick after `listen` would be a matter of luck.
        """
        if stream_id not in self.first_message:
            self._awaited.setdefault(stream_id, [])

    def publish(self, stream_id: int, body: bytes) -> None:
        """Hand a message to everybody who listens and keeps up."""
        if not self.is_wanted(stream_id):
            return
        message = wire.framed(body)
        for transport in self._subscribers.get(stream_id, ()):
            if transport.get_write_buffer_size() < _BACKLOG_BYTES:
                transport.write(message)
        kept = self._awaited.get(stream_id)
        if kept is not None:
            kept.append(message)
            if len(kept) > _KEPT_MESSAGES:
                # Whoever asked has not come after all.
                del self._awaited[stream_id]

    def subscribe(self, stream_id: int, transport: asyncio.Transport) -> None:
        """Somebody wants a stream."""
        self._subscribers.setdefault(stream_id, set()).add(transport)
        if stream_id in self.first_message:
            transport.write(wire.framed(self.first_message[stream_id]()))
        for message in self._awaited.pop(stream_id, ()):
            transport.write(message)

    def unsubscribe(self, stream_id: int, transport: asyncio.Transport) -> None:
        """Somebody has gone."""
        subscribers = self._subscribers.get(stream_id, set())
        subscribers.discard(transport)
        if not subscribers:
            self._subscribers.pop(stream_id, None)


class _StreamConnection(asyncio.Protocol):
    """One subscription: the client says which stream and only reads from then on."""

    def __init__(self, hub: StreamHub) -> None:
        self._hub = hub
        self._asked = b""
        self._stream_id: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        _without_delay(transport)

    def data_received(self, data: bytes) -> None:
        if self._stream_id is not None:
            return
        self._asked += data
        if len(self._asked) >= 4:
            self._stream_id = int.from_bytes(self._asked[:4], "little")
            self._hub.subscribe(self._stream_id, self._transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (a protocol's)
        if self._stream_id is not None:
            self._hub.unsubscribe(self._stream_id, self._transport)


class _RpcConnection(asyncio.Protocol):
    """One client: its requests are answered in the order they come in."""

    def __init__(self, world: World, connected: set[_RpcConnection]) -> None:
        self._world = world
        self._connected = connected
        self._traffic_managers: set[int] = set()
        self._unpacker = msgpack.Unpacker(
            max_buffer_size=_LARGEST_REQUEST_BYTES, unicode_errors="surrogateescape"
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connected.add(self)
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        _without_delay(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (a protocol's)
        """Nobody is to wait for what only a client that has gone could give."""
        self._connected.discard(self)
        for port in self._traffic_managers:
            self._world.traffic_managers.pop(port, None)
        if not self._connected:
            self._world.run_free()

    def data_received(self, data: bytes) -> None:
        try:
            self._unpacker.feed(data)
            for request in self._unpacker:
                self._answer(request)
        except (msgpack.exceptions.UnpackException, ValueError) as error:
            log.warning("a client that doesn't speak CARLA's protocol is cut off: %s", error)
            self._transport.abort()

    def _answer(self, request: Any) -> None:
        match request:
            case [0, int(message_id), str(name), [[bool(unheard)], *arguments]]:
                error, result = answer(self._world, name, arguments, unheard=unheard)
                if name == "add_traffic_manager_running" and result == wire.success(True):
                    self._traffic_managers.add(arguments[0][1])
                self._transport.write(wire.response(message_id, error, result))
            case _:
                raise ValueError(f"expected a request, got {str(request)[:80]}")


def answer(
    world: World, name: str, arguments: list[Any], *, unheard: bool = False
) -> tuple[str | None, Any]:
    """Error and result of a call; an error is one that the client's library reports itself.

    What doesn't reach the client's caller is logged with the call's name: the text of an error, and
    whatever becomes of a call whose answer goes unheard.
    """
    method = METHODS.get(name)
    if method is None:
        _complain(f"unknown call {name}")
        return f"the headless server doesn't know {name}", None
    try:
        return None, method.success(method.function(world, *arguments))
    except CarlaError as error:
        if unheard:
            _complain(f"{name}: {error}")
        return None, method.failure(str(error))
    except Exception as error:
        # One bad request must not end the server for everybody else.
        _complain(f"{name}: {type(error).__name__}: {error}")
        log.debug("%s", name, exc_info=True)
        return f"{name}: {error}", None


@lru_cache(maxsize=1024)
def _complain(text: str) -> None:
    """Log once: a call may come with every tick."""
    log.warning(text)


def _without_delay(transport: asyncio.Transport) -> None:
    transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def serve(
    maps: dict[str, str], *, host: str, port: int, hz: float, ready: Callable[[World, int], None]
) -> None:
    """Serve until the process is told to end.

    Args:
        maps: name of a map -> its OpenDRIVE; the first is loaded.
        host: address to listen on.
        port: RPC port; streams are on the next one. 0 takes any that are free.
        hz: ticks per second while no client sets the pace.
        ready: called with the world and the RPC port once clients can come.

    Raises:
        OSError: a port is taken.
        ValueError: the map can't be read.
    """
    loop = asyncio.get_running_loop()
    hub = StreamHub()
    with contextlib.closing(_listen(host, port + 1 if port else 0)) as streams_socket:
        world = World(maps, hub, stream_port=streams_socket.getsockname()[1], free_delta_s=1.0 / hz)
        hub.first_message[WORLD_STREAM] = lambda: world.snapshot
        streams = await loop.create_server(lambda: _StreamConnection(hub), sock=streams_socket)
        connected: set[_RpcConnection] = set()
        rpc = await loop.create_server(
            lambda: _RpcConnection(world, connected), sock=_listen(host, port)
        )
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        async with streams, rpc:
            clock = asyncio.create_task(_keep_time(world, 1.0 / hz))
            ready(world, rpc.sockets[0].getsockname()[1])
            ending = asyncio.create_task(ended.wait())
            await asyncio.wait((clock, ending), return_when=asyncio.FIRST_COMPLETED)
            for task in (clock, ending):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await clock


async def _keep_time(world: World, period_s: float) -> None:
    """Tick by the wall clock as long as no client does; no tick is made up for."""
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    while True:
        due_s = max(due_s + period_s, loop.time())
        await asyncio.sleep(due_s - loop.time())
        if not world.settings.synchronous_mode:
            world.tick()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)
