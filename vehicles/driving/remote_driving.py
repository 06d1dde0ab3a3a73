"""Driven from afar: commands over the network, and what the car does when they don't come."""

from __future__ import annotations

import math
from collections import deque
from enum import StrEnum

from pydantic import Field

from network.packet import NS_PER_MS, NS_PER_S
from network.settings import Settings
from vehicles.driving.base import Proposal, Situation
from vehicles.driving.following import free_mps2
from vehicles.messages.received import Received
from vehicles.messages.remote_command import RemoteCommand
from vehicles.remote.driver import RemoteDriverSettings
from vehicles.remote.video import VideoSettings

# The speed is capped by the worst delay of the last while: a good moment is no reason to go fast.
_MEMORY_NS = 2 * NS_PER_S
# How fast the braking of a minimal-risk manoeuvre builds up and eases off, and what holds the car.
_JERK_MPS3 = 2.0
_HOLD_MPS2 = 0.3
# The side of a car 1.8 m wide is then on the line of a lane of 3.5 m.
_OUT_OF_LANE_M = 0.85


class RemoteDrivingSettings(Settings):
    """Settings of `remote_driving`."""

    driver: RemoteDriverSettings = RemoteDriverSettings()
    video: VideoSettings = VideoSettings()
    unseen_m: float = Field(
        3.0,
        gt=0.0,
        description="How far the car may go between a picture and the command given on it [m]; "
        "by the measured delay it caps the speed.",
    )
    lost_after_ms: float = Field(
        300.0,
        gt=0.0,
        le=10_000.0,
        description="Age of the picture behind the newest command at which the remote driver "
        "counts as lost [ms]; with more, people can't steer a car smoothly any more.",
    )
    regain_s: float = Field(
        2.0,
        ge=0.0,
        le=60.0,
        description="How long commands have to come in time before the remote driver has the "
        "wheel (again) [s].",
    )
    minimal_risk_deceleration_mps2: float = Field(
        2.5, gt=0.0, le=4.0, description="Braking when the driver is lost; UN R157 allows 4 m/s²."
    )


class Mode(StrEnum):
    """Who has the wheel."""

    ON_BOARD = "on_board"
    REMOTE = "remote"
    MINIMAL_RISK = "minimal_risk"


