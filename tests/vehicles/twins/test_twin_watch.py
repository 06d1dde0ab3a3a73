from __future__ import annotations

import numpy as np
import pytest
import shapely

from tests.vehicles.twins.test_twin_fleet import MS, apply, straight
from vehicles.twins.coverage import CoverageMap
from vehicles.twins.fleet import Fleet
from vehicles.twins.watch import Watch

ZONE = {"bridge": shapely.box(20.0, -5.0, 40.0, 5.0)}


def watch() -> Watch:
    return Watch(ZONE, degraded_sinr_db=0.0, coverage_rsrp_dbm=-110.0)


def look(watching: Watch, fleet: Fleet, now_ms: int) -> list[tuple[str, str]]:
    """What has happened by now, by where twins are and where they are in a second."""
    now, ahead = fleet.state(now_ms * MS), fleet.state((now_ms + 1_000) * MS)
    staleness = now.staleness(500 * MS, 2_000 * MS).tolist()
    return [(one.kind, one.detail) for one in watching.look(now, ahead, staleness)]


def kinds(happened: list[tuple[str, str]]) -> list[str]:
    return [kind for kind, _ in happened]


def test_going_late_and_coming_back_is_told_once() -> None:
    watching, fleet = watch(), Fleet()
    apply(fleet, [straight(0)])
    assert kinds(look(watching, fleet, 100)) == ["new"]
    assert look(watching, fleet, 200) == []
    assert kinds(look(watching, fleet, 600)) == ["late"]
    assert look(watching, fleet, 700) == []
    assert kinds(look(watching, fleet, 2_100)) == ["lost"]
    apply(fleet, [straight(22)])
    assert "live" in kinds(look(watching, fleet, 2_250))


def test_zones_are_entered_and_left() -> None:
    watching, fleet, happened = watch(), Fleet(), []
    for sequence in range(25):  # 2 m with each message, from x = 0
        apply(fleet, [straight(sequence)])
        happened += look(watching, fleet, 100 * sequence)
    assert happened[1:] == [("entered_zone", "bridge"), ("left_zone", "bridge")]


def test_a_degraded_link_is_restored_with_hysteresis() -> None:
    watching, fleet = watch(), Fleet()
    told = []
    for sequence, sinr_db in enumerate([10.0, -1.0, 2.0, -2.0, 2.9, 3.1, 1.0, None, -0.1]):
        apply(fleet, [straight(sequence, x_m=100.0 + 2.0 * sequence, sinr_db=sinr_db)])
        told += [(sequence, kind) for kind in kinds(look(watching, fleet, 100 * sequence))[-1:]]
    assert told[1:] == [(1, "link_degraded"), (5, "link_restored"), (8, "link_degraded")]


def test_a_vehicle_is_warned_of_the_hole_that_another_found() -> None:
    watching, fleet = watch(), Fleet()
    for sequence in range(60):  # the first drives to x = 118 m; from 75 m on nothing is heard
        x_m = 2.0 * sequence
        level_dbm = -90.0 if x_m < 75.0 else -120.0
        apply(fleet, [straight(sequence, "first", y_m=10.0, rsrp_dbm=level_dbm)])
        look(watching, fleet, 100 * sequence)
    told = []
    for sequence in range(60, 100):  # the second follows, 120 m behind
        x_m = 2.0 * (sequence - 60)
        apply(fleet, [straight(sequence, "second", x_m=x_m, y_m=12.0, rsrp_dbm=-90.0)])
        for kind, detail in look(watching, fleet, 100 * sequence):
            if kind == "leaving_coverage":
                told.append((x_m, detail))
    ((where_m, detail),) = told
    # One second ahead at 20 m/s it is over the edge of the grid's cell.
    assert where_m == pytest.approx(56.0, abs=2.0)
    assert detail.startswith("expected at x 7")


def test_the_map_averages_and_knows_where_nobody_was() -> None:
    coverage = CoverageMap()
    places = np.array([[10.0, 10.0], [12.0, 13.0], [-400.0, 7.0], [10.0, 10.0]])
    coverage.learn(places, np.array([-90.0, -100.0, -70.0, np.nan]))
    asked = np.array([[24.0, 1.0], [-399.0, 1.0], [24.0, 26.0], [1e9, -1e9]])
    expected_dbm = [-95.0, -70.0, np.nan, np.nan]
    assert coverage.expected_dbm(asked) == pytest.approx(expected_dbm, nan_ok=True)


def test_the_map_grows_with_what_it_learns() -> None:
    coverage = CoverageMap()
    places = np.stack([np.arange(1000.0) * 25.0 + 1.0, np.zeros(1000)], axis=1)
    coverage.learn(places, -np.arange(1000.0))
    assert coverage.expected_dbm(places) == pytest.approx(-np.arange(1000.0))
