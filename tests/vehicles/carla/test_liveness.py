"""Against sockets of the test's own; tests/e2e kills and stops a whole server."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from vehicles.carla import liveness
from vehicles.carla.liveness import ClientThread, Liveness, ServerDied, ServerUnreachable

VERSION = b"\x94\x01\x01\xc0\x91\x92\x01\xa60.9.16"


class Answering:
    """A server that answers what comes with the same bytes, as long as it is willing."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.willing = True
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            self._connection = connection = self._listener.accept()[0]
            while connection.recv(4096):
                if self.willing:
                    connection.sendall(self.answer)
        except OSError:
            pass

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._listener.close()
        self._thread.join(timeout=5)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    monkeypatch.setattr(liveness, "_ASK_EVERY_S", 0.02)
    monkeypatch.setattr(liveness, "_ANSWER_WITHIN_S", 0.4)
    server = Answering(VERSION)
    yield server
    server.close()


def watch(server: Answering) -> tuple[Liveness, list[str], threading.Event]:
    deaths: list[str] = []
    noticed = threading.Event()

    def on_death(what: str) -> None:
        deaths.append(what)
        noticed.set()

    watched = Liveness("127.0.0.1", server.port, on_death)
    watched.start()
    return watched, deaths, noticed


def test_a_server_that_answers_is_left_in_peace(server: Answering) -> None:
    watched, _, noticed = watch(server)
    assert not noticed.wait(0.5)
    watched.stop()
    watched.stop()


def test_a_lost_connection_is_noticed_at_once(server: Answering) -> None:
    watched, deaths, noticed = watch(server)
    server.close()
    assert noticed.wait(2)
    assert f"127.0.0.1:{server.port}" in deaths[0]
    watched.stop()


def test_silence_is_noticed_unless_patience_is_asked_for(server: Answering) -> None:
    watched, deaths, noticed = watch(server)
    watched.patient = True
    server.willing = False
    assert not noticed.wait(1.0)
    watched.patient = False
    assert noticed.wait(2)
    assert deaths == [f"no answer from 127.0.0.1:{server.port} for 0.4 s"]
    watched.stop()


def test_nobody_there_and_somebody_else_there_are_told_apart(server: Answering) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ServerUnreachable, match="nobody answers at"):
        Liveness("127.0.0.1", port, lambda _: None)
    server.answer = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with pytest.raises(ServerUnreachable, match="doesn't speak CARLA's protocol"):
        Liveness("127.0.0.1", server.port, lambda _: None)


def test_a_job_gives_its_result_or_its_error() -> None:
    client = ClientThread()
    assert client.call(lambda: 6 * 7) == 42
    with pytest.raises(ZeroDivisionError):
        client.call(lambda: 1 // 0)
    assert client.call(lambda: "still there") == "still there"
    client.stop()


def test_a_stuck_job_is_left_alone_when_the_server_dies() -> None:
    client = ClientThread()
    never = threading.Event()
    threading.Timer(0.1, client.give_up, ["it was killed"]).start()
    began = time.monotonic()
    with pytest.raises(ServerDied, match="it was killed"):
        client.call(never.wait)
    assert time.monotonic() - began < 2
    with pytest.raises(ServerDied, match="it was killed"):
        client.call(lambda: "too late")
    never.set()
    client.stop()
