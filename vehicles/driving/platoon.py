"""Driving in a platoon: joining one, keeping close in it, leaving it, splitting it."""

from __future__ import annotations

from itertools import pairwise

from pydantic import Field

from vehicles.driving.acc import Acc, AccSettings
from vehicles.driving.base import Proposal, Situation
from vehicles.driving.cacc import CaccSettings
from vehicles.driving.cooperative import Ahead, CooperativeFollower, Heard, look_ahead

# Further apart than this, two vehicles aren't of one platoon.
_TOGETHER_S = 1.2
_TOGETHER_M = 8.0


class PlatoonSettings(CaccSettings):
    """Settings of `platoon`."""

    time_gap_s: float = Field(0.5, gt=0, le=5, description="Time gap within the platoon.")
    max_vehicles: int = Field(
        8, ge=2, description="The platoon splits behind this many: the next leads the rest."
    )
    leaves_at_s: float | None = Field(
        None, ge=0, description="When it leaves; also before it has to change lane."
    )


class Platoon:
    """Follows the car ahead closely, and brakes with the platoon's first.

    Vehicles that are heard in the own lane and close behind each other are a platoon; who comes up
    to it from behind joins. Who leaves opens its gap to that of `acc`, and so splits the platoon;
    so does who has as many vehicles ahead as a platoon may have, and leads the rest. As in `cacc`,
    the gap also opens when what the car ahead says is too old.
    """

    name = "platoon"
    Settings = PlatoonSettings

    def __init__(self, settings: PlatoonSettings) -> None:
        self._settings = settings
        self._cruise = Acc(AccSettings(desired_speed_mps=settings.desired_speed_mps))
        self._follower = CooperativeFollower(settings.alone_time_gap_s)

    def decide(self, situation: Situation) -> Proposal | None:
        """Keep the place in the platoon; None if there is none."""
        ahead = look_ahead(situation)
        if ahead is None:
            self._follower.stop()
            return None
        time_gap_s, reason = self._wanted(situation, ahead)
        heard = self._believed(situation, ahead)
        told = [one.cam.message.acceleration_mps2 for one in heard]
        following = self._follower.follow(
            situation,
            ahead,
            time_gap_s=time_gap_s,
            told_mps2=min(told, default=0.0),
            reason=reason,
            messages=[one.cam for one in heard],
        )
        return self._cruise.drive(situation, following) if following else None

    def _wanted(self, situation: Situation, ahead: Ahead) -> tuple[float, str]:
        """The time gap to have now [s], and why."""
        settings = self._settings
        if not ahead.fresh(situation.instant_ns, settings.max_age_ms):
            return settings.alone_time_gap_s, "open the gap: not heard"
        leaves_s = settings.leaves_at_s
        if situation.road.change is not None or (
            leaves_s is not None and situation.instant_ns >= 1e9 * leaves_s
        ):
            return settings.alone_time_gap_s, "leave the platoon"
        if len(_platoon(ahead)) % settings.max_vehicles == 0:
            return settings.alone_time_gap_s, "lead the next platoon"
        wanted_m = settings.time_gap_s * situation.ego.speed_mps + _TOGETHER_M
        joining = ahead.leader.gap_m > wanted_m
        return settings.time_gap_s, "join the platoon" if joining else "keep in the platoon"

    def _believed(self, situation: Situation, ahead: Ahead) -> list[Heard]:
        """The vehicle ahead and the platoon's first, as far as what they say is fresh enough."""
        if not ahead.fresh(situation.instant_ns, self._settings.max_age_ms):
            return []
        platoon = _platoon(ahead)
        first = platoon[-1]
        if len(platoon) == 1 or first.cam.age_ns(situation.instant_ns) > (
            1e6 * self._settings.max_age_ms
        ):
            return [platoon[0]]
        return [platoon[0], first]


def _platoon(ahead: Ahead) -> list[Heard]:
    """Those ahead that drive close behind each other, nearest first."""
    platoon = list(ahead.heard[:1])
    for behind, before in pairwise(ahead.heard):
        if before.rear_m - behind.front_m > _TOGETHER_S * behind.speed_mps + _TOGETHER_M:
            break
        platoon.append(before)
    return platoon
