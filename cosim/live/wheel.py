"""The page as what a person at the wheel looks at, and where their keys go down."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue

from cosim.drive.seat import DrivingSeat
from cosim.drive.view import View
from cosim.drive.wheel import AtTheWheel
from cosim.live.stage import Stage
from cosim.onlooker import Bridge
from cosim.recording import Columns


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


class AtThePage(AtTheWheel):
    """A person who drives in the browser.

    Args:
        vehicle: the driven vehicle's name.
        stage: the drive as the page shows it; gets its screen.
    """

    def __init__(self, vehicle: str, stage: Stage) -> None:
        driven = next(one for one in stage.scenario.vehicles.driven if one.id == vehicle)
        remote = any(drive.remote_driving is not None for drive in driven.drives)
        stage.screen = self._page = PageScreen(vehicle, remote=remote)
        super().__init__(vehicle, self._page, stage.pace)
        self._stage = stage

    def tick(self, now_ns: int) -> None:
        """Do what people have asked of the run, too."""
        self._stage.answer(self._bridge.injections, now_ns)
        super().tick(now_ns)

    def observe(self, table: str, columns: Columns) -> None:
        """Keep what is recorded for the instruments and for the page."""
        super().observe(table, columns)
        self._page.user_id = self.dash.user_id
        self._stage.timeline.add(table, columns)
