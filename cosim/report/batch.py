"""The page of a batch: verdicts, what didn't pass, KPIs, and pictures over seeds and parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cosim.batch.batch import read_together
from cosim.batch.results import COMPLETE, Status, read_results
from cosim.expectations import Verdict
from cosim.kpis import describe
from cosim.plots.page import Shown, show_run
from cosim.recording import read_manifest
from cosim.report.figures import draw_kpi
from cosim.report.page import render, verdict_row, why_text

REPORT = "report.html"
_MOST_TROUBLES = 20
_WITH_TABLES = (Status.FAILED, Status.BROKE_OFF)
_MOST_PICTURES = 8


def write_report(batch_dir: Path) -> Path:
    """Write `report.html` of a batch into its folder; it needs nothing else to be looked at.

    Raises:
        BadInput: not a batch's folder.
    """
    results = read_results(batch_dir)
    together = read_together(batch_dir)
    states = list(dict.fromkeys(results["status"]))
    scenarios = [
        _scenario(batch_dir, str(name), runs, together.get(str(name), []), states, results.attrs)
        for name, runs in results.groupby("scenario", sort=False)
    ]
    not_passed = int((results["status"] != Status.PASSED).sum())
    missed = sum(not verdict.passed for some in together.values() for verdict in some)
    page = render(
        "batch.html.j2",
        title=f"Batch {batch_dir.resolve().name}",
        passed=not not_passed and not missed,
        verdict=_verdict(len(results), not_passed, missed),
        facts=f"cosim {_version(batch_dir, results)}",
        states=states,
        scenarios=scenarios,
    )
    file = batch_dir / REPORT
    file.write_text(page)
    return file


def _verdict(runs: int, not_passed: int, missed: int) -> str:
    if not not_passed and not missed:
        return f"All {runs} runs are as expected."
    told = f"{not_passed} of {runs} runs didn't pass"
    return f"{told}; {missed} expectations over seeds failed." if missed else f"{told}."


def _version(batch_dir: Path, results: pd.DataFrame) -> str:
    complete = results["run"][results["status"].isin(COMPLETE)]
    if complete.empty:
        return ""
    manifest = read_manifest(batch_dir / complete.iloc[0])
    return f"{manifest['versions']['cosim-v2x']}, {manifest['machine']}"


def _scenario(
    batch_dir: Path,
    name: str,
    runs: pd.DataFrame,
    together: Sequence[Verdict],
    states: Sequence[str],
    attrs: Mapping[Any, Any],
) -> dict[str, Any]:
    complete = runs[runs["status"].isin(COMPLETE)]
    parameters = [key for key in attrs["parameters"] if runs[key].notna().any()]
    counts = runs["status"].value_counts()
    manifest = read_manifest(batch_dir / complete["run"].iloc[0]) if len(complete) else {}
    expected = [Verdict(**verdict) for verdict in manifest.get("verdicts", [])]
    asked = [verdict.kpi for verdict in expected] + [
        verdict.kpi.split(" ")[0] for verdict in together
    ]
    kpis = [kpi for kpi in attrs["kpis"] if complete[kpi].notna().any()]
    troubled = runs[runs["status"] != Status.PASSED]
    return {
        "name": name,
        "description": manifest.get("scenario", {}).get("description", ""),
        "runs": len(runs),
        "complete": len(complete),
        "counts": [int(counts.get(state, 0)) for state in states],
        "varied": ", ".join(filter(None, (_varied(key, runs) for key in [*parameters, "seed"]))),
        "parameters": parameters,
        "verdicts": [*_over_runs(batch_dir, complete, expected), *map(verdict_row, together)],
        "troubles": [
            _trouble(batch_dir, run, parameters)
            for run in troubled.head(_MOST_TROUBLES).to_dict("records")
        ],
        "more_troubles": max(0, len(troubled) - _MOST_TROUBLES),
        "first_trouble": _pictures_of_first(batch_dir, troubled),
        "pictures": [
            draw_kpi(kpi, complete, parameters) for kpi in _worth_drawing(kpis, asked, complete)
        ],
        "kpis": [_kpi_row(kpi, complete) for kpi in kpis],
        "all_runs": [
            {**run, "cells": [run[key] for key in parameters]} for run in runs.to_dict("records")
        ],
    }


def _varied(key: str, runs: pd.DataFrame) -> str:
    values = runs[key].dropna().unique()
    if not len(values):
        return ""
    return f"{key} ({len(values)} values)" if len(values) > 1 else f"{key} {values[0]}"


def _over_runs(
    batch_dir: Path, complete: pd.DataFrame, expected: Sequence[Verdict]
) -> list[dict[str, Any]]:
    """What every run must keep, and in how many it held."""
    held = dict.fromkeys((verdict.kpi for verdict in expected), 0)
    for run in complete["run"]:
        for verdict in read_manifest(batch_dir / run)["verdicts"]:
            held[verdict["kpi"]] += verdict["passed"]
    return [
        {
            "kpi": verdict.kpi,
            "expected": f"{verdict.expected} in every run",
            "passed": held[verdict.kpi] == len(complete),
            "told": f"{held[verdict.kpi]} of {len(complete)} runs",
        }
        for verdict in expected
    ]


def _trouble(batch_dir: Path, run: Mapping[Any, Any], parameters: Sequence[str]) -> dict[str, Any]:
    point = ", ".join(f"{key} = {run[key]}" for key in ["seed", *parameters])
    why = why_text(batch_dir / run["run"]) if run["status"] in _WITH_TABLES else ""
    return {**run, "point": point, "why": why}


def _pictures_of_first(batch_dir: Path, troubled: pd.DataFrame) -> list[Shown]:
    """The map and the drive of the first run that didn't pass but left something to draw."""
    drawable = troubled["run"][troubled["status"].isin(_WITH_TABLES)]
    if drawable.empty:
        return []
    run = drawable.iloc[0]
    return [
        picture._replace(title=f"{run}: {picture.title}")
        for picture in show_run(batch_dir / run).pictures[:2]
    ]


def _worth_drawing(kpis: Sequence[str], asked: Sequence[str], complete: pd.DataFrame) -> list[str]:
    """What was asked for, then what varies most for its size."""
    varying = [kpi for kpi in kpis if complete[kpi].max() > complete[kpi].min()]
    spread = {kpi: complete[kpi].std() / (abs(complete[kpi]).mean() or 1.0) for kpi in varying}
    others = sorted(spread, key=lambda kpi: spread[kpi], reverse=True)
    return [kpi for kpi in dict.fromkeys([*asked, *others]) if kpi in varying][:_MOST_PICTURES]


def _kpi_row(kpi: str, complete: pd.DataFrame) -> dict[str, Any]:
    values = complete[kpi].dropna()
    figures = [values.mean(), values.min(), *values.quantile([0.05, 0.5, 0.95]), values.max()]
    return {
        "name": kpi,
        "figures": [f"{figure:.4g}" for figure in figures],
        "about": describe(kpi),
    }
