"""The embedded vehicle model against commonroad-vehicle-models and closed forms.

References are CommonRoad's single-track drift model (`std`: wheel speeds, combined slip) and its
multi-body model (`mb`: 29 states, with roll, pitch and camber), integrated by a fourth-order
Runge-Kutta method in steps of 1.25 ms. They get the wheel angle and the acceleration that lags and
rate limit leave of the command. Their acceleration input is a wheel torque that has to turn the
wheels as well, two in `std` and four in `mb`: it is raised by that share.

The tolerances are what was measured and a little more, in the order Escort, BMW, Vanagon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from vehiclemodels.init_mb import init_mb
from vehiclemodels.init_std import init_std
from vehiclemodels.vehicle_dynamics_mb import vehicle_dynamics_mb
from vehiclemodels.vehicle_dynamics_std import vehicle_dynamics_std
from vehiclemodels.vehicle_parameters import setup_vehicle_parameters

from network.arrays import Floats
from tests.validation.registry import Comparison, Fault, check
from vehicles.dynamics import SUBSTEP_NS, VehicleDynamics, vehicle_parameters

CARS = {"ford_escort": 1, "bmw_320i": 2, "vw_vanagon": 3}
STEP_S = SUBSTEP_NS * 1e-9
MODEL = "vehicles.dynamics.single_track"
STD = "commonroad-vehicle-models 3.0.2, vehicle_dynamics_std; tolerance as measured"
MB = "commonroad-vehicle-models 3.0.2, vehicle_dynamics_mb; tolerance as measured"

Command = Callable[[float], tuple[float, float]]


class Track(NamedTuple):
    """The cars' tracks, shape (cars, steps), a step every 5 ms."""

    x_m: Floats
    y_m: Floats
    yaw_rate_radps: Floats
    lateral_acceleration_mps2: Floats


def step_steer(_: float) -> tuple[float, float]:
    """2 degrees at once: 8.5 m/s² at 25 m/s, four fifths of the friction."""
    return 0.0, np.radians(2.0)


def sine_steer(time_s: float) -> tuple[float, float]:
    """1.5 degrees at 0.5 Hz: 5 m/s² at 25 m/s."""
    return 0.0, np.radians(1.5) * np.sin(np.pi * time_s)


def braking(_: float) -> tuple[float, float]:
    """6 m/s² straight on."""
    return -6.0, 0.0


def braking_in_a_bend(_: float) -> tuple[float, float]:
    """2 m/s² with the wheels at 1 degree."""
    return -2.0, np.radians(1.0)


def drive(speed_mps: float, command: Command, duration_s: float) -> Track:
    """Tracks of the embedded model."""
    dynamics = VehicleDynamics()
    rows = np.array([dynamics.add(name, 0.0, 0.0, 0.0, speed_mps) for name in CARS])
    steps = []
    for k in range(round(duration_s / STEP_S) + 1):
        if k:
            dynamics.command(rows, *command((k - 1) * STEP_S))
            dynamics.advance(SUBSTEP_NS)
        steps.append(
            [
                dynamics.x_m[rows],
                dynamics.y_m[rows],
                dynamics.yaw_rate_radps[rows],
                dynamics.lateral_acceleration_mps2[rows],
            ]
        )
    return Track(*np.array(steps).transpose(1, 2, 0))


@cache
def reference(model: str, speed_mps: float, command: Command, duration_s: float) -> Track:
    """Tracks of CommonRoad's model, driven by the same actuators, at the body's centre."""
    tracks = [_reference(model, name, speed_mps, command, duration_s) for name in CARS]
    return Track(*(np.array(column) for column in zip(*tracks, strict=True)))


