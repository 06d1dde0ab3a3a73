"""What a vehicle sees by itself: range, field of view, and what stands in the way.

Every body is an upright box. Rays from the sensor are spread evenly over the angle that a target
subtends; a ray counts if it meets the target inside the field of view and meets nothing else
before. A target is seen if enough of its rays count. Measurement of what is seen is perfect.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from pydantic import Field

from network.arrays import Bools, Floats, Ints
from network.settings import Settings
from vehicles.state import Kinematics, RoadUsers
from vehicles.weather import WeatherSettings

RAYS = 16
"""Rays over each target: the grain of the visible share is 1/16."""

_EMPTY = np.zeros(0)


class SensorSettings(Settings):
    """Sensors of a vehicle: one that looks far ahead, and one that looks near all round."""

    range_m: float = Field(150.0, ge=0.0, description="Range ahead [m].")
    field_of_view_deg: float = Field(
        60.0, gt=0.0, le=360.0, description="Whole angle of the field of view ahead [deg]."
    )
    near_range_m: float = Field(50.0, ge=0.0, description="Range all round [m].")
    height_m: float = Field(1.2, ge=0.0, description="Height above the ground [m].")
    visible_share: float = Field(
        0.25, gt=0.0, le=1.0, description="Share of a body's angular extent that must be visible."
    )

    def through(self, weather: WeatherSettings) -> SensorSettings:
        """These sensors in a weather, with the ranges that it leaves them."""
        ranges_m = {
            "range_m": weather.optical_range_m(self.range_m),
            "near_range_m": weather.optical_range_m(self.near_range_m),
        }
        return self.model_copy(update=ranges_m)


class Sensed(NamedTuple):
    """Road users seen at one instant, slots ascending, as arrays of one entry each.

    The frame is the ego's: origin at the centre of its body, longitudinal along its heading,
    lateral to its left. Speeds are relative to the ego in that frame.
    """

    slots: Ints
    range_m: Floats
    """From the sensor to the nearest point of the body."""
    bearing_rad: Floats
    """Of the body's centre, left positive."""
    longitudinal_m: Floats
    lateral_m: Floats
    longitudinal_speed_mps: Floats
    lateral_speed_mps: Floats
    length_m: Floats
    width_m: Floats
    visible_share: Floats


def sense(
    users: RoadUsers,
    instant_ns: int,
    ego_slot: int,
    settings: SensorSettings,
    buildings: shapely.STRtree | None = None,
) -> Sensed:
    """What the ego sees at an instant.

    The sensor stands at the centre of the ego's body, `height_m` above the ground. A body hides
    what its own height can hide: the top of a truck is seen over a car.

    Args:
        users: everyone on the road.
        instant_ns: the instant [ns]; road users are moved on to it.
        ego_slot: slot of the vehicle that looks.
        settings: its sensors.
        buildings: footprints [m] in the net's plane that no ray passes, whatever their height.

    Raises:
        ValueError: nobody is at the ego's slot.
    """
    if not (0 <= ego_slot < users.capacity and users.active[ego_slot]):
        raise ValueError(f"expected the slot of a road user, got {ego_slot}")
    slots = users.slots()
    everyone = users.at(instant_ns, slots)
    mine = slots == ego_slot
    ego = Kinematics(*(column[mine] for column in everyone))
    others = Kinematics(*(column[~mine] for column in everyone))
    return _sense(users, ego, slots[~mine], others, settings, buildings)


def sense_from(
    users: RoadUsers,
    instant_ns: int,
    place: tuple[float, float, float],
    settings: SensorSettings,
    buildings: shapely.STRtree | None = None,
) -> Sensed:
    """What a sensor that stands beside the road sees; see `sense`.

    Args:
        users: everyone on the road.
        instant_ns: the instant [ns]; road users are moved on to it.
        place: x [m], y [m] and heading [rad] of the sensor in the net's plane.
        settings: the sensor.
        buildings: footprints [m] that no ray passes.
    """
    x_m, y_m, heading_rad = (np.array([value]) for value in place)
    still = np.zeros(1)
    sensor = Kinematics(x_m, y_m, still, heading_rad, still, still, still)
    slots = users.slots()
    return _sense(users, sensor, slots, users.at(instant_ns, slots), settings, buildings)


