from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from network import NetworkSettings, Positions, open_link
from network.packet import Fate
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


def test_cells_and_gains_have_to_agree(mapped: RadioMap, tmp_path: Path) -> None:
    path = tmp_path / "map.npz"
    for wrong in (
        {"cells": np.array(NAMES[:5])},
        {"los": mapped.los[:, :-1]},
        {"origin_m": np.zeros(3)},
    ):
        good = {
            "cells": np.array(NAMES),
            "gain_db": mapped.gain_db,
            "los": mapped.los,
            "origin_m": np.array(mapped.origin_m),
            "pitch_m": mapped.pitch_m,
        }
        np.savez(path, **{**good, **wrong})
        with pytest.raises(ValueError, match="expected \\(cells, rows, columns\\)"):
            RadioMap.load(path, NAMES[:1])


def test_a_link_takes_its_gains_from_a_map(tmp_path: Path) -> None:
    path = tmp_path / "flat.npz"
    gain = np.full((1, 2, 2), -100.0, dtype=np.float32)
    RadioMap(("mast/0",), gain, gain < 0, (-100.0, -100.0), 200.0).save(path)
    mast = {"id": "mast", "x_m": 0.0, "y_m": 0.0, "sectors": 1, "power_dbm": 46.0}
    settings = NetworkSettings.model_validate({"cells": [mast], "radio": {"map": str(path)}})
    link = open_link(settings, seed=1, bounds_m=(-100.0, -100.0, 100.0, 100.0))
    for station, key in enumerate(("inside", "outside")):
        link.attach(station, key, 1.5, subscribed=False)
    zero = np.zeros(2)
    place = np.array([30.0, 101.0])
    link.send([0, 1], 100, 0)
    link.advance(400_000_000, Positions(400_000_000, place, zero, zero, zero, zero))
    rsrp_dbm = link.station_state().rsrp_dbm
    # 46 dBm over 106 blocks of 12 subcarriers, 100 dB down.
    assert rsrp_dbm[0] == pytest.approx(46.0 - 10.0 * np.log10(106 * 12) - 100.0, abs=1e-4)
    assert np.isnan(rsrp_dbm[1])
    assert link.finished().fate.tolist() == [Fate.DELIVERED, Fate.NO_COVERAGE]


def test_a_map_of_other_cells_is_refused_by_the_link(mapped: RadioMap, tmp_path: Path) -> None:
    mapped.save(tmp_path / "map.npz")
    for name, says in (("map.npz", "no gains for the cells mast/0"), ("none.npz", "not a radio")):
        settings = NetworkSettings.model_validate(
            {
                "cells": [{"id": "mast", "x_m": 0, "y_m": 0}],
                "radio": {"map": str(tmp_path / name)},
            }
        )
        with pytest.raises(ValueError, match=says):
            open_link(settings, seed=1, bounds_m=(0.0, 0.0, 1.0, 1.0))


def test_the_manual_s_example_writes_a_map_of_the_formulas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manual = Path(__file__).parents[3] / "docs" / "radio-maps.md"
    (example,) = re.findall(r"```python\n(.*?)```", manual.read_text(), flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    made: dict[str, Any] = {}
    exec(example, made)
    read = RadioMap.load(Path("town.npz"), ["west/1"])
    place = np.array([25.0]), np.array([-40.0]), np.array([1.5])
    assert read.path_gain_db(*place)[0, 0] == pytest.approx(
        made["gains"].path_gain_db(*place)[0, 1], abs=1e-4
    )
