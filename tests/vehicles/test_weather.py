import pytest
from pydantic import ValidationError

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
