"""Every stream message that the server builds, read by the real client."""

import json

import pytest

from tests.carla_server import run_synchronous
from vehicles.dynamics.steps import STEP

# Sensors answer on threads of their own: a queue per sensor, read after the tick.
LISTEN = """
import json, queue
import numpy as np

sensors = []

def listen(name, where=carla.Transform(), parent=None, **attributes):
    blueprint = library.find(name)
    for attribute, value in attributes.items():
        blueprint.set_attribute(attribute, str(value))
    sensor = world.spawn_actor(blueprint, where, attach_to=parent)
    heard = queue.Queue()
    sensor.listen(heard.put)
    sensors.append(sensor)
    return sensor, heard

def after_tick(heard):
    frame = world.tick()
    while True:
        event = heard.get(timeout=5.0)
        if event.frame == frame:
            return event

def nothing_more(heard):
    return heard.empty()
"""


def told_by(server: int, script: str) -> dict[str, object]:
    told = run_synchronous(server, LISTEN + script + "\nfor sensor in sensors: sensor.stop()")
    return json.loads(told.splitlines()[-1])


def test_imu_and_gnss_measure_what_the_car_does(server: int) -> None:
    told = told_by(
        server,
        """
car = world.spawn_actor(library.find("vehicle.audi.a2"), spawn_points[0])
imu, imus = listen("sensor.other.imu", parent=car)
gnss, fixes = listen("sensor.other.gnss", carla.Transform(carla.Location(z=1.5)), parent=car)
resting = after_tick(imus)
car.apply_control(carla.VehicleControl(throttle=0.5, steer=0.2))
for _ in range(30):
    moving = after_tick(imus)
while fixes.qsize() > 1:
    fixes.get()
fix = fixes.get()
here = world.get_map().transform_to_geolocation(fix.transform.location)
forward = car.get_transform().get_forward_vector()
acceleration = car.get_acceleration()
along = forward.x * acceleration.x + forward.y * acceleration.y
print(json.dumps({
    "resting": [resting.accelerometer.x, resting.accelerometer.y, resting.accelerometer.z],
    "moving": moving.accelerometer.x, "along": along,
    "gyro": moving.gyroscope.z, "yaw_rate": np.radians(car.get_angular_velocity().z),
    "compass": moving.compass, "yaw": car.get_transform().rotation.yaw,
    "fix": [fix.latitude, fix.longitude, fix.altitude],
    "here": [here.latitude, here.longitude], "z": car.get_location().z,
}))
""",
    )
    assert told["resting"] == pytest.approx([0.0, 0.0, 9.81], abs=1e-4)
    assert told["moving"] == pytest.approx(told["along"], abs=1e-3)
    assert told["along"] > 0.5
    # Steering right turns clockwise: positive in CARLA's frame.
    assert told["gyro"] == pytest.approx(told["yaw_rate"], abs=1e-5)
    assert told["gyro"] > 0.05
    # North is -y: a car that heads there (yaw -90 degrees) reads 0.
    turned = (told["compass"] * 180.0 / 3.141592653589793 - told["yaw"] - 90.0) % 360.0
    assert min(turned, 360.0 - turned) < 1e-3
    assert told["fix"][:2] == pytest.approx(told["here"], abs=1e-9)
    assert told["fix"][2] == pytest.approx(told["z"] + 1.5, abs=1e-5)


def test_noise_has_its_bias_and_its_seed(server: int) -> None:
    told = told_by(
        server,
        """
noise = dict(noise_lat_bias=0.5, noise_lon_stddev=0.001)
first, firsts = listen("sensor.other.gnss", noise_seed=1, **noise)
same, sames = listen("sensor.other.gnss", noise_seed=1, **noise)
fixes = [after_tick(firsts) for _ in range(60)]
print(json.dumps({
    "latitude": float(np.mean([fix.latitude for fix in fixes])),
    "origin": world.get_map().transform_to_geolocation(carla.Location()).latitude,
    "spread": float(np.std([fix.longitude for fix in fixes])),
}))
""",
    )
    assert told["latitude"] - told["origin"] == pytest.approx(0.5, abs=1e-9)
    assert 0.0007 < told["spread"] < 0.0014


def test_sensor_tick_thins_measurements_out(server: int) -> None:
    told = told_by(
        server,
        """
imu, imus = listen("sensor.other.imu", sensor_tick=0.2)
frames = [world.tick() for _ in range(21)]
import time
time.sleep(0.5)
heard = [imus.get().frame for _ in range(imus.qsize())]
print(json.dumps({"gaps": list(set(int(b - a) for a, b in zip(heard, heard[1:]))),
                  "count": len(heard)}))
""",
    )
    assert told == {"gaps": [4], "count": 6}


