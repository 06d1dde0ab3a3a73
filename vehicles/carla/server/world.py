"""The world that clients share: its map, its actors, its clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vehicles.carla.opendrive import OpenDriveMap
from vehicles.carla.server import wire
from vehicles.carla.server.actors import Actor, Actors, Numbers, blueprint_of
from vehicles.carla.server.blueprints import Blueprint
from vehicles.carla.server.collisions import Boxes, Contact
from vehicles.carla.server.lights import LightState, TrafficLights
from vehicles.carla.server.sensors import Hit, Scene, Sensors, Streams
from vehicles.carla.server.table import ActorTable
from vehicles.carla.server.vehicles import Vehicles
from vehicles.carla.server.walkers import Walkers
from vehicles.carla.server.wire import WORLD_STREAM, CarlaError, Transform, Triple
from vehicles.dynamics.single_track import GRAVITY_MPS2
from vehicles.weather import WeatherSettings

_SPECTATOR = Blueprint("spectator")
_OFF_ROAD_M = 20.0
_LAMPS_HALF_SIZE_M = (0.2, 0.2, 0.5)
_WEATHER = [5.0, 0.0, 0.0, 10.0, -1.0, 45.0, 2.0, 0.75, 0.1, 0.0, 1.0, 0.03, 0.0331, 0.0]


@dataclass(frozen=True)
class Settings:
    """CARLA's `WorldSettings`, in the wire's order; only the first and the third matter here."""

    synchronous_mode: bool = False
    no_rendering_mode: bool = True
    fixed_delta_s: float | None = None
    substepping: bool = True
    max_substep_delta_s: float = 0.01
    max_substeps: int = 10
    max_culling_distance: float = 0.0
    deterministic_ragdolls: bool = True
    tile_stream_distance: float = 3000.0
    actor_active_distance: float = 2000.0
    spectator_as_ego: bool = True

    @classmethod
    def unpack(cls, fields: list[Any]) -> Settings:
        """From their msgpack form."""
        values = list(fields)
        values[2] = fields[2][1] if fields[2][0] else None
        settings = cls(*values)
        if settings.fixed_delta_s is not None and not 0.0 < settings.fixed_delta_s <= 10.0:
            raise CarlaError(
                f"expected 0 < fixed_delta_seconds <= 10, got {settings.fixed_delta_s}"
            )
        return settings

    def packed(self) -> list[Any]:
        """Their msgpack form."""
        fixed = [True, self.fixed_delta_s] if self.fixed_delta_s is not None else [False]
        return [
            self.synchronous_mode,
            self.no_rendering_mode,
            fixed,
            *list(vars(self).values())[3:],
        ]


class World:
    """One world: episodes follow each other in it, frames count on.

    Args:
        maps: name of a map -> its OpenDRIVE; the first is loaded.
        streams: where snapshots and measurements go.
        stream_port: port of the streams.
        free_delta_s: how far a tick goes where the clients leave it open.
    """

    def __init__(
        self, maps: dict[str, str], streams: Streams, *, stream_port: int, free_delta_s: float
    ) -> None:
        self.maps = maps
        self.settings = Settings()
        self.weather = list(_WEATHER)
        self.gravity_mps2 = GRAVITY_MPS2
        # Port of a client's Traffic Manager -> its host.
        self.traffic_managers: dict[int, str] = {}
        self.stream_port = stream_port
        self.frame = 0
        self.episode = 0
        self.streams = streams
        self._numbers = Numbers()
        self._free_delta_s = free_delta_s
        self._snapshot = b""
        self.load(next(iter(maps)))

    def set_weather(self, weather: list[float]) -> None:
        """Let a weather, in the wire's order, be; of it only water on the road acts, on tyres."""
        self.weather = weather
        deposits, wetness = np.clip([weather[2], weather[9]], 0.0, 100.0).tolist()
        road = WeatherSettings(precipitation_deposits=deposits, wetness=wetness)
        self.vehicles.hold_by(road.grip if road.water_mm > 0.0 else None)

    def run_free(self) -> None:
        """Leave synchronous mode: nobody is there any more to give the ticks."""
        self.settings = replace(self.settings, synchronous_mode=False)

    def add_map(self, name: str, text: str) -> None:
        """Keep a map to load later; CarlaError if it can't be read."""
        try:
            OpenDriveMap(text)
        except (ValueError, KeyError, IndexError) as error:
            raise CarlaError(f"the map can't be read: {error}") from error
        self.maps[name] = text

    def load(self, name: str) -> None:
        """Begin a new episode on one of the maps."""
        self.road_map = OpenDriveMap(self.maps[name])
        self.map_name = name
        self.episode += 1
        self._elapsed_ns = 0
        self.table = ActorTable()
        self.actors = Actors(self.table, self._numbers, self.stream_port)
        self.vehicles = Vehicles(self.table)
        self.set_weather(self.weather)
        self.walkers = Walkers(self.table)
        self.sensors = Sensors(self.streams)
        self.vehicle_lights: dict[int, int] = {}
        self.spectator = self.actors.make(_SPECTATOR, Transform((0.0, 0.0, 10.0), (0.0, 0.0, 0.0)))
        self.lights = TrafficLights(self.road_map, self.actors, self.table)
        self.tick()

    @property
    def delta_ns(self) -> int:
        """How far a tick goes [ns]."""
        return round((self.settings.fixed_delta_s or self._free_delta_s) * 1e9)

    @property
    def elapsed_s(self) -> float:
        """Simulated time since the episode began."""
        return self._elapsed_ns * 1e-9

    @property
    def snapshot(self) -> bytes:
        """The last snapshot, which every new subscriber of the world gets first."""
        return self._snapshot

    def tick(self) -> int:
        """Move everything on by one tick, tell everybody, and return its frame."""
        delta_ns = self.delta_ns
        self.frame += 1
        self._elapsed_ns += delta_ns
        self.lights.advance(delta_ns * 1e-9)
        self.vehicles.advance(delta_ns)
        self.walkers.advance(delta_ns)
        self._look_down()
        boxes = Boxes(self.actors.bodies(), self.table)
        hits = [hit for contact in boxes.contacts() for hit in self._collide(contact)]
        self.actors.carry()
        scene = Scene(
            self.frame,
            self.elapsed_s,
            self.table,
            boxes,
            hits,
            self.road_map.geo_reference,
            self.gravity_mps2,
        )
        self.sensors.measure(self.actors.of("sensor"), scene)
        head = wire.world_header(
            self.frame,
            self.elapsed_s,
            episode=self.episode,
            platform_s=time.time(),
            delta_s=delta_ns * 1e-9,
        )
        self._snapshot = wire.snapshot(head, self.table.snapshot_rows())
        self.streams.publish(WORLD_STREAM, self._snapshot)
        return self.frame

    def spawn(
        self, description: list[Any], transform: Transform, parent: Actor | None = None
    ) -> Actor:
        """Make what a client describes; CarlaError if it can't be, or its place is taken."""
        blueprint = blueprint_of(description)
        if blueprint.half_size_m[0] > 0.0 and parent is None:
            taken = Boxes(self.actors.bodies(), self.table).meets(
                np.array(blueprint.half_size_m), transform, blueprint.centre_above_m
            )
            if taken is not None:
                raise CarlaError("Spawn failed because of collision at spawn position")
        actor = self.actors.make(blueprint, transform, description=description, parent=parent)
        if actor.kind == "vehicle":
            self.table.vehicles["light_state"][actor.row] = LightState.GREEN
            self.vehicles.add(actor)
            self._settle(actor)
        elif actor.kind == "walker":
            self.walkers.add(actor)
        return actor

    def destroy(self, actor: Actor) -> None:
        """Remove an actor; CarlaError if it belongs to the map."""
        if actor is self.spectator or actor.kind == "traffic":
            raise CarlaError(f"actor {actor.id} belongs to the map and can't be destroyed")
        if actor.kind == "vehicle":
            self.vehicles.remove(actor)
            self.vehicle_lights.pop(actor.id, None)
        elif actor.kind == "walker":
            self.walkers.remove(actor)
        elif actor.kind == "sensor":
            self.sensors.forget(actor)
        self.actors.remove(actor)

    def place(self, actor: Actor, transform: Transform) -> None:
        """Put an actor somewhere, in the world or, if it is fixed to another, relative to that."""
        if actor.parent is not None:
            actor.relative = transform
            self.actors.carry()
        elif actor.kind == "vehicle":
            self.vehicles.place(actor, transform)
        else:
            self.table.place(actor.row, transform)

    def push(self, actor: Actor, velocity_mps: Triple) -> None:
        """Give an actor a velocity; what isn't moved by the model only shows it."""
        if actor.kind == "vehicle":
            self.vehicles.push(actor, velocity_mps)
        else:
            self.table.velocity[actor.row] = velocity_mps

    def light_box(self, actor: Actor) -> list[Any]:
        """Box of a traffic light's lamps, in the world's frame."""
        location, rotation = self.table.transform(actor.row)
        return [location, _LAMPS_HALF_SIZE_M, rotation, actor.id]

    def ground_along(self, start: Triple, direction: Triple, reach_m: float) -> Triple | None:
        """Where a ray meets the ground within its reach, None if it doesn't.

        The ground is taken as level at the height of the road nearest to the ray's begin.
        """
        index, _ = self.road_map.nearest(np.array([start[0]]), np.array([start[1]]))
        above_m = start[2] - float(self.road_map.points.z_m[index[0]])
        length = float(np.linalg.norm(direction))
        fall = -direction[2] / length if length > 0.0 else 0.0
        if fall == 0.0 or not 0.0 <= above_m / fall <= reach_m:
            return None
        x, y, z = (
            begin + above_m / fall * component / length
            for begin, component in zip(start, direction, strict=True)
        )
        return (x, y, z)

    def _settle(self, actor: Actor) -> None:
        """Put a new vehicle onto the ground below it."""
        x, y, _z = self.table.location[actor.row]
        index, apart_m = self.road_map.nearest(np.array([x]), np.array([y]))
        if apart_m[0] < _OFF_ROAD_M:
            self.table.location[actor.row, 2] = self.road_map.points.z_m[index[0]]

    def _look_down(self) -> None:
        """Vehicles learn of the road below them: its height, speed limit and traffic light."""
        actors = self.actors.of("vehicle")
        if not actors:
            return
        table, points = self.table, self.road_map.points
        rows = np.array([actor.row for actor in actors])
        half_m = np.array([actor.half_size_m[0] for actor in actors])
        yaw = np.radians(table.rotation[rows, 1])
        index, apart_m = self.road_map.nearest(
            table.location[rows, 0] + half_m * np.cos(yaw),
            table.location[rows, 1] + half_m * np.sin(yaw),
        )
        moved = np.array([self.vehicles.is_simulated(actor) for actor in actors])
        moved &= apart_m < _OFF_ROAD_M
        table.location[rows[moved], 2] = points.z_m[index[moved]]
        vehicles = table.vehicles
        vehicles["speed_limit_kmph"][rows] = np.round(3.6 * points.limit_mps[index], 3)
        light = np.where(apart_m < points.width_m[index], points.light[index], -1)
        held = light >= 0
        vehicles["has_light"][rows] = held
        vehicles["light_state"][rows] = LightState.GREEN
        vehicles["light_id"][rows] = 0
        if held.any():
            ids = np.array([actor.id for actor in self.lights.actors])
            vehicles["light_state"][rows[held]] = self.lights.states()[light[held]]
            vehicles["light_id"][rows[held]] = ids[light[held]]

    def _is_simulated(self, actor: Actor) -> bool:
        return actor.kind == "vehicle" and self.vehicles.is_simulated(actor)

    def _collide(self, contact: Contact) -> list[Hit]:
        """Two bodies stop moving into each other and part; nothing bounces."""
        first, second, normal, depth_m = contact
        velocity = self.table.velocity
        closing = float((velocity[first.row] - velocity[second.row])[:2] @ -normal)
        moved = [self._moved_mass_kg(first), self._moved_mass_kg(second)]
        given_way = [1.0 / mass if mass else 0.0 for mass in moved]
        total = sum(given_way)
        impulse = max(closing, 0.0) / total if total > 0.0 else 0.0
        for actor, way, gives in ((first, normal, given_way[0]), (second, -normal, given_way[1])):
            if gives == 0.0:
                continue
            location, rotation = self.table.transform(actor.row)
            share = depth_m * gives / total
            x, y = location[0] + share * way[0], location[1] + share * way[1]
            self.vehicles.place(actor, Transform((x, y, location[2]), rotation))
            pushed = velocity[actor.row].copy()
            pushed[:2] += impulse * gives * way
            self.vehicles.push(actor, pushed)
        x, y = map(float, impulse * normal)
        return [Hit(first, second, (x, y, 0.0)), Hit(second, first, (-x, -y, 0.0))]

    def _moved_mass_kg(self, actor: Actor) -> float:
        """Mass that a collision moves; 0 for what can't be moved."""
        if not self._is_simulated(actor):
            return 0.0
        return self.vehicles.physics(actor).mass
