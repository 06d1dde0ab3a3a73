"""How vehicles move: from their controls through the powertrain to the vehicle model.

A vehicle whose physics are on has a row in the model (`vehicles.dynamics`), whose frame has y to
the north and angles counter-clockwise, mirrored against CARLA's. The rest is moved by its clients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import degrees, inf, radians
from typing import Any

import numpy as np

from network.arrays import Floats, Ints
from vehicles.carla.catalogue import CARLA_STEERING_CURVE, parameters_of
from vehicles.carla.powertrain import SPEEDS_MPS, PhysicsControl, Powertrain
from vehicles.carla.server.actors import Actor
from vehicles.carla.server.geometry import axes
from vehicles.carla.server.table import ActorTable
from vehicles.carla.server.wire import Transform, Triple
from vehicles.dynamics import MOST_BACKING_MPS, VehicleDynamics, VehicleParameters, back
from vehicles.dynamics.single_track import AIR_DENSITY_KGPM3, GRAVITY_MPS2, Grip
from vehicles.dynamics.steps import angle_in_steps, heading_in_steps, in_steps

_CARLA_TIRE_FRICTION = 3.5
# How soon an Ackermann-controlled vehicle has the wanted speed, if its acceleration allows it.
_SPEED_GAIN_PER_S = 2.0
_LEAST_FRICTION = 0.05
_SCALARS = ("mass", "rolling_n", "brake_n", "hand_brake_n", "drag_kgpm", "centre_m")


@dataclass(frozen=True)
class Ackermann:
    """Wanted wheel angle (right positive) and speed, and how fast to get there; 0 is any."""

    steer_rad: float
    steer_speed_radps: float
    speed_mps: float
    acceleration_mps2: float
    jerk_mps3: float


@dataclass(eq=False)
class _Vehicle:
    """What is kept of one vehicle beside its rows of arrays."""

    actor: Actor
    parameters: VehicleParameters
    powertrain: Powertrain
    model_row: int | None = None
    gear: tuple[bool, int] = (False, 0)
    ackermann: Ackermann | None = None
    constant_velocity: Triple | None = None
    backing_mps: float = 0.0
    """Speed backwards; the model itself knows none."""
    asked_mps2: float = 0.0
    asked_rad: float = 0.0


class Vehicles:
    """Every vehicle of an episode, moved tick by tick.

    Args:
        table: their motion in CARLA's frame and their controls.
    """

    def __init__(self, table: ActorTable) -> None:
        self._table = table
        self._model = VehicleDynamics()
        self._vehicles: dict[int, _Vehicle] = {}
        # By row of the model: whose it is, and the powertrain.
        self._owner: list[_Vehicle | None] = []
        self._traction_n = np.zeros((0, SPEEDS_MPS.size))
        self._steering_rad = np.zeros((0, SPEEDS_MPS.size))
        self._scalars = np.zeros((0, len(_SCALARS)))

    def hold_by(self, grip: Grip | None) -> None:
        """What the road leaves of the tyres' friction, by speed; all of it if None."""
        self._model.hold_by(grip)

    def add(self, actor: Actor) -> None:
        """A new vehicle at its actor's place, standing, with its physics on."""
        catalogued = actor.blueprint.vehicle
        assert catalogued is not None
        parameters = parameters_of(catalogued)
        ours = actor.blueprint.id.startswith("vehicle.commonroad.")
        physics = PhysicsControl.from_parameters(parameters, wheels=catalogued.wheels)
        if not ours:
            physics = PhysicsControl.from_parameters(
                parameters,
                wheels=catalogued.wheels,
                tire_friction=_CARLA_TIRE_FRICTION,
                steering_curve=CARLA_STEERING_CURVE,
                power_w=parameters.power_w,
            )
        vehicle = _Vehicle(
            actor=actor,
            parameters=parameters,
            powertrain=Powertrain(physics, parameters.rolling_resistance),
        )
        self._vehicles[actor.id] = vehicle
        self._simulate(vehicle)

    def remove(self, actor: Actor) -> None:
        """Forget a vehicle."""
        self._release(self._vehicles.pop(actor.id))

    def simulate(self, actor: Actor, *, on: bool) -> None:
        """Switch a vehicle's physics on or off; on, it goes on from where it was put."""
        vehicle = self._vehicles[actor.id]
        if on and vehicle.model_row is None:
            self._simulate(vehicle)
        elif not on and vehicle.model_row is not None:
            self._release(vehicle)
            self._table.velocity[actor.row] = 0.0
            self._table.angular_velocity[actor.row] = 0.0
            self._table.acceleration[actor.row] = 0.0

    def is_simulated(self, actor: Actor) -> bool:
        """Whether the model moves a vehicle."""
        return self._vehicles[actor.id].model_row is not None

    def place(self, actor: Actor, transform: Transform) -> None:
        """Put a vehicle somewhere; it keeps its velocity as far as it is along its new heading."""
        self._table.place(actor.row, transform)
        vehicle = self._vehicles[actor.id]
        if vehicle.model_row is not None:
            vehicle.backing_mps = 0.0
            self._model.place(vehicle.model_row, *self._pose(actor))

    def push(self, actor: Actor, velocity_mps: Triple | Floats) -> None:
        """Give a vehicle a velocity in the world's frame; only what is along its heading lasts."""
        self._table.velocity[actor.row] = velocity_mps
        vehicle = self._vehicles[actor.id]
        if vehicle.model_row is not None:
            along = in_steps(self._speed_mps(actor))
            self._model.set_speed(vehicle.model_row, max(along, 0.0))
            vehicle.backing_mps = max(-along, 0.0)

    def control(
        self,
        actor: Actor,
        throttle: float,
        steer: float,
        brake: float,
        hand_brake: bool,
        reverse: bool,
        manual_gear_shift: bool,
        gear: int,
    ) -> None:
        """Take up CARLA's `VehicleControl`."""
        vehicle = self._vehicles[actor.id]
        vehicle.ackermann = None
        row = self._table.vehicles[actor.row]
        row["throttle"] = min(max(throttle, 0.0), 1.0)
        row["steer"] = min(max(steer, -1.0), 1.0)
        row["brake"] = min(max(brake, 0.0), 1.0)
        row["hand_brake"], row["reverse"] = hand_brake, reverse
        row["manual_gear_shift"], row["gear"] = manual_gear_shift, gear
        if not manual_gear_shift:
            row["gear"] = -1 if reverse else 1
        shift = (bool(manual_gear_shift), int(row["gear"]))
        if shift != vehicle.gear:
            vehicle.gear = shift
            self._shift(vehicle)

    def ackermann(self, actor: Actor, control: Ackermann) -> None:
        """Take up CARLA's `VehicleAckermannControl`."""
        self._vehicles[actor.id].ackermann = control

    def constant_velocity(self, actor: Actor, velocity_mps: Triple | None) -> None:
        """Hold a velocity in the vehicle's own frame whatever the controls say; None ends it."""
        self._vehicles[actor.id].constant_velocity = velocity_mps

    def physics(self, actor: Actor) -> PhysicsControl:
        """A vehicle's physics control."""
        return self._vehicles[actor.id].powertrain.physics

    def set_physics(self, actor: Actor, physics: PhysicsControl) -> None:
        """Honour another physics control as far as the model has what it says."""
        vehicle = self._vehicles[actor.id]
        before = vehicle.powertrain
        vehicle.powertrain = Powertrain(physics, before.rolling_resistance)
        vehicle.parameters = _refitted(vehicle, before)
        if vehicle.model_row is not None:
            self._model.refit(vehicle.model_row, vehicle.parameters)
            self._fit(vehicle)

    def wheel_angle_deg(self, actor: Actor) -> float:
        """Angle of the front wheels, right positive."""
        row = self._vehicles[actor.id].model_row
        return 0.0 if row is None else -degrees(self._model.steering_rad[row])

    def telemetry(self, actor: Actor) -> list[Any]:
        """CARLA's `TelemetryData`: speed, steer, throttle, brake, rpm, gear, drag, wheels.

        The model has neither an engine speed nor wheel speeds: 0 and no wheels.
        """
        row = self._table.vehicles[actor.row]
        speed = self._speed_mps(actor)
        physics = self.physics(actor)
        drag_n = 0.5 * AIR_DENSITY_KGPM3 * physics.drag_coefficient * speed * speed
        pedals = [float(row[name]) for name in ("steer", "throttle", "brake")]
        return [speed, *pedals, 0.0, int(row["gear"]), drag_n, []]

    def advance(self, dt_ns: int) -> None:
        """Move every simulated vehicle on."""
        model, table = self._model, self._table
        rows = np.flatnonzero(model.active)
        if not rows.size:
            return
        owners = [owner for owner in self._owner if owner is not None]
        actors = np.array([owner.actor.row for owner in owners])
        self._command(rows, actors)
        for row, vehicle in zip(map(int, rows), owners, strict=True):
            if vehicle.ackermann is not None:
                self._follow(vehicle, row, vehicle.ackermann, dt_ns * 1e-9)
            if vehicle.backing_mps > 0.0:
                # Whoever rolls back comes to rest before the model may drive off.
                model.command(row, 0.0, vehicle.asked_rad)
        model.advance(dt_ns)
        for row, vehicle in zip(map(int, rows), owners, strict=True):
            self._override(vehicle, row, dt_ns * 1e-9)

        heading = heading_in_steps(model.heading_rad[rows])
        yaw_rate = angle_in_steps(model.yaw_rate_radps[rows])
        east, north = np.cos(heading), np.sin(heading)
        backing = np.array([owner.backing_mps for owner in owners])
        speed = in_steps(model.speed_mps[rows] - backing)
        # The model's lateral speed is the centre of gravity's; CARLA's is the body's.
        leftward = model.lateral_speed_mps[rows] + self._scalars[rows, -1] * yaw_rate
        along = in_steps(model.acceleration_mps2[rows])
        across = model.lateral_acceleration_mps2[rows]
        table.location[actors, 0] = in_steps(model.x_m[rows])
        table.location[actors, 1] = -in_steps(model.y_m[rows])
        table.rotation[actors, 1] = (180.0 - np.degrees(heading)) % 360.0 - 180.0
        table.velocity[actors, 0] = speed * east - leftward * north
        table.velocity[actors, 1] = -(speed * north + leftward * east)
        table.angular_velocity[actors, 2] = -np.degrees(yaw_rate)
        table.acceleration[actors, 0] = along * east - across * north
        table.acceleration[actors, 1] = -(along * north + across * east)

    def _command(self, rows: Ints, actors: Ints) -> None:
        """Throttle, brake and steering of every vehicle become the model's commands."""
        control = self._table.vehicles[actors]
        speed = np.minimum(self._model.speed_mps[rows], SPEEDS_MPS[-1])
        below = np.minimum((speed / SPEEDS_MPS[1]).astype(np.int64), SPEEDS_MPS.size - 2)
        share = speed / SPEEDS_MPS[1] - below

        def at_speed(table: Floats) -> Floats:
            low, high = table[rows, below], table[rows, below + 1]
            return np.asarray(low + share * (high - low))

        mass, rolling_n, brake_n, hand_brake_n, drag_kgpm, _ = self._scalars[rows].T
        force = control["throttle"].astype(np.float64) * at_speed(self._traction_n)
        # In reverse gear the throttle drives backwards, which the model doesn't know.
        force[control["gear"] < 0] = 0.0
        force -= control["brake"].astype(np.float64) * brake_n
        force -= control["hand_brake"] * hand_brake_n
        acceleration = (force - drag_kgpm * speed**2 - rolling_n) / mass
        steering = -control["steer"].astype(np.float64) * at_speed(self._steering_rad)
        self._model.command(rows, in_steps(acceleration), angle_in_steps(steering))

    def _follow(self, vehicle: _Vehicle, row: int, wanted: Ackermann, dt_s: float) -> None:
        """Ackermann control goes past the powertrain: acceleration and angle are what it says."""
        speed = float(self._model.speed_mps[row]) - vehicle.backing_mps
        asked = _SPEED_GAIN_PER_S * (wanted.speed_mps - speed)
        if wanted.acceleration_mps2 > 0.0:
            asked = _within(asked, 0.0, wanted.acceleration_mps2)
        if wanted.jerk_mps3 > 0.0:
            asked = _within(asked, vehicle.asked_mps2, wanted.jerk_mps3 * dt_s)
        turn = inf if wanted.steer_speed_radps <= 0.0 else wanted.steer_speed_radps * dt_s
        vehicle.asked_mps2 = asked
        vehicle.asked_rad = _within(-wanted.steer_rad, vehicle.asked_rad, turn)
        self._model.command(row, asked, vehicle.asked_rad)

    def _override(self, vehicle: _Vehicle, row: int, dt_s: float) -> None:
        """What the model can't do: go backwards, or hold a velocity against its controls."""
        if vehicle.constant_velocity is not None:
            self._model.set_speed(row, max(vehicle.constant_velocity[0], 0.0))
        elif self._model.speed_mps[row] == 0.0:
            self._back(vehicle, row, dt_s)

    def _back(self, vehicle: _Vehicle, row: int, dt_s: float) -> None:
        """Drive backwards on the kinematic single-track path."""
        control, powertrain = self._table.vehicles[vehicle.actor.row], vehicle.powertrain
        if vehicle.ackermann is not None:
            push_mps2 = -vehicle.asked_mps2
            angle_rad = vehicle.asked_rad
            hold_mps2 = 0.0
        else:
            throttle = float(control["throttle"]) * (1.0 if control["gear"] < 0 else -1.0)
            mass = powertrain.physics.mass
            push_mps2 = throttle * float(powertrain.traction_in_n(-1)[0]) / mass
            angle_rad = -float(control["steer"]) * powertrain.physics.steering_max_rad
            hold_n = float(control["brake"]) * powertrain.brake_n
            hold_n += float(control["hand_brake"]) * powertrain.handbrake_n
            hold_mps2 = hold_n / mass + powertrain.rolling_resistance * GRAVITY_MPS2
        speed = vehicle.backing_mps + push_mps2 * dt_s
        speed = min(max(speed - hold_mps2 * dt_s, 0.0), MOST_BACKING_MPS)
        vehicle.backing_mps = speed
        if speed > 0.0:
            back(self._model, row, speed, angle_rad, dt_s)

    def _simulate(self, vehicle: _Vehicle) -> None:
        row = self._model.add(vehicle.parameters, *self._pose(vehicle.actor))
        vehicle.model_row = row
        size = self._model.active.size
        if row >= len(self._owner):
            added = size - len(self._owner)
            self._owner.extend([None] * added)
            self._traction_n = np.pad(self._traction_n, ((0, added), (0, 0)))
            self._steering_rad = np.pad(self._steering_rad, ((0, added), (0, 0)))
            self._scalars = np.pad(self._scalars, ((0, added), (0, 0)))
        self._owner[row] = vehicle
        self._fit(vehicle)

    def _release(self, vehicle: _Vehicle) -> None:
        if vehicle.model_row is not None:
            self._model.remove(vehicle.model_row)
            self._owner[vehicle.model_row] = None
            vehicle.model_row = None
            vehicle.backing_mps = 0.0

    def _fit(self, vehicle: _Vehicle) -> None:
        """Write a powertrain into the rows of arrays."""
        row, p, powertrain = vehicle.model_row, vehicle.parameters, vehicle.powertrain
        physics = powertrain.physics
        self._steering_rad[row] = powertrain.steering_rad
        self._scalars[row] = (
            physics.mass,
            powertrain.rolling_resistance * physics.mass * GRAVITY_MPS2,
            powertrain.brake_n,
            powertrain.handbrake_n,
            0.5 * AIR_DENSITY_KGPM3 * physics.drag_coefficient,
            0.5 * (p.front_axle_m - p.rear_axle_m),
        )
        self._shift(vehicle)

    def _shift(self, vehicle: _Vehicle) -> None:
        if vehicle.model_row is not None:
            by_hand, gear = vehicle.gear
            powertrain = vehicle.powertrain
            self._traction_n[vehicle.model_row] = (
                powertrain.traction_in_n(gear) if by_hand else powertrain.traction_n
            )

    def _pose(self, actor: Actor) -> tuple[float, float, float, float]:
        """Where the model is to have a vehicle: x, y, heading, speed."""
        x, y, _z = self._table.location[actor.row]
        heading = heading_in_steps(-radians(self._table.rotation[actor.row, 1]))
        speed = in_steps(max(self._speed_mps(actor), 0.0))
        return in_steps(float(x)), in_steps(float(-y)), heading, speed

    def _speed_mps(self, actor: Actor) -> float:
        forward = axes(self._table.rotation[actor.row])[:, 0]
        return float(self._table.velocity[actor.row] @ forward)


