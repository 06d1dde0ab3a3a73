"""Where a vehicle is now, from what it last said: constant turn rate and acceleration (CTRA)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from network.arrays import Floats, Ints

# Below this turn the closed form of the arc loses digits to cancellation; the series does not.
_SMALL_TURN_RAD = 1e-2


class Motion(NamedTuple):
    """How vehicles move, one entry each; signs and frames as in `Telemetry`."""

    x_m: Floats
    y_m: Floats
    heading_rad: Floats
    speed_mps: Floats
    acceleration_mps2: Floats
    yaw_rate_radps: Floats


def predict(motion: Motion, dt_ns: Ints) -> Motion:
    """Move vehicles on along their arcs, with the acceleration and turn rate they last had.

    With heading θ, turn rate ω, speed v and acceleration a, the position after τ is the integral
    of (v + a s) e^{i(θ + ω s)} over s from 0 to τ (the CTRA model, Schubert, Richter and Wanielik,
    "Comparison and evaluation of advanced motion models for vehicle tracking", 2008, section III).
    A braking vehicle stops and stays: it neither rolls back nor turns on the spot.

    Args:
        motion: arrays of shape (n,).
        dt_ns: how far to predict [ns], shape (n,).

    Returns:
        The motion after `dt_ns`, heading in [0, 2 pi); a vehicle at rest has neither acceleration
        nor turn rate.
    """
    speed, acceleration = motion.speed_mps, motion.acceleration_mps2
    dt_s = dt_ns * 1e-9
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        stop_s = np.where(speed * acceleration < 0.0, -speed / acceleration, np.inf)
    stopped = dt_s >= stop_s
    dt_s = np.minimum(dt_s, stop_s)

    turn_rad = motion.yaw_rate_radps * dt_s
    by_speed, by_acceleration = _arc(turn_rad)
    moved = np.exp(1j * motion.heading_rad) * (
        speed * dt_s * by_speed + acceleration * dt_s**2 * by_acceleration
    )
    return Motion(
        x_m=motion.x_m + moved.real,
        y_m=motion.y_m + moved.imag,
        heading_rad=np.mod(motion.heading_rad + turn_rad, 2.0 * np.pi),
        speed_mps=np.where(stopped, 0.0, speed + acceleration * dt_s),
        acceleration_mps2=np.where(stopped, 0.0, acceleration),
        yaw_rate_radps=np.where(stopped, 0.0, motion.yaw_rate_radps),
    )


def _arc(turn_rad: Floats) -> tuple[np.ndarray, np.ndarray]:
    """The integrals of e^{iφu} and u e^{iφu} over u from 0 to 1."""
    small = np.abs(turn_rad) < _SMALL_TURN_RAD
    i_phi = 1j * np.where(small, 1.0, turn_rad)
    end = np.exp(i_phi)
    first = (end - 1.0) / i_phi
    second = (end - first) / i_phi

    i_tiny = 1j * np.where(small, turn_rad, 0.0)
    first_series = 1 + i_tiny * (1 / 2 + i_tiny * (1 / 6 + i_tiny * (1 / 24 + i_tiny / 120)))
    second_series = 1 / 2 + i_tiny * (1 / 3 + i_tiny * (1 / 8 + i_tiny * (1 / 30 + i_tiny / 144)))
    return np.where(small, first_series, first), np.where(small, second_series, second)
