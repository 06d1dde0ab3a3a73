"""How vehicles and walkers answer to their controls, through the real client."""

import json
from typing import Any

import pytest

from tests.carla_server import run_synchronous

TOOLS = """
import json
import math

def spawn(name="vehicle.tesla.model3", at=0):
    return world.spawn_actor(library.find(name), spawn_points[at])

def ticks(count):
    for _ in range(count):
        world.tick()

def along(actor, vector):
    forward = actor.get_transform().get_forward_vector()
    return vector.x * forward.x + vector.y * forward.y

def speed(actor):
    return along(actor, actor.get_velocity())

def control(**pedals):
    return carla.VehicleControl(**pedals)
"""


def told_by(server: int, script: str) -> Any:
    return json.loads(run_synchronous(server, TOOLS + script).splitlines()[-1])


def test_throttle_accelerates_by_force_over_mass_and_half_the_torque_by_half(server: int) -> None:
    full, half, heavy, force, mass = told_by(
        server,
        """
def pull(change):
    car = spawn()
    physics = car.get_physics_control()
    change(physics)
    car.apply_physics_control(physics)
    world.tick()
    car.apply_control(control(throttle=0.5))
    ticks(30)
    pulled = along(car, car.get_acceleration())
    car.destroy()
    return pulled

def halve(physics):
    physics.torque_curve = [carla.Vector2D(p.x, 0.5 * p.y) for p in physics.torque_curve]

def double(physics):
    physics.mass = 2.0 * physics.mass

physics = spawn(at=40).get_physics_control()
gear, wheel = physics.forward_gears[0], physics.wheels[0]
force = physics.torque_curve[0].y * gear.ratio * physics.final_ratio / (0.01 * wheel.radius)
print(json.dumps([pull(lambda physics: None), pull(halve), pull(double), force, physics.mass]))
""",
    )
    assert mass == 1845.0
    # Rolling resistance takes its share; drag and the engine's lag hardly any at this speed.
    rolling = 0.012 * 9.81
    assert full == pytest.approx(0.5 * force / mass - rolling, rel=0.01)
    assert half == pytest.approx(0.25 * force / mass - rolling, rel=0.01)
    assert heavy == pytest.approx(half, rel=0.01)


def test_full_braking_stops_within_the_tyres_reach_and_less_grip_takes_longer(server: int) -> None:
    usual, slippery = told_by(
        server,
        """
def stopping_distance(share):
    car = spawn("vehicle.commonroad.bmw_320i")
    physics = car.get_physics_control()
    wheels = physics.wheels
    for wheel in wheels:
        wheel.tire_friction *= share
    physics.wheels = wheels
    car.apply_physics_control(physics)
    car.set_target_velocity(20.0 * spawn_points[0].get_forward_vector())
    car.apply_control(control(brake=1.0))
    ticks(200)
    assert speed(car) == 0.0
    distance = spawn_points[0].location.distance_2d(car.get_location())
    car.destroy()
    return distance

print(json.dumps([stopping_distance(1.0), stopping_distance(0.5)]))
""",
    )
    # v²/2a + v T - a T²/2 with the brake's 11.5 m/s² and lag T of 0.1 s.
    assert usual == pytest.approx(20.0**2 / 2.0 / 11.5 + 2.0 - 0.0575, rel=0.01)
    # Half the tyres' 1.1739 is less than that; the lag counts until their limit is reached.
    grip = 0.5 * 1.1739 * 9.81
    assert 20.0**2 / 2.0 / grip < slippery < 20.0**2 / 2.0 / grip + 2.0


def test_steering_right_turns_right_on_the_kinematic_radius(server: int) -> None:
    turned, radius, wanted, wheel = told_by(
        server,
        """
car = spawn("vehicle.commonroad.ford_escort")
angle = car.get_physics_control().wheels[0].max_steer_angle
car.apply_control(control(throttle=0.05, steer=0.2))
ticks(60)
turned = (car.get_transform().rotation.yaw - spawn_points[0].rotation.yaw + 180) % 360 - 180
yaw_rate = math.radians(car.get_angular_velocity().z)
wheels = [wheel.position.x for wheel in car.get_physics_control().wheels]
wheelbase = max(wheels) - min(wheels)
print(json.dumps([turned, speed(car) / yaw_rate,
                  wheelbase / math.tan(math.radians(0.2 * angle)),
                  car.get_wheel_steer_angle(carla.VehicleWheelLocation.FL_Wheel) / angle]))
""",
    )
    assert turned > 0.0
    assert radius == pytest.approx(wanted, rel=0.1)
    assert wheel == pytest.approx(0.2, abs=0.01)


