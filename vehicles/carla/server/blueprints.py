"""The blueprint library: what can be spawned, and with which attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cache
from typing import Any

from vehicles.carla.catalogue import CatalogueVehicle, catalogue
from vehicles.carla.server.wire import Triple


class AttributeType(IntEnum):
    """Type of an attribute's value, which itself is always a string."""

    BOOL = 1
    INT = 2
    FLOAT = 3
    STRING = 4
    COLOR = 5


@dataclass(frozen=True)
class Attribute:
    """What can be set before spawning."""

    id: str
    type: AttributeType
    value: str
    recommended: tuple[str, ...] = ()
    modifiable: bool = True
    restricted: bool = False

    def packed(self) -> list[Any]:
        """Its msgpack form."""
        recommended = list(self.recommended)
        return [self.id, self.type, self.value, recommended, self.modifiable, self.restricted]


@dataclass(frozen=True)
class Blueprint:
    """One kind of actor."""

    id: str
    attributes: tuple[Attribute, ...] = ()
    half_size_m: Triple = (0.0, 0.0, 0.0)
    """Half of length, width and height of its body."""
    mass_kg: float = 0.0
    vehicle: CatalogueVehicle | None = None
    needs: str = ""
    """What the headless server would need to spawn it, empty if it can."""

    def sized(self, size_m: Sequence[float]) -> Blueprint:
        """The blueprint with a body of this length, width and height where they aren't 0."""
        if not any(size_m):
            return self
        length, width, height = (
            0.5 * given or own for given, own in zip(size_m, self.half_size_m, strict=True)
        )
        return replace(self, half_size_m=(length, width, height))

    @property
    def centre_above_m(self) -> float:
        """How far the body's centre lies above the actor's location; walkers are held by it."""
        return 0.0 if self.id.startswith("walker.") else self.half_size_m[2]

    @property
    def semantic_tag(self) -> int:
        """Tag of CARLA's semantic segmentation, 0 if it has none."""
        if self.vehicle is not None:
            return _TAGS[self.vehicle.base_type]
        return 12 if self.id.startswith("walker.") else 20 if self.id.startswith("static.") else 0

    def packed(self, uid: int) -> list[Any]:
        """Its definition's msgpack form."""
        tags = self.id.replace(".", ",")
        return [uid, self.id, tags, [attribute.packed() for attribute in self.attributes]]


SIZE_ATTRIBUTES = ("length", "width", "height")
"""A body's size [m], which CARLA's own blueprints can't be given: 0 for the blueprint's own."""

_TAGS = {"car": 14, "van": 14, "truck": 15, "bus": 16, "motorcycle": 18, "bicycle": 19}
_COLORS = ("17,37,103", "99,126,152", "180,180,180", "137,0,0", "255,255,255", "20,20,20")


@cache
def library() -> dict[str, Blueprint]:
    """Every blueprint by its id."""
    found = [
        *(_vehicle(vehicle) for vehicle in catalogue()),
        *(_walker(number) for number in range(1, 53)),
        *_sensors(),
        *_props(),
        Blueprint("controller.ai.walker", (_role("autopilot"),)),
        Blueprint("util.actor.empty", (_role("empty"),)),
    ]
    return {blueprint.id: blueprint for blueprint in found}


def _role(name: str) -> Attribute:
    return Attribute(
        "role_name",
        AttributeType.STRING,
        name,
        ("autopilot", "scenario", "ego_vehicle", "hero"),
    )


def _fixed(name: str, kind: AttributeType, value: object) -> Attribute:
    told = str(value).lower() if isinstance(value, bool) else str(value)
    return Attribute(name, kind, told, (told,), modifiable=False)


