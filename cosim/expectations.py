"""A scenario's `expect:` block: what its KPIs must be."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import NamedTuple

from pydantic import Field, model_validator

from cosim.federate import BadInput
from network.settings import Settings


class Bounds(Settings):
    """What one KPI must be."""

    min: float | None = Field(None, description="At least this.")
    max: float | None = Field(None, description="At most this.")
    equals: float | None = Field(None, description="Exactly this.")

    @model_validator(mode="after")
    def _something(self) -> Bounds:
        if self.min is None and self.max is None and self.equals is None:
            raise ValueError("give at least one of `min`, `max`, `equals`")
        return self

    def hold(self, value: float | None) -> bool:
        """Whether a value is as expected; a KPI without a value never is."""
        if value is None or math.isnan(value):
            return False
        return (
            (self.min is None or value >= self.min)
            and (self.max is None or value <= self.max)
            and (self.equals is None or value == self.equals)
        )

    def __str__(self) -> str:
        parts = {"at least": self.min, "at most": self.max, "exactly": self.equals}
        return " and ".join(
            f"{word} {bound:g}" for word, bound in parts.items() if bound is not None
        )


class Verdict(NamedTuple):
    """One expectation held against a run."""

    kpi: str
    expected: str
    value: float | None
    passed: bool


def judge(expect: Mapping[str, Bounds], kpis: Mapping[str, float | None]) -> list[Verdict]:
    """Hold the expectations against a run's KPIs."""
    return [
        Verdict(name, str(bounds), kpis[name], bounds.hold(kpis[name]))
        for name, bounds in expect.items()
    ]


def check_names(expect: Mapping[str, Bounds], known: list[str]) -> None:
    """Refuse expectations on KPIs that no run has, before anything is run.

    Raises:
        BadInput: names the KPI and the nearest known one.
    """
    for name in expect:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            hint = f"did you mean `{nearest[0]}`?" if nearest else f"known are {', '.join(known)}"
            raise BadInput(f"expect: unknown KPI `{name}`; {hint}")
