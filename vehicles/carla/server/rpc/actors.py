"""Calls about actors of any kind: spawning, finding, moving."""

from __future__ import annotations

from typing import Any

import numpy as np

from vehicles.carla.server.rpc.table import answers, does
from vehicles.carla.server.wire import CarlaError, Transform, read_finite, read_triple
from vehicles.carla.server.world import World


@answers
def spawn_actor(world: World, description: list[Any], transform: list[Any]) -> Any:
    """Make an actor."""
    return world.spawn(description, Transform.read(transform)).packed()


@answers
def spawn_actor_with_parent(
    world: World,
    description: list[Any],
    transform: list[Any],
    parent_id: int,
    _attachment: int,
    _socket: str,
) -> Any:
    """Make an actor that is fixed to another; every attachment is rigid."""
    parent = world.actors.find(parent_id)
    return world.spawn(description, Transform.read(transform), parent).packed()


@answers
def destroy_actor(world: World, actor_id: int) -> bool:
    """Remove an actor; false if there is none."""
    actor = world.actors.get(actor_id)
    if actor is None:
        return False
    world.destroy(actor)
    return True


@answers
def get_actors_by_id(world: World, ids: list[int]) -> list[Any]:
    """Those of the actors that there are."""
    found = (world.actors.get(actor_id) for actor_id in ids)
    return [actor.packed() for actor in found if actor is not None]


@answers
def get_spectator(world: World) -> Any:
    """Whoever looks on."""
    return world.spectator.packed()


@answers
def get_actor_bounding_box(world: World, actor_id: int) -> Any:
    """An actor's box in its own frame."""
    return world.actors.find(actor_id).box()


@does
def set_actor_transform(world: World, actor_id: int, transform: list[Any]) -> None:
    """Put an actor somewhere."""
    world.place(world.actors.find(actor_id), Transform.read(transform))


@does
def set_actor_location(world: World, actor_id: int, location: list[float]) -> None:
    """Put an actor somewhere, turned as it is."""
    actor = world.actors.find(actor_id)
    rotation = world.table.transform(actor.row).rotation
    if actor.relative is not None:
        rotation = actor.relative.rotation
    world.place(actor, Transform(read_triple(location), rotation))


@does
def set_actor_target_velocity(world: World, actor_id: int, velocity: list[float]) -> None:
    """Give an actor a velocity [m/s]."""
    world.push(world.actors.find(actor_id), read_triple(velocity))


@does
def set_actor_target_angular_velocity(world: World, actor_id: int, turning: list[float]) -> None:
    """Give an actor a turn rate [deg/s]; the vehicle model keeps its own."""
    actor = world.actors.find(actor_id)
    world.table.angular_velocity[actor.row] = read_triple(turning)


@does
def enable_actor_constant_velocity(world: World, actor_id: int, velocity: list[float]) -> None:
    """Hold a vehicle's velocity in its own frame."""
    actor = world.actors.find(actor_id, "vehicle")
    world.vehicles.constant_velocity(actor, read_triple(velocity))


@does
def disable_actor_constant_velocity(world: World, actor_id: int) -> None:
    """Leave a vehicle's velocity to its controls again."""
    world.vehicles.constant_velocity(world.actors.find(actor_id, "vehicle"), None)


@does
def add_actor_impulse(world: World, actor_id: int, impulse_ns: list[float]) -> None:
    """Push a vehicle through its centre of gravity [N s]."""
    actor = world.actors.find(actor_id, "vehicle")
    change = np.array(read_triple(impulse_ns)) / world.vehicles.physics(actor).mass
    world.vehicles.push(actor, world.table.velocity[actor.row] + change)


@does
def add_actor_force(world: World, actor_id: int, force_n: list[float]) -> None:
    """Push a vehicle for the length of a tick [N]."""
    x, y, z = (component * world.delta_ns * 1e-9 for component in read_triple(force_n))
    add_actor_impulse(world, actor_id, [x, y, z])


@does
def add_actor_angular_impulse(world: World, actor_id: int, _impulse: list[float]) -> None:
    """Turn a vehicle: the model's yaw is its tyres' alone."""
    world.actors.find(actor_id)
    raise CarlaError("angular impulses are not supported by the headless server")


@does
def add_actor_torque(world: World, actor_id: int, torque: list[float]) -> None:
    """Turn a vehicle, as `add_actor_angular_impulse`."""
    add_actor_angular_impulse(world, actor_id, torque)


@does
def set_actor_simulate_physics(world: World, actor_id: int, on: bool) -> None:
    """Whether an actor moves by itself, or only where it is put."""
    actor = world.actors.find(actor_id)
    if actor.kind == "vehicle":
        world.vehicles.simulate(actor, on=on)
    elif actor.kind == "walker":
        world.walkers.simulate(actor, on=on)


@does
def set_actor_collisions(world: World, actor_id: int, on: bool) -> None:
    """Whether others can run into an actor."""
    world.actors.find(actor_id).collides = on


@does
def set_actor_enable_gravity(world: World, actor_id: int, _on: bool) -> None:
    """Gravity holds vehicles on the road and nothing else: there is nothing to switch."""
    world.actors.find(actor_id)


@does
def set_actor_dead(world: World, actor_id: int) -> None:
    """A walker dies: it stands still and nobody runs into it any more."""
    actor = world.actors.find(actor_id, "walker")
    world.walkers.simulate(actor, on=False)
    actor.collides = False


@does
def apply_control_to_walker(world: World, actor_id: int, control: list[Any]) -> None:
    """Where a walker goes, and how fast."""
    direction, speed_mps, jump = control
    read_finite([speed_mps])
    actor = world.actors.find(actor_id, "walker")
    world.walkers.control(actor, read_triple(direction), speed_mps, jump)


@does
def send(world: World, actor_id: int, text: str) -> None:
    """Radio a text from a V2X sensor."""
    sensor = world.actors.find(actor_id, "sensor")
    if sensor.blueprint.id != "sensor.other.v2x_custom":
        raise CarlaError(f"{sensor.blueprint.id} sends nothing")
    world.sensors.send(sensor, text)
