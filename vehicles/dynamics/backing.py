"""Driving backwards, which the vehicle model doesn't: on the kinematic single-track path."""

from __future__ import annotations

from math import cos, sin, tan

from vehicles.dynamics.single_track import VehicleDynamics

MOST_BACKING_MPS = 8.0


def back(
    model: VehicleDynamics, row: int, speed_mps: float, steering_rad: float, dt_s: float
) -> float:
    """Move a standing vehicle backwards, and say how fast it turns [rad/s].

    Args:
        model: the vehicles.
        row: the vehicle's row.
        speed_mps: how fast it goes backwards [m/s].
        steering_rad: angle of the front wheels, left positive [rad].
        dt_s: for how long [s].
    """
    yaw_rate_radps = -speed_mps * tan(steering_rad) / float(model.wheelbase_m[row])
    heading = float(model.heading_rad[row]) + yaw_rate_radps * dt_s
    x_m = float(model.x_m[row]) - speed_mps * cos(heading) * dt_s
    y_m = float(model.y_m[row]) - speed_mps * sin(heading) * dt_s
    model.place(row, x_m, y_m, heading, 0.0)
    return yaw_rate_radps
