"""Settings, maps, batches, several clients, and clients that behave badly."""

import json
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgpack
import pytest

from tests.carla_server import PREAMBLE, SYNCHRONOUS, carla_server, run_client, run_synchronous


def told_by(server: int, script: str) -> Any:
    return json.loads(run_synchronous(server, "import json\n" + script).splitlines()[-1])


def test_every_tick_moves_time_on_by_the_fixed_step(server: int) -> None:
    frames, times, delta = told_by(
        server,
        """
snapshots = []
for _ in range(20):
    world.tick()
    snapshots.append(world.get_snapshot())
print(json.dumps([[s.frame for s in snapshots], [s.timestamp.elapsed_seconds for s in snapshots],
                  snapshots[-1].timestamp.delta_seconds]))
""",
    )
    assert frames == list(range(frames[0], frames[0] + 20))
    assert [b - a for a, b in pairwise(times)] == pytest.approx([0.05] * 19)
    assert delta == pytest.approx(0.05)


def test_left_alone_the_world_runs_by_itself(server: int) -> None:
    told = run_client(
        server,
        """
        world = client.get_world()
        first = world.wait_for_tick()
        for _ in range(5):
            last = world.wait_for_tick()
        print(world.get_settings().synchronous_mode, last.frame - first.frame)
        """,
    )
    assert told.split() == ["False", "5"]


def test_weather_is_kept(server: int) -> None:
    told = told_by(
        server,
        """
world.set_weather(carla.WeatherParameters.HardRainNoon)
print(json.dumps(world.get_weather() == carla.WeatherParameters.HardRainNoon))
""",
    )
    assert told is True


def test_a_generated_map_replaces_the_world_and_the_first_can_be_loaded_again(
    server: int,
) -> None:
    told = told_by(
        server,
        """
car = world.spawn_actor(library.find("vehicle.audi.a2"), spawn_points[0])
world.tick()
text = world.get_map().to_opendrive()
before = world.id
world = client.generate_opendrive_world(text)
names = [world.get_map().name]
print_ = [world.id > before, len(world.get_actors().filter("vehicle.*"))]
try:
    client.load_world("Town99")
except RuntimeError as error:
    refused = str(error)
try:
    client.generate_opendrive_world("no map")
except RuntimeError as error:
    bad = str(error)
world = client.load_world("grid")
names.append(world.get_map().name)
print(json.dumps([names, print_, refused, bad]))
""",
    )
    names, (newer, cars), refused, bad = told
    assert names == ["Carla/Maps/OpenDriveMap", "Carla/Maps/grid"]
    assert newer is True
    assert cars == 0
    assert "'Town99' not found" in refused
    assert "not OpenDRIVE" in bad


def test_a_batch_of_every_kind_of_command(server: int) -> None:
    told = told_by(
        server,
        """
C = carla.command
blueprint = library.find("vehicle.audi.a2")
walker_blueprint = library.filter("walker.*")[0]
spawned = client.apply_batch_sync([
    C.SpawnActor(blueprint, spawn_points[0])
        .then(C.ApplyTargetVelocity(C.FutureActor, 5.0 * spawn_points[0].get_forward_vector())),
    C.SpawnActor(blueprint, spawn_points[0]),
    C.SpawnActor(walker_blueprint, spawn_points[5]),
    C.SpawnActor(blueprint, spawn_points[9]).then(C.SetSimulatePhysics(C.FutureActor, False)),
], True)
errors = [bool(answer.error) for answer in spawned]
car, walker, kinematic = (spawned[i].actor_id for i in (0, 2, 3))
moving = world.get_actor(car).get_velocity().length()
there = spawn_points[20]
physics = world.get_actor(car).get_physics_control()
answers = client.apply_batch_sync([
    C.ApplyVehicleControl(car, carla.VehicleControl(throttle=0.3)),
    C.ApplyVehicleAckermannControl(car, carla.VehicleAckermannControl(speed=3.0)),
    C.ApplyWalkerControl(walker, carla.WalkerControl(carla.Vector3D(1, 0, 0), 1.0)),
    C.ApplyVehiclePhysicsControl(car, physics),
    C.ApplyTransform(kinematic, there),
    C.ApplyWalkerState(walker, spawn_points[6], 1.0),
    C.ApplyTargetAngularVelocity(kinematic, carla.Vector3D(0, 0, 3)),
    C.ApplyImpulse(car, carla.Vector3D()),
    C.ApplyForce(car, carla.Vector3D()),
    C.SetEnableGravity(car, True),
    C.SetVehicleLightState(car, carla.VehicleLightState(carla.VehicleLightState.Brake)),
    C.ApplyAngularImpulse(car, carla.Vector3D()),
    C.ApplyTransform(99999, there),
], True)
moved = world.get_actor(kinematic).get_location().distance(there.location)
lit = world.get_actor(car).get_light_state() == carla.VehicleLightState.Brake
gone = client.apply_batch_sync([C.DestroyActor(i) for i in (car, walker, kinematic, car)], True)
print(json.dumps([errors, moving, [a.error for a in answers], moved, lit,
                  [a.error for a in gone], len(world.get_actors().filter("vehicle.*"))]))
""",
    )
    errors, moving, answers, moved, lit, gone, left = told
    assert errors == [False, True, False, False]
    assert moving == pytest.approx(5.0, abs=0.02)
    assert answers[:11] == [""] * 11
    assert "not supported by the headless server" in answers[11]
    assert answers[12] == "actor 99999 not found"
    assert moved < 1e-4
    assert lit is True
    assert gone[:3] == [""] * 3
    assert "not found" in gone[3]
    assert left == 0


