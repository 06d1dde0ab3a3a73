"""Who runs into whom: boxes that overlap, seen from above, and what that does to vehicles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from network.arrays import Bools, Floats
from vehicles.carla.server.actors import Actor
from vehicles.carla.server.table import ActorTable
from vehicles.carla.server.wire import Transform


class Contact(NamedTuple):
    """Two boxes that overlap, the way out for the first one and how deep it is [m]."""

    first: Actor
    second: Actor
    normal: Floats
    depth_m: float


class Boxes:
    """Upright boxes of bodies as arrays; pitch and roll are left out.

    Args:
        bodies: whose boxes.
        table: where they are.
    """

    def __init__(self, bodies: list[Actor], table: ActorTable) -> None:
        self.bodies = bodies
        rows = [actor.row for actor in bodies]
        self.half_m = np.array([actor.half_size_m for actor in bodies]).reshape(-1, 3)
        centre = np.array([actor.box_centre_m for actor in bodies]).reshape(-1, 3)
        yaw = np.radians(table.rotation[rows, 1])
        cos, sin = np.cos(yaw), np.sin(yaw)
        # Forward and right of each, shape (bodies, 2, 2).
        self.axes = np.stack((np.column_stack((cos, sin)), np.column_stack((-sin, cos))), axis=1)
        self.centre_m = table.location[rows] + centre
        offset = centre[:, None, :2] @ self.axes
        self.centre_m[:, :2] = table.location[rows, :2] + offset[:, 0]

    def contacts(self) -> list[Contact]:
        """Every overlapping pair."""
        if len(self.bodies) < 2:
            return []
        reach = np.hypot(self.half_m[:, 0], self.half_m[:, 1])
        tree = cKDTree(self.centre_m[:, :2])
        pairs = tree.query_pairs(2.0 * float(reach.max()), output_type="ndarray")
        if not len(pairs):
            return []
        first, second = pairs.T
        apart = self.centre_m[second] - self.centre_m[first]
        near = np.hypot(apart[:, 0], apart[:, 1]) < reach[first] + reach[second]
        near &= np.abs(apart[:, 2]) < self.half_m[first, 2] + self.half_m[second, 2]
        first, second, apart = first[near], second[near], apart[near, :2]
        depth, normal = self._overlap(first, second, apart)
        return [
            Contact(self.bodies[first[k]], self.bodies[second[k]], normal[k], float(depth[k]))
            for k in np.flatnonzero(depth > 0.0)
        ]

    def meets(self, half_m: Floats, transform: Transform, centre_above_m: float) -> Actor | None:
        """Somebody whose box overlaps with one that is to be put somewhere; None if nobody."""
        if not self.bodies:
            return None
        yaw = np.radians(transform.rotation[1])
        cos, sin = np.cos(yaw), np.sin(yaw)
        self.axes = np.concatenate((self.axes, [[[cos, sin], [-sin, cos]]]))
        self.half_m = np.concatenate((self.half_m, [half_m]))
        x, y, z = transform.location
        centre = (x, y, z + centre_above_m)
        self.centre_m = np.concatenate((self.centre_m, [centre]))
        others = np.arange(len(self.bodies))
        new = np.full_like(others, len(others))
        apart = self.centre_m[new] - self.centre_m[others]
        level: Bools = np.abs(apart[:, 2]) < self.half_m[others, 2] + self.half_m[new, 2]
        depth, _ = self._overlap(others, new, apart[:, :2])
        hit = np.flatnonzero(level & (depth > 0.0))
        return self.bodies[hit[0]] if hit.size else None

    def _overlap(
        self, first: np.ndarray, second: np.ndarray, apart: Floats
    ) -> tuple[Floats, Floats]:
        """Least overlap along any of the four axes (separating axis theorem), and that axis."""
        candidates = np.concatenate((self.axes[first], self.axes[second]), axis=1)

        def reach(which: np.ndarray) -> Floats:
            lengths = np.abs(np.einsum("kad,kbd->kab", candidates, self.axes[which]))
            spans: Floats = (lengths * self.half_m[which, None, :2]).sum(axis=2)
            return spans

        distance = np.einsum("kad,kd->ka", candidates, apart)
        overlap = reach(first) + reach(second) - np.abs(distance)
        least = overlap.argmin(axis=1)
        rows = np.arange(len(least))
        # Out of the second box: away from its centre.
        sign = -np.sign(distance[rows, least])
        normal = candidates[rows, least] * np.where(sign == 0.0, 1.0, sign)[:, None]
        return overlap[rows, least], normal
