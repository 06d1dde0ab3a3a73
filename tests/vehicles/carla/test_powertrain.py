"""The powertrain is the same both ways, and takes nothing from what the vehicle model can do."""

from dataclasses import astuple, replace
from math import pi

import msgpack
import numpy as np
import pytest

from vehicles.carla.powertrain import Gear, PhysicsControl, Powertrain
from vehicles.dynamics import PARAMETER_SETS, VehicleDynamics, vehicle_parameters


def powertrain_of(name: str) -> Powertrain:
    parameters = vehicle_parameters(name)
    physics = PhysicsControl.from_parameters(parameters)
    return Powertrain(physics, parameters.rolling_resistance)


@pytest.mark.parametrize("name", PARAMETER_SETS)
@pytest.mark.parametrize("speed_mps", [0.0, 0.3, 7.3, 19.9])
def test_command_undoes_control_as_far_as_the_model_follows(name: str, speed_mps: float) -> None:
    parameters, powertrain = vehicle_parameters(name), powertrain_of(name)
    for acceleration in np.linspace(-parameters.brake_max_mps2, parameters.drive_max_mps2, 25):
        for angle in (-parameters.steering_max_rad, -0.01, 0.2):
            pedals = powertrain.control(float(acceleration), angle, speed_mps)
            again = powertrain.command(*pedals, speed_mps)
            assert again == pytest.approx((acceleration, angle), abs=1e-9)


def test_the_pedals_stay_within_their_range() -> None:
    powertrain = powertrain_of("bmw_320i")
    assert powertrain.control(1e3, 9.0, 10.0) == (1.0, 0.0, -1.0)
    assert powertrain.control(-1e3, -9.0, 10.0) == (0.0, 1.0, 1.0)


def test_full_throttle_pulls_by_the_torque_through_the_gear_that_pulls_hardest() -> None:
    physics = replace(
        PhysicsControl.from_parameters(vehicle_parameters("bmw_320i")),
        torque_curve=((0.0, 200.0), (6000.0, 200.0)),
        max_rpm=6000.0,
        final_ratio=4.0,
        forward_gears=(Gear(3.0, 0.5, 0.65), Gear(1.0, 0.5, 0.65)),
    )
    powertrain = Powertrain(physics, rolling_resistance=0.0)
    radius_m = physics.wheels[0].radius / 100.0
    first_n, second_n = 200.0 * 12.0 / radius_m, 200.0 * 4.0 / radius_m
    # First gear ends where the engine turns at 6000/min.
    end_mps = 6000.0 * 2.0 * pi / 60.0 / 12.0 * radius_m
    assert powertrain.traction_n[0] == pytest.approx(first_n)
    assert powertrain.traction_n[int(2.0 * end_mps)] == pytest.approx(first_n)
    assert powertrain.traction_n[int(2.0 * end_mps) + 1] == pytest.approx(second_n)
    assert powertrain.traction_in_n(0).max() == 0.0
    assert powertrain.traction_in_n(2)[0] == pytest.approx(second_n)


def test_the_physics_control_survives_the_wire() -> None:
    physics = PhysicsControl.from_parameters(vehicle_parameters("vw_vanagon"))
    packed = msgpack.unpackb(msgpack.packb(astuple(physics)))
    assert PhysicsControl.unpack(packed) == physics


def test_driving_by_pedals_in_single_precision_is_driving_by_commands() -> None:
    """What a client sends as float32 moves the model as the commands themselves would."""
    powertrain = powertrain_of("bmw_320i")
    direct, through = VehicleDynamics(), VehicleDynamics()
    for model in (direct, through):
        model.add("bmw_320i", 0.0, 0.0, 0.0, 20.0)
    for tick in range(1500):
        t_s = 0.02 * tick
        acceleration = 2.4 * np.sin(0.4 * t_s) - 3.0 * (t_s % 9.0 > 7.5)
        angle = 0.02 * np.sin(0.9 * t_s)
        direct.command(0, acceleration, angle)
        pedals = powertrain.control(acceleration, angle, float(np.float32(through.speed_mps[0])))
        as_sent = (float(np.float32(pedal)) for pedal in pedals)
        through.command(0, *powertrain.command(*as_sent, float(through.speed_mps[0])))
        direct.advance(20_000_000)
        through.advance(20_000_000)
    apart_m = np.hypot(direct.x_m[0] - through.x_m[0], direct.y_m[0] - through.y_m[0])
    assert direct.x_m[0] > 300.0
    # Half a minute without anybody correcting: the rounding of the pedals adds up to millimetres.
    assert apart_m < 0.01
