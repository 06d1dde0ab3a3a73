"""The backend against the headless server, and the same checks against a real CARLA 0.9.16:

    CARLA_HOST=127.0.0.1 pytest -m carla_real tests/vehicles/carla/test_backend.py

(CARLA_PORT, if it isn't 2000.) A real server drives by its own physics and shows its own bodies, so
its tolerances are wider where that matters.
"""

import os
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest

from cosim.shipped import find_scenario
from tests.carla_server import carla_server
from vehicles.carla.actors import Body
from vehicles.carla.backend import CarlaBackend, Command, DrivenBody, Pose
from vehicles.carla.coordinates import Poses
from vehicles.carla.lights import TrafficLight
from vehicles.carla.liveness import ServerUnreachable
from vehicles.carla.roads import opendrive_of_net
from vehicles.settings import CarlaSettings
from vehicles.state import Kind
from vehicles.weather import WeatherSettings

carla = pytest.importorskip("carla")

SCENARIOS = find_scenario("city_grid").parent
CITY = SCENARIOS / "city_grid" / "city_grid.net.xml"
STEP_S = 0.05
EAST = 0.0
# On a lane of city_grid's: edge A1B1, eastwards, 80 m before its end.
STREET = Pose(130.0, 215.2, 0.0, EAST)
NOBODY = Poses(*(np.zeros(0) for _ in range(4)))


class Server(NamedTuple):
    host: str
    port: int
    real: bool


@pytest.fixture(
    scope="module",
    params=["headless", pytest.param("real", marks=pytest.mark.carla_real)],
)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "headless":
        with carla_server() as port:
            yield Server("127.0.0.1", port, real=False)
    elif "CARLA_HOST" in os.environ:
        yield Server(os.environ["CARLA_HOST"], int(os.environ.get("CARLA_PORT", "2000")), real=True)
    else:
        pytest.skip("CARLA_HOST names no real CARLA server")


def opened(server: Server, weather: WeatherSettings | None = None, **more: object) -> CarlaBackend:
    settings = CarlaSettings(host=server.host, port=server.port, **more)
    backend = CarlaBackend(settings, weather or WeatherSettings(), step_s=STEP_S)
    backend.connect()
    backend.load(opendrive_of_net(CITY))
    backend.begin()
    return backend


@pytest.fixture
def backend(server: Server) -> Iterator[CarlaBackend]:
    backend = opened(server, sensors=["collision", "gnss", "imu"])
    yield backend
    backend.end()


def second_client(server: Server) -> carla.World:
    client = carla.Client(server.host, server.port)
    client.set_timeout(20.0)
    world = client.get_world()
    # The first snapshot comes a moment after the connection; before it nobody is there.
    deadline = time.monotonic() + 20.0
    while world.get_snapshot().frame == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return world


def tick(backend: CarlaBackend, commands: dict[str, Command] | None = None) -> None:
    backend.tick(commands or {}, [], NOBODY, {})


def drive(backend: CarlaBackend, pose: Pose, speed_mps: float) -> DrivenBody:
    body = backend.add_driven("ego", "bmw_320i", pose, speed_mps)
    assert isinstance(body, DrivenBody), body
    return body


def test_the_server_is_left_as_it_was_found(server: Server) -> None:
    world = second_client(server)
    settings, weather = world.get_settings(), world.get_weather()
    before = len(world.get_actors().filter("vehicle.*"))
    backend = opened(server, WeatherSettings(precipitation=80.0, sun_altitude_angle=-5.0))
    drive(backend, STREET, 5.0)
    tick(backend, {"ego": Command()})
    world = second_client(server)
    assert world.get_settings().synchronous_mode
    assert world.get_settings().fixed_delta_seconds == pytest.approx(STEP_S)
    assert world.get_weather().precipitation == pytest.approx(80.0)
    assert world.get_weather().sun_altitude_angle == pytest.approx(-5.0)
    backend.end()
    backend.end()
    world = second_client(server)
    assert world.get_settings() == settings
    assert world.get_weather() == weather
    assert len(world.get_actors().filter("vehicle.*")) == before


