"""Who looks on at a run for the page."""

from __future__ import annotations

from cosim.live.stage import Stage
from cosim.onlooker import Bridge, Onlooker
from cosim.recording import Columns
from vehicles.driving.person import Seat


class Watching(Onlooker):
    """Tells the page of a run what is recorded.

    Args:
        stage: what the page is about.
    """

    def __init__(self, stage: Stage) -> None:
        self.pace = stage.pace
        self._stage = stage

    def begin(self, bridge: Bridge) -> None:
        """What people may bring in is a part of the run."""
        self._injections = bridge.injections

    def seat(self, vehicle: str) -> Seat | None:
        """Nobody sits anywhere."""

    def observe(self, table: str, columns: Columns) -> None:
        """Keep what is recorded for the page."""
        self._stage.timeline.add(table, columns)

    def tick(self, now_ns: int) -> None:
        """Do what people have asked of the run."""
        self._stage.answer(self._injections, now_ns)
