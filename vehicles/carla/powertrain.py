"""From CARLA's throttle, brake and steering to what the vehicle model is told, and back.

The stage is quasi-static: it is evaluated once per tick with the speed at the tick's begin. The
actuators' lags are the vehicle model's. With throttle t, brake b and speed v along the heading

    F = t traction(v) - b brake                                     force at the wheels [N]
    a = (F - 1/2 rho A v^2 - c_r m g) / m                           acceleration [m/s²]

where A is the physics control's drag coefficient, read as c_d times frontal area [m²], and
traction is the engine's torque at full throttle through the gear, over the wheel's radius. The
automatic gearbox takes the gear that pulls hardest and changes in no time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import degrees, inf, isfinite, radians
from typing import Any, NamedTuple

import numpy as np

from network.arrays import Floats
from vehicles.dynamics.parameters import VehicleParameters
from vehicles.dynamics.single_track import AIR_DENSITY_KGPM3, GRAVITY_MPS2

SPEEDS_MPS: Floats = np.arange(0.0, 120.5, 0.5)
"""Speeds at which traction and wheel angle are tabulated; between them they are linear."""

_RPM_PER_RADPS = 30.0 / np.pi
_REVERSE_RATIO = 3.0
_WHEEL_RADIUS_M = 0.35


class Gear(NamedTuple):
    """A forward gear: its ratio, and where CARLA's gearbox leaves it (shares of the top rpm)."""

    ratio: float
    down_ratio: float
    up_ratio: float


@dataclass(frozen=True)
class Wheel:
    """A wheel of CARLA's physics control; torques in N m, angles in degrees, the radius in cm."""

    tire_friction: float
    damping_rate: float
    max_steer_angle: float
    radius: float
    max_brake_torque: float
    max_handbrake_torque: float
    lat_stiff_max_load: float
    lat_stiff_value: float
    long_stiff_value: float
    position: tuple[float, float, float]


