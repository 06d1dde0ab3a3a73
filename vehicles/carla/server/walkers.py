"""Walkers: they go where they are told, at the speed that they are told."""

from __future__ import annotations

import numpy as np

from vehicles.carla.server.actors import Actor
from vehicles.carla.server.table import ActorTable
from vehicles.carla.server.wire import Triple


class Walkers:
    """Every walker of an episode.

    Args:
        table: their motion and what they were told.
    """

    def __init__(self, table: ActorTable) -> None:
        self._table = table
        self._simulated: dict[int, Actor] = {}

    def add(self, actor: Actor) -> None:
        """A new walker, standing."""
        self._simulated[actor.id] = actor

    def remove(self, actor: Actor) -> None:
        """Forget a walker."""
        self._simulated.pop(actor.id, None)

    def simulate(self, actor: Actor, *, on: bool) -> None:
        """Whether a walker goes by its control, or only where it is put."""
        if on:
            self._simulated[actor.id] = actor
        else:
            self.remove(actor)
            self._table.velocity[actor.row] = 0.0

    def control(
        self, actor: Actor, direction: Triple, speed_mps: float, jump: bool = False
    ) -> None:
        """Take up CARLA's `WalkerControl`; jumps are remembered but not jumped."""
        row = self._table.walkers[actor.row]
        row["direction"], row["speed"], row["jump"] = direction, speed_mps, jump

    def head(self, actor: Actor, yaw_deg: float, speed_mps: float) -> None:
        """Let a walker go on as it is turned."""
        yaw = np.radians(yaw_deg)
        self.control(actor, (float(np.cos(yaw)), float(np.sin(yaw)), 0.0), speed_mps)

    def advance(self, dt_ns: int) -> None:
        """Move every walker on."""
        if not self._simulated:
            return
        table = self._table
        rows = np.array([actor.row for actor in self._simulated.values()])
        told = table.walkers[rows]
        direction = told["direction"].astype(np.float64)
        direction[:, 2] = 0.0
        length = np.linalg.norm(direction, axis=1)
        going = (length > 0.0) & (told["speed"] > 0.0)
        unit = direction / np.where(going, length, 1.0)[:, None]
        velocity = np.where(going, told["speed"], 0.0)[:, None] * unit
        table.location[rows] += velocity * (dt_ns * 1e-9)
        table.velocity[rows] = velocity
        yaw = np.degrees(np.arctan2(unit[:, 1], unit[:, 0]))
        table.rotation[rows, 1] = np.where(going, yaw, table.rotation[rows, 1])
