"""CARLA through its own client: the driven vehicles move by CARLA's physics, the others are shown.

Everything here calls the client and waits for the server; `liveness.ClientThread` keeps that from
holding up a caller when the server dies. Positions are the net's, as everywhere in the bridge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from vehicles.carla.actors import (
    Blueprints,
    Body,
    Choice,
    Rgb,
    nearest_colour,
    own_colour,
)
from vehicles.carla.camera import Camera, Photo
from vehicles.carla.coordinates import (
    CarlaPoses,
    Motion,
    Origins,
    Poses,
    from_carla,
    motion_from_carla,
    to_carla,
    velocity_to_carla,
)
from vehicles.carla.lights import TrafficLight, VehicleLight
from vehicles.carla.liveness import ServerDied, ServerUnreachable, is_time_out
from vehicles.carla.powertrain import PhysicsControl, Powertrain
from vehicles.carla.sensors import Measured, Sensors
from vehicles.dynamics import vehicle_parameters
from vehicles.settings import CarlaSettings
from vehicles.weather import WeatherSettings

# A body of the server's own must not touch the ground where it is put down.
_LIFTS_M = (0.3, 0.7, 1.2)
_BRAKE_LIGHT_BELOW_MPS2 = -0.7
_STANDING_MPS = 0.05
_GOODBYE_S = 5.0
_SIZE = ("length", "width", "height")
# Wheels of real CARLA are placed in centimetres; no axle is this many metres from another.
_LONGEST_WHEELBASE_M = 30.0


class DrivenBody(NamedTuple):
    """What CARLA made of a driven vehicle."""

    length_m: float
    width_m: float
    wheelbase_m: float
    note: str


class Command(NamedTuple):
    """What a driven vehicle is to do: acceleration, and angle of the front wheels to the left.

    Standing, it drives backwards by a negative acceleration if it may.
    """

    acceleration_mps2: float = 0.0
    steering_rad: float = 0.0
    backwards: bool = False


class Pose(NamedTuple):
    """Centre of a footprint in the net's plane [m], and heading [rad]."""

    x_m: float
    y_m: float
    z_m: float
    heading_rad: float


class _Box(NamedTuple):
    ahead_m: float
    above_m: float
    length_m: float
    width_m: float


@dataclass
class _Driven:
    actor_id: int
    box: _Box
    powertrain: Powertrain
    sensors: Sensors
    speed_mps: float
    lights: int = 0
    camera: Camera | None = None


@dataclass
class _Shown:
    actor_id: int
    box: _Box
    has_lights: bool
    pose: tuple[float, ...] = ()
    lights: int = 0