def test_the_road_is_the_same_for_both(backend: CarlaBackend, server: Server) -> None:
    del backend
    road_map = second_client(server).get_map()
    here = road_map.get_waypoint(carla.Location(STREET.x_m, -STREET.y_m, 0.0)).transform
    assert here.location.x == pytest.approx(STREET.x_m, abs=0.1)
    assert here.location.y == pytest.approx(-STREET.y_m, abs=0.1)
    assert np.cos(np.radians(here.rotation.yaw)) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("wanted_mps2", [1.0, -3.0])
def test_a_wanted_acceleration_is_had(
    backend: CarlaBackend, server: Server, wanted_mps2: float
) -> None:
    drive(backend, STREET, 12.0)
    speeds = []
    for _ in range(40):
        tick(backend, {"ego": Command(wanted_mps2, 0.0)})
        speeds.append(float(backend.driven_state(["ego"])[1].speed_mps[0]))
    # The last second of two: the actuators have come up by then.
    had_mps2 = (speeds[-1] - speeds[-21]) / (20 * STEP_S)
    assert had_mps2 == pytest.approx(wanted_mps2, rel=0.3 if server.real else 0.02)


def test_a_driven_vehicle_starts_as_it_came(backend: CarlaBackend, server: Server) -> None:
    body = drive(backend, STREET, 12.0)
    tick(backend, {"ego": Command()})
    poses, motion = backend.driven_state(["ego"])
    within = 0.3 if server.real else 0.01
    assert poses.x_m[0] == pytest.approx(STREET.x_m + 12.0 * STEP_S, abs=within)
    assert poses.y_m[0] == pytest.approx(STREET.y_m, abs=within)
    assert motion.speed_mps[0] == pytest.approx(12.0, abs=within)
    assert 2.0 < body.wheelbase_m < 3.5
    assert body.note == "" or server.real


def test_water_on_the_road_takes_grip(server: Server) -> None:
    """Full brakes on a dry and on a soaked road; in a real CARLA weather is a sight alone."""
    if server.real:
        pytest.skip("a real server's tyres know no weather")
    soaked = WeatherSettings(wetness=100.0, precipitation_deposits=80.0)
    lost_mps = {}
    for weather in (WeatherSettings(), soaked):
        backend = opened(server, weather)
        drive(backend, STREET, 20.0)
        for _ in range(20):
            tick(backend, {"ego": Command(-12.0, 0.0)})
        speed_mps = float(backend.driven_state(["ego"])[1].speed_mps[0])
        lost_mps[weather] = 20.0 - speed_mps
        backend.end()
    share = lost_mps[soaked] / lost_mps[WeatherSettings()]
    grip = soaked.grip(np.array([10.0, 20.0]))
    assert grip.min() - 0.05 < share < grip.max() + 0.05 < 1.0


def test_steering_left_is_left(backend: CarlaBackend) -> None:
    drive(backend, STREET, 8.0)
    for _ in range(20):
        tick(backend, {"ego": Command(0.0, 0.1)})
    poses, motion = backend.driven_state(["ego"])
    assert poses.heading_rad[0] > 0.1
    assert poses.y_m[0] > STREET.y_m + 0.1
    assert motion.yaw_rate_radps[0] > 0.1
    assert backend.measured("ego").yaw_rate_radps == pytest.approx(
        motion.yaw_rate_radps[0], rel=0.2
    )


BODIES = [
    Body("car", Kind.CAR, 5.0, 1.8, 1.5),
    Body("truck", Kind.TRUCK, 9.0, 2.4, 3.5),
    Body("bus", Kind.BUS, 12.0, 2.5, 3.4),
    Body("motorcycle", Kind.MOTORCYCLE, 2.2, 0.9, 1.5),
    Body("bicycle", Kind.BICYCLE, 1.6, 0.65, 1.7),
    Body("pedestrian", Kind.PEDESTRIAN, 0.215, 0.478, 1.719),
]


