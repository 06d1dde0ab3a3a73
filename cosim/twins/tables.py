"""Twins as rows of a run's tables, on whichever clock they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cosim.clock import NS_PER_MS, to_s
from cosim.recording import Columns
from network.arrays import Ints
from vehicles.twins.estimator import HEADING, SPEED, X, Y
from vehicles.twins.fleet import FleetState, Staleness
from vehicles.twins.settings import TwinsSettings
from vehicles.twins.watch import Happening

_STALENESS_NAMES = [staleness.name.lower() for staleness in Staleness]


def twin_columns(
    now_ns: int, now: FleetState, ahead: FleetState, rows: Ints, settings: TwinsSettings
) -> dict[str, Any]:
    """Columns of the table `twins` for some twins, but for how wrong they are.

    Args:
        now_ns: the instant [ns].
        now: the twins then.
        ahead: the same, predicted.
        rows: which of them.
        settings: when they are late and lost.
    """
    state, predicted = now.state[rows], ahead.state[rows]
    staleness = now.staleness(*settings.staleness_ns)[rows]
    return {
        "time_s": np.full(len(rows), to_s(now_ns)),
        "id": [now.ids[row] for row in rows.tolist()],
        "x_m": state[:, X],
        "y_m": state[:, Y],
        "heading_rad": state[:, HEADING],
        "speed_mps": state[:, SPEED],
        "position_sigma_m": now.position_sigma_m()[rows],
        "age_ms": now.age_ns[rows] / NS_PER_MS,
        "staleness": [_STALENESS_NAMES[level] for level in staleness.tolist()],
        "sequence": now.sequence[rows],
        "lost": now.lost[rows],
        "rejected": now.rejected[rows],
        "ahead_x_m": predicted[:, X],
        "ahead_y_m": predicted[:, Y],
        "ahead_sigma_m": ahead.position_sigma_m()[rows],
    }


def happened_columns(happened: Sequence[tuple[int, Happening]]) -> Columns:
    """What happened to twins, and when [ns], as columns of the table `events`."""
    return {
        "time_s": [to_s(now_ns) for now_ns, _ in happened],
        "kind": [f"twin_{one.kind}" for _, one in happened],
        "id": [one.vehicle_id for _, one in happened],
        "other": [""] * len(happened),
        "detail": [one.detail for _, one in happened],
    }
