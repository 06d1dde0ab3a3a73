"""Gamepads and wheels by what the Gamepad API says they read."""

import pytest

from cosim.drive.seat import DrivingSeat
from cosim.live.gamepad import Controller
from vehicles.driving.person import Inputs

NO_BUTTONS = [0.0] * 17


def pressed(**buttons: float) -> list[float]:
    """Buttons of a standard gamepad."""
    numbers = {"brake": 6, "throttle": 7, "shoulder": 5}
    return [
        next((value for name, value in buttons.items() if numbers[name] == number), 0.0)
        for number in range(17)
    ]


def test_a_standard_gamepad_steers_with_the_left_stick_and_its_triggers_are_the_pedals() -> None:
    seat, pad = DrivingSeat(), Controller(standard=True)
    pad.hand_on(seat, [-0.55, 0.9, 0.0, 0.0], pressed(throttle=1.0, brake=0.24))
    assert seat.read(0) == Inputs(steering=0.5, throttle=1.0, brake=0.2)
    pad.hand_on(seat, [1.0, 0.0, 0.0, 0.0], NO_BUTTONS)
    assert seat.read(0) == Inputs(steering=-1.0)


def test_what_rests_in_the_dead_zone_leaves_the_car_to_the_keys() -> None:
    seat, pad = DrivingSeat(), Controller(standard=True)
    seat.press("w")
    for drift in (-0.09, 0.05, 0.1):
        pad.hand_on(seat, [drift, 0.0, 0.0, 0.0], pressed(throttle=0.04))
    assert seat.read(0) == Inputs(throttle=1.0, keys=True)
    # What is held counts no more once a key goes down, and again once it moves.
    pad.hand_on(seat, [0.55, 0.0, 0.0, 0.0], NO_BUTTONS)
    seat.press("s")
    pad.hand_on(seat, [0.55, 0.5, 0.0, 0.0], NO_BUTTONS)
    assert seat.read(0) == Inputs(throttle=1.0, brake=1.0, keys=True)
    pad.hand_on(seat, [0.64, 0.0, 0.0, 0.0], NO_BUTTONS)
    assert seat.read(0) == Inputs(steering=-0.6)


def test_a_wheel_s_pedals_go_from_free_to_down_and_count_from_their_first_move_on() -> None:
    seat, wheel = DrivingSeat(), Controller(standard=False)
    # Browsers read 0 from an axis that hasn't moved yet.
    wheel.hand_on(seat, [0.0, 0.0, 0.0, 0.0], [0.0] * 12)
    wheel.hand_on(seat, [-0.03, 0.0, 0.0, 0.0], [0.0] * 12)
    assert seat.read(0) == Inputs(steering=0.03)
    wheel.hand_on(seat, [0.25, 0.0, -1.0, 0.0], [0.0] * 12)
    assert seat.read(0) == Inputs(steering=-0.25, throttle=1.0)
    wheel.hand_on(seat, [0.25, 0.0, 1.0, -0.9], [0.0] * 12)
    assert seat.read(0).throttle == 0.0
    assert seat.read(0).brake == pytest.approx(0.947)
    wheel.hand_on(seat, [0.25, 0.0, 0.0, 0.98], [0.0] * 12)
    # Half way down, now that it has moved.
    assert seat.read(0).throttle == pytest.approx(0.474)
    assert seat.read(0).brake == 0.0


@pytest.mark.parametrize("standard", [True, False])
def test_button_5_shifts_once_however_long_it_is_held(standard: bool) -> None:
    seat, controller = DrivingSeat(), Controller(standard=standard)
    told = []
    for value in (1.0, 1.0, 0.0, 1.0):
        controller.hand_on(seat, [0.0] * 4, pressed(shoulder=value))
        told.append(seat.read(0).reverse)
    assert told == [True, True, True, False]


def test_a_joystick_without_pedals_only_steers() -> None:
    seat, stick = DrivingSeat(), Controller(standard=False)
    stick.hand_on(seat, [-0.4, 0.2], [1.0])
    assert seat.read(0) == Inputs(steering=0.4)
