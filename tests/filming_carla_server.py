"""The headless CARLA server with a camera that a test can read: its pictures say where the car is.

Usage: python -m tests.filming_carla_server, with the options of `cosim carla-server`
"""

from __future__ import annotations

import struct
import sys
from dataclasses import replace
from unittest.mock import patch

import numpy as np

from cosim.cli import main
from vehicles.carla.server import sensors
from vehicles.carla.server.actors import Actor
from vehicles.carla.server.blueprints import library
from vehicles.carla.server.sensors import Scene
from vehicles.carla.server.world import Settings

_RGB = 13
_STEP_M = 0.1


def photo(sensor: Actor, scene: Scene) -> list[bytes]:
    """One colour all over: blue and green are the x of the car, in steps, red is a mark."""
    assert sensor.parent is not None
    width, height = (int(sensor.attributes[f"image_size_{axis}"]) for axis in "xy")
    steps = round(float(scene.table.location[sensor.parent.row][0]) / _STEP_M) % 65536
    pixel = np.array([steps % 256, steps // 256, 77, 0], np.uint8)
    return [struct.pack("<IIf", width, height, 90.0) + pixel.tobytes() * (width * height)]


def x_m(red: int, green: int, blue: int) -> float:
    """Where the car is in a picture with this colour; NaN if it isn't one of the camera's."""
    return _STEP_M * (256 * green + blue) if red == 77 else float("nan")


if __name__ == "__main__":
    sys.argv.insert(1, "carla-server")
    rgb = replace(library()["sensor.camera.rgb"], needs="")
    asynchronous, _no_rendering, *others = Settings.__init__.__defaults__ or ()
    with (
        patch.object(Settings.__init__, "__defaults__", (asynchronous, False, *others)),
        patch.dict(library(), {rgb.id: rgb}),
        patch.dict(sensors._MEASURES, {"rgb": photo}),
        patch.dict(sensors._TYPES, {"rgb": _RGB}),
    ):
        main()
