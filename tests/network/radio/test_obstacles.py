from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from network.draws import key_of
from network.radio.channel import Cells, Channel
from network.radio.obstacles import Buildings

TOWER = 1000.0


def seen(
    buildings: Buildings, place: tuple[float, float], mast: tuple[float, float, float]
) -> bool:
    x, y, height = (np.array([value], dtype=float) for value in mast)
    px, py = (np.array([value], dtype=float) for value in place)
    return bool(buildings.from_masts(x, y, height).in_sight(px, py)[0, 0])


def test_a_building_hides_what_is_behind_it_and_nothing_else() -> None:
    one = Buildings([shapely.box(40, -10, 60, 10)], height_m=TOWER)
    mast = (0.0, 0.0, 25.0)
    assert seen(one, (39.0, 0.0), mast)
    assert not seen(one, (50.0, 0.0), mast)
    assert not seen(one, (61.0, 0.0), mast)
    assert not seen(one, (2000.0, 0.0), mast)
    assert seen(one, (100.0, 30.0), mast)
    assert seen(one, (-100.0, 0.0), mast)


def test_the_ground_appears_again_where_the_ray_over_the_roof_comes_down() -> None:
    # From 25 m over a roof of 15 m that ends at 60 m: 1.5 m is reached at 60 * 23.5 / 10 = 141 m.
    one = Buildings([shapely.box(40, -10, 60, 10)], height_m=15.0)
    mast = (0.0, 0.0, 25.0)
    assert not seen(one, (140.5, 0.0), mast)
    assert seen(one, (141.5, 0.0), mast)
    # No roof hides anything from a mast while the antenna looked for is above it.
    assert seen(
        Buildings([shapely.box(40, -10, 60, 10)], height_m=15.0, station_height_m=16.0),
        (100.0, 0.0),
        mast,
    )


def test_a_mast_on_a_roof_is_not_hidden_by_its_own_house() -> None:
    one = Buildings([shapely.box(-10, -10, 10, 10)], height_m=20.0)
    assert seen(one, (50.0, 0.0), (0.0, 0.0, 25.0))


def test_a_bay_between_two_wings_is_seen_into() -> None:
    u_shape = shapely.Polygon(
        [(40, -20), (80, -20), (80, -10), (50, -10), (50, 10), (80, 10), (80, 20), (40, 20)]
    )
    one = Buildings([u_shape], height_m=TOWER)
    assert seen(one, (60.0, 0.0), (200.0, 0.0, 25.0))
    assert not seen(one, (60.0, 0.0), (0.0, 0.0, 25.0))


def metres(least: int, most: int) -> st.SearchStrategy[float]:
    """To the decimetre, as maps are: finer differences are beyond the reference's arithmetic."""
    return st.integers(10 * least, 10 * most).map(lambda decimetres: decimetres / 10)


@settings(max_examples=40, deadline=None)
@example(boxes=[(0.0, 0.0, 5.0, 5.0)], mast=(5.0, 0.0))
@given(
    boxes=st.lists(
        st.tuples(metres(-300, 300), metres(-300, 300), metres(5, 60), metres(5, 60)),
        min_size=1,
        max_size=12,
    ),
    mast=st.tuples(metres(-300, 300), metres(-300, 300)),
)
def test_agrees_with_a_line_through_polygons(
    boxes: list[tuple[float, float, float, float]], mast: tuple[float, float]
) -> None:
    polygons = [shapely.box(x, y, x + w, y + h) for x, y, w, h in boxes]
    others = [polygon for polygon in polygons if not polygon.contains(shapely.Point(mast))]
    grid = np.linspace(-290.0, 290.0, 15)
    x, y = (axis.ravel() for axis in np.meshgrid(grid, grid))
    view = Buildings(polygons, height_m=TOWER).from_masts(
        np.array([mast[0]]), np.array([mast[1]]), np.array([25.0])
    )
    ours = view.in_sight(x, y)[:, 0]
    everything = shapely.union_all(others)
    rays = shapely.linestrings(
        np.stack([np.stack([x, y], -1), np.broadcast_to(mast, (x.size, 2))], axis=1)
    )
    # Within a ray's width of a wall either answer is right.
    doubtful = shapely.intersects(shapely.buffer(everything, 0.5), rays) & ~shapely.intersects(
        shapely.buffer(everything, -0.5), rays
    )
    assert np.array_equal(ours[~doubtful], ~shapely.intersects(everything, rays)[~doubtful])


def test_the_channel_takes_its_states_from_the_buildings() -> None:
    one = np.ones(1)
    cells = Cells(
        np.array([key_of("west")], dtype=np.uint64), 0 * one, 0 * one, 25 * one, np.nan * one,
        0 * one,
    )  # fmt: skip
    walls = Buildings([shapely.box(40, -10, 60, 10)], height_m=TOWER)
    channel = Channel(cells, scenario="UMa", carrier_ghz=3.5, seed=1, sight=walls)
    places = np.array([30.0, 300.0, -300.0])
    links = channel.links(places, 0 * places, 0 * places + 1.5)
    assert links.los[:, 0].tolist() == [True, False, True]
    assert links.gain_db[2, 0] > links.gain_db[1, 0]


def test_no_buildings_hide_nothing() -> None:
    assert seen(Buildings([]), (500.0, 0.0), (0.0, 0.0, 25.0))
    empty = np.empty(0)
    assert Buildings([shapely.box(0, 0, 1, 1)]).from_masts(empty, empty, empty).in_sight(
        np.ones(2), np.ones(2)
    ).shape == (2, 0)


def test_bad_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="polygons or multipolygons"):
        Buildings([shapely.Point(0, 0)])
    with pytest.raises(ValueError, match="2 buildings need as many heights, got 3"):
        Buildings([shapely.box(0, 0, 1, 1)] * 2, height_m=[1.0, 2.0, 3.0])
