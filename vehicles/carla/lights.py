"""Lights, as SUMO and as CARLA write them down: of vehicles, and at junctions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum, IntFlag

import numpy as np

from network.arrays import Ints


class SumoSignal(IntFlag):
    """SUMO's vehicle signals (TraCI variable 0x5b)."""

    BLINKER_RIGHT = 1
    BLINKER_LEFT = 2
    BLINKER_EMERGENCY = 4
    BRAKELIGHT = 8
    FRONTLIGHT = 16
    FOGLIGHT = 32
    HIGHBEAM = 64
    BACKDRIVE = 128
    EMERGENCY_BLUE = 2048
    EMERGENCY_RED = 4096
    EMERGENCY_YELLOW = 8192


class VehicleLight(IntFlag):
    """The bits of `carla.VehicleLightState`."""

    POSITION = 1
    LOW_BEAM = 2
    HIGH_BEAM = 4
    BRAKE = 8
    RIGHT_BLINKER = 16
    LEFT_BLINKER = 32
    REVERSE = 64
    FOG = 128
    SPECIAL1 = 512


class TrafficLight(IntEnum):
    """The values of `carla.TrafficLightState`."""

    RED = 0
    YELLOW = 1
    GREEN = 2
    OFF = 3


_VEHICLE_LIGHTS = {
    SumoSignal.BLINKER_RIGHT: VehicleLight.RIGHT_BLINKER,
    SumoSignal.BLINKER_LEFT: VehicleLight.LEFT_BLINKER,
    SumoSignal.BLINKER_EMERGENCY: VehicleLight.RIGHT_BLINKER | VehicleLight.LEFT_BLINKER,
    SumoSignal.BRAKELIGHT: VehicleLight.BRAKE,
    SumoSignal.FRONTLIGHT: VehicleLight.POSITION | VehicleLight.LOW_BEAM,
    SumoSignal.FOGLIGHT: VehicleLight.FOG,
    SumoSignal.HIGHBEAM: VehicleLight.HIGH_BEAM,
    SumoSignal.BACKDRIVE: VehicleLight.REVERSE,
    SumoSignal.EMERGENCY_BLUE: VehicleLight.SPECIAL1,
    SumoSignal.EMERGENCY_RED: VehicleLight.SPECIAL1,
    SumoSignal.EMERGENCY_YELLOW: VehicleLight.SPECIAL1,
}
_HEADLAMPS = VehicleLight.POSITION | VehicleLight.LOW_BEAM
# SUMO's red and yellow together is the yellow that comes before green.
_OF_SUMO = {
    **dict.fromkeys("r", TrafficLight.RED),
    **dict.fromkeys("uyY", TrafficLight.YELLOW),
    **dict.fromkeys("gGs", TrafficLight.GREEN),
    **dict.fromkeys("oO", TrafficLight.OFF),
}
_TO_SUMO = {
    TrafficLight.RED: "r",
    TrafficLight.YELLOW: "y",
    TrafficLight.GREEN: "g",
    TrafficLight.OFF: "o",
}


def vehicle_lights(signals: Iterable[int], *, night: bool) -> Ints:
    """CARLA's light states of vehicles that have SUMO's signals, shape (n,)."""
    sumo = np.fromiter(signals, np.int64)
    lights = np.full(sumo.shape, int(_HEADLAMPS) if night else 0)
    for signal, light in _VEHICLE_LIGHTS.items():
        lights[(sumo & signal) != 0] |= int(light)
    return lights


def traffic_lights(letters: str) -> list[TrafficLight]:
    """CARLA's states of what a SUMO state string shows, link by link."""
    return [_OF_SUMO.get(letter, TrafficLight.OFF) for letter in letters]


def sumo_state(present: str, shown: Mapping[int, TrafficLight]) -> str:
    """SUMO's state string with what CARLA shows put in; a green has to look out for others.

    Args:
        present: the string as it is; links that CARLA has no light for stay.
        shown: CARLA's state by link index.
    """
    return "".join(
        _TO_SUMO[shown[index]] if index in shown else letter for index, letter in enumerate(present)
    )
