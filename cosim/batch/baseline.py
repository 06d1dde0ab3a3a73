"""Baselines: what a batch's KPIs were, and whether they have changed since.

Runs are paired by scenario, parameters and seed. The same seed draws the same for all that a change
of the code doesn't touch, so pairs differ by the change alone. A KPI has changed at a point of the
sweep if its mean moved by more than its tolerance, and the pairs show that it moved at all: by a
paired t-test, corrected after Holm (1979) for all the KPIs and points looked at. One that too few
runs have has changed if it went from more of them than chance takes it from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field, ValidationError, model_validator
from scipy.stats import binomtest, ttest_1samp

from cosim.batch.results import COMPLETE
from cosim.federate import BadInput
from cosim.kpis import better_sign
from network.arrays import Bools, Floats
from network.settings import Settings

_ALARM_AT_P = 0.01
# Fewer pairs can't show anything; the tolerance alone decides then.
_FEWEST_PAIRS = 3


class Tolerance(Settings):
    """How far the mean of a KPI may move: the larger of both."""

    relative: float = Field(0.0, ge=0, description="Share of the baseline's mean.")
    absolute: float = Field(0.0, ge=0, description="In the KPI's own unit.")

    def around(self, mean: float) -> float:
        """The tolerance around a mean, in the KPI's unit."""
        return max(self.absolute, self.relative * abs(mean))


class BaselineRun(Settings):
    """One run as it was; KPIs without a value aren't listed."""

    run: str
    scenario: str
    parameters: dict[str, Any]
    seed: int
    digest: str
    kpis: dict[str, float]


class Baseline(Settings):
    """A baseline file. `default` of the tolerances is for KPIs that have none of their own."""

    tolerances: dict[str, Tolerance] = {"default": Tolerance(relative=0.05)}
    runs: list[BaselineRun] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_default(self) -> Baseline:
        if "default" not in self.tolerances:
            raise ValueError("`tolerances` needs a `default`")
        return self


class Kind(StrEnum):
    """What became of a KPI."""

    WORSE = "worse"
    CHANGED = "changed"
    BETTER = "better"


class Change(NamedTuple):
    """A KPI that has changed at a point of the sweep.

    `p` is the corrected one, NaN where pairs are too few for a test. `run` is the one in which it
    moved most, and `tolerances` how many tolerances its mean moved by.
    """

    point: str
    kpi: str
    kind: Kind
    before: float
    after: float
    p: float
    run: str
    tolerances: float


class Comparison(NamedTuple):
    """A batch held against its baseline.

    `changes` has the worst first. `missing` are runs of the baseline that the batch doesn't have or
    that didn't go to their end, `redigested` those with another simulated content.
    """

    compared: int
    changes: list[Change]
    missing: list[str]
    redigested: list[str]

    @property
    def alarm(self) -> bool:
        """Whether something isn't as it was, improvements aside."""
        return bool(self.missing) or any(change.kind != Kind.BETTER for change in self.changes)


def save_baseline(results: pd.DataFrame, file: Path) -> int:
    """Write the complete runs of a batch as its baseline, and return how many they are.

    Tolerances of an older file of that name are kept.

    Raises:
        BadInput: no run is complete, or the older file can't be read.
    """
    runs = _runs(results)
    if not runs:
        raise BadInput(f"{file}: nothing to save: no run of the batch is complete")
    kept = {"tolerances": load_baseline(file).tolerances} if file.is_file() else {}
    draft = file.with_suffix(".tmp")
    draft.write_text(Baseline(runs=runs, **kept).model_dump_json(indent=1) + "\n")
    draft.replace(file)
    return len(runs)


