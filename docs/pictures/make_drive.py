"""Draws `docs/drive.png`, the window, and `docs/drive_afar.png`, the page of a drive from afar.

python docs/pictures/make_drive.py; needs Debian's chromium and what the tests need.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from subprocess import PIPE, Popen

from make_page import headless_page

from cosim.drive.drive import with_person
from cosim.drive.seat import DrivingSeat
from cosim.drive.view import View
from cosim.drive.wheel import AtTheWheel
from cosim.drive.window import Window
from cosim.pace import Pace
from cosim.run import run
from cosim.scenario import load_scenario
from cosim.shipped import find_scenario

_DOCS = Path(__file__).parents[1]
_BRAKES = "events=[{at_s: 5, brake: {vehicle: lead, deceleration_mps2: 8}}]"
_BURST = "network.impairments=[{kind: load_burst, cell: west, from_s: 5, prb_utilisation: 1.4}]"


class _WarnedWindow(Window):
    """Drives by itself until it has shown a warning that came over the network."""

    warned = False

    def read(self, seat: DrivingSeat) -> bool:
        seat.move("throttle", 0.4)
        seat.move("steering", 0.0)
        return super().read(seat) and not self.warned

    def show(self, view: View) -> None:
        super().show(view)
        self.warned = any("emergency_brake_warning" in warning for warning in view.warnings)


def draw_window(run_dir: Path) -> None:
    """The window at the warning of a car that brakes behind a truck."""
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    scenario = load_scenario(find_scenario("highway_brake"), [_BRAKES])
    scenario, vehicle = with_person(scenario, None, remote=False)
    with _WarnedWindow() as window:
        run(scenario, run_dir, onlooker=AtTheWheel(vehicle, window, Pace()))
        window.save(str(_DOCS / "drive.png"))


def draw_page(run_dir: Path) -> None:
    """The page while the picture freezes in a load burst, and beside it the car drives on."""
    command = [sys.executable, "-m", "cosim.cli", "drive", "remote_drive_full_cell", "--remote"]
    arguments = ["--set", _BURST, "--record", run_dir, "--port", "0"]
    with Popen([*command, *arguments], stderr=PIPE, text=True) as drive, headless_page() as page:
        assert drive.stderr is not None
        page.goto(drive.stderr.readline().split()[3])
        page.wait_for_function("window.roadScene?.ring?.visible")
        page.keyboard.down("w")
        page.get_by_text("the car stops by itself").wait_for()
        page.screenshot(path=_DOCS / "drive_afar.png")
        page.keyboard.press("Escape")


def main() -> None:
    """Draw both."""
    with tempfile.TemporaryDirectory() as folder:
        draw_window(Path(folder) / "window")
        draw_page(Path(folder) / "page")


if __name__ == "__main__":
    main()