def _sense(
    users: RoadUsers,
    ego: Kinematics,
    slots: Ints,
    others: Kinematics,
    settings: SensorSettings,
    buildings: shapely.STRtree | None,
) -> Sensed:
    reach_m = max(settings.range_m, settings.near_range_m)
    dx, dy = others.x_m - ego.x_m, others.y_m - ego.y_m
    half_diagonal_m = 0.5 * (users.length_m[slots] + users.width_m[slots])
    near = np.flatnonzero(dx * dx + dy * dy <= (reach_m + half_diagonal_m) ** 2)
    if near.size == 0:
        return Sensed(slots[near], *(_EMPTY,) * 9)
    slots = slots[near]
    others = Kinematics(*(column[near] for column in others))
    bodies = _Bodies(users, slots, others, ego)

    share = _visible_rays(bodies, settings, ego, buildings).mean(axis=1)
    # Whoever touches the sensor is noticed, and hides nobody.
    share[bodies.range_m == 0.0] = 1.0
    seen = np.flatnonzero(share >= settings.visible_share)
    cos, sin = np.cos(ego.heading_rad), np.sin(ego.heading_rad)
    vx, vy = others.vx_mps[seen] - ego.vx_mps, others.vy_mps[seen] - ego.vy_mps
    return Sensed(
        slots=slots[seen],
        range_m=bodies.range_m[seen],
        bearing_rad=bodies.bearing_rad[seen],
        longitudinal_m=bodies.x_m[seen],
        lateral_m=bodies.y_m[seen],
        longitudinal_speed_mps=vx * cos + vy * sin,
        lateral_speed_mps=vy * cos - vx * sin,
        length_m=users.length_m[slots[seen]],
        width_m=users.width_m[slots[seen]],
        visible_share=share[seen],
    )


class _Bodies:
    """Bodies as boxes in the ego's frame, shape (bodies,)."""

    def __init__(self, users: RoadUsers, slots: Ints, others: Kinematics, ego: Kinematics) -> None:
        cos, sin = np.cos(ego.heading_rad), np.sin(ego.heading_rad)
        dx, dy = others.x_m - ego.x_m, others.y_m - ego.y_m
        self.x_m, self.y_m = dx * cos + dy * sin, dy * cos - dx * sin
        self.bearing_rad = np.arctan2(self.y_m, self.x_m)
        turned = others.heading_rad - ego.heading_rad
        self.cos, self.sin = np.cos(turned), np.sin(turned)
        self.half_length_m = 0.5 * users.length_m[slots]
        self.half_width_m = 0.5 * users.width_m[slots]
        self.bottom_m = others.z_m - ego.z_m
        self.top_m = self.bottom_m + users.height_m[slots]
        # The sensor in each body's own frame.
        self.sensor_x_m = -self.x_m * self.cos - self.y_m * self.sin
        self.sensor_y_m = self.x_m * self.sin - self.y_m * self.cos
        self.range_m = np.hypot(
            np.maximum(np.abs(self.sensor_x_m) - self.half_length_m, 0.0),
            np.maximum(np.abs(self.sensor_y_m) - self.half_width_m, 0.0),
        )
        along = np.multiply.outer([1.0, 1.0, -1.0, -1.0], self.half_length_m)
        across = np.multiply.outer([1.0, -1.0, 1.0, -1.0], self.half_width_m)
        corner_x = self.x_m + along * self.cos - across * self.sin
        corner_y = self.y_m + along * self.sin + across * self.cos
        # Against the centre's direction: a box that doesn't hold the sensor spans less than pi.
        angle = np.arctan2(
            corner_y * self.x_m - corner_x * self.y_m, corner_x * self.x_m + corner_y * self.y_m
        )
        self.right_rad, self.left_rad = angle.min(axis=0), angle.max(axis=0)

    def distance_m(self, body: Ints, ray_cos: Floats, ray_sin: Floats) -> Floats:
        """Along rays from the sensor to bodies, infinite where a ray misses; shape of the rays.

        Args:
            body: which body each row of rays is tried against.
            ray_cos: cosine of the rays' bearing, shape (rows, rays).
            ray_sin: sine of the rays' bearing.
        """
        cos, sin = self.cos[body, None], self.sin[body, None]
        enter, leave = _slab(
            self.sensor_x_m[body, None],
            ray_cos * cos + ray_sin * sin,
            self.half_length_m[body, None],
        )
        enter_y, leave_y = _slab(
            self.sensor_y_m[body, None],
            ray_sin * cos - ray_cos * sin,
            self.half_width_m[body, None],
        )
        enter, leave = np.maximum(enter, enter_y), np.minimum(leave, leave_y)
        return np.where((enter <= leave) & (leave >= 0.0), np.maximum(enter, 0.0), np.inf)


