from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.stats import chi2

from vehicles.twins.estimator import (
    STATES,
    MotionNoise,
    difference,
    normalised_error_squared,
    predict,
    predict_covariance,
    update,
)

X, Y, HEADING, SPEED, ACCELERATION, YAW_RATE = range(STATES)
NS = 1e9
Array = NDArray[np.float64]


def state(
    x: float = 0.0, y: float = 0.0, heading: float = 0.0, speed: float = 0.0,
    acceleration: float = 0.0, yaw_rate: float = 0.0,
) -> Array:  # fmt: skip
    return np.array([[x, y, heading, speed, acceleration, yaw_rate]])


def after(start: Array, seconds: float) -> Array:
    return predict(start, np.full(len(start), round(seconds * NS)))


def some_states(count: int) -> tuple[Array, Array]:
    """States of moving vehicles, about the seam of series and closed form too, and covariances."""
    rng = np.random.default_rng(1)
    spread = np.array([100.0, 100.0, 2.0, 3.0, 1.0, 0.3])
    states = rng.normal(0.0, 1.0, (count, STATES)) * spread
    states[:, SPEED] += 15.0
    states[: count // 4, YAW_RATE] *= 0.02
    root = rng.normal(0.0, 0.3, (count, STATES, STATES))
    return states, root @ root.transpose(0, 2, 1) + 0.01 * np.eye(STATES)


def test_straight_on_at_constant_acceleration() -> None:
    (end,) = after(state(heading=math.pi / 2, speed=10.0, acceleration=2.0), 3.0)
    assert end[X] == pytest.approx(0.0, abs=1e-12)
    assert end[Y] == pytest.approx(10.0 * 3.0 + 0.5 * 2.0 * 9.0)
    assert end[SPEED] == 16.0


def test_a_full_circle_ends_where_it_began() -> None:
    start = state(5.0, 6.0, 1.0, 10.0, 0.0, 0.5)
    (half,), (full,) = after(start, 2 * math.pi), after(start, 4 * math.pi)
    radius_m = 10.0 / 0.5
    assert math.hypot(half[X] - 5.0, half[Y] - 6.0) == pytest.approx(2 * radius_m)
    assert (full[X], full[Y]) == pytest.approx((5.0, 6.0), abs=1e-7)
    assert full[HEADING] == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("speed", [20.0, -4.0])
def test_a_braking_vehicle_stops_and_stays(speed: float) -> None:
    braking = state(speed=speed, acceleration=-math.copysign(5.0, speed), yaw_rate=0.1)
    (at_rest,), (later,) = after(braking, abs(speed) / 5.0), after(braking, 60.0)
    assert at_rest[SPEED] == later[SPEED] == 0.0
    assert later[ACCELERATION] == later[YAW_RATE] == 0.0
    assert np.array_equal(later, at_rest)


@given(
    speed=st.floats(0.0, 50.0),
    # SciPy divides by zero where an error's square is less than there are floats.
    acceleration=st.floats(0.0, 5.0).map(lambda mps2: round(mps2, 12)),
    yaw_rate=st.floats(-1.0, 1.0)
    | st.floats(-0.011, 0.011)  # about the seam of series and closed form
    | st.floats(-1e-6, 1e-6),
    heading=st.floats(0.0, 6.28),
)
def test_the_arc_solves_the_equations_of_motion(
    speed: float, acceleration: float, yaw_rate: float, heading: float
) -> None:
    def rate(s: float, _: object) -> list[float]:
        v, theta = speed + acceleration * s, heading + yaw_rate * s
        return [v * math.cos(theta), v * math.sin(theta)]

    (end,) = after(state(0.0, 0.0, heading, speed, acceleration, yaw_rate), 1.0)
    x_m, y_m = solve_ivp(rate, (0.0, 1.0), [0.0, 0.0], method="DOP853", rtol=1e-12, atol=1e-12).y[
        :, -1
    ]
    assert end[X] == pytest.approx(x_m, abs=1e-9)
    assert end[Y] == pytest.approx(y_m, abs=1e-9)


def test_two_steps_are_one_step() -> None:
    states, covariances = some_states(20)
    first, second, whole = (np.full(20, ns) for ns in (40_000_000, 60_000_000, 100_000_000))
    assert difference(predict(predict(states, first), second), predict(states, whole)) == (
        pytest.approx(0.0, abs=1e-9)
    )
    noise = MotionNoise()
    halfway = predict_covariance(states, covariances, first, noise)
    twice = predict_covariance(predict(states, first), halfway, second, noise)
    once = predict_covariance(states, covariances, whole, noise)
    # What disturbs them is taken along the heading at the beginning of each step.
    assert twice == pytest.approx(once, rel=0.05, abs=5e-3)


def test_a_covariance_is_what_a_cloud_of_states_spreads_to() -> None:
    states, covariances = some_states(1)
    covariances *= 0.01
    rng = np.random.default_rng(2)
    cloud = rng.multivariate_normal(states[0], covariances[0], 200_000)
    spread = predict(cloud, np.full(len(cloud), 800_000_000))
    about = difference(spread, np.repeat(predict(states, np.array([800_000_000])), len(cloud), 0))
    quiet = MotionNoise(0.0, 0.0, 0.0)
    (expected,) = predict_covariance(states, covariances, np.array([800_000_000]), quiet)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert np.cov(about.T) / scale == pytest.approx(expected / scale, abs=0.02)


def test_a_measurement_weighs_as_much_as_it_is_sure() -> None:
    states, covariances = some_states(3)
    measured = states + 0.05
    surely = update(states, covariances, measured, np.full((3, STATES), 1e-9))
    assert difference(surely.state, measured) == pytest.approx(0.0, abs=1e-6)
    vaguely = update(states, covariances, measured, np.full((3, STATES), 1e9))
    assert difference(vaguely.state, states) == pytest.approx(0.0, abs=1e-6)
    assert vaguely.covariance == pytest.approx(covariances, rel=1e-6)
    # The textbook's form: P - P (P + R)⁻¹ P.
    variance = np.full((3, STATES), 0.3)
    gain = covariances @ np.linalg.inv(covariances + 0.3 * np.eye(STATES))
    fair = update(states, covariances, measured, variance)
    assert fair.covariance == pytest.approx(covariances - gain @ covariances)
    moved = (gain @ np.full((3, STATES, 1), 0.05))[:, :, 0]
    assert difference(fair.state, states) == pytest.approx(moved)


def test_headings_meet_across_north() -> None:
    one, other = state(heading=0.05), state(heading=2 * math.pi - 0.05)
    assert difference(one, other)[0, HEADING] == pytest.approx(0.1)
    met = update(one, np.eye(STATES)[None], other, np.ones((1, STATES)))
    assert math.remainder(met.state[0, HEADING], 2 * math.pi) == pytest.approx(0.0, abs=1e-12)


def filtered(claimed: float) -> tuple[Array, Array]:
    """NEES and NIS of filters on vehicles that move as the model says, noise overstated so much."""
    rng = np.random.default_rng(3)
    count, dt_ns = 300, np.full(300, 100_000_000)
    noise = MotionNoise()
    sigma = np.array([0.5, 0.5, 0.01, 0.1, 0.1, 0.005])
    truth = np.tile(state(0.0, 0.0, 1.0, 20.0, 0.0, 0.1), (count, 1))
    variance = np.tile((claimed * sigma) ** 2, (count, 1))
    estimate = truth + rng.normal(0.0, 1.0, truth.shape) * sigma
    covariance = np.tile(np.diag(variance[0]), (count, 1, 1))
    nees, nis = [], []
    for _ in range(40):
        disturbance = predict_covariance(truth, np.zeros_like(covariance), dt_ns, noise)
        root = np.linalg.cholesky(disturbance + 1e-14 * np.eye(STATES))
        truth = predict(truth, dt_ns) + (root @ rng.normal(0.0, 1.0, (count, STATES, 1)))[:, :, 0]
        measured = truth + rng.normal(0.0, 1.0, truth.shape) * sigma
        covariance = predict_covariance(estimate, covariance, dt_ns, noise)
        estimate, covariance, fit = update(predict(estimate, dt_ns), covariance, measured, variance)
        nees.append(normalised_error_squared(difference(truth, estimate), covariance))
        nis.append(fit)
    return np.array(nees), np.array(nis)


def bounds(count: int) -> tuple[float, float]:
    """Where the mean of so many chi-square variables is in 99.9 % of the cases."""
    low, high = chi2.ppf([0.0005, 0.9995], STATES * count) / count
    return float(low), float(high)


def test_the_filter_is_as_sure_as_it_may_be() -> None:
    nees, nis = filtered(claimed=1.0)
    # Over the vehicles, which are independent; over time the errors of one are not.
    low, high = bounds(nees.shape[1])
    assert low < nees[-1].mean() < high
    assert low < nis[-1].mean() < high
    low, high = bounds(nis.size)  # innovations of one are
    assert low < nis.mean() < high


@pytest.mark.parametrize("claimed", [0.8, 1.25])
def test_a_filter_with_the_wrong_noise_is_found_out(claimed: float) -> None:
    _, nis = filtered(claimed)
    low, high = bounds(nis.size)
    assert not low < nis.mean() < high


def test_vehicles_do_not_disturb_each_other() -> None:
    states, covariances = some_states(40)
    dt_ns = np.random.default_rng(4).integers(0, 3_000_000_000, 40)
    together = predict(states, dt_ns)
    spread = predict_covariance(states, covariances, dt_ns, MotionNoise())
    for k in range(40):
        one = slice(k, k + 1)
        assert np.array_equal(predict(states[one], dt_ns[one]), together[one])
        alone = predict_covariance(states[one], covariances[one], dt_ns[one], MotionNoise())
        assert alone == pytest.approx(spread[one], rel=1e-12)
