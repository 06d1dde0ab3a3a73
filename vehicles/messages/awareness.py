"""Awareness messages of many stations as rows of arrays: bytes only for those that are read."""

from __future__ import annotations

import numpy as np

from network.arrays import Ints
from vehicles.messages import cam, vam
from vehicles.messages.cam import Cam
from vehicles.messages.envelope import single_hop_bytes
from vehicles.messages.frame import Frame
from vehicles.messages.generation import Generated
from vehicles.messages.kinds import STATION_TYPES, VULNERABLE, StationIds
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
    """

    def __init__(
        self, users: RoadUsers, generated: Generated, station_ids: StationIds, frame: Frame
    ) -> None:
        slots = generated.slots
        here = users.at(generated.instant_ns, slots)
        self._generated = generated
        self._names = [users.ids[slot] for slot in slots.tolist()]
        self._station_ids = station_ids
        self._frame = frame
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
        encoded = np.where(
            np.isin(self._kind, VULNERABLE),
            np.where(
                self._generated.low_frequency, vam.SIZE_WITH_LOW_FREQUENCY_BYTES, vam.SIZE_BYTES
            ),
            np.where(
                self._generated.low_frequency, cam.SIZE_WITH_LOW_FREQUENCY_BYTES, cam.SIZE_BYTES
            ),
        )
        return single_hop_bytes(encoded, self._generated.certificate)

    def _encode(self, row: int) -> bytes:
        kind = Kind(self._kind[row])
        sender = (
            self._station_ids.of(self._names[row]),
            STATION_TYPES[kind],
            int(self._generated.instant_ns[row]),
        )
        says = self._columns[row].tolist()
        message = Vam(*sender, *says[:5]) if kind in VULNERABLE else Cam(*sender, *says)
        return message.encode(self._frame, low_frequency=bool(self._generated.low_frequency[row]))