class RemoteDriving:
    """Does what the remote driver commands, as long as that is fresh enough.

    A command tells which picture was on the driver's screen, so that one figure says how good the
    connection is, whichever way fails: the age of the picture behind the newest command. It caps
    the speed. When it is too old, the car brakes smoothly to a stop in its lane (minimal-risk
    manoeuvre), held back further by its own `acc` and `aeb`. The driver takes over, at first and
    again, once commands have come in time for a while. On its way out of its lane the car steers
    itself back.
    """

    name = "remote_driving"
    Settings = RemoteDrivingSettings

    def __init__(self, settings: RemoteDrivingSettings) -> None:
        self.settings = settings
        self.mode = Mode.ON_BOARD
        self.newest: Received[RemoteCommand] | None = None
        """The newest command that has come, if any."""
        self.speed_cap_mps = float("inf")
        """What the delay allows."""
        self._lost_ns = round(settings.lost_after_ms * NS_PER_MS)
        self._regain_ns = round(settings.regain_s * NS_PER_S)
        self._recent: deque[Received[RemoteCommand]] = deque()
        self._latest: Received[RemoteCommand] | None = None
        self._in_time_since_ns: int | None = None
        self._braking_mps2 = 0.0
        self._instant_ns = 0

    def picture_age_ns(self, now_ns: int) -> int | None:
        """Age of the picture behind the newest command [ns]; None if none has come yet."""
        return None if self.newest is None else now_ns - self.newest.message.captured_ns

    def decide(self, situation: Situation) -> Proposal | None:
        """Drive as commanded, or brake for want of commands; None before the first hand-over."""
        now_ns = situation.instant_ns
        elapsed_s = (now_ns - self._instant_ns) / NS_PER_S
        self._instant_ns = now_ns
        self._take_in(situation)
        self._change_mode(situation)
        if self.newest is None or self.mode is Mode.ON_BOARD:
            return None
        if self.mode is Mode.MINIMAL_RISK:
            return self._brake(situation.ego.speed_mps, self.newest, elapsed_s)
        return self._obey(situation, self.newest)

    def _take_in(self, situation: Situation) -> None:
        for received in situation.heard(RemoteCommand):
            command, newest = received.message, self.newest
            # One that was overtaken on its way is of no use any more.
            if newest and command.generation_time_ns <= newest.message.generation_time_ns:
                continue
            self.newest = received
            self._recent.append(received)
        now_ns = situation.instant_ns
        while len(self._recent) > 1 and self._recent[0].received_ns < now_ns - _MEMORY_NS:
            self._recent.popleft()
        if self._recent:
            self._latest = max(self._recent, key=_delay_ns)
            self.speed_cap_mps = self.settings.unseen_m * NS_PER_S / max(_delay_ns(self._latest), 1)

    def _change_mode(self, situation: Situation) -> None:
        now_ns = situation.instant_ns
        age_ns = self.picture_age_ns(now_ns)
        if age_ns is None or age_ns > self._lost_ns:
            self._in_time_since_ns = None
            if self.mode is Mode.REMOTE:
                self.mode = Mode.MINIMAL_RISK
                ego = situation.ego
                slowing_mps2 = -math.copysign(1.0, ego.speed_mps) * ego.acceleration_mps2
                self._braking_mps2 = max(slowing_mps2, 0.0)
            return
        if self._in_time_since_ns is None:
            self._in_time_since_ns = now_ns
        if now_ns - self._in_time_since_ns >= self._regain_ns:
            self.mode = Mode.REMOTE

    def _obey(self, situation: Situation, newest: Received[RemoteCommand]) -> Proposal:
        command, speed_mps = newest.message, situation.ego.speed_mps
        rolls = -1.0 if speed_mps < 0.0 else 1.0
        gear = -1.0 if command.backwards else 1.0
        drives = command.acceleration_mps2 > 0.0
        wanted_mps2 = command.acceleration_mps2 * (gear if drives else rolls)
        reason = "as commanded"
        messages: tuple[Received[RemoteCommand], ...] = (newest,)
        capped_mps2 = free_mps2(abs(speed_mps), self.speed_cap_mps)
        if capped_mps2 < rolls * wanted_mps2:
            wanted_mps2, reason = rolls * capped_mps2, "slower by the delay"
            if self._latest is not None and self._latest is not newest:
                messages = (newest, self._latest)
        steering_rad: float | None = command.steering_rad
        # It can't steer itself backwards.
        forwards = speed_mps >= 0.0 and not command.backwards
        if forwards and abs(situation.road.ego_left_m) > _OUT_OF_LANE_M:
            steering_rad, reason = None, "kept in its lane"
        return Proposal(
            wanted_mps2,
            reason,
            messages=messages,
            takes_over=True,
            steering_rad=steering_rad,
            backwards=command.backwards and drives,
        )

    def _brake(
        self, speed_mps: float, newest: Received[RemoteCommand], elapsed_s: float
    ) -> Proposal:
        most = self.settings.minimal_risk_deceleration_mps2
        self._braking_mps2 = min(self._braking_mps2 + _JERK_MPS3 * elapsed_s, most)
        # Eased off at constant jerk, it is gone when the car stands.
        easing_mps2 = max(math.sqrt(2.0 * _JERK_MPS3 * abs(speed_mps)), _HOLD_MPS2)
        braking_mps2 = min(self._braking_mps2, easing_mps2)
        reason = "lost the driver"
        if speed_mps < 0.0:
            # None of its own functions drives backwards: it stops straight.
            return Proposal(
                braking_mps2, reason, messages=(newest,), takes_over=True, steering_rad=0.0
            )
        return Proposal(-braking_mps2, reason, messages=(newest,), keeps_lane=True)


def _delay_ns(received: Received[RemoteCommand]) -> int:
    """From the picture behind a command to its arrival [ns]."""
    return received.received_ns - received.message.captured_ns
