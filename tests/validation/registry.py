"""Checks of the physics against published numbers, each with the faults that must turn it red.

A check is a function that returns what the package gives beside what was published. Registering it
says where the numbers come from, how close is close enough, and at least one fault: a change of the
implementation that the check has to notice, or it is no check.

    @check(
        "UMa LOS path loss",
        source="TR 38.901 Table 7.4.1-1",
        unit="dB",
        tolerance=0.01,
        faults=[Fault("Hz for GHz", "network.radio.propagation:path_loss_db", in_hertz)],
    )
    def uma_los() -> Comparison:
        return Comparison(ours=..., reference=...)

Modules of this package whose name ends in `_checks` are found by themselves.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from numpy.typing import ArrayLike, NDArray

_CHECKS: dict[str, Check] = {}


class Comparison(NamedTuple):
    """What the package gives and what was published, element by element."""

    ours: ArrayLike
    reference: ArrayLike


@dataclass(frozen=True)
class Fault:
    """A way of being wrong.

    Attributes:
        name: What was done wrong, in a few words.
        target: What is replaced, as ``module:attribute`` or ``module:Class.attribute``; the name
            that the code under test looks up, so a function imported elsewhere is replaced there.
        wrong: Takes the original and returns what stands in for it.
        caches: Caches to empty before and after, as targets of `functools.cache` functions.
    """

    name: str
    target: str
    wrong: Callable[[Any], Any]
    caches: tuple[str, ...] = ()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the fault in place for the length of a `with` block."""
        module, _, path = self.target.partition(":")
        *owners, attribute = path.split(".")
        owner: Any = importlib.import_module(module)
        for name in owners:
            owner = getattr(owner, name)
        with mock.patch.object(owner, attribute, self.wrong(getattr(owner, attribute))):
            self._clear()
            try:
                yield
            finally:
                self._clear()

    def _clear(self) -> None:
        for cache in self.caches:
            module, _, name = cache.partition(":")
            getattr(importlib.import_module(module), name).cache_clear()


@dataclass(frozen=True)
class Outcome:
    """A check that was run, shown by the element farthest from its reference.

    Attributes:
        ours: What the package gives there.
        reference: What was published.
        tolerance: How far they may lie apart.
        count: How many elements were compared.
        passed: Whether every element is within its tolerance.
    """

    ours: float
    reference: float
    tolerance: float
    count: int
    passed: bool


@dataclass(frozen=True)
class Check:
    """A registered check; the fields are those of `check`."""

    name: str
    source: str
    unit: str
    tolerance: ArrayLike
    faults: tuple[Fault, ...]
    compare: Callable[[], Comparison]

    def run(self) -> Outcome:
        """Compare now."""
        ours, reference, tolerance = np.broadcast_arrays(
            *(np.asarray(side, dtype=np.float64) for side in self.compare()),
            np.asarray(self.tolerance, dtype=np.float64),
        )
        ours, reference, tolerance = _flat(ours), _flat(reference), _flat(tolerance)
        apart = np.abs(ours - reference)
        within = apart <= tolerance  # a NaN is never within
        excess = np.where(np.isnan(apart), np.inf, apart / np.maximum(tolerance, 1e-300))
        worst = int(np.argmax(excess))
        return Outcome(
            float(ours[worst]),
            float(reference[worst]),
            float(tolerance[worst]),
            ours.size,
            bool(within.all()) and ours.size > 0,
        )


def check(
    name: str,
    *,
    source: str,
    tolerance: ArrayLike,
    faults: Sequence[Fault],
    unit: str = "",
) -> Callable[[Callable[[], Comparison]], Callable[[], Comparison]]:
    """Register a function as a check.

    Args:
        name: What is compared; unique.
        source: Where the reference comes from.
        tolerance: Largest difference that passes, one number or one per element.
        faults: Changes that must turn the check red, at least one.
        unit: Of both sides.
    """
    if not faults:
        raise ValueError(f"check {name!r} needs at least one fault that it would notice")
    if name in _CHECKS:
        raise ValueError(f"there are two checks named {name!r}")

    def register(compare: Callable[[], Comparison]) -> Callable[[], Comparison]:
        _CHECKS[name] = Check(name, source, unit, tolerance, tuple(faults), compare)
        return compare

    return register


def checks() -> list[Check]:
    """Import every `*_checks` module of this package and return all checks in their order."""
    for module in sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)])):
        if module.endswith("_checks"):
            importlib.import_module(f"{__package__}.{module}")
    return list(_CHECKS.values())


def _flat(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ascontiguousarray(values).ravel()
