import numpy as np
import pytest

from vehicles.carla.lights import (
    SumoSignal,
    TrafficLight,
    VehicleLight,
    sumo_state,
    traffic_lights,
    vehicle_lights,
)


def test_the_numbers_are_the_clients() -> None:
    carla = pytest.importorskip("carla")
    for light in VehicleLight:
        assert (
            getattr(carla.VehicleLightState, (light.name or "").title().replace("_", "")) == light
        )
    for state in TrafficLight:
        assert int(getattr(carla.TrafficLightState, state.name.title())) == state


def test_vehicle_lights_by_hand() -> None:
    signals = [0, 1, 2, 4, 8 + 1, SumoSignal.FRONTLIGHT]
    np.testing.assert_array_equal(vehicle_lights(signals, night=False), [0, 16, 32, 48, 8 + 16, 3])
    np.testing.assert_array_equal(vehicle_lights([0, 8], night=True), [3, 11])
    assert vehicle_lights([], night=True).shape == (0,)


def test_traffic_lights_there_and_back() -> None:
    red, yellow, green, off = TrafficLight
    assert traffic_lights("rGgyuos") == [red, green, green, yellow, yellow, off, green]
    # Links 3 and 4 have no light in CARLA.
    assert sumo_state("rGgyu", {0: green, 1: red, 2: yellow}) == "gryyu"
