"""CARLA's usual vehicles: what they are, how large and how heavy.

Lengths, widths and heights of the first generation are those that CARLA's SUMO co-simulation lists
for its blueprints (bounding boxes, mirrors included); those of the second generation and all kerb
masses and powers are the real vehicles', from memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import radians

from vehicles.dynamics.parameters import PARAMETER_SETS, VehicleParameters, vehicle_parameters


@dataclass(frozen=True)
class CatalogueVehicle:
    """One vehicle blueprint: its kind, body [m], mass [kg] and power [kW]."""

    id: str
    base_type: str
    length_m: float
    width_m: float
    height_m: float
    mass_kg: float
    power_kw: float
    generation: int = 1
    special_type: str = ""

    @property
    def wheels(self) -> int:
        """Number of wheels."""
        return 2 if self.base_type in ("motorcycle", "bicycle") else 4

    @property
    def has_lights(self) -> bool:
        """Whether the model has lights to switch."""
        return self.base_type != "bicycle"


_V = CatalogueVehicle

CATALOGUE = (
    _V("vehicle.audi.a2", "car", 3.719, 1.792, 1.535, 895, 55),
    _V("vehicle.audi.etron", "car", 4.892, 2.086, 1.651, 2490, 300, special_type="electric"),
    _V("vehicle.audi.tt", "car", 4.147, 2.003, 1.382, 1335, 169),
    _V("vehicle.bh.crossbike", "bicycle", 1.509, 0.866, 1.531, 90, 0.4),
    _V("vehicle.bmw.grandtourer", "car", 4.639, 2.259, 1.678, 1510, 100),
    _V("vehicle.carlamotors.carlacola", "truck", 5.199, 2.615, 2.477, 5500, 130),
    _V("vehicle.carlamotors.european_hgv", "truck", 7.935, 2.891, 3.467, 17000, 330, 2),
    _V("vehicle.carlamotors.firetruck", "truck", 8.468, 2.891, 3.828, 14000, 240, 2, "emergency"),
    _V("vehicle.chevrolet.impala", "car", 5.369, 2.053, 1.415, 1750, 224),
    _V("vehicle.citroen.c3", "car", 3.975, 1.862, 1.626, 1050, 60),
    _V("vehicle.diamondback.century", "bicycle", 1.656, 0.421, 1.494, 85, 0.4),
    _V("vehicle.dodge.charger_2020", "car", 5.006, 1.905, 1.536, 1900, 276, 2),
    _V("vehicle.dodge.charger_police", "car", 5.011, 2.054, 1.581, 1950, 276, 1, "emergency"),
    _V("vehicle.dodge.charger_police_2020", "car", 5.237, 1.905, 1.638, 1980, 276, 2, "emergency"),
    _V("vehicle.ford.ambulance", "van", 6.365, 2.351, 2.431, 4300, 230, 2, "emergency"),
    _V("vehicle.ford.crown", "car", 5.365, 1.982, 1.575, 1870, 167, 2, "taxi"),
    _V("vehicle.ford.mustang", "car", 4.718, 1.895, 1.301, 1240, 149),
    _V("vehicle.gazelle.omafiets", "bicycle", 1.843, 0.467, 1.590, 95, 0.3),
    _V("vehicle.harley-davidson.low_rider", "motorcycle", 2.350, 0.766, 1.464, 380, 64),
    _V("vehicle.jeep.wrangler_rubicon", "car", 3.868, 1.907, 1.880, 1880, 209),
    _V("vehicle.kawasaki.ninja", "motorcycle", 2.044, 0.797, 1.375, 270, 147),
    _V("vehicle.lincoln.mkz_2017", "car", 4.902, 2.061, 1.477, 1720, 180),
    _V("vehicle.lincoln.mkz_2020", "car", 4.890, 1.838, 1.490, 1740, 183, 2),
    _V("vehicle.mercedes.coupe", "car", 5.027, 2.152, 1.641, 1800, 240),
    _V("vehicle.mercedes.coupe_2020", "car", 4.674, 1.818, 1.441, 1670, 190, 2),
    _V("vehicle.mercedes.sprinter", "van", 5.916, 1.988, 2.726, 2500, 120, 2),
    _V("vehicle.micro.microlino", "car", 2.207, 1.481, 1.376, 513, 12.5, 1, "electric"),
    _V("vehicle.mini.cooper_s", "car", 3.806, 1.970, 1.475, 1210, 135),
    _V("vehicle.mini.cooper_s_2021", "car", 4.553, 1.840, 1.700, 1250, 141, 2),
    _V("vehicle.mitsubishi.fusorosa", "bus", 10.273, 3.945, 4.253, 10500, 176, 2),
    _V("vehicle.nissan.micra", "car", 3.634, 1.845, 1.501, 950, 59),
    _V("vehicle.nissan.patrol", "car", 4.604, 1.932, 1.855, 2200, 118),
    _V("vehicle.nissan.patrol_2021", "car", 5.591, 1.932, 2.061, 2750, 298, 2),
    _V("vehicle.seat.leon", "car", 4.193, 1.816, 1.474, 1250, 96),
    _V("vehicle.tesla.cybertruck", "truck", 6.274, 2.390, 2.098, 3000, 447, 1, "electric"),
    _V("vehicle.tesla.model3", "car", 4.792, 2.163, 1.488, 1845, 208, 1, "electric"),
    _V("vehicle.toyota.prius", "car", 4.513, 2.006, 1.525, 1400, 90, 1, "electric"),
    _V("vehicle.vespa.zx125", "motorcycle", 1.806, 0.870, 1.560, 185, 7),
    _V("vehicle.volkswagen.t2", "van", 4.480, 2.069, 2.038, 1250, 37),
    _V("vehicle.volkswagen.t2_2021", "van", 4.442, 1.774, 1.988, 1350, 50, 2),
    _V("vehicle.yamaha.yzf", "motorcycle", 2.209, 0.867, 1.530, 255, 147),
)

_HEIGHT_OF_SET_M = {
    "ford_escort": 1.39,
    "bmw_320i": 1.42,
    "vw_vanagon": 1.95,
    "semi_trailer": 4.0,
}
_SET_IS = {"vw_vanagon": "van", "semi_trailer": "truck"}


def _of_set(name: str) -> CatalogueVehicle:
    p = vehicle_parameters(name)
    return CatalogueVehicle(
        f"vehicle.commonroad.{name}",
        _SET_IS.get(name, "car"),
        p.length_m,
        p.width_m,
        _HEIGHT_OF_SET_M[name],
        p.mass_kg,
        p.power_w / 1e3,
    )


def catalogue() -> list[CatalogueVehicle]:
    """CARLA's vehicles, and one of ours for each parameter set of the vehicle model."""
    return [*CATALOGUE, *(_of_set(name) for name in PARAMETER_SETS)]


