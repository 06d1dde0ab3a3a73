"""Traffic lights: who they hold, their own timing, and clients that set them."""

import json
from typing import Any

from tests.carla_server import run_synchronous

TOOLS = """
import json

lights = list(world.get_actors().filter("traffic.traffic_light"))

def ticks(count):
    for _ in range(count):
        world.tick()

def states(of):
    return sorted(str(light.get_state()) for light in of)
"""


def told_by(server: int, script: str) -> Any:
    return json.loads(run_synchronous(server, TOOLS + script).splitlines()[-1])


def test_one_approach_after_another_is_green_then_yellow_then_all_are_red(server: int) -> None:
    told = told_by(
        server,
        """
group = max((light.get_group_traffic_lights() for light in lights), key=len)
poles = sorted({light.get_pole_index() for light in group})
seen = []
for tick in range(20 * 15 * len(poles)):
    world.tick()
    shown = {pole: set() for pole in poles}
    for light in group:
        shown[light.get_pole_index()].add(str(light.get_state()))
    assert all(len(states) == 1 for states in shown.values())
    now = [next(iter(shown[pole])) for pole in poles]
    if not seen or seen[-1][0] != now:
        seen.append([now, 0])
    seen[-1][1] += 1
print(json.dumps([len(poles), seen]))
""",
    )
    count, seen = told
    assert count >= 3
    # The first stage is cut short by the ticks that setting up the world took, the last by the end.
    for index, (states, lasted) in enumerate(seen):
        turn, stage = divmod(index, 3)
        wanted = ["Red"] * count
        if stage < 2:
            wanted[turn % count] = ("Green", "Yellow")[stage]
        assert states == wanted
        if 0 < index < len(seen) - 1:
            assert lasted == (200, 60, 40)[stage]


def test_a_frozen_light_shows_what_it_was_told_and_its_times_can_be_set(server: int) -> None:
    frozen, set_to, kept, elapsed, times = told_by(
        server,
        """
light = lights[0]
light.freeze(True)
light.set_state(carla.TrafficLightState.Yellow)
light.set_green_time(4.0)
light.set_yellow_time(2.0)
light.set_red_time(1.0)
world.tick()
set_to = str(light.get_state())
ticks(400)
print(json.dumps([light.is_frozen(), set_to, str(light.get_state()), light.get_elapsed_time(),
                  [light.get_green_time(), light.get_yellow_time(), light.get_red_time()]]))
""",
    )
    assert (frozen, set_to, kept) == (True, "Yellow", "Yellow")
    assert elapsed == 0.0
    assert times == [4.0, 2.0, 1.0]


def test_a_car_before_the_line_knows_its_light_and_the_light_its_stop_line(server: int) -> None:
    at, state, near, later = told_by(
        server,
        """
world.freeze_all_traffic_lights(True)
for light in lights:
    light.set_state(carla.TrafficLightState.Red)
light = lights[0]
stop = light.get_stop_waypoints()[0]
car = world.spawn_actor(library.find("vehicle.audi.a2"), stop.previous(6.0)[0].transform)
world.tick()
mine = car.get_traffic_light()
at, state = car.is_at_traffic_light(), str(car.get_traffic_light_state())
center = mine.get_transform().transform(mine.trigger_volume.location)
near = center.distance(carla.Location(car.get_location().x, car.get_location().y, center.z))
car.set_transform(stop.previous(40.0)[0].transform)
world.tick()
print(json.dumps([at, state, near < 12.0, car.is_at_traffic_light()]))
""",
    )
    assert (at, state, near, later) == (True, "Red", True, False)


def test_a_group_starts_again_when_it_is_reset(server: int) -> None:
    before, after = told_by(
        server,
        """
group = max((light.get_group_traffic_lights() for light in lights), key=len)
ticks(20 * 16)
before = states(light for light in group if light.get_pole_index() == 0)
group[0].reset_group()
world.tick()
print(json.dumps([before, states(light for light in group if light.get_pole_index() == 0)]))
""",
    )
    assert set(before) == {"Red"}
    assert set(after) == {"Green"}
