"""What vehicles report, as rows of arrays: what the filter measures, and how well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from network.arrays import Floats, Ints
from vehicles.georeference import Georeference
from vehicles.twins.estimator import STATES
from vehicles.twins.settings import SensorNoise
from vehicles.twins.telemetry import Telemetry


class Reports(NamedTuple):
    """Messages of vehicles, one row each; `measured` and `variance` have the shape (n, 6).

    `received_ns` is on the clock of whoever keeps the twins, `sent_ns` on the sender's. RSRP and
    SINR are NaN where the vehicle didn't say.
    """

    vehicle_ids: Sequence[str]
    sequence: Ints
    sent_ns: Ints
    received_ns: Ints
    measured: Floats
    variance: Floats
    rsrp_dbm: Floats
    sinr_db: Floats

    def take(self, rows: Ints) -> Reports:
        """Some rows, by number."""
        return Reports(
            [self.vehicle_ids[row] for row in rows.tolist()],
            self.sequence[rows],
            self.sent_ns[rows],
            self.received_ns[rows],
            self.measured[rows],
            self.variance[rows],
            self.rsrp_dbm[rows],
            self.sinr_db[rows],
        )


def as_reports(
    messages: Sequence[Telemetry],
    received_ns: Sequence[int],
    noise: SensorNoise,
    georeference: Georeference | None,
) -> Reports:
    """Messages as rows, placed in the plane.

    A position in the plane is taken as it is; one on Earth alone is projected, and infinite where
    there is no georeference or it doesn't reach.

    Args:
        messages: what the vehicles said.
        received_ns: when each was received [ns].
        noise: how well vehicles measure; a vehicle that states its accuracy is believed.
        georeference: of the plane.
    """
    rows = np.array(
        [
            (m.x_m, m.y_m, m.heading_rad, m.speed_mps, m.acceleration_mps2, m.yaw_rate_radps,
             m.latitude_deg, m.longitude_deg, m.accuracy_m, m.rsrp_dbm, m.sinr_db)
            for m in messages
        ],
        dtype=np.float64,
    ).reshape(len(messages), 11)  # fmt: skip
    measured = np.ascontiguousarray(rows[:, :STATES])
    latitude_deg, longitude_deg, accuracy_m, rsrp_dbm, sinr_db = rows[:, STATES:].T
    elsewhere = np.isnan(measured[:, :2]).any(axis=1)
    if elsewhere.any():
        measured[elsewhere, :2] = np.inf
        if georeference is not None:
            measured[elsewhere, :2] = np.stack(
                georeference.to_plane(latitude_deg[elsewhere], longitude_deg[elsewhere]), axis=1
            )
    variance = np.tile(noise.variances(), (len(messages), 1))
    stated = ~np.isnan(accuracy_m)
    variance[stated, :2] = noise.position_variance(accuracy_m[stated])[:, None]
    return Reports(
        [message.vehicle_id for message in messages],
        np.array([message.sequence for message in messages], dtype=np.int64),
        np.array([message.sent_ns for message in messages], dtype=np.int64),
        np.array(received_ns, dtype=np.int64),
        measured,
        variance,
        rsrp_dbm,
        sinr_db,
    )
