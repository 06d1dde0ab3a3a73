import pytest

from vehicles.carla.actors import Blueprints, Body, nearest_colour, own_colour
from vehicles.carla.catalogue import catalogue
from vehicles.state import Kind

EVERY = [vehicle.id for vehicle in catalogue()] + [
    "walker.pedestrian.0001",
    "walker.pedestrian.0002",
]
OF = {vehicle.id: vehicle for vehicle in catalogue()}


@pytest.mark.parametrize(
    ("kind", "length_m", "width_m", "base_types"),
    [
        (Kind.CAR, 4.5, 1.8, {"car"}),
        (Kind.CAR, 3.0, 1.6, {"car"}),
        (Kind.TRUCK, 9.0, 2.4, {"truck"}),
        (Kind.TRUCK, 6.0, 2.2, {"van", "truck"}),
        (Kind.BUS, 12.0, 2.5, {"bus"}),
        (Kind.MOTORCYCLE, 2.2, 0.9, {"motorcycle"}),
        (Kind.BICYCLE, 1.6, 0.65, {"bicycle"}),
    ],
)
def test_everyone_gets_one_of_its_kind_and_about_its_size(
    kind: Kind, length_m: float, width_m: float, base_types: set[str]
) -> None:
    blueprints = Blueprints(EVERY)
    for number in range(20):
        choice = blueprints.for_traffic(Body(f"user {number}", kind, length_m, width_m))
        assert choice is not None
        chosen = OF[choice.blueprint]
        assert chosen.base_type in base_types
        closest = min(
            abs(vehicle.length_m - length_m) for vehicle in OF.values()
            if vehicle.base_type in base_types and vehicle.special_type in ("", "electric")
            and not vehicle.id.startswith("vehicle.commonroad")
        )  # fmt: skip
        assert abs(chosen.length_m - length_m) < closest + 0.15 * length_m


def test_a_street_is_mixed_and_the_same_in_every_run() -> None:
    bodies = [Body(f"car {number}", Kind.CAR, 4.6, 1.8) for number in range(40)]
    first = [Blueprints(EVERY).for_traffic(body) for body in bodies]
    assert first == [Blueprints(reversed(EVERY)).for_traffic(body) for body in bodies]
    assert len(set(first)) > 3


def test_pedestrians_are_walkers() -> None:
    body = Body("ann", Kind.PEDESTRIAN, 0.25, 0.5)
    choice = Blueprints(EVERY).for_traffic(body)
    assert choice is not None
    assert choice.blueprint.startswith("walker.pedestrian.")
    assert Blueprints(["vehicle.audi.tt"]).for_traffic(body) is None


def test_a_substitute_says_what_it_stands_for() -> None:
    cars_only = Blueprints(["vehicle.audi.tt"])
    bus = cars_only.for_traffic(Body("line 1", Kind.BUS, 12.0, 2.5))
    assert bus is not None
    assert bus.note == "no bus among the blueprints: shown as vehicle.audi.tt of 4.1 m"
    truck = Blueprints(["vehicle.carlamotors.european_hgv"]).for_traffic(
        Body("long", Kind.TRUCK, 16.5, 2.5)
    )
    assert truck is not None
    assert truck.note.startswith("no blueprint of about 16.5 m: shown as")
    assert Blueprints(["walker.pedestrian.0001"]).for_traffic(Body("x", Kind.CAR, 4, 2)) is None


def test_a_driven_vehicle_is_its_own_model_or_says_what_else() -> None:
    own = Blueprints(EVERY).for_driven("bmw_320i", 4.5, 1.6)
    assert own == ("vehicle.commonroad.bmw_320i", "")
    other = Blueprints(["vehicle.audi.tt"]).for_driven("bmw_320i", 4.5, 1.6)
    assert other is not None
    assert other.blueprint == "vehicle.audi.tt"
    assert "bmw_320i" in other.note


def test_colours() -> None:
    colours = ["0,0,0", "255,255,255", "200,10,10"]
    assert nearest_colour((180, 0, 40), colours) == "200,10,10"
    assert nearest_colour((180, 0, 40), []) is None
    assert own_colour("car 7", colours) == own_colour("car 7", reversed(colours)) in colours
    assert own_colour("car 7", []) is None
