"""The searches over parameters, against functions whose answer is known."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from cosim.batch.condition import read_condition
from cosim.batch.envelope import Axis, Search, find_envelope
from cosim.batch.falsify import falsify
from cosim.batch.plan import Executor, PlannedRun
from cosim.batch.sweep import Span
from cosim.federate import BadInput
from cosim.recording import write_kpis, write_manifest
from cosim.scenario import load_scenario, save_scenario
from cosim.shipped import find_scenario, shipped_scenarios

FILE = find_scenario("highway_brake")
X, Y = "network.core.server.delay_ms", "vehicles.driven.0.drives.0.acc.desired_speed_mps"
KNOWN = ["ego.collisions", "ego.min_ttc_s"]


def worked_out(kpi: str, of: Callable[[PlannedRun], float | None]) -> Executor:
    """An executor that works a KPI out instead of running anything."""

    def execute_all(runs: Sequence[PlannedRun], batch_dir: Path) -> Iterator[PlannedRun]:
        for run in runs:
            run_dir = batch_dir / run.id
            run_dir.mkdir(parents=True)
            write_manifest(run_dir, {"complete": True, "digest": "", "verdicts": []})
            write_kpis(run_dir, {kpi: of(run), "run.real_time_factor": 1.0})
            yield run

    return execute_all


def search(**other: object) -> Search:
    condition = read_condition("ego.collisions > 0", KNOWN)
    given = Search(FILE, (), Axis(X, 0, 400), Axis(Y, 20, 40), condition, 5, 6, (1, 2))
    return given._replace(**other)  # type: ignore[arg-type]


def test_an_envelope_closes_in_on_the_boundary_from_both_sides(tmp_path: Path) -> None:
    def collides(run: PlannedRun) -> float:
        return float(run.point[X] * run.point[Y] > 4000)

    ran: list[None] = []
    found = find_envelope(
        search(), tmp_path, worked_out("ego.collisions", collides), on_run=lambda: ran.append(None)
    )
    boundary = 4000 / found.rows["y"]
    assert (found.rows["safe"] <= boundary).all()
    assert (found.rows["unsafe"] > boundary).all()
    np.testing.assert_allclose(found.rows["unsafe"] - found.rows["safe"], 400 / 2**6)
    assert len(ran) == search().most_runs


def test_an_envelope_may_be_safe_on_the_far_side_or_have_no_boundary(tmp_path: Path) -> None:
    def collides(run: PlannedRun) -> float:
        if run.point[Y] == 20:
            return 0.0
        if run.point[Y] == 40:
            return 1.0
        return float(run.point[X] < 100)

    found = find_envelope(
        search(levels=3), tmp_path, worked_out("ego.collisions", collides), on_run=lambda: None
    )
    safe, unsafe = found.rows["safe"].tolist(), found.rows["unsafe"].tolist()
    assert np.isnan(unsafe[0])
    assert np.isnan(safe[2])
    assert unsafe[1] < 100 <= safe[1]


def test_one_seed_is_enough_to_be_unsafe(tmp_path: Path) -> None:
    def collides(run: PlannedRun) -> float:
        return float(run.point["seed"] == 2 and run.point[X] > 200)

    found = find_envelope(
        search(), tmp_path, worked_out("ego.collisions", collides), on_run=lambda: None
    )
    assert (found.rows["safe"] <= 200).all()
    assert set(found.points["share"]) == {0.0, 0.5}


def test_the_worst_of_a_space_is_found_and_kept_as_a_scenario(tmp_path: Path) -> None:
    def ttc(run: PlannedRun) -> float:
        miss = (run.point[X] - 130) ** 2 / 1e4 + (run.point[Y] - 33) ** 2 / 100
        return float(miss + (run.point["network.handover.time_to_trigger_ms"] != 640))

    worst = falsify(
        FILE,
        {
            X: Span.model_validate({"from": 0, "to": 400}),
            Y: Span.model_validate({"from": 20, "to": 40}),
            "network.handover.time_to_trigger_ms": [40, 160, 640],
        },
        "ego.min_ttc_s",
        highest=False,
        runs=300,
        seed=1,
        overrides=["duration_s=40"],
        out_dir=tmp_path / "runs",
        execute_all=worked_out("ego.min_ttc_s", ttc),
        on_run=lambda: None,
    )
    assert worst.value == min(worst.history) < 0.05
    assert len(worst.history) <= 300
    assert worst.run.point["network.handover.time_to_trigger_ms"] == 640
    assert worst.run.scenario is not None
    save_scenario(worst.run.scenario, tmp_path / "worst.yaml")
    assert load_scenario(tmp_path / "worst.yaml") == worst.run.scenario


def test_a_kpi_that_never_has_a_value_has_no_worst(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has no value in any of"):
        falsify(
            FILE,
            {X: Span.model_validate({"from": 0, "to": 400})},
            "ego.min_ttc_s",
            highest=True,
            runs=15,
            seed=1,
            overrides=(),
            out_dir=tmp_path,
            execute_all=worked_out("ego.min_ttc_s", lambda _run: None),
            on_run=lambda: None,
        )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ego.collisons > 0", "did you mean `ego.collisions`?"),
        ("ego.collisions", "expected a condition like"),
        ("ego.collisions > many", "expected a condition like"),
    ],
)
def test_a_condition_that_cannot_be_read_is_told(text: str, says: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_condition(text, KNOWN)
    assert says in str(caught.value)


@pytest.mark.parametrize("file", shipped_scenarios(), ids=lambda file: file.stem)
def test_a_saved_scenario_is_read_as_the_same(file: Path, tmp_path: Path) -> None:
    scenario = load_scenario(file)
    save_scenario(scenario, tmp_path / "saved.yaml")
    assert load_scenario(tmp_path / "saved.yaml") == scenario
