"""Tests of the steps in which vehicles are commanded and tell how they move."""

import numpy as np
import pytest

from network.arrays import Floats
from vehicles.dynamics.steps import angle_in_steps, heading_in_steps, in_steps

DRAWS = np.random.default_rng(5)


def as_float32(values: Floats) -> Floats:
    return values.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("reach", [10.0, 60.0, 16_000.0])
def test_what_is_in_steps_survives_single_precision(reach: float) -> None:
    told = in_steps(DRAWS.uniform(-reach, reach, 10_000))
    np.testing.assert_array_equal(in_steps(as_float32(told)), told)


def test_a_velocity_survives_being_turned_and_turned_back() -> None:
    speeds, headings = in_steps(DRAWS.uniform(0.0, 60.0, 10_000)), DRAWS.uniform(-4.0, 4.0, 10_000)
    east, north = as_float32(speeds * np.cos(headings)), as_float32(speeds * np.sin(headings))
    back = east * np.cos(headings) + north * np.sin(headings)
    np.testing.assert_array_equal(in_steps(back), speeds)


def test_headings_survive_degrees_in_single_precision() -> None:
    told = heading_in_steps(np.append(DRAWS.uniform(-9.0, 9.0, 10_000), [-np.pi, np.pi, 0.0]))
    assert told.min() == -np.pi
    assert told.max() < np.pi
    degrees = as_float32(np.degrees(told))
    np.testing.assert_array_equal(heading_in_steps(np.radians(degrees)), told)
    np.testing.assert_array_equal(angle_in_steps(told), told)


def test_steps_are_a_millimetre_and_a_millionth_of_a_turn() -> None:
    values = DRAWS.uniform(-3.0, 3.0, 10_000)
    assert np.abs(in_steps(values) - values).max() < 0.5e-3
    assert np.abs(angle_in_steps(values) - values).max() < 3.1e-6
    turned = heading_in_steps(values + 2.0 * np.pi)
    np.testing.assert_array_equal(turned, heading_in_steps(values))