def load_baseline(file: Path) -> Baseline:
    """Read a baseline; BadInput, in one line, if it can't be."""
    try:
        return Baseline.model_validate_json(file.read_bytes())
    except OSError as error:
        raise BadInput(f"{file}: can't be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise BadInput(f"{file}: not a baseline: `{where}`: {first['msg']}") from error


def compare(baseline: Baseline, results: pd.DataFrame) -> Comparison:
    """Hold the results of a batch against a baseline."""
    now = {_identity(run): run for run in _runs(results)}
    missing = [run.run for run in baseline.runs if _identity(run) not in now]
    pairs = [(run, now[_identity(run)]) for run in baseline.runs if _identity(run) in now]
    redigested = [after.run for before, after in pairs if before.digest != after.digest]
    changes = sorted(_changes(baseline, pairs), key=lambda change: change.tolerances, reverse=True)
    return Comparison(len(pairs), changes, missing, redigested)


def _runs(results: pd.DataFrame) -> list[BaselineRun]:
    complete = results[results["status"].isin(COMPLETE)]
    kpis, parameters = results.attrs["kpis"], results.attrs["parameters"]
    return [
        BaselineRun(
            run=row["run"],
            scenario=row["scenario"],
            parameters={key: row[key] for key in parameters if not pd.isna(row[key])},
            seed=row["seed"],
            digest=row["digest"],
            kpis={name: row[name] for name in kpis if not pd.isna(row[name])},
        )
        for row in complete.to_dict("records")
    ]


def _identity(run: BaselineRun) -> tuple[str, int]:
    return _point(run), run.seed


def _point(run: BaselineRun) -> str:
    told = ", ".join(f"{key}={json.dumps(value)}" for key, value in run.parameters.items())
    return f"{run.scenario} at {told}" if told else run.scenario


def _changes(baseline: Baseline, pairs: list[tuple[BaselineRun, BaselineRun]]) -> Iterator[Change]:
    by_point: dict[str, list[tuple[BaselineRun, BaselineRun]]] = {}
    for pair in pairs:
        by_point.setdefault(_point(pair[0]), []).append(pair)
    candidates = []
    for point, mine in by_point.items():
        for kpi in dict.fromkeys(name for before, _ in mine for name in before.kpis):
            tolerance = baseline.tolerances.get(kpi, baseline.tolerances["default"])
            candidates.append(_candidate(point, kpi, tolerance, mine))
    corrected = _holm(np.array([change.p for change in candidates]))
    for change, p in zip(candidates, corrected.tolist(), strict=True):
        if change.tolerances > 1 and not p > _ALARM_AT_P:
            yield change._replace(p=p)


def _candidate(
    point: str, kpi: str, tolerance: Tolerance, pairs: list[tuple[BaselineRun, BaselineRun]]
) -> Change:
    """How a KPI moved at a point, whether or not it matters."""
    before = np.array([run.kpis.get(kpi, np.nan) for run, _ in pairs])
    after = np.array([run.kpis.get(kpi, np.nan) for _, run in pairs])
    moved = after - before
    known = np.isfinite(moved)
    if known.sum() < min(_FEWEST_PAIRS, len(pairs)):
        # Too few have a value on both sides to tell how it moved, but perhaps that it went.
        gone = np.isfinite(before) & np.isnan(after)
        now = float(np.nanmean(after)) if np.isfinite(after).any() else np.nan
        run = pairs[int(np.argmax(gone))][1].run
        p = _p_of_gone(gone, np.isnan(before) & np.isfinite(after))
        return Change(point, kpi, Kind.CHANGED, float(np.nanmean(before)), now, p, run, np.inf)
    mean = float(moved[known].mean())
    with np.errstate(divide="ignore", invalid="ignore"):
        tolerances = np.nan_to_num(abs(mean) / np.float64(tolerance.around(before[known].mean())))
    better = mean * better_sign(kpi)
    kind = Kind.CHANGED if better == 0 else Kind.BETTER if better > 0 else Kind.WORSE
    most = int(np.nanargmax(moved * np.sign(mean)))
    return Change(
        point,
        kpi,
        kind,
        float(before[known].mean()),
        float(after[known].mean()),
        _p_of_moved(moved[known]),
        pairs[most][1].run,
        float(tolerances),
    )


def _p_of_moved(moved: Floats) -> float:
    """Probability of differences like these if their mean were zero; NaN with too few."""
    if len(moved) < _FEWEST_PAIRS:
        return np.nan
    if np.ptp(moved) <= 1e-9 * np.abs(moved).max():
        # All moved alike, which a t-test can't divide by.
        return 0.0 if moved[0] else 1.0
    return float(ttest_1samp(moved, 0.0).pvalue)


def _p_of_gone(gone: Bools, come: Bools) -> float:
    """Probability of it if runs lose a value as often as they gain one (McNemar's exact test)."""
    if gone.all():
        return 0.0
    changed = int(gone.sum() + come.sum())
    return float(binomtest(int(gone.sum()), changed).pvalue) if changed else 1.0


def _holm(p: Floats) -> Floats:
    """Correct p-values of tests made together (Holm 1979); NaNs stay and don't count."""
    corrected = p.copy()
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known])]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return corrected
