"""What of the client's API the headless server supports: one call for every method there is.

`python -m tests.vehicles.carla.server.conformance` writes the tables into docs/carla-server.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

DOCUMENT = Path(__file__).parents[4] / "docs" / "carla-server.md"
_BEGIN, _END = "<!-- conformance: begin -->", "<!-- conformance: end -->"


class Call(NamedTuple):
    """How a method is tried, and what may be said of it."""

    code: str
    supported: str = "yes"
    note: str = ""
    logged: str = ""
    """What the server logs where the client can't be told."""


def refused(code: str, note: str, logged: str = "") -> Call:
    return Call(code, "no", note, logged)


def partly(code: str, note: str) -> Call:
    return Call(code, "partly", note)


_SCENE = "there is no scenery"
_RECORDER = "the recorder"
_RENDERING = "rendering"
_DRAWN = "accepted; there is no view to draw on"
_LOOKS = "accepted; nobody looks"
_SKELETONS = "skeletons"
_ROS = "ROS"
_TEXTURE = "carla.TextureColor(1, 1)"
_FLOAT_TEXTURE = "carla.TextureFloatColor(1, 1)"
_NOTHING = "carla.MaterialParameter.Diffuse"

CALLS: dict[str, dict[str, Call]] = {
    "Client": {
        "apply_batch": Call("client.apply_batch([C.ApplyTransform(box.id, place)])"),
        "apply_batch_sync": Call("client.apply_batch_sync([C.ApplyTransform(box.id, place)])"),
        "generate_opendrive_world": Call("...", note="tried by the tests of maps"),
        "get_available_maps": Call("assert client.get_available_maps()"),
        "get_client_version": Call("client.get_client_version()"),
        "get_required_files": Call("client.get_required_files('')", note="there are none"),
        "get_server_version": Call("assert client.get_server_version() == '0.9.16'"),
        "get_trafficmanager": Call("...", note="runs in the client; tried by its own test"),
        "get_world": Call("client.get_world()"),
        "load_world": Call("...", note="maps that it was started with or was sent"),
        "load_world_if_different": Call("client.load_world_if_different(world.get_map().name)"),
        "reload_world": Call("...", note="tried before every test"),
        "replay_file": refused("client.replay_file('x', 0, 0, 0)", "the replayer"),
        "request_file": refused("client.request_file('x')", "there are no files to download"),
        "set_files_base_folder": Call("...", note="the client's own"),
        "set_replayer_ignore_hero": refused(
            "client.set_replayer_ignore_hero(True)", "the replayer", "set_replayer_ignore_hero"
        ),
        "set_replayer_ignore_spectator": refused(
            "client.set_replayer_ignore_spectator(True)",
            "the replayer",
            "set_replayer_ignore_spectator",
        ),
        "set_replayer_time_factor": refused(
            "client.set_replayer_time_factor(1.0)", "the replayer", "set_replayer_time_factor"
        ),
        "set_timeout": Call("client.set_timeout(10.0)"),
        "show_recorder_actors_blocked": refused(
            "client.show_recorder_actors_blocked('x', 1, 1)", _RECORDER
        ),
        "show_recorder_collisions": refused(
            "client.show_recorder_collisions('x', 'v', 'v')", _RECORDER
        ),
        "show_recorder_file_info": refused("client.show_recorder_file_info('x', True)", _RECORDER),
        "start_recorder": refused("client.start_recorder('x')", _RECORDER),
        "stop_recorder": refused("client.stop_recorder()", _RECORDER, "stop_recorder"),
        "stop_replayer": refused("client.stop_replayer(True)", "the replayer", "stop_replayer"),
    },
    "World": {
        "apply_color_texture_to_object": refused(
            f"world.apply_color_texture_to_object('x', {_NOTHING}, {_TEXTURE})", _RENDERING
        ),
        "apply_color_texture_to_objects": refused(
            f"world.apply_color_texture_to_objects(['x'], {_NOTHING}, {_TEXTURE})", _RENDERING
        ),
        "apply_float_color_texture_to_object": refused(
            f"world.apply_float_color_texture_to_object('x', {_NOTHING}, {_FLOAT_TEXTURE})",
            _RENDERING,
        ),
        "apply_float_color_texture_to_objects": refused(
            f"world.apply_float_color_texture_to_objects(['x'], {_NOTHING}, {_FLOAT_TEXTURE})",
            _RENDERING,
        ),
        "apply_textures_to_object": refused(
            "world.apply_textures_to_object('x', carla.TextureColor(1, 1), "
            "carla.TextureFloatColor(1, 1), carla.TextureFloatColor(1, 1), "
            "carla.TextureFloatColor(1, 1))",
            _RENDERING,
        ),
        "apply_textures_to_objects": refused(
            "world.apply_textures_to_objects(['x'], carla.TextureColor(1, 1), "
            "carla.TextureFloatColor(1, 1), carla.TextureFloatColor(1, 1), "
            "carla.TextureFloatColor(1, 1))",
            _RENDERING,
        ),
        "apply_settings": partly(
            "world.apply_settings(world.get_settings())",
            "synchronous mode and fixed_delta_seconds; the others are kept and do nothing",
        ),
        "cast_ray": partly(
            "assert len(world.cast_ray(carla.Location(0, 0, 9), carla.Location(0, 0, -9))) == 1",
            "meets the ground alone",
        ),
        "debug": partly("world.debug.draw_point(carla.Location())", _DRAWN),
        "enable_environment_objects": partly("world.enable_environment_objects({1}, True)", _SCENE),
        "freeze_all_traffic_lights": Call("world.freeze_all_traffic_lights(False)"),
        "get_actor": Call("assert world.get_actor(car.id).id == car.id"),
        "get_actors": Call("assert len(world.get_actors()) > 3"),
        "get_blueprint_library": Call("assert len(world.get_blueprint_library()) > 100"),
        "get_environment_objects": partly("world.get_environment_objects()", _SCENE),
        "get_imui_sensor_gravity": Call("assert world.get_imui_sensor_gravity() > 9.8"),
        "get_level_bbs": partly(
            "assert world.get_level_bbs(carla.CityObjectLabel.TrafficLight)", "traffic lights alone"
        ),
        "get_lightmanager": partly("world.get_lightmanager()", "there are no street lights"),
        "get_map": Call("world.get_map()"),
        "get_names_of_all_objects": partly("world.get_names_of_all_objects()", _SCENE),
        "get_random_location_from_navigation": partly(
            "assert world.get_random_location_from_navigation() is None",
            "None: there is no mesh for pedestrians",
        ),
        "get_settings": Call("world.get_settings()"),
        "get_snapshot": Call("assert world.get_snapshot().has_actor(car.id)"),
        "get_spectator": Call("world.get_spectator().set_transform(place)"),
        "get_traffic_light": Call(
            "mark = [m for m in world.get_map().get_all_landmarks() if m.type == '1000011'][0]\n"
            "assert world.get_traffic_light(mark).get_opendrive_id() == mark.id"
        ),
        "get_traffic_light_from_opendrive_id": Call(
            "one = world.get_traffic_light_from_opendrive_id(light.get_opendrive_id())\n"
            "assert one.id == light.id"
        ),
        "get_traffic_lights_from_waypoint": partly(
            "world.get_traffic_lights_from_waypoint(here, 50.0)",
            "empty where the map's junctions don't name their controllers, as netconvert's don't",
        ),
        "get_traffic_lights_in_junction": partly(
            "world.get_traffic_lights_in_junction(1)", "likewise"
        ),
        "get_traffic_sign": partly(
            "mark = world.get_map().get_all_landmarks()[0]\nworld.get_traffic_sign(mark)",
            "signs other than lights have no actors",
        ),
        "get_vehicles_light_states": Call("assert car.id in world.get_vehicles_light_states()"),
        "get_weather": Call("world.get_weather()"),
        "ground_projection": partly(
            "assert world.ground_projection(carla.Location(0, 0, 9), 20.0)", "as cast_ray"
        ),
        "id": Call("world.id"),
        "load_map_layer": partly("world.load_map_layer(carla.MapLayer.All)", _SCENE),
        "on_tick": Call("handle = world.on_tick(lambda snapshot: None)"),
        "project_point": partly(
            "world.project_point(carla.Location(0, 0, 9), carla.Vector3D(0, 0, -1), 20.0)",
            "as cast_ray",
        ),
        "remove_on_tick": Call("world.remove_on_tick(handle)"),
        "reset_all_traffic_lights": Call("world.reset_all_traffic_lights()"),
        "set_annotations_traverse_translucency": refused(
            "world.set_annotations_traverse_translucency(True)",
            _RENDERING,
            "set_annotations_traverse_translucency",
        ),
        "set_imui_sensor_gravity": Call("world.set_imui_sensor_gravity(9.81)"),
        "set_pedestrians_cross_factor": partly(
            "world.set_pedestrians_cross_factor(0.5)", "the client's navigation has no mesh"
        ),
        "set_pedestrians_seed": partly("world.set_pedestrians_seed(1)", "likewise"),
        "set_weather": partly(
            "world.set_weather(carla.WeatherParameters.ClearNoon)",
            "kept; of it only water on the road acts, on tyres",
        ),
        "spawn_actor": Call(
            "extra = world.spawn_actor(library.find('static.prop.box01'), spawn_points[30])"
        ),
        "tick": Call("world.tick()"),
        "try_spawn_actor": Call(
            "audi = library.find('vehicle.audi.a2')\n"
            "assert world.try_spawn_actor(audi, spawn_points[30]) is None"
        ),
        "unload_map_layer": partly("world.unload_map_layer(carla.MapLayer.All)", _SCENE),
        "wait_for_tick": Call("...", note="tried by the tests of asynchronous mode"),
    },
    "Actor": {
        "actor_state": Call("assert car.actor_state == carla.ActorState.Active"),
        "add_angular_impulse": refused(
            "car.add_angular_impulse(carla.Vector3D())", "angular impulses", "add_actor_angular"
        ),
        "add_force": Call("car.add_force(carla.Vector3D())"),
        "add_impulse": Call("car.add_impulse(carla.Vector3D())"),
        "add_torque": refused(
            "car.add_torque(carla.Vector3D())", "angular impulses", "add_actor_angular"
        ),
        "attributes": Call("assert car.attributes['base_type'] == 'car'"),
        "bounding_box": Call("assert car.bounding_box.extent.x > 1.0"),
        "destroy": Call("assert extra.destroy()"),
        "disable_constant_velocity": Call("car.disable_constant_velocity()"),
        "enable_constant_velocity": Call("car.enable_constant_velocity(carla.Vector3D(1, 0, 0))"),
        "get_acceleration": Call("car.get_acceleration()"),
        "get_angular_velocity": Call("car.get_angular_velocity()"),
        "get_bone_names": refused("car.get_bone_names()", _SKELETONS),
        "get_bone_relative_transforms": refused("car.get_bone_relative_transforms()", _SKELETONS),
        "get_bone_world_transforms": refused("car.get_bone_world_transforms()", _SKELETONS),
        "get_component_names": refused("car.get_component_names()", "components of actors"),
        "get_component_relative_transform": refused(
            "car.get_component_relative_transform('x')", "components of actors"
        ),
        "get_component_world_transform": refused(
            "car.get_component_world_transform('x')", "components of actors"
        ),
        "get_location": Call("car.get_location()"),
        "get_socket_names": refused("car.get_socket_names()", "sockets of actors"),
        "get_socket_relative_transforms": refused(
            "car.get_socket_relative_transforms()", "sockets of actors"
        ),
        "get_socket_world_transforms": refused(
            "car.get_socket_world_transforms()", "sockets of actors"
        ),
        "get_transform": Call("car.get_transform()"),
        "get_velocity": Call("car.get_velocity()"),
        "get_world": Call("car.get_world()"),
        "id": Call("car.id"),
        "is_active": Call("assert car.is_active"),
        "is_alive": Call("assert car.is_alive"),
        "is_dormant": Call("assert not car.is_dormant"),
        "parent": Call("assert gnss.parent.id == car.id"),
        "semantic_tags": Call("assert list(car.semantic_tags) == [14]"),
        "set_collisions": Call("car.set_collisions(True)"),
        "set_enable_gravity": partly(
            "car.set_enable_gravity(True)", "accepted; vehicles stay on the road in any case"
        ),
        "set_location": Call("box.set_location(place.location)"),
        "set_simulate_physics": Call("car.set_simulate_physics(True)"),
        "set_target_angular_velocity": partly(
            "box.set_target_angular_velocity(carla.Vector3D())",
            "of what the vehicle model doesn't move, and only shown",
        ),
        "set_target_velocity": partly(
            "car.set_target_velocity(carla.Vector3D())",
            "what is along a vehicle's heading; shown of what the model doesn't move",
        ),
        "set_transform": Call("box.set_transform(place)"),
        "type_id": Call("car.type_id"),
    },
    "Vehicle": {
        "apply_ackermann_control": Call(
            "car.apply_ackermann_control(carla.VehicleAckermannControl())"
        ),
        "apply_ackermann_controller_settings": partly(
            "car.apply_ackermann_controller_settings(carla.AckermannControllerSettings())",
            "accepted; there are no gains to tune",
        ),
        "apply_control": Call("car.apply_control(carla.VehicleControl())"),
        "apply_physics_control": partly(
            "car.apply_physics_control(car.get_physics_control())",
            "mass, centre of mass (x), torque curve, gears, final ratio, top rpm, drag, steering "
            "curve, the wheels' friction, radius, angle and brakes",
        ),
        "close_door": partly("car.close_door(carla.VehicleDoor.All)", _LOOKS),
        "enable_carsim": refused("car.enable_carsim('x')", "CarSim", "enable_carsim"),
        "enable_chrono_physics": refused(
            "car.enable_chrono_physics(1, 0.1, '', '', '', '')", "Chrono", "enable_chrono_physics"
        ),
        "get_ackermann_controller_settings": partly(
            "car.get_ackermann_controller_settings()", "CARLA's usual gains"
        ),
        "get_control": Call("car.get_control()"),
        "get_failure_state": partly("car.get_failure_state()", "none ever fails"),
        "get_light_state": Call("car.get_light_state()"),
        "get_physics_control": Call("assert car.get_physics_control().mass > 500"),
        "get_speed_limit": Call("assert car.get_speed_limit() > 10"),
        "get_telemetry_data": partly(
            "car.get_telemetry_data()", "speed, pedals, gear, drag; no engine or wheel speeds"
        ),
        "get_traffic_light": Call("car.get_traffic_light()"),
        "get_traffic_light_state": Call("car.get_traffic_light_state()"),
        "get_vehicle_bone_world_transforms": refused(
            "car.get_vehicle_bone_world_transforms()", _SKELETONS
        ),
        "get_wheel_pitch_angle": refused(
            "car.get_wheel_pitch_angle(carla.VehicleWheelLocation.FL_Wheel)", "wheel speeds"
        ),
        "get_wheel_steer_angle": Call(
            "car.get_wheel_steer_angle(carla.VehicleWheelLocation.FL_Wheel)"
        ),
        "is_at_traffic_light": Call("car.is_at_traffic_light()"),
        "open_door": partly("car.open_door(carla.VehicleDoor.All)", _LOOKS),
        "restore_physx_physics": partly("car.restore_physx_physics()", "accepted"),
        "set_autopilot": Call("...", note="tried by the Traffic Manager's test"),
        "set_light_state": Call("car.set_light_state(carla.VehicleLightState.NONE)"),
        "set_wheel_pitch_angle": refused(
            "car.set_wheel_pitch_angle(carla.VehicleWheelLocation.FL_Wheel, 1.0)",
            "wheel speeds",
            "set_wheel_pitch_angle",
        ),
        "set_wheel_steer_direction": partly(
            "car.set_wheel_steer_direction(carla.VehicleWheelLocation.FL_Wheel, 1.0)", _LOOKS
        ),
        "show_debug_telemetry": partly("car.show_debug_telemetry(True)", _DRAWN),
        "use_carsim_road": refused("car.use_carsim_road(True)", "CarSim", "use_carsim_road"),
    },
    "Walker": {
        "apply_control": partly(
            "walker.apply_control(carla.WalkerControl())", "walks on level ground; doesn't jump"
        ),
        "blend_pose": refused("walker.blend_pose(0.5)", _SKELETONS, "blend_pose"),
        "get_bones": refused("walker.get_bones()", _SKELETONS),
        "get_control": Call("walker.get_control()"),
        "get_pose_from_animation": refused(
            "walker.get_pose_from_animation()", _SKELETONS, "get_pose_from_animation"
        ),
        "hide_pose": refused("walker.hide_pose()", _SKELETONS, "blend_pose"),
        "set_bones": refused(
            "walker.set_bones(carla.WalkerBoneControlIn())", _SKELETONS, "set_bones_transform"
        ),
        "show_pose": refused("walker.show_pose()", _SKELETONS, "blend_pose"),
    },
    "TrafficLight": {
        "freeze": Call("light.freeze(False)", note="all lights: so the client asks for it"),
        "get_affected_lane_waypoints": Call("assert light.get_affected_lane_waypoints()"),
        "get_elapsed_time": Call("light.get_elapsed_time()"),
        "get_green_time": Call("assert light.get_green_time() == 10.0"),
        "get_group_traffic_lights": Call("assert len(light.get_group_traffic_lights()) > 1"),
        "get_light_boxes": Call("assert light.get_light_boxes()"),
        "get_opendrive_id": Call("assert light.get_opendrive_id()"),
        "get_pole_index": Call("light.get_pole_index()", note="one pole for each approach"),
        "get_red_time": Call("assert light.get_red_time() == 2.0"),
        "get_state": Call("light.get_state()"),
        "get_stop_waypoints": Call("assert light.get_stop_waypoints()"),
        "get_yellow_time": Call("assert light.get_yellow_time() == 3.0"),
        "is_frozen": Call("assert not light.is_frozen()"),
        "reset_group": Call("light.reset_group()"),
        "set_green_time": Call("light.set_green_time(10.0)"),
        "set_red_time": Call("light.set_red_time(2.0)"),
        "set_state": Call("light.set_state(carla.TrafficLightState.Red)"),
        "set_yellow_time": Call("light.set_yellow_time(3.0)"),
        "state": Call("light.state"),
    },
    "TrafficSign": {"trigger_volume": Call("assert light.trigger_volume.extent.x > 1.0")},
    "Sensor": {
        "is_listening": Call("gnss.is_listening"),
        "listen": Call("gnss.listen(lambda event: None)"),
        "stop": Call("gnss.stop()"),
    },
    "ServerSideSensor": {
        "disable_for_ros": refused("gnss.disable_for_ros()", _ROS, "disable_sensor_for_ros"),
        "enable_for_ros": refused("gnss.enable_for_ros()", _ROS, "enable_sensor_for_ros"),
        "enable_gbuffers": refused("gnss.enable_gbuffers(True)", _RENDERING),
        "get_ignored_vehicles": Call("...", "no", "the client itself can't"),
        "is_enabled_for_ros": refused("gnss.is_enabled_for_ros()", _ROS),
        "is_listening_gbuffer": Call("...", "no", "of cameras alone"),
        "listen_to_gbuffer": Call("...", "no", "of cameras alone"),
        "send": Call("v2x.send('hello')", note="of sensor.other.v2x_custom"),
        "set_ignored_vehicles": refused("gnss.set_ignored_vehicles([1])", _RENDERING),
        "stop_gbuffer": Call("...", "no", "of cameras alone"),
    },
    "WalkerAIController": {
        "go_to_location": Call("...", "no", "the client's navigation needs a mesh and says so"),
        "set_max_speed": Call("...", "no", "likewise"),
        "start": Call("...", "no", "likewise"),
        "stop": Call("...", "no", "likewise"),
    },
}

