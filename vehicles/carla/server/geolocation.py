"""Latitude and longitude of a place on the map, as CARLA 0.9.16 has them.

The release projects by a spherical transverse Mercator (Snyder, "Map Projections: A Working
Manual", 1987, equations 8-6 and 8-7) with scale 0.9996, whatever the map's own projection says, and
takes +y, which points south, for north: latitudes are mirrored at the map's origin.
"""

from __future__ import annotations

from math import asin, atan2, cos, cosh, degrees, radians, sin, sinh

from vehicles.carla.opendrive import GeoReference

_EARTH_RADIUS_M = 6_378_137.0
_SCALE = 0.9996


def geolocation(reference: GeoReference, x_m: float, y_m: float) -> tuple[float, float]:
    """Latitude and longitude [deg] that a 0.9.16 client computes for the same place."""
    east = x_m / (_EARTH_RADIUS_M * _SCALE)
    north = y_m / (_EARTH_RADIUS_M * _SCALE) + radians(reference.latitude_deg)
    latitude = asin(sin(north) / cosh(east))
    longitude = radians(reference.longitude_deg) + atan2(sinh(east), cos(north))
    return degrees(latitude), degrees(longitude)
