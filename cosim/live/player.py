"""Where in a run's time a page is."""

from __future__ import annotations

from cosim.live.timeline import Timeline

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
# A run that goes on is shown so far behind its newest step, so that the next one is there to move
# towards.
_BEHIND_S = 0.1


class Player:
    """Plays a timeline: at a speed, or along with a run that goes on.

    Args:
        timeline: what is played.
        live: whether the run goes on; it is followed then until the person goes elsewhere.
    """

    def __init__(self, timeline: Timeline, *, live: bool) -> None:
        self._timeline = timeline
        self._live = live
        self.playing = True
        self.following = live
        self.speed = 1.0
        self.time_s = timeline.span_s[0]

    def move_on(self, wall_s: float) -> None:
        """Let wall-clock time pass [s]."""
        first_s, last_s = self._timeline.span_s
        if self.following:
            # Evenly, whatever the rhythm of the run's steps; leaps only when far off.
            aim_s = last_s - _BEHIND_S
            smooth_s = self.time_s + wall_s
            self.time_s = smooth_s if abs(aim_s - smooth_s) < _BEHIND_S else aim_s
        elif self.playing:
            self.time_s += wall_s * self.speed
            if self.time_s >= last_s:
                self.playing = self._live and self._timeline.ended is None
        self.time_s = min(max(self.time_s, first_s), last_s)

    def toggle(self) -> None:
        """Pause, or go on; from the end, from the beginning again."""
        if self.playing:
            self.playing = self.following = False
            return
        first_s, last_s = self._timeline.span_s
        if self.time_s >= last_s and not self._live:
            self.time_s = first_s
        self.playing = True

    def step(self, steps: int) -> None:
        """Pause, so many of the run's steps on, or back."""
        self.playing = self.following = False
        self.time_s = self._timeline.next_s(self.time_s, steps)

    def seek(self, time_s: float) -> None:
        """Go to an instant [s]."""
        self.following = False
        first_s, last_s = self._timeline.span_s
        self.time_s = min(max(time_s, first_s), last_s)

    def follow(self) -> None:
        """Go along with the run; to the end of one that has ended."""
        self.following = self._live
        self.playing = self._live
        self.time_s = self._timeline.span_s[1]
