"""A condition on a KPI, such as `ego.collisions > 0`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from cosim.expectations import nearest_kpi
from cosim.federate import BadInput

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}
_FORM = re.compile(r"\s*(\S+?)\s*(>=|<=|==|>|<)\s*(\S+)\s*")


class Condition(NamedTuple):
    """A KPI held against a number."""

    kpi: str
    operator: str
    number: float

    def holds(self, kpis: Mapping[str, float | None]) -> bool:
        """Whether it holds; never of a KPI without a value."""
        value = kpis[self.kpi]
        return value is not None and _OPERATORS[self.operator](value, self.number)

    def __str__(self) -> str:
        return f"{self.kpi} {self.operator} {self.number:g}"


def read_condition(text: str, known: Sequence[str]) -> Condition:
    """Read `KPI OPERATOR NUMBER`.

    Raises:
        BadInput: another form, or a KPI that isn't among `known`.
    """
    form = _FORM.fullmatch(text)
    try:
        if form is None:
            raise ValueError
        condition = Condition(form[1], form[2], float(form[3]))
    except ValueError:
        raise BadInput(
            f"{text!r}: expected a condition like `ego.collisions > 0` or `ego.min_ttc_s <= 1.5`"
        ) from None
    if condition.kpi not in known:
        raise BadInput(f"{text!r}: {nearest_kpi(condition.kpi, known)}")
    return condition