def _within(value: float, middle: float, reach: float) -> float:
    return min(max(value, middle - reach), middle + reach)


def _refitted(vehicle: _Vehicle, before: Powertrain) -> VehicleParameters:
    """The model's parameters after a change of physics control.

    What the client left as it was stays exactly as it was. An engine that was changed is limited
    by its own torque curve from then on.
    """
    p, now = vehicle.parameters, vehicle.powertrain
    old, new = before.physics, now.physics

    def change(after: float, earlier: float) -> float:
        return after / earlier if earlier > 0.0 else 1.0

    grip = max(
        change(_mean_friction(new), _mean_friction(old)), _LEAST_FRICTION / p.longitudinal_friction
    )
    lighter = change(old.mass, new.mass)
    same_engine = np.allclose(now.traction_n, before.traction_n, rtol=1e-5)
    front_axle_m = 0.5 * p.wheelbase_m - new.center_of_mass[0]
    front_axle_m = min(max(front_axle_m, 0.1 * p.wheelbase_m), 0.9 * p.wheelbase_m)
    return replace(
        p,
        mass_kg=new.mass,
        yaw_inertia_kgm2=p.yaw_inertia_kgm2 / lighter,
        front_axle_m=front_axle_m,
        rear_axle_m=p.wheelbase_m - front_axle_m,
        longitudinal_friction=p.longitudinal_friction * grip,
        lateral_friction=p.lateral_friction * grip,
        steering_max_rad=new.steering_max_rad,
        drag_area_m2=new.drag_coefficient,
        brake_max_mps2=p.brake_max_mps2 * change(now.brake_n, before.brake_n) * lighter,
        drive_max_mps2=(
            p.drive_max_mps2 * lighter if same_engine else float(now.traction_n.max()) / new.mass
        ),
        power_w=p.power_w if same_engine else float((now.traction_n * SPEEDS_MPS).max()),
    )


def _mean_friction(physics: PhysicsControl) -> float:
    return sum(wheel.tire_friction for wheel in physics.wheels) / max(len(physics.wheels), 1)
