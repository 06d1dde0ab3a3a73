"""Where satellites and their beams are: slant range, elevation, delay and the row of beams.

The Earth is a sphere that stands still under a circular orbit: over the minutes of a run its
rotation only tilts the track. The area is small against a beam, so it lies in the plane that
touches the sphere in its middle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from network.arrays import Floats, Ints
from network.packet import NS_PER_S

EARTH_RADIUS_M = 6_371_000.0
_GRAVITY_M3_PER_S2 = 3.986004418e14
SPEED_OF_LIGHT_MPS = 299_792_458.0
"""In vacuum; TR 38.901's formulas take 3e8."""
# The one before, the one overhead and the next one: the others are out of the beams' reach.
_SATELLITES_OF_A_TRAIN = 3


def slant_range_m(elevation_rad: ArrayLike, altitude_m: float) -> Floats:
    """Return how far a satellite is that is seen under an elevation [m] (TR 38.811 eq. 6.6-3)."""
    sine = EARTH_RADIUS_M * np.sin(elevation_rad)
    return np.asarray(np.sqrt(sine**2 + altitude_m**2 + 2.0 * altitude_m * EARTH_RADIUS_M) - sine)


def central_angle_rad(elevation_rad: float, altitude_m: float) -> float:
    """Return the angle at the Earth's centre between a place and what is seen from there."""
    orbit_m = EARTH_RADIUS_M + altitude_m
    return float(np.arccos(EARTH_RADIUS_M / orbit_m * np.cos(elevation_rad)) - elevation_rad)


def angular_speed_radps(altitude_m: float) -> float:
    """Return the speed of a circular orbit [rad/s] (Kepler's third law)."""
    return float(np.sqrt(_GRAVITY_M3_PER_S2 / (EARTH_RADIUS_M + altitude_m) ** 3))


class Sky(NamedTuple):
    """How places see satellites (places, satellites) and their beams (places, beams)."""

    distance_m: Floats
    elevation_rad: Floats
    off_axis_rad: Floats
    """Angle at the satellite between the beam's axis and the place, by beam."""


class Orbit:
    """A satellite that stands still, or a train of them that pass over an area one after another.

    Each satellite of a train has a row of beams along its track, and the next satellite's row
    begins where it ends. Earth-moving beams move on with their satellite; quasi-Earth-fixed ones
    are kept on the area from one lowest elevation to the other (TS 38.300 clause 16.14.1). At the
    beginning a satellite has just arrived.

    Args:
        altitude_m: Height of the orbit [m].
        elevation_rad: At which the area's middle sees a satellite when it is closest.
        heading_rad: Where it goes, counter-clockwise from east; it passes on the left.
        beams: Beams of each satellite.
        beam_m: From one beam's centre to the next [m].
        fixed: Whether beams are kept on the area.
        least_elevation_rad: Where fixed beams are handed over.
        still: Whether it is a satellite that stands still.
        middle_m: x and y of the area's middle [m].
        begun_s: How long a satellite has served the area when the run begins [s].
    """

    def __init__(
        self,
        *,
        altitude_m: float,
        elevation_rad: float,
        heading_rad: float,
        beams: int,
        beam_m: float,
        fixed: bool,
        least_elevation_rad: float,
        still: bool,
        middle_m: tuple[float, float],
        begun_s: float,
    ) -> None:
        self._altitude_m = altitude_m
        self._middle_m = middle_m
        self._along = np.array([np.cos(heading_rad), np.sin(heading_rad), 0.0])
        left = np.array([-np.sin(heading_rad), np.cos(heading_rad), 0.0])
        self._up = np.array([0.0, 0.0, 1.0])
        aside = central_angle_rad(elevation_rad, altitude_m)
        self._closest = np.cos(aside) * self._up + np.sin(aside) * left
        satellites = 1 if still else _SATELLITES_OF_A_TRAIN
        self.satellite_of_beam = np.repeat(np.arange(satellites), beams)
        row = np.arange(beams) - (beams - 1) / 2.0
        self._ahead_rad = np.tile(row * beam_m / EARTH_RADIUS_M, satellites)
        self._fixed = fixed
        if still:
            self._spacing_rad, arrived_rad = 2.0 * np.pi, 0.0
        elif fixed:
            widest = central_angle_rad(least_elevation_rad, altitude_m)
            self._spacing_rad = 2.0 * float(np.arccos(np.cos(widest) / np.cos(aside)))
            arrived_rad = -self._spacing_rad / 2.0
        else:
            self._spacing_rad = beams * beam_m / EARTH_RADIUS_M
            arrived_rad = -row[-1] * beam_m / EARTH_RADIUS_M
        self._speed_radps = 0.0 if still else angular_speed_radps(altitude_m)
        self._begin_rad = arrived_rad + self._speed_radps * begun_s
        self._places_m = np.zeros((0, 3))
        self._axes = np.zeros((0, 3))
        self.move_to(0)

    @property
    def beams(self) -> int:
        """Beams of all satellites together; those of one stand together."""
        return len(self.satellite_of_beam)

    def move_to(self, instant_ns: int) -> None:
        """Be where it is at an instant [ns]."""
        satellites = self.satellite_of_beam[-1] + 1
        train_rad = satellites * self._spacing_rad
        way_rad = self._begin_rad + self._speed_radps * (instant_ns / NS_PER_S)
        # Who has left comes back as the last of the train, so that few stand for all.
        behind = (np.arange(satellites) - satellites // 2) * self._spacing_rad
        angle = (way_rad - behind + train_rad / 2.0) % train_rad - train_rad / 2.0
        angle = angle[:, None]
        orbit_m = EARTH_RADIUS_M + self._altitude_m
        self._places_m = orbit_m * (np.cos(angle) * self._closest + np.sin(angle) * self._along)
        of_beam = self.satellite_of_beam
        aimed = self._ahead_rad[:, None] + (0.0 if self._fixed else angle[of_beam])
        ground_m = EARTH_RADIUS_M * (np.cos(aimed) * self._up + np.sin(aimed) * self._along)
        self._axes = _unit(ground_m - self._places_m[of_beam])

    def sky(self, x_m: Floats, y_m: Floats) -> Sky:
        """Return how places (places,) see the satellites and their beams now."""
        east, north = x_m - self._middle_m[0], y_m - self._middle_m[1]
        ground_m = np.stack([east, north, np.full_like(east, EARTH_RADIUS_M)])
        # Three components of shape (places, satellites).
        way = ground_m[:, :, None] - self._places_m.T[:, None, :]
        distance = np.sqrt((way**2).sum(axis=0))
        way /= distance
        along_axis = (way[:, :, self.satellite_of_beam] * self._axes.T[:, None, :]).sum(axis=0)
        off_axis = np.arccos(np.clip(along_axis, -1.0, 1.0))
        return Sky(distance, np.arcsin(np.clip(-way[2], -1.0, 1.0)), off_axis)

    def one_way_ns(self, gateway_elevation_rad: float) -> Ints:
        """Return how long a signal takes from the area's middle to the gateway (beams,) [ns].

        The payload is transparent ("bent pipe"): the base station stands at the gateway.
        """
        middle = (np.array([self._middle_m[0]]), np.array([self._middle_m[1]]))
        feeder_m = slant_range_m(gateway_elevation_rad, self._altitude_m)
        way_m = self.sky(*middle).distance_m[0, self.satellite_of_beam] + feeder_m
        return np.asarray(np.rint(way_m / SPEED_OF_LIGHT_MPS * NS_PER_S), dtype=np.int64)


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.sqrt((vectors**2).sum(axis=1))[:, None])
