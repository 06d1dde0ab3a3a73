"""At the wheel of a run in the browser."""

from __future__ import annotations

from cosim.drive.wheel import AtTheWheel
from cosim.live.screen import PageScreen
from cosim.live.stage import Stage
from cosim.recording import Columns


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
