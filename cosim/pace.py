"""Simulated time held to the wall clock, for people who look on or drive."""

from __future__ import annotations

import time
from collections import deque

from cosim.clock import NS_PER_S

# A run that is further behind than this doesn't hurry to catch up: that time is lost.
_BEHIND_NS = NS_PER_S // 10
# How soon a run that is held goes on after it was told to.
_HELD_S = 0.02
# The real-time factor is that of the last while.
_MEMORY_S = 1.0


class Pace:
    """Sleeps after every tick until the wall clock has come as far; no tick is ever left out.

    `hold` and `go_on` may be called, and `factor` set, from any thread and from signal handlers.

    Args:
        factor: simulated seconds per wall-clock second.
    """

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
        # That of the run's thread, which the origin belongs to.
        self._factor = factor
        self._hold_at_ns: int | None = None
        self._ticks: deque[tuple[float, int]] = deque()
        self.start(0)

    def start(self, now_ns: int) -> None:
        """The wall clock is where simulated time is [ns], from now on."""
        wall_s = time.monotonic()
        self._origin_ns = self._due_ns(wall_s) - now_ns
        self._ticks.clear()
        self._ticks.append((wall_s, now_ns))

    @property
    def held(self) -> bool:
        """Whether the run is held, or will be when it comes to where it is to be held."""
        return self._hold_at_ns is not None

    def hold(self, at_ns: int = 0) -> None:
        """Let nothing go on beyond an instant [ns] until told to; now, if that is past."""
        self._hold_at_ns = at_ns

    def go_on(self) -> None:
        """Hold the run no longer."""
        self._hold_at_ns = None

    def wait(self, now_ns: int) -> None:
        """Sleep until the wall clock is where simulated time is [ns], and while the run is held."""
        if self._is_held(now_ns):
            while self._is_held(now_ns):
                time.sleep(_HELD_S)
            self.start(now_ns)
        if self._factor != self.factor:
            self._factor = self.factor
            self.start(now_ns)
        ahead_ns = now_ns + self._origin_ns - self._due_ns(time.monotonic())
        if ahead_ns > 0:
            time.sleep(ahead_ns / (NS_PER_S * self._factor))
        elif ahead_ns < -_BEHIND_NS:
            self._origin_ns -= ahead_ns
        wall_s = time.monotonic()
        self._ticks.append((wall_s, now_ns))
        while len(self._ticks) > 2 and self._ticks[1][0] <= wall_s - _MEMORY_S:
            self._ticks.popleft()

    @property
    def real_time_factor(self) -> float:
        """Simulated seconds per wall-clock second, over the last second."""
        (began_s, began_ns), (ended_s, ended_ns) = self._ticks[0], self._ticks[-1]
        return (ended_ns - began_ns) / NS_PER_S / max(ended_s - began_s, 1e-9)

    def _is_held(self, now_ns: int) -> bool:
        at_ns = self._hold_at_ns
        return at_ns is not None and now_ns >= at_ns

    def _due_ns(self, wall_s: float) -> int:
        return round(wall_s * NS_PER_S * self._factor)
