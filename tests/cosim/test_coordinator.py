import threading
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from cosim.coordinator import Coordinator, check_causality
from cosim.federate import BadInput, CausalityError, Deliveries, SideDied, Stopped
from cosim.pace import Pace


class Side:
    """A side that writes down what happens to it."""

    def __init__(
        self,
        name: str,
        step_ns: int,
        log: list[tuple[str, str, int]],
        act: Callable[[int], Deliveries | None] | None = None,
    ) -> None:
        self.name = name
        self.step_ns = step_ns
        self.log = log
        self.act = act
        self.aborted = threading.Event()

    def start(self) -> None:
        self.log.append((self.name, "start", 0))

    def advance(self, to_ns: int) -> Deliveries | None:
        self.log.append((self.name, "advance", to_ns))
        return self.act(to_ns) if self.act else None

    def abort(self) -> None:
        self.aborted.set()

    def close(self) -> None:
        self.log.append((self.name, "close", 0))


def deliveries(sent_ns: int, received_ns: int, least_ns: int = 0) -> Deliveries:
    return Deliveries(np.array([sent_ns]), np.array([received_ns]), least_ns)


def test_sides_advance_in_their_order_to_each_due_instant() -> None:
    log: list[tuple[str, str, int]] = []
    Coordinator([Side("a", 20, log), Side("b", 15, log)]).run(60)
    advances = [(name, at) for name, what, at in log if what == "advance"]
    assert advances == [
        ("b", 15), ("a", 20), ("b", 30), ("a", 40), ("b", 45), ("a", 60), ("b", 60),
    ]  # fmt: skip


def test_every_side_is_closed_in_reverse_order_on_success() -> None:
    log: list[tuple[str, str, int]] = []
    Coordinator([Side("a", 10, log), Side("b", 10, log)]).run(10)
    assert [entry[:2] for entry in log][-2:] == [("b", "close"), ("a", "close")]


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (ZeroDivisionError("nought"), SideDied),
        (BadInput("no such thing"), BadInput),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_every_side_is_closed_when_one_fails(
    raised: BaseException, seen: type[BaseException]
) -> None:
    log: list[tuple[str, str, int]] = []

    def fail(_now_ns: int) -> None:
        raise raised

    with pytest.raises(seen):
        Coordinator([Side("a", 10, log), Side("b", 10, log, fail)]).run(100)
    assert [name for name, what, _ in log if what == "close"] == ["b", "a"]


def test_a_side_that_fails_is_named() -> None:
    def fail(_now_ns: int) -> None:
        raise ZeroDivisionError("nought")

    with pytest.raises(SideDied, match="radio died: ZeroDivisionError: nought"):
        Coordinator([Side("radio", 10, [], fail)]).run(10)


def test_a_failure_on_the_way_out_does_not_hide_what_ended_the_run() -> None:
    class Stubborn(Side):
        def close(self) -> None:
            raise OSError("won't close")

    def fail(_now_ns: int) -> None:
        raise BadInput("the cause")

    with pytest.raises(BadInput, match="the cause"):
        Coordinator([Stubborn("a", 10, []), Side("b", 10, [], fail)]).run(10)


def test_a_side_that_does_not_answer_is_aborted_and_named() -> None:
    log: list[tuple[str, str, int]] = []
    side = Side("SUMO", 10, log)

    def hang(_now_ns: int) -> None:
        assert side.aborted.wait(10)
        raise ConnectionResetError("socket closed under the call")

    side.act = hang
    began = time.monotonic()
    with pytest.raises(SideDied, match=r"SUMO died: no answer for 0.2 s"):
        Coordinator([Side("other", 10, log), side], watchdog_s=0.2).run(10)
    assert time.monotonic() - began < 5
    assert [name for name, what, _ in log if what == "close"] == ["SUMO", "other"]


def test_a_side_that_can_not_even_be_aborted_is_reported_from_the_watchdog() -> None:
    let_go = threading.Event()
    told: list[str] = []

    def on_hang(error: SideDied) -> None:
        told.append(str(error))
        let_go.set()

    def hang(_now_ns: int) -> None:
        assert let_go.wait(20)

    with pytest.raises(SideDied):
        Coordinator([Side("SUMO", 10, [], hang)], watchdog_s=0.1, on_hang=on_hang).run(10)
    assert told == ["SUMO died: no answer for 0.1 s"]


@pytest.mark.parametrize(
    ("message", "fine"),
    [
        (deliveries(100, 150, least_ns=50), True),
        (deliveries(100, 149, least_ns=50), False),  # faster than can be
        (deliveries(100, 201, least_ns=50), False),  # from the future
        (deliveries(10, 99, least_ns=50), False),  # should have been seen a step ago
        (deliveries(100, 100, least_ns=0), True),  # ideal: sent at the last step's instant
        (deliveries(90, 100, least_ns=0), False),  # ideal: but not before it
    ],
)
def test_causality(message: Deliveries, fine: bool) -> None:
    if fine:
        check_causality("link", message, previous_ns=100, now_ns=200)
    else:
        with pytest.raises(CausalityError, match=r"link broke causality.*sent at.*received at"):
            check_causality("link", message, previous_ns=100, now_ns=200)


def test_a_run_stops_at_a_message_from_the_future() -> None:
    log: list[tuple[str, str, int]] = []
    early = Side("link", 10, log, lambda now_ns: deliveries(now_ns, now_ns, least_ns=5))
    with pytest.raises(CausalityError):
        Coordinator([early, Side("later", 10, log)]).run(100)
    assert ("later", "advance", 10) not in log


def test_pace_keeps_to_the_wall_clock() -> None:
    began = time.monotonic()
    Coordinator([Side("a", 10_000_000, [])], pace=Pace(0.5)).run(100_000_000)
    assert time.monotonic() - began >= 0.2


def test_the_pace_may_be_changed_on_the_way() -> None:
    pace = Pace(10.0)

    def act(now_ns: int) -> None:
        if now_ns == 100_000_000:
            pace.factor = 0.5

    began = time.monotonic()
    Coordinator([Side("a", 10_000_000, [], act)], pace=pace).run(200_000_000)
    assert 0.2 <= time.monotonic() - began < 5.0


def test_the_pace_says_how_fast_it_is_and_doesnt_hurry_after_a_slow_tick() -> None:
    pace, ticks = Pace(), []

    def act(now_ns: int) -> None:
        ticks.append(time.monotonic())
        if now_ns == 20_000_000:
            time.sleep(0.3)

    Coordinator([Side("a", 20_000_000, [], act)], pace=pace).run(200_000_000)
    assert len(ticks) == 10
    # Those after the slow one keep to the clock again, each on its own.
    assert min(later - earlier for earlier, later in pairwise(ticks)) > 0.01
    assert 0.25 < pace.real_time_factor < 0.45


def test_who_looks_on_may_end_the_run_well() -> None:
    log: list[tuple[str, str, int]] = []

    def enough(now_ns: int) -> None:
        if now_ns == 30:
            raise Stopped

    coordinator = Coordinator([Side("a", 10, log)], on_tick=enough)
    coordinator.run(100)
    assert coordinator.now_ns == 30
    assert log[-1] == ("a", "close", 0)


def test_without_pace_nothing_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_sleep(_seconds: float) -> None:
        raise AssertionError("slept")

    monkeypatch.setattr(time, "sleep", no_sleep)
    Coordinator([Side("a", 10_000_000, [])]).run(1_000_000_000)
