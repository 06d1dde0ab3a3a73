"""Line of sight by geometry: buildings as footprints with a height.

From a mast every building hides, in each direction, the ground from its first wall to where the ray
over its roof comes down to a vehicle's antenna. Those stretches are worked out once a mast for
directions 0.05 degrees apart; asking for thousands of links is then one search in a sorted array.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import ArrayLike

from network.arrays import Bools, Floats, Ints

DEFAULT_HEIGHT_M = 15.0
"""Of a building that nothing is known of: five storeys."""

_DIRECTIONS = 7200
_FARTHEST_M = 1.0e5
# Ranges and directions share one sorted axis: each direction has its own stretch of this length.
_STRETCH_M = 2.0 * _FARTHEST_M


class Buildings:
    """Footprints of buildings, and what they hide.

    Args:
        footprints: Polygons or multipolygons in the net's plane [m]; holes are courtyards, not
            seen into either.
        height_m: Height of each above ground [m], or one for all.
        station_height_m: Height of the antennas that are looked for [m].

    Raises:
        ValueError: A shape that is no polygon, or heights that are not one per building.
    """

    def __init__(
        self,
        footprints: Iterable[Any],
        *,
        height_m: ArrayLike = DEFAULT_HEIGHT_M,
        station_height_m: float = 1.5,
    ) -> None:
        shapes = np.array(list(footprints), dtype=object)
        kinds = shapely.get_type_id(shapes) if shapes.size else np.empty(0, dtype=np.int64)
        polygons = {shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON}
        if not set(kinds.tolist()) <= {int(kind) for kind in polygons}:
            raise ValueError("buildings must be polygons or multipolygons")
        heights = np.asarray(height_m, dtype=np.float64)
        if heights.ndim > 0 and heights.shape != shapes.shape:
            raise ValueError(f"{shapes.size} buildings need as many heights, got {heights.size}")
        self._station_height_m = station_height_m
        heights = np.broadcast_to(heights, shapes.shape)
        parts, building = (
            shapely.get_parts(shapes, return_index=True)
            if shapes.size
            else (shapes, np.empty(0, dtype=np.int64))
        )
        # What no antenna is under hides nothing.
        tall = heights[building] > station_height_m
        self._outlines = np.asarray(shapely.polygons(shapely.get_exterior_ring(parts[tall])))
        self._height_m = heights[building][tall]

    def from_masts(self, x_m: Floats, y_m: Floats, height_m: Floats) -> SightFromMasts:
        """Return what each mast sees; a mast within a footprint stands on that building's roof.

        Args:
            x_m: Positions of the masts (masts,) [m].
            y_m: Positions of the masts (masts,) [m].
            height_m: Heights of the antennas above ground (masts,) [m].
        """
        hidden = [
            self._hidden_from(x, y, height)
            for x, y, height in zip(x_m.tolist(), y_m.tolist(), height_m.tolist(), strict=True)
        ]
        return SightFromMasts(x_m, y_m, hidden)

    def _hidden_from(self, x: float, y: float, height_m: float) -> _Hidden:
        own = shapely.contains_xy(self._outlines, x, y)
        walls = _walls(self._outlines[~own], x, y)
        direction, wall, distance = _crossings(walls)
        building = walls.building[wall]
        order = np.lexsort((distance, building, direction))
        direction, building, distance = direction[order], building[order], distance[order]
        # A closed outline around no mast is crossed an even number of times: in, out, in, out.
        near, far = distance[0::2], distance[1::2]
        roof_m = self._height_m[~own][building[0::2]]
        over = height_m - roof_m
        ends = np.full(len(far), _FARTHEST_M)
        np.divide(far * (height_m - self._station_height_m), over, out=ends, where=over > 0.0)
        ends = np.maximum(ends, far)
        return _Hidden(direction[0::2], near, np.minimum(ends, _FARTHEST_M))


class SightFromMasts:
    """What masts see past buildings."""

    def __init__(self, x_m: Floats, y_m: Floats, hidden: list[_Hidden]) -> None:
        self._x_m = x_m
        self._y_m = y_m
        rows = [mast * _DIRECTIONS + of_one.direction for mast, of_one in enumerate(hidden)]
        offset = np.concatenate([np.empty(0), *rows]) * _STRETCH_M
        starts = offset + np.concatenate([np.empty(0), *(of_one.start_m for of_one in hidden)])
        ends = offset + np.concatenate([np.empty(0), *(of_one.end_m for of_one in hidden)])
        order = np.argsort(starts, kind="stable")
        self._starts = starts[order]
        # The farthest that anything so far hides; never past the end of its direction's stretch.
        self._ends = np.maximum.accumulate(ends[order]) if ends.size else ends

    def in_sight(self, x_m: Floats, y_m: Floats) -> Bools:
        """Return whether nothing stands between each place and each mast (places, masts)."""
        east = x_m[:, None] - self._x_m
        north = y_m[:, None] - self._y_m
        if not self._starts.size:
            return np.ones(east.shape, dtype=bool)
        turn = np.arctan2(north, east) * (_DIRECTIONS / (2.0 * np.pi))
        direction = np.floor(turn).astype(np.int64) % _DIRECTIONS
        direction += np.arange(len(self._x_m)) * _DIRECTIONS
        at = direction * _STRETCH_M + np.minimum(np.hypot(east, north), _FARTHEST_M - 1.0)
        before = np.searchsorted(self._starts, at) - 1
        return np.asarray((before < 0) | (self._ends[before] <= at))


class _Hidden(NamedTuple):
    """Stretches of ground hidden from one mast."""

    direction: Ints
    start_m: Floats
    end_m: Floats


class _Walls(NamedTuple):
    """Walls relative to a mast, from (x0, y0) to (x1, y1)."""

    building: Ints
    x0: Floats
    y0: Floats
    x1: Floats
    y1: Floats


def _walls(outlines: Any, x: float, y: float) -> _Walls:
    points, building = shapely.get_coordinates(
        shapely.get_exterior_ring(outlines), return_index=True
    )
    same = building[1:] == building[:-1]
    east, north = points[:, 0] - x, points[:, 1] - y
    return _Walls(
        building[1:][same], east[:-1][same], north[:-1][same], east[1:][same], north[1:][same]
    )


def _crossings(walls: _Walls) -> tuple[Ints, Ints, Floats]:
    """Return where rays in the middle of each direction cross walls: direction, wall, distance."""
    step = 2.0 * np.pi / _DIRECTIONS
    # Each corner lies between two rays, by the same number for both of its walls, so that every ray
    # crosses an outline an even number of times. A wall spans less than half a turn.
    first = np.ceil(np.arctan2(walls.y0, walls.x0) / step - 0.5).astype(np.int64)
    last = np.ceil(np.arctan2(walls.y1, walls.x1) / step - 0.5).astype(np.int64)
    half = _DIRECTIONS // 2
    turned = (last - first + half) % _DIRECTIONS - half
    start = np.minimum(first, first + turned)
    count = np.abs(turned)
    wall = np.repeat(np.arange(len(count)), count)
    ray = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + start[wall]
    angle = (ray + 0.5) * step
    along_x, along_y = (walls.x1 - walls.x0)[wall], (walls.y1 - walls.y0)[wall]
    cross = np.cos(angle) * along_y - np.sin(angle) * along_x
    moment = walls.x0[wall] * along_y - walls.y0[wall] * along_x
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(cross == 0.0, np.hypot(walls.x0, walls.y0)[wall], moment / cross)
    return ray % _DIRECTIONS, wall, np.clip(distance, 0.0, _FARTHEST_M - 1.0)
