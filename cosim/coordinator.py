"""The lockstep: the one loop that advances every side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Self

import numpy as np

from cosim.clock import Clock
from cosim.federate import CausalityError, Deliveries, Federate, RunError, SideDied, Stopped
from cosim.pace import Pace


class Coordinator:
    """Advances sides in lockstep, always in the order in which they are given.

    Args:
        sides: in tick order (traffic, vehicles, link, driving, twins, recorder).
        watchdog_s: wall-clock time that one call into a side may take before it is declared dead.
        pace: holds simulated time to the wall clock; None to run as fast as it goes.
        on_tick: called after every tick with the instant [ns]; raises Stopped to end the run well.
        on_hang: called from the watchdog's thread, with the error, when a side can't even be
            aborted; the process can then only be left.
    """

    def __init__(
        self,
        sides: Sequence[Federate],
        *,
        watchdog_s: float = 30.0,
        pace: Pace | None = None,
        on_tick: Callable[[int], None] | None = None,
        on_hang: Callable[[SideDied], None] | None = None,
    ) -> None:
        self._sides = sides
        self._pace = pace
        self._on_tick = on_tick
        self._watchdog = Watchdog(watchdog_s, on_hang)
        self._clock = Clock([side.step_ns for side in sides])
        self._last_advance_ns = [0] * len(sides)
        self.ticks = 0
        self.wall_s = {side.name: 0.0 for side in sides}

    @property
    def now_ns(self) -> int:
        """The instant that every due side has reached [ns]."""
        return self._clock.now_ns

    def run(self, until_ns: int) -> None:
        """Start every side, advance to `until_ns` inclusive and close every side, whatever happens.

        Raises:
            SideDied: a side is gone, failed, or didn't answer within the watchdog's time.
            CausalityError: a side delivered a message too early or too late.
            KeyboardInterrupt: Ctrl-C; the sides are closed by then.
        """
        with self._watchdog:
            try:
                for side in self._sides:
                    with self._watch(side):
                        side.start()
                with suppress(Stopped):
                    self._loop(until_ns)
            except BaseException:
                # What ended the run is what to tell, not what else fails on the way out.
                with suppress(RunError):
                    self._close()
                raise
            self._close()

    def _loop(self, until_ns: int) -> None:
        if self._pace is not None:
            self._pace.start(0)
        while self._clock.next_instant_ns() <= until_ns:
            due = self._clock.move_to_next()
            now_ns = self._clock.now_ns
            for index in due:
                side = self._sides[index]
                with self._watch(side):
                    deliveries = side.advance(now_ns)
                if deliveries is not None:
                    check_causality(side.name, deliveries, self._last_advance_ns[index], now_ns)
                self._last_advance_ns[index] = now_ns
            self.ticks += 1
            if self._on_tick is not None:
                self._on_tick(now_ns)
            if self._pace is not None:
                self._pace.wait(now_ns)

    def _close(self) -> None:
        """Close in reverse order, so that the recorder is safe before the others are touched."""
        errors = []
        for side in reversed(self._sides):
            try:
                with self._watch(side):
                    side.close()
            except RunError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    @contextmanager
    def _watch(self, side: Federate) -> Iterator[None]:
        began_s = time.perf_counter()
        try:
            with self._watchdog.watching(side):
                yield
        finally:
            self.wall_s[side.name] += time.perf_counter() - began_s


def check_causality(side: str, deliveries: Deliveries, previous_ns: int, now_ns: int) -> None:
    """Hold a side's deliveries against time; CausalityError names the side and both instants."""
    earliest_ns = np.maximum(deliveries.sent_ns + deliveries.least_latency_ns, previous_ns + 1)
    wrong = (deliveries.received_ns < earliest_ns) | (deliveries.received_ns > now_ns)
    # A message sent in the very instant of the last step may arrive in that instant when
    # the least latency is zero; it is seen one step later, never earlier.
    wrong &= ~(
        (deliveries.received_ns == previous_ns)
        & (deliveries.sent_ns == previous_ns)
        & (deliveries.least_latency_ns == 0)
    )
    if wrong.any():
        first = int(np.argmax(wrong))
        raise CausalityError(
            f"{side} broke causality: a message sent at {int(deliveries.sent_ns[first])} ns was "
            f"received at {int(deliveries.received_ns[first])} ns, but must be received within "
            f"{int(earliest_ns[first])}..{now_ns} ns"
        )


class Watchdog:
    """Notices from its own thread that a call into a side takes too long.

    It then aborts the side, which makes the call raise; the caller sees `SideDied`. If the call
    doesn't return even then (a library stuck in C), `on_hang` is called.
    """

    _GRACE_S = 2.0

    def __init__(self, limit_s: float, on_hang: Callable[[SideDied], None] | None) -> None:
        self._limit_s = limit_s
        self._on_hang = on_hang
        self._side: Federate | None = None
        self._since_s = 0.0
        self._call = 0
        self._expired_call = -1
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._patrol, name="watchdog", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def watching(self, side: Federate) -> Iterator[None]:
        """Watch one call into a side; raises SideDied in place of what its abort made it raise."""
        self._call += 1
        call = self._call
        self._since_s = time.monotonic()
        self._side = side
        try:
            yield
        except Exception as error:
            if self._expired_call == call:
                raise self._death(side) from error
            if isinstance(error, RunError):
                raise
            raise SideDied(side.name, f"{type(error).__name__}: {error}") from error
        finally:
            self._side = None
        if self._expired_call == call:
            raise self._death(side)

    def _patrol(self) -> None:
        interval_s = min(0.25, self._limit_s / 4)
        while not self._stop.wait(interval_s):
            side, call, since_s = self._side, self._call, self._since_s
            if side is None or time.monotonic() - since_s < self._limit_s or call != self._call:
                continue
            if self._expired_call != call:
                self._expired_call = call
                side.abort()
            elif time.monotonic() - since_s > self._limit_s + self._GRACE_S and self._on_hang:
                self._on_hang(self._death(side))
                return

    def _death(self, side: Federate) -> SideDied:
        return SideDied(side.name, f"no answer for {self._limit_s:g} s")
