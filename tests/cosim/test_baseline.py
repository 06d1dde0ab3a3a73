from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cosim.batch.baseline import compare, load_baseline, save_baseline
from cosim.federate import BadInput

KPIS = ["ego.min_ttc_s", "ego.collisions", "network.interruption_ms.p95", "network.handovers"]


def batch(seeds: int = 20, *, draw: int = 0, **added: float) -> pd.DataFrame:
    """Results as a batch leaves them: noise that belongs to the seed, and what is added to it."""
    noise = np.random.default_rng(draw).normal(size=(seeds, len(KPIS)))
    columns = {
        name: 50.0 * (row + 1) * (1 + 0.2 * noise[:, row]) + added.get(name.rsplit(".")[-1], 0)
        for row, name in enumerate(KPIS)
    }
    frame = pd.DataFrame(
        {
            "run": [f"s/{seed}" for seed in range(seeds)],
            "scenario": "s",
            "seed": range(seeds),
            "status": "passed",
            "told": "",
            "digest": f"{draw} {added}",
            "load": 0.5,
            **columns,
        }
    )
    frame.attrs = {"parameters": ["load"], "kpis": KPIS}
    return frame


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "baseline.json"
    save_baseline(batch(), file)
    return file


def test_the_same_is_the_same(file: Path) -> None:
    assert compare(load_baseline(file), batch()) == (20, [], [], [])


def test_a_change_of_the_digest_alone_is_told_apart(file: Path) -> None:
    comparison = compare(load_baseline(file), batch().assign(digest="other"))
    assert not comparison.changes
    assert not comparison.alarm
    assert len(comparison.redigested) == 20


def test_what_moved_is_told_with_the_worst_first(file: Path) -> None:
    comparison = compare(load_baseline(file), batch(min_ttc_s=-10, handovers=15, collisions=-30))
    kinds = {change.kpi: str(change.kind) for change in comparison.changes}
    assert kinds == {
        "ego.collisions": "better",
        "ego.min_ttc_s": "worse",
        "network.handovers": "changed",
    }
    moved = [change.tolerances for change in comparison.changes]
    assert moved == sorted(moved, reverse=True)
    assert comparison.alarm
    assert comparison.changes[0].point == "s at load=0.5"


def test_an_improvement_alone_fails_no_build(file: Path) -> None:
    comparison = compare(load_baseline(file), batch(min_ttc_s=20))
    assert [str(change.kind) for change in comparison.changes] == ["better"]
    assert not comparison.alarm


def test_what_moved_less_than_its_tolerance_is_none_of_it(file: Path) -> None:
    assert not compare(load_baseline(file), batch(min_ttc_s=-1)).changes


def test_noise_raises_no_alarm(file: Path) -> None:
    baseline = load_baseline(file)
    alarms = sum(compare(baseline, batch(draw=draw)).alarm for draw in range(1, 201))
    # At most 1 % of checks may be wrong; 7 of 200 would be so with probability below 0.5 %.
    assert alarms <= 6


def test_tolerances_are_the_files_and_outlive_a_new_baseline(file: Path) -> None:
    own = '"tolerances": {"ego.min_ttc_s": {"absolute": 30},'
    text = file.read_text().replace('"tolerances": {', own, 1)
    file.write_text(text)
    assert not compare(load_baseline(file), batch(min_ttc_s=-10)).changes
    save_baseline(batch(), file)
    assert load_baseline(file).tolerances["ego.min_ttc_s"].absolute == 30


def test_a_run_that_is_gone_is_an_alarm(file: Path) -> None:
    gone = batch()
    gone.loc[3, "status"] = "broke off"
    comparison = compare(load_baseline(file), gone)
    assert comparison.missing == ["s/3"]
    assert comparison.alarm


def test_a_kpi_without_values_any_more_is_a_change(file: Path) -> None:
    gone = batch()
    gone["ego.min_ttc_s"] = np.nan
    (change,) = compare(load_baseline(file), gone).changes
    assert change.kpi == "ego.min_ttc_s"


def test_a_kpi_that_few_runs_have_is_no_change_until_most_have_lost_it(tmp_path: Path) -> None:
    def with_values(rows: list[int], value: float = 50.0) -> pd.DataFrame:
        runs = batch()
        runs["network.interruption_ms.p95"] = np.nan
        runs.loc[rows, "network.interruption_ms.p95"] = value
        return runs

    file = tmp_path / "baseline.json"
    save_baseline(with_values([0, 1, 2]), file)
    # Two runs have it on both sides, however far it moved there; then none has it any more.
    assert not compare(load_baseline(file), with_values([1, 2, 3], 90.0)).changes
    assert not compare(load_baseline(file), with_values([])).changes

    save_baseline(with_values(list(range(15))), file)
    assert not compare(load_baseline(file), with_values(list(range(5, 20)))).changes
    (change,) = compare(load_baseline(file), with_values([0])).changes
    assert change.kpi == "network.interruption_ms.p95"
    assert change.p < 0.01


def test_two_seeds_are_judged_by_the_tolerance(tmp_path: Path) -> None:
    file = tmp_path / "two.json"
    save_baseline(batch(2), file)
    assert not compare(load_baseline(file), batch(2)).changes
    assert compare(load_baseline(file), batch(2, min_ttc_s=-10)).alarm


def test_what_is_no_baseline_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    with pytest.raises(BadInput, match="can't be read"):
        load_baseline(file)
    file.write_text('{"runs": []}')
    with pytest.raises(BadInput, match="not a baseline: `runs`"):
        load_baseline(file)
