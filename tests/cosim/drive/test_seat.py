"""The seat: keys and axes, from any thread."""

from __future__ import annotations

from threading import Thread

import pytest

from cosim.drive.seat import DrivingSeat, ScriptedInputs, ScriptedSeat
from vehicles.driving.person import Inputs


@pytest.mark.parametrize("left", ["a", "A", "left", "ArrowLeft"])
@pytest.mark.parametrize("throttle", ["w", "up", "ArrowUp"])
def test_keys_are_those_of_manual_control(left: str, throttle: str) -> None:
    seat = DrivingSeat()
    assert seat.press(left)
    assert seat.press(throttle)
    assert seat.read(0) == Inputs(steering=1.0, throttle=1.0, keys=True)
    assert seat.release(left)
    assert seat.read(0) == Inputs(throttle=1.0, keys=True)
    assert not seat.press("escape")


def test_left_and_right_together_are_straight_on_and_either_key_holds() -> None:
    seat = DrivingSeat()
    for key in ("a", "left", "d", "space"):
        seat.press(key)
    assert seat.read(0) == Inputs(hand_brake=True, keys=True)
    seat.release("d")
    seat.release("a")
    assert seat.read(0).steering == 1.0
    seat.release_all()
    assert seat.read(0) == Inputs(keys=True)


def test_axes_count_until_a_key_goes_down_and_stay_within_their_range() -> None:
    seat = DrivingSeat()
    seat.move("steering", -0.123456)
    seat.move("throttle", 1.7)
    assert seat.read(0) == Inputs(steering=-0.123, throttle=1.0)
    seat.press("s")
    assert seat.read(0) == Inputs(brake=1.0, keys=True)


def test_any_thread_may_press_keys() -> None:
    seat = DrivingSeat()

    def hammer() -> None:
        for _ in range(2000):
            seat.press("a")
            seat.release("a")

    threads = [Thread(target=hammer) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert seat.read(0).steering in {0.0, 1.0}
    for thread in threads:
        thread.join()
    assert seat.read(0) == Inputs(keys=True)


def test_q_shifts_at_each_press() -> None:
    seat = DrivingSeat()
    told = []
    for _ in range(2):
        seat.press("Q")
        seat.press("q")
        seat.release("q")
        told.append(seat.read(0).reverse)
    seat.press("q")
    seat.move("throttle", 0.5)
    assert told == [True, False]
    assert seat.read(0) == Inputs(throttle=0.5, reverse=True)


def test_a_script_is_done_from_its_instants_on() -> None:
    seat = ScriptedSeat([ScriptedInputs(20, Inputs(brake=1.0)), ScriptedInputs(10, Inputs(0.5))])
    assert [seat.read(now_ns) for now_ns in (9, 10, 19, 20, 30)] == [
        Inputs(),
        *[Inputs(0.5)] * 2,
        *[Inputs(brake=1.0)] * 2,
    ]
