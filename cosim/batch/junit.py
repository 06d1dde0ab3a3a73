"""A batch as JUnit XML, which every CI server reads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from junitparser import Error, Failure, Skipped
from junitparser.junitparser import FinalResult
from junitparser.xunit2 import JUnitXml, TestCase, TestSuite

from cosim.batch.results import Status
from cosim.expectations import Verdict


def write_junit(
    file: Path,
    results: pd.DataFrame,
    together: Mapping[str, list[Verdict]],
    seconds: Mapping[str, float],
) -> None:
    """Write one suite per scenario and one case per run.

    A case's properties are its parameters, its KPIs and its folder. What seeds show together is a
    case of its own.

    Args:
        file: where to.
        results: as `results.collect` gives them.
        together: verdicts over the seeds, by scenario.
        seconds: wall-clock time of each complete run [s].
    """
    report = JUnitXml("cosim batch")
    for name, runs in results.groupby("scenario", sort=False):
        suite = TestSuite(str(name))  # type: ignore[no-untyped-call]
        for run in runs.to_dict("records"):
            case = TestCase(run["run"], str(name), seconds.get(run["run"]))
            case.add_property("folder", str(file.parent / run["run"]))
            for key in ["seed", *results.attrs["parameters"], *results.attrs["kpis"]]:
                value = run[key]
                if value is not None and not (isinstance(value, float) and math.isnan(value)):
                    case.add_property(key, str(value))
            case.result = _result(Status(run["status"]), run["told"])
            suite.add_testcase(case)
        for verdict in together.get(str(name), []):
            case = TestCase(f"{name}: {verdict.kpi}", str(name))
            case.result = [] if verdict.passed else [Failure(str(verdict))]
            suite.add_testcase(case)
        report.add_testsuite(suite)
    report.write(str(file), pretty=True)


def _result(status: Status, told: str) -> list[FinalResult]:
    if status is Status.PASSED:
        return []
    if status is Status.FAILED:
        return [Failure(told)]
    if status is Status.NOT_RUN:
        return [Skipped("not run")]
    return [Error(told, status.value)]
