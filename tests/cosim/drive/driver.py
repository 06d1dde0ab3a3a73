"""A person who isn't one: presses keys at given instants of the run."""

from __future__ import annotations

from cosim.clock import to_s
from cosim.drive.seat import DrivingSeat
from cosim.federate import Stopped
from cosim.onlooker import Bridge
from cosim.pace import Pace
from cosim.recording import Columns
from vehicles.driving.person import Seat


class KeyPresser:
    """Looks on from the ego's seat.

    Args:
        script: at which second which key goes down (`+w`) or up (`-w`).
        ends_s: when it has had enough.
    """

    def __init__(
        self,
        script: dict[float, str],
        *,
        ends_s: float,
    ) -> None:
        # Nobody waits for the wall clock here.
        self.pace = Pace(1e6)
        self._seat = DrivingSeat()
        self._script = dict(script)
        self._ends_s = ends_s

    def begin(self, bridge: Bridge) -> None:
        del bridge

    def seat(self, vehicle: str) -> Seat | None:
        return self._seat if vehicle == "ego" else None

    def observe(self, table: str, columns: Columns) -> None:
        del table, columns

    def tick(self, now_ns: int) -> None:
        now_s = to_s(now_ns)
        for at_s in [at_s for at_s in self._script if at_s <= now_s]:
            for key in self._script.pop(at_s).split():
                (self._seat.press if key[0] == "+" else self._seat.release)(key[1:])
        if now_s >= self._ends_s:
            raise Stopped
