"""Calls about traffic lights."""

from __future__ import annotations

from typing import Any

from vehicles.carla.server.actors import Actor
from vehicles.carla.server.rpc.table import answers, does
from vehicles.carla.server.wire import read_finite
from vehicles.carla.server.world import World


def _light(world: World, actor_id: int) -> Actor:
    return world.actors.find(actor_id, "traffic")


@does
def set_traffic_light_state(world: World, actor_id: int, state: int) -> None:
    """Show a state."""
    world.lights.set_state(_light(world, actor_id), state)


@does
def set_traffic_light_green_time(world: World, actor_id: int, time_s: float) -> None:
    """How long it is green."""
    world.lights.set_time(_light(world, actor_id), "green", *read_finite([time_s]))


@does
def set_traffic_light_yellow_time(world: World, actor_id: int, time_s: float) -> None:
    """How long it is yellow."""
    world.lights.set_time(_light(world, actor_id), "yellow", *read_finite([time_s]))


@does
def set_traffic_light_red_time(world: World, actor_id: int, time_s: float) -> None:
    """How long all are red after it."""
    world.lights.set_time(_light(world, actor_id), "red", *read_finite([time_s]))


@does
def freeze_traffic_light(world: World, actor_id: int, frozen: bool) -> None:
    """Stop or start a group's clock."""
    world.lights.freeze(_light(world, actor_id), frozen=frozen)


@does
def freeze_all_traffic_lights(world: World, frozen: bool) -> None:
    """Stop or start every clock."""
    world.lights.freeze_all(frozen=frozen)


@does
def reset_traffic_light_group(world: World, actor_id: int) -> None:
    """Begin a group's cycle anew."""
    world.lights.reset(_light(world, actor_id))


@does
def reset_all_traffic_lights(world: World) -> None:
    """Begin every cycle anew."""
    world.lights.reset_all()


@answers
def get_group_traffic_lights(world: World, actor_id: int) -> list[int]:
    """Lights that share a clock."""
    return [actor.id for actor in world.lights.group(_light(world, actor_id))]


@answers
def get_light_boxes(world: World, actor_id: int) -> list[Any]:
    """Boxes of a light's lamps: the one where it hangs."""
    return [world.light_box(_light(world, actor_id))]
