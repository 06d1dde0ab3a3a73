import math

import numpy as np
import pytest
from pydantic import ValidationError

from vehicles.dynamics import VehicleDynamics, vehicle_parameters
from vehicles.sensing import SensorSettings
from vehicles.weather import WeatherSettings


def test_the_block_has_carlas_names_and_takes_its_presets() -> None:
    carla = pytest.importorskip("carla")
    noon = carla.WeatherParameters.HardRainNoon
    values = {name: getattr(noon, name) for name in WeatherSettings.model_fields}
    weather = WeatherSettings(**values)
    assert carla.WeatherParameters(**weather.model_dump()) == noon
    assert weather.precipitation == 100.0


def test_night_is_when_the_sun_is_below_the_horizon() -> None:
    assert not WeatherSettings().is_night
    assert WeatherSettings(sun_altitude_angle=-1.0).is_night


def test_more_than_everything_is_refused() -> None:
    with pytest.raises(ValidationError):
        WeatherSettings(precipitation=101.0)


def test_clear_air_leaves_the_range_and_a_dry_road_all_friction() -> None:
    clear = WeatherSettings(cloudiness=100.0, wind_intensity=50.0)
    assert clear.optical_range_m(150.0) == 150.0
    assert clear.water_mm == 0.0
    assert clear.grip(np.array([0.0, 20.0, 60.0])).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(("rain", "db_per_km"), [(20.0, 5.03), (50.0, 9.30), (100.0, 14.79)])
def test_rain_dampens_as_itu_r_p_1817_has_it(rain: float, db_per_km: float) -> None:
    # 1.076 R^0.67 dB/km for 10, 25 and 50 mm/h; what comes back goes both ways.
    range_m = WeatherSettings(precipitation=rain).optical_range_m(150.0)
    weaker_db = 20.0 * math.log10(150.0 / range_m)
    assert 2.0 * db_per_km * range_m / 1e3 == pytest.approx(weaker_db, abs=0.01)


def test_fog_dampens_by_its_visibility() -> None:
    # Koschmieder: exp(-3.912) is left after the visibility, 1 km at 5 % and 50 m at 100 %.
    for density, visibility_m in ((5.0, 1000.0), (50.0, 100.0), (100.0, 50.0)):
        range_m = WeatherSettings(fog_density=density).optical_range_m(150.0)
        assert range_m * math.exp(3.912 * range_m / visibility_m) == pytest.approx(150.0, rel=1e-3)
    assert WeatherSettings(fog_density=100.0).optical_range_m(150.0) == pytest.approx(24.0, abs=1.0)


def test_fog_counts_from_where_it_begins() -> None:
    ranges_m = [
        WeatherSettings(fog_density=100.0, fog_distance=from_m).optical_range_m(150.0)
        for from_m in (0.0, 20.0, 80.0, 149.0, 200.0)
    ]
    assert np.all(np.diff(ranges_m) > 0.0)
    assert ranges_m[-1] == 150.0
    assert ranges_m[2] > 80.0


def test_worse_weather_never_sees_farther() -> None:
    sensor = SensorSettings()
    for name in ("precipitation", "fog_density"):
        through = [
            sensor.through(WeatherSettings.model_validate({name: share}))
            for share in range(0, 101, 20)
        ]
        assert np.all(np.diff([one.range_m for one in through]) < 0.0)
        assert np.all(np.diff([one.near_range_m for one in through]) < 0.0)


@pytest.mark.parametrize(
    ("weather", "speed_kmh", "friction", "dry"),
    [
        (WeatherSettings(wetness=100.0), 50.0, 0.65, 0.85),
        (WeatherSettings(wetness=100.0), 130.0, 0.55, 0.75),
        (WeatherSettings(precipitation_deposits=100.0), 50.0, 0.50, 0.85),
        (WeatherSettings(precipitation_deposits=100.0), 90.0, 0.05, 0.80),
    ],
)
def test_friction_is_that_of_the_handbook(
    weather: WeatherSettings, speed_kmh: float, friction: float, dry: float
) -> None:
    assert weather.grip(np.array([speed_kmh / 3.6]))[0] == pytest.approx(friction / dry)


@pytest.mark.parametrize("wetness", [0.0, 50.0, 100.0])
def test_a_wet_road_lengthens_braking_by_its_friction(wetness: float) -> None:
    weather = WeatherSettings(wetness=wetness)
    dynamics = VehicleDynamics(weather.grip)
    row = dynamics.add("bmw_320i", 0.0, 0.0, 0.0, 13.0)
    dynamics.command(row, -20.0, 0.0)
    dynamics.advance(10_000_000_000)
    # Below 50 km/h friction knows no speed: v^2 / (2 mu g), and v times the brake's lag.
    parameters = vehicle_parameters("bmw_320i")
    share = float(weather.grip(np.array([13.0]))[0])
    braking_mps2 = min(parameters.brake_max_mps2, share * parameters.longitudinal_friction * 9.81)
    expected_m = 13.0**2 / (2.0 * braking_mps2) + 13.0 * parameters.brake_lag_s
    assert dynamics.speed_mps[row] == 0.0
    assert dynamics.x_m[row] == pytest.approx(expected_m, rel=0.02)


def test_steps_that_are_multiples_give_the_same_on_a_wet_road() -> None:
    ends = []
    for step_ns in (5_000_000, 20_000_000):
        dynamics = VehicleDynamics(WeatherSettings(precipitation_deposits=60.0).grip)
        row = dynamics.add("bmw_320i", 0.0, 0.0, 0.0, 30.0)
        dynamics.command(row, -6.0, 0.02)
        for _ in range(2_000_000_000 // step_ns):
            dynamics.advance(step_ns)
        ends.append((float(dynamics.x_m[row]), float(dynamics.y_m[row])))
    assert ends[0] == ends[1]
