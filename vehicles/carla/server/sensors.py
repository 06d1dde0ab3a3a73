"""What the sensors measure at a tick: one function per kind of sensor.

Lane invasions are found by the client itself. Sensors that look at a scene don't exist here: there
is none to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from network.arrays import Floats
from network.draws import Draws
from vehicles.carla.opendrive import GeoReference
from vehicles.carla.server import wire
from vehicles.carla.server.actors import Actor
from vehicles.carla.server.collisions import Boxes
from vehicles.carla.server.geolocation import geolocation
from vehicles.carla.server.geometry import axes
from vehicles.carla.server.table import ActorTable
from vehicles.carla.server.wire import SensorType, Triple

_LIGHT_MPS = 299_792_458.0


class Hit(NamedTuple):
    """A body ran into another one: the impulse on it [N s]."""

    actor: Actor
    other: Actor
    impulse_ns: Triple


class Streams(Protocol):
    """Where measurements go."""

    def is_wanted(self, stream_id: int) -> bool:
        """Whether anybody listens."""

    def expect(self, stream_id: int) -> None:
        """Keep what is published until the one who has asked for the token subscribes."""

    def publish(self, stream_id: int, body: bytes) -> None:
        """Hand a message to everybody who listens."""


@dataclass
class Scene:
    """What sensors can know of a tick."""

    frame: int
    elapsed_s: float
    table: ActorTable
    boxes: Boxes
    hits: list[Hit]
    reference: GeoReference
    gravity_mps2: float


@dataclass
class Sensors:
    """Every sensor of an episode.

    Args:
        streams: where measurements go.
    """

    streams: Streams
    _due_s: dict[int, float] = field(default_factory=dict)
    _sent: list[tuple[Actor, str]] = field(default_factory=list)

    def send(self, actor: Actor, text: str) -> None:
        """Radio a text from a V2X sensor; the others have it at the next tick."""
        self._sent.append((actor, text))

    def forget(self, actor: Actor) -> None:
        """A sensor is gone."""
        self._due_s.pop(actor.id, None)
        self._sent = [(sender, text) for sender, text in self._sent if sender is not actor]

    def measure(self, sensors: Iterable[Actor], scene: Scene) -> None:
        """Measure for everybody who listens."""
        sent, self._sent = self._sent, []
        for sensor in sensors:
            if not sensor.stream:
                continue
            stream_id = int.from_bytes(sensor.stream[:4], "little")
            if not self.streams.is_wanted(stream_id) or not self._is_due(sensor, scene.elapsed_s):
                continue
            kind = sensor.blueprint.id.rpartition(".")[2]
            if kind == "v2x_custom":
                payloads = _received(sensor, scene, sent)
            else:
                payloads = _MEASURES[kind](sensor, scene)
            transform = scene.table.transform(sensor.row)
            head = wire.header(_TYPES[kind], scene.frame, scene.elapsed_s, transform)
            for payload in payloads:
                self.streams.publish(stream_id, head + payload)

    def _is_due(self, sensor: Actor, now_s: float) -> bool:
        period_s = float(sensor.attributes.get("sensor_tick", 0.0))
        due_s = self._due_s.get(sensor.id, now_s)
        if now_s < due_s - 1e-9:
            return False
        self._due_s[sensor.id] = max(due_s + period_s, now_s - period_s)
        return True


_TYPES = {
    "collision": SensorType.COLLISION,
    "gnss": SensorType.GNSS,
    "imu": SensorType.IMU,
    "obstacle": SensorType.OBSTACLE,
    "v2x_custom": SensorType.V2X_CUSTOM,
}


def _collision(sensor: Actor, scene: Scene) -> list[bytes]:
    """One event for each body that the sensor's parent touches."""
    return [
        wire.collision(hit.actor.packed(), hit.other.packed(), hit.impulse_ns)
        for hit in scene.hits
        if hit.actor is sensor.parent
    ]


def _obstacle(sensor: Actor, scene: Scene) -> list[bytes]:
    """The nearest body that a ball of `hit_radius` meets within `distance` straight ahead."""
    reach_m = float(sensor.attributes["distance"])
    radius_m = float(sensor.attributes["hit_radius"])
    only_moving = sensor.attributes["only_dynamics"] == "true"
    boxes, here = scene.boxes, scene.table.location[sensor.row]
    ahead = axes(scene.table.rotation[sensor.row])[:, 0]
    nearest: tuple[float, Actor] | None = None
    for index, body in enumerate(boxes.bodies):
        moves = body.kind in ("vehicle", "walker")
        if body is sensor.parent or (only_moving and not moves):
            continue
        offset = here - boxes.centre_m[index]
        frame = np.zeros((3, 3))
        frame[:2, :2], frame[2, 2] = boxes.axes[index], 1.0
        distance = _ray_to_box(frame @ offset, frame @ ahead, boxes.half_m[index] + radius_m)
        if distance <= reach_m and (nearest is None or distance < nearest[0]):
            nearest = (distance, body)
    if nearest is None or sensor.parent is None:
        return []
    return [wire.obstacle(sensor.parent.packed(), nearest[1].packed(), nearest[0])]


