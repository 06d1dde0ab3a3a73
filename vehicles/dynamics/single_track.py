"""Single-track dynamics of many vehicles, one array entry per vehicle.

The vehicle is a rigid body on two axles, with lateral tyre forces after Pacejka's Magic Formula
(pure slip, without camber), longitudinal load transfer, and a friction ellipse per axle that
braking and cornering share. There are no wheel speeds; a brake is a force that an anti-lock system
keeps within the friction, so nothing locks: an axle that can't brake more passes the rest on to the
other one, the rear axle brakes only with what cornering leaves it, and at the front axle both
forces shrink alike when together they leave the ellipse. A stability control brakes single wheels
against turning faster than the front wheels point; without it these tyres, as stiff as they are
loaded, let a car spin when it brakes hard in the slightest bend, as the reference models do.

Below 2 m/s the slip angle is taken against 2 m/s instead of the speed. Tyres then act as
stiff dampers that hold the body on the kinematic single-track motion, so that a vehicle creeps,
stops and stands without a second model to switch to. A vehicle never moves backwards.

Actuators: steering with a first-order lag and a rate limit, engine and brake with first-order lags.
The wanted acceleration is that of the vehicle: drag and rolling resistance are made up for as
long as the engine's power lasts.

Integration: Heun's method (explicit, second order) in substeps of 5 ms. The fastest mode is the
lateral damping by the tyres, at most about 110 1/s at the 2 m/s floor: 0.55 per substep, well
inside Heun's limit of 2. Two force evaluations cost half of a fourth-order Runge-Kutta step, whose
accuracy the model's own error would hide.

Error against CommonRoad's models driven by the same wheel angle and acceleration, at 25 m/s unless
said otherwise, as (Ford Escort, BMW 320i, VW Vanagon); `tests/validation/dynamics_checks.py` holds
them:

- step steer of 2 degrees, 8.5 m/s² of lateral acceleration, 3 s and 65 m. Single-track drift:
  position 0.24, 0.04, 0.04 m; yaw rate 0.0039, 0.0002, 0.0003 of 0.35 rad/s; lateral acceleration
  0.08, 0.01, 0.01 m/s². Multi-body, which rolls and has cambered wheels: position 3.4, 0.8, 0.6 m;
  yaw rate 0.069, 0.013, 0.016 rad/s; lateral acceleration 1.4, 0.5, 0.4 m/s²;
- sine steer of 1.5 degrees at 0.5 Hz, 5 m/s², 4 s and 99 m. Single-track drift: position 0.12,
  0.03, 0.03 m; yaw rate 0.0014, 0.0002, 0.0002 of 0.24 rad/s;
- braking at 6 m/s² from 30 to 15.6 m/s in 57.7 m: 0.014 m against single-track drift, 0.048 m
  against multi-body. Their wheels lock in a full braking; there the stopping distance, 42.07 m
  from 30 m/s at 11.5 m/s² and 0.1 s of lag, is that of the closed form to a millimetre.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import fields
from typing import TypeAlias

import numpy as np

from network.arrays import Bools, Floats, Ints
from vehicles.dynamics.parameters import VehicleParameters, vehicle_parameters

SUBSTEP_NS = 5_000_000
"""Longest internal step."""

GRAVITY_MPS2 = 9.81
AIR_DENSITY_KGPM3 = 1.2
_SLIP_SPEED_FLOOR_MPS = 2.0
_YAW_RATE_SLACK_RADPS = 0.03
_YAW_CONTROL_S = 0.05
Grip: TypeAlias = Callable[[Floats], Floats]

_STATES = (
    "x_m",
    "y_m",
    "heading_rad",
    "speed_mps",
    "lateral_speed_mps",
    "yaw_rate_radps",
    "steering_rad",
    "pedal_mps2",
    "acceleration_mps2",
    "lateral_acceleration_mps2",
    "meant_yaw_rate_radps",
)


class VehicleDynamics:
    """Vehicles as rows of arrays, moved by their commands.

    A vehicle keeps its row from `add` to `remove`; a freed row is taken again, the lowest first.
    Arrays have an entry for every row, free ones included, and are views that hold until the next
    `add`: read them, don't write.

    Args:
        grip: what the road leaves of the tyres' friction, as a share between 0 and 1 by speed
            [m/s], array in and out; all of it if None.
    """

    def __init__(self, grip: Grip | None = None) -> None:
        self._grip = grip
        self._state = np.zeros((len(_STATES), 0))
        self._command = np.zeros((2, 0))
        self._parameters = {field.name: np.zeros(0) for field in fields(VehicleParameters)}
        self._active = np.zeros(0, dtype=np.bool_)
        self._free: list[int] = []
        self._step: _Step | None = None

    @property
    def active(self) -> Bools:
        """Which rows hold a vehicle."""
        return self._active

    @property
    def x_m(self) -> Floats:
        """Body centre, east [m]."""
        return self._state[0, :]

    @property
    def y_m(self) -> Floats:
        """Body centre, north [m]."""
        return self._state[1, :]

    @property
    def heading_rad(self) -> Floats:
        """Heading, counter-clockwise from east [rad], not wrapped."""
        return self._state[2, :]

    @property
    def speed_mps(self) -> Floats:
        """Speed along the heading [m/s]."""
        return self._state[3, :]

    @property
    def lateral_speed_mps(self) -> Floats:
        """Speed of the centre of gravity to the left [m/s]."""
        return self._state[4, :]

    @property
    def yaw_rate_radps(self) -> Floats:
        """Yaw rate, counter-clockwise [rad/s]."""
        return self._state[5, :]

    @property
    def steering_rad(self) -> Floats:
        """Actual angle of the front wheels, left positive [rad]."""
        return self._state[6, :]

    @property
    def acceleration_mps2(self) -> Floats:
        """Actual rate of change of the speed [m/s²]."""
        return self._state[8, :]

    @property
    def lateral_acceleration_mps2(self) -> Floats:
        """Acceleration of the centre of gravity to the left [m/s²]."""
        return self._state[9, :]

    @property
    def slip_angle_rad(self) -> Floats:
        """Angle from the heading to the centre of gravity's velocity [rad]."""
        return np.arctan2(self.lateral_speed_mps, self.speed_mps)

    @property
    def length_m(self) -> Floats:
        """Length of the body [m]."""
        return self._parameters["length_m"]

    @property
    def width_m(self) -> Floats:
        """Width of the body [m]."""
        return self._parameters["width_m"]

    @property
    def wheelbase_m(self) -> Floats:
        """Distance between the axles, which lie at equal distances from the body's centre [m]."""
        return self._parameters["front_axle_m"] + self._parameters["rear_axle_m"]

    def add(
        self,
        parameters: str | VehicleParameters,
        x_m: float,
        y_m: float,
        heading_rad: float,
        speed_mps: float,
    ) -> int:
        """Put a vehicle on the road, driving straight on, and return its row.

        Args:
            parameters: a parameter set, or the name of one of `vehicles.dynamics.PARAMETER_SETS`.
            x_m: body centre, east [m].
            y_m: body centre, north [m].
            heading_rad: heading, counter-clockwise from east [rad].
            speed_mps: speed along the heading, not negative [m/s].

        Raises:
            ValueError: unknown parameters, or a speed or pose that isn't finite, or a speed < 0.
        """
        if isinstance(parameters, str):
            parameters = vehicle_parameters(parameters)
        pose = (x_m, y_m, heading_rad, speed_mps)
        _check_pose(pose)
        if not self._free:
            self._grow()
        row = heapq.heappop(self._free)
        self._state[:, row] = 0.0
        self._state[:4, row] = pose
        self._command[:, row] = 0.0
        self._active[row] = True
        self.refit(row, parameters)
        return row

    def place(self, row: int, x_m: float, y_m: float, heading_rad: float, speed_mps: float) -> None:
        """Put a vehicle elsewhere as `add` does; its command stays.

        Raises:
            ValueError: a row without a vehicle, a speed or pose that isn't finite, or a speed < 0.
        """
        self._check(row)
        pose = (x_m, y_m, heading_rad, speed_mps)
        _check_pose(pose)
        self._state[:, row] = 0.0
        self._state[:4, row] = pose

    def set_speed(self, row: int, speed_mps: float) -> None:
        """Give a vehicle another speed along its heading, all else as it is.

        Raises:
            ValueError: a row without a vehicle, or a speed that isn't finite or is negative.
        """
        self._check(row)
        if not np.isfinite(speed_mps) or speed_mps < 0.0:
            raise ValueError(f"expected a finite speed >= 0, got {speed_mps}")
        self._state[3, row] = speed_mps

    def refit(self, row: int, parameters: VehicleParameters) -> None:
        """Give a vehicle another parameter set; ValueError if the row holds none."""
        self._check(row)
        for name, column in self._parameters.items():
            column[row] = getattr(parameters, name)
        self._step = None

    def hold_by(self, grip: Grip | None) -> None:
        """The road leaves this of the tyres' friction from now on; see `grip` above."""
        self._grip = grip
        self._step = None

    def remove(self, row: int) -> None:
        """Take a vehicle off the road; ValueError if the row holds none."""
        self._check(row)
        self._active[row] = False
        # A free row is computed along with the others: leave it standing.
        self._state[:, row] = 0.0
        self._command[:, row] = 0.0
        heapq.heappush(self._free, row)

    def command(
        self,
        row: int | Ints,
        acceleration_mps2: float | Floats,
        steering_rad: float | Floats,
    ) -> None:
        """Say what the vehicles shall do from now on.

        Args:
            row: one row, or an array of rows.
            acceleration_mps2: wanted acceleration [m/s²], negative brakes; one value, or one per
                row. What the vehicle can't do it does as far as it can.
            steering_rad: wanted angle of the front wheels [rad], left positive; likewise.

        Raises:
            ValueError: a row without a vehicle, or a command that isn't finite.
        """
        self._check(row)
        if not (np.isfinite(acceleration_mps2).all() and np.isfinite(steering_rad).all()):
            raise ValueError(
                f"expected finite commands, got {acceleration_mps2} m/s² and {steering_rad} rad"
            )
        self._command[0, row] = acceleration_mps2
        self._command[1, row] = steering_rad

    def advance(self, dt_ns: int) -> None:
        """Move every vehicle on.

        The time is cut into equal substeps of at most `SUBSTEP_NS`: any steps that are multiples
        of it give the same trajectory bit for bit.

        Args:
            dt_ns: time to move on [ns].

        Raises:
            ValueError: a negative time.
        """
        if dt_ns < 0:
            raise ValueError(f"expected a time >= 0 ns to advance, got {dt_ns}")
        if dt_ns == 0 or self._active.size == 0:
            return
        substeps = -(-dt_ns // SUBSTEP_NS)
        h_s = dt_ns / substeps * 1e-9
        if self._step is None or self._step.h_s != h_s:
            self._step = _Step(self._parameters, h_s, self._grip)
        self._step.aim(self._command)
        for _ in range(substeps):
            self._step.take(self._state)

    def _check(self, row: int | Ints) -> None:
        rows = np.atleast_1d(row)
        if rows.size and not (
            rows.min() >= 0 and rows.max() < self._active.size and self._active[rows].all()
        ):
            raise ValueError(f"expected rows that hold a vehicle, got {row}")

    def _grow(self) -> None:
        old = self._active.size
        added = max(old, 4)
        # Free rows need parameters that divide by nothing; any vehicle's will do.
        filler = vehicle_parameters("bmw_320i")
        for name, column in self._parameters.items():
            self._parameters[name] = np.append(column, np.full(added, getattr(filler, name)))
        self._state = np.pad(self._state, ((0, 0), (0, added)))
        self._command = np.pad(self._command, ((0, 0), (0, added)))
        self._active = np.pad(self._active, (0, added))
        self._free = list(range(old, old + added))


def _check_pose(pose: tuple[float, float, float, float]) -> None:
    if not np.isfinite(pose).all() or pose[3] < 0.0:
        raise ValueError(f"expected a finite pose and a speed >= 0, got {pose}")


class _Step:
    """A substep of one length for the same vehicles: what doesn't change is computed once.

    Arrays of shape (2, rows) hold the front axle first and the rear axle second.
    """

    def __init__(self, p: dict[str, Floats], h_s: float, grip: Grip | None) -> None:
        self.h_s = h_s
        self.parameters = p
        self.grip = grip
        front, rear, mass = p["front_axle_m"], p["rear_axle_m"], p["mass_kg"]
        wheelbase = front + rear
        self.mass = mass
        self.yaw_inertia = p["yaw_inertia_kgm2"]
        self.wheelbase_m = wheelbase
        self.centre_m = 0.5 * (front - rear)
        self.arm_m = np.stack((front, -rear))
        self.load_n = mass * GRAVITY_MPS2 / wheelbase * np.stack((rear, front))
        transfer = mass * p["gravity_centre_height_m"] / wheelbase
        self.load_transfer_kg = np.stack((-transfer, transfer))
        self.rear_brake_share = 1.0 - p["front_brake_share"]
        self.drag_kgpm = 0.5 * AIR_DENSITY_KGPM3 * p["drag_area_m2"]
        self.rolling_n = p["rolling_resistance"] * mass * GRAVITY_MPS2
        # One front wheel braked to its friction, half a track beside the middle, by axle load.
        self.wheel_arm_m = 0.25 * p["track_m"]
        self.yaw_control_nms = self.yaw_inertia / _YAW_CONTROL_S
        self.yaw_lag_s2pm = self.yaw_inertia / (
            mass * GRAVITY_MPS2 * p["cornering_stiffness_per_rad"] * front * rear
        )
        self.shape = p["lateral_shape"]
        self.curvature = p["lateral_curvature"]
        self.drive_share = np.stack((p["front_drive_share"], 1.0 - p["front_drive_share"]))
        self.speed_max = p["speed_max_mps"]
        self.power_w = p["power_w"]
        self.full_power_speed = self.power_w / (mass * p["drive_max_mps2"])
        self.engine_gain = -np.expm1(-h_s / p["engine_lag_s"])
        self.brake_gain = -np.expm1(-h_s / p["brake_lag_s"])
        self.steering_max_rad = p["steering_max_rad"]
        self.steering_gain = -np.expm1(-h_s / p["steering_lag_s"])
        self.steering_change = p["steering_rate_max_radps"] * h_s
        # Rear wheels don't steer: their cosine stays 1 and their sine 0.
        self.cos = np.ones_like(self.arm_m)
        self.sin = np.zeros_like(self.arm_m)
        self.force_x = np.empty_like(self.arm_m)
        self._hold_by(np.ones_like(mass))

    def aim(self, command: Floats) -> None:
        """Take up commands of acceleration and wheel angle, as far as a vehicle can follow."""
        self.commanded_mps2 = command[0]
        self.wanted_rad = np.clip(command[1], -self.steering_max_rad, self.steering_max_rad)
        self._limit()

    def _hold_by(self, grip: Floats) -> None:
        """Let the tyres hold by a share of their dry friction (rows,)."""
        p = self.parameters
        self.longitudinal_friction = p["longitudinal_friction"] * grip
        self.lateral_friction = p["lateral_friction"] * grip
        self.lateral_grip_mps2 = self.lateral_friction * GRAVITY_MPS2
        # Magic Formula: stiffness = B C D. At small slip water changes little.
        self.stiffness = p["cornering_stiffness_per_rad"] / (self.shape * self.lateral_friction)
        # A driven axle can push no more than its load holds, which the push itself changes:
        # share m a = friction (load + transfer a), solved for a.
        pull = self.drive_share * self.mass / self.longitudinal_friction - self.load_transfer_kg
        traction_mps2 = (self.load_n / np.maximum(pull, 1e-9)).min(axis=0)
        self.drive_max_mps2 = np.minimum(p["drive_max_mps2"], traction_mps2)
        self.brake_max_mps2 = np.minimum(
            p["brake_max_mps2"], self.longitudinal_friction * GRAVITY_MPS2
        )

    def _limit(self) -> None:
        self.wanted_mps2 = np.clip(self.commanded_mps2, -self.brake_max_mps2, self.drive_max_mps2)
        self.governed_mps2 = np.minimum(self.wanted_mps2, 0.0)

    def take(self, state: Floats) -> None:
        """Move the state on by one substep, in place."""
        h_s = self.h_s
        heading, speed, yaw_rate = state[2], state[3], state[5]
        motion, steering, pedal, meant = state[3:6], state[6], state[7], state[10]
        if self.grip is not None:
            self._hold_by(self.grip(speed))
            self._limit()

        rate_0, _ = self._rates(motion, steering, pedal, meant)
        self._move_steering(steering)
        self._move_pedal(pedal, speed)
        self._move_meant(meant, speed, steering)
        rate_1, across_mps2 = self._rates(motion + h_s * rate_0, steering, pedal, meant)
        moved = motion + (0.5 * h_s) * (rate_0 + rate_1)
        np.maximum(moved[0], 0.0, out=moved[0])
        # What crawls out a turn with the brake on has come to rest.
        crawl = np.abs(moved[1]) + np.abs(moved[2])
        resting = (moved[0] == 0.0) & (pedal <= 0.0) & (crawl < 0.1)
        moved[1:, resting] = 0.0

        middle = 0.5 * (motion + moved)
        direction = heading + (0.5 * h_s) * middle[2]
        cos, sin = np.cos(direction), np.sin(direction)
        leftward = middle[1] + self.centre_m * middle[2]
        state[0] += h_s * (middle[0] * cos - leftward * sin)
        state[1] += h_s * (middle[0] * sin + leftward * cos)
        heading += (0.5 * h_s) * (yaw_rate + moved[2])
        state[8] = np.where(moved[0] > 0.0, (moved[0] - speed) / h_s, 0.0)
        state[9] = np.where(resting, 0.0, across_mps2)
        motion[:] = moved

    def _move_steering(self, steering: Floats) -> None:
        change = (self.wanted_rad - steering) * self.steering_gain
        # numpy's clip costs three times as much for one vehicle.
        steering += np.minimum(np.maximum(change, -self.steering_change), self.steering_change)

    def _move_pedal(self, pedal: Floats, speed: Floats) -> None:
        """Engine and brake follow the wanted acceleration; the engine as far as its power goes."""
        wanted = np.where(speed < self.speed_max, self.wanted_mps2, self.governed_mps2)
        powering = (wanted > pedal) & (pedal >= 0.0)
        pedal += (wanted - pedal) * np.where(powering, self.engine_gain, self.brake_gain)
        force = self.power_w / np.maximum(speed, self.full_power_speed)
        np.minimum(pedal, (force - self._resistance(speed)) / self.mass, out=pedal)

    def _resistance(self, speed: Floats) -> Floats:
        return self.rolling_n + self.drag_kgpm * speed * speed

    def _move_meant(self, meant: Floats, speed: Floats, steering: Floats) -> None:
        """The yaw rate that the steering means: tyres that never slide turn like a lag.

        With as much stiffness per load at both axles, the linear single-track model's yaw rate
        follows v tan(steering) / wheelbase with a time constant of v I / (m stiffness a b).
        """
        rolling = np.maximum(speed, _SLIP_SPEED_FLOOR_MPS)
        highest = self.lateral_grip_mps2 / rolling
        target = speed * np.tan(steering) / self.wheelbase_m
        target = np.minimum(np.maximum(target, -highest), highest)
        meant += (target - meant) * (self.h_s / (self.h_s + self.yaw_lag_s2pm * rolling))

    def _stabilising_nm(self, yaw_rate: Floats, meant: Floats, front_grip: Floats) -> Floats:
        """Yaw moment of a braked front wheel against turning faster than is meant."""
        apart = yaw_rate - meant
        excess = np.maximum(np.abs(apart) - _YAW_RATE_SLACK_RADPS, 0.0)
        moment = np.minimum(self.yaw_control_nms * excess, self.wheel_arm_m * front_grip)
        return np.where(apart * yaw_rate > 0.0, np.copysign(moment, -yaw_rate), 0.0)

    def _rates(
        self, motion: Floats, steering: Floats, pedal: Floats, meant: Floats
    ) -> tuple[Floats, Floats]:
        """Rates of (speed, lateral speed, yaw rate), and the acceleration across the body."""
        speed, lateral_speed, yaw_rate = motion
        cos, sin, force_x = self.cos, self.sin, self.force_x
        np.cos(steering, out=cos[0])
        np.sin(steering, out=sin[0])

        load = self.load_n + self.load_transfer_kg * pedal
        np.maximum(load, 1.0, out=load)
        grip_x = self.longitudinal_friction * load
        grip_y = self.lateral_friction * load

        leftward = lateral_speed + self.arm_m * yaw_rate
        rolling_speed = np.maximum(speed * cos + leftward * sin, _SLIP_SPEED_FLOOR_MPS)
        slip = self.stiffness * np.arctan((leftward * cos - speed * sin) / rolling_speed)
        slip -= self.curvature * (slip - np.arctan(slip))
        force_y = -grip_y * np.sin(self.shape * np.arctan(slip))

        resistance = self._resistance(speed)
        wanted = self.mass * pedal + resistance
        braking = np.minimum(wanted, 0.0)
        np.maximum(self.rear_brake_share * braking, -grip_x[1], out=force_x[1])
        np.maximum(braking - force_x[1], -grip_x[0], out=force_x[0])
        force_x += np.minimum(np.maximum(wanted, 0.0) * self.drive_share, grip_x)

        # The rear brake takes only what cornering leaves it.
        rear_left = np.sqrt(np.maximum(1.0 - (force_y[1] / grip_y[1]) ** 2, 0.0)) * grip_x[1]
        np.maximum(force_x[1], -rear_left, out=force_x[1])
        # An ellipse of friction: both forces shrink alike when together they leave it.
        demand = np.sqrt((force_x / grip_x) ** 2 + (force_y / grip_y) ** 2)
        kept = 1.0 / np.maximum(demand, 1.0)
        force_x *= kept
        force_y *= kept

        along = force_x * cos - force_y * sin
        across = force_x * sin + force_y * cos
        across_mps2 = (across[0] + across[1]) / self.mass
        rates = np.empty_like(motion)
        rates[0] = (along[0] + along[1] - resistance) / self.mass + yaw_rate * lateral_speed
        rates[1] = across_mps2 - yaw_rate * speed
        moment = self.arm_m[0] * across[0] + self.arm_m[1] * across[1]
        moment += self._stabilising_nm(yaw_rate, meant, grip_x[0])
        rates[2] = moment / self.yaw_inertia
        return rates, across_mps2
