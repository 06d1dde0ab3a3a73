"""Which runs a batch has: every scenario at every point of its sweep, each checked beforehand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from cosim.batch.sweep import Point, Values, merged
from cosim.federate import BadInput
from cosim.scenario import Scenario, load_scenario
from cosim.shipped import find_scenario

_SUFFIXES = (".yaml", ".yml")


class PlannedRun(NamedTuple):
    """One run of a batch.

    `id` is its folder below the batch's. A run that can't be run has an `error` of one line in
    place of a scenario.
    """

    id: str
    scenario_name: str
    point: Point
    scenario: Scenario | None
    error: str = ""

    @property
    def parameters(self) -> Point:
        """The point without the seed."""
        return {key: value for key, value in self.point.items() if key != "seed"}


Executor: TypeAlias = Callable[[Sequence[PlannedRun], Path], Iterator[PlannedRun]]
"""Computes runs, each into the folder of its id below a batch's, and yields each when it ended."""


def find_scenarios(given: Iterable[str]) -> list[Path]:
    """Scenario files by path, by shipped name, or all directly in a folder.

    Raises:
        BadInput: one of them isn't there, or a folder holds none.
    """
    files: list[Path] = []
    for name in given:
        folder = Path(name)
        if not folder.is_dir():
            files.append(find_scenario(name))
            continue
        inside = sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES)
        if not inside:
            raise BadInput(f"{folder}: no scenarios; expected files ending in .yaml")
        files += inside
    return files


def plan(
    files: Sequence[Path],
    *,
    overrides: Sequence[str] = (),
    sweep: Mapping[str, Values] | None = None,
) -> list[PlannedRun]:
    """Every run of a batch, in order.

    A scenario that can't be read is one run with its error, so that the others are run.

    Args:
        files: scenario files.
        overrides: `key.path=value` for all of them.
        sweep: dimensions that are swept in all of them, in place of a file's own of the same keys.

    Raises:
        BadInput: two files hold scenarios of one name.
    """
    runs: list[PlannedRun] = []
    file_of: dict[str, Path] = {}
    for file in files:
        try:
            scenario = load_scenario(file, overrides)
            points = merged(scenario.sweep, sweep or {}).points()
        except BadInput as error:
            runs.append(PlannedRun(file.stem, file.stem, {}, None, str(error)))
            continue
        name = scenario.name
        if name in file_of:
            raise BadInput(f"{file}: scenario {name} is in {file_of[name]} too; rename one")
        file_of[name] = file
        width = len(str(len(points)))
        for number, point in enumerate(points, start=1):
            run_id = f"{name}/{number:0{width}}" if len(points) > 1 else name
            runs.append(at_point(run_id, file, overrides, point))
    return runs


def at_point(run_id: str, file: Path, overrides: Sequence[str], point: Point) -> PlannedRun:
    """A scenario at one point, whatever its own sweep is."""
    values = [f"{key}={json.dumps(value)}" for key, value in point.items()]
    try:
        scenario = load_scenario(file, [*overrides, *values], told_as=f"{file}: what is varied")
    except BadInput as error:
        return PlannedRun(run_id, file.stem, point, None, str(error))
    scenario = scenario.model_copy(update={"sweep": None})
    return PlannedRun(run_id, scenario.name, point, scenario)
