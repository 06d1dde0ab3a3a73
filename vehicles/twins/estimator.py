"""Where a vehicle is and how sure that is: an extended Kalman filter on the CTRA model, in arrays.

The state of a vehicle is (x, y, θ, v, a, ω): position, heading, speed and acceleration along it,
turn rate. Every function takes n vehicles at once, as arrays of shape (n, 6) and covariances of
shape (n, 6, 6); thousands of twins are one call. (filterpy and Stone Soup filter one object at a
time, simdkalman filters many but only linear ones of one fixed step.)

Model: constant turn rate and acceleration (Schubert, Richter and Wanielik, "Comparison and
evaluation of advanced motion models for vehicle tracking", 2008, section III), disturbed by white
jerk, along and across the heading. Filter: Bar-Shalom, Li and Kirubarajan, "Estimation with
Applications to Tracking and Navigation", 2001, section 10.3; its consistency by NEES and NIS,
section 5.4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from network.arrays import Floats, Ints

X, Y, HEADING, SPEED, ACCELERATION, YAW_RATE = range(6)
STATES = 6

# Below this turn the closed form of the arc loses digits to cancellation; the series does not.
_SMALL_TURN_RAD = 1e-2
# A slower vehicle's turn rate changes as if it went this fast: its wheels turn only so quickly.
_SLOW_MPS = 3.0


class MotionNoise(NamedTuple):
    """Spectral densities of what disturbs constant acceleration and turn rate.

    `jerk` and `lateral_jerk` in (m/s³)²/Hz, along and across the heading; the turn rate changes by
    the latter over the speed. `sideslip` in (m/s)²/Hz is motion across the heading that no turn
    explains, as in SUMO's lane changes.
    """

    jerk: float = 10.0
    lateral_jerk: float = 10.0
    sideslip: float = 0.1


def predict(state: Floats, dt_ns: Ints) -> Floats:
    """Move vehicles on along their arcs, with the acceleration and turn rate they last had.

    The position after τ is the integral of (v + a s) e^{i(θ + ω s)} over s from 0 to τ. A braking
    vehicle stops and stays: it neither rolls back nor turns on the spot.

    Args:
        state: shape (n, 6).
        dt_ns: how far to predict [ns], not negative, shape (n,).

    Returns:
        The state after `dt_ns`, heading in [0, 2 pi); a vehicle that has come to rest has neither
        acceleration nor turn rate.
    """
    speed, acceleration = state[:, SPEED], state[:, ACCELERATION]
    dt_s, stopped = _moving_s(state, dt_ns)
    turn_rad = state[:, YAW_RATE] * dt_s
    by_speed, by_acceleration, _ = _arc(turn_rad)
    moved = np.exp(1j * state[:, HEADING]) * (
        speed * dt_s * by_speed + acceleration * dt_s**2 * by_acceleration
    )
    after = np.empty_like(state)
    after[:, X] = state[:, X] + moved.real
    after[:, Y] = state[:, Y] + moved.imag
    after[:, HEADING] = np.mod(state[:, HEADING] + turn_rad, 2.0 * np.pi)
    after[:, SPEED] = np.where(stopped, 0.0, speed + acceleration * dt_s)
    after[:, ACCELERATION] = np.where(stopped, 0.0, acceleration)
    after[:, YAW_RATE] = np.where(stopped, 0.0, state[:, YAW_RATE])
    return after


def predict_covariance(
    state: Floats, covariance: Floats, dt_ns: Ints, noise: MotionNoise
) -> Floats:
    """The covariance after `dt_ns`, from the one that goes with `state`; shape (n, 6, 6)."""
    jacobian = _jacobian(state, dt_ns)
    after: Floats = jacobian @ covariance @ jacobian.transpose(0, 2, 1)
    after += _disturbance(state, dt_ns, noise)
    return after


class Update(NamedTuple):
    """Estimates after a measurement, and how it fitted: normalised innovation squared, (n,)."""

    state: Floats
    covariance: Floats
    nis: Floats


def update(state: Floats, covariance: Floats, measured: Floats, variance: Floats) -> Update:
    """Correct predictions by measurements of the whole state.

    Args:
        state: predicted, shape (n, 6).
        covariance: predicted, shape (n, 6, 6).
        measured: shape (n, 6).
        variance: of each measured value, greater than zero, shape (n, 6).
    """
    innovation = difference(measured, state)
    of_innovation = covariance + variance[:, :, None] * np.eye(STATES)
    # One solution serves both: S⁻¹P gives the gain, S⁻¹ν the fit.
    solved = np.linalg.solve(
        of_innovation, np.concatenate([covariance, innovation[:, :, None]], axis=2)
    )
    weighted = solved[:, :, STATES]
    corrected = state + np.einsum("nij,nj->ni", covariance, weighted)
    corrected[:, HEADING] = np.mod(corrected[:, HEADING], 2.0 * np.pi)
    # (I - P S⁻¹) P = R S⁻¹ P, which doesn't lose its positive definiteness to rounding.
    remaining = variance[:, :, None] * solved[:, :, :STATES]
    return Update(
        corrected,
        (remaining + remaining.transpose(0, 2, 1)) / 2.0,
        np.einsum("ni,ni->n", innovation, weighted),
    )


def difference(one: Floats, other: Floats) -> Floats:
    """`one - other` of states, the headings' within half a turn; shape (n, 6)."""
    result = one - other
    result[:, HEADING] = np.remainder(result[:, HEADING] + np.pi, 2.0 * np.pi) - np.pi
    return result


