"""How well a vehicle was driven from afar: figures from its tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

# What it is, by the name that follows the vehicle's.
DESCRIPTIONS: dict[str, str] = {
    "mrm_count": "minimal-risk manoeuvres for want of a remote driver",
    "mrm_s": "time in them, standing included",
    "remote_delay_ms.p50": "age of the picture behind the remote driver's newest command, median",
    "remote_delay_ms.p95": "the same, 95 % of the time",
    "glass_to_glass_ms.p50": "from the camera to the remote driver's screen, median",
    "glass_to_glass_ms.p95": "the same, 95 % of the frames shown",
}


def remote_driving_of(drives: pd.DataFrame, frames: pd.DataFrame) -> dict[str, float]:
    """Figures of one vehicle, NaN where it wasn't driven from afar.

    Args:
        drives: its rows of `remote_driving`, columns time_s, mode and picture_age_ms.
        frames: its rows of `frames`, column glass_to_glass_ms; NaN are frames never shown.
    """
    if drives.empty:
        return dict.fromkeys(DESCRIPTIONS, np.nan)
    in_it = (drives["mode"] == "minimal_risk").to_numpy()
    step_s = float(drives["time_s"].diff().median())
    age_ms, shown_ms = drives["picture_age_ms"], frames["glass_to_glass_ms"]
    return {
        "mrm_count": float(np.count_nonzero(in_it[1:] & ~in_it[:-1])),
        "mrm_s": float(np.count_nonzero(in_it) * step_s),
        "remote_delay_ms.p50": float(age_ms.quantile(0.50)),
        "remote_delay_ms.p95": float(age_ms.quantile(0.95)),
        "glass_to_glass_ms.p50": float(shown_ms.quantile(0.50)),
        "glass_to_glass_ms.p95": float(shown_ms.quantile(0.95)),
    }
