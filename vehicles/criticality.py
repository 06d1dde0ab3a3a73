"""How close it was: collisions, gaps and times to collision of one vehicle among road users."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from network.arrays import Bools, Floats
from vehicles.driving.base import Bodies, EgoState, RoadAhead

# How far ahead a vehicle beside its path still is where it is now.
_NEAR_M = 30.0
# Shallower angles than this are somebody drifting along, not crossing.
_CROSSING_SIN = 0.35
# Between the one that passes a place and the other.
_CROSSING_MARGIN_S = 0.7
_SLOWER_IS_STANDING_MPS = 0.2
# With its front this far in somebody's way stopping is still better than going on.
_LATE_M = 1.5
# Points over a body, closer together than a vehicle is wide, in parts of its length and width.
_ALONG, _ACROSS = (
    part.ravel() for part in np.meshgrid(np.linspace(-0.5, 0.5, 13), np.linspace(-0.5, 0.5, 3))
)


class Patience(NamedTuple):
    """Who can't be expected to wait: as a pair, where those who cross go first, and elsewhere."""

    braking_mps2: tuple[float, float] = (1.0, 4.0)
    """Who would have to brake harder than this [m/s2]."""
    on_foot_s: tuple[float, float] = (5.0, 0.8)
    """Who is on foot and arrives sooner than this [s]."""


PATIENCE = Patience()


