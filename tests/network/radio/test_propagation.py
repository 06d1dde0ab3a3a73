from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.radio import propagation

CELLULAR = ("UMa", "UMi", "RMa")
ALL = (*CELLULAR, "V2X-highway", "V2X-urban")
HEIGHTS = {"bs_height_m": 25.0, "ue_height_m": 1.5}


def loss(scenario: str, distance: object, *, los: bool = True, **others: float) -> np.ndarray:
    named = {"carrier_ghz": 3.5, **HEIGHTS, **others}
    return propagation.path_loss_db(scenario, distance, los=los, **named)


@pytest.mark.parametrize("scenario", ALL)
@pytest.mark.parametrize("los", [True, False])
def test_loss_grows_with_distance_through_every_breakpoint(scenario: str, los: bool) -> None:
    at = np.geomspace(10.0, 20_000.0, 4000)
    assert np.all(np.diff(loss(scenario, at, los=los)) > 0.0)


@pytest.mark.parametrize("scenario", ALL)
def test_nlos_never_loses_less(scenario: str) -> None:
    at = np.geomspace(10.0, 5_000.0, 500)
    assert np.all(loss(scenario, at, los=False) >= loss(scenario, at, los=True))


@given(
    scenario=st.sampled_from(ALL),
    distance=st.floats(0.0, 1e6),
    carrier=st.floats(0.5, 30.0),
    height=st.floats(0.0, 60.0),
    los=st.booleans(),
)
def test_every_allowed_value_gives_a_finite_loss(
    scenario: str, distance: float, carrier: float, height: float, los: bool
) -> None:
    result = loss(scenario, distance, los=los, carrier_ghz=carrier, ue_height_m=height)
    assert np.isfinite(result)
    assert result > 0.0
    assert 0.0 <= propagation.los_probability(scenario, distance, ue_height_m=height) <= 1.0


def test_distances_under_the_least_are_taken_as_the_least() -> None:
    assert loss("UMa", 0.0) == loss("UMa", 10.0)


def test_heights_are_moved_into_the_range_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    propagation._report.cache_clear()
    with caplog.at_level(logging.WARNING):
        low = loss("UMi", [100.0, 200.0], ue_height_m=0.5)
        loss("UMi", 300.0, ue_height_m=0.4)
    assert np.array_equal(low, loss("UMi", [100.0, 200.0], ue_height_m=1.5))
    assert [record.getMessage() for record in caplog.records] == [
        "UMi: station antenna heights are moved into 1.5 to 22.5 m"
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: loss("InH", 10.0), "scenario must be one of UMa"),
        (lambda: loss("UMa", 10.0, carrier_ghz=0.4), "carrier of 0.5 to 100 GHz"),
        (lambda: loss("RMa", 10.0, carrier_ghz=31.0), "carrier of 0.5 to 30 GHz"),
        (lambda: loss("UMa", 10.0, carrier_ghz=float("nan")), "carrier of"),
        (lambda: loss("UMa", [5.0, -1.0]), "at least 0 m"),
        (lambda: loss("UMa", [5.0, float("nan")]), "at least 0 m"),
        (lambda: loss("RMa", 10.0, street_width_m=2.0), "street_width_m of 5 to 50"),
        (lambda: loss("RMa", 10.0, building_height_m=60.0), "building_height_m of 5 to 50"),
        (lambda: loss("UMa", 10.0, ue_height_m=float("nan")), "must be numbers"),
        (lambda: propagation.los_probability("UMa", -1.0), "at least 0 m"),
    ],
)
def test_bad_values_are_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


def test_shapes_broadcast() -> None:
    distance = np.full((5, 3), 100.0)
    height = np.full((5, 1), 1.5)
    masts = np.full(3, 25.0)
    named = {"los": np.zeros((5, 3), bool), "bs_height_m": masts, "ue_height_m": height}
    assert propagation.path_loss_db("UMa", distance, 3.5, **named).shape == (5, 3)
    assert propagation.sigma_db("RMa", distance, 3.5, **named).shape == (5, 3)
    assert propagation.path_loss_db("UMa", np.empty((0, 3)), 3.5, **HEIGHTS, los=True).size == 0


def test_a_raised_station_in_uma_sees_more_and_may_reflect_off_roofs() -> None:
    at = np.array([100.0, 200.0])
    low = propagation.los_probability("UMa", at, ue_height_m=13.0)
    high = propagation.los_probability("UMa", at, ue_height_m=22.0)
    assert np.array_equal(low, propagation.los_probability("UMa", at, ue_height_m=1.5))
    # C' = 0.9^1.5 and 5/4 (d/100)^3 exp(-d/150), by hand at 200 m.
    assert high[1] / low[1] == pytest.approx(1 + 0.853815 * 10 * 0.263597, rel=1e-5)
    draws = np.linspace(0.001, 0.999, 999)
    environment = propagation.environment_height_m(200.0, 22.0, draws, draws)
    assert set(environment) <= {1.0, 12.0, 15.0, 18.0}
    assert np.all(propagation.environment_height_m(200.0, 12.9, draws, draws) == 1.0)