def test_reverse_hand_brake_and_manual_gears(server: int) -> None:
    backwards, turning, held, neutral, forward = told_by(
        server,
        """
car = spawn()
car.apply_control(control(throttle=0.4, reverse=True))
ticks(40)
backwards = speed(car)
car.apply_control(control(throttle=0.3))
turning = []
for _ in range(80):
    world.tick()
    turning.append(speed(car))
car.apply_control(control(hand_brake=True))
ticks(40)
held = speed(car)
car.apply_control(control(throttle=1.0, manual_gear_shift=True, gear=0))
ticks(20)
neutral = speed(car)
car.apply_control(control(throttle=1.0, manual_gear_shift=True, gear=1))
ticks(20)
print(json.dumps([backwards, turning, held, neutral, speed(car)]))
""",
    )
    assert backwards < -1.0
    # Shifted to forward gear it goes slower and slower backwards and then drives off.
    assert backwards < turning[0] < 0.0 < turning[-1]
    assert turning == sorted(turning)
    assert held == 0.0
    assert neutral == 0.0
    assert forward > 2.0


def test_ackermann_control_reaches_the_speed_no_faster_than_it_may(server: int) -> None:
    early, late, stopped = told_by(
        server,
        """
car = spawn()
car.apply_ackermann_control(carla.VehicleAckermannControl(speed=8.0, acceleration=2.0))
ticks(40)
early = speed(car)
ticks(200)
late = speed(car)
car.apply_ackermann_control(carla.VehicleAckermannControl(speed=0.0, acceleration=3.0))
ticks(200)
print(json.dumps([early, late, speed(car)]))
""",
    )
    # 2 s at 2 m/s², less the engine's lag of 0.15 s.
    assert early == pytest.approx(2.0 * (2.0 - 0.15), abs=0.15)
    assert late == pytest.approx(8.0, abs=0.05)
    assert stopped == pytest.approx(0.0, abs=0.05)


def test_a_constant_velocity_is_held_against_the_pedals(server: int) -> None:
    held, freed = told_by(
        server,
        """
car = spawn()
car.enable_constant_velocity(carla.Vector3D(x=6.0))
car.apply_control(control(brake=1.0))
ticks(40)
held = speed(car)
car.disable_constant_velocity()
ticks(60)
print(json.dumps([held, speed(car)]))
""",
    )
    assert held == pytest.approx(6.0, abs=1e-3)
    assert freed == 0.0


def test_an_impulse_changes_the_speed_by_itself_over_the_mass(server: int) -> None:
    pushed = told_by(
        server,
        """
car = spawn()
car.add_impulse(3.0 * 1845.0 * spawn_points[0].get_forward_vector())
world.tick()
print(json.dumps(speed(car)))
""",
    )
    # One tick of rolling.
    assert pushed == pytest.approx(3.0, abs=0.02)


def test_without_physics_a_vehicle_is_where_it_is_put(server: int) -> None:
    stays, put, resumes = told_by(
        server,
        """
car = spawn()
car.set_simulate_physics(False)
car.apply_control(control(throttle=1.0))
ticks(20)
stays = car.get_location().distance(spawn_points[0].location)
wanted = carla.Transform(carla.Location(12.5, -7.25, 3.0), carla.Rotation(yaw=33.0))
car.set_transform(wanted)
world.tick()
put = [car.get_location().distance(wanted.location), car.get_transform().rotation.yaw]
car.set_transform(spawn_points[0])
car.set_simulate_physics(True)
ticks(20)
print(json.dumps([stays, put, speed(car)]))
""",
    )
    # Spawn points are half a metre above the ground, onto which vehicles are put.
    assert stays == pytest.approx(0.5, abs=1e-3)
    assert put == pytest.approx([0.0, 33.0], abs=1e-4)
    assert resumes > 2.0


def test_walkers_go_where_they_are_told(server: int) -> None:
    walked, speed, heading, stood = told_by(
        server,
        """
walker = world.spawn_actor(library.filter("walker.*")[0], spawn_points[0])
start = spawn_points[0].location
walker.apply_control(carla.WalkerControl(carla.Vector3D(0.6, 0.8, 0.0), 1.5))
ticks(40)
here = walker.get_location()
heading = walker.get_transform().rotation.yaw
moving = walker.get_velocity().length()
walker.apply_control(carla.WalkerControl())
ticks(10)
print(json.dumps([[here.x - start.x, here.y - start.y], moving, heading,
                  walker.get_location().distance(here)]))
""",
    )
    assert walked == pytest.approx([0.6 * 3.0, 0.8 * 3.0], abs=1e-3)
    assert speed == pytest.approx(1.5, abs=1e-5)
    assert heading == pytest.approx(53.13, abs=0.01)
    assert stood == 0.0
