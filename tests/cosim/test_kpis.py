from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.expectations import Bounds, check_names, judge
from cosim.federate import BadInput
from cosim.kpis import describe, kpi_names, measure
from cosim.recording import SCHEMAS, Recording


def rows(table: str, count: int, **given: Any) -> dict[str, Any]:
    """Columns of a table, with nothing in those not given."""
    columns: dict[str, Any] = {}
    for field in SCHEMAS[table]:
        if field.name in given:
            columns[field.name] = given[field.name]
        elif str(field.type).startswith("list"):
            columns[field.name] = [[] for _ in range(count)]
        elif "string" in str(field.type):
            columns[field.name] = [""] * count
        else:
            columns[field.name] = np.zeros(count, dtype=field.type.to_pandas_dtype())
    return columns


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    run = Recording(tmp_path)
    run.add(
        "decisions",
        rows(
            "decisions", 4,
            time_s=np.array([0.1, 0.2, 0.3, 0.3]),
            vehicle=["ego", "ego", "ego", "other"],
            ttc_s=np.array([np.inf, 2.5, 4.0, 0.1]),
            acceleration_mps2=np.array([1.0, -4.5, -2.0, -9.0]),
        ),
    )  # fmt: skip
    run.add("events", rows("events", 5, kind=["collision", "brake", "collision",
                                              "hit_while_standing", "hit_while_standing"],
                           id=["ego", "ego", "other", "ego", "ego"]))  # fmt: skip
    ms = 1_000_000
    run.add(
        "packets",
        rows(
            "packets", 5,
            packet_id=np.arange(5),
            sent_ns=np.zeros(5, dtype=np.int64),
            ended_ns=np.array([10, 20, 30, 40, 50]) * ms,
            fate=["delivered", "delivered", "delivered", "radio", "in_flight"],
        ),
    )  # fmt: skip
    run.add(
        "handovers",
        rows(
            "handovers", 8,
            from_cell=["a/0", "b/0", "", "a/0", "a/0", "b/0", "a/0", "a/0"],
            cause=["a3", "a5", "reestablishment", "reestablishment", "too_late", "wrong_cell",
                   "t304_too_early", "t304_expiry"],
            interruption_ms=np.array([40.0, 60.0, *[np.nan] * 6]),
            ping_pong=np.array([False, True, *[False] * 6]),
        ),
    )  # fmt: skip
    run.add("links", rows("links", 3, sinr_db=np.array([0.0, 10.0, np.nan])))
    run.add("twins", rows("twins", 2, age_ms=np.array([100.0, 200.0]),
                          position_error_m=np.array([1.0, 3.0]),
                          prediction_error_m=np.array([np.nan, 4.0])))  # fmt: skip
    run.close()
    return tmp_path


def test_kpis_by_hand(run_dir: Path) -> None:
    kpis = measure(run_dir, ["ego", "ghost"], requirements={}, ticks=7, real_time_factor=12.34567)
    assert kpis["ego.collisions"] == 1
    assert kpis["ego.hit_while_standing"] == 2
    assert kpis["ego.min_ttc_s"] == 2.5
    assert kpis["ego.max_deceleration_mps2"] == 4.5
    assert kpis["ghost.min_ttc_s"] is None
    assert kpis["v2x.sent"] == 5
    assert kpis["v2x.delivered"] == 3
    assert kpis["v2x.delivery_ratio"] == 0.75
    assert kpis["v2x.latency_ms.p50"] == 20
    assert kpis["network.handovers"] == 8
    assert kpis["network.handover_failures"] == 4
    assert kpis["network.radio_link_failures"] == 3
    assert kpis["network.ping_pongs"] == 1
    assert kpis["network.interruption_ms.p95"] == pytest.approx(59)
    assert kpis["network.sinr_db.p50"] == 5
    assert kpis["twins.position_error_m.p95"] == pytest.approx(2.9)
    assert kpis["twins.prediction_error_m.p95"] == 4.0
    assert kpis["run.real_time_factor"] == 12.346
    assert list(kpis) == kpi_names(["ego", "ghost"])
    assert all(describe(name) for name in kpis)


def test_a_run_of_nothing_has_no_values_but_all_names(tmp_path: Path) -> None:
    Recording(tmp_path).close()
    kpis = measure(tmp_path, ["ego"], requirements={}, ticks=0, real_time_factor=1.0)
    assert list(kpis) == kpi_names(["ego"])
    assert kpis["v2x.delivery_ratio"] is None
    assert kpis["ego.collisions"] == 0


@pytest.mark.parametrize(
    ("bounds", "value", "passed"),
    [
        ({"max": 2}, 2.0, True),
        ({"max": 2}, 2.1, False),
        ({"min": 1, "max": 2}, 0.9, False),
        ({"equals": 0}, 0.0, True),
        ({"equals": 0}, 1.0, False),
        ({"max": 2}, None, False),
        ({"max": 2}, float("nan"), False),
    ],
)
def test_expectations(bounds: dict[str, float], value: float | None, passed: bool) -> None:
    (verdict,) = judge({"k": Bounds(**bounds)}, {"k": value})
    assert verdict.passed is passed


def test_an_unknown_kpi_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadInput, match=r"did you mean `ego\.collisions`"):
        check_names({"ego.colisions": Bounds(max=0)}, kpi_names(["ego"]))