@dataclass(frozen=True)
class PhysicsControl:
    """CARLA's `VehiclePhysicsControl`, field by field in the wire's order."""

    torque_curve: tuple[tuple[float, float], ...]
    """Torque [N m] at full throttle by engine speed [rpm]."""
    max_rpm: float
    moi: float
    damping_rate_full_throttle: float
    damping_rate_zero_throttle_clutch_engaged: float
    damping_rate_zero_throttle_clutch_disengaged: float
    use_gear_autobox: bool
    gear_switch_time: float
    clutch_strength: float
    final_ratio: float
    forward_gears: tuple[Gear, ...]
    mass: float
    drag_coefficient: float
    center_of_mass: tuple[float, float, float]
    steering_curve: tuple[tuple[float, float], ...]
    wheels: tuple[Wheel, ...]
    use_sweep_wheel_collision: bool

    @classmethod
    def of(cls, control: Any) -> PhysicsControl:
        """Read the client library's `carla.VehiclePhysicsControl`."""
        return cls(
            torque_curve=_points(control.torque_curve),
            max_rpm=control.max_rpm,
            moi=control.moi,
            damping_rate_full_throttle=control.damping_rate_full_throttle,
            damping_rate_zero_throttle_clutch_engaged=(
                control.damping_rate_zero_throttle_clutch_engaged
            ),
            damping_rate_zero_throttle_clutch_disengaged=(
                control.damping_rate_zero_throttle_clutch_disengaged
            ),
            use_gear_autobox=control.use_gear_autobox,
            gear_switch_time=control.gear_switch_time,
            clutch_strength=control.clutch_strength,
            final_ratio=control.final_ratio,
            forward_gears=tuple(
                Gear(gear.ratio, gear.down_ratio, gear.up_ratio) for gear in control.forward_gears
            ),
            mass=control.mass,
            drag_coefficient=control.drag_coefficient,
            center_of_mass=_triple(control.center_of_mass),
            steering_curve=_points(control.steering_curve),
            wheels=tuple(
                Wheel(
                    wheel.tire_friction,
                    wheel.damping_rate,
                    wheel.max_steer_angle,
                    wheel.radius,
                    wheel.max_brake_torque,
                    wheel.max_handbrake_torque,
                    wheel.lat_stiff_max_load,
                    wheel.lat_stiff_value,
                    wheel.long_stiff_value,
                    _triple(wheel.position),
                )
                for wheel in control.wheels
            ),
            use_sweep_wheel_collision=control.use_sweep_wheel_collision,
        )

    @classmethod
    def from_parameters(
        cls,
        parameters: VehicleParameters,
        *,
        wheels: int = 4,
        tire_friction: float | None = None,
        steering_curve: tuple[tuple[float, float], ...] = ((0.0, 1.0), (200.0, 1.0)),
        power_w: float = inf,
    ) -> PhysicsControl:
        """The physics control that says what a parameter set says.

        The engine pulls with constant force and from its rated speed on with constant power, in
        one gear: the vehicle model knows no others. Brake torques, alike at all wheels, reach the
        set's strongest braking. Nothing that the vehicle model can follow is out of the pedals'
        reach, nor cut short on the way to it: its own limits come after its actuators' lags.

        Args:
            parameters: the set.
            wheels: 2 or 4.
            tire_friction: what to call the set's friction; the set's own if None.
            steering_curve: share of the wheel angle by speed [km/h].
            power_w: where to bend the torque curve; never, and leave it to the model, if infinite.
        """
        p = parameters
        radius_m, final_ratio, top_mps = _WHEEL_RADIUS_M, 10.0, float(SPEEDS_MPS[-1])
        rpm_per_mps = final_ratio / radius_m * _RPM_PER_RADPS
        drag_n = 0.5 * AIR_DENSITY_KGPM3 * p.drag_area_m2 * p.speed_max_mps**2
        force_n = p.mass_kg * (p.drive_max_mps2 + p.rolling_resistance * GRAVITY_MPS2) + drag_n
        rated_mps = min(power_w / force_n, top_mps)
        # The chords of the hyperbola lie above it: never less than the power.
        bends = np.append(0.0, np.geomspace(rated_mps, top_mps, 16))
        torques = np.minimum(force_n, power_w / np.maximum(bends, rated_mps))
        torques *= radius_m / final_ratio
        friction = p.longitudinal_friction if tire_friction is None else tire_friction
        share = p.brake_max_mps2 * p.mass_kg * radius_m / wheels
        half_m, side_m = 0.5 * p.wheelbase_m, 0.5 * p.track_m
        return cls(
            torque_curve=tuple(
                (float(v * rpm_per_mps), float(torque))
                for v, torque in zip(bends, torques, strict=True)
            ),
            max_rpm=float(top_mps * rpm_per_mps),
            moi=1.0,
            damping_rate_full_throttle=0.0,
            damping_rate_zero_throttle_clutch_engaged=0.0,
            damping_rate_zero_throttle_clutch_disengaged=0.0,
            use_gear_autobox=True,
            gear_switch_time=0.0,
            clutch_strength=10.0,
            final_ratio=final_ratio,
            forward_gears=(Gear(1.0, 0.5, 0.65),),
            mass=p.mass_kg,
            drag_coefficient=p.drag_area_m2,
            center_of_mass=(0.5 * (p.rear_axle_m - p.front_axle_m), 0.0, 0.0),
            steering_curve=steering_curve,
            wheels=tuple(
                Wheel(
                    tire_friction=friction,
                    damping_rate=0.0,
                    max_steer_angle=degrees(p.steering_max_rad) if index < wheels // 2 else 0.0,
                    radius=100.0 * radius_m,
                    max_brake_torque=share,
                    max_handbrake_torque=0.0 if index < wheels // 2 else 2.0 * share,
                    lat_stiff_max_load=2.0,
                    lat_stiff_value=p.cornering_stiffness_per_rad,
                    long_stiff_value=1000.0,
                    position=(
                        half_m if index < wheels // 2 else -half_m,
                        0.0 if wheels == 2 else side_m * (-1.0 if index % 2 == 0 else 1.0),
                        radius_m,
                    ),
                )
                for index in range(wheels)
            ),
            use_sweep_wheel_collision=False,
        )

    @classmethod
    def unpack(cls, fields: Sequence[Any]) -> PhysicsControl:
        """From the wire's nested lists; the way back is `dataclasses.astuple`.

        Raises:
            ValueError: a number that isn't finite, or a mass or a wheel's radius that isn't > 0.
        """
        values = list(fields)
        values[0] = tuple((x, y) for x, y in fields[0])
        values[10] = tuple(Gear(*gear) for gear in fields[10])
        values[13] = tuple(fields[13])
        values[14] = tuple((x, y) for x, y in fields[14])
        values[15] = tuple(Wheel(*(*wheel[:9], tuple(wheel[9]))) for wheel in fields[15])
        control = cls(*values)
        if not all(map(isfinite, _numbers(fields))):
            raise ValueError("expected finite numbers alone")
        if min(control.mass, *(wheel.radius for wheel in control.wheels)) <= 0.0:
            raise ValueError("expected a mass and wheels' radii > 0")
        return control

    @property
    def steering_max_rad(self) -> float:
        """The largest angle of any wheel [rad]."""
        return radians(max((wheel.max_steer_angle for wheel in self.wheels), default=0.0))


