"""Cooperative adaptive cruise control: closer than its own sensor allows, by what others tell."""

from __future__ import annotations

from pydantic import Field, model_validator

from network.settings import Settings
from vehicles.driving.acc import Acc, AccSettings
from vehicles.driving.base import Proposal, Situation
from vehicles.driving.cooperative import CooperativeFollower, look_ahead


class CaccSettings(Settings):
    """Settings of `cacc`."""

    desired_speed_mps: float | None = Field(
        None, gt=0, description="Cruising speed; the speed limit if not given."
    )
    time_gap_s: float = Field(0.6, gt=0, le=5, description="Time gap while the car ahead is heard.")
    alone_time_gap_s: float = Field(
        1.5, gt=0, le=5, description="Time gap at which `acc` takes over, its own."
    )
    max_age_ms: float = Field(
        700.0, gt=0, le=2000, description="Information older than this doesn't count as heard."
    )

    @model_validator(mode="after")
    def _closer_than_alone(self) -> CaccSettings:
        if self.time_gap_s >= self.alone_time_gap_s:
            raise ValueError("time_gap_s must be below alone_time_gap_s")
        return self


class Cacc:
    """Follows at a short constant time gap as long as the car ahead is heard.

    Once what it says is too old, the gap opens smoothly, and then `acc` has it.
    """

    name = "cacc"
    Settings = CaccSettings

    def __init__(self, settings: CaccSettings) -> None:
        self._settings = settings
        self._cruise = Acc(AccSettings(desired_speed_mps=settings.desired_speed_mps))
        self._follower = CooperativeFollower(settings.alone_time_gap_s)

    def decide(self, situation: Situation) -> Proposal | None:
        """Follow who is ahead; None if nobody is or there is no need of messages."""
        settings = self._settings
        ahead = look_ahead(situation)
        if ahead is None:
            self._follower.stop()
            return None
        if ahead.fresh(situation.instant_ns, settings.max_age_ms):
            cam = ahead.heard[0].cam
            following = self._follower.follow(
                situation,
                ahead,
                time_gap_s=settings.time_gap_s,
                told_mps2=cam.message.acceleration_mps2,
                reason="follow by CAM",
                messages=(cam,),
            )
        else:
            following = self._follower.follow(
                situation,
                ahead,
                time_gap_s=settings.alone_time_gap_s,
                told_mps2=0.0,
                reason="open the gap: not heard",
            )
        return self._cruise.drive(situation, following) if following else None