SENSORS: dict[str, tuple[str, str]] = {
    "sensor.other.collision": ("yes", "boxes seen from above; the impulse of a push that sticks"),
    "sensor.other.gnss": ("yes", "with bias and noise; latitudes as 0.9.16 has them, mirrored"),
    "sensor.other.imu": ("yes", "with bias and noise"),
    "sensor.other.lane_invasion": ("yes", "found by the client"),
    "sensor.other.obstacle": ("partly", "vehicles, walkers and props; the map has no walls"),
    "sensor.other.v2x_custom": ("partly", "texts over free space, at the next tick"),
    "sensor.other.radar": ("no", _RENDERING),
    "sensor.lidar.ray_cast": ("no", _RENDERING),
    "sensor.lidar.ray_cast_semantic": ("no", _RENDERING),
    "sensor.camera.depth": ("no", _RENDERING),
    "sensor.camera.dvs": ("no", _RENDERING),
    "sensor.camera.instance_segmentation": ("no", _RENDERING),
    "sensor.camera.normals": ("no", _RENDERING),
    "sensor.camera.optical_flow": ("no", _RENDERING),
    "sensor.camera.rgb": ("no", _RENDERING),
    "sensor.camera.semantic_segmentation": ("no", _RENDERING),
}

# Methods that ask the server for nothing but what other methods have fetched.
CLIENT_SIDE = ("Map", "BlueprintLibrary", "DebugHelper", "LightManager", "LaneInvasionSensor")


def tables() -> str:
    """The tables as they stand in the document."""
    lines = ["| sensor | supported | |", "|---|---|---|"]
    lines += [f"| `{name}` | {level} | {note} |" for name, (level, note) in SENSORS.items()]
    for cls, calls in CALLS.items():
        lines += ["", f"| `carla.{cls}` | supported | |", "|---|---|---|"]
        lines += [f"| `{name}` | {call.supported} | {call.note} |" for name, call in calls.items()]
    return "\n".join(lines)


def documented() -> str:
    """The tables that the document holds."""
    text = DOCUMENT.read_text()
    return text[text.index(_BEGIN) + len(_BEGIN) : text.index(_END)].strip()


def write() -> None:
    """Bring the document up to date."""
    text = DOCUMENT.read_text()
    head, tail = text[: text.index(_BEGIN)], text[text.index(_END) :]
    DOCUMENT.write_text(f"{head}{_BEGIN}\n\n{tables()}\n\n{tail}")


if __name__ == "__main__":
    sys.exit(write())
