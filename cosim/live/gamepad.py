"""Gamepads and steering wheels in the page, by the W3C's Gamepad API."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nicegui.element import Element

from cosim.drive.seat import Axis, DrivingSeat, of_pedal, of_stick

# Of the API's "standard gamepad": the left stick, the triggers; the right shoulder shifts.
_TRIGGERS: dict[Axis, int] = {"throttle": 7, "brake": 6}
# Of CARLA's manual_control_steeringwheel: a pedal goes from 1 (free) to -1 (down).
_PEDALS: dict[Axis, int] = {"throttle": 2, "brake": 3}
# The right shoulder; of a G29, the left paddle.
_SHIFT = 5
_PRESSED = 0.5
_MOVED = 0.05


class Controller:
    """One gamepad or wheel: what it reads, as what is done in the seat.

    Args:
        standard: whether the browser knows it as a gamepad; else it is taken for a wheel.
    """

    def __init__(self, *, standard: bool) -> None:
        self._standard = standard
        self._first: Sequence[float] | None = None
        self._used: set[int] = set()
        self._done: dict[Axis, float] = {"steering": 0.0, "throttle": 0.0, "brake": 0.0}
        self._shifts = False

    def hand_on(self, seat: DrivingSeat, axes: Sequence[float], buttons: Sequence[float]) -> None:
        """Do in the seat what has changed since the last call: what rests leaves it to the keys."""
        for axis, value in self._read(axes, buttons).items():
            if value != self._done[axis]:
                self._done[axis] = value
                seat.move(axis, value)
        shifts = _at(buttons, _SHIFT) > _PRESSED
        if shifts and not self._shifts:
            seat.shift()
        self._shifts = shifts

    def _read(self, axes: Sequence[float], buttons: Sequence[float]) -> dict[Axis, float]:
        if self._standard:
            pedals = {pedal: _at(buttons, button) for pedal, button in _TRIGGERS.items()}
            steering = of_stick(_at(axes, 0))
        else:
            pedals = {pedal: self._pressed(axes, axis) for pedal, axis in _PEDALS.items()}
            steering = _at(axes, 0)
        down = {pedal: of_pedal(value) for pedal, value in pedals.items()}
        return {"steering": -steering, **down}

    def _pressed(self, axes: Sequence[float], axis: int) -> float:
        """How far down a wheel's pedal is.

        Until it is first moved its axis reads 0 in browsers, which would be half of the throttle.
        """
        if self._first is None:
            self._first = axes
        if abs(_at(axes, axis) - _at(self._first, axis)) > _MOVED:
            self._used.add(axis)
        return 0.5 - 0.5 * _at(axes, axis) if axis in self._used else 0.0


class Gamepads(Element, component="gamepad.js"):
    """Hands on what moves at whatever a person has plugged in; draws nothing.

    Args:
        on_move: called with what is to be done in the seat.
    """

    def __init__(self, on_move: Callable[[Callable[[DrivingSeat], object]], None]) -> None:
        super().__init__()
        self._on_move = on_move
        self._controllers: dict[int, Controller] = {}
        self.on("moved", lambda event: self._moved(*event.args))
        self.on("gone", lambda event: self._gone(event.args))

    def _moved(
        self, index: int, standard: bool, axes: Sequence[float], buttons: Sequence[float]
    ) -> None:
        controller = self._controllers.setdefault(index, Controller(standard=standard))
        self._on_move(lambda seat: controller.hand_on(seat, axes, buttons))

    def _gone(self, index: int) -> None:
        """Unplugged, or the page has lost the keyboard: nobody drives by it any more."""
        self._controllers.pop(index, None)
        self._on_move(DrivingSeat.release_all)


def _at(values: Sequence[float], index: int) -> float:
    return values[index] if index < len(values) else 0.0
