"""The document's tables say of every method of the client's what trying it shows."""

import json
from pathlib import Path

import pytest

from tests.carla_server import carla_server, run_synchronous
from tests.vehicles.carla.server import conformance
from tests.vehicles.carla.server.conformance import CALLS, CLIENT_SIDE, SENSORS

WALK = """
import json

C = carla.command
place = spawn_points[40]
car = world.spawn_actor(library.find("vehicle.audi.a2"), spawn_points[0])
walker = world.spawn_actor(library.filter("walker.*")[0], spawn_points[10])
box = world.spawn_actor(library.find("static.prop.box01"), spawn_points[20])
gnss = world.spawn_actor(library.find("sensor.other.gnss"), carla.Transform(), attach_to=car)
v2x = world.spawn_actor(library.find("sensor.other.v2x_custom"), carla.Transform())
here = world.get_map().get_waypoint(spawn_points[0].location)
world.tick()
light = world.get_actors().filter("traffic.traffic_light")[0]
calls = json.loads(CALLS)
told = {}
scope = dict(globals())
for name, code in calls.items():
    try:
        exec(code, scope)
        told[name] = ""
    except Exception as error:
        told[name] = f"{type(error).__name__}: {error}"
world.tick()
members = {
    cls: sorted(
        member for member in vars(getattr(carla, cls))
        if not member.startswith("_")
    )
    for cls in CLASSES
}
sensors = {}
for blueprint in library.filter("sensor.*"):
    try:
        world.spawn_actor(blueprint, carla.Transform(), attach_to=car)
        sensors[blueprint.id] = ""
    except RuntimeError as error:
        sensors[blueprint.id] = str(error)
print(json.dumps([told, members, sensors]))
"""


@pytest.fixture(scope="module")
def walked(grid_net: Path) -> tuple[dict[str, str], dict[str, list[str]], dict[str, str], str]:
    """What became of each call, the client's methods, each sensor's spawning, the server's log."""
    codes = {
        f"{cls}.{name}": call.code for cls, calls in CALLS.items() for name, call in calls.items()
    }
    classes = [*CALLS, *CLIENT_SIDE]
    script = WALK.replace("CALLS", repr(json.dumps(codes))).replace("CLASSES", repr(classes))
    log: list[str] = []
    with carla_server("--net", str(grid_net), log=log) as port:
        told = run_synchronous(port, script)
    calls, members, sensors = json.loads(told.splitlines()[-1])
    return calls, members, sensors, "\n".join(log)


def test_every_method_of_the_client_is_in_the_tables(
    walked: tuple[dict[str, str], dict[str, list[str]], dict[str, str], str],
) -> None:
    _, members, _, _ = walked
    missing = {
        cls: sorted(set(members[cls]) ^ set(calls))
        for cls, calls in CALLS.items()
        if set(members[cls]) != set(calls)
    }
    assert missing == {}


def test_every_call_does_what_the_tables_say(
    walked: tuple[dict[str, str], dict[str, list[str]], dict[str, str], str],
) -> None:
    told, _, _, log = walked
    wrong = {}
    for cls, calls in CALLS.items():
        for name, call in calls.items():
            error = told[f"{cls}.{name}"]
            if call.supported != "no":
                agrees = error == ""
            elif call.logged:
                agrees = any(
                    call.logged in line and "not supported by the headless server" in line
                    for line in log.splitlines()
                )
            else:
                agrees = call.code == "..." or "not supported by the headless server" in error
            if not agrees:
                wrong[f"{cls}.{name}"] = error
    assert wrong == {}
    assert "unknown call" not in log


def test_every_sensor_can_be_had_or_is_refused_as_the_table_says(
    walked: tuple[dict[str, str], dict[str, list[str]], dict[str, str], str],
) -> None:
    _, _, sensors, _ = walked
    assert set(sensors) == set(SENSORS)
    for name, (level, _note) in SENSORS.items():
        assert (sensors[name] == "") == (level != "no"), (name, sensors[name])


def test_the_document_holds_the_tables() -> None:
    assert conformance.documented() == conformance.tables()
