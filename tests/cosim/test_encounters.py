from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from cosim.kpis.encounters import Track, encounters_of, least_distance_m, pet_s

TIME_S = np.arange(0.0, 10.01, 0.1)


def straight(
    x_m: float, y_m: float, heading_rad: float, speed_mps: float, time_s: np.ndarray = TIME_S
) -> Track:
    """A car, 4 m by 2 m, that is at (x, y) at time 0 and goes on evenly."""
    way = speed_mps * time_s
    return Track(
        time_s,
        x_m + way * math.cos(heading_rad),
        y_m + way * math.sin(heading_rad),
        np.full(len(time_s), heading_rad),
        4.0,
        2.0,
    )


def test_distance_of_two_that_pass_each_other() -> None:
    # Lanes 3.5 m apart, both 2 m wide.
    one, other = straight(0, 0, 0, 10), straight(100, 3.5, math.pi, 10)
    assert least_distance_m(one, other) == pytest.approx(1.5, abs=1e-6)


def test_distance_of_a_follower_between_recorded_instants() -> None:
    # 20 m from centre to centre, closing by 1 m/s for 10 s.
    one, other = straight(0, 0, 0, 11), straight(20, 0, 0, 10)
    assert least_distance_m(one, other) == pytest.approx(20 - 10 - 4, abs=1e-6)


def test_who_wasnt_there_at_the_time_has_no_distance() -> None:
    later = straight(0, 0, 0, 10, time_s=np.arange(20.0, 25.0, 0.1))
    assert math.isnan(least_distance_m(straight(0, 0, 0, 10), later))


def test_pet_by_hand() -> None:
    # The area is 2 m by 2 m around (40, 0). The first's rear leaves it at x = 41, when its centre
    # is at 43: after 4.3 s. The second's front enters it at y = -1, its centre at -3: after 5.7 s.
    one, other = straight(0, 0, 0, 10), straight(40, -60, math.pi / 2, 10)
    assert pet_s(one, other) == pytest.approx(1.4, abs=0.03)
    assert pet_s(other, one) == pytest.approx(1.4, abs=0.03)


def test_no_pet_of_a_follower_nor_of_two_that_are_there_at_once() -> None:
    assert math.isnan(pet_s(straight(0, 0, 0, 10), straight(30, 0, 0, 10)))
    assert math.isnan(pet_s(straight(0, 0, 0, 10), straight(40, -40, math.pi / 2, 10)))
    # The second is still on its way when the run ends.
    assert math.isnan(pet_s(straight(0, 0, 0, 10), straight(40, -105, math.pi / 2, 10)))


def test_the_nearest_of_all_counts() -> None:
    tracks = {
        "ego": straight(0, 0, 0, 10),
        "near": straight(100, 3.5, math.pi, 10),
        "crossing": straight(40, -60, math.pi / 2, 10),
        "far": straight(0, 500, 0, 10),
    }
    rows = pd.concat(
        pd.DataFrame({"time_s": t.time_s, "id": name, "x_m": t.x_m, "y_m": t.y_m,
                      "heading_rad": t.heading_rad})
        for name, t in tracks.items()
    )  # fmt: skip
    bodies = pd.DataFrame({"id": list(tracks), "length_m": 4.0, "width_m": 2.0})
    figures = encounters_of(rows, bodies, "ego")
    assert figures["min_distance_m"] == pytest.approx(1.5, abs=1e-6)
    assert figures["min_pet_s"] == pytest.approx(1.4, abs=0.03)
    assert all(math.isnan(value) for value in encounters_of(rows, bodies, "nobody").values())