def _slab(origin: Floats, direction: Floats, half: Floats) -> tuple[Floats, Floats]:
    """Where rays enter and leave the strip from -half to half."""
    safe = np.where(np.abs(direction) < 1e-12, 1e-12, direction)
    middle, reach = -origin / safe, half / np.abs(safe)
    return middle - reach, middle + reach


def _visible_rays(
    bodies: _Bodies,
    settings: SensorSettings,
    ego: Kinematics,
    buildings: shapely.STRtree | None,
) -> Bools:
    """Which rays meet their target, in the field of view and unhindered, shape (bodies, RAYS)."""
    count = bodies.x_m.size
    part = (np.arange(RAYS) + 0.5) / RAYS
    extent = bodies.left_rad - bodies.right_rad
    relative = bodies.right_rad[:, None] + part * extent[:, None]
    angle = bodies.bearing_rad[:, None] + relative
    ray_cos, ray_sin = np.cos(angle), np.sin(angle)
    hit_m = bodies.distance_m(np.arange(count), ray_cos, ray_sin)

    # Compared by cosine, a bearing needs no wrapping.
    ahead = ray_cos >= np.cos(np.radians(0.5 * settings.field_of_view_deg))
    visible: Bools = (
        np.where(ahead, max(settings.range_m, settings.near_range_m), settings.near_range_m)
        >= hit_m
    )

    # Only pairs whose angles overlap, the hiding one nearer, are worth rays.
    wanted = np.flatnonzero(visible.any(axis=1))
    apart = np.abs(bodies.bearing_rad - bodies.bearing_rad[wanted, None])
    apart = np.minimum(apart, 2.0 * np.pi - apart)
    half_extent = np.maximum(bodies.left_rad, -bodies.right_rad)
    farthest_m = np.where(visible[wanted], hit_m[wanted], 0.0).max(axis=1)
    pairs = (apart <= half_extent + half_extent[wanted, None]) & (
        bodies.range_m < farthest_m[:, None]
    )
    # The angle that a body spans has no meaning where it holds the sensor.
    pairs[:, bodies.range_m == 0.0] = False
    pairs[np.arange(wanted.size), wanted] = False
    row, hiding = np.nonzero(pairs)
    if row.size:
        target = wanted[row]
        hidden = _hidden(bodies, settings.height_m, target, hiding, hit_m, ray_cos, ray_sin)
        first = np.flatnonzero(np.diff(row, prepend=-1))
        visible[target[first]] &= ~np.logical_or.reduceat(hidden, first, axis=0)

    if buildings is not None:
        _strike_out_behind_buildings(visible, hit_m, angle, ego, buildings)
    return visible


def _hidden(
    bodies: _Bodies,
    height_m: float,
    target: Ints,
    hiding: Ints,
    hit_m: Floats,
    ray_cos: Floats,
    ray_sin: Floats,
) -> Bools:
    """Which rays to a target a nearer body stops, shape (pairs, RAYS)."""
    reach_m = hit_m[target]
    before_m = bodies.distance_m(hiding, ray_cos[target], ray_sin[target])
    with np.errstate(invalid="ignore"):
        # Height of the line from the sensor to the target's top where it passes the other body.
        line_m = height_m + (bodies.top_m[target, None] - height_m) * (before_m / reach_m)
    return (
        (before_m < reach_m)
        & (bodies.top_m[hiding, None] >= line_m)
        & (bodies.bottom_m[hiding, None] <= line_m)
    )


def _strike_out_behind_buildings(
    visible: Bools, hit_m: Floats, angle: Floats, ego: Kinematics, buildings: shapely.STRtree
) -> None:
    target, ray = np.nonzero(visible)
    bearing = angle[target, ray] + ego.heading_rad
    reach_m = hit_m[target, ray]
    line = np.empty((target.size, 2, 2))
    line[:, 0] = ego.x_m[0], ego.y_m[0]
    line[:, 1, 0] = ego.x_m + reach_m * np.cos(bearing)
    line[:, 1, 1] = ego.y_m + reach_m * np.sin(bearing)
    stopped, _ = buildings.query(shapely.linestrings(line), predicate="intersects")
    visible[target[stopped], ray[stopped]] = False