class Leader(NamedTuple):
    """The nearest road user in the way ahead."""

    row: int
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

    The strip follows the path and is as wide as the vehicle plus `margin_m` on either side; near a
    vehicle that is beside its path it reaches from the one to the other. The leader's speed is the
    part along the path.
    """
    if len(others.x_m) == 0:
        return None
    s, left = road.along(others.x_m, others.y_m)
    reach = 0.5 * (np.hypot(others.length_m, others.width_m) + ego.width_m) + margin_m
    beside = abs(road.ego_left_m)
    near = (np.abs(left) < reach + beside) & (s + reach > road.ego_s_m)
    rows = np.flatnonzero(near & (s - reach < road.path_s_m[-1]))
    if rows.size == 0:
        return None
    x_m, y_m = _grid(others.take(rows))
    s, left = (values.reshape(x_m.shape) for values in road.along(x_m.ravel(), y_m.ravel()))
    # Near it, from where it is now to where the path is; further on, the path itself.
    aside = np.where(s - road.ego_s_m < _NEAR_M, road.ego_left_m, 0.0)
    miss = np.maximum(left - np.maximum(aside, 0.0), np.minimum(aside, 0.0) - left)
    ahead = (s > road.ego_s_m) & (s < road.path_s_m[-1])
    in_the_way = ahead & (miss < 0.5 * ego.width_m + margin_m)
    if not in_the_way.any():
        return None
    first_s = np.where(in_the_way, s, np.inf).min(axis=1)
    nearest = int(np.argmin(first_s))
    row = int(rows[nearest])
    turned = others.heading_rad[row] - road.path.heading_rad(first_s[nearest : nearest + 1])[0]
    return Leader(
        row=row,
        gap_m=float(first_s[nearest]) - road.ego_s_m - 0.5 * ego.length_m,
        speed_mps=float(others.speed_mps[row] * np.cos(turned)),
    )


def time_to_collision_s(road: RoadAhead, ego: EgoState, others: Bodies, leader: Leader) -> float:
    """TTC with who is in the way, at constant speeds along the path [s].

    Infinite when the gap doesn't close. Oncoming traffic doesn't follow the path where that turns
    across it: it goes straight on, and counts if it will still be in the way by then.
    """
    ttc_s = leader.time_to_collision_s(ego.speed_mps)
    if leader.speed_mps >= 0.0 or not np.isfinite(ttc_s):
        return ttc_s
    one = others.take(np.array([leader.row]))
    way_m = ttc_s * one.speed_mps
    then = one._replace(
        x_m=one.x_m + way_m * np.cos(one.heading_rad), y_m=one.y_m + way_m * np.sin(one.heading_rad)
    )
    return ttc_s if find_leader(road, ego, then) is not None else float("inf")


def find_crossing(
    road: RoadAhead,
    ego: EgoState,
    others: Bodies,
    *,
    patience: Patience = PATIENCE,
    reach_m: Floats | None = None,
) -> Leader | None:
    """The nearest place where somebody who crosses the path would be in the vehicle's way.

    Everyone is taken to go straight on at constant speed. Who crosses counts if it will be on the
    path while the vehicle would be there, gathering speed or not, and if it can't be expected to
    wait.

    Args:
        road: the way of the vehicle.
        ego: the vehicle.
        others: who may cross it.
        patience: who can't be expected to wait.
        reach_m: how far each will go if it goes on braking as it does, shape (n,) [m].

    Returns:
        A leader that stands at the near side of the place; None if there is none.
    """
    if len(others.x_m) == 0 or len(road.path_s_m) < 2:
        return None
    ahead = slice(max(int(np.searchsorted(road.path_s_m, road.ego_s_m, side="right")) - 1, 0), None)
    start = road.path_xy_m[ahead][:-1]
    leg = np.diff(road.path_xy_m[ahead], axis=0)
    leg_s = np.diff(road.path_s_m[ahead])
    unit = leg / leg_s[:, None]
    ray = np.stack([np.cos(others.heading_rad), np.sin(others.heading_rad)], axis=-1)
    to_x = start[None, :, 0] - others.x_m[:, None]
    to_y = start[None, :, 1] - others.y_m[:, None]
    # Where each body's ray meets each leg: position + d ray = start + p unit.
    sin = ray[:, :1] * unit[None, :, 1] - ray[:, 1:] * unit[None, :, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        d = (to_x * unit[None, :, 1] - to_y * unit[None, :, 0]) / sin
        p = (to_x * ray[:, 1:] - to_y * ray[:, :1]) / sin
        meets = (np.abs(sin) > _CROSSING_SIN) & (p >= 0.0) & (p <= leg_s) & (d > 0.0)
    body, place = np.nonzero(meets & (others.speed_mps[:, None] > _SLOWER_IS_STANDING_MPS))
    if body.size == 0:
        return None
    speed = others.speed_mps[body]
    across = np.abs(sin[body, place])
    s = road.path_s_m[ahead][place] + p[body, place]
    cos = np.sqrt(1.0 - across**2)

    # On each one's own way, how far before and behind the place the other's body reaches.
    theirs_m = 0.5 * (others.length_m[body] + (ego.width_m + others.width_m[body] * cos) / across)
    own_m = 0.5 * (others.width_m[body] + others.length_m[body] * cos) / across
    enter_m = np.maximum(d[body, place] - theirs_m, 0.0)
    enter_s = enter_m / speed
    leave_s = (d[body, place] + theirs_m) / speed
    gap_m = s - own_m - road.ego_s_m - 0.5 * ego.length_m
    through_m = s + own_m - road.ego_s_m + 0.5 * ego.length_m
    overlap = (_soonest_s(ego.speed_mps, gap_m) < leave_s + _CROSSING_MARGIN_S) & (
        enter_s < through_m / max(ego.speed_mps, 1.0) + _CROSSING_MARGIN_S
    )

    first = ((s[:, None] >= road.yield_s_m[:, 0]) & (s[:, None] <= road.yield_s_m[:, 1])).any(1)
    on_foot = others.length_m[body] < 1.0
    wont_wait = np.where(
        on_foot,
        enter_s < np.where(first, *patience.on_foot_s),
        speed**2 > 2.0 * np.where(first, *patience.braking_mps2) * enter_m,
    )
    counts = overlap & wont_wait & (gap_m > -_LATE_M)
    if reach_m is not None:
        counts &= reach_m[body] > enter_m
    if not counts.any():
        return None
    nearest = int(np.argmin(np.where(counts, gap_m, np.inf)))
    return Leader(int(body[nearest]), float(gap_m[nearest]), 0.0)


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


def _soonest_s(speed_mps: float, distance_m: Floats) -> Floats:
    """Time to cover a distance when gathering speed as a car does in town [s]."""
    gather_mps2 = 2.0
    way = np.maximum(distance_m, 0.0)
    return np.asarray((np.sqrt(speed_mps**2 + 2.0 * gather_mps2 * way) - speed_mps) / gather_mps2)


def _grid(bodies: Bodies) -> tuple[Floats, Floats]:
    """Points on every body, x and y, each shape (n, points)."""
    along = _ALONG * bodies.length_m[:, None]
    across = _ACROSS * bodies.width_m[:, None]
    cos, sin = np.cos(bodies.heading_rad)[:, None], np.sin(bodies.heading_rad)[:, None]
    return (
        bodies.x_m[:, None] + along * cos - across * sin,
        bodies.y_m[:, None] + along * sin + across * cos,
    )
