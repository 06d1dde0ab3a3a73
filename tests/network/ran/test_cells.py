from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from network.ran.cells import (
    cell_names,
    cells_of,
    hexagonal_grid,
    powers_dbm,
    sites_of,
    utilisation_of,
)
from network.settings import GridSettings, NetworkSettings


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(0.0, 4e3), st.floats(0.0, 4e3),
    st.floats(400.0, 2e3),
)  # fmt: skip
def test_a_grid_covers_its_area(
    left: float, low: float, width: float, height: float, distance: float
) -> None:
    bounds = (left, low, left + width, low + height)
    sites = hexagonal_grid(GridSettings(inter_site_distance_m=distance), bounds)
    at = np.array([(site.x_m, site.y_m) for site in sites])
    x, y = np.meshgrid(np.linspace(0, width, 15) + left, np.linspace(0, height, 15) + low)
    far = np.hypot(x.ravel()[:, None] - at[:, 0], y.ravel()[:, None] - at[:, 1]).min(axis=1)
    assert far.max() <= distance / np.sqrt(3.0) * (1.0 + 1e-9)
    if len(sites) > 1:
        apart = np.hypot(at[:, None, 0] - at[:, 0], at[:, None, 1] - at[:, 1])
        nearest = np.where(apart == 0.0, np.inf, apart).min(axis=1)
        assert nearest == pytest.approx(np.full(len(sites), distance))


def test_a_grid_of_too_many_sites_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 400; expected a larger inter_site_distance_m"):
        hexagonal_grid(GridSettings(inter_site_distance_m=100.0), (0.0, 0.0, 5e4, 5e4))
    with pytest.raises(ValueError, match="more than 3"):
        hexagonal_grid(GridSettings(max_sites=3), (0.0, 0.0, 2e3, 2e3))


def network(**block: object) -> NetworkSettings:
    cells = [
        {"id": "a", "x_m": 1.0, "y_m": 2.0, "azimuth_deg": 30.0},
        {"id": "b", "x_m": 3.0, "y_m": 4.0, "sectors": 1, "power_dbm": 40.0},
    ]
    return NetworkSettings.model_validate({"cells": cells, **block})


def test_cells_stand_in_one_order() -> None:
    sites = sites_of(network(), (0.0, 0.0, 1.0, 1.0))
    assert cell_names(sites) == ("a/0", "a/1", "a/2", "b/0")
    assert powers_dbm(sites).tolist() == [46.0, 46.0, 46.0, 40.0]
    cells = cells_of(sites)
    assert np.degrees(cells.azimuth_rad[:3]).round(6).tolist() == [30.0, 150.0, 270.0]
    assert np.isnan(cells.azimuth_rad[3])
    assert cells.x_m.tolist() == [1.0, 1.0, 1.0, 3.0]
    assert len(set(cells.site_key.tolist())) == 2


def test_the_last_load_counts_while_it_lasts() -> None:
    settings = network(
        background={"prb_utilisation": 0.1},
        load=[
            {"cell": "a", "from_s": 10, "to_s": 30, "prb_utilisation": 0.5},
            {"cell": "a/1", "from_s": 20, "prb_utilisation": 0.9},
        ],
    )
    line = utilisation_of(settings, ("a/0", "a/1", "a/2", "b/0"))
    assert [ns // 10**9 for ns in line.from_ns] == [0, 10, 20, 30]
    assert [value.tolist() for value in line.values] == [
        [0.1, 0.1, 0.1, 0.1],
        [0.5, 0.5, 0.5, 0.1],
        [0.5, 0.9, 0.5, 0.1],
        [0.1, 0.9, 0.1, 0.1],
    ]


def test_a_load_on_a_cell_of_a_grid_has_to_be_there() -> None:
    settings = NetworkSettings.model_validate({"load": [{"cell": "west", "prb_utilisation": 1}]})
    with pytest.raises(ValueError, match="'west', which there is not; expected one of g0/0, g0/1"):
        utilisation_of(settings, ("g0/0", "g0/1"))
