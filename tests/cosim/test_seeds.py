import pandas as pd
import pytest

from cosim.batch.seeds import check_trends, judge_together
from cosim.expectations import Bounds
from cosim.federate import BadInput


def results(levels: dict[float, list[float]]) -> pd.DataFrame:
    rows = [
        {"seed": seed, "load": load, "kpi": value}
        for load, values in levels.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_a_share_needs_enough_seeds_to_be_shown() -> None:
    # With n of n held, the exact lower bound is 0.05 ** (1 / n): 0.95 takes 59 seeds.
    expect = {"kpi": Bounds.model_validate({"max": 1, "share": 0.95})}
    for seeds, passed in ((58, False), (59, True)):
        (verdict,) = judge_together(expect, results({0: [0.5] * seeds}), [])
        assert verdict.value == pytest.approx(0.05 ** (1 / seeds))
        assert verdict.passed is passed


def test_a_share_is_judged_at_each_point_by_itself() -> None:
    expect = {"kpi": Bounds.model_validate({"max": 1, "share": 0.8})}
    frame = results({0.2: [0.5] * 20, 0.9: [0.5] * 10 + [2.0] * 10})
    good, bad = judge_together(expect, frame, ["load"])
    assert good.passed
    assert not bad.passed
    assert bad.kpi == "kpi at load=0.9"


def test_a_trend_is_told_from_noise() -> None:
    frame = results({load: [load * 3 + 0.01 * seed for seed in range(4)] for load in (1, 2, 3)})
    rising = {"kpi": Bounds.model_validate({"trend": {"over": "load", "is": "increasing"}})}
    falling = {"kpi": Bounds.model_validate({"trend": {"over": "load", "is": "decreasing"}})}
    assert judge_together(rising, frame, ["load"])[0].passed
    assert not judge_together(falling, frame, ["load"])[0].passed
    flat = results({load: [1.0] * 4 for load in (1, 2, 3)})
    assert not judge_together(rising, flat, ["load"])[0].passed
    mixed = results({1: [1, 3, 2, 2], 2: [2, 1, 3, 1], 3: [3, 2, 1, 2]})
    assert not judge_together(rising, mixed, ["load"])[0].passed


def test_a_trend_within_each_level_of_another_parameter() -> None:
    frame = pd.concat(
        [results({load: [load + offset] * 3 for load in (1, 2, 3)}).assign(speed=offset)
         for offset in (0, 100)]
    )  # fmt: skip
    rising = {"kpi": Bounds.model_validate({"trend": {"over": "load", "is": "increasing"}})}
    assert judge_together(rising, frame, ["load", "speed"])[0].passed


def test_a_trend_over_what_is_not_swept_is_refused() -> None:
    expect = {"kpi": Bounds.model_validate({"trend": {"over": "laod", "is": "increasing"}})}
    with pytest.raises(BadInput, match=r"over `laod`, which isn't swept; swept is `load`"):
        check_trends(expect, ["load"])