def _vehicle(vehicle: CatalogueVehicle) -> Blueprint:
    attributes = (
        _role("autopilot"),
        Attribute("color", AttributeType.COLOR, _COLORS[0], _COLORS),
        Attribute("sticky_control", AttributeType.BOOL, "true"),
        Attribute("terramechanics", AttributeType.BOOL, "false"),
        _fixed("object_type", AttributeType.STRING, ""),
        _fixed("base_type", AttributeType.STRING, vehicle.base_type),
        _fixed("special_type", AttributeType.STRING, vehicle.special_type),
        _fixed("generation", AttributeType.INT, vehicle.generation),
        _fixed("number_of_wheels", AttributeType.INT, vehicle.wheels),
        _fixed("has_dynamic_doors", AttributeType.BOOL, False),
        _fixed("has_lights", AttributeType.BOOL, vehicle.has_lights),
        *_sizes(),
    )
    half = (0.5 * vehicle.length_m, 0.5 * vehicle.width_m, 0.5 * vehicle.height_m)
    return Blueprint(vehicle.id, attributes, half, vehicle.mass_kg, vehicle)


def _walker(number: int) -> Blueprint:
    # As in CARLA, a few of the pedestrians are children.
    child = number in {9, 10, 11, 12, 13, 14, 48, 49}
    attributes = (
        _role("pedestrian"),
        Attribute("is_invincible", AttributeType.BOOL, "true"),
        Attribute("speed", AttributeType.FLOAT, "1.4", ("0.0", "1.4", "2.6")),
        _fixed("gender", AttributeType.STRING, "female" if number % 2 else "male"),
        _fixed("age", AttributeType.STRING, "child" if child else "adult"),
        _fixed("generation", AttributeType.INT, 1 if number <= 14 else 2),
        _fixed("can_use_wheelchair", AttributeType.BOOL, False),
        *_sizes(),
    )
    half = (0.25, 0.25, 0.55) if child else (0.188, 0.188, 0.93)
    return Blueprint(f"walker.pedestrian.{number:04}", attributes, half, 30.0 if child else 75.0)


def _floats(**values: float) -> list[Attribute]:
    return [Attribute(name, AttributeType.FLOAT, str(value)) for name, value in values.items()]


def _ints(**values: int) -> list[Attribute]:
    return [Attribute(name, AttributeType.INT, str(value)) for name, value in values.items()]


def _sizes() -> list[Attribute]:
    return _floats(**dict.fromkeys(SIZE_ATTRIBUTES, 0.0))


_TICK = _floats(sensor_tick=0.0)
_LENS = [
    *_floats(
        fov=90.0,
        lens_circle_falloff=5.0,
        lens_circle_multiplier=0.0,
        lens_k=-1.0,
        lens_kcube=0.0,
        lens_x_size=0.08,
        lens_y_size=0.08,
    ),
    *_ints(image_size_x=800, image_size_y=600),
    *_TICK,
]
_EXPOSURE = [
    *_floats(
        gamma=2.2,
        iso=100.0,
        shutter_speed=200.0,
        fstop=1.4,
        min_fstop=1.2,
        focal_distance=1000.0,
        motion_blur_intensity=0.45,
        motion_blur_max_distortion=0.35,
        exposure_compensation=0.0,
        temp=6500.0,
        tint=0.0,
        bloom_intensity=0.675,
        lens_flare_intensity=0.1,
        chromatic_aberration_intensity=0.0,
        chromatic_aberration_offset=0.0,
        motion_blur_min_object_screen_size=0.1,
        exposure_min_bright=10.0,
        exposure_max_bright=12.0,
        exposure_speed_up=3.0,
        exposure_speed_down=1.0,
        calibration_constant=16.0,
        black_clip=0.0,
        white_clip=0.04,
        slope=0.88,
        toe=0.55,
        shoulder=0.26,
        blur_amount=1.0,
        blur_radius=0.0,
    ),
    *_ints(blade_count=5),
    Attribute("enable_postprocess_effects", AttributeType.BOOL, "true"),
    Attribute("exposure_mode", AttributeType.STRING, "histogram", ("histogram", "manual")),
]
_LIDAR = [
    *_floats(
        range=10.0, rotation_frequency=10.0, upper_fov=10.0, lower_fov=-30.0, horizontal_fov=360.0
    ),
    *_ints(channels=32, points_per_second=56000),
    *_TICK,
]


