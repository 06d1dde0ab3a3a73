"""The calls that clients make, by subject, and the table that they are found in."""

from __future__ import annotations

from vehicles.carla.server.rpc import actors, batch, lights, refused, vehicles, world
from vehicles.carla.server.rpc.table import METHODS, Method

__all__ = ["METHODS", "Method", "actors", "batch", "lights", "refused", "vehicles", "world"]