def parameters_of(vehicle: CatalogueVehicle) -> VehicleParameters:
    """The vehicle model's parameters.

    Those of our own blueprints are the set's, unchanged. CARLA's vehicles take tyres from the set
    of the nearest kind, the body and mass from the catalogue, an inertia of a homogeneous box,
    and pedals and steering as lively as CARLA's are.
    """
    name = vehicle.id.rpartition(".")[2]
    if vehicle.id.startswith("vehicle.commonroad."):
        return vehicle_parameters(name)
    kind = _KINDS[vehicle.base_type]
    base = vehicle_parameters(kind.tyres)
    axle_m = 0.5 * kind.wheelbase_share * vehicle.length_m
    return replace(
        base,
        length_m=vehicle.length_m,
        width_m=vehicle.width_m,
        mass_kg=vehicle.mass_kg,
        yaw_inertia_kgm2=vehicle.mass_kg * (vehicle.length_m**2 + vehicle.width_m**2) / 12.0,
        front_axle_m=axle_m,
        rear_axle_m=axle_m,
        gravity_centre_height_m=0.35 * vehicle.height_m,
        track_m=0.8 * vehicle.width_m,
        steering_max_rad=radians(kind.steering_max_deg),
        steering_rate_max_radps=3.0,
        steering_lag_s=0.03,
        power_w=1e3 * vehicle.power_kw,
        drive_max_mps2=kind.drive_max_mps2,
        speed_max_mps=kind.speed_max_mps,
        engine_lag_s=0.15,
        front_drive_share=0.0 if vehicle.wheels == 2 else 0.5,
        brake_max_mps2=kind.brake_max_mps2,
        brake_lag_s=0.1,
        drag_area_m2=kind.drag_coefficient * 0.85 * vehicle.width_m * vehicle.height_m,
    )


@dataclass(frozen=True)
class _Kind:
    tyres: str
    drag_coefficient: float
    drive_max_mps2: float
    brake_max_mps2: float
    speed_max_mps: float
    steering_max_deg: float = 70.0
    wheelbase_share: float = 0.6


_KINDS = {
    "car": _Kind("bmw_320i", 0.30, 5.0, 9.5, 60.0),
    "van": _Kind("vw_vanagon", 0.38, 4.0, 9.0, 45.0),
    "truck": _Kind("semi_trailer", 0.60, 2.0, 7.0, 30.0),
    "bus": _Kind("semi_trailer", 0.60, 1.8, 6.5, 30.0),
    "motorcycle": _Kind("ford_escort", 0.60, 6.0, 8.5, 65.0, 45.0, 0.7),
    "bicycle": _Kind("ford_escort", 0.90, 1.5, 5.0, 12.0, 45.0, 0.65),
}

CARLA_STEERING_CURVE = ((0.0, 1.0), (20.0, 0.9), (60.0, 0.8), (120.0, 0.7))
"""Share of the wheel angle by speed [km/h], CARLA's usual one."""
