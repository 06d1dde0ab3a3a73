"""A brake controller with a fault: it does what the real one wants half a second later."""

from collections import deque

from vehicles.driving.base import Proposal, Situation
from vehicles.driving.emergency_brake_warning import EmergencyBrakeWarning

_LATE_NS = 500_000_000


class SlowBrake(EmergencyBrakeWarning):
    def __init__(self) -> None:
        super().__init__()
        self._later: deque[tuple[int, Proposal | None]] = deque()

    def decide(self, situation: Situation) -> Proposal | None:
        self._later.append((situation.instant_ns + _LATE_NS, super().decide(situation)))
        proposal = None
        while self._later and self._later[0][0] <= situation.instant_ns:
            proposal = self._later.popleft()[1]
        return proposal
