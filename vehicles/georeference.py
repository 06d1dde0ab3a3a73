"""Where the plane of the road net lies on Earth: WGS 84 by the net's georeference."""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

from pyproj import Proj
from pyproj.exceptions import ProjError

from network.arrays import Floats

# One place, or an array of places.
_Places = TypeVar("_Places", float, Floats)


class Georeference:
    """Turns metres in a plane into latitude and longitude and back, as SUMO does for its nets.

    Args:
        projection: what PROJ reads, as a SUMO net's `projParameter` does.
        offset_m: what was added to the projected coordinates, a SUMO net's `netOffset`.

    Raises:
        ValueError: PROJ doesn't know the projection.
    """

    def __init__(self, projection: str, offset_m: tuple[float, float] = (0.0, 0.0)) -> None:
        try:
            self._proj = Proj(projection)
        except ProjError as error:
            raise ValueError(f"not a projection: {projection!r}: {error}") from None
        self._x_offset_m, self._y_offset_m = offset_m

    @classmethod
    def around(cls, latitude_deg: float, longitude_deg: float) -> Georeference:
        """A plane that touches the Earth here: distances from here are true, others nearly so."""
        return cls(f"+proj=aeqd +lat_0={latitude_deg} +lon_0={longitude_deg} +datum=WGS84 +units=m")

    def to_wgs84(self, x_m: _Places, y_m: _Places) -> tuple[_Places, _Places]:
        """Latitude and longitude [degrees] of a point of the plane, or of points of shape (n,)."""
        longitude_deg, latitude_deg = self._proj(
            x_m - self._x_offset_m, y_m - self._y_offset_m, inverse=True
        )
        return latitude_deg, longitude_deg

    def to_plane(self, latitude_deg: _Places, longitude_deg: _Places) -> tuple[_Places, _Places]:
        """A point of the plane [m], or points; infinite where the projection doesn't reach."""
        x_m, y_m = self._proj(longitude_deg, latitude_deg)
        return x_m + self._x_offset_m, y_m + self._y_offset_m

    @cached_property
    def convergence_deg(self) -> float:
        """Of the plane's y axis against true north, at the plane's origin [degrees]."""
        latitude_deg, longitude_deg = self.to_wgs84(0.0, 0.0)
        return float(self._proj.get_factors(longitude_deg, latitude_deg).meridian_convergence)
