"""How safely and smoothly a driven vehicle drove: figures from its decisions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from network.arrays import Floats

# Braking that SAE J2945/1 calls hard: 0.4 g.
HARD_MPS2 = 0.4 * 9.80665
# A headway in seconds means nothing to a vehicle that hardly moves.
_MOVING_MPS = 1.0
_STANDING_MPS = 0.1

COLUMNS = [
    "vehicle",
    "time_s",
    "gap_m",
    "ttc_s",
    "speed_mps",
    "acceleration_mps2",
    "lane_offset_m",
]

# What it is, by the name that follows the vehicle's.
DESCRIPTIONS: dict[str, str] = {
    "min_ttc_s": "least time to collision with what is in its way, at constant speeds (TTC)",
    "min_time_headway_s": "least gap to what is in its way, over its own speed (THW)",
    "mean_time_headway_s": "the same on average over time",
    "max_drac_mps2": "constant braking that would just have avoided who was ahead (DRAC)",
    "max_deceleration_mps2": "hardest braking",
    "hard_brakes": "times it braked harder than 0.4 g",
    "max_jerk_mps3": "quickest change of its acceleration while it moves",
    "mean_speed_mps": "speed on average over time",
    "standing_s": "time at a standstill",
    "lane_offset_m.p95": "distance from the middle of its lane, 95 % of the time",
}


def safety_of(decisions: pd.DataFrame) -> dict[str, float]:
    """Figures of one vehicle from its rows of the decisions, NaN where there is nothing to measure.

    Args:
        decisions: the columns `COLUMNS`, ordered by time.
    """
    if decisions.empty:
        return dict.fromkeys(DESCRIPTIONS, np.nan)
    time_s, gap_m, ttc_s, speed_mps, acceleration_mps2, offset_m = (
        decisions[name].to_numpy(dtype=np.float64) for name in COLUMNS[1:]
    )
    moving = np.isfinite(gap_m) & (speed_mps > _MOVING_MPS)
    headway_s = np.maximum(gap_m[moving], 0.0) / speed_mps[moving]
    hard = acceleration_mps2 <= -HARD_MPS2
    lasts_s = np.diff(time_s)
    jerk_mps3 = np.abs(np.diff(acceleration_mps2) / lasts_s)
    # As it comes to rest its deceleration ends within a step: that measures the step.
    rolls = np.abs(speed_mps[1:]) >= _STANDING_MPS
    return {
        "min_ttc_s": _least(ttc_s[np.isfinite(ttc_s)]),
        "min_time_headway_s": _least(headway_s),
        "mean_time_headway_s": float(headway_s.mean()) if headway_s.size else np.nan,
        "max_drac_mps2": -_least(-drac_mps2(gap_m, ttc_s)),
        "max_deceleration_mps2": -_least(np.minimum(acceleration_mps2, 0.0)) + 0.0,
        "hard_brakes": float(np.count_nonzero(hard[1:] & ~hard[:-1]) + hard[:1].sum()),
        "max_jerk_mps3": -_least(-jerk_mps3[rolls]),
        "mean_speed_mps": float(speed_mps.mean()),
        "standing_s": float(lasts_s[~rolls].sum()),
        "lane_offset_m.p95": float(np.quantile(np.abs(offset_m), 0.95)),
    }


def drac_mps2(gap_m: Floats, ttc_s: Floats) -> Floats:
    """Deceleration rate to avoid a crash [m/s2]: closing speed squared over twice the gap.

    Args:
        gap_m: gap to who is ahead, shape (n,) [m]; infinite if nobody is.
        ttc_s: time in which it closes, shape (n,) [s]; infinite if it doesn't.

    Returns:
        Shape (n,), 0 where the gap doesn't close, and infinite at contact.

    The usual form, after Almqvist et al. 1991; with the closing speed gap / TTC it is
    gap / (2 TTC^2).
    """
    closes = np.isfinite(ttc_s) & np.isfinite(gap_m)
    drac = np.zeros(len(gap_m))
    touching = closes & (ttc_s == 0.0)
    drac[touching] = np.inf
    apart = closes & ~touching
    drac[apart] = gap_m[apart] / (2.0 * ttc_s[apart] ** 2)
    return drac


def _least(values: Floats) -> float:
    return float(values.min()) if values.size else np.nan