def _actuators(name: str, command: Command, duration_s: float) -> Iterator[tuple[float, float]]:
    """Wheel angle's rate [rad/s] and acceleration [m/s²] in each step, by lag and rate limit."""
    vehicle = vehicle_parameters(name)
    angle = acceleration = 0.0
    for k in range(round(duration_s / STEP_S)):
        wanted_acceleration, wanted_angle = command(k * STEP_S)
        rate = (wanted_angle - angle) * -np.expm1(-STEP_S / vehicle.steering_lag_s) / STEP_S
        rate = np.clip(rate, -vehicle.steering_rate_max_radps, vehicle.steering_rate_max_radps)
        angle += rate * STEP_S
        acceleration += (wanted_acceleration - acceleration) * -np.expm1(
            -STEP_S / vehicle.brake_lag_s
        )
        yield float(rate), float(acceleration)


def _reference(
    model: str, name: str, speed_mps: float, command: Command, duration_s: float
) -> tuple[Floats, Floats, Floats, Floats]:
    p = setup_vehicle_parameters(vehicle_id=CARS[name])
    rates: Callable[..., list[float]]
    if model == "std":
        start, rates, wheels = init_std, vehicle_dynamics_std, 2
    else:
        start, rates, wheels = init_mb, vehicle_dynamics_mb, 4
    centre_m = 0.5 * (p.a - p.b)
    state = np.array(start([-centre_m, 0.0, 0.0, speed_mps, 0.0, 0.0, 0.0], p), dtype=float)
    torque = 1.0 + wheels * p.I_y_w / (p.m * p.R_w**2)
    h_s = STEP_S / 4

    def slope(at: Floats, inputs: list[float]) -> Floats:
        return np.array(rates(list(at), inputs, p))

    states = [state]
    for steering_rate, acceleration in _actuators(name, command, duration_s):
        inputs = [steering_rate, acceleration * torque]
        for _ in range(4):
            k1 = slope(state, inputs)
            k2 = slope(state + 0.5 * h_s * k1, inputs)
            k3 = slope(state + 0.5 * h_s * k2, inputs)
            k4 = slope(state + h_s * k3, inputs)
            state = state + h_s / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        states.append(state)
    track = np.array(states).T
    heading, yaw_rate = track[4], track[5]
    if model == "std":
        speed, leftward = track[3] * np.cos(track[6]), track[3] * np.sin(track[6])
    else:
        speed, leftward = track[3], track[10]
    return (
        track[0] + centre_m * np.cos(heading),
        track[1] + centre_m * np.sin(heading),
        yaw_rate,
        np.gradient(leftward, STEP_S) + speed * yaw_rate,
    )


def apart_m(model: str, speed_mps: float, command: Command, duration_s: float) -> Comparison:
    """Largest distance between the tracks, each car."""
    ours = drive(speed_mps, command, duration_s)
    theirs = reference(model, speed_mps, command, duration_s)
    return Comparison(np.hypot(ours.x_m - theirs.x_m, ours.y_m - theirs.y_m).max(axis=1), 0.0)


def yaw_rates(model: str, speed_mps: float, command: Command, duration_s: float) -> Comparison:
    """Yaw rates all along, each car."""
    return Comparison(
        drive(speed_mps, command, duration_s).yaw_rate_radps,
        reference(model, speed_mps, command, duration_s).yaw_rate_radps,
    )


def lateral(model: str, speed_mps: float, command: Command, duration_s: float) -> Comparison:
    """Lateral accelerations after the first 0.1 s, each car."""
    return Comparison(
        drive(speed_mps, command, duration_s).lateral_acceleration_mps2[:, 20:],
        reference(model, speed_mps, command, duration_s).lateral_acceleration_mps2[:, 20:],
    )


def way(model: str) -> Comparison:
    """Way along the road while braking from 30 to 15.6 m/s, each car."""
    return Comparison(
        drive(30.0, braking, 2.5).x_m[:, -1], reference(model, 30.0, braking, 2.5).x_m[:, -1]
    )


def _parameter(**changes: float) -> Callable[[Any], Any]:
    """A fault that scales constants of the model."""

    def wrong(original: Any) -> Any:
        def faulty(p: dict[str, Floats], *others: Any) -> Any:
            return original({n: v * changes.get(n, 1.0) for n, v in p.items()}, *others)

        return faulty

    return wrong


