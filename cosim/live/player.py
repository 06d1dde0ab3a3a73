"""Where in a run's time a page is."""

from __future__ import annotations

from cosim.clock import to_ns
from cosim.live.timeline import Timeline
from cosim.pace import Pace

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
# A run that goes on is shown so far behind its newest step, so that the next one is there to move
# towards.
_BEHIND_S = 0.1
# How fast a page that is a little off comes back to there; it leaps if it is more than that.
_NEARER_PER_S = 1.0
_OFF_S = 2 * _BEHIND_S


class Player:
    """Plays a timeline: at a speed, or along with a run that goes on.

    Pausing, stepping and speed act on the run itself where the page goes along with it; a page that
    looks back leaves it going.

    Args:
        timeline: what is played.
        run: the pace of a run that goes on; None for one that was recorded.
    """

    def __init__(self, timeline: Timeline, run: Pace | None) -> None:
        self._timeline = timeline
        self._run = run
        self.following = run is not None
        self.time_s = timeline.span_s[0]
        self._speed = 1.0
        self._playing = True

    @property
    def playing(self) -> bool:
        """Whether time goes on here."""
        if self._run is not None and self.following:
            return not self._run.held
        return self._playing

    @property
    def speed(self) -> float:
        """Simulated seconds per wall-clock second, while time goes on."""
        return self._run.factor if self._run is not None and self.following else self._speed

    def play_at(self, speed: float) -> None:
        """Play at a speed; along with a run it is the run that takes it, as far as it can."""
        if self._run is not None and self.following:
            self._run.factor = speed
        else:
            self._speed = speed

    def move_on(self, wall_s: float) -> None:
        """Let wall-clock time pass [s]."""
        first_s, last_s = self._timeline.span_s
        if self.following and self._timeline.ended is not None:
            self.follow()
        if self._run is not None and self.following:
            # Evenly, whatever the rhythm of the run's steps.
            aim_s = last_s if self._run.held else last_s - _BEHIND_S
            off_s = aim_s - self.time_s
            if abs(off_s) > _OFF_S:
                self.time_s = aim_s
            else:
                self.time_s += wall_s * (self._run.factor + _NEARER_PER_S * off_s)
        elif self._playing:
            self.time_s += wall_s * self._speed
            if self.time_s >= last_s:
                self._arrive()
        self.time_s = min(max(self.time_s, first_s), last_s)

    def toggle(self) -> None:
        """Pause, or go on; from the end, from the beginning again."""
        if self._run is not None and self.following:
            if self._run.held:
                self._run.go_on()
            else:
                self._run.hold()
            return
        self._playing = not self._playing
        first_s, last_s = self._timeline.span_s
        if self._playing and self.time_s >= last_s:
            self.time_s = first_s

    def step(self, steps: int) -> None:
        """Pause, so many of the run's steps on, or back."""
        _, last_s = self._timeline.span_s
        if self._run is not None and self.following and steps > 0:
            self._run.hold(to_ns(last_s + steps * self._timeline.step_s))
            return
        self._playing = self.following = False
        self.time_s = self._timeline.next_s(self.time_s, steps)
        if self.time_s >= last_s and self._run is not None and self._run.held:
            self.following = True

    def seek(self, time_s: float) -> None:
        """Go to an instant [s], and on from there if time went on."""
        self._playing, self.following = self.playing, False
        first_s, last_s = self._timeline.span_s
        self.time_s = min(max(time_s, first_s), last_s)

    def follow(self) -> None:
        """Go along with the run; to the end of one that was recorded."""
        self.time_s = self._timeline.span_s[1]
        self._arrive()

    def _arrive(self) -> None:
        """There is nothing more yet, or for good."""
        self.following = self._run is not None and self._timeline.ended is None
        self._playing = False
