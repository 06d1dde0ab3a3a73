from __future__ import annotations

import numpy as np
import pytest

from network.radio.fading import Fading

STATIONS = np.arange(500, dtype=np.uint64)


def effective(
    fading: Fading, *, cell: int = 7, x_m: float = 0.0, los: bool = False, hz: float = 1.8e6
) -> np.ndarray:
    return fading.effective_sinr_db(
        np.full(500, 10.0),
        fading.links(STATIONS, np.full(500, cell, dtype=np.uint64)),
        x_m=np.full(500, x_m),
        y_m=np.zeros(500),
        los=np.full(500, los),
        bandwidth_hz=hz,
    )


def test_a_link_fades_alike_in_any_company_and_whenever_asked() -> None:
    fading = Fading("UMa", 3.5, seed=1)
    together = effective(fading)
    alone = fading.effective_sinr_db(
        np.array([10.0]),
        fading.links(STATIONS[42:43], np.array([7], dtype=np.uint64)),
        x_m=np.zeros(1),
        y_m=np.zeros(1),
        los=np.array([False]),
        bandwidth_hz=1.8e6,
    )
    assert alone[0] == together[42]
    assert np.array_equal(together, effective(Fading("UMa", 3.5, seed=1)))


def test_cells_seeds_and_places_fade_by_themselves() -> None:
    base = effective(Fading("UMa", 3.5, seed=1))
    for other in (
        effective(Fading("UMa", 3.5, seed=1), cell=8),
        effective(Fading("UMa", 3.5, seed=2)),
        effective(Fading("UMa", 3.5, seed=1), x_m=5.0),
    ):
        assert abs(np.corrcoef(base, other)[0, 1]) < 0.2


def test_a_wide_band_and_line_of_sight_fade_less() -> None:
    fading = Fading("UMa", 3.5, seed=1)
    narrow, wide = effective(fading, hz=180e3), effective(fading, hz=40e6)
    sight = effective(fading, los=True, hz=180e3)
    assert narrow.std() > 2 * wide.std()
    assert narrow.std() > 1.5 * sight.std()
    assert wide.mean() < 10.0


def test_a_place_on_earth_far_from_the_origin_is_no_different() -> None:
    assert effective(Fading("UMa", 3.5, seed=1), x_m=1e6).std() == pytest.approx(
        effective(Fading("UMa", 3.5, seed=1)).std(), rel=0.2
    )


def test_an_unknown_scenario_is_refused() -> None:
    with pytest.raises(ValueError, match="fading knows UMa, UMi, RMa"):
        Fading("V2X-urban", 5.9, seed=1)
