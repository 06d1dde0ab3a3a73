"""Reacts to a braking vehicle that the car can't see, warned over the network."""

from __future__ import annotations

import math

import numpy as np

from vehicles.driving.base import Proposal, Received, Situation
from vehicles.messages.brake_warning import BrakeWarning

# A warning is repeated every 100 ms; silence for this long ends it.
_FORGET_NS = 2_000_000_000
# Gentler braking than this can wait.
_WORTH_IT_MPS2 = 1.0
# Room left behind the place where the warned-of vehicle will stand: half of it for what two
# positions from satellites are off.
_STANDOFF_M = 6.0
_SAME_DIRECTION_RAD = math.radians(45.0)
# A vehicle in the next lane is no reason to brake.
_SAME_LANE_M = 1.75


class EmergencyBrakeWarning:
    """Brakes just as hard as it takes to stop behind a vehicle that warns of its own braking."""

    name = "emergency_brake_warning"

    def __init__(self) -> None:
        self._newest: dict[str, Received[BrakeWarning]] = {}
        self._braking = False

    def decide(self, situation: Situation) -> Proposal | None:
        """The braking that the most urgent warning asks for."""
        for received in situation.heard(BrakeWarning):
            warning = received.message
            known = self._newest.get(warning.sender)
            if known is None or known.message.generation_time_ns < warning.generation_time_ns:
                self._newest[warning.sender] = received
        self._newest = {
            sender: received
            for sender, received in self._newest.items()
            if situation.instant_ns - received.message.generation_time_ns < _FORGET_NS
        }
        needed = [
            (needed_mps2(situation, received), received) for received in self._newest.values()
        ]
        if not needed:
            self._braking = False
            return None
        deceleration, received = max(needed, key=lambda item: item[0])
        if deceleration < _WORTH_IT_MPS2 and not self._braking:
            return None
        self._braking = deceleration > 0.0
        if not self._braking:
            return None
        return Proposal(-deceleration, "warned", messages=(received,))


def needed_mps2(situation: Situation, received: Received[BrakeWarning]) -> float:
    """Constant deceleration that stops the car behind the warned-of vehicle [m/s2].

    The vehicle is taken to go on braking as it said until it stands. Zero if it isn't in the way.
    """
    ego, road, warning = situation.ego, situation.road, received.message
    turned = warning.heading_rad - ego.heading_rad
    if abs(math.remainder(turned, 2.0 * math.pi)) > _SAME_DIRECTION_RAD:
        return 0.0
    if warning.acceleration_mps2 < 0.0:
        to_rest_m = warning.speed_mps**2 / (2.0 * -warning.acceleration_mps2)
    elif warning.speed_mps < 0.5:
        to_rest_m = 0.0
    else:
        # It has stopped braking and drives on.
        return 0.0
    s, left = road.along(np.array([warning.x_m]), np.array([warning.y_m]))
    if abs(float(left[0])) > _SAME_LANE_M or s[0] < road.ego_s_m:
        return 0.0
    bumpers_m = 0.5 * (ego.length_m + warning.length_m)
    room_m = float(s[0]) + to_rest_m - bumpers_m - _STANDOFF_M - road.ego_s_m
    return ego.speed_mps**2 / (2.0 * max(room_m, 0.5))