def normalised_error_squared(error: Floats, covariance: Floats) -> Floats:
    """NEES: εᵀ P⁻¹ ε of errors of shape (n, k), which chi-square with k degrees governs."""
    solved = np.linalg.solve(covariance, error[:, :, None])[:, :, 0]
    squared: Floats = np.einsum("ni,ni->n", error, solved)
    return squared


def _moving_s(state: Floats, dt_ns: Ints) -> tuple[Floats, np.ndarray]:
    """How long vehicles move within `dt_ns` [s], and which have come to rest by then."""
    speed, acceleration = state[:, SPEED], state[:, ACCELERATION]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        stop_s = np.where(speed * acceleration < 0.0, -speed / acceleration, np.inf)
    dt_s = dt_ns * 1e-9
    return np.minimum(dt_s, stop_s), dt_s >= stop_s


def _jacobian(state: Floats, dt_ns: Ints) -> Floats:
    """Derivatives of `predict` by the state, as if nobody came to rest on the way."""
    speed, acceleration = state[:, SPEED], state[:, ACCELERATION]
    dt_s, _ = _moving_s(state, dt_ns)
    by_speed, by_acceleration, second = _arc(state[:, YAW_RATE] * dt_s)
    ahead = np.exp(1j * state[:, HEADING])
    moved = ahead * (speed * dt_s * by_speed + acceleration * dt_s**2 * by_acceleration)
    turned = 1j * ahead * dt_s**2 * (speed * by_acceleration + acceleration * dt_s * second)

    jacobian = np.tile(np.eye(STATES), (len(state), 1, 1))
    for column, change in (
        (HEADING, 1j * moved),
        (SPEED, ahead * dt_s * by_speed),
        (ACCELERATION, ahead * dt_s**2 * by_acceleration),
        (YAW_RATE, turned),
    ):
        jacobian[:, X, column] = change.real
        jacobian[:, Y, column] = change.imag
    jacobian[:, HEADING, YAW_RATE] = dt_s
    jacobian[:, SPEED, ACCELERATION] = dt_s
    return jacobian


def _disturbance(state: Floats, dt_ns: Ints, noise: MotionNoise) -> Floats:
    """What white jerk along and across the heading adds to the covariance within `dt_ns`.

    Each is integrated three times to a position, across the heading by way of turn rate and
    heading, all with the heading and speed at the beginning.
    """
    dt_s = dt_ns * 1e-9
    triple = _triple_integrator(dt_s)
    cos, sin, moving = np.cos(state[:, HEADING]), np.sin(state[:, HEADING]), state[:, SPEED]
    # Columns carry a chain's threefold, twofold and single integral into the state.
    longitudinal, lateral = np.zeros((2, len(state), STATES, 3))
    longitudinal[:, X, 0], longitudinal[:, Y, 0] = cos, sin
    longitudinal[:, SPEED, 1] = longitudinal[:, ACCELERATION, 2] = 1.0
    lateral[:, X, 0], lateral[:, Y, 0] = -sin * moving, cos * moving
    lateral[:, HEADING, 1] = lateral[:, YAW_RATE, 2] = 1.0
    added = noise.jerk * longitudinal @ triple @ longitudinal.transpose(0, 2, 1)
    turning = noise.lateral_jerk / np.maximum(np.abs(moving), _SLOW_MPS) ** 2
    added += turning[:, None, None] * (lateral @ triple @ lateral.transpose(0, 2, 1))
    sideways = noise.sideslip * dt_s
    added[:, X, X] += sideways * sin**2
    added[:, Y, Y] += sideways * cos**2
    added[:, X, Y] -= sideways * sin * cos
    added[:, Y, X] -= sideways * sin * cos
    return added


def _triple_integrator(dt_s: np.ndarray) -> Floats:
    """Covariance of white noise integrated three times, twice and once; shape (n, 3, 3)."""
    t = dt_s[:, None, None]
    powers = np.array([[5, 4, 3], [4, 3, 2], [3, 2, 1]])
    divisors = np.array([[20.0, 8.0, 6.0], [8.0, 3.0, 2.0], [6.0, 2.0, 1.0]])
    integrated: Floats = t**powers / divisors
    return integrated


def _arc(turn_rad: Floats) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The integrals of e^{iφu}, u e^{iφu} and u² e^{iφu} over u from 0 to 1."""
    small = np.abs(turn_rad) < _SMALL_TURN_RAD
    i_phi = 1j * np.where(small, 1.0, turn_rad)
    end = np.exp(i_phi)
    first = (end - 1.0) / i_phi
    second = (end - first) / i_phi
    third = (end - 2.0 * second) / i_phi

    i_tiny = 1j * np.where(small, turn_rad, 0.0)
    series = (
        1 + i_tiny * (1 / 2 + i_tiny * (1 / 6 + i_tiny * (1 / 24 + i_tiny / 120))),
        1 / 2 + i_tiny * (1 / 3 + i_tiny * (1 / 8 + i_tiny * (1 / 30 + i_tiny / 144))),
        1 / 3 + i_tiny * (1 / 4 + i_tiny * (1 / 10 + i_tiny * (1 / 36 + i_tiny / 168))),
    )
    return (
        np.where(small, series[0], first),
        np.where(small, series[1], second),
        np.where(small, series[2], third),
    )
