"""A recorded run published as if it were a fleet that drives now."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cosim.federate import BadInput, SideDied
from cosim.recording import read_manifest, read_table
from cosim.traffic.net import net_georeference
from network.packet import NS_PER_S
from vehicles.georeference import Georeference
from vehicles.twins.broker import BrokerAddress, BrokerUnreachable
from vehicles.twins.connection import Connection, Outgoing
from vehicles.twins.telemetry import Telemetry, encode
from vehicles.twins.topics import Topics

_DRAIN_S = 10.0
_LEAST_STEP_S = 1e-6


def replay(
    run_dir: Path, broker: BrokerAddress, fleet: str, *, speed: float, tell: Callable[[str], None]
) -> int:
    """Publish what the run's connected road users would report, at the run's own rate.

    They report where they were, without the noise of sensors; a run can be replayed faster or
    slower than it was, and its vehicles' speeds and accelerations with it.

    Args:
        run_dir: the run's folder.
        broker: where to publish.
        fleet: the fleet's name.
        speed: recorded seconds per second of the wall clock.
        tell: takes lines for the person who watches.

    Returns:
        How many messages were published.

    Raises:
        BadInput: no run, or the broker can't be reached.
        SideDied: the broker didn't acknowledge everything.
    """
    reports, plane = _reports(run_dir)
    topics = Topics(fleet)
    connection = Connection(broker, on_loss=tell)
    try:
        connection.start()
    except BrokerUnreachable as error:
        raise BadInput(f"--broker: {error}") from error
    sequence: Counter[str] = Counter()
    began_ns = time.time_ns()
    try:
        for time_s, rows in reports.groupby("time_s", sort=True):
            sent_ns = began_ns + round(float(str(time_s)) / speed * NS_PER_S)
            time.sleep(max(sent_ns - time.time_ns(), 0) / NS_PER_S)
            messages = list(_telemetry(rows, sent_ns, speed, sequence, plane))
            connection.publish(
                Outgoing(topics.telemetry(message.vehicle_id), encode(message))
                for message in messages
            )
        if not connection.drain(_DRAIN_S):
            raise SideDied("MQTT broker", f"{broker} didn't acknowledge everything")
    except ConnectionError as error:
        raise SideDied("MQTT broker", str(error)) from error
    finally:
        connection.close()
    return sequence.total()


def _reports(run_dir: Path) -> tuple[pd.DataFrame, Georeference | None]:
    """Where connected road users were, and what their modems measured, at the telemetry's rate."""
    try:
        scenario = read_manifest(run_dir)["scenario"]
        users = read_table(run_dir, "road_users")
        links = read_table(run_dir, "links", ["time_s", "id", "rsrp_dbm", "sinr_db"])
    except (OSError, KeyError, ValueError) as error:
        raise BadInput(f"{run_dir}: expected the folder of a run: {error}") from error
    for table in (users, links):
        table["id"] = table["id"].astype(str)
    users = users.sort_values(["id", "time_s"], kind="stable")
    turned_rad = users.groupby("id")["heading_rad"].diff()
    elapsed_s = users.groupby("id")["time_s"].diff().clip(lower=_LEAST_STEP_S)
    shortest_rad = (turned_rad + np.pi) % (2.0 * np.pi) - np.pi
    users["yaw_rate_radps"] = (shortest_rad / elapsed_s).fillna(0.0)
    reports = users.merge(links, on=["time_s", "id"], how="inner")
    period_s = 1.0 / ((scenario.get("twins") or {}).get("rate_hz") or 10.0)
    due = np.floor(reports["time_s"] / period_s + 1e-6)
    reports = reports[due != due.groupby(reports["id"]).shift()]
    if reports.empty:
        raise BadInput(f"{run_dir}: no road user was connected in this run")
    traffic = scenario.get("traffic", {})
    net = traffic.get("net")
    plane = net_georeference(Path(net)) if net and Path(net).is_file() else None
    return reports, plane


def _telemetry(
    rows: pd.DataFrame,
    sent_ns: int,
    speed: float,
    sequence: Counter[str],
    plane: Georeference | None,
) -> Iterator[Telemetry]:
    latitude_deg = longitude_deg = np.full(len(rows), np.nan)
    if plane is not None:
        latitude_deg, longitude_deg = plane.to_wgs84(rows["x_m"].to_numpy(), rows["y_m"].to_numpy())
    for row, latitude, longitude in zip(
        rows.to_dict("records"), latitude_deg.tolist(), longitude_deg.tolist(), strict=True
    ):
        vehicle_id = str(row["id"])
        yield Telemetry(
            vehicle_id=vehicle_id,
            sequence=sequence[vehicle_id],
            sent_ns=sent_ns,
            heading_rad=row["heading_rad"],
            speed_mps=row["speed_mps"] * speed,
            acceleration_mps2=row["acceleration_mps2"] * speed**2,
            yaw_rate_radps=row["yaw_rate_radps"] * speed,
            x_m=row["x_m"],
            y_m=row["y_m"],
            latitude_deg=_known(latitude),
            longitude_deg=_known(longitude),
            rsrp_dbm=_known(row["rsrp_dbm"]),
            sinr_db=_known(row["sinr_db"]),
        )
        sequence[vehicle_id] += 1


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
