"""How near a driven vehicle came to others: least distance and post-encroachment time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import shapely

from network.arrays import Floats

# What it is, by the name that follows the vehicle's.
DESCRIPTIONS: dict[str, str] = {
    "min_distance_m": "least distance between its body and another's",
    "min_pet_s": "least time between it leaving and another entering the place where their ways "
    "cross, or the reverse (PET)",
}

# Who never comes as near as this is not looked at, and distances are while centres are this near.
_REACH_M = 60.0
_NEAR_M = 30.0
# Between recorded instants everyone goes on evenly; looked at this often.
_STEP_S = 0.02
# Ways that meet at a shallower angle don't cross.
_CROSSING_SIN = 0.35


class Track(NamedTuple):
    """A road user's way; arrays of shape (n,), ordered by time, headings without jumps."""

    time_s: Floats
    x_m: Floats
    y_m: Floats
    heading_rad: Floats
    length_m: float
    width_m: float

    def at(self, time_s: Floats) -> Track:
        """The way at other instants, straight on between its own."""
        x, y, heading = (
            np.interp(time_s, self.time_s, column)
            for column in (self.x_m, self.y_m, self.heading_rad)
        )
        return self._replace(time_s=time_s, x_m=x, y_m=y, heading_rad=heading)

    def outlines(self) -> np.ndarray:
        """Its body at each instant, as polygons, shape (n,)."""
        along, across = 0.5 * self.length_m, 0.5 * self.width_m
        cos, sin = np.cos(self.heading_rad), np.sin(self.heading_rad)
        corners = [(along, across), (-along, across), (-along, -across), (along, -across)]
        ring = np.stack(
            [
                np.stack([self.x_m + a * cos - b * sin, self.y_m + a * sin + b * cos], axis=-1)
                for a, b in corners
            ],
            axis=1,
        )
        return np.asarray(shapely.polygons(ring))


def encounters_of(road_users: pd.DataFrame, bodies: pd.DataFrame, user_id: str) -> dict[str, float]:
    """Least distance and PET of one road user to all others, NaN where it met nobody.

    Args:
        road_users: columns time_s, id, x_m, y_m, heading_rad.
        bodies: columns id, length_m, width_m.
        user_id: whom it is about.
    """
    sizes = {
        str(body_id): (float(length), float(width))
        for body_id, length, width in zip(
            bodies["id"], bodies["length_m"], bodies["width_m"], strict=True
        )
    }
    distances, pets = [], []
    own = road_users[road_users["id"] == user_id]
    if not own.empty:
        ego = _track(own, sizes[user_id])
        for other_id, rows in _near(road_users, own).groupby("id", observed=True):
            other = _track(rows, sizes[str(other_id)])
            distances.append(least_distance_m(ego, other))
            pets.append(pet_s(ego, other))
    return {"min_distance_m": _least(distances), "min_pet_s": _least(pets)}


def least_distance_m(one: Track, other: Track) -> float:
    """Least distance between two bodies [m]; NaN if they were never on the road together."""
    begin_s = max(one.time_s[0], other.time_s[0])
    end_s = min(one.time_s[-1], other.time_s[-1])
    if begin_s > end_s:
        return np.nan
    together = np.arange(begin_s, end_s + 0.5 * _STEP_S, _STEP_S)
    own, its = one.at(together), other.at(together)
    near = np.hypot(own.x_m - its.x_m, own.y_m - its.y_m) < _NEAR_M
    if not near.any():
        return np.nan
    return float(shapely.distance(own.outlines()[near], its.outlines()[near]).min())


def pet_s(one: Track, other: Track) -> float:
    """Post-encroachment time of two road users whose ways cross [s].

    The time from when the first has left the area that both ways cover to when the second enters
    it (Allen, Shin and Cooper 1978). NaN if the ways don't cross, or if both are in that area at
    once: then their distance tells.
    """
    area = shapely.intersection(_way(one), _way(other))
    if shapely.area(area) == 0.0:
        return np.nan
    shapely.prepare(area)
    spans = [_inside(one, area), _inside(other, area)]
    if None in spans:
        return np.nan
    (first, second) = sorted(span for span in spans if span is not None)
    if abs(np.sin(first.heading_rad - second.heading_rad)) < _CROSSING_SIN:
        return np.nan
    waits_s = second.enters_s - first.leaves_s
    return waits_s if waits_s > 0.0 else np.nan


class _Span(NamedTuple):
    """A passage through an area, and its direction."""

    enters_s: float
    leaves_s: float
    heading_rad: float


def _inside(track: Track, area: shapely.Geometry) -> _Span | None:
    """When a road user is in an area; None if it is there at an end of its track."""
    fine = track.at(np.arange(track.time_s[0], track.time_s[-1] + 0.5 * _STEP_S, _STEP_S))
    inside = np.flatnonzero(shapely.intersects(area, fine.outlines()))
    if not inside.size or inside[0] == 0 or inside[-1] == len(fine.time_s) - 1:
        return None
    enters, leaves = inside[0], inside[-1]
    return _Span(fine.time_s[enters], fine.time_s[leaves], fine.heading_rad[enters])


def _way(track: Track) -> shapely.Geometry:
    return shapely.union_all(track.outlines())


def _near(road_users: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """All rows of those that come near, but for its own."""
    user_id = own["id"].iloc[0]
    here = own[["time_s", "x_m", "y_m"]].rename(columns={"x_m": "own_x_m", "y_m": "own_y_m"})
    others = road_users[road_users["id"] != user_id].merge(here, on="time_s", how="left")
    away_m = np.hypot(others["x_m"] - others["own_x_m"], others["y_m"] - others["own_y_m"])
    near = others["id"].isin(others["id"][away_m < _REACH_M].unique())
    nearby: pd.DataFrame = others[near]
    return nearby


def _track(rows: pd.DataFrame, size_m: tuple[float, float]) -> Track:
    time_s, x_m, y_m, heading_rad = (
        rows[name].to_numpy(dtype=np.float64) for name in ("time_s", "x_m", "y_m", "heading_rad")
    )
    return Track(time_s, x_m, y_m, np.unwrap(heading_rad), *size_m)


def _least(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return min(known, default=np.nan)