def _sensors() -> list[Blueprint]:
    """Sensors of bodies and positions work; those that look at a rendered scene can't."""
    noise = {
        "gnss": [
            f"noise_{name}_{kind}" for name in ("alt", "lat", "lon") for kind in ("bias", "stddev")
        ],
        "imu": [
            *(f"noise_{name}_stddev_{axis}" for name in ("accel", "gyro") for axis in "xyz"),
            *(f"noise_gyro_bias_{axis}" for axis in "xyz"),
        ],
    }
    noisy = {
        name: [*_floats(**dict.fromkeys(names, 0.0)), *_ints(noise_seed=0), *_TICK]
        for name, names in noise.items()
    }
    obstacle = [
        *_floats(distance=5.0, hit_radius=0.5),
        Attribute("only_dynamics", AttributeType.BOOL, "false"),
        Attribute("debug_linetrace", AttributeType.BOOL, "false"),
        *_TICK,
    ]
    v2x = _floats(transmit_power=21.5, receiver_sensitivity=-99.0, frequency_ghz=5.9)
    works: dict[str, list[Attribute]] = {
        "sensor.other.collision": [],
        "sensor.other.lane_invasion": [],
        "sensor.other.obstacle": obstacle,
        "sensor.other.gnss": noisy["gnss"],
        "sensor.other.imu": noisy["imu"],
        "sensor.other.v2x_custom": [*v2x, *_TICK],
    }
    rendered: dict[str, list[Attribute]] = {
        "sensor.camera.rgb": [*_LENS, *_EXPOSURE],
        "sensor.camera.depth": _LENS,
        "sensor.camera.normals": _LENS,
        "sensor.camera.semantic_segmentation": _LENS,
        "sensor.camera.instance_segmentation": _LENS,
        "sensor.camera.optical_flow": _LENS,
        "sensor.camera.dvs": [*_LENS, *_EXPOSURE],
        "sensor.lidar.ray_cast": _LIDAR,
        "sensor.lidar.ray_cast_semantic": _LIDAR,
        "sensor.other.radar": [
            *_floats(horizontal_fov=30.0, vertical_fov=30.0, range=100.0),
            *_ints(points_per_second=1500),
            *_TICK,
        ],
    }
    return [
        *(Blueprint(id_, (_role("front"), *attributes)) for id_, attributes in works.items()),
        *(
            Blueprint(id_, (_role("front"), *attributes), needs="rendering")
            for id_, attributes in rendered.items()
        ),
    ]


_PROP_SIZES_M = {
    "barrel": (0.6, 0.6, 0.9),
    "bench01": (0.6, 1.6, 0.9),
    "box01": (0.6, 0.6, 0.6),
    "busstop": (2.2, 5.0, 3.0),
    "chainbarrier": (0.3, 1.5, 0.9),
    "constructioncone": (0.4, 0.4, 0.6),
    "container": (2.0, 3.6, 2.0),
    "mailbox": (0.6, 0.6, 1.3),
    "streetbarrier": (0.6, 1.3, 1.1),
    "trafficcone01": (0.4, 0.4, 0.7),
    "trafficcone02": (0.4, 0.4, 0.7),
    "trafficwarning": (2.4, 2.0, 3.0),
    "trashcan01": (0.6, 0.6, 1.0),
    "vendingmachine": (0.9, 1.0, 2.0),
    "warningconstruction": (0.3, 0.8, 1.2),
}


def _props() -> list[Blueprint]:
    return [
        Blueprint(
            f"static.prop.{name}",
            (_role("prop"), _fixed("size", AttributeType.STRING, "medium")),
            (0.5 * length, 0.5 * width, 0.5 * height),
        )
        for name, (length, width, height) in _PROP_SIZES_M.items()
    ]
