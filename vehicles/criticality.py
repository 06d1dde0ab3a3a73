"""How close it was: collisions, gaps and times to collision of one vehicle among road users."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from network.arrays import Bools, Floats
from vehicles.driving.base import Bodies, EgoState, RoadAhead


class Leader(NamedTuple):
    """The nearest road user in the way ahead."""

    index: int
    gap_m: float
    speed_mps: float

    def time_to_collision_s(self, speed_mps: float) -> float:
        """TTC at constant speeds [s] (FHWA-HRT-08-051); infinite when the gap doesn't close."""
        closing = speed_mps - self.speed_mps
        if closing <= 0.0:
            return float("inf")
        return max(self.gap_m, 0.0) / closing


def find_leader(
    road: RoadAhead, ego: EgoState, others: Bodies, *, margin_m: float = 0.0
) -> Leader | None:
    """The nearest road user whose body reaches into the strip that the vehicle sweeps ahead.

    The strip follows the path and is as wide as the vehicle plus `margin_m` on either side, around
    where on the path the vehicle is now. The leader's speed is the part along the path.
    """
    if len(others.x_m) == 0:
        return None
    s, left = road.along(others.x_m, others.y_m)
    direction = _direction_at(road, s)
    turned = others.heading_rad - direction
    cos, sin = np.abs(np.cos(turned)), np.abs(np.sin(turned))
    half_along = 0.5 * (cos * others.length_m + sin * others.width_m)
    half_across = 0.5 * (sin * others.length_m + cos * others.width_m)
    ego_left = float(road.along(np.array([ego.x_m]), np.array([ego.y_m]))[1][0])
    # Where it is now counts near it, the path itself further on.
    offset = np.where(s - road.ego_s_m < 30.0, ego_left, 0.0)
    in_strip = np.abs(left - offset) < 0.5 * ego.width_m + half_across + margin_m
    gap = s - half_along - (road.ego_s_m + 0.5 * ego.length_m)
    ahead = in_strip & (s > road.ego_s_m) & (s < road.path_s_m[-1])
    if not ahead.any():
        return None
    index = int(np.argmin(np.where(ahead, gap, np.inf)))
    return Leader(
        index=index,
        gap_m=float(gap[index]),
        speed_mps=float(others.speed_mps[index] * np.cos(turned[index])),
    )


def overlapping(ego: EgoState, others: Bodies) -> Bools:
    """Whose body overlaps the vehicle's: oriented boxes, by the separating axis theorem."""
    dx, dy = others.x_m - ego.x_m, others.y_m - ego.y_m
    turned = others.heading_rad - ego.heading_rad
    cos, sin = np.abs(np.cos(turned)), np.abs(np.sin(turned))
    ego_half = (0.5 * ego.length_m, 0.5 * ego.width_m)
    half = (0.5 * others.length_m, 0.5 * others.width_m)

    def apart(
        heading: Floats | float,
        own: tuple[Floats | float, Floats | float],
        other: tuple[Floats | float, Floats | float],
    ) -> Bools:
        along = dx * np.cos(heading) + dy * np.sin(heading)
        across = dy * np.cos(heading) - dx * np.sin(heading)
        return np.asarray(
            (np.abs(along) > own[0] + other[0] * cos + other[1] * sin)
            | (np.abs(across) > own[1] + other[0] * sin + other[1] * cos)
        )

    return ~(apart(ego.heading_rad, ego_half, half) | apart(others.heading_rad, half, ego_half))


def _direction_at(road: RoadAhead, s_m: Floats) -> Floats:
    leg = np.diff(road.path_xy_m, axis=0)
    directions = np.arctan2(leg[:, 1], leg[:, 0])
    index = np.clip(np.searchsorted(road.path_s_m, s_m, side="right") - 1, 0, len(leg) - 1)
    return np.asarray(directions[index])
