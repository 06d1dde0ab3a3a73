"""Calls about vehicles."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

from vehicles.carla.powertrain import PhysicsControl
from vehicles.carla.server.rpc.table import answers, does
from vehicles.carla.server.vehicles import Ackermann
from vehicles.carla.server.wire import read_finite
from vehicles.carla.server.world import World

# CARLA's gains of its Ackermann controller; ours has none to tune.
_ACKERMANN_SETTINGS = [0.15, 0.0, 0.25, 0.01, 0.0, 0.01]


@does
def apply_control_to_vehicle(world: World, actor_id: int, control: list[Any]) -> None:
    """Throttle, steer, brake, hand brake, reverse, manual gear shift, gear."""
    read_finite(control[:3])
    world.vehicles.control(world.actors.find(actor_id, "vehicle"), *control)


@does
def apply_ackermann_control_to_vehicle(world: World, actor_id: int, control: list[Any]) -> None:
    """Steer [rad], its speed, speed, acceleration, jerk."""
    wanted = Ackermann(*read_finite(control))
    world.vehicles.ackermann(world.actors.find(actor_id, "vehicle"), wanted)


@answers
def get_ackermann_controller_settings(world: World, actor_id: int) -> list[float]:
    """The gains of CARLA's Ackermann controller."""
    world.actors.find(actor_id, "vehicle")
    return _ACKERMANN_SETTINGS


@does
def apply_ackermann_controller_settings(world: World, actor_id: int, _gains: list[float]) -> None:
    """The gains of CARLA's Ackermann controller, which isn't needed here."""
    world.actors.find(actor_id, "vehicle")


@answers
def get_physics_control(world: World, actor_id: int) -> Any:
    """A vehicle's physics control."""
    return astuple(world.vehicles.physics(world.actors.find(actor_id, "vehicle")))


@does
def apply_physics_control(world: World, actor_id: int, fields: list[Any]) -> None:
    """Change a vehicle's physics."""
    actor = world.actors.find(actor_id, "vehicle")
    world.vehicles.set_physics(actor, PhysicsControl.unpack(fields))


@answers
def get_vehicle_light_state(world: World, actor_id: int) -> list[int]:
    """Which of a vehicle's lights are on."""
    world.actors.find(actor_id, "vehicle")
    return [world.vehicle_lights.get(actor_id, 0)]


@does
def set_vehicle_light_state(world: World, actor_id: int, lights: list[int]) -> None:
    """Switch a vehicle's lights."""
    world.actors.find(actor_id, "vehicle")
    world.vehicle_lights[actor_id] = lights[0]


@answers
def get_vehicle_light_states(world: World) -> list[list[int]]:
    """Which lights are on, of every vehicle."""
    return [
        [actor.id, world.vehicle_lights.get(actor.id, 0)] for actor in world.actors.of("vehicle")
    ]


@answers
def get_wheel_steer_angle(world: World, actor_id: int, wheel: int) -> float:
    """A wheel's angle [deg]; the front wheels stand alike."""
    actor = world.actors.find(actor_id, "vehicle")
    return world.vehicles.wheel_angle_deg(actor) if wheel in (0, 1) else 0.0


@does
def set_wheel_steer_direction(world: World, actor_id: int, _wheel: int, _angle: float) -> None:
    """How a wheel looks: nobody looks."""
    world.actors.find(actor_id, "vehicle")


@does
def open_vehicle_door(world: World, actor_id: int, _door: int) -> None:
    """How a door looks: nobody looks."""
    world.actors.find(actor_id, "vehicle")


@does
def close_vehicle_door(world: World, actor_id: int, _door: int) -> None:
    """How a door looks: nobody looks."""
    world.actors.find(actor_id, "vehicle")


@does
def show_vehicle_debug_telemetry(world: World, actor_id: int, _on: bool) -> None:
    """A drawing on the view: nobody looks."""
    world.actors.find(actor_id, "vehicle")


@does
def restore_physx_physics(world: World, actor_id: int) -> None:
    """Leave CarSim or Chrono, which a vehicle never went over to."""
    world.actors.find(actor_id, "vehicle")


@answers
def get_telemetry_data(world: World, actor_id: int) -> Any:
    """Speed, pedals and drag; the model has no wheel speeds, so there are no wheels in it."""
    return world.vehicles.telemetry(world.actors.find(actor_id, "vehicle"))


@does
def set_actor_autopilot(world: World, actor_id: int, _on: bool) -> None:
    """The autopilot is the client's Traffic Manager."""
    world.actors.find(actor_id, "vehicle")


@answers
def is_traffic_manager_running(world: World, port: int) -> bool:
    """Whether a client has announced a Traffic Manager on a port."""
    return port in world.traffic_managers


@answers
def get_traffic_manager_running(world: World, port: int) -> Any:
    """Host and port of a Traffic Manager."""
    return [world.traffic_managers.get(port, ""), port]


@answers
def add_traffic_manager_running(world: World, where: list[Any]) -> bool:
    """Announce a Traffic Manager; false if there is one on that port."""
    host, port = where
    if port in world.traffic_managers:
        return False
    world.traffic_managers[port] = host
    return True


@answers
def destroy_traffic_manager(world: World, port: int) -> bool:
    """Withdraw a Traffic Manager."""
    return world.traffic_managers.pop(port, None) is not None
