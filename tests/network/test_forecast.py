"""What the network expects where, against what stations there find."""

from __future__ import annotations

import numpy as np
import pytest

from network import NetworkSettings, open_link
from tests.network.test_link import ROAD, SECOND, SITES, Drive, road

PLACES_M = [60.0, 250.0, 480.0]


def expected_db(drive: Drive, x_m: list[float]) -> np.ndarray:
    x = np.array(x_m)
    return drive.link.expected_sinr_db(x, np.zeros(len(x)), np.full(len(x), 1.5))


def test_a_station_that_stands_there_finds_what_is_expected() -> None:
    # No cell sends to anybody: the load is none, then and now.
    drive = Drive(road(), PLACES_M).to(SECOND)
    found = drive.link.station_state().sinr_db[: len(PLACES_M)]
    assert expected_db(drive, PLACES_M) == pytest.approx(found, abs=1e-3)


def test_asking_changes_nothing() -> None:
    asked, quiet = (Drive(road(), PLACES_M, [20.0] * 3) for _ in range(2))
    asked.to(SECOND)
    expected_db(asked, [10.0, 400.0])
    asked.to(3 * SECOND)
    quiet.to(SECOND, 3 * SECOND)
    states = (drive.link.station_state().sinr_db[:3] for drive in (asked, quiet))
    assert np.array_equal(*states)


def test_a_cell_off_the_air_isn_t_counted_on() -> None:
    off = [{"kind": "cell_outage", "cell": site["id"], "from_s": 0.5} for site in SITES]
    one, none = (Drive(road(impairments=these), PLACES_M).to(SECOND) for these in (off[:1], off))
    assert np.isneginf(expected_db(none, PLACES_M)).all()
    both = expected_db(Drive(road(), PLACES_M).to(SECOND), PLACES_M)
    assert (expected_db(one, PLACES_M) <= both + 1e-9).all()
    assert expected_db(one, PLACES_M)[0] < both[0] - 3.0


def test_a_link_without_cells_can_t_say() -> None:
    ideal = open_link(NetworkSettings(model="ideal"), seed=1, bounds_m=ROAD)
    assert np.isnan(ideal.expected_sinr_db(np.zeros(2), np.zeros(2), np.ones(2))).all()
