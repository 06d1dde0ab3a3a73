"""The page as what a person at the wheel looks at, and where their keys go down."""

from __future__ import annotations

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
    """

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.view: View | None = None
        """The newest."""
        self._keys: SimpleQueue[tuple[str, bool]] = SimpleQueue()
        self._left = False

    def key(self, code: str, down: bool) -> None:
        """A key of a page goes down or up, by its place (`KeyboardEvent.code`); "": all go up."""
        if code == "Escape":
            self._left = True
        else:
            self._keys.put((code.removeprefix("Key"), down))

    def open(self, bridge: Bridge, vehicle: str) -> None:
        """The page has its own map."""

    def read(self, seat: DrivingSeat) -> bool:
        """Hand the keys on; False once the person has left."""
        while not self._keys.empty():
            key, down = self._keys.get()
            if not key:
                seat.release_all()
            elif down:
                seat.press(key)
            else:
                seat.release(key)
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
        stage.screen = self._page = PageScreen(vehicle)
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
