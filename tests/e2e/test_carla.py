"""The bridge with CARLA moving the driven car: the real client, the headless server."""

import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from cosim.recording import read_manifest, read_table
from cosim.shipped import find_scenario
from tests.carla_server import carla_server, run_client
from tests.e2e.conftest import run_cosim
from tests.e2e.test_failures import assert_cut_off, start_at_walking_pace
from vehicles.carla.roads import opendrive_of_net

pytest.importorskip("carla")

Start = Callable[..., subprocess.Popen[str]]


def on_carla(port: int, *more: object) -> list[str]:
    return [
        "--set",
        "vehicles.backend=carla",
        "--set",
        f"vehicles.carla.port={port}",
        *map(str, more),
    ]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server that is left as it was found by every test."""
    with carla_server() as port:
        yield port


def what_is_left(port: int) -> tuple[str, ...]:
    """Settings and actors as a second client finds them."""
    told = run_client(
        port,
        """
        world = client.get_world()
        world.wait_for_tick()
        settings = world.get_settings()
        print(settings.synchronous_mode, settings.fixed_delta_seconds)
        kinds = [actor.type_id for actor in world.get_actors()]
        print([kind for kind in kinds if kind.startswith(("vehicle", "walker", "sensor"))])
        """,
    )
    return tuple(told.strip().splitlines())


RAIN = "{precipitation: 90, wetness: 100, precipitation_deposits: 70}"
AS_FOUND = ("False None", "[]")


def ego(run_dir: Path) -> np.ndarray:
    users = read_table(run_dir, "road_users")
    return users[users["driven"]].sort_values("time_s")[["time_s", "x_m", "y_m"]].to_numpy()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("scenario", "arguments"),
    [
        # The braking and what the ego makes of the warning included.
        ("highway_brake", ["--set", "duration_s=34"]),
        pytest.param("highway_brake", [], marks=pytest.mark.slow),
        pytest.param("highway_brake", ["--set", f"weather={RAIN}"], marks=pytest.mark.slow),
        pytest.param("city_grid", [], marks=pytest.mark.slow),
    ],
)
def test_carla_and_the_embedded_model_drive_alike(
    tmp_path: Path, port: int, scenario: str, arguments: list[str]
) -> None:
    """Equal to the last bit: fading makes of a hundredth of a millimetre another packet's fate."""
    embedded, carla = tmp_path / "embedded", tmp_path / "carla"
    run_cosim("run", scenario, *arguments, "--out", embedded, "-q", timeout_s=900)
    done = run_cosim(
        "run", scenario, *arguments, *on_carla(port), "--out", carla, "-q", timeout_s=900
    )
    manifest = read_manifest(carla)
    assert manifest["complete"], done.stderr
    assert manifest["versions"]["carla"] == "0.9.16"
    for table in ("road_users", "packets", "links", "handovers", "decisions"):
        here, there = read_table(embedded, table), read_table(carla, table)
        assert len(here) > 0
        pd.testing.assert_frame_equal(here, there, check_exact=True)
    assert what_is_left(port) == AS_FOUND


