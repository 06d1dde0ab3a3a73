"""Awareness messages of many stations as rows of arrays: bytes only for those that are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from network.arrays import Ints
from vehicles.messages import cam, vam
from vehicles.messages.cam import Cam
from vehicles.messages.envelope import single_hop_bytes
from vehicles.messages.frame import Frame
from vehicles.messages.generation import Generated
from vehicles.messages.kinds import STATION_TYPES, StationIds
from vehicles.messages.path_history import Trails
from vehicles.messages.vam import Vam
from vehicles.state import Kind, RoadUsers


class AwarenessBatch:
    """CAMs of vehicles, or VAMs of pedestrians and cyclists, generated in one step.

    What they say is kept as it was at the instant of each; `[row]` encodes one.

    Args:
        users: everyone on the road, now.
        generated: who sends and when.
        station_ids: how the senders call themselves.
        frame: of the net.
        trails: of CAMs, the ways of those that have the container of slowly changing things; None
            if they are VAMs.
    """

    def __init__(
        self,
        users: RoadUsers,
        generated: Generated,
        station_ids: StationIds,
        frame: Frame,
        trails: Trails | None,
    ) -> None:
        slots = generated.slots
        here = users.at(generated.instant_ns, slots)
        self._generated = generated
        self._names = [users.ids[slot] for slot in slots.tolist()]
        self._station_ids = station_ids
        self._frame = frame
        self._trails = trails
        self._trail_of = np.cumsum(generated.low_frequency) - 1
        self._kind = users.kind[slots]
        self._columns = np.stack(
            [
                here.x_m,
                here.y_m,
                here.heading_rad,
                here.speed_mps,
                users.acceleration_mps2[slots],
                users.yaw_rate_radps[slots],
                users.length_m[slots],
                users.width_m[slots],
            ],
            axis=1,
        )
        self._encoded: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, row: int) -> bytes:
        encoded = self._encoded.get(row)
        if encoded is None:
            encoded = self._encode(row)
            self._encoded[row] = encoded
        return encoded

    def sizes_bytes(self) -> Ints:
        """Sizes as sent, shape (n,), without encoding any: what is sent has fixed widths."""
        slow = self._generated.low_frequency
        if self._trails is None:
            encoded = np.where(slow, vam.SIZE_WITH_LOW_FREQUENCY_BYTES, vam.SIZE_BYTES)
        else:
            encoded = np.full(len(slow), cam.SIZE_BYTES)
            encoded[slow] = cam.size_with_low_frequency_bytes(self._trails.points)
        return single_hop_bytes(encoded, self._generated.certificate)

    def _encode(self, row: int) -> bytes:
        kind = Kind(self._kind[row])
        sender = (
            self._station_ids.of(self._names[row]),
            STATION_TYPES[kind],
            int(self._generated.instant_ns[row]),
        )
        says: list[Any] = self._columns[row].tolist()
        slow = bool(self._generated.low_frequency[row])
        if self._trails is None:
            return Vam(*sender, *says[:5]).encode(self._frame, low_frequency=slow)
        says.append(self._trails.of(self._trail_of[row]) if slow else None)
        return Cam(*sender, *says).encode(self._frame)