def test_everybody_else_is_shown_where_sumo_has_them(backend: CarlaBackend, server: Server) -> None:
    """Six kinds in a row, turned six ways, moved two metres; a second client looks."""
    x_m = 110.0 + 15.0 * np.arange(6)
    heading = np.array([0.0, 1.2, 2.4, -0.7, -2.0, 3.1])
    for body, x, angle in zip(BODIES, x_m.tolist(), heading.tolist(), strict=True):
        choice = backend.choose(body)
        assert choice is not None
        why_not = backend.add_shown(body, choice.blueprint, (200, 0, 0), Pose(x, 215.2, 0.0, angle))
        assert why_not == ""
    at = Poses(x_m, np.full(6, 217.2), np.zeros(6), heading)
    names = [body.id for body in BODIES]
    for _ in range(2):
        backend.tick({}, names, at, {"car": 8 + 32})
    actors = {actor.attributes["role_name"]: actor for actor in second_client(server).get_actors()
              if actor.attributes.get("role_name") in names}  # fmt: skip
    assert sorted(actors) == sorted(names)
    for row, body in enumerate(BODIES):
        box = actors[body.id].bounding_box
        transform = actors[body.id].get_transform()
        centre = transform.transform(box.location)
        assert centre.x == pytest.approx(x_m[row], abs=0.05)
        assert centre.y == pytest.approx(-217.2, abs=0.05)
        assert centre.z == pytest.approx(box.extent.z, abs=0.1)
        assert np.cos(np.radians(transform.rotation.yaw) + heading[row]) == pytest.approx(1.0)
        if not server.real:
            assert 2.0 * box.extent.x == pytest.approx(body.length_m, abs=1e-3)
            assert 2.0 * box.extent.y == pytest.approx(body.width_m, abs=1e-3)
    assert int(actors["car"].get_light_state()) == 8 + 32
    assert backend.vanished() == []


def test_a_place_that_is_taken_is_told(backend: CarlaBackend) -> None:
    drive(backend, STREET, 0.0)
    tick(backend, {"ego": Command(-1.0, 0.0)})
    choice = backend.choose(BODIES[0])
    assert choice is not None
    assert "collision" in backend.add_shown(BODIES[0], choice.blueprint, None, STREET)
    elsewhere = STREET._replace(x_m=STREET.x_m - 20.0)
    assert backend.add_shown(BODIES[0], choice.blueprint, None, elsewhere) == ""


def test_a_collision_is_reported_by_the_sensor(backend: CarlaBackend) -> None:
    """The ego runs into a truck that stands 15 m ahead of it."""
    truck = BODIES[1]
    choice = backend.choose(truck)
    assert choice is not None
    ahead = STREET._replace(x_m=STREET.x_m + 15.0)
    assert backend.add_shown(truck, choice.blueprint, None, ahead) == ""
    drive(backend, STREET, 10.0)
    touched: list[str] = []
    for _ in range(40):
        tick(backend, {"ego": Command()})
        touched += backend.touched("ego")
    assert "truck" in touched


def test_the_latitude_grows_northwards(backend: CarlaBackend) -> None:
    """0.9.16 mirrors it. city_grid lies at (0, 0): 215 m north of it are 0.00193 degrees."""
    drive(backend, STREET, 0.0)
    tick(backend, {"ego": Command(-1.0, 0.0)})
    measured = backend.measured("ego")
    assert measured.latitude_deg == pytest.approx(0.00193, abs=0.00005)
    assert measured.longitude_deg == pytest.approx(0.00117, abs=0.00005)


def test_traffic_lights_show_what_they_are_told(backend: CarlaBackend) -> None:
    lights = backend.traffic_light_states()
    assert len(lights) > 50
    told = {signal: TrafficLight(number % 3) for number, signal in enumerate(sorted(lights))}
    backend.show_traffic_lights(told)
    for _ in range(40):
        tick(backend)
    assert backend.traffic_light_states() == told


def test_the_world_stands_still_between_ticks(backend: CarlaBackend) -> None:
    tick(backend)
    frame = backend.frame
    time.sleep(0.2)
    tick(backend)
    assert backend.frame == frame + 1


def test_another_release_is_one_line(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carla.Client, "get_server_version", lambda _: "0.9.15-7-gabc")
    settings = CarlaSettings(host=server.host, port=server.port)
    backend = CarlaBackend(settings, WeatherSettings(), step_s=STEP_S)
    with pytest.raises(
        ServerUnreachable, match=r"is CARLA 0\.9\.15.* pip install carla==0\.9\.15$"
    ):
        backend.connect()


def test_a_town_that_the_server_has_not_is_told(server: Server) -> None:
    settings = CarlaSettings(host=server.host, port=server.port, town="Atlantis")
    backend = CarlaBackend(settings, WeatherSettings(), step_s=STEP_S)
    backend.connect()
    with pytest.raises(ServerUnreachable, match="Atlantis"):
        backend.load(None)
