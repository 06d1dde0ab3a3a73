"""At the wheel of a run: what the person does goes to the seat, and they are shown the view."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from cosim.drive.dash import Dash
from cosim.drive.seat import DrivingSeat
from cosim.drive.view import View, Viewer
from cosim.federate import Stopped
from cosim.onlooker import Bridge
from cosim.pace import Pace
from cosim.recording import Columns
from vehicles.driving.person import Seat

_FRAME_S = 1.0 / 30.0


class Screen(Protocol):
    """Shows views, and reads what the person does at it."""

    def open(self, bridge: Bridge, vehicle: str) -> None:
        """The run is about to begin."""

    def read(self, seat: DrivingSeat) -> bool:
        """Hand on what the person has done since; False if they want to leave."""

    def show(self, view: View) -> None:
        """Show what there is to see."""


class AtTheWheel:
    """The person in (or afar from) a driven vehicle, as the run sees them.

    The drive ends when they leave, at Ctrl-C, and when the vehicle has come to the end of its way.

    Args:
        vehicle: the driven vehicle's name.
        screen: what they look at.
        pace: holds the drive to the wall clock.
    """

    def __init__(self, vehicle: str, screen: Screen, pace: Pace) -> None:
        self.pace = pace
        self.dash = Dash(vehicle)
        self._vehicle = vehicle
        self._screen = screen
        self._seat = DrivingSeat()
        self._shown_s = 0.0
        self._was_on_road = False
        self._interrupted = False

    def begin(self, bridge: Bridge) -> None:
        """Sit down."""
        self._bridge = bridge
        self._viewer = Viewer(bridge, self.dash)
        self._screen.open(bridge, self._vehicle)

    def seat(self, vehicle: str) -> Seat | None:
        """The seat, in the vehicle that the person drives."""
        return self._seat if vehicle == self._vehicle else None

    def observe(self, table: str, columns: Columns) -> None:
        """Keep the instruments up to date."""
        self.dash.observe(table, columns)

    def tick(self, now_ns: int) -> None:
        """Read the keys, and show a picture if one is due; Stopped when the drive is over."""
        on_road = self._vehicle in self._bridge.vehicles.on_road
        arrived = self._was_on_road and not on_road
        self._was_on_road = on_road
        if self._interrupted or arrived or not self._screen.read(self._seat):
            raise Stopped
        wall_s = time.monotonic()
        if wall_s - self._shown_s >= _FRAME_S:
            self._shown_s = wall_s
            inputs = self._seat.read(now_ns)
            self._screen.show(self._viewer.view(now_ns, self.pace.real_time_factor, inputs))

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Ctrl-C ends the drive well meanwhile; a second one ends it at once."""

        def interrupt(number: int, _frame: FrameType | None) -> None:
            self._interrupted = True
            self.pace.go_on()
            signal.signal(number, signal.default_int_handler)

        before = {
            number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
