"""What came of a batch: one row per run, read from the runs' folders.

`results.parquet` holds simulated content alone, so that the same batch gives the same bytes on any
number of workers and after any interruption; what the wall clock had to say is in
`timings.parquet`.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import pandas as pd

from cosim.batch.plan import PlannedRun
from cosim.expectations import Verdict
from cosim.federate import BadInput, RunError
from cosim.recording import MANIFEST, read_kpis, read_manifest

RESULTS = "results.parquet"
TIMINGS = "timings.parquet"
_OF_THE_WALL_CLOCK = "run.real_time_factor"

# Columns before the parameters and the KPIs.
_FIXED = ("run", "scenario", "seed", "status", "told", "digest")


class Status(StrEnum):
    """What came of a run."""

    PASSED = "passed"
    FAILED = "failed"
    REFUSED = "refused"
    BROKE_OFF = "broke off"
    NOT_RUN = "not run"

    @property
    def exit_code(self) -> int:
        """What a batch with such a run ends with."""
        return {Status.PASSED: 0, Status.FAILED: 1, Status.REFUSED: 2}.get(self, 3)


COMPLETE = (Status.PASSED, Status.FAILED)


def is_complete(run_dir: Path) -> bool:
    """Whether a run's folder holds a run that went to its end."""
    try:
        return bool(read_manifest(run_dir)["complete"])
    except (BadInput, KeyError):
        return False


def status_of(batch_dir: Path, run: PlannedRun) -> Status:
    """What came of a run."""
    status: Status = _row(batch_dir / run.id, run)["status"]
    return status


def kpis_of(batch_dir: Path, run: PlannedRun) -> dict[str, float | None]:
    """KPIs of a run that must have gone to its end.

    Raises:
        BadInput: it can't be run.
        RunError: it broke off.
    """
    row = _row(batch_dir / run.id, run)
    if row["status"] not in COMPLETE:
        told = f"run {batch_dir / run.id} at {run.point}: {row['status']}: {row['told']}"
        raise BadInput(told) if row["status"] is Status.REFUSED else RunError(told)
    kpis: dict[str, float | None] = row["kpis"]
    return kpis


def write_results(batch_dir: Path, runs: Sequence[PlannedRun]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write and return the results and the timings of a batch."""
    results, timings = collect(batch_dir, runs), _timings(batch_dir, runs)
    results.to_parquet(batch_dir / RESULTS, index=False)
    timings.to_parquet(batch_dir / TIMINGS, index=False)
    return results, timings


def collect(batch_dir: Path, runs: Sequence[PlannedRun]) -> pd.DataFrame:
    """One row per run in the order of the plan: what it is, parameters by key path, KPIs by name.

    `told` is the reason in one line when a run isn't passed. Parameters that are neither numbers
    nor texts stand as JSON. `attrs["parameters"]` and `attrs["kpis"]` list those columns.
    """
    rows = [_row(batch_dir / run.id, run) for run in runs]
    parameters = list(dict.fromkeys(key for row in rows for key in row["parameters"]))
    kpis = list(dict.fromkeys(name for row in rows for name in row["kpis"]))
    frame = pd.DataFrame(
        [
            {
                **{name: row[name] for name in _FIXED},
                **{key: row["parameters"].get(key) for key in parameters},
                **{name: row["kpis"].get(name) for name in kpis},
            }
            for row in rows
        ],
        columns=[*_FIXED, *parameters, *kpis],
    )
    frame = frame.astype({"seed": "Int64", **dict.fromkeys(kpis, "float64")})
    frame.attrs = {"parameters": parameters, "kpis": kpis}
    return frame


def _timings(batch_dir: Path, runs: Sequence[PlannedRun]) -> pd.DataFrame:
    """What each complete run took [s], in all and by side."""
    rows = []
    for run in runs:
        if is_complete(batch_dir / run.id):
            manifest = read_manifest(batch_dir / run.id)
            sides = {f"{side}_s": spent for side, spent in manifest["wall_s"].items()}
            rows.append({"run": run.id, "took_s": manifest["took_s"], **sides})
    return pd.DataFrame(rows, columns=None if rows else ["run", "took_s"])


def read_results(batch_dir: Path) -> pd.DataFrame:
    """The results of a batch, or BadInput if the folder has none."""
    file = batch_dir / RESULTS
    if not file.is_file():
        raise BadInput(f"{batch_dir}: no {RESULTS}; expected the folder of a batch")
    return pd.read_parquet(file)


def select(
    results: pd.DataFrame, *, query: str | None, by: str | None, kpis: str | None
) -> pd.DataFrame:
    """Runs that meet a condition, or the mean of their KPIs by a column.

    Args:
        results: of `read_results`.
        query: as pandas' `query`, with names of columns as they are.
        by: a column, such as a parameter.
        kpis: names of columns, comma-separated; all numbers after the digest if None.

    Raises:
        BadInput: an unknown column, or a condition that can't be read.
    """
    columns = [name.strip() for name in kpis.split(",")] if kpis else []
    for name in [*columns, *([by] if by else [])]:
        if name not in results:
            nearest = difflib.get_close_matches(name, list(results.columns), n=1)
            hint = f"did you mean `{nearest[0]}`?" if nearest else ", ".join(results.columns)
            raise BadInput(f"no column `{name}`; {hint}")
    if query is not None:
        # Names with dots need quotes in pandas; the longest first, as one may contain another.
        names = sorted((name for name in results.columns if "." in name), key=len, reverse=True)
        quoted = re.sub("|".join(map(re.escape, names)), r"`\g<0>`", query) if names else query
        try:
            results = results.query(quoted)
        except Exception as error:
            raise BadInput(f"--query {query}: {error}") from error
    if by is None:
        return results[["run", "status", *columns]] if columns else results
    numbers = results.drop(columns=["seed"]).select_dtypes("number").columns
    grouped = results.groupby(by)
    means = grouped[columns or [name for name in numbers if name != by]].mean()
    means.insert(0, "runs", grouped.size())
    return means.reset_index()


def _row(run_dir: Path, run: PlannedRun) -> dict[str, Any]:
    row: dict[str, Any] = {
        "run": run.id,
        "scenario": run.scenario_name,
        "seed": run.scenario.seed if run.scenario else None,
        "status": Status.NOT_RUN,
        "told": "",
        "digest": "",
        "parameters": {key: _plain(value) for key, value in run.parameters.items()},
        "kpis": {},
    }
    if run.scenario is None:
        return {**row, "status": Status.REFUSED, "told": run.error}
    if not (run_dir / MANIFEST).is_file():
        return row
    manifest = read_manifest(run_dir)
    if not manifest["complete"]:
        if "ended_by" not in manifest:
            return row
        refused = manifest["exit_code"] == BadInput.exit_code
        status = Status.REFUSED if refused else Status.BROKE_OFF
        return {**row, "status": status, "told": manifest["ended_by"]}
    verdicts = [Verdict(**verdict) for verdict in manifest["verdicts"]]
    broken = [str(verdict) for verdict in verdicts if not verdict.passed]
    kpis = read_kpis(run_dir)
    del kpis[_OF_THE_WALL_CLOCK]
    return {
        **row,
        "status": Status.FAILED if broken else Status.PASSED,
        "told": "; ".join(broken),
        "digest": manifest["digest"],
        "kpis": kpis,
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) else json.dumps(value)
