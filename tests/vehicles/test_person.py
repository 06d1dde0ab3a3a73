"""A person's hands and feet, and what the car is told."""

from __future__ import annotations

import numpy as np
import pytest

from vehicles.driving.person import Controls, Handling, Inputs

STEP_NS = 20_000_000


def held(inputs: Inputs, *, speed_mps: float, for_s: float = 2.0) -> list[Controls]:
    """What the car is told while a person keeps doing the same."""
    handling = Handling()
    steps = round(for_s * 1e9 / STEP_NS)
    return [handling.move(inputs, step * STEP_NS, speed_mps) for step in range(1, steps + 1)]


def test_keys_move_the_wheel_and_the_pedals_at_the_pace_of_limbs() -> None:
    told = held(Inputs(steering=1.0, throttle=1.0, keys=True), speed_mps=3.0)
    angles = np.array([controls.steering_rad for controls in told])
    assert 0.0 < angles[0] < 0.05
    assert angles[-1] == pytest.approx(0.6)
    assert np.diff(angles).max() < 0.03
    assert told[-1].acceleration_mps2 == pytest.approx(4.0)


def test_a_wheel_and_real_pedals_are_followed_at_once() -> None:
    controls = held(Inputs(steering=-0.5, brake=1.0), speed_mps=2.0, for_s=0.02)[0]
    assert controls.steering_rad == pytest.approx(-0.3)
    assert controls.acceleration_mps2 < -9.0


@pytest.mark.parametrize(
    ("inputs", "speed_mps", "least_mps2", "most_mps2"),
    [
        (Inputs(throttle=1.0, reverse=True), -3.0, -4.0, -3.5),
        (Inputs(throttle=1.0, reverse=True), 5.0, -5.0, -4.0),
        (Inputs(reverse=True), -3.0, 0.2, 0.5),
        (Inputs(brake=1.0, reverse=True), -3.0, 9.0, 10.0),
        (Inputs(brake=1.0, reverse=True), 0.0, 0.0, 0.0),
        (Inputs(throttle=1.0), -3.0, 3.9, 5.0),
    ],
)
def test_in_reverse_the_throttle_drives_backwards_and_the_brake_stops(
    inputs: Inputs, speed_mps: float, least_mps2: float, most_mps2: float
) -> None:
    told = held(inputs, speed_mps=speed_mps)[-1].acceleration_mps2
    assert least_mps2 <= told <= most_mps2


@pytest.mark.parametrize("speed_mps", [10.0, 20.0, 35.0])
def test_all_the_way_of_the_wheel_holds_the_road_at_speed(speed_mps: float) -> None:
    angle = held(Inputs(steering=1.0), speed_mps=speed_mps)[-1].steering_rad
    # Kinematic single-track model: v² tan(angle) / wheelbase.
    assert speed_mps**2 * np.tan(angle) / 2.6 == pytest.approx(6.0)


def test_the_stronger_of_brake_and_throttle_is_the_brake() -> None:
    both = held(Inputs(throttle=1.0, brake=0.5), speed_mps=10.0)[-1]
    assert both.acceleration_mps2 < -4.5
    assert -1.0 < held(Inputs(), speed_mps=10.0)[-1].acceleration_mps2 < 0.0
    hand_brake = held(Inputs(throttle=1.0, hand_brake=True), speed_mps=10.0)[-1]
    assert -6.0 < hand_brake.acceleration_mps2 < -5.0
