"""Simulated time: integer nanoseconds, and when each side is due."""

from __future__ import annotations

from collections.abc import Sequence

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


def to_ns(seconds: float) -> int:
    """Seconds as whole nanoseconds, to the nearest."""
    return round(seconds * NS_PER_S)


def to_s(instant_ns: int) -> float:
    """Nanoseconds as seconds, for people and for libraries that want floats."""
    return instant_ns / NS_PER_S


class Clock:
    """The next due instant of each side; steps need no common multiple.

    Side `i` is due at every whole multiple of its step, the first time one step after zero.
    """

    def __init__(self, steps_ns: Sequence[int]) -> None:
        if any(step <= 0 for step in steps_ns):
            raise ValueError(f"every step must be longer than 0 ns, got {list(steps_ns)}")
        self._steps_ns = list(steps_ns)
        self._due_ns = list(steps_ns)
        self.now_ns = 0

    def next_instant_ns(self) -> int:
        """The earliest instant at which some side is due."""
        return min(self._due_ns)

    def move_to_next(self) -> list[int]:
        """Move to the next instant and return the sides due then, in their fixed order."""
        self.now_ns = self.next_instant_ns()
        due = [side for side, instant in enumerate(self._due_ns) if instant == self.now_ns]
        for side in due:
            self._due_ns[side] += self._steps_ns[side]
        return due
