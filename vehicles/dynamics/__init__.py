"""The embedded vehicle model: single-track dynamics for many vehicles at once."""

from __future__ import annotations

from vehicles.dynamics.parameters import PARAMETER_SETS, VehicleParameters, vehicle_parameters
from vehicles.dynamics.single_track import SUBSTEP_NS, VehicleDynamics

__all__ = [
    "PARAMETER_SETS",
    "SUBSTEP_NS",
    "VehicleDynamics",
    "VehicleParameters",
    "vehicle_parameters",
]
