"""The plane of the road net as messages see it: places, bearings and vectors in their units."""

from __future__ import annotations

import math
from typing import NamedTuple

from vehicles.georeference import Georeference

# Where a net that says nothing of it is taken to lie: 50 degrees north, 10 degrees east.
_LOCAL = Georeference("+proj=tmerc +lat_0=50 +lon_0=10 +k=1 +x_0=0 +y_0=0 +ellps=WGS84")
_PER_DEGREE = 10_000_000


class Wgs84(NamedTuple):
    """A place in units of 0.1 microdegree, as messages carry it."""

    latitude: int
    longitude: int


class Frame:
    """Turns metres in the net's plane into WGS84 and back.

    Args:
        georeference: of the net; if it has none, its plane touches the earth at 50 N 10 E (a
            transverse Mercator projection whose scale at the net's origin is 1).
    """

    def __init__(self, georeference: Georeference | None = None) -> None:
        self._georeference = georeference or _LOCAL
        # Over a town's width it doesn't change by more than headings are rounded.
        self._convergence_deg = self._georeference.convergence_deg

    def to_wgs84(self, x_m: float, y_m: float) -> Wgs84:
        """The place of a point in the plane, to 0.1 microdegree (about 1 cm)."""
        latitude, longitude = self._georeference.to_wgs84(x_m, y_m)
        return Wgs84(round(latitude * _PER_DEGREE), round(longitude * _PER_DEGREE))

    def to_plane(self, place: Wgs84) -> tuple[float, float]:
        """The point in the plane [m]; ValueError for a place that the projection can't show."""
        x_m, y_m = self._georeference.to_plane(
            place.latitude / _PER_DEGREE, place.longitude / _PER_DEGREE
        )
        if not (math.isfinite(x_m) and math.isfinite(y_m)):
            raise ValueError(f"{place} lies outside of the net's projection")
        return x_m, y_m

    def to_bearing_deg(self, heading_rad: float) -> float:
        """Degrees clockwise from true north, in [0, 360), of a heading in the plane."""
        return (90.0 - math.degrees(heading_rad) + self._convergence_deg) % 360.0

    def to_east_north(self, x: float, y: float) -> tuple[float, float]:
        """A vector in the plane turned to true east and north."""
        return _turned(x, y, -math.radians(self._convergence_deg))

    def from_east_north(self, east: float, north: float) -> tuple[float, float]:
        """A vector to true east and north turned to the plane."""
        return _turned(east, north, math.radians(self._convergence_deg))

    def to_heading_rad(self, bearing_deg: float) -> float:
        """Heading in the plane, counter-clockwise from east, in [-pi, pi]."""
        heading_deg = 90.0 - bearing_deg + self._convergence_deg
        return math.radians(math.remainder(heading_deg, 360.0))


def _turned(x: float, y: float, angle_rad: float) -> tuple[float, float]:
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    return x * cos - y * sin, x * sin + y * cos
