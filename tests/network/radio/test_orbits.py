"""Where satellites and their beams are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from network.packet import NS_PER_S
from network.radio.orbits import EARTH_RADIUS_M, Orbit, angular_speed_radps, slant_range_m

MIDDLE_M = (3000.0, -200.0)
HERE = (np.array([MIDDLE_M[0]]), np.array([MIDDLE_M[1]]))


def orbit(**changes: Any) -> Orbit:
    values: dict[str, Any] = {
        "altitude_m": 600e3,
        "elevation_rad": np.radians(60.0),
        "heading_rad": 0.0,
        "beams": 7,
        "beam_m": 50e3,
        "fixed": False,
        "least_elevation_rad": np.radians(30.0),
        "still": False,
        "middle_m": MIDDLE_M,
        "begun_s": 0.0,
    }
    return Orbit(**{**values, **changes})


def test_slant_range_is_the_altitude_overhead_and_the_tangent_at_the_horizon() -> None:
    assert slant_range_m(np.pi / 2.0, 600e3) == pytest.approx(600e3)
    tangent = np.sqrt((EARTH_RADIUS_M + 600e3) ** 2 - EARTH_RADIUS_M**2)
    assert slant_range_m(0.0, 600e3) == pytest.approx(tangent)


def test_the_middle_sees_a_still_satellite_as_told() -> None:
    for elevation_deg in (10.0, 33.0, 90.0):
        sky = orbit(still=True, beams=1, elevation_rad=np.radians(elevation_deg)).sky(*HERE)
        assert np.degrees(sky.elevation_rad) == pytest.approx(elevation_deg, abs=1e-4)
        assert sky.off_axis_rad == pytest.approx(0.0, abs=1e-6)


def test_a_kept_beam_rises_and_sets_at_the_least_elevation() -> None:
    one = orbit(fixed=True, beams=1)
    span_s = one._spacing_rad / angular_speed_radps(600e3)
    seen = []
    for part in (0.0, 0.5, 1.0, 1.5):
        one.move_to(round(part * span_s * NS_PER_S))
        seen.append(np.degrees(one.sky(*HERE).elevation_rad[0]).max())
    assert seen == pytest.approx([30.0, 60.0, 30.0, 60.0], abs=1e-3)


def test_beams_pass_one_after_another_and_the_next_satellite_goes_on_with_them() -> None:
    one = orbit()
    beam_s = 50e3 / EARTH_RADIUS_M / angular_speed_radps(600e3)
    served = []
    for beam in range(3 * 7 + 1):
        one.move_to(round(beam * beam_s * NS_PER_S))
        sky = one.sky(*HERE)
        served.append(int(np.argmin(sky.off_axis_rad[0])))
        assert sky.off_axis_rad[0].min() < np.radians(0.01)
    assert sorted(served[:-1]) == list(range(21))
    assert served[-1] == served[0]
    assert served[:7] == [13, 12, 11, 10, 9, 8, 7]


def test_it_passes_on_the_left_of_where_it_goes() -> None:
    north = orbit(heading_rad=np.pi / 2.0, begun_s=22.0)
    assert north._places_m[:, 0].max() < 0.0


def test_a_run_may_begin_later_in_a_pass() -> None:
    late, early = orbit(begun_s=10.0), orbit()
    early.move_to(10 * NS_PER_S)
    assert late._places_m == pytest.approx(early._places_m)
