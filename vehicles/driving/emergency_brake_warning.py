"""Reacts to a braking vehicle that the car can't see, warned over the network."""

from __future__ import annotations

import math

import numpy as np

from vehicles.driving.base import Proposal, Situation
from vehicles.messages.cam import Cam
from vehicles.messages.denm import EMERGENCY_BRAKE, CauseCode, Denm
from vehicles.messages.kinds import StationType
from vehicles.messages.received import Received

# Gentler braking than this can wait.
_WORTH_IT_MPS2 = 1.0
# Room left behind the place where the warned-of vehicle will stand: half of it for what two
# positions from satellites are off.
_STANDOFF_M = 6.0
_SAME_DIRECTION_RAD = math.radians(45.0)
# A vehicle in the next lane is no reason to brake.
_SAME_LANE_M = 1.75
_STANDING_MPS = 0.5
# A warning says neither how hard its vehicle brakes nor how long it is. Until the vehicle's
# awareness message does: a car on a dry road, or a lorry as UN R13 wants it to brake at least.
_CAR = (8.0, 5.0)
_LORRY = (5.0, 16.0)
_HEAVY = (StationType.HEAVY_TRUCK, StationType.BUS)
# Less than this in an awareness message is from before the braking.
_BRAKING_MPS2 = 2.0


class EmergencyBrakeWarning:
    """Brakes just as hard as it takes to stop behind a vehicle that warns of its own braking."""

    name = "emergency_brake_warning"

    def __init__(self) -> None:
        self._braking = False

    def decide(self, situation: Situation) -> Proposal | None:
        """The braking that the most urgent warning asks for."""
        ldm = situation.ldm
        needed = []
        for warning in ldm.denms.values():
            if _is_brake_warning(warning.message):
                cam = ldm.cams.get(warning.message.station_id)
                needed.append((needed_mps2(situation, warning, cam), warning, cam))
        if not needed:
            self._braking = False
            return None
        deceleration, warning, cam = max(needed, key=lambda item: item[0])
        if deceleration < _WORTH_IT_MPS2 and not self._braking:
            return None
        self._braking = deceleration > 0.0
        if not self._braking:
            return None
        messages = (warning,) if cam is None else (warning, cam)
        return Proposal(-deceleration, "braking ahead", messages=messages)


def needed_mps2(situation: Situation, warning: Received[Denm], cam: Received[Cam] | None) -> float:
    """Constant deceleration that stops the car behind the warned-of vehicle [m/s2].

    The vehicle is taken to go on braking as it said until it stands. Zero if it isn't in the way.

    Args:
        situation: the car's.
        warning: of the vehicle.
        cam: its newest awareness message, if one is known.
    """
    ego, road, danger = situation.ego, situation.road, warning.message
    turned = danger.heading_rad - ego.heading_rad
    if abs(math.remainder(turned, 2.0 * math.pi)) > _SAME_DIRECTION_RAD:
        return 0.0
    s, left = road.along(np.array([danger.x_m]), np.array([danger.y_m]))
    if abs(float(left[0])) > _SAME_LANE_M or s[0] < road.ego_s_m:
        return 0.0
    deceleration, length_m = _LORRY if danger.station_type in _HEAVY else _CAR
    if cam is not None and cam.message.acceleration_mps2 < -_BRAKING_MPS2:
        deceleration = -cam.message.acceleration_mps2
    to_rest_m = 0.0
    if danger.speed_mps > _STANDING_MPS:
        to_rest_m = danger.speed_mps**2 / (2.0 * deceleration)
    if cam is not None:
        length_m = cam.message.length_m
    rear_s = float(s[0]) + to_rest_m - length_m
    room_m = rear_s - _STANDOFF_M - (road.ego_s_m + 0.5 * ego.length_m)
    return ego.speed_mps**2 / (2.0 * max(room_m, 0.5))


def _is_brake_warning(denm: Denm) -> bool:
    return denm.cause == CauseCode.DANGEROUS_SITUATION and denm.sub_cause == EMERGENCY_BRAKE
