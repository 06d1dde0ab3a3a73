import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.clock import Clock, to_ns, to_s


def test_sides_due_at_the_same_instant_come_in_their_order() -> None:
    clock = Clock([30, 20])
    instants = []
    for _ in range(4):
        due = clock.move_to_next()
        instants.append((clock.now_ns, due))
    assert instants == [(20, [1]), (30, [0]), (40, [1]), (60, [0, 1])]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_every_side_is_due_at_each_multiple_of_its_step_and_never_else(steps: list[int]) -> None:
    clock = Clock(steps)
    seen: dict[int, list[int]] = {side: [] for side in range(len(steps))}
    while clock.next_instant_ns() <= 200:
        for side in clock.move_to_next():
            seen[side].append(clock.now_ns)
    assert seen == {side: list(range(step, 201, step)) for side, step in enumerate(steps)}


def test_a_step_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than 0"):
        Clock([10, 0])


def test_seconds_become_the_nearest_nanosecond() -> None:
    assert to_ns(0.1) == 100_000_000
    assert to_ns(1 / 3) == 333_333_333
    assert to_s(1_500_000_000) == 1.5
