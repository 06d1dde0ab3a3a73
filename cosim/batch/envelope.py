"""The boundary between safe and not, over two parameters: where a condition begins to hold.

At each of some values of y, x is bisected between an end at which the condition holds and one at
which it doesn't. It holds at a point as soon as it does for one of the seeds. All values of y are
looked at together, so that every worker has something to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cosim.batch.condition import Condition
from cosim.batch.plan import Executor, PlannedRun, at_point
from cosim.batch.results import kpis_of
from cosim.federate import BadInput


class Axis(NamedTuple):
    """A parameter and the span of it that is looked at."""

    key: str
    low: float
    high: float


class Envelope(NamedTuple):
    """What was found.

    `rows` has a row per value of y: `safe` and `unsafe` are values of x on both sides of the
    boundary, the latter NaN where all of the span is safe and the former where none is. `points`
    has one per point that was run: x, y and the share of its seeds for which the condition held.
    """

    x: Axis
    y: Axis
    condition: Condition
    rows: pd.DataFrame
    points: pd.DataFrame


class Search(NamedTuple):
    """What to look for, and how finely.

    Args:
        file: scenario file.
        overrides: `key.path=value` for all runs.
        x: the parameter that is bisected.
        y: the other one.
        condition: what must not hold.
        levels: how many values of y.
        halvings: how often the span of x is halved.
        seeds: the seeds of every point.
    """

    file: Path
    overrides: Sequence[str]
    x: Axis
    y: Axis
    condition: Condition
    levels: int
    halvings: int
    seeds: Sequence[int]

    @property
    def most_runs(self) -> int:
        """No more runs than this are needed."""
        return self.levels * len(self.seeds) * (2 + self.halvings)


def find_envelope(
    search: Search, out_dir: Path, execute_all: Executor, *, on_run: Callable[[], None]
) -> Envelope:
    """Find the boundary.

    Args:
        search: what to look for.
        out_dir: gets the runs' folders.
        execute_all: who computes.
        on_run: called after every run.

    Raises:
        BadInput: a point can't be run.
        SideDied: a run broke off.
    """
    x, levels = search.x, np.linspace(search.y.low, search.y.high, search.levels)
    evaluate = _Evaluator(search, out_dir, execute_all, on_run)
    ends = evaluate([(end, y) for y in levels for end in (x.low, x.high)])
    holds_low, holds_high = np.array(ends).reshape(-1, 2).T > 0
    # Either end may be the safe one; without a boundary, the span ends safe or begins unsafe.
    safe = np.where(holds_low & holds_high, np.nan, np.where(holds_high, x.low, x.high))
    unsafe = np.where(holds_low, x.low, np.where(holds_high, x.high, np.nan))
    open_rows = np.flatnonzero(holds_low != holds_high)
    for _ in range(search.halvings):
        middle = (safe + unsafe) / 2
        shares = evaluate([(middle[row], levels[row]) for row in open_rows])
        for row, share in zip(open_rows, shares, strict=True):
            (unsafe if share > 0 else safe)[row] = middle[row]
    rows = pd.DataFrame({"y": levels, "safe": safe, "unsafe": unsafe})
    return Envelope(search.x, search.y, search.condition, rows, evaluate.points())


class _Evaluator:
    """Runs points, each with all seeds, and keeps what came of them."""

    def __init__(
        self, search: Search, out_dir: Path, execute_all: Executor, on_run: Callable[[], None]
    ) -> None:
        self._search = search
        self._out_dir = out_dir
        self._execute_all = execute_all
        self._on_run = on_run
        self._points: list[tuple[float, float, float]] = []

    def __call__(self, points: Sequence[tuple[float, float]]) -> list[float]:
        """Share of the seeds for which the condition holds, at each point."""
        search = self._search
        runs: list[PlannedRun] = []
        for number, (x, y) in enumerate(points, start=len(self._points) + 1):
            for seed in search.seeds:
                point = {search.x.key: float(x), search.y.key: float(y), "seed": seed}
                run = at_point(f"{number:03}-{seed}", search.file, search.overrides, point)
                if run.error:
                    raise BadInput(run.error)
                runs.append(run)
        for _ in self._execute_all(runs, self._out_dir):
            self._on_run()
        holds = [search.condition.holds(kpis_of(self._out_dir, run)) for run in runs]
        shares = list(np.reshape(holds, (-1, len(search.seeds))).mean(axis=1).tolist())
        self._points += [(x, y, share) for (x, y), share in zip(points, shares, strict=True)]
        return shares

    def points(self) -> pd.DataFrame:
        """All points so far."""
        return pd.DataFrame(self._points, columns=["x", "y", "share"])
