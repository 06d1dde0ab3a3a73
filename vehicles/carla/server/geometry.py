"""Rotations and boxes in CARLA's left-handed frame: x forward, y right, z up, angles in degrees."""

from __future__ import annotations

import numpy as np

from network.arrays import Floats
from vehicles.carla.server.wire import Transform, Triple


def axes(rotation_deg: Triple | Floats) -> Floats:
    """Forward, right and up as the columns of a matrix: body to world."""
    pitch, yaw, roll = np.radians(rotation_deg)
    cp, sp, cy, sy = np.cos(pitch), np.sin(pitch), np.cos(yaw), np.sin(yaw)
    cr, sr = np.cos(roll), np.sin(roll)
    return np.array(
        [
            [cp * cy, cy * sp * sr - sy * cr, -cy * sp * cr - sy * sr],
            [cp * sy, sy * sp * sr + cy * cr, -sy * sp * cr + cy * sr],
            [sp, -cp * sr, cp * cr],
        ]
    )


def rotation_of(matrix: Floats) -> Triple:
    """Pitch, yaw and roll [deg] of body axes; the inverse of `axes`."""
    pitch = np.degrees(np.arctan2(matrix[2, 0], np.hypot(matrix[0, 0], matrix[1, 0])))
    yaw = np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))
    roll = np.degrees(np.arctan2(-matrix[2, 1], matrix[2, 2]))
    return (float(pitch), float(yaw), float(roll))


def attached(parent: Transform, relative: Transform) -> Transform:
    """The world pose of what is fixed to a parent at a relative pose."""
    frame = axes(parent.rotation)
    location = np.array(parent.location) + frame @ np.array(relative.location)
    x, y, z = map(float, location)
    return Transform((x, y, z), rotation_of(frame @ axes(relative.rotation)))
