"""Many commands in one call."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from vehicles.carla.server import wire
from vehicles.carla.server.rpc import actors, lights, vehicles
from vehicles.carla.server.rpc.table import METHODS, Method
from vehicles.carla.server.wire import CarlaError, Transform
from vehicles.carla.server.world import World

_SPAWN = 0
# The actor that a command in a spawn's own list means by this id is the one just spawned.
_FUTURE_ACTOR = 0


def _apply_walker_state(world: World, actor_id: int, transform: list[Any], speed: float) -> None:
    """Put a walker somewhere and let it go on ahead."""
    actor = world.actors.find(actor_id, "walker")
    at = Transform.read(transform)
    world.place(actor, at)
    world.walkers.head(actor, at.rotation[1], *wire.read_finite([speed]))


def _set_light_state(world: World, actor_id: int, flags: int) -> None:
    vehicles.set_vehicle_light_state(world, actor_id, [flags])


def _console(_world: World, _command: str) -> None:
    raise CarlaError("console commands are not supported by the headless server")


def _destroy(world: World, actor_id: int) -> None:
    world.destroy(world.actors.find(actor_id))


_COMMANDS: dict[int, Callable[..., None]] = {
    1: _destroy,
    2: vehicles.apply_control_to_vehicle,
    3: vehicles.apply_ackermann_control_to_vehicle,
    4: actors.apply_control_to_walker,
    5: vehicles.apply_physics_control,
    6: actors.set_actor_transform,
    7: _apply_walker_state,
    8: actors.set_actor_target_velocity,
    9: actors.set_actor_target_angular_velocity,
    10: actors.add_actor_impulse,
    11: actors.add_actor_force,
    12: actors.add_actor_angular_impulse,
    13: actors.add_actor_torque,
    14: actors.set_actor_simulate_physics,
    15: actors.set_actor_enable_gravity,
    16: vehicles.set_actor_autopilot,
    17: vehicles.show_vehicle_debug_telemetry,
    18: _set_light_state,
    19: actors.set_actor_location,
    20: _console,
    21: lights.set_traffic_light_state,
}


def apply_batch(world: World, commands: list[Any], do_tick: bool) -> list[Any]:
    """Do every command; one answer each, an error for those that can't be done."""
    results = [_done(world, command) for command in commands]
    if do_tick:
        world.tick()
    return results


def _done(world: World, command: list[Any]) -> Any:
    [[kind, body]] = command
    try:
        if kind == _SPAWN:
            return wire.success(_spawn(world, *body))
        _COMMANDS[kind](world, *body)
        return wire.success(body[0])
    except CarlaError as error:
        return wire.failure(str(error))


def _spawn(
    world: World,
    description: list[Any],
    transform: list[Any],
    parent: list[Any],
    _attachment: int,
    _socket: str,
    then: list[Any],
) -> int:
    mother = world.actors.find(parent[1]) if parent[0] else None
    actor = world.spawn(description, Transform.read(transform), mother)
    for [[kind, body]] in then:
        arguments = [actor.id if body[0] == _FUTURE_ACTOR else body[0], *body[1:]]
        # What can't be done with the new actor doesn't undo it.
        with suppress(CarlaError):
            _COMMANDS[kind](world, *arguments)
    return actor.id


def _as_it_is(results: list[Any]) -> list[Any]:
    return results


# The one call whose answer isn't wrapped as a whole.
METHODS["apply_batch"] = Method(apply_batch, _as_it_is, wire.failure)
