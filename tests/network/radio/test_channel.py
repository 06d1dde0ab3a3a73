from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from network.draws import key_of
from network.radio.channel import Cells, Channel

SITES = [("west", 0.0, 0.0), ("middle", 400.0, 80.0), ("east", 900.0, -50.0)]


def cells_of(names: list[str], *, sectors: int = 3) -> Cells:
    chosen = [site for site in SITES if site[0] in names for _ in range(sectors)]
    turn = np.tile(np.radians(120.0) * np.arange(sectors), len(names))
    return Cells(
        np.array([key_of(name) for name, _, _ in chosen], dtype=np.uint64),
        np.array([x for _, x, _ in chosen]),
        np.array([y for _, _, y in chosen]),
        np.full(len(chosen), 25.0),
        turn if sectors > 1 else np.full(len(chosen), np.nan),
        np.full(len(chosen), np.radians(8.0)),
    )


def channel_of(names: list[str], *, seed: int = 3, sectors: int = 3) -> Channel:
    return Channel(cells_of(names, sectors=sectors), scenario="UMa", carrier_ghz=3.5, seed=seed)


ROAD = np.linspace(-300.0, 1200.0, 400)


def test_another_site_changes_nothing_for_the_others() -> None:
    all_three = channel_of(["west", "middle", "east"]).path_gain_db(ROAD, 0 * ROAD, 0 * ROAD + 1.5)
    two = channel_of(["west", "east"]).path_gain_db(ROAD, 0 * ROAD, 0 * ROAD + 1.5)
    assert np.array_equal(all_three[:, [0, 1, 2, 6, 7, 8]], two)


@settings(max_examples=30, deadline=None)
@given(chosen=st.lists(st.integers(0, 399), min_size=1, max_size=30))
def test_a_station_is_heard_alike_in_any_company(chosen: list[int]) -> None:
    channel = channel_of(["west", "middle", "east"])
    height = 0 * ROAD + 1.5
    together = channel.path_gain_db(ROAD, 0 * ROAD, height)[chosen]
    some = channel.path_gain_db(ROAD[chosen], 0 * ROAD[chosen], height[chosen])
    assert np.array_equal(together, some)


def test_two_at_one_place_are_shadowed_alike_and_seeds_differ() -> None:
    there = np.array([123.0, 123.0])
    same = channel_of(["west"]).path_gain_db(there, there, 0 * there + 1.5)
    assert np.array_equal(same[0], same[1])
    other = channel_of(["west"], seed=4).path_gain_db(there, there, 0 * there + 1.5)
    assert not np.allclose(same, other)


def test_sectors_share_line_of_sight_and_differ_by_their_pattern_alone() -> None:
    links = channel_of(["west"]).links(ROAD, 0 * ROAD + 60.0, 0 * ROAD + 1.5)
    assert np.all(links.los[:, :1] == links.los)
    # Never more apart than front to back.
    assert np.ptp(links.gain_db, axis=1).max() <= 30.0 + 1e-4


def test_an_omnidirectional_cell_lacks_the_horizontal_pattern_alone() -> None:
    off = np.radians([0.0, 30.0, -60.0])
    place = (300 * np.cos(off), 300 * np.sin(off), 0 * off + 1.5)
    around = channel_of(["west"], sectors=1).path_gain_db(*place)[:, 0]
    ahead = channel_of(["west"]).path_gain_db(*place)[:, 0]
    assert around - ahead == pytest.approx(12.0 * (np.degrees(off) / 65.0) ** 2, abs=1e-4)


def test_no_cells_and_no_stations_are_defined() -> None:
    nothing = np.empty(0)
    none = Cells(np.empty(0, np.uint64), nothing, nothing, nothing, nothing, nothing)
    channel = Channel(none, scenario="UMa", carrier_ghz=3.5, seed=1)
    assert channel.path_gain_db(ROAD, ROAD, 0 * ROAD + 1.5).shape == (400, 0)
    assert channel_of(["west"]).path_gain_db(nothing, nothing, nothing).shape == (0, 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_position_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="positions of stations must be finite"):
        channel_of(["west"]).path_gain_db(np.array([bad]), np.zeros(1), np.ones(1))


def test_columns_of_unequal_length_are_refused() -> None:
    one = np.ones(1)
    with pytest.raises(ValueError, match="columns of one length"):
        Cells(np.ones(2, np.uint64), one, one, one, one, one)


def test_far_and_negative_positions_have_a_gain() -> None:
    x = np.array([-1e5, 1e6])
    gain = channel_of(["west"]).path_gain_db(x, x, np.full(2, 1.5))
    assert np.isfinite(gain).all()
    assert gain.max() < -150.0


def test_stations_high_up_see_more_masts() -> None:
    place = (ROAD, 0 * ROAD + 150.0)
    low = channel_of(["west", "middle", "east"]).links(*place, 0 * ROAD + 1.5)
    high = channel_of(["west", "middle", "east"]).links(*place, 0 * ROAD + 22.0)
    assert low.los.shape == high.los.shape == (400, 9)
    assert np.all(high.los >= low.los)
    assert high.los.mean() > low.los.mean() + 0.1
