"""The steps in which a vehicle is told what to do and tells how it moves, as on a car's own bus.

They are fine against anything that is measured on a road, and coarse against float32: a value in
steps that has travelled as float32 is found again by `in_steps`, bit for bit. So it makes no
difference whether the vehicle model runs in this process or behind CARLA's protocol, as long as
positions stay within 16 km of the origin.
"""

from __future__ import annotations

from math import tau
from typing import TypeVar

import numpy as np

from network.arrays import Floats

STEP = 2.0**-10
"""Of positions [m], speeds [m/s] and accelerations [m/s²]."""

ANGLE_STEP_RAD = tau * 2.0**-20
"""Of angles [rad] and yaw rates [rad/s]: a millionth of a turn."""

_HALF_TURN = 2**19

_Value = TypeVar("_Value", float, Floats)


def in_steps(value: _Value) -> _Value:
    """Positions, speeds or accelerations to the nearest step."""
    told: _Value = np.rint(value / STEP) * STEP
    return told


def angle_in_steps(angle_rad: _Value) -> _Value:
    """Angles or yaw rates to the nearest step."""
    told: _Value = np.rint(angle_rad / ANGLE_STEP_RAD) * ANGLE_STEP_RAD
    return told


def heading_in_steps(heading_rad: _Value) -> _Value:
    """Headings to the nearest step, from -pi inclusive to pi exclusive."""
    steps: _Value = np.rint(heading_rad / ANGLE_STEP_RAD)
    return ((steps + _HALF_TURN) % (2 * _HALF_TURN) - _HALF_TURN) * ANGLE_STEP_RAD