def test_what_is_fixed_to_a_car_goes_along_and_stays_behind_when_it_goes(server: int) -> None:
    offset, apart = told_by(
        server,
        """
car = world.spawn_actor(library.find("vehicle.audi.a2"), spawn_points[0])
where = carla.Transform(carla.Location(x=1.0, y=-0.5, z=2.0), carla.Rotation(yaw=90.0))
sensor = world.spawn_actor(library.find("sensor.other.gnss"), where, attach_to=car)
car.apply_control(carla.VehicleControl(throttle=0.7, steer=0.3))
for _ in range(40):
    world.tick()
wanted = car.get_transform().transform(where.location)
offset = sensor.get_location().distance(wanted)
turned = (sensor.get_transform().rotation.yaw - car.get_transform().rotation.yaw) % 360
here = sensor.get_location()
car.destroy()
world.tick()
print(json.dumps([[offset, turned], sensor.get_location().distance(here)]))
""",
    )
    assert offset == pytest.approx([0.0, 90.0], abs=1e-3)
    assert apart == 0.0


def test_rendering_and_recording_are_refused_in_words(server: int) -> None:
    told = told_by(
        server,
        """
def refusal(call):
    try:
        call()
    except RuntimeError as error:
        return str(error)

print(json.dumps([
    refusal(lambda: world.spawn_actor(library.find("sensor.camera.rgb"), carla.Transform())),
    refusal(lambda: client.start_recorder("x.log")),
    refusal(lambda: client.replay_file("x.log", 0, 0, 0)),
]))
""",
    )
    assert all("not supported by the headless server" in text for text in told)


def test_two_clients_share_the_world(server: int) -> None:
    spawner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            PREAMBLE
            + SYNCHRONOUS
            + """
world.spawn_actor(library.find("vehicle.audi.a2"), spawn_points[3])
world.tick()
print("spawned", flush=True)
input()
""",
            str(server),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert spawner.stdout is not None
    assert spawner.stdout.readline() == "spawned\n"
    told = run_client(
        server,
        """
        world = client.get_world()
        # In synchronous mode a client that comes later knows of no tick before the next one.
        before = world.tick()
        print(len(world.get_actors().filter("vehicle.*")), world.get_settings().synchronous_mode)
        print(world.tick() - before)
        """,
    )
    spawner.communicate("\n", timeout=30)
    assert told.split() == ["1", "True", "1"]


def test_a_client_that_dies_in_synchronous_mode_leaves_a_world_that_runs(server: int) -> None:
    dead = subprocess.run(
        [
            sys.executable,
            "-c",
            PREAMBLE
            + SYNCHRONOUS
            + """
car = world.spawn_actor(library.find("vehicle.audi.a2"), spawn_points[0])
sensor = world.spawn_actor(library.find("sensor.other.imu"), carla.Transform(), attach_to=car)
sensor.listen(lambda _: None)
car.set_autopilot(True)
world.tick()
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
""",
            str(server),
        ],
        capture_output=True,
        check=False,
    )
    assert dead.returncode == -9
    told = run_client(
        server,
        """
        world = client.get_world()
        first = world.wait_for_tick().frame
        print(world.wait_for_tick().frame > first, len(world.get_actors().filter("vehicle.*")))
        """,
    )
    assert told.split() == ["True", "1"]