@pytest.mark.parametrize("told_to_end", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_the_server_as_it_was(
    tmp_path: Path, port: int, start_cosim: Start, told_to_end: signal.Signals
) -> None:
    out = tmp_path / "out"
    process = start_at_walking_pace(start_cosim, out, *on_carla(port))
    assert what_is_left(port)[0] == "True 0.02"
    process.send_signal(told_to_end)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert_cut_off(out, "interrupted")
    assert what_is_left(port) == AS_FOUND


def test_the_death_of_another_side_leaves_the_server_as_it_was(
    tmp_path: Path, port: int, start_cosim: Start
) -> None:
    out = tmp_path / "out"
    process = start_at_walking_pace(start_cosim, out, *on_carla(port, "--set", "traffic.api=traci"))
    children = psutil.Process(process.pid).children()
    next(child for child in children if child.name() == "sumo").kill()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "SUMO died" in errors
    assert what_is_left(port) == AS_FOUND


@pytest.mark.parametrize(
    ("deed", "says"),
    [(signal.SIGKILL, "is gone|has closed its connections"), (signal.SIGSTOP, "no answer from")],
)
def test_a_server_that_is_killed_or_hangs_ends_the_run_within_seconds(
    tmp_path: Path, start_cosim: Start, deed: signal.Signals, says: str
) -> None:
    server = start_cosim("carla-server", "--port", "0")
    assert server.stdout is not None
    port = int(server.stdout.readline().partition("127.0.0.1:")[2].partition(" ")[0])
    out = tmp_path / "out"
    process = start_at_walking_pace(start_cosim, out, *on_carla(port))
    server.send_signal(deed)
    began = time.monotonic()
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert process.returncode == 3
    assert "CARLA died" in errors
    assert re.search(says, errors)
    assert re.search(r"last good tick at [\d.]+ s \(frame \d+\)", errors)
    assert len(errors.strip().splitlines()) == 1
    assert_cut_off(out, "CARLA died")


def test_no_server_is_one_line_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    done = run_cosim("run", "highway_brake", *on_carla(1), "--out", tmp_path / "out")
    assert time.monotonic() - began < 20
    assert done.returncode == 2
    assert (
        done.stderr == "cosim: vehicles.carla: nobody answers at 127.0.0.1:1: connection refused\n"
    )


def test_somebody_else_who_ticks_is_noticed(tmp_path: Path, port: int, start_cosim: Start) -> None:
    process = start_at_walking_pace(start_cosim, tmp_path / "out", *on_carla(port))
    run_client(port, "client.get_world().tick()")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "another client ticks the world as well" in errors
    assert what_is_left(port) == AS_FOUND


def test_a_vanished_actor_is_noticed(tmp_path: Path, port: int, start_cosim: Start) -> None:
    """Of a driven vehicle it ends the run; others are shown again, and that is told."""
    out = tmp_path / "out"
    process = start_at_walking_pace(start_cosim, out, *on_carla(port))
    by_role = """
        world = client.get_world()
        world.wait_for_tick()
        actors = world.get_actors().filter("vehicle.*")
        role = {actor.attributes["role_name"]: actor for actor in actors}
        print(role[ROLE].destroy())
        """
    run_client(port, by_role.replace("ROLE", "'truck'"))
    time.sleep(1.0)
    run_client(port, by_role.replace("ROLE", "'ego'"))
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "which is ego, has vanished" in errors
    events = read_table(out, "events")
    assert events[events["kind"] == "vanished"]["id"].tolist() == ["truck"]
    assert what_is_left(port) == AS_FOUND


SET_LIGHTS = """
    world = client.get_world()
    world.wait_for_tick()
    lights = world.get_actors().filter("traffic.traffic_light*")
    lights[0].freeze(True)
    for light in lights:
        light.set_state(carla.TrafficLightState.STATE)
    world.wait_for_tick()
    """


def test_a_place_that_is_taken_is_tried_again(tmp_path: Path, port: int) -> None:
    """Somebody's parked car stands where the ego comes onto the road, and it drives on past it."""
    road = tmp_path / "highway.xodr"
    net = find_scenario("highway_brake").parent / "highway" / "highway.net.xml"
    road.write_text(opendrive_of_net(net))
    parked = f"""
        from pathlib import Path
        world = client.generate_opendrive_world(Path({str(road)!r}).read_text())
        car = world.get_blueprint_library().find("vehicle.audi.tt")
        at = carla.Transform(carla.Location(310.0, Y, 0.3))
        print(world.spawn_actor(car, at).id)
        """
    embedded, out = tmp_path / "embedded", tmp_path / "out"
    short = ["--set", "duration_s=4", "--set", "events=[]"]
    run_cosim("run", "highway_brake", *short, "--out", embedded, "-q")
    south_m = -ego(embedded)[0, 2]
    parked_id = run_client(port, parked.replace("Y", f"{south_m}")).strip()
    done = run_cosim("run", "highway_brake", *short, *on_carla(port), "--out", out, "-q")
    run_client(port, f"print(client.get_world().get_actor({parked_id}).destroy())")
    assert done.returncode == 0, done.stderr
    events = read_table(out, "events")
    assert "ego" in events[events["kind"] == "spawn_failed"]["id"].tolist()
    # At 25 m/s it is past the parked car within half a second, and CARLA's from then on.
    assert len(read_table(out, "decisions")) > 100
    assert what_is_left(port) == AS_FOUND


@pytest.mark.parametrize(("state", "drives_on"), [("Red", False), ("Green", True)])
def test_a_town_gives_sumo_its_road_and_its_lights(
    tmp_path: Path, port: int, state: str, drives_on: bool
) -> None:
    """The headless server's own map as the town; the ego waits where CARLA's lights are red."""
    import sumolib

    net_file = tmp_path / "town.net.xml"
    done = run_cosim("carla-net", "city_grid", "--port", port, "--out", net_file)
    assert done.returncode == 0, done.stderr
    net = sumolib.net.readNet(str(net_file), withInternal=False)
    first, following = next(
        (edge, ahead)
        for edge in net.getEdges()
        for ahead, connections in edge.getOutgoing().items()
        if edge.allows("passenger") and edge.getLength() > 80.0
        if edge.getToNode().getType() == "traffic_light"
        if any(connection.getDirection() == "s" for connection in connections)
    )
    lane = next(lane.getIndex() for lane in first.getLanes() if lane.allows("passenger"))
    scenario = tmp_path / "town.yaml"
    scenario.write_text(f"""
        name: town
        duration_s: 30
        traffic: {{}}
        twins: null
        network: {{model: ideal}}
        vehicles:
          backend: carla
          step_s: 0.05
          carla: {{port: {port}, town: city_grid, traffic_lights: carla}}
          driven:
            - {{id: ego, add: {{route: ["{first.getID()}", "{following.getID()}"], lane: {lane},
                position_m: 20, speed_mps: 8}}}}
        """)
    run_client(port, SET_LIGHTS.replace("STATE", state))
    done = run_cosim("run", scenario, "--out", tmp_path / "out", "-q")
    assert done.returncode == 0, done.stderr
    driven = ego(tmp_path / "out")
    travelled_m = float(np.hypot(*(driven[-1, 1:] - driven[0, 1:])))
    assert (travelled_m > first.getLength()) is drives_on
    assert travelled_m > 40.0
    assert what_is_left(port) == AS_FOUND


def test_a_net_of_another_road_than_the_towns_is_refused(tmp_path: Path, port: int) -> None:
    done = run_cosim(
        "run", "highway_brake", *on_carla(port, "--set", "vehicles.carla.town=city_grid"),
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 2
    assert "not the road of vehicles.carla.town: city_grid" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
