"""Parameter sets of the vehicle model, by name.

Geometry, masses, tyres, steering limits, brake split and engine power come from the package
commonroad-vehicle-models (Althoff and Würsching, "CommonRoad: Vehicle Models", 2020, tables 6
and 7). What that publication leaves out is added here: drag and rolling resistance (typical of
the body shape) and the lags of the actuators.

CommonRoad's truck is a kinematic model without masses or tyres. `semi_trailer` takes its
dimensions, limits and the trailer's wheelbase from there, and its mass and brakes from European
type approval: 40 t (directive 96/53/EC) and a brake response of 0.6 s to 75 % (UN regulation 13).
It is one rigid body; the articulation isn't modelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import log
from typing import Any


@dataclass(frozen=True)
class VehicleParameters:
    """What the single-track model knows of a vehicle.

    Tyre forces scale with the vertical load, so stiffness and friction are per newton of load.
    The overhangs at front and rear are taken as equal: the body's centre lies midway between
    the axles.
    """

    length_m: float
    width_m: float
    mass_kg: float
    yaw_inertia_kgm2: float
    front_axle_m: float
    """From the centre of gravity forward to the front axle."""
    rear_axle_m: float
    """From the centre of gravity back to the rear axle."""
    gravity_centre_height_m: float
    track_m: float
    """Distance between the front wheels."""

    steering_max_rad: float
    steering_rate_max_radps: float
    steering_lag_s: float

    power_w: float
    drive_max_mps2: float
    speed_max_mps: float
    engine_lag_s: float
    front_drive_share: float
    brake_max_mps2: float
    brake_lag_s: float
    front_brake_share: float
    drag_area_m2: float
    """Drag coefficient times frontal area."""
    rolling_resistance: float

    longitudinal_friction: float
    lateral_friction: float
    cornering_stiffness_per_rad: float
    """Lateral force per load and slip angle at small slip."""
    lateral_shape: float
    """Magic Formula factor C."""
    lateral_curvature: float
    """Magic Formula factor E."""

    @property
    def wheelbase_m(self) -> float:
        """Distance between the axles."""
        return self.front_axle_m + self.rear_axle_m


@cache
def vehicle_parameters(name: str) -> VehicleParameters:
    """Parameter set of that name.

    Args:
        name: one of `PARAMETER_SETS`.

    Raises:
        ValueError: there is no such set.
    """
    if name not in PARAMETER_SETS:
        known = ", ".join(PARAMETER_SETS)
        raise ValueError(f"no vehicle parameters named {name!r}; there are: {known}")
    return _semi_trailer() if name == "semi_trailer" else _car(name)


# CommonRoad's number of each car, and drag area c_d A [m²] of its body shape.
_CARS = {"ford_escort": (1, 0.70), "bmw_320i": (2, 0.74), "vw_vanagon": (3, 1.30)}

PARAMETER_SETS = (*_CARS, "semi_trailer")


def _car(name: str) -> VehicleParameters:
    number, drag_area_m2 = _CARS[name]
    published = _published(number)
    tyre, steering, longitudinal = published.tire, published.steering, published.longitudinal
    return VehicleParameters(
        length_m=published.l,
        width_m=published.w,
        mass_kg=published.m,
        yaw_inertia_kgm2=published.I_z,
        front_axle_m=published.a,
        rear_axle_m=published.b,
        gravity_centre_height_m=published.h_cg,
        track_m=published.T_f,
        steering_max_rad=steering.max,
        steering_rate_max_radps=steering.v_max,
        steering_lag_s=0.05,
        # Above the switching speed CommonRoad's acceleration limit falls as 1/v: constant power.
        power_w=published.m * longitudinal.a_max * longitudinal.v_switch,
        drive_max_mps2=longitudinal.a_max,
        speed_max_mps=longitudinal.v_max,
        engine_lag_s=0.3,
        front_drive_share=published.T_se,
        brake_max_mps2=longitudinal.a_max,
        brake_lag_s=0.1,
        front_brake_share=published.T_sb,
        drag_area_m2=drag_area_m2,
        rolling_resistance=0.012,
        longitudinal_friction=tyre.p_dx1,
        lateral_friction=tyre.p_dy1,
        cornering_stiffness_per_rad=-tyre.p_ky1,
        lateral_shape=tyre.p_cy1,
        lateral_curvature=tyre.p_ey1,
    )


def _semi_trailer() -> VehicleParameters:
    published = _published(4)
    mass_kg, length_m = 40_000.0, published.trailer.l_total
    wheelbase_m = published.trailer.l_wb
    return VehicleParameters(
        length_m=length_m,
        width_m=published.trailer.w,
        mass_kg=mass_kg,
        yaw_inertia_kgm2=mass_kg * length_m**2 / 12.0,
        front_axle_m=wheelbase_m / 2.0,
        rear_axle_m=wheelbase_m / 2.0,
        gravity_centre_height_m=1.6,
        track_m=2.0,
        steering_max_rad=published.steering.max,
        steering_rate_max_radps=published.steering.v_max,
        steering_lag_s=0.1,
        power_w=340e3,
        drive_max_mps2=1.5,
        speed_max_mps=published.longitudinal.v_max,
        engine_lag_s=0.5,
        front_drive_share=0.0,
        brake_max_mps2=published.longitudinal.a_max,
        # A first-order lag that reaches 75 % after 0.6 s.
        brake_lag_s=0.6 / log(4.0),
        front_brake_share=0.5,
        drag_area_m2=5.5,
        rolling_resistance=0.007,
        # Heavy truck tyres on dry asphalt: less grip and less stiffness than a car's.
        longitudinal_friction=0.75,
        lateral_friction=0.70,
        cornering_stiffness_per_rad=7.0,
        lateral_shape=1.35,
        lateral_curvature=0.0,
    )


def _published(number: int) -> Any:
    # Reading the package's YAML costs a moment; only who drives embedded vehicles pays it.
    from vehiclemodels.vehicle_parameters import setup_vehicle_parameters

    return setup_vehicle_parameters(vehicle_id=number)
