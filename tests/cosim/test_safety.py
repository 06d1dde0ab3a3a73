from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cosim.kpis.safety import COLUMNS, DESCRIPTIONS, drac_mps2, safety_of


def decisions(**columns: list[float]) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    given = {
        "vehicle": ["ego"] * count,
        "time_s": (0.1 * np.arange(count)).tolist(),
        "gap_m": [np.inf] * count,
        "ttc_s": [np.inf] * count,
        "speed_mps": [20.0] * count,
        "acceleration_mps2": [0.0] * count,
        "lane_offset_m": [0.0] * count,
        **columns,
    }
    return pd.DataFrame(given)[COLUMNS]


def test_drac_by_hand() -> None:
    # 10 m/s faster at 25 m: 100 / 50. Not closing: none. Touching: nothing helps.
    gap, ttc = np.array([25.0, 25.0, np.inf, 0.0]), np.array([2.5, np.inf, np.inf, 0.0])
    assert drac_mps2(gap, ttc).tolist() == [2.0, 0.0, 0.0, np.inf]


def test_headway_counts_while_it_moves() -> None:
    figures = safety_of(decisions(gap_m=[30.0, 10.0, 2.0, np.inf], speed_mps=[20.0, 10.0, 0.5, 9]))
    assert figures["min_time_headway_s"] == 1.0
    assert figures["mean_time_headway_s"] == pytest.approx(1.25)


def test_jerk_and_hard_brakes() -> None:
    figures = safety_of(decisions(acceleration_mps2=[-5.0, -1.0, -4.0, -6.0, -3.9, 0.0]))
    assert figures["max_deceleration_mps2"] == 6.0
    # 0.4 g are 3.92 m/s2: it brakes hard from the first row, and from the third to the fourth.
    assert figures["hard_brakes"] == 2
    assert figures["max_jerk_mps3"] == pytest.approx(40.0)


def test_coming_to_rest_is_no_jerk() -> None:
    figures = safety_of(
        decisions(
            speed_mps=[1.0, 0.6, 0.15, 0.0, 0.0], acceleration_mps2=[-3.0, -4.0, -4.5, 0.0, 0.0]
        )
    )
    assert figures["max_jerk_mps3"] == pytest.approx(10.0)


def test_speed_and_standstill() -> None:
    figures = safety_of(decisions(speed_mps=[4.0, 0.0, 0.0, 4.0, -2.0]))
    assert figures["mean_speed_mps"] == pytest.approx(1.2)
    assert figures["standing_s"] == pytest.approx(0.2)


def test_who_was_never_there_has_no_figures() -> None:
    figures = safety_of(decisions(gap_m=[]))
    assert set(figures) == set(DESCRIPTIONS)
    assert all(np.isnan(value) for value in figures.values())
