"""From the net's plane to CARLA's left-handed one, and back, for many bodies at once.

The net has x east, y north and headings counter-clockwise from east; its positions are centres of
footprints. CARLA has y south and yaw clockwise from east in degrees; its positions are an actor's
origin, which lies anywhere in the body: the bounding box says where.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from network.arrays import Floats


class Origins(NamedTuple):
    """Where actors' origins lie in their bodies, shape (n,) each.

    `ahead_m` is how far the body's centre lies ahead of the origin, `above_m` how high the origin
    stands over the body's lower face.
    """

    ahead_m: Floats
    above_m: Floats


class Poses(NamedTuple):
    """Poses in the net's plane, shape (n,) each: centres of footprints, headings in ±pi."""

    x_m: Floats
    y_m: Floats
    z_m: Floats
    heading_rad: Floats


class CarlaPoses(NamedTuple):
    """Locations of actors [m] and their yaw [deg] within ±180, shape (n,) each."""

    x_m: Floats
    y_m: Floats
    z_m: Floats
    yaw_deg: Floats


class Motion(NamedTuple):
    """How bodies move, shape (n,) each: along the heading, to the left, counter-clockwise."""

    speed_mps: Floats
    lateral_speed_mps: Floats
    acceleration_mps2: Floats
    yaw_rate_radps: Floats


def to_carla(poses: Poses, origins: Origins) -> CarlaPoses:
    """CARLA's poses of bodies."""
    cos, sin = np.cos(poses.heading_rad), np.sin(poses.heading_rad)
    return CarlaPoses(
        x_m=poses.x_m - origins.ahead_m * cos,
        y_m=-(poses.y_m - origins.ahead_m * sin),
        z_m=poses.z_m + origins.above_m,
        yaw_deg=np.degrees(np.arctan2(-sin, cos)),
    )


def from_carla(poses: CarlaPoses, origins: Origins) -> Poses:
    """The net's poses of actors."""
    heading = np.radians(-poses.yaw_deg)
    cos, sin = np.cos(heading), np.sin(heading)
    return Poses(
        x_m=poses.x_m + origins.ahead_m * cos,
        y_m=-poses.y_m + origins.ahead_m * sin,
        z_m=poses.z_m - origins.above_m,
        heading_rad=np.arctan2(sin, cos),
    )


def motion_from_carla(
    heading_rad: Floats, velocity_mps: Floats, acceleration_mps2: Floats, yaw_rate_degps: Floats
) -> Motion:
    """How actors move, seen from their bodies.

    Args:
        heading_rad: headings in the net's plane, shape (n,) [rad].
        velocity_mps: CARLA's velocities, x and y, shape (n, 2) [m/s].
        acceleration_mps2: CARLA's accelerations, likewise [m/s²].
        yaw_rate_degps: CARLA's angular velocity about z, shape (n,) [deg/s].
    """
    forward = np.stack((np.cos(heading_rad), -np.sin(heading_rad)), axis=1)
    left = np.stack((-np.sin(heading_rad), -np.cos(heading_rad)), axis=1)
    return Motion(
        speed_mps=(velocity_mps * forward).sum(axis=1),
        lateral_speed_mps=(velocity_mps * left).sum(axis=1),
        acceleration_mps2=(acceleration_mps2 * forward).sum(axis=1),
        yaw_rate_radps=np.radians(-yaw_rate_degps),
    )


def velocity_to_carla(heading_rad: float, speed_mps: float) -> tuple[float, float]:
    """CARLA's velocity (x, y) [m/s] of a body that drives straight along its heading [rad]."""
    return speed_mps * float(np.cos(heading_rad)), -speed_mps * float(np.sin(heading_rad))
