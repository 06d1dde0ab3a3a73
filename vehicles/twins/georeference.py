"""From the net's plane to the Earth and back: WGS 84 by the net's georeference."""

from __future__ import annotations

import numpy as np
from pyproj import Transformer
from pyproj.exceptions import ProjError

from network.arrays import Floats


class Georeference:
    """Where a plane of x and y [m] lies on Earth.

    Args:
        projection: what PROJ reads, as a SUMO net's `projParameter` does.
        offset_m: what was added to the projected coordinates, a SUMO net's `netOffset`.

    Raises:
        ValueError: PROJ doesn't know the projection.
    """

    def __init__(self, projection: str, offset_m: tuple[float, float] = (0.0, 0.0)) -> None:
        try:
            self._to_plane = Transformer.from_crs("EPSG:4326", projection, always_xy=True)
        except ProjError as error:
            raise ValueError(f"not a projection: {projection!r}: {error}") from None
        self._x_offset_m, self._y_offset_m = offset_m

    @classmethod
    def around(cls, latitude_deg: float, longitude_deg: float) -> Georeference:
        """A plane that touches the Earth here: distances from here are true, others nearly so."""
        return cls(f"+proj=aeqd +lat_0={latitude_deg} +lon_0={longitude_deg} +datum=WGS84 +units=m")

    def to_wgs84(self, x_m: Floats, y_m: Floats) -> tuple[Floats, Floats]:
        """Latitude and longitude [degrees] of points of the plane, each of shape (n,)."""
        longitude_deg, latitude_deg = self._to_plane.transform(
            np.asarray(x_m) - self._x_offset_m, np.asarray(y_m) - self._y_offset_m,
            direction="INVERSE",
        )  # fmt: skip
        return latitude_deg, longitude_deg

    def to_plane(self, latitude_deg: Floats, longitude_deg: Floats) -> tuple[Floats, Floats]:
        """Points of the plane [m], infinite where the projection doesn't reach."""
        x_m, y_m = self._to_plane.transform(np.asarray(longitude_deg), np.asarray(latitude_deg))
        return x_m + self._x_offset_m, y_m + self._y_offset_m
