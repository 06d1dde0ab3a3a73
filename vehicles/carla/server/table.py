"""Every actor's motion as rows of arrays, from which a snapshot is cut in one piece."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from network.arrays import Bools, Floats, Ints
from vehicles.carla.server.wire import (
    ACTOR_BYTES,
    ACTOR_ROW,
    LIGHT_ROW,
    VEHICLE_ROW,
    WALKER_ROW,
    Transform,
    Triple,
)

_ACTIVE = 1
_MOTION = ("location", "rotation", "velocity", "angular_velocity", "acceleration")


class ActorTable:
    """Rows of actors in CARLA's frame and units: m, m/s, m/s², deg, deg/s.

    Motion is kept in double precision and rounded only on its way into a snapshot. What only one
    kind of actor has (`vehicles`, `lights`, `walkers`) lies in the snapshot's own rows. An actor
    keeps its row from `add` to `remove`; arrays are replaced when the table grows, so don't keep
    them.
    """

    location: Floats
    rotation: Floats
    velocity: Floats
    angular_velocity: Floats
    acceleration: Floats
    vehicles: NDArray[np.void]
    lights: NDArray[np.void]
    walkers: NDArray[np.void]

    def __init__(self) -> None:
        self._bytes = np.zeros((0, ACTOR_BYTES), dtype=np.uint8)
        self._free: list[int] = []
        self.active: Bools = np.zeros(0, dtype=np.bool_)
        for name in _MOTION:
            setattr(self, name, np.zeros((0, 3)))
        self._view()

    def add(self, actor_id: int, transform: Transform) -> int:
        """A row for a new actor, at rest."""
        if not self._free:
            self._grow()
        row = heapq.heappop(self._free)
        self._bytes[row] = 0
        self._rows["id"][row] = actor_id
        self._rows["state"][row] = _ACTIVE
        for name in _MOTION:
            getattr(self, name)[row] = 0.0
        self.place(row, transform)
        self.active[row] = True
        return row

    def remove(self, row: int) -> None:
        """Free a row."""
        self.active[row] = False
        heapq.heappush(self._free, row)

    def place(self, row: int, transform: Transform) -> None:
        """Put an actor somewhere."""
        self.location[row] = transform.location
        self.rotation[row] = transform.rotation

    def transform(self, row: int) -> Transform:
        """Where an actor is."""
        return Transform(_triple(self.location[row]), _triple(self.rotation[row]))

    def snapshot_rows(self) -> NDArray[np.uint8]:
        """Every actor's row as it goes into a snapshot, shape (actors, bytes)."""
        used: Ints = np.flatnonzero(self.active)
        for name in _MOTION:
            self._rows[name][used] = getattr(self, name)[used]
        return self._bytes[used]

    def _grow(self) -> None:
        old = self.active.size
        added = max(old, 64)
        self._bytes = np.pad(self._bytes, ((0, added), (0, 0)))
        self.active = np.pad(self.active, (0, added))
        for name in _MOTION:
            setattr(self, name, np.pad(getattr(self, name), ((0, added), (0, 0))))
        self._free = list(range(old, old + added))
        self._view()

    def _view(self) -> None:
        def rows(kind: np.dtype[np.void]) -> NDArray[np.void]:
            return self._bytes.view(kind)[:, 0]

        self._rows, self.vehicles = rows(ACTOR_ROW), rows(VEHICLE_ROW)
        self.lights, self.walkers = rows(LIGHT_ROW), rows(WALKER_ROW)


def _triple(values: Floats) -> Triple:
    x, y, z = map(float, values)
    return (x, y, z)
