"""Calls that the headless server refuses, each with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vehicles.carla.server import wire
from vehicles.carla.server.rpc.table import METHODS, Method
from vehicles.carla.server.wire import CarlaError
from vehicles.carla.server.world import World

_VALUES = {
    "start_recorder": "the recorder",
    "show_recorder_file_info": "the recorder",
    "show_recorder_collisions": "the recorder",
    "show_recorder_actors_blocked": "the recorder",
    "replay_file": "the replayer",
    "get_gbuffer_token": "rendering",
    "are_gbuffers_enabled": "rendering",
    "request_file": "downloading files",
    "get_bones_transform": "skeletons",
    "get_vehicle_bone_world_transforms": "skeletons",
    "get_wheel_pitch_angle": "wheel speeds",
    "get_pose_from_animation": "skeletons",
    "get_actor_component_world_transform": "components of actors",
    "get_actor_component_relative_transform": "components of actors",
    "get_actor_bone_world_transforms": "skeletons",
    "get_actor_bone_relative_transforms": "skeletons",
    "get_actor_bone_names": "skeletons",
    "get_actor_component_names": "components of actors",
    "get_actor_socket_world_transforms": "sockets of actors",
    "get_actor_socket_relative_transforms": "sockets of actors",
    "get_actor_socket_names": "sockets of actors",
    "is_sensor_enabled_for_ros": "ROS",
}
_VOIDS = {
    "stop_recorder": "the recorder",
    "stop_replayer": "the replayer",
    "set_replayer_time_factor": "the replayer",
    "set_replayer_ignore_hero": "the replayer",
    "set_replayer_ignore_spectator": "the replayer",
    "apply_color_texture_to_objects": "rendering",
    "apply_float_color_texture_to_objects": "rendering",
    "set_bones_transform": "skeletons",
    "set_wheel_pitch_angle": "wheel speeds",
    "set_annotations_traverse_translucency": "rendering",
    "blend_pose": "skeletons",
    "enable_sensor_for_ros": "ROS",
    "disable_sensor_for_ros": "ROS",
    "enable_gbuffers": "rendering",
    "set_ignored_vehicles": "rendering",
    "enable_carsim": "CarSim",
    "use_carsim_road": "CarSim",
    "enable_chrono_physics": "Chrono",
    "add_actor_force_at_location": "forces beside the centre of gravity",
    "add_actor_impulse_at_location": "impulses beside the centre of gravity",
}


def _refusal(what: str) -> Callable[..., Any]:
    def refuse(_world: World, *_arguments: Any) -> Any:
        raise CarlaError(f"{what}: not supported by the headless server")

    return refuse


for _name, _what in _VALUES.items():
    METHODS[_name] = Method(_refusal(_what), wire.success, wire.failure)
for _name, _what in _VOIDS.items():
    METHODS[_name] = Method(_refusal(_what), wire.success, wire.void_failure)
REFUSED = frozenset((*_VALUES, *_VOIDS))