def _ray_to_box(origin: Floats, direction: Floats, half_m: Floats) -> float:
    """Distance along a ray to a box around 0 (slab method); infinite if it misses."""
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = (-half_m - origin) / direction, (half_m - origin) / direction
    # A ray along a face is inside its slab or outside it for good.
    parallel = direction == 0.0
    inside = np.abs(origin) <= half_m
    enter = np.where(parallel, np.where(inside, -np.inf, np.inf), np.minimum(one, other)).max()
    leave = np.where(parallel, np.inf, np.maximum(one, other)).min()
    return float(max(enter, 0.0)) if enter <= leave and leave >= 0.0 else float("inf")


def _gnss(sensor: Actor, scene: Scene) -> list[bytes]:
    x, y, z = map(float, scene.table.location[sensor.row])
    fix = (*geolocation(scene.reference, x, y), z)
    noisy = [
        value + _noise(sensor, scene, f"noise_{name}_stddev", f"noise_{name}_bias")
        for name, value in zip(("lat", "lon", "alt"), fix, strict=True)
    ]
    return [wire.gnss(*noisy)]


def _imu(sensor: Actor, scene: Scene) -> list[bytes]:
    """Specific force and turn rate in the sensor's frame; the compass is 0 at north, clockwise."""
    table, row = scene.table, sensor.row
    carrier = sensor.parent.row if sensor.parent is not None else row
    frame = axes(table.rotation[row])
    force = frame.T @ (table.acceleration[carrier] + (0.0, 0.0, scene.gravity_mps2))
    turning = frame.T @ np.radians(table.angular_velocity[carrier])
    accelerometer = [
        float(force[axis]) + _noise(sensor, scene, f"noise_accel_stddev_{name}")
        for axis, name in enumerate("xyz")
    ]
    gyroscope = [
        float(turning[axis])
        + _noise(sensor, scene, f"noise_gyro_stddev_{name}", f"noise_gyro_bias_{name}")
        for axis, name in enumerate("xyz")
    ]
    # North is -y.
    compass = float(np.radians(table.rotation[row, 1] + 90.0) % (2.0 * np.pi))
    return [wire.imu(_triple(accelerometer), _triple(gyroscope), compass)]


def _noise(sensor: Actor, scene: Scene, stddev: str, bias: str | None = None) -> float:
    attributes = sensor.attributes
    sigma = float(attributes.get(stddev, 0.0))
    offset = float(attributes.get(bias, 0.0)) if bias else 0.0
    if sigma == 0.0:
        return offset
    seed = int(attributes.get("noise_seed", 0))
    return offset + sigma * float(Draws(seed, stddev).normal(sensor.id, scene.frame))


def _received(sensor: Actor, scene: Scene, sent: list[tuple[Actor, str]]) -> list[bytes]:
    """Texts that reach a V2X sensor over free space, all in one message."""
    heard = []
    here = scene.table.location[sensor.row]
    for sender, text in sent:
        if sender is sensor:
            continue
        apart_m = float(np.linalg.norm(scene.table.location[sender.row] - here))
        power_dbm = float(sender.attributes["transmit_power"]) - _free_space_db(
            apart_m, float(sender.attributes["frequency_ghz"])
        )
        if power_dbm >= float(sensor.attributes["receiver_sensitivity"]):
            heard.append(wire.v2x_custom(sender.id, power_dbm, text))
    return [b"".join(heard)] if heard else []


def _free_space_db(distance_m: float, frequency_ghz: float) -> float:
    """Path loss in free space (Friis)."""
    waves = 4.0 * np.pi * max(distance_m, 1.0) * frequency_ghz * 1e9 / _LIGHT_MPS
    return float(20.0 * np.log10(waves))


_MEASURES: dict[str, Callable[[Actor, Scene], list[bytes]]] = {
    "collision": _collision,
    "gnss": _gnss,
    "imu": _imu,
    "obstacle": _obstacle,
}


def _triple(values: list[float]) -> Triple:
    x, y, z = values
    return (x, y, z)
