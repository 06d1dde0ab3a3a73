"""The road from above, around a vehicle: what the window draws when there is no camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sumolib

from network.arrays import Floats
from vehicles.driving.base import Bodies, EgoState


class Lane(NamedTuple):
    """A lane: its middle (n, 2) and width [m]."""

    middle_m: Floats
    width_m: float


class RoadMap(NamedTuple):
    """What doesn't move [m]."""

    lanes: list[Lane]
    junctions: list[Floats]
    buildings: list[Floats]


class Camera(NamedTuple):
    """Looks straight down, the vehicle's heading upwards, the vehicle below the middle."""

    x_m: float
    y_m: float
    heading_rad: float
    width_px: int
    height_px: int
    px_per_m: float

    @classmethod
    def above(cls, ego: EgoState, size_px: tuple[int, int], across_m: float) -> Camera:
        """Over a vehicle, so that the shorter side of the picture is `across_m` long."""
        return cls(ego.x_m, ego.y_m, ego.heading_rad, *size_px, min(size_px) / across_m)

    def project(self, xy_m: Floats) -> Floats:
        """Pixels of places (n, 2) [m], from the left and from above."""
        cos, sin = np.cos(self.heading_rad), np.sin(self.heading_rad)
        x, y = xy_m[:, 0] - self.x_m, xy_m[:, 1] - self.y_m
        ahead, left = x * cos + y * sin, y * cos - x * sin
        return np.column_stack(
            (
                0.5 * self.width_px - left * self.px_per_m,
                0.72 * self.height_px - ahead * self.px_per_m,
            )
        )

    def sees(self, xy_m: Floats) -> bool:
        """Whether something of these places (n, 2) [m] may be in the picture."""
        reach_m = (self.width_px + self.height_px) / self.px_per_m
        low, high = xy_m.min(axis=0), xy_m.max(axis=0)
        here = np.array((self.x_m, self.y_m))
        return bool((low < here + reach_m).all() and (high > here - reach_m).all())


def read_map(net: Path, buildings: Sequence[Any]) -> RoadMap:
    """The road of a SUMO net, and the outlines of buildings."""
    read: Any = sumolib.net.readNet(str(net), withInternal=False)
    lanes = [
        Lane(np.array([point[:2] for point in lane.getShape()]), lane.getWidth())
        for edge in read.getEdges(False)
        for lane in edge.getLanes()
    ]
    shapes = [np.array([point[:2] for point in node.getShape()]) for node in read.getNodes()]
    return RoadMap(
        lanes,
        [shape for shape in shapes if len(shape) > 2],
        [np.array(building.outline.exterior.coords)[:, :2] for building in buildings],
    )


def corners(bodies: Bodies) -> Floats:
    """Corners of boxes, shape (n, 4, 2) [m]."""
    along = 0.5 * bodies.length_m[:, None] * np.array((1.0, 1.0, -1.0, -1.0))
    left = 0.5 * bodies.width_m[:, None] * np.array((1.0, -1.0, -1.0, 1.0))
    cos, sin = np.cos(bodies.heading_rad)[:, None], np.sin(bodies.heading_rad)[:, None]
    x = bodies.x_m[:, None] + along * cos - left * sin
    y = bodies.y_m[:, None] + along * sin + left * cos
    return np.stack((x, y), axis=-1)
