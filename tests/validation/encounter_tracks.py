"""Two encounters as motions, for our figures and for those of commonroad-crime."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

STEP_S = 0.1
LENGTH_M, WIDTH_M = 4.0, 2.0


class Motion(NamedTuple):
    """Along a straight line; arrays of shape (n,), every 0.1 s."""

    x_m: np.ndarray
    y_m: np.ndarray
    heading_rad: float
    speed_mps: np.ndarray
    acceleration_mps2: np.ndarray


def along(x_m: float, y_m: float, heading_rad: float, jerk_mps3: np.ndarray, speed: float):
    """A motion from a place, at a speed, with a jerk in each step."""
    acceleration = np.concatenate([[0.0], np.cumsum(jerk_mps3) * STEP_S])
    mean = 0.5 * (acceleration[1:] + acceleration[:-1])
    speeds = speed + np.concatenate([[0.0], np.cumsum(mean) * STEP_S])
    step_m = 0.5 * (speeds[1:] + speeds[:-1]) * STEP_S
    way = np.concatenate([[0.0], np.cumsum(step_m)])
    cos, sin = np.cos(heading_rad), np.sin(heading_rad)
    return Motion(x_m + way * cos, y_m + way * sin, heading_rad, speeds, acceleration)


_STEPS = 80
# commonroad-crime takes a lane that leads exactly to the east for one without a direction.
_NEARLY_EAST_RAD = 1e-3
_EVENLY = np.zeros(_STEPS)
_BRAKES = np.zeros(_STEPS)
_BRAKES[40:70] = -1.0

FOLLOWING = (
    along(0.0, 0.0, _NEARLY_EAST_RAD, _BRAKES, 20.0),
    along(45.0 * np.cos(_NEARLY_EAST_RAD), 45.0 * np.sin(_NEARLY_EAST_RAD), _NEARLY_EAST_RAD,
          _EVENLY, 15.0),
)  # fmt: skip
"""At 20 m/s behind a car at 15 m/s; after 4 s it brakes, by 1 m/s2 more every second for 3 s."""

CROSSING = (
    along(0.0, 0.0, 0.0, _EVENLY, 10.0),
    along(40.0, -60.0, np.pi / 2, _EVENLY, 10.0),
)
"""Two at 10 m/s whose ways cross at (40, 0), the one 2 s after the other."""
