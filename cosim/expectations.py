"""A scenario's `expect:` block: what its KPIs must be."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import ConfigDict, Field, model_validator

from cosim.federate import BadInput
from network.settings import Settings


class Trend(Settings):
    """How a KPI goes with a parameter of the sweep."""

    model_config = ConfigDict(serialize_by_alias=True)

    over: str = Field(description="Key path of the swept parameter.")
    is_: Literal["increasing", "decreasing"] = Field(alias="is")


class Bounds(Settings):
    """What one KPI must be; with `share` and `trend`, over the runs of a batch."""

    min: float | None = Field(None, description="At least this.")
    max: float | None = Field(None, description="At most this.")
    between: tuple[float, float] | None = Field(None, description="Within these, both included.")
    equals: float | None = Field(None, description="Exactly this.")
    share: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="The bounds must hold in more than this share of all seeds there could be, "
        "shown with `confidence` by the seeds of the batch.",
    )
    trend: Trend | None = Field(
        None, description="It must go up or down with a swept parameter, shown with `confidence`."
    )
    confidence: float = Field(0.95, gt=0, lt=1, description="Of what `share` and `trend` show.")

    @model_validator(mode="after")
    def _something(self) -> Bounds:
        bounded = any(
            bound is not None for bound in (self.min, self.max, self.between, self.equals)
        )
        if not bounded and self.trend is None:
            raise ValueError("give at least one of `min`, `max`, `between`, `equals`, `trend`")
        if self.share is not None and not bounded:
            raise ValueError("`share` needs bounds to hold: `min`, `max`, `between` or `equals`")
        if self.between is not None and self.between[0] > self.between[1]:
            raise ValueError("`between` needs the lower bound first")
        return self

    @property
    def of_each_run(self) -> bool:
        """Whether every run must keep the bounds by itself."""
        return self.share is None and str(self) != ""

    def hold(self, value: float | None) -> bool:
        """Whether a value is within the bounds; a KPI without a value never is."""
        if value is None or math.isnan(value):
            return False
        low, high = self.between or (-math.inf, math.inf)
        return (
            (self.min is None or value >= self.min)
            and (self.max is None or value <= self.max)
            and low <= value <= high
            and (self.equals is None or value == self.equals)
        )

    def __str__(self) -> str:
        parts = {"at least": self.min, "at most": self.max, "exactly": self.equals}
        told = [f"{word} {bound:g}" for word, bound in parts.items() if bound is not None]
        if self.between is not None:
            told.append("between {:g} and {:g}".format(*self.between))
        return " and ".join(told)


class Verdict(NamedTuple):
    """One expectation held against a run."""

    kpi: str
    expected: str
    value: float | None
    passed: bool

    def __str__(self) -> str:
        value = "nothing" if self.value is None else f"{self.value:g}"
        return f"expected {self.kpi} {self.expected}, got {value}"


def judge(expect: Mapping[str, Bounds], kpis: Mapping[str, float | None]) -> list[Verdict]:
    """Hold a run's KPIs against what every run must keep."""
    return [
        Verdict(name, str(bounds), kpis[name], bounds.hold(kpis[name]))
        for name, bounds in expect.items()
        if bounds.of_each_run
    ]


def check_names(expect: Mapping[str, Bounds], known: list[str]) -> None:
    """Refuse expectations on KPIs that no run has, before anything is run.

    Raises:
        BadInput: names the KPI and the nearest known one.
    """
    for name in expect:
        if name not in known:
            raise BadInput(f"expect: {nearest_kpi(name, known)}")


def nearest_kpi(name: str, known: Sequence[str]) -> str:
    """What to say of a KPI that no run has."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean `{nearest[0]}`?" if nearest else f"known are {', '.join(known)}"
    return f"unknown KPI `{name}`; {hint}"
