"""The seat: keys, a wheel or a gamepad, from whichever thread sees them, as a person's inputs."""

from __future__ import annotations

import math
from threading import Lock
from typing import Literal, NamedTuple

from vehicles.driving.person import Inputs

Axis = Literal["steering", "throttle", "brake"]
_Key = Literal["left", "right", "throttle", "brake", "hand_brake", "shift"]

# Dead zones: what is let go doesn't come back to 0 exactly.
_STICK_DEAD, _PEDAL_DEAD = 0.1, 0.05
# As in CARLA's manual_control; by pygame's names of keys and by browsers' (`KeyboardEvent.key`).
_KEYS: dict[str, _Key] = {
    "w": "throttle",
    "a": "left",
    "s": "brake",
    "d": "right",
    "up": "throttle",
    "left": "left",
    "down": "brake",
    "right": "right",
    "arrowup": "throttle",
    "arrowleft": "left",
    "arrowdown": "brake",
    "arrowright": "right",
    "space": "hand_brake",
    " ": "hand_brake",
    "q": "shift",
}


class DrivingSeat:
    """Gathers what a person does; thread-safe.

    What was done last counts: keys, or the axes of a wheel or gamepad. Q shifts into
    reverse and out of it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._down: set[str] = set()
        self._axes = Inputs()
        self._by_keys = True
        self._reverse = False

    def press(self, key: str) -> bool:
        """A key goes down, by its name; False if it isn't one to drive with."""
        return self._key(key, down=True)

    def release(self, key: str) -> bool:
        """A key goes up, by its name; False if it isn't one to drive with."""
        return self._key(key, down=False)

    def release_all(self) -> None:
        """Nobody drives any more: the window lost the keyboard, or the page its connection."""
        with self._lock:
            self._down.clear()
            self._axes = Inputs()

    def move(self, axis: Axis, value: float) -> None:
        """An axis moved: the wheel from -1 (right) to 1 (left), a pedal from 0 to 1."""
        lowest = -1.0 if axis == "steering" else 0.0
        # Thousandths are finer than any hand, and what is recorded is then exactly what was done.
        value = round(min(max(value, lowest), 1.0), 3)
        with self._lock:
            self._axes = Inputs(**{**self._axes._asdict(), axis: value})
            self._by_keys = False

    def shift(self) -> None:
        """Shift into reverse, or out of it."""
        with self._lock:
            self._reverse = not self._reverse

    def read(self, _now_ns: int) -> Inputs:
        """What the person does now."""
        with self._lock:
            reverse = self._reverse
            if not self._by_keys:
                return self._axes._replace(reverse=reverse)
            meant = {_KEYS[key] for key in self._down}
        return Inputs(
            steering=float("left" in meant) - float("right" in meant),
            throttle=float("throttle" in meant),
            brake=float("brake" in meant),
            hand_brake="hand_brake" in meant,
            reverse=reverse,
            keys=True,
        )

    def _key(self, key: str, *, down: bool) -> bool:
        key = key.lower()
        if key not in _KEYS:
            return False
        with self._lock:
            if down:
                # A key that is held may be told again and again.
                self._reverse ^= _KEYS[key] == "shift" and key not in self._down
                self._down.add(key)
                self._by_keys = True
            else:
                self._down.discard(key)
        return True


def of_stick(reads: float) -> float:
    """How far a gamepad's stick is turned, -1 to 1, by what its axis reads."""
    return _beyond(reads, _STICK_DEAD)


def of_pedal(reads: float) -> float:
    """How far a pedal or trigger is down, 0 to 1, by what its axis reads."""
    return _beyond(reads, _PEDAL_DEAD)


def _beyond(reads: float, dead: float) -> float:
    left = max(abs(reads) - dead, 0.0) / (1.0 - dead)
    return math.copysign(left, reads) if left else 0.0


class ScriptedInputs(NamedTuple):
    """From an instant on [ns], what is done."""

    at_ns: int
    inputs: Inputs


class ScriptedSeat:
    """Does what was written down: the `input` events of a scenario.

    Args:
        script: what is done from when on, in any order.
    """

    def __init__(self, script: list[ScriptedInputs]) -> None:
        self._script = sorted(script, key=lambda done: done.at_ns, reverse=True)
        self._inputs = Inputs()

    def read(self, now_ns: int) -> Inputs:
        """What is done at an instant [ns], not before the last one."""
        while self._script and self._script[-1].at_ns <= now_ns:
            self._inputs = self._script.pop().inputs
        return self._inputs
