"""The worst case in a space of parameters, found by differential evolution (Storn and Price 1997).

Each generation is run at once, so that every worker has something to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import Bounds, differential_evolution
from scipy.stats.qmc import LatinHypercube

from cosim.batch.plan import Executor, PlannedRun, at_point
from cosim.batch.results import kpis_of
from cosim.batch.sweep import Point, Span, Values
from cosim.federate import BadInput
from network.arrays import Floats

# As many points in a generation for each parameter, at the least.
_PER_PARAMETER = 5
_FEWEST_GENERATIONS = 3
# Stands for infinity: a population of infinities would be run again.
_NO_VALUE = 1e300


class WorstCase(NamedTuple):
    """The worst point found, the KPI there, and the KPI of every run in their order."""

    run: PlannedRun
    value: float
    history: list[float]


def falsify(
    file: Path,
    space: Mapping[str, Values],
    kpi: str,
    *,
    highest: bool,
    runs: int,
    seed: int,
    overrides: Sequence[str],
    out_dir: Path,
    execute_all: Executor,
    on_run: Callable[[], None],
) -> WorstCase:
    """Look for the point at which a KPI is lowest, or highest.

    Args:
        file: scenario file.
        space: key path: a list to choose from, or a span of numbers.
        kpi: which; runs without a value of it don't count.
        highest: whether the highest is the worst.
        runs: no more than this many.
        seed: of the search; `seed` as a key of the space varies the runs' own.
        overrides: `key.path=value` for all runs.
        out_dir: gets the runs' folders.
        execute_all: who computes.
        on_run: called after every run.

    Raises:
        BadInput: a point can't be run, or too few runs for the space.
        SideDied: a run broke off.
    """
    generation = max(_PER_PARAMETER * len(space), 5)
    if runs < _FEWEST_GENERATIONS * generation:
        raise BadInput(
            f"--runs {runs}: too few for {len(space)} parameters; expected at least "
            f"{_FEWEST_GENERATIONS * generation}"
        )
    sign = -1.0 if highest else 1.0
    done: list[tuple[float, PlannedRun]] = []

    def evaluate(_objective: Callable[[Floats], float], vectors: Iterable[Floats]) -> list[float]:
        planned = []
        for number, vector in enumerate(vectors, start=len(done) + 1):
            run = at_point(f"{number:04}", file, overrides, _point(space, vector))
            if run.error:
                raise BadInput(run.error)
            planned.append(run)
        for _ in execute_all(planned, out_dir):
            on_run()
        values = [_worse_is_lower(kpis_of(out_dir, run)[kpi], sign) for run in planned]
        done.extend(zip(values, planned, strict=True))
        return values

    bounds, integral = _bounds(space)
    unit = LatinHypercube(len(space), rng=seed).random(generation)
    low, high = bounds.T
    differential_evolution(
        _not_called,
        Bounds(low, high),
        integrality=integral,
        init=low + unit * (high - low),
        maxiter=runs // generation - 1,
        rng=seed,
        tol=0.0,
        polish=False,
        updating="deferred",
        workers=evaluate,
    )
    value, worst = min(done, key=lambda ran: ran[0])
    if value == _NO_VALUE:
        raise BadInput(f"{kpi} has no value in any of {len(done)} runs; there is no worst")
    return WorstCase(worst, value * sign, [each * sign for each, _ in done])


def _not_called(_vector: Floats) -> float:
    raise AssertionError("`workers` evaluates whole generations")


def _worse_is_lower(value: float | None, sign: float) -> float:
    return _NO_VALUE if value is None else value * sign


def _bounds(space: Mapping[str, Values]) -> tuple[Floats, list[bool]]:
    """Bounds of each dimension, shape (n, 2), and which are numbers of a choice or whole."""
    bounds, integral = [], []
    for values in space.values():
        if isinstance(values, Span):
            bounds.append((values.from_, values.to))
            integral.append(False)
        else:
            bounds.append((0, len(values) - 1))
            integral.append(True)
    return np.array(bounds, dtype=np.float64), integral


def _point(space: Mapping[str, Values], vector: Floats) -> Point:
    point: dict[str, Any] = {}
    for (key, values), number in zip(space.items(), vector.tolist(), strict=True):
        point[key] = number if isinstance(values, Span) else values[round(number)]
    return point
