"""A person at the wheel: what their hands and feet do, and what the car makes of it."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

from pydantic import Field

from network.packet import NS_PER_S
from network.settings import Settings
from vehicles.driving.base import Proposal, Situation

_STANDING_MPS = 0.1
# A key is down or it isn't: the wheel and the pedals behind it move at the pace of a limb.
_STEERING_PER_S = 1.6
_RETURN_PER_S = 3.2
_THROTTLE_PER_S = 2.0
_BRAKE_PER_S = 3.0
# The whole way of the wheel: the front wheels' lock, or at speed what still holds the road.
_LOCK_RAD = 0.6
_MOST_LATERAL_MPS2 = 6.0
_WHEELBASE_M = 2.6
_MOST_DRIVE_MPS2 = 4.0
_MOST_BRAKE_MPS2 = 9.0
_HAND_BRAKE_MPS2 = 5.0
# With both feet off the pedals the engine and the air slow the car down.
_COAST_MPS2 = 0.3
_COAST_PER_S = 0.015


class Inputs(NamedTuple):
    """What a person does at an instant.

    Args:
        steering: the wheel, from -1 (right) to 1 (left).
        throttle: the right pedal, 0 to 1.
        brake: the left pedal, 0 to 1.
        hand_brake: whether it is on.
        reverse: whether the reverse gear is in.
        keys: whether these come from keys, which know nothing between none and all of it.
    """

    steering: float = 0.0
    throttle: float = 0.0
    brake: float = 0.0
    hand_brake: bool = False
    reverse: bool = False
    keys: bool = False


class Seat(Protocol):
    """Where a person sits; asked once per step of the driving side."""

    def read(self, now_ns: int) -> Inputs:
        """What the person does at an instant [ns]."""


class Nobody:
    """A seat that nobody sits in."""

    def read(self, _now_ns: int) -> Inputs:
        """Nothing is done."""
        return Inputs()


class Controls(NamedTuple):
    """What a driver does: wanted acceleration [m/s²], angle of the front wheels [rad], gear."""

    acceleration_mps2: float
    steering_rad: float
    backwards: bool = False


class Handling:
    """Makes of a person's inputs what the car is told, in simulated time alone."""

    def __init__(self) -> None:
        self.inputs = Inputs()
        """Wheel and pedals as they are now, on their way to where the person wants them."""
        self._moved_ns = 0

    def move(self, wanted: Inputs, now_ns: int, speed_mps: float) -> Controls:
        """Move wheel and pedals on to `now_ns`, and say what that asks of the car.

        Args:
            wanted: where the person wants them.
            now_ns: the instant; not before the last one [ns].
            speed_mps: the car's speed along its heading [m/s]; the faster it is, the less the
                wheel turns the front wheels.
        """
        if wanted.keys:
            elapsed_s = (now_ns - self._moved_ns) / NS_PER_S
            now = self.inputs
            back = now.steering * (wanted.steering - now.steering) < 0.0
            steering_per_s = _RETURN_PER_S if back else _STEERING_PER_S
            wanted = wanted._replace(
                steering=_towards(now.steering, wanted.steering, steering_per_s * elapsed_s),
                throttle=_towards(now.throttle, wanted.throttle, _THROTTLE_PER_S * elapsed_s),
                brake=_towards(now.brake, wanted.brake, _BRAKE_PER_S * elapsed_s),
            )
        self._moved_ns = now_ns
        self.inputs = wanted
        return Controls(
            _acceleration_mps2(wanted, speed_mps), _angle_rad(wanted, speed_mps), wanted.reverse
        )


class PersonSettings(Settings):
    """Settings of `person`."""

    aeb: bool = Field(True, description="Automatic emergency braking holds back the person, too.")


class Person:
    """Does what the person in its seat does; the other functions only warn.

    Without a seat, which `cosim drive` gives it, it does what the scenario's `input` events say.
    """

    name = "person"
    Settings = PersonSettings

    def __init__(self, settings: PersonSettings) -> None:
        self.settings = settings
        self.seat: Seat = Nobody()
        self.handling = Handling()

    def decide(self, situation: Situation) -> Proposal:
        """What the person's hands and feet ask for."""
        now_ns = situation.instant_ns
        wanted = self.seat.read(now_ns)
        controls = self.handling.move(wanted, now_ns, situation.ego.speed_mps)
        return Proposal(
            controls.acceleration_mps2,
            "at the wheel",
            takes_over=True,
            steering_rad=controls.steering_rad,
            keeps_lane=True,
            backwards=controls.backwards,
        )


def _towards(present: float, wanted: float, most: float) -> float:
    return present + min(max(wanted - present, -most), most)


def _acceleration_mps2(inputs: Inputs, speed_mps: float) -> float:
    """What the pedals ask for, along the heading."""
    gear = -1.0 if inputs.reverse else 1.0
    braking = _MOST_BRAKE_MPS2 * inputs.brake
    if inputs.hand_brake:
        braking = max(braking, _HAND_BRAKE_MPS2)
    throttle = inputs.throttle if braking == 0.0 else 0.0
    coasting = _COAST_MPS2 + _COAST_PER_S * abs(speed_mps)
    # A standing car is held in the direction of its gear.
    direction = math.copysign(1.0, speed_mps) if abs(speed_mps) > _STANDING_MPS else gear
    drive = gear * throttle * (_MOST_DRIVE_MPS2 + coasting)
    wanted = drive - direction * (braking + coasting)
    # In reverse gear what only holds a standing car must not push it forwards.
    standing_in_reverse = direction == gear == -1.0 and speed_mps >= 0.0
    return min(wanted, 0.0) if standing_in_reverse else wanted


def _angle_rad(inputs: Inputs, speed_mps: float) -> float:
    holding_rad = math.atan(_WHEELBASE_M * _MOST_LATERAL_MPS2 / max(abs(speed_mps), 1.0) ** 2)
    return inputs.steering * min(_LOCK_RAD, holding_rad)
