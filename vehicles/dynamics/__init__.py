"""The embedded vehicle model: single-track dynamics for many vehicles at once."""

from __future__ import annotations

from vehicles.dynamics.backing import MOST_BACKING_MPS, back
from vehicles.dynamics.parameters import PARAMETER_SETS, VehicleParameters, vehicle_parameters
from vehicles.dynamics.single_track import SUBSTEP_NS, VehicleDynamics

__all__ = [
    "MOST_BACKING_MPS",
    "PARAMETER_SETS",
    "SUBSTEP_NS",
    "VehicleDynamics",
    "VehicleParameters",
    "back",
    "vehicle_parameters",
]