def scaled(name: str, **changes: float) -> Fault:
    """The model with constants that are off by a factor."""
    return Fault(name, f"{MODEL}:_Step", _parameter(**changes))


SOFT_TYRES = scaled("tyres 5 % too soft", cornering_stiffness_per_rad=0.95)
SWAPPED_AXLES = scaled("centre of gravity too far back", front_axle_m=1.1, rear_axle_m=0.9)
SLIPPERY = scaled("a tenth less lateral friction", lateral_friction=0.9)
HEAVY_TURNER = scaled("yaw inertia 10 % too large", yaw_inertia_kgm2=1.1)
NO_TRANSFER = scaled("no load transfer", gravity_centre_height_m=0.0)
WEAK_BRAKE = Fault(
    "brakes give 2 % less",
    f"{MODEL}:_Step._rates",
    lambda original: (
        lambda self, motion, steering, pedal, meant: original(
            self, motion, steering, 0.98 * pedal, meant
        )
    ),
)


@check(
    "step steer: position (std)",
    source=STD,
    unit="m",
    tolerance=[0.25, 0.042, 0.04],
    faults=[SLIPPERY, SOFT_TYRES],
)
def step_steer_position_std() -> Comparison:
    """25 m/s, 2 degrees, 3 s: after 65 m the Escort is 0.24 m off, the others 0.04 m."""
    return apart_m("std", 25.0, step_steer, 3.0)


@check(
    "step steer: yaw rate (std)",
    source=STD,
    unit="rad/s",
    tolerance=[[0.0042], [0.00025], [0.0003]],
    faults=[HEAVY_TURNER, SLIPPERY, SOFT_TYRES, SWAPPED_AXLES],
)
def step_steer_yaw_rate_std() -> Comparison:
    """At most 0.0039 rad/s of 0.36 for the Escort, 0.0003 for the others."""
    return yaw_rates("std", 25.0, step_steer, 3.0)


@check(
    "step steer: lateral acceleration (std)",
    source=STD,
    unit="m/s²",
    tolerance=[[0.09], [0.009], [0.008]],
    faults=[SLIPPERY, SWAPPED_AXLES],
)
def step_steer_lateral_std() -> Comparison:
    """After the first 0.1 s at most 0.083 m/s² of 8.7 for the Escort, 0.008 for the others."""
    return lateral("std", 25.0, step_steer, 3.0)


@check(
    "sine steer: position (std)",
    source=STD,
    unit="m",
    tolerance=[0.13, 0.035, 0.035],
    faults=[SLIPPERY, SWAPPED_AXLES],
)
def sine_steer_position_std() -> Comparison:
    """25 m/s, 1.5 degrees at 0.5 Hz, 4 s: 0.12 m of 99 for the Escort, 0.03 m for the others."""
    return apart_m("std", 25.0, sine_steer, 4.0)


@check(
    "sine steer: yaw rate (std)",
    source=STD,
    unit="rad/s",
    tolerance=[[0.0015], [0.00025], [0.00022]],
    faults=[HEAVY_TURNER, SOFT_TYRES, SWAPPED_AXLES],
)
def sine_steer_yaw_rate_std() -> Comparison:
    """At most 0.0014 rad/s of 0.25 for the Escort, 0.0002 for the others."""
    return yaw_rates("std", 25.0, sine_steer, 4.0)


@check(
    "braking in a bend, stability control off: yaw rate (std)",
    source=STD,
    unit="rad/s",
    tolerance=[[0.022], [0.0085], [0.028]],
    faults=[NO_TRANSFER, SWAPPED_AXLES],
)
def braking_in_a_bend_yaw_rate_std() -> Comparison:
    """25 m/s, 1 degree, -2 m/s²: load moves forward and the cars turn in.

    The reference has no stability control. At most 0.020 rad/s of 0.26 for the Escort, 0.007 for
    the BMW, 0.026 for the Vanagon.
    """
    with mock.patch(f"{MODEL}._YAW_RATE_SLACK_RADPS", np.inf):
        return yaw_rates("std", 25.0, braking_in_a_bend, 2.0)