@dataclass(frozen=True)
class Powertrain:
    """Engine, gearbox, brakes and steering of one vehicle.

    Args:
        physics: the vehicle's physics control.
        rolling_resistance: rolling resistance per load, which CARLA's physics control leaves out.
    """

    physics: PhysicsControl
    rolling_resistance: float

    @cached_property
    def traction_n(self) -> Floats:
        """Force at full throttle at `SPEEDS_MPS` in the best gear [N]."""
        gears = range(1, len(self.physics.forward_gears) + 1)
        best: Floats = np.max([self.traction_in_n(gear) for gear in gears], axis=0, initial=0.0)
        return best

    @cached_property
    def brake_n(self) -> float:
        """Force of the fully applied brake [N]."""
        return self._torque_over_radius("max_brake_torque")

    @cached_property
    def handbrake_n(self) -> float:
        """Force of the hand brake [N]."""
        return self._torque_over_radius("max_handbrake_torque")

    @cached_property
    def steering_rad(self) -> Floats:
        """Wheel angle at full steer at `SPEEDS_MPS` [rad]."""
        share: Floats = np.ones_like(SPEEDS_MPS)
        if self.physics.steering_curve:
            speeds_kmph, shares = zip(*self.physics.steering_curve, strict=True)
            share = np.interp(3.6 * SPEEDS_MPS, speeds_kmph, shares)
        return self.physics.steering_max_rad * share

    def traction_in_n(self, gear: int) -> Floats:
        """Force at full throttle at `SPEEDS_MPS` in a gear: 1 up, 0 neutral, -1 back."""
        physics = self.physics
        if gear == 0 or not physics.torque_curve:
            return np.zeros_like(SPEEDS_MPS)
        forward = physics.forward_gears
        backward = gear < 0 or not forward
        ratio = _REVERSE_RATIO if backward else forward[min(gear, len(forward)) - 1].ratio
        through = ratio * physics.final_ratio / self._driven_radius_m
        rpm = SPEEDS_MPS * through * _RPM_PER_RADPS
        curve_rpm, curve_nm = np.array(physics.torque_curve).T
        torque = np.interp(rpm, curve_rpm, curve_nm)
        # A hair's breadth, as the curve may end at the top rpm itself.
        return np.where(rpm <= physics.max_rpm * (1.0 + 1e-6), torque * through, 0.0)

    def command(
        self, throttle: float, brake: float, steer: float, speed_mps: float
    ) -> tuple[float, float]:
        """What the vehicle model is told: acceleration [m/s²] and wheel angle, left positive [rad].

        Args:
            throttle: 0 to 1.
            brake: 0 to 1.
            steer: -1 (left) to 1.
            speed_mps: speed along the heading [m/s].
        """
        force = throttle * self._traction_at_n(speed_mps) - brake * self.brake_n
        acceleration = (force - self._resistance_n(speed_mps)) / self.physics.mass
        return acceleration, -steer * self._steering_at_rad(speed_mps)

    def control(
        self, acceleration_mps2: float, steering_rad: float, speed_mps: float
    ) -> tuple[float, float, float]:
        """Throttle, brake and steer that make `command` give these, as far as they reach."""
        force = acceleration_mps2 * self.physics.mass + self._resistance_n(speed_mps)
        traction, reach = self._traction_at_n(speed_mps), self._steering_at_rad(speed_mps)
        throttle = min(force / traction, 1.0) if force > 0.0 and traction > 0.0 else 0.0
        brake = min(-force / self.brake_n, 1.0) if force < 0.0 and self.brake_n > 0.0 else 0.0
        steer = min(max(-steering_rad / reach, -1.0), 1.0) if reach > 0.0 else 0.0
        return throttle, brake, steer

    def control_backwards(
        self, acceleration_mps2: float, steering_rad: float
    ) -> tuple[float, float, float]:
        """Throttle, brake and steer in reverse gear, as far as they reach.

        Args:
            acceleration_mps2: along the heading: what is negative drives, the rest brakes.
            steering_rad: wheel angle, left positive.
        """
        force = acceleration_mps2 * self.physics.mass
        traction, reach = float(self.traction_in_n(-1)[0]), self.physics.steering_max_rad
        throttle = min(-force / traction, 1.0) if force < 0.0 and traction > 0.0 else 0.0
        brake = min(force / self.brake_n, 1.0) if force > 0.0 and self.brake_n > 0.0 else 0.0
        steer = min(max(-steering_rad / reach, -1.0), 1.0) if reach > 0.0 else 0.0
        return throttle, brake, steer

    def _traction_at_n(self, speed_mps: float) -> float:
        return float(np.interp(speed_mps, SPEEDS_MPS, self.traction_n))

    def _steering_at_rad(self, speed_mps: float) -> float:
        return float(np.interp(speed_mps, SPEEDS_MPS, self.steering_rad))

    def _resistance_n(self, speed_mps: float) -> float:
        physics = self.physics
        drag_n = 0.5 * AIR_DENSITY_KGPM3 * physics.drag_coefficient * speed_mps**2
        return drag_n + self.rolling_resistance * physics.mass * GRAVITY_MPS2

    @property
    def _driven_radius_m(self) -> float:
        radii = [wheel.radius for wheel in self.physics.wheels if wheel.radius > 0.0]
        return radii[-1] / 100.0 if radii else _WHEEL_RADIUS_M

    def _torque_over_radius(self, torque: str) -> float:
        return sum(
            float(getattr(wheel, torque)) / (wheel.radius / 100.0)
            for wheel in self.physics.wheels
            if wheel.radius > 0.0
        )


def _numbers(fields: Any) -> Iterator[float]:
    for field in fields:
        if isinstance(field, list | tuple):
            yield from _numbers(field)
        else:
            yield field


def _points(vectors: Any) -> tuple[tuple[float, float], ...]:
    return tuple((vector.x, vector.y) for vector in vectors)


def _triple(vector: Any) -> tuple[float, float, float]:
    return (vector.x, vector.y, vector.z)
