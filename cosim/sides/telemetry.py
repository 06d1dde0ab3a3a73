"""Telemetry units: what vehicles with twins report of themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from cosim.clock import to_ns
from cosim.sides.link import LinkSide
from cosim.sides.vehicles import DrivenVehicles
from network.arrays import Floats, Ints
from network.draws import Draws, key_of
from network.packet import SERVER
from vehicles.carla.sensors import Measured
from vehicles.georeference import Georeference
from vehicles.messages.kinds import MessageKind
from vehicles.state import RoadUsers
from vehicles.twins.estimator import STATES
from vehicles.twins.settings import TwinsSettings
from vehicles.twins.telemetry import Forwarded, Telemetry, encode


class TelemetryUnits:
    """Measures and sends telemetry for every vehicle that has a twin.

    Args:
        users: everyone on the road.
        vehicles: whose GNSS and IMU, if they have any, go before the twins' own sensors.
        link: carries the packets.
        settings: who reports, how often, how well and in what encoding.
        georeference: of the net's plane, for positions on Earth; None if it has none.
        seed: the run's seed, for what the sensors add.
    """

    name = "telemetry"

    def __init__(
        self,
        users: RoadUsers,
        vehicles: DrivenVehicles,
        link: LinkSide,
        settings: TwinsSettings,
        georeference: Georeference | None,
        *,
        seed: int,
    ) -> None:
        self.step_ns = to_ns(1.0 / settings.rate_hz)
        self._users = users
        self._vehicles = vehicles
        self._link = link
        self._settings = settings
        self._sigmas = settings.sensors.sigmas()
        self._georeference = georeference
        self._draws = [Draws(seed, f"sensor noise {pair}") for pair in range(STATES // 2)]
        self._sequence: dict[str, int] = {}

    def start(self) -> None:
        """Nothing to start."""

    def advance(self, to_ns: int) -> None:
        """Let everyone with a twin report."""
        users, slots = self._users, self._link.stations
        if self._settings.vehicles == "driven":
            slots = slots[users.driven[slots]]
        ids = [users.ids[slot] for slot in slots.tolist()]
        sequence = [self._sequence.get(user_id, 0) for user_id in ids]
        self._sequence.update(zip(ids, (number + 1 for number in sequence), strict=True))
        measured = self._measure(to_ns, slots, ids, sequence)
        rsrp_dbm, sinr_db = self._link.levels(slots)
        latitude_deg = longitude_deg = np.full(len(slots), np.nan)
        if self._georeference is not None:
            latitude_deg, longitude_deg = self._georeference.to_wgs84(*measured[:, :2].T)
            for row, own in self._own_sensors(ids):
                if own.latitude_deg is not None and own.longitude_deg is not None:
                    latitude_deg[row], longitude_deg[row] = own.latitude_deg, own.longitude_deg
        payloads = [
            encode(
                Telemetry(
                    vehicle_id=user_id,
                    sequence=number,
                    sent_ns=to_ns,
                    heading_rad=state[2],
                    speed_mps=state[3],
                    acceleration_mps2=state[4],
                    yaw_rate_radps=state[5],
                    x_m=state[0],
                    y_m=state[1],
                    latitude_deg=_known(latitude),
                    longitude_deg=_known(longitude),
                    accuracy_m=self._settings.sensors.position_m,
                    rsrp_dbm=_known(rsrp),
                    sinr_db=_known(sinr),
                ),
                self._settings.encoding,
            )
            for user_id, number, state, latitude, longitude, rsrp, sinr in zip(
                ids, sequence, measured.tolist(), latitude_deg.tolist(), longitude_deg.tolist(),
                rsrp_dbm.tolist(), sinr_db.tolist(), strict=True,
            )
        ]  # fmt: skip
        self._link.send(
            slots,
            np.full(len(slots), to_ns),
            kind=MessageKind.TELEMETRY,
            size_bytes=np.array([len(payload) for payload in payloads], np.int64),
            to=SERVER,
            payloads=[
                Forwarded(user_id, to_ns, payload)
                for user_id, payload in zip(ids, payloads, strict=True)
            ],
        )

    def abort(self) -> None:
        """Nothing to abort."""

    def close(self) -> None:
        """Nothing to release."""

    def _measure(self, now_ns: int, slots: Ints, ids: list[str], sequence: list[int]) -> Floats:
        """What the vehicles' sensors say of position, heading, speed, ...; shape (n, 6)."""
        users, here = self._users, self._users.at(now_ns, slots)
        true = (
            here.x_m,
            here.y_m,
            here.heading_rad,
            here.speed_mps,
            users.acceleration_mps2[slots],
            users.yaw_rate_radps[slots],
        )
        keys = np.array([key_of(user_id) for user_id in ids], dtype=np.uint64)
        counters = np.array(sequence, dtype=np.int64)
        noise = [draw for draws in self._draws for draw in draws.normal_pair(keys, counters)]
        measured: Floats = np.stack(true, axis=1) + np.stack(noise, axis=1) * self._sigmas
        for row, own in self._own_sensors(ids):
            if own.acceleration_mps2 is not None and own.yaw_rate_radps is not None:
                measured[row, 4:] = own.acceleration_mps2, own.yaw_rate_radps
        return measured

    def _own_sensors(self, ids: list[str]) -> Iterator[tuple[int, Measured]]:
        """Rows of driven vehicles, with what GNSS and IMU of their own measured."""
        for name, user_id in self._vehicles.on_road.items():
            if user_id in ids:
                yield ids.index(user_id), self._vehicles.measured(name)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