class CarlaBackend:
    """One world of a CARLA server, from `connect` and `load` to `begin`, ticks and `end`.

    Args:
        settings: where the server is, and what it is to do.
        weather: the scenario's weather.
        step_s: length of a tick [s].
    """

    def __init__(self, settings: CarlaSettings, weather: WeatherSettings, *, step_s: float) -> None:
        self._settings = settings
        self._weather = weather
        self._step_s = step_s
        self._client: Any = None
        self._world: Any = None
        self._began: tuple[Any, Any] | None = None
        self._blueprints = Blueprints(())
        # By blueprint and the size that it was given.
        self._boxes: dict[tuple[str, ...], _Box] = {}
        self._driven: dict[str, _Driven] = {}
        self._shown: dict[str, _Shown] = {}
        self._destroy: list[int] = []
        # By OpenDRIVE signal.
        self._traffic_lights: dict[str, Any] = {}
        self._traffic_lights_shown: dict[str, TrafficLight] = {}
        self._snapshot: Any = None
        self.frame = 0

    def connect(self) -> None:
        """Connect; ServerUnreachable if the client package or the server's version isn't right."""
        try:
            import carla
        except ImportError:
            raise ServerUnreachable(
                "the carla package isn't installed: pip install 'cosim-v2x[carla]'"
            ) from None
        self._carla = carla
        settings = self._settings
        self._client = carla.Client(settings.host, settings.port)
        self._client.set_timeout(settings.timeout_s)
        theirs, ours = self._client.get_server_version(), self._client.get_client_version()
        if _release(theirs) != _release(ours):
            raise ServerUnreachable(
                f"the server at {settings.host}:{settings.port} is CARLA {theirs}, the client "
                f"package is carla {ours}: pip install carla=={_release(theirs)}"
            )

    def load(self, opendrive: str | None) -> None:
        """Have the server load the road.

        Args:
            opendrive: the road, for a world to be generated; None for the town of the settings,
                or for what the server has loaded.

        Raises:
            ServerUnreachable: the server has no such town, or can't make a world of the road.
        """
        carla, town = self._carla, self._settings.town
        self._world = self._client.get_world()
        if opendrive is None and town is None:
            return
        present = self._world.get_map()
        try:
            if opendrive is None:
                if present.name.rpartition("/")[2] != town:
                    self._world = self._client.load_world(town, reset_settings=False)
            elif present.to_opendrive() != opendrive:
                self._world = self._client.generate_opendrive_world(
                    opendrive,
                    carla.OpendriveGenerationParameters(
                        wall_height=0.0, enable_pedestrian_navigation=False
                    ),
                    reset_settings=False,
                )
        except RuntimeError as error:
            if is_time_out(error):
                raise
            raise ServerUnreachable(f"can't load {town or 'the road'}: {error}") from None

    def opendrive(self) -> str:
        """The loaded map as OpenDRIVE."""
        return str(self._world.get_map().to_opendrive())

    def begin(self) -> None:
        """Take the world over: synchronous mode, weather, traffic lights."""
        carla, world = self._carla, self._world
        self._began = (world.get_settings(), world.get_weather())
        settings = world.get_settings()
        settings.synchronous_mode = True
        settings.fixed_delta_seconds = self._step_s
        settings.deterministic_ragdolls = True
        world.apply_settings(settings)
        world.set_weather(carla.WeatherParameters(**self._weather.model_dump()))
        self._library = world.get_blueprint_library()
        self._blueprints = Blueprints(blueprint.id for blueprint in self._library)
        place = world.get_map().transform_to_geolocation
        origin, north = place(carla.Location()), place(carla.Location(y=-100.0))
        # 0.9.16 takes +y, which is south, for north.
        mirrored = north.latitude < origin.latitude
        self._mirrored_latitude_deg = origin.latitude if mirrored else None
        self._find_traffic_lights()
        self._snapshot = world.get_snapshot()
        self.frame = self._snapshot.frame

    def end(self) -> None:
        """Leave the server as it was: no actors of ours, its own settings and weather."""
        if self._began is None:
            return
        settings, weather = self._began
        self._began = None
        self._client.set_timeout(_GOODBYE_S)
        for name in list(self._driven):
            self.remove_driven(name)
        for user_id in list(self._shown):
            self.remove_shown(user_id)
        destroy = self._carla.command.DestroyActor
        self._client.apply_batch([destroy(actor_id) for actor_id in self._destroy])
        if self._traffic_lights and self._settings.traffic_lights == "sumo":
            self._world.freeze_all_traffic_lights(False)
        self._world.set_weather(weather)
        self._world.apply_settings(settings)

    def add_driven(self, name: str, model: str, pose: Pose, speed_mps: float) -> DrivenBody | str:
        """Put a driven vehicle on the road, as it drives; why not, if its place is taken.

        Args:
            name: the vehicle's name, CARLA's `role_name`.
            model: parameter set of the vehicle model.
            pose: where it is.
            speed_mps: its speed along the heading [m/s].
        """
        carla = self._carla
        parameters = vehicle_parameters(model)
        choice = self._blueprints.for_driven(model, parameters.length_m, parameters.width_m)
        if choice is None:
            raise ServerDied(f"the server has no blueprint for {name}")
        blueprint = self._library.find(choice.blueprint)
        blueprint.set_attribute("role_name", name)
        spawned = self._spawn(blueprint, pose)
        if isinstance(spawned, str):
            return spawned
        actor, box = spawned
        velocity = carla.Vector3D(*velocity_to_carla(pose.heading_rad, speed_mps), 0.0)
        self._client.apply_batch([carla.command.ApplyTargetVelocity(actor.id, velocity)])
        physics = PhysicsControl.of(actor.get_physics_control())
        self._driven[name] = _Driven(
            actor.id,
            box,
            Powertrain(physics, parameters.rolling_resistance),
            Sensors(
                self._world,
                actor,
                self._settings.sensors,
                wait_s=self._settings.timeout_s,
                mirrored_latitude_deg=self._mirrored_latitude_deg,
            ),
            speed_mps,
        )
        return DrivenBody(
            box.length_m, box.width_m, _wheelbase_m(physics, parameters.wheelbase_m), choice.note
        )

    def remove_driven(self, name: str) -> None:
        """Take a driven vehicle off the road."""
        driven = self._driven.pop(name)
        driven.sensors.stop()
        self._destroy += driven.sensors.actor_ids
        if driven.camera is not None:
            driven.camera.stop()
            self._destroy.append(driven.camera.actor_id)
        self._destroy.append(driven.actor_id)

    def film(self, name: str, size_px: tuple[int, int]) -> str:
        """Have a camera follow a driven vehicle; why not, if the server has none."""
        driven = self._driven[name]
        try:
            vehicle = self._world.get_actor(driven.actor_id)
            driven.camera = Camera(self._world, vehicle, size_px)
        except RuntimeError as error:
            if is_time_out(error):
                raise
            return str(error)
        return ""

    def photo(self, name: str, frame: int) -> Photo | None:
        """What the camera behind a driven vehicle saw last up to a tick, if that is kept."""
        camera = self._driven[name].camera
        return camera.photo(frame) if camera is not None else None

    def choose(self, body: Body) -> Choice | None:
        """The blueprint that a road user is shown as; None if it can't be shown."""
        return self._blueprints.for_traffic(body)

    def add_shown(self, body: Body, blueprint_id: str, colour: Rgb | None, pose: Pose) -> str:
        """Show a road user of SUMO's; why not, if its place is taken ("" if it is shown)."""
        blueprint = self._library.find(blueprint_id)
        if blueprint.has_attribute("role_name"):
            blueprint.set_attribute("role_name", body.id)
        if blueprint.has_attribute("color"):
            recommended = blueprint.get_attribute("color").recommended_values
            shade = (
                own_colour(body.id, recommended)
                if colour is None
                else nearest_colour(colour, recommended)
            )
            if shade is not None:
                blueprint.set_attribute("color", shade)
        # CARLA's bodies are as large as they are; the headless server's can be SUMO's own.
        for name, size_m in zip(_SIZE, (body.length_m, body.width_m, body.height_m), strict=True):
            if blueprint.has_attribute(name):
                blueprint.set_attribute(name, str(size_m))
        spawned = self._spawn(blueprint, pose)
        if isinstance(spawned, str):
            return spawned
        actor, box = spawned
        self._client.apply_batch([self._carla.command.SetSimulatePhysics(actor.id, False)])
        lights = blueprint.has_attribute("has_lights")
        lights = lights and blueprint.get_attribute("has_lights").as_bool()
        self._shown[body.id] = _Shown(actor.id, box, has_lights=lights)
        return ""

    def remove_shown(self, user_id: str) -> None:
        """Show a road user no more."""
        self._destroy.append(self._shown.pop(user_id).actor_id)

    def tick(
        self,
        commands: Mapping[str, Command],
        shown: Sequence[str],
        poses: Poses,
        lights: Mapping[str, int],
    ) -> None:
        """Move the world on by one step.

        Args:
            commands: what driven vehicles do, by name; each one on the road.
            shown: the road users that are shown.
            poses: where they are at the step's end, shape (len(shown),).
            lights: vehicle lights to switch, by road user.

        Raises:
            ServerDied: the server didn't answer, or somebody else ticks the world.
        """
        command = self._carla.command
        batch = [command.DestroyActor(actor_id) for actor_id in self._destroy]
        self._destroy = []
        batch += self._moves(shown, poses)
        for name, wanted in commands.items():
            batch += self._controls(self._driven[name], wanted)
        for user_id, state in lights.items():
            actor = self._shown[user_id]
            if actor.has_lights and actor.lights != state:
                actor.lights = state
                batch.append(command.SetVehicleLightState(actor.actor_id, state))
        self._client.apply_batch(batch)
        frame = self._world.tick()
        if frame != self.frame + 1:
            raise ServerDied(
                f"frame {frame} came after {self.frame}: another client ticks the world as well"
            )
        self.frame = frame
        self._snapshot = self._world.get_snapshot()
        for driven in self._driven.values():
            driven.sensors.read(frame)

    def driven_state(self, names: Sequence[str]) -> tuple[Poses, Motion]:
        """Where driven vehicles are after the tick, and how they move; ServerDied if one is gone.

        Args:
            names: the vehicles, all of which the last tick moved.
        """
        driven = [self._driven[name] for name in names]
        rows = []
        for name, vehicle in zip(names, driven, strict=True):
            seen = self._snapshot.find(vehicle.actor_id)
            if seen is None:
                raise ServerDied(f"its actor {vehicle.actor_id}, which is {name}, has vanished")
            transform, velocity = seen.get_transform(), seen.get_velocity()
            acceleration = seen.get_acceleration()
            at = transform.location
            rows.append(
                (
                    *(at.x, at.y, at.z, transform.rotation.yaw, velocity.x, velocity.y),
                    *(acceleration.x, acceleration.y, seen.get_angular_velocity().z),
                )
            )
        state = np.array(rows).reshape(-1, 9)
        poses = from_carla(CarlaPoses(*state[:, :4].T), _origins([one.box for one in driven]))
        motion = motion_from_carla(poses.heading_rad, state[:, 4:6], state[:, 6:8], state[:, 8])
        for vehicle, speed in zip(driven, motion.speed_mps.tolist(), strict=True):
            vehicle.speed_mps = speed
        return poses, motion

    def vanished(self) -> list[str]:
        """Road users that were shown and that the last tick knows no more."""
        return [
            user_id
            for user_id, shown in self._shown.items()
            if shown.pose and not self._snapshot.has_actor(shown.actor_id)
        ]

    def touched(self, name: str) -> list[str]:
        """What a driven vehicle touched in the ticks before this one: road users, or blueprints."""
        user_of = {shown.actor_id: user_id for user_id, shown in self._shown.items()}
        user_of |= {driven.actor_id: other for other, driven in self._driven.items()}
        collisions = self._driven[name].sensors.collisions_before(self.frame)
        return [user_of.get(actor_id, blueprint) for actor_id, blueprint in collisions]

    def measured(self, name: str) -> Measured:
        """What GNSS and IMU of a driven vehicle measured in the last tick."""
        return self._driven[name].sensors.measured

    def show_traffic_lights(self, states: Mapping[str, TrafficLight]) -> None:
        """Switch the server's traffic lights, by OpenDRIVE signal, to what SUMO's show."""
        for signal, state in states.items():
            light = self._traffic_lights.get(signal)
            if light is not None and self._traffic_lights_shown.get(signal) != state:
                self._traffic_lights_shown[signal] = state
                light.set_state(self._carla.TrafficLightState.values[int(state)])

    def traffic_light_states(self) -> dict[str, TrafficLight]:
        """What the server's traffic lights show after the last tick, by OpenDRIVE signal."""
        return {
            signal: TrafficLight(min(int(light.get_state()), TrafficLight.OFF))
            for signal, light in self._traffic_lights.items()
        }

    def _find_traffic_lights(self) -> None:
        lights = self._world.get_actors().filter("traffic.traffic_light*")
        self._traffic_lights = {light.get_opendrive_id(): light for light in lights}
        if self._traffic_lights and self._settings.traffic_lights == "sumo":
            self._world.freeze_all_traffic_lights(True)

    def _spawn(self, blueprint: Any, pose: Pose) -> tuple[Any, _Box] | str:
        """The actor and its box, or why there is none."""
        sizes = [blueprint.get_attribute(name) for name in _SIZE if blueprint.has_attribute(name)]
        kind = (blueprint.id, *(str(size.as_float()) for size in sizes))
        box = self._boxes.get(kind, _Box(0.0, 0.0, 0.0, 0.0))
        at = to_carla(Poses(*(np.array([value]) for value in pose)), _origins([box]))
        x, y, z, yaw = (float(column[0]) for column in at)
        why_not = ""
        for lift_m in _LIFTS_M:
            transform = self._carla.Transform(
                self._carla.Location(x, y, z + lift_m), self._carla.Rotation(yaw=yaw)
            )
            try:
                actor = self._world.spawn_actor(blueprint, transform)
            except RuntimeError as error:
                if is_time_out(error):
                    raise
                why_not = str(error)
                continue
            if kind not in self._boxes:
                bounds = actor.bounding_box
                self._boxes[kind] = _Box(
                    ahead_m=bounds.location.x,
                    above_m=bounds.extent.z - bounds.location.z,
                    # To float32's digits: 4.508 m, not 4.507999897.
                    length_m=round(2.0 * bounds.extent.x, 6),
                    width_m=round(2.0 * bounds.extent.y, 6),
                )
            return actor, self._boxes[kind]
        return why_not

    def _moves(self, shown: Sequence[str], poses: Poses) -> list[Any]:
        carla, apply_transform = self._carla, self._carla.command.ApplyTransform
        actors = [self._shown[user_id] for user_id in shown]
        at = to_carla(poses, _origins([actor.box for actor in actors]))
        moves = []
        for actor, pose in zip(
            actors, zip(*(column.tolist() for column in at), strict=True), strict=True
        ):
            # Who stands still needn't be told so.
            if pose != actor.pose:
                actor.pose = pose
                x, y, z, yaw = pose
                transform = carla.Transform(carla.Location(x, y, z), carla.Rotation(0.0, yaw, 0.0))
                moves.append(apply_transform(actor.actor_id, transform))
        return moves

    def _controls(self, driven: _Driven, wanted: Command) -> list[Any]:
        command = self._carla.command
        # Rolling forwards a car brakes in any gear; rolling backwards it is in reverse.
        reverse = (wanted.backwards and driven.speed_mps < _STANDING_MPS) or (
            driven.speed_mps < -_STANDING_MPS
        )
        powertrain = driven.powertrain
        throttle, brake, steer = (
            powertrain.control_backwards(wanted.acceleration_mps2, wanted.steering_rad)
            if reverse
            else powertrain.control(wanted.acceleration_mps2, wanted.steering_rad, driven.speed_mps)
        )
        control = self._carla.VehicleControl(
            throttle=throttle, brake=brake, steer=steer, reverse=reverse
        )
        controls = [command.ApplyVehicleControl(driven.actor_id, control)]
        lights = VehicleLight.POSITION | VehicleLight.LOW_BEAM if self._weather.is_night else 0
        if wanted.acceleration_mps2 < _BRAKE_LIGHT_BELOW_MPS2:
            lights |= VehicleLight.BRAKE
        if lights != driven.lights:
            driven.lights = int(lights)
            controls.append(command.SetVehicleLightState(driven.actor_id, driven.lights))
        return controls


def _origins(boxes: Sequence[_Box]) -> Origins:
    rows = np.array([(box.ahead_m, box.above_m) for box in boxes]).reshape(-1, 2)
    return Origins(rows[:, 0], rows[:, 1])


def _wheelbase_m(physics: PhysicsControl, otherwise_m: float) -> float:
    """Distance of the first axle's wheels from the second's."""
    if len(physics.wheels) < 4:
        return otherwise_m
    front, rear = (np.array(physics.wheels[index].position) for index in (0, 2))
    apart = float(np.linalg.norm(front - rear))
    return apart / 100.0 if apart > _LONGEST_WHEELBASE_M else apart


def _release(version: str) -> str:
    """`0.9.16` of `0.9.16-3-gabcdef` or whatever a server calls itself."""
    match = re.match(r"\d+(\.\d+)*", version)
    return match.group() if match else version
