"""Calls about the world: version, episode, map, settings, weather, the clock."""

from __future__ import annotations

from math import hypot
from typing import Any

from vehicles.carla.opendrive import Pose
from vehicles.carla.server import wire
from vehicles.carla.server.blueprints import library
from vehicles.carla.server.rpc.table import answers, does
from vehicles.carla.server.wire import WORLD_STREAM, CarlaError
from vehicles.carla.server.world import Settings, World

_GENERATED_MAP = "Carla/Maps/OpenDriveMap"
# Spawning a little above the ground is CARLA's habit; vehicles are put down onto it.
_SPAWN_ABOVE_M = 0.5


@answers
def version(_world: World) -> str:
    """The release whose protocol this is."""
    return wire.VERSION


@answers
def get_episode_info(world: World) -> Any:
    """Number of the episode and the token of its snapshots."""
    return [world.episode, [wire.token(WORLD_STREAM, world.stream_port)]]


@answers
def get_sensor_token(world: World, stream_id: int) -> Any:
    """Token of any stream."""
    world.streams.expect(stream_id)
    return [wire.token(stream_id, world.stream_port)]


@answers
def get_episode_settings(world: World) -> Any:
    """The world's settings."""
    return world.settings.packed()


@answers
def set_episode_settings(world: World, fields: list[Any]) -> int:
    """Take up settings; the frame from which they hold."""
    world.settings = Settings.unpack(fields)
    return world.frame


@answers
def tick_cue(world: World) -> int:
    """Move the world on; the new frame."""
    return world.tick()


@answers
def get_required_files(_world: World, _folder: str) -> list[str]:
    """Files to download: there are none, nor a mesh for pedestrians' navigation."""
    return []


@answers
def get_map_info(world: World) -> Any:
    """The map's name and where vehicles may be put on the road."""
    return [world.map_name, [_spawn_transform(pose) for pose in world.road_map.spawn_points()]]


@answers
def get_map_data(world: World) -> str:
    """The map's OpenDRIVE."""
    return world.road_map.text


@answers
def get_navigation_mesh(_world: World) -> bytes:
    """Mesh for pedestrians: none."""
    return b""


@answers
def get_available_maps(world: World) -> list[str]:
    """Maps that can be loaded."""
    return [name for name in world.maps if name != _GENERATED_MAP]


@does
def load_new_episode(world: World, name: str, reset_settings: bool, _layers: int) -> None:
    """Begin anew on a map, named in full or by its last part; on the same one if not named."""
    wanted = name or world.map_name
    known = [full for full in world.maps if full == wanted or full.endswith(f"/{wanted}")]
    if not known:
        raise CarlaError(f"map {name!r} not found; there are: {', '.join(world.maps)}")
    if reset_settings:
        world.settings = Settings()
    world.load(known[0])


@does
def copy_opendrive_to_file(world: World, text: str, _parameters: list[Any]) -> None:
    """Keep an OpenDRIVE map under CARLA's name for generated ones."""
    world.add_map(_GENERATED_MAP, text)


@does
def load_map_layer(_world: World, _layers: int) -> None:
    """Layers are scenery: there is none."""


@does
def unload_map_layer(_world: World, _layers: int) -> None:
    """Layers are scenery: there is none."""


@answers
def get_weather_parameters(world: World) -> list[float]:
    """The weather as it was set."""
    return world.weather


@does
def set_weather_parameters(world: World, weather: list[float]) -> None:
    """Keep a weather; tyres feel the water on the road."""
    world.set_weather(list(weather))


@answers
def get_imui_gravity(world: World) -> float:
    """The gravity that inertial sensors have in them."""
    return world.gravity_mps2


@does
def set_imui_gravity(world: World, gravity_mps2: float) -> None:
    """Change the gravity that inertial sensors have in them."""
    (world.gravity_mps2,) = wire.read_finite([gravity_mps2])


@answers
def get_actor_definitions(_world: World) -> list[Any]:
    """The blueprint library."""
    return [blueprint.packed(uid) for uid, blueprint in enumerate(library().values(), start=1)]


@answers
def query_lights_state(_world: World, _client: str) -> list[Any]:
    """Street lights: there are none."""
    return []


@does
def update_lights_state(_world: World, _client: str, _lights: list[Any], _discard: bool) -> None:
    """Street lights: there are none."""


@does
def update_day_night_cycle(_world: World, _client: str, _active: bool) -> None:
    """Street lights: there are none."""


@answers
def get_all_level_BBs(world: World, tag: int) -> list[Any]:  # noqa: N802 (the call's name)
    """Boxes of what belongs to the map: traffic lights alone."""
    any_tag, traffic_light = 255, 7
    if tag not in (any_tag, traffic_light):
        return []
    return [world.light_box(actor) for actor in world.lights.actors]


@answers
def get_environment_objects(_world: World, _tag: int) -> list[Any]:
    """Scenery: there is none."""
    return []


@does
def enable_environment_objects(_world: World, _ids: list[int], _enable: bool) -> None:
    """Scenery: there is none."""


@answers
def get_names_of_all_objects(_world: World) -> list[str]:
    """Scenery: there is none."""
    return []


@answers
def project_point(world: World, location: list[float], direction: list[float], reach: float) -> Any:
    """Where a ray meets the ground, the only thing that it can meet."""
    found = world.ground_along(wire.read_triple(location), wire.read_triple(direction), reach)
    return [False, [[0.0, 0.0, 0.0], 0]] if found is None else [True, [list(found), _ROADS]]


@answers
def cast_ray(world: World, start: list[float], end: list[float]) -> list[Any]:
    """What a ray meets: the ground, if that."""
    one, other = wire.read_triple(start), wire.read_triple(end)
    x, y, z = (b - a for a, b in zip(one, other, strict=True))
    found = world.ground_along(one, (x, y, z), hypot(x, y, z))
    return [] if found is None else [[list(found), _ROADS]]


@does
def draw_debug_shape(_world: World, _shape: list[Any]) -> None:
    """Shapes are drawn into the view, and there is none."""


# CARLA's label of roads.
_ROADS = 1


def _spawn_transform(pose: Pose) -> list[list[float]]:
    return [[pose.x_m, pose.y_m, pose.z_m + _SPAWN_ABOVE_M], [0.0, pose.yaw_deg, 0.0]]
