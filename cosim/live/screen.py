"""A page as what a person at the wheel looks at, and where their keys go down."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue

from cosim.drive.seat import DrivingSeat
from cosim.drive.view import View
from cosim.onlooker import Bridge


class PageScreen:
    """Hands a drive's views to pages, and the pages' keys to the drive; thread-safe.

    Args:
        user_id: what SUMO calls the vehicle, as far as is known.
        remote: whether the vehicle is driven from afar.
    """

    def __init__(self, user_id: str, *, remote: bool) -> None:
        self.user_id = user_id
        self.remote = remote
        self.view: View | None = None
        """The newest."""
        self._done: SimpleQueue[Callable[[DrivingSeat], object]] = SimpleQueue()
        self._left = False

    def key(self, code: str, down: bool) -> None:
        """A key of a page goes down or up, by its place (`KeyboardEvent.code`)."""
        name = code.removeprefix("Key")
        if code == "Escape":
            self._left = True
        else:
            self.do(lambda seat: seat.press(name) if down else seat.release(name))

    def do(self, what: Callable[[DrivingSeat], object]) -> None:
        """Something is done in the seat, by whatever means."""
        self._done.put(what)

    def open(self, bridge: Bridge, vehicle: str) -> None:
        """The page has its own map."""

    def read(self, seat: DrivingSeat) -> bool:
        """Do what has been done; False once the person has left."""
        while not self._done.empty():
            self._done.get()(seat)
        return not self._left

    def show(self, view: View) -> None:
        """Keep it for the pages."""
        self.view = view