@check(
    "braking fully in a bend: yaw rate",
    source="kinematic single track: yaw rate v tan(steering) / wheelbase",
    unit="rad/s",
    tolerance=0.13,
    faults=[Fault("no stability control", f"{MODEL}:_YAW_RATE_SLACK_RADPS", lambda _: np.inf)],
)
def braking_hard_in_a_bend() -> Comparison:
    """20 m/s on a 125 m radius, then fully braked: the cars turn as their wheels point.

    At most 0.124 rad/s apart at any time; without the stability control they spin at 4 rad/s.
    """
    steering = np.arctan(1.0 / 125.0 * 2.5)
    dynamics = VehicleDynamics()
    rows = np.array([dynamics.add(name, 0.0, 0.0, 0.0, 20.0) for name in CARS])
    dynamics.command(rows, 0.0, steering)
    dynamics.advance(2_000_000_000)
    dynamics.command(rows, -12.0, steering)
    ours, expected = [], []
    for _ in range(300):
        dynamics.advance(SUBSTEP_NS)
        ours.append(dynamics.yaw_rate_radps[rows])
        expected.append(
            dynamics.speed_mps[rows]
            * np.tan(dynamics.steering_rad[rows])
            / dynamics.wheelbase_m[rows]
        )
    return Comparison(ours, expected)


@check(
    "step steer: yaw rate (mb)",
    source=MB,
    unit="rad/s",
    tolerance=[[0.075], [0.014], [0.017]],
    faults=[SLIPPERY, SWAPPED_AXLES],
)
def step_steer_yaw_rate_mb() -> Comparison:
    """Roll and camber make the multi-body cars turn less near the limit.

    At most 0.069 rad/s of 0.33 for the Escort, 0.013 for the BMW, 0.016 for the Vanagon.
    """
    return yaw_rates("mb", 25.0, step_steer, 3.0)


@check(
    "braking from 30 m/s at 6 m/s²: distance (std)",
    source=STD,
    unit="m",
    tolerance=0.02,
    faults=[WEAK_BRAKE],
)
def braking_distance_std() -> Comparison:
    """From 30 to 15.6 m/s in 2.5 s: at most 0.014 m of 57.7."""
    return way("std")


@check(
    "braking from 30 m/s at 6 m/s²: distance (mb)",
    source=MB,
    unit="m",
    tolerance=0.06,
    faults=[WEAK_BRAKE],
)
def braking_distance_mb() -> Comparison:
    """Likewise: at most 0.048 m of 57.7."""
    return way("mb")


@check(
    "stopping from 30 m/s at 2, 4, 8 m/s² and fully",
    source="v T + v²/2a - a T²/2 for a brake of first-order lag T, at most the friction (1.17 g)",
    unit="m",
    tolerance=0.02,
    faults=[
        WEAK_BRAKE,
        scaled("brake lag 10 % too long", brake_lag_s=1.1),
    ],
)
def stopping_distance() -> Comparison:
    """With a lag T the speed is v - a (t - T) once the lag has died away.

    The way is then v T + v² / 2a - a T² / 2. The references can't brake fully: their wheels lock.
    """
    lag_s = vehicle_parameters("bmw_320i").brake_lag_s
    dynamics = VehicleDynamics()
    wanted = np.repeat([2.0, 4.0, 8.0, 50.0], len(CARS))
    rows = np.array([dynamics.add(name, 0.0, 0.0, 0.0, 30.0) for name in [*CARS] * 4])
    dynamics.command(rows, -wanted, 0.0)
    dynamics.advance(16_000_000_000)
    # Of the friction 1.1739 g = 11.52 m/s² the published limit leaves 11.5.
    reached = np.minimum(wanted, 11.5)
    return Comparison(
        dynamics.x_m[rows],
        30.0 * lag_s + 30.0**2 / (2.0 * reached) - 0.5 * reached * lag_s**2,
    )
