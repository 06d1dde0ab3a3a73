from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from network.radio.maps import UNMAPPED_DB, RadioMap
from tests.network.radio.test_channel import channel_of

NAMES = ("west/0", "west/1", "west/2", "east/0", "east/1", "east/2")


@pytest.fixture(scope="module")
def mapped() -> RadioMap:
    return RadioMap.of(
        channel_of(["west", "east"]), NAMES, bounds_m=(-100, -50, 300, 120), pitch_m=10.0
    )


def test_a_map_gives_the_formulas_at_its_nodes(mapped: RadioMap) -> None:
    x, y = np.array([-100.0, 0.0, 170.0, 300.0]), np.array([-50.0, 30.0, 120.0, -50.0])
    height = np.full(4, 1.5)
    own = channel_of(["west", "east"]).links(x, y, height)
    ours = mapped.links(x, y, height)
    assert ours.gain_db == pytest.approx(own.gain_db, abs=1e-4)
    assert np.array_equal(ours.los, own.los)


def test_between_nodes_the_gain_is_interpolated() -> None:
    plane = np.add.outer(np.array([0.0, 2.0]), np.array([0.0, 10.0, 20.0])).astype(np.float32)
    one = RadioMap(("a",), plane[None] - 100, np.ones((1, 2, 3), bool), (0.0, 0.0), 5.0)
    gain = one.path_gain_db(np.array([2.5, 10.0]), np.array([1.0, 5.0]), np.ones(2))
    assert gain[:, 0] == pytest.approx([-100 + 5.0 + 0.4, -100 + 20.0 + 2.0], abs=1e-5)


def test_outside_a_map_there_is_no_coverage(mapped: RadioMap) -> None:
    links = mapped.links(np.array([-100.1, 0.0]), np.array([0.0, 1e6]), np.ones(2))
    assert np.all(links.gain_db == UNMAPPED_DB)
    assert not links.los.any()
    with pytest.raises(ValueError, match="finite"):
        mapped.links(np.array([np.nan]), np.zeros(1), np.ones(1))


def test_a_file_comes_back_in_the_order_asked_for(mapped: RadioMap, tmp_path: Path) -> None:
    path = tmp_path / "map.npz"
    mapped.save(path)
    again = RadioMap.load(path, ["east/1", "west/0"])
    assert again.cells == ("east/1", "west/0")
    assert np.array_equal(again.gain_db, mapped.gain_db[[4, 0]])
    assert (again.origin_m, again.pitch_m) == (mapped.origin_m, mapped.pitch_m)


def test_bad_files_are_refused(mapped: RadioMap, tmp_path: Path) -> None:
    path = tmp_path / "map.npz"
    mapped.save(path)
    with pytest.raises(ValueError, match="no gains for the cells north/0"):
        RadioMap.load(path, ["west/0", "north/0"])
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    with pytest.raises(ValueError, match="is not a radio map"):
        RadioMap.load(tmp_path / "other.npz", ["west/0"])
    (tmp_path / "text.npz").write_text("no")
    with pytest.raises(ValueError, match="is not a radio map"):
        RadioMap.load(tmp_path / "text.npz", ["west/0"])


def test_bad_shapes_are_refused() -> None:
    gain = np.full((1, 2, 2), -90.0, dtype=np.float32)
    los = np.ones((1, 2, 2), dtype=bool)
    with pytest.raises(ValueError, match="of 2 cells needs"):
        RadioMap(("a", "b"), gain, los, (0.0, 0.0), 5.0)
    with pytest.raises(ValueError, match="two rows"):
        RadioMap(("a",), gain[:, :1], los[:, :1], (0.0, 0.0), 5.0)
    with pytest.raises(ValueError, match="finite"):
        RadioMap(("a",), gain * np.float32(np.inf), los, (0.0, 0.0), 5.0)
