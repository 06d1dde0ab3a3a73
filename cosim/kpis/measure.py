"""What a run is judged by: numbers from its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cosim.kpis import encounters, remote, safety
from cosim.recording import read_table
from cosim.requirements import measure_requirements
from network.base import HANDOVER_FAILURES, RADIO_LINK_FAILURES, Cause


def measure(
    run_dir: Path,
    driven: list[str],
    *,
    requirements: Mapping[str, list[str]],
    ticks: int,
    real_time_factor: float,
) -> dict[str, float | None]:
    """KPIs of a run; None where it has no such thing to measure."""
    kpis: dict[str, float | None] = {}
    decisions = read_table(run_dir, "decisions", [*safety.COLUMNS, "id"])
    road_users = read_table(run_dir, "road_users", ["time_s", "id", "x_m", "y_m", "heading_rad"])
    bodies = read_table(run_dir, "bodies", ["id", "length_m", "width_m"])
    events = read_table(run_dir, "events", ["kind", "id"])
    drives = read_table(run_dir, "remote_driving", ["time_s", "vehicle", "mode", "picture_age_ms"])
    frames = read_table(run_dir, "frames", ["vehicle", "glass_to_glass_ms"])
    for vehicle in driven:
        own = decisions[decisions["vehicle"] == vehicle]
        happened = events["kind"][events["id"] == vehicle]
        kpis[f"{vehicle}.collisions"] = int((happened == "collision").sum())
        kpis[f"{vehicle}.hit_while_standing"] = int((happened == "hit_while_standing").sum())
        user_id = str(own["id"].iloc[0]) if len(own) else ""
        afar = remote.remote_driving_of(
            drives[drives["vehicle"] == vehicle], frames[frames["vehicle"] == vehicle]
        )
        figures = {
            **safety.safety_of(own),
            **encounters.encounters_of(road_users, bodies, user_id),
            **afar,
        }
        kpis.update({f"{vehicle}.{name}": _value(figure) for name, figure in figures.items()})
    columns = ["kind", "sender", "receiver", "sent_ns", "ended_ns", "fate", "server_ns"]
    packets = read_table(run_dir, "packets", columns)
    kpis.update(_messages(packets))
    kpis.update(measure_requirements(packets, requirements))
    handovers = read_table(
        run_dir, "handovers", ["from_cell", "cause", "ping_pong", "interruption_ms"]
    )
    links = read_table(run_dir, "links", ["sinr_db"])
    twins = read_table(run_dir, "twins", ["age_ms", "position_error_m", "prediction_error_m"])
    kpis["network.handovers"] = len(handovers)
    kpis["network.ping_pongs"] = int(handovers["ping_pong"].sum())
    kpis["network.handover_failures"] = int(_caused_by(handovers, HANDOVER_FAILURES).sum())
    # Without a cell before, a station came into coverage.
    kpis["network.radio_link_failures"] = int(
        (_caused_by(handovers, RADIO_LINK_FAILURES) & (handovers["from_cell"] != "")).sum()
    )
    kpis["network.interruption_ms.p95"] = _quantile(handovers["interruption_ms"], 0.95)
    kpis["network.sinr_db.p5"] = _quantile(links["sinr_db"], 0.05)
    kpis["network.sinr_db.p50"] = _quantile(links["sinr_db"], 0.50)
    kpis["twins.age_ms.p95"] = _quantile(twins["age_ms"], 0.95)
    kpis["twins.position_error_m.p95"] = _quantile(twins["position_error_m"], 0.95)
    kpis["twins.prediction_error_m.p95"] = _quantile(twins["prediction_error_m"], 0.95)
    kpis["run.ticks"] = ticks
    kpis["run.real_time_factor"] = round(real_time_factor, 3)
    return kpis


def _messages(packets: pd.DataFrame) -> Mapping[str, float | None]:
    """Packets end to end: from a sender to the server, or to an addressee by way of it."""
    delivered = packets[packets["fate"] == "delivered"]
    ended = int((packets["fate"] != "in_flight").sum())
    latency_ms = (delivered["ended_ns"] - delivered["sent_ns"]) / 1e6
    return {
        "v2x.sent": len(packets),
        "v2x.delivered": len(delivered),
        "v2x.delivery_ratio": len(delivered) / ended if ended else None,
        "v2x.latency_ms.p50": _quantile(latency_ms, 0.50),
        "v2x.latency_ms.p95": _quantile(latency_ms, 0.95),
        "v2x.latency_ms.p99": _quantile(latency_ms, 0.99),
    }


def _caused_by(handovers: pd.DataFrame, causes: Iterable[Cause]) -> pd.Series:
    return handovers["cause"].isin([cause.name.lower() for cause in causes])


def _quantile(values: pd.Series, q: float) -> float | None:
    known = values[np.isfinite(values)]
    return _value(known.quantile(q)) if len(known) else None


def _value(number: float) -> float | None:
    return round(float(number), 6) if np.isfinite(number) else None
