"""What the seeds of a batch show together: shares of them, and trends over a swept parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from scipy.stats import binomtest, page_trend_test

from cosim.expectations import Bounds, Trend, Verdict
from cosim.federate import BadInput


def judge_together(
    expect: Mapping[str, Bounds], results: pd.DataFrame, parameters: list[str]
) -> list[Verdict]:
    """Hold the complete runs of one scenario against its shares and trends.

    Args:
        expect: the scenario's expectations.
        results: its complete runs: a column for the seed, for each parameter and for each KPI.
        parameters: key paths that vary, without the seed.
    """
    verdicts: list[Verdict] = []
    for kpi, bounds in expect.items():
        if bounds.share is not None:
            verdicts += _shares(kpi, bounds, bounds.share, results, parameters)
        if bounds.trend is not None:
            others = [key for key in parameters if key != bounds.trend.over]
            verdicts.append(_trend(kpi, bounds.trend, bounds.confidence, results, others))
    return verdicts


def check_trends(expect: Mapping[str, Bounds], parameters: list[str]) -> None:
    """Refuse a trend over what the batch doesn't vary; BadInput names it."""
    for kpi, bounds in expect.items():
        if bounds.trend is not None and bounds.trend.over not in parameters:
            swept = ", ".join(f"`{key}`" for key in parameters) or "nothing"
            raise BadInput(
                f"expect: `{kpi}` has a trend over `{bounds.trend.over}`, which isn't swept; "
                f"swept is {swept}"
            )


def _shares(
    kpi: str, bounds: Bounds, share: float, results: pd.DataFrame, parameters: list[str]
) -> list[Verdict]:
    """At each point of the sweep, the share of seeds that is shown at least.

    The lower end of the exact one-sided interval of Clopper and Pearson (1934).
    """
    verdicts = []
    for where, runs in _points(results, parameters):
        held = int(sum(bounds.hold(value) for value in runs[kpi]))
        interval = binomtest(held, len(runs), alternative="greater").proportion_ci(
            bounds.confidence, method="exact"
        )
        shown = float(interval.low)
        told = (
            f"{bounds} in more than {share:.4g} of seeds "
            f"({bounds.confidence:.4g} confidence; {held} of {len(runs)} held)"
        )
        verdicts.append(Verdict(f"{kpi}{where}", told, shown, shown > share))
    return verdicts


def _points(results: pd.DataFrame, parameters: list[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """The runs of each point of the sweep, and where that is."""
    if not parameters:
        yield "", results
        return
    for values, runs in results.groupby(parameters, sort=False):
        pairs = zip(parameters, values, strict=True)
        yield " at " + ", ".join(f"{key}={value}" for key, value in pairs), runs


def _trend(
    kpi: str, trend: Trend, confidence: float, results: pd.DataFrame, others: list[str]
) -> Verdict:
    """Page's test for ordered alternatives (1963), the seeds being its subjects.

    Where other parameters vary too, each of their combinations with a seed is a subject.
    """
    told = f"{trend.is_} with {trend.over} (Page's test, p at most {1 - confidence:.3g})"
    table = results.pivot_table(
        index=["seed", *others], columns=trend.over, values=kpi, sort=True, dropna=False
    ).dropna()
    if table.shape[0] < 1 or table.shape[1] < 3:
        return Verdict(kpi, f"{told}; it needs 3 levels", None, passed=False)
    values = table.to_numpy()
    if trend.is_ == "decreasing":
        values = -values
    p = float(page_trend_test(values).pvalue) if np.ptp(values) else 1.0
    return Verdict(kpi, told, p, p <= 1 - confidence)
