"""Every check passes, and every seeded fault turns its check red."""

from __future__ import annotations

import pytest

from tests.validation import registry
from tests.validation.registry import Check, Comparison, Fault, check, checks

ALL = checks()


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_check_passes(one: Check) -> None:
    outcome = one.run()
    assert outcome.passed, outcome


@pytest.mark.parametrize(
    ("one", "fault"),
    [
        pytest.param(one, fault, id=f"{one.name}: {fault.name}")
        for one in ALL
        for fault in one.faults
    ],
)
def test_fault_turns_its_check_red(one: Check, fault: Fault) -> None:
    with fault.applied():
        outcome = one.run()
    assert not outcome.passed, outcome


def test_a_fault_is_taken_back_even_after_an_error() -> None:
    fault = Fault("none found", "tests.validation.registry:checks", lambda _: list)
    with fault.applied():
        assert registry.checks() == []
    with pytest.raises(ZeroDivisionError), fault.applied():
        _ = 1 / len(registry.checks())
    assert registry.checks() == ALL


def test_a_fault_of_a_method_is_applied_to_its_class() -> None:
    fault = Fault("always passes", "tests.validation.registry:Check.run", lambda _: lambda _: None)
    with fault.applied():
        assert ALL[0].run() is None
    assert ALL[0].run().passed


def test_a_check_without_a_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one fault"):
        check("nothing", source="", tolerance=0.0, faults=[])


@pytest.mark.parametrize(
    ("ours", "passes"), [(1.0, True), (1.2, False), (float("nan"), False), ([], False)]
)
def test_a_check_is_judged_by_its_tolerance(ours: object, passes: bool) -> None:
    one = Check("x", "here", "", 0.1, (), lambda: Comparison(ours, 1.0))  # type: ignore[arg-type]
    if ours == []:
        with pytest.raises(ValueError, match="empty"):
            one.run()
    else:
        assert one.run().passed is passes