def test_a_rear_end_collision_is_told_with_both_cars_and_stops_them_together(server: int) -> None:
    told = told_by(
        server,
        """
ahead_of = spawn_points[0].get_forward_vector()
there = carla.Transform(spawn_points[0].location + 15.0 * ahead_of, spawn_points[0].rotation)
striker = world.spawn_actor(library.find("vehicle.audi.a2"), spawn_points[0])
struck = world.spawn_actor(library.find("vehicle.audi.a2"), there)
sensor, hits = listen("sensor.other.collision", parent=striker)
striker.set_target_velocity(10.0 * ahead_of)
event = None
for _ in range(60):
    world.tick()
    if event is None:
        try:
            event = hits.get(timeout=0.02)
            speeds = striker.get_velocity().length(), struck.get_velocity().length()
        except queue.Empty:
            pass
gap = striker.get_location().distance(struck.get_location())
impulse = event.normal_impulse
print(json.dumps({
    "self": event.actor.id == striker.id, "other": event.other_actor.id == struck.id,
    "type": event.other_actor.type_id, "frame": event.frame > 0,
    "impulse": impulse.x * ahead_of.x + impulse.y * ahead_of.y,
    "speeds": speeds, "gap": gap, "length": 2 * striker.bounding_box.extent.x,
}))
""",
    )
    assert (told["self"], told["other"], told["type"]) == (True, True, "vehicle.audi.a2")
    # Equal masses, nothing bounces: both go on at half the speed; 895 kg lose 5 m/s.
    assert told["impulse"] == pytest.approx(-895.0 * 5.0, rel=0.1)
    assert told["speeds"][0] == pytest.approx(told["speeds"][1], abs=0.8)
    assert told["gap"] > told["length"] - 0.3


def test_the_nearest_obstacle_ahead_is_told_with_its_distance(server: int) -> None:
    told = told_by(
        server,
        """
ahead_of = spawn_points[0].get_forward_vector()
car = world.spawn_actor(library.find("vehicle.audi.a2"), spawn_points[0])
sensor, found = listen("sensor.other.obstacle", carla.Transform(carla.Location(x=2.0, z=0.8)),
                       parent=car, distance=30, hit_radius=0.5, only_dynamics="false")
world.tick()
alone = nothing_more(found)
there = carla.Transform(spawn_points[0].location + 20.0 * ahead_of, spawn_points[0].rotation)
cone = world.spawn_actor(library.find("static.prop.box01"), there)
event = after_tick(found)
print(json.dumps({"alone": alone, "type": event.other_actor.type_id, "distance": event.distance}))
""",
    )
    # The ball of 0.5 m touches the box of 0.6 m, 20 m ahead, from 2 m before the car's middle.
    assert told["alone"] is True
    assert told["type"] == "static.prop.box01"
    # A vehicle is put down to the nearest step.
    assert told["distance"] == pytest.approx(20.0 - 2.0 - 0.3 - 0.5, abs=STEP)


def test_lane_invasions_are_found_by_the_client_itself(server: int) -> None:
    told = told_by(
        server,
        """
car = world.spawn_actor(library.find("vehicle.audi.a2"), spawn_points[0])
sensor, crossed = listen("sensor.other.lane_invasion", parent=car)
car.apply_control(carla.VehicleControl(throttle=0.4, steer=0.1))
for _ in range(60):
    world.tick()
print(json.dumps({"crossed": not nothing_more(crossed)}))
""",
    )
    assert told["crossed"] is True


def test_v2x_texts_arrive_with_the_power_that_free_space_leaves(server: int) -> None:
    told = told_by(
        server,
        """
place = spawn_points[0].location
sender, _ = listen("sensor.other.v2x_custom", carla.Transform(place))
near, heard_near = listen("sensor.other.v2x_custom",
                          carla.Transform(place + carla.Location(x=100.0)))
far, heard_far = listen("sensor.other.v2x_custom",
                        carla.Transform(place + carla.Location(x=5000.0)))
world.tick()
sender.send("brake, " + "x" * 150)
event = after_tick(heard_near)
message = event[0]
print(json.dumps({"count": len(event), "power": message.power,
                  "text": str(message.get()["Message"]["Message"]
                              if isinstance(message.get(), dict) else message.get()),
                  "sender": sender.id, "far": nothing_more(heard_far)}))
""",
    )
    # 20 lg(4 pi 100 m 5.9 GHz / c) = 87.86 dB.
    assert told["count"] == 1
    assert told["power"] == pytest.approx(21.5 - 87.86, abs=0.01)
    assert "brake, " in told["text"]
    assert told["far"] is True
