"""Finding out within seconds that a CARLA server is gone.

CARLA's client notices a dead server only when its time-out is over, and can't be interrupted
meanwhile. So the server is asked over a connection of our own whether it is there, and the client
is called from a thread of its own that is left alone when it isn't.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeVar

_ASK_EVERY_S = 0.5
_ANSWER_WITHIN_S = 5.0
# MessagePack: [0, 1, "version", [[false]]]; and how an answer to it begins, [1, 1, nil.
_ASK = b"\x94\x00\x01\xa7version\x91\x91\xc2"
_ANSWER = b"\x94\x01\x01\xc0"

_Result = TypeVar("_Result")


class ServerUnreachable(Exception):
    """Nothing that speaks CARLA's protocol answers; the message says what happened instead."""


class ServerDied(Exception):
    """The server is gone, or doesn't answer; the message says which."""


class Liveness:
    """A connection that does nothing but ask whether the server is there.

    Args:
        host: the server's host.
        port: the port that it takes calls at.
        on_death: called from the asking thread, once, with what happened.

    Raises:
        ServerUnreachable: nobody is there, or somebody who isn't CARLA.
    """

    def __init__(self, host: str, port: int, on_death: Callable[[str], None]) -> None:
        self._address = f"{host}:{port}"
        self._on_death = on_death
        self._stopped = threading.Event()
        # While the server is at long work, it is only held against a lost connection.
        self.patient = False
        try:
            self._socket = socket.create_connection((host, port), timeout=_ANSWER_WITHIN_S)
        except OSError as error:
            raise ServerUnreachable(f"nobody answers at {self._address}: {_words(error)}") from None
        try:
            answer = self._ask()
        except ServerDied as error:
            self._socket.close()
            raise ServerUnreachable(f"{error}; is it CARLA's port?") from None
        if not answer.startswith(_ANSWER):
            self._socket.close()
            raise ServerUnreachable(f"{self._address} doesn't speak CARLA's protocol")
        self._thread = threading.Thread(target=self._patrol, name="CARLA liveness", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; safe to call twice."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def _patrol(self) -> None:
        while not self._stopped.wait(_ASK_EVERY_S):
            try:
                self._ask()
            except ServerDied as error:
                if not self._stopped.is_set():
                    self._on_death(str(error))
                return

    def _ask(self) -> bytes:
        """What is answered; more than a few bytes never are, so they come in one piece."""
        try:
            self._socket.sendall(_ASK)
            while True:
                try:
                    answer = self._socket.recv(4096)
                    break
                except TimeoutError:
                    if not self.patient or self._stopped.is_set():
                        raise
        except TimeoutError:
            raise ServerDied(f"no answer from {self._address} for {_ANSWER_WITHIN_S:g} s") from None
        except OSError as error:
            raise ServerDied(f"{self._address} is gone: {_words(error)}") from None
        if not answer:
            raise ServerDied(f"{self._address} has closed its connections")
        return answer


class ClientThread:
    """Calls the client in a thread of its own, and comes back when the server dies meanwhile."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[int, Callable[[], Any]] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[int, Any, BaseException | None]] = queue.SimpleQueue()
        self._number = 0
        self._death: str | None = None
        # It may be stuck in the client when the process wants to end.
        self._thread = threading.Thread(target=self._work, name="CARLA client", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether calls can still be made."""
        return self._death is None

    def call(self, job: Callable[[], _Result]) -> _Result:
        """What the job returns.

        Raises:
            ServerDied: the server is gone, perhaps while the job waited for it, or didn't answer
                within the client's time-out.
            Exception: whatever the job raises.
        """
        self._number += 1
        if self._death is None:
            self._jobs.put((self._number, job))
        while self._death is None:
            number, result, error = self._done.get()
            # What an interrupted caller didn't wait for may still come in.
            if number == self._number:
                if error is not None:
                    raise error
                return result  # type: ignore[no-any-return]
        raise ServerDied(self._death)

    def give_up(self, reason: str) -> None:
        """Make the present call, and every later one, raise ServerDied; from any thread."""
        if self._death is None:
            self._death = reason
            self._done.put((0, None, None))

    def stop(self) -> None:
        """End the thread once it has nothing left to do.

        It must not be in the client when the process ends; only a dead server's is left to itself.
        """
        self._jobs.put(None)
        if self.is_alive:
            self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            number, call = job
            try:
                self._done.put((number, call(), None))
            except RuntimeError as error:
                told = ServerDied(str(error)) if is_time_out(error) else error
                self._done.put((number, None, told))
            except BaseException as error:
                self._done.put((number, None, error))


def is_time_out(error: RuntimeError) -> bool:
    """Whether an error of the client's says that the server didn't answer in time."""
    return str(error).startswith("time-out of")


def _words(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).lower()
