"""Scenarios as pytest tests.

`*.scenario.yaml` files are collected: a test for every run of a file's sweep, one for what its
seeds show together and one for its baseline, where it has those. In tests of one's own `cosim_run`
runs a scenario; the mark `scenario` names and sweeps it.

Worker processes compute the runs of files ahead of the tests that judge them. Under pytest-xdist
each of its workers has one worker process, and computes what it is asked for.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

# Every pytest of an environment loads this: what takes long to import waits until it is used.
if TYPE_CHECKING:
    from cosim.run import Outcome

_SUFFIXES = (".scenario.yaml", ".scenario.yml")


class RunScenario(Protocol):
    """What the fixture `cosim_run` is."""

    def __call__(self, scenario: str | None = None, **values: Any) -> Outcome:
        """Run a scenario and return what came of it.

        Args:
            scenario: a file, seen from the test's or the working folder, or the name of a shipped
                one; the mark's if None.
            values: values by key path: `cosim_run("city_grid", **{"v2x.penetration": 0.5})`.

        Raises:
            RunError: it can't be run, or broke off.
        """


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options."""
    group = parser.getgroup("cosim", "scenarios as tests")
    group.addoption(
        "--cosim-jobs",
        type=int,
        metavar="N",
        help="worker processes (default: one per processor; one under xdist)",
    )
    group.addoption(
        "--cosim-out",
        type=Path,
        default=Path("cosim-failed"),
        metavar="DIR",
        help="where run folders of failed tests are kept (default: %(default)s)",
    )
    group.addoption(
        "--cosim-update-baselines",
        action="store_true",
        help="make what *.scenario.yaml files come to their baselines",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Describe the mark."""
    config.addinivalue_line(
        "markers",
        "scenario(name, sweep={}): what cosim_run runs, and key paths with the values they take",
    )


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> pytest.Collector | None:
    """Collect scenario files."""
    if not file_path.name.endswith(_SUFFIXES):
        return None
    from cosim.pytest_items import ScenarioFile

    collector: pytest.Collector = ScenarioFile.from_parent(parent, path=file_path)
    return collector


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to compute what the collected files ask for."""
    if session.config.option.collectonly or not any(map(_is_of_file, session.items)):
        return
    from cosim.pytest_items import RunItem, runner_of

    runs = [item.planned for item in session.items if isinstance(item, RunItem)]
    runner_of(session.config).begin(runs)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of every point that a mark sweeps."""
    mark = metafunc.definition.get_closest_marker("scenario")
    if mark is None or "sweep" not in mark.kwargs or "cosim_run" not in metafunc.fixturenames:
        return
    from cosim.batch.sweep import Sweep
    from cosim.pytest_items import told

    swept = {key: list(values) for key, values in mark.kwargs["sweep"].items()}
    points = Sweep.model_validate(swept).points()
    metafunc.parametrize("cosim_run", points, indirect=True, ids=map(told, points))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the folders of a failed test's runs and say where they are."""
    report = yield
    if report.when == "call" and report.failed and (_is_of_file(item) or _uses_runs(item)):
        from cosim.pytest_items import RUN_DIRS, runner_of

        for run_dir in item.stash.get(RUN_DIRS, []):
            kept = runner_of(item.config).keep(run_dir)
            report.sections.append(("cosim", f"run folder {kept}"))
    return report


@pytest.fixture
def cosim_run(request: pytest.FixtureRequest) -> RunScenario:
    """Runs scenarios in a worker process; see `RunScenario`."""
    from cosim.batch.plan import at_point
    from cosim.federate import BadInput
    from cosim.pytest_items import RUN_DIRS, file_name, note, runner_of
    from cosim.shipped import find_scenario

    mark = request.node.get_closest_marker("scenario")
    point = getattr(request, "param", {})
    runner = runner_of(request.config)

    def run(scenario: str | None = None, **values: Any) -> Outcome:
        if scenario is None:
            if mark is None:
                raise BadInput("cosim_run: name a scenario, here or by @pytest.mark.scenario")
            scenario = mark.args[0]
        number = len(request.node.stash.get(RUN_DIRS, [])) + 1
        run_id = f"{file_name(request.node.nodeid)}-{number}"
        beside = request.path.parent / scenario
        file = beside if beside.is_file() else find_scenario(scenario)
        planned = at_point(run_id, file, (), {**point, **values})
        note(request.node, planned, runner)
        return runner.outcome(planned)

    return run


def _is_of_file(item: pytest.Item) -> bool:
    return item.path.name.endswith(_SUFFIXES)


def _uses_runs(item: pytest.Item) -> bool:
    return "cosim_run" in getattr(item, "fixturenames", ())
