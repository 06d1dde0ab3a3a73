"""The road from above, around a vehicle: what the window draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sumolib

from cosim.traffic.buildings import Building
from network.arrays import Floats
from vehicles.driving.base import Bodies, EgoState

# How far down in the picture the vehicle is.
_BELOW = 0.72


class Shapes:
    """Many polylines or polygons, and which of them are near a place.

    Args:
        shapes: points of each, shape (n, 2) [m].
    """

    def __init__(self, shapes: Sequence[Floats] = ()) -> None:
        self._shapes = shapes
        self._low = np.array([shape.min(axis=0) for shape in shapes]).reshape(-1, 2)
        self._high = np.array([shape.max(axis=0) for shape in shapes]).reshape(-1, 2)

    def near(self, x_m: float, y_m: float, reach_m: float) -> list[Floats]:
        """Those that may reach within a distance of a place [m]."""
        here = np.array((x_m, y_m))
        near = ((self._low < here + reach_m) & (self._high > here - reach_m)).all(axis=1)
        return [self._shapes[row] for row in np.flatnonzero(near).tolist()]


class RoadMap(NamedTuple):
    """What doesn't move."""

    lanes: Shapes = Shapes()
    """Each as its left border, then its right one backwards."""
    junctions: Shapes = Shapes()
    buildings: Shapes = Shapes()


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
                _BELOW * self.height_px - ahead * self.px_per_m,
            )
        )

    @property
    def reach_m(self) -> float:
        """How far from the vehicle there is something to see."""
        return float(np.hypot(0.5 * self.width_px, _BELOW * self.height_px)) / self.px_per_m


def read_map(net: Path, buildings: Sequence[Building]) -> RoadMap:
    """The road of a SUMO net, and the outlines of buildings."""
    read: Any = sumolib.net.readNet(str(net), withInternal=False)
    lanes = [lane for edge in read.getEdges(False) for lane in edge.getLanes()]
    shapes = [np.array([point[:2] for point in node.getShape()]) for node in read.getNodes()]
    outlines = [np.array(building.outline.exterior.coords)[:, :2] for building in buildings]
    return RoadMap(
        Shapes([_outline(np.array(lane.getShape())[:, :2], lane.getWidth()) for lane in lanes]),
        Shapes([shape for shape in shapes if len(shape) > 2]),
        Shapes(outlines),
    )


def _outline(middle_m: Floats, width_m: float) -> Floats:
    """The borders of a lane whose middle is (n, 2), there and back, shape (2 n, 2) [m]."""
    along = np.gradient(middle_m, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    left = np.column_stack((-along[:, 1], along[:, 0])) * 0.5 * width_m
    return np.concatenate((middle_m + left, (middle_m - left)[::-1]))


def corners(bodies: Bodies) -> Floats:
    """Corners of boxes, shape (n, 4, 2) [m]."""
    along = 0.5 * bodies.length_m[:, None] * np.array((1.0, 1.0, -1.0, -1.0))
    left = 0.5 * bodies.width_m[:, None] * np.array((1.0, -1.0, -1.0, 1.0))
    cos, sin = np.cos(bodies.heading_rad)[:, None], np.sin(bodies.heading_rad)[:, None]
    x = bodies.x_m[:, None] + along * cos - left * sin
    y = bodies.y_m[:, None] + along * sin + left * cos
    return np.stack((x, y), axis=-1)