_HERE = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
_NAN_CONTROL = [float("nan"), 0.0, 0.0, False, False, False, 0]


def call(port: int, *messages: bytes, answers: int = 1) -> list[Any]:
    """Raw bytes to the RPC port, and the answers that come back."""
    got: list[Any] = []
    with socket.create_connection(("127.0.0.1", port), timeout=5.0) as connection:
        for message in messages:
            connection.sendall(message)
        unpacker = msgpack.Unpacker()
        while len(got) < answers:
            received = connection.recv(65536)
            if not received:
                break
            unpacker.feed(received)
            got.extend(unpacker)
    return got


def request(name: str, *arguments: Any, number: int = 7) -> bytes:
    packed: bytes = msgpack.packb([0, number, name, [[False], *arguments]])
    return packed


def test_unknown_and_malformed_calls_are_answered_logged_and_survived(grid_net: Path) -> None:
    nonsense = [
        request("spawn_actor", "no description", 3),
        request("set_actor_transform", 1, [[float("nan"), 0.0, 0.0], [0.0, 0.0, 0.0]]),
        request("set_episode_settings", [True]),
        request("apply_batch", [[[77, [1]]]], False),
        request("get_actors_by_id"),
        request("spawn_actor", [0, "sensor.other.imu", [["sensor_tick", 3, "x"]]], _HERE),
    ]
    log: list[str] = []
    with carla_server("--net", str(grid_net), log=log) as port:
        (unknown,) = call(port, request("make_coffee"))
        answered = [call(port, message) for message in nonsense]
        # A script that has divided by zero must not stop everybody's world.
        (spawned,) = call(port, request("spawn_actor", [0, "vehicle.audi.a2", []], _HERE))
        car = spawned[3][0][1][0]
        (undriven,) = call(port, request("apply_control_to_vehicle", car, _NAN_CONTROL))
        (unpushed,) = call(port, request("set_actor_target_velocity", car, [float("inf"), 0, 0]))
        (ticked,) = call(port, request("tick_cue"))
        slowly = request("version")
        split = call(port, *(slowly[i : i + 1] for i in range(len(slowly))))
        cut_off = call(port, b"\\xc1\\xc1 GET / HTTP/1.1\\r\\n\\r\\n")
        for _ in range(3):
            # Streams nobody has, and half a subscription.
            socket.create_connection(("127.0.0.1", port), timeout=5.0).close()
        (alive,) = call(port, request("version"))
    assert "cosim carla-server: unknown call make_coffee" in log
    assert any("get_actors_by_id: TypeError" in line for line in log)
    assert unknown[:2] == [1, 7]
    assert "make_coffee" in unknown[2]
    assert all(len(answer) == 1 and answer[0][:2] == [1, 7] for answer in answered)
    assert "finite" in undriven[3][0][1][0]
    assert "finite" in unpushed[3][0][1][0]
    assert ticked[2] is None
    assert ticked[3][0][0] == 1
    assert split == [[1, 7, None, [[1, "0.9.16"]]]]
    assert cut_off == []
    assert alive[3] == [[1, "0.9.16"]]


def test_a_client_that_stops_reading_does_not_hold_the_others_up(server: int) -> None:
    told = run_client(server, "world = client.get_world(); print(world.id)")
    assert int(told) >= 1
    token = call(server, request("get_episode_info"))[0][3][0][1][1][0]
    streams = int.from_bytes(token[4:6], "little")
    with socket.create_connection(("127.0.0.1", streams), timeout=5.0) as deaf:
        deaf.sendall((1).to_bytes(4, "little"))
        began_s = time.monotonic()
        run_synchronous(server, "for _ in range(500): world.tick()")
        assert time.monotonic() - began_s < 60.0


def test_the_command_refuses_a_bad_map_and_a_taken_port_in_one_line(
    server: int, tmp_path: Path
) -> None:
    def refused(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "cosim.cli", "carla-server", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        return done.stderr

    (tmp_path / "bad.xodr").write_text("<OpenDRIVE/>")
    assert "no driving lane" in refused("--port", "0", "--xodr", str(tmp_path / "bad.xodr"))
    assert f"--port {server}" in refused("--port", str(server))
