"""The recorder side: asks the others for their rows and writes them down."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from cosim.clock import to_s
from cosim.recording import Columns, Recording
from vehicles.state import Kind, RoadUsers

# Wall-clock time between writes to the disk.
_FLUSH_S = 2.0
_KIND_NAMES = {kind.value: kind.name.lower() for kind in Kind}


class Source(Protocol):
    """A side that has something to record."""

    def rows(self, now_ns: int, *, last: bool) -> Iterator[tuple[str, Columns]]:
        """Rows since the last call, as (table, columns); `last` if nothing is asked after it."""


class Recorder:
    """Writes everyone on the road and what the other sides have to tell.

    Args:
        recording: the run's tables.
        users: everyone on the road.
        sources: the sides to ask, in this order.
        step_ns: how often [ns].
    """

    name = "recorder"

    def __init__(
        self, recording: Recording, users: RoadUsers, sources: Sequence[Source], *, step_ns: int
    ) -> None:
        self.step_ns = step_ns
        self._recording = recording
        self._users = users
        self._sources = sources
        self._now_ns = 0
        self._flushed_s = time.monotonic()
        self._closed = False
        self._changes = -1
        self._known: set[str] = set()

    def start(self) -> None:
        """Nothing to start."""

    def advance(self, to_ns: int) -> None:
        """Write what there is at `to_ns`."""
        self._now_ns = to_ns
        self._write_bodies(to_ns)
        self._write_road_users(to_ns)
        self._ask(last=False)
        if time.monotonic() - self._flushed_s > _FLUSH_S:
            self._recording.flush()
            self._flushed_s = time.monotonic()

    def abort(self) -> None:
        """Nothing to abort."""

    def close(self) -> None:
        """Write what is left and finish the tables."""
        if self._closed:
            return
        self._closed = True
        try:
            self._ask(last=True)
        finally:
            self._recording.close()

    def _ask(self, *, last: bool) -> None:
        for source in self._sources:
            for table, columns in source.rows(self._now_ns, last=last):
                self._recording.add(table, columns)

    def _write_bodies(self, now_ns: int) -> None:
        """Who has come onto the road, and how large it is."""
        users = self._users
        if users.changes == self._changes:
            return
        self._changes = users.changes
        slots = np.array(
            [slot for slot in users.slots().tolist() if users.ids[slot] not in self._known],
            dtype=np.int64,
        )
        ids = [users.ids[slot] for slot in slots.tolist()]
        self._known.update(ids)
        self._recording.add(
            "bodies",
            {
                "time_s": np.full(len(slots), to_s(now_ns)),
                "id": ids,
                "kind": [_KIND_NAMES[kind] for kind in users.kind[slots].tolist()],
                "length_m": users.length_m[slots],
                "width_m": users.width_m[slots],
                "height_m": users.height_m[slots],
            },
        )

    def _write_road_users(self, now_ns: int) -> None:
        users = self._users
        slots = users.slots()
        here = users.at(now_ns, slots)
        self._recording.add(
            "road_users",
            {
                "time_s": np.full(len(slots), to_s(now_ns)),
                "id": [users.ids[slot] for slot in slots.tolist()],
                "kind": [_KIND_NAMES[kind] for kind in users.kind[slots].tolist()],
                "driven": users.driven[slots],
                "x_m": here.x_m,
                "y_m": here.y_m,
                "z_m": here.z_m,
                "heading_rad": here.heading_rad,
                "speed_mps": here.speed_mps,
                "acceleration_mps2": users.acceleration_mps2[slots],
            },
        )
