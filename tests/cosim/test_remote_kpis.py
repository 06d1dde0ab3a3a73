from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from cosim.kpis.remote import DESCRIPTIONS, remote_driving_of


def test_by_hand() -> None:
    modes = ["on_board", "remote", "minimal_risk", "minimal_risk", "remote", "minimal_risk"]
    drives = pd.DataFrame(
        {
            "time_s": 0.02 * np.arange(6),
            "mode": modes,
            "picture_age_ms": [np.nan, 100.0, 520.0, 540.0, 100.0, 520.0],
        }
    )
    frames = pd.DataFrame({"glass_to_glass_ms": [60.0, 70.0, np.nan, 80.0]})
    figures = remote_driving_of(drives, frames)
    assert figures["mrm_count"] == 2
    assert figures["mrm_s"] == pytest.approx(0.06)
    assert figures["remote_delay_ms.p50"] == 520.0
    assert figures["glass_to_glass_ms.p50"] == 70.0
    assert list(figures) == list(DESCRIPTIONS)


def test_a_vehicle_that_was_not_driven_from_afar_has_none() -> None:
    drives = pd.DataFrame({"time_s": [], "mode": [], "picture_age_ms": []})
    figures = remote_driving_of(drives, pd.DataFrame({"glass_to_glass_ms": []}))
    assert all(math.isnan(figure) for figure in figures.values())
