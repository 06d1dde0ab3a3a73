"""A drive in a window that nobody sees, by key events that nobody presses; a process of its own.

Usage: python -m tests.cosim.drive.at_window SCENARIO RUN_DIR [remote] [reverse] [KEY=VALUE ...]
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["SDL_AUDIODRIVER"] = "dummy"

import pygame

from cosim.drive.drive import with_person
from cosim.drive.seat import DrivingSeat
from cosim.drive.view import View
from cosim.drive.wheel import AtTheWheel
from cosim.drive.window import Window
from cosim.pace import Pace
from cosim.run import run
from cosim.scenario import load_scenario
from cosim.shipped import find_scenario

SCRIPT = {0.5: "+w", 3.0: "+a", 3.5: "-a", 4.0: "+right", 4.5: "-right -w +down"}
# From a standstill, backwards.
REVERSE = {0.5: "+down", 2.5: "-down +q -q +w", 5.0: "-w +space"}
ENDS_S = 6.0


class PressedWindow(Window):
    """Posts the script's key events, and keeps what it showed."""

    def __init__(self, folder: Path, script: dict[float, str]) -> None:
        super().__init__((960, 540))
        self._folder = folder
        self._script = dict(script)
        self._now_s = 0.0
        self._shown: list[dict[str, object]] = []

    def read(self, seat: DrivingSeat) -> bool:
        for at_s in [at_s for at_s in self._script if at_s <= self._now_s]:
            for key in self._script.pop(at_s).split():
                kind = pygame.KEYDOWN if key[0] == "+" else pygame.KEYUP
                pygame.event.post(pygame.event.Event(kind, key=pygame.key.key_code(key[1:])))
        if self._now_s >= ENDS_S:
            pygame.event.post(pygame.event.Event(pygame.QUIT))
        return super().read(seat)

    def show(self, view: View) -> None:
        super().show(view)
        self._now_s = view.now_ns * 1e-9
        self._shown.append(
            {
                "now_ns": view.now_ns,
                "lines": dict(view.lines),
                "picture_age_ms": view.picture_age_ms,
                "warnings": view.warnings,
                "middle": tuple(self._surface.get_at((350, 270)))[:3],
            }
        )

    def keep(self) -> None:
        self.save(str(self._folder / "shown.png"))
        (self._folder / "shown.json").write_text(json.dumps(self._shown))


def main(name: str, run_dir: str, *more: str) -> None:
    remote, overrides = "remote" in more, [one for one in more if "=" in one]
    scenario = load_scenario(find_scenario(name), overrides)
    scenario, vehicle = with_person(scenario, None, remote=remote)
    script = REVERSE if "reverse" in more else SCRIPT
    with PressedWindow(Path(run_dir), script) as window:
        # Twice the wall clock's pace, where the machine can.
        run(scenario, Path(run_dir), onlooker=AtTheWheel(vehicle, window, Pace(2.0)))
        window.keep()


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    # CARLA's client may outlive the interpreter, which can abort it.
    os._exit(0)
