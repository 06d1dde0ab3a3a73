"""Which of CARLA's blueprints stands for a road user.

One of the same kind that comes closest in size; where several are about as close, the road user's
id picks, so that a street isn't full of twins and every run looks the same. What stands for
something that it isn't, or isn't nearly as large as, is told.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from vehicles.carla.catalogue import CatalogueVehicle, catalogue
from vehicles.state import Kind

Rgb = tuple[int, int, int]
_T = TypeVar("_T")

_KIND_OF = {
    "car": Kind.CAR,
    "van": Kind.TRUCK,
    "truck": Kind.TRUCK,
    "bus": Kind.BUS,
    "motorcycle": Kind.MOTORCYCLE,
    "bicycle": Kind.BICYCLE,
}
# What may stand for a kind that the server has nothing of, best first.
_SUBSTITUTES: dict[Kind, tuple[Kind, ...]] = {
    Kind.CAR: (Kind.TRUCK,),
    Kind.TRUCK: (Kind.BUS, Kind.CAR),
    Kind.BUS: (Kind.TRUCK, Kind.CAR),
    Kind.MOTORCYCLE: (Kind.BICYCLE,),
    Kind.BICYCLE: (Kind.MOTORCYCLE,),
    Kind.PEDESTRIAN: (),
    Kind.OTHER: (Kind.BUS, Kind.TRUCK, Kind.CAR),
}
# How much worse than the closest a blueprint may fit (sum of logarithms) and still be picked.
_ABOUT_AS_CLOSE = 0.1
_LENGTH_TOLERANCE = 0.25


class Body(NamedTuple):
    """What is known of a road user that is to be shown."""

    id: str
    kind: Kind
    length_m: float
    width_m: float
    height_m: float = 0.0


class Choice(NamedTuple):
    """A blueprint, and what there is to tell about it ("" if it is what it stands for)."""

    blueprint: str
    note: str = ""


class Blueprints:
    """The blueprints that a server has.

    Args:
        ids: their ids, as the server lists them.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = frozenset(ids)
        self._of: dict[Kind, list[CatalogueVehicle]] = {}
        for vehicle in catalogue():
            # Police, taxis and the sets of the vehicle model aren't everyday traffic.
            everyday = vehicle.special_type in ("", "electric")
            if vehicle.id in self._ids and everyday and not _parameter_set(vehicle.id):
                self._of.setdefault(_KIND_OF[vehicle.base_type], []).append(vehicle)
        self._walkers = sorted(id_ for id_ in self._ids if id_.startswith("walker.pedestrian."))

    def for_traffic(self, body: Body) -> Choice | None:
        """What stands for a road user of SUMO's; None if nothing can."""
        if body.kind == Kind.PEDESTRIAN:
            return Choice(_pick(self._walkers, body.id)) if self._walkers else None
        for kind in (body.kind, *_SUBSTITUTES[body.kind]):
            if kind in self._of:
                break
        else:
            return None
        closest = _pick(_closest(self._of[kind], body), body.id)
        if kind != body.kind:
            note = f"no {body.kind.name.lower()} among the blueprints"
        elif abs(closest.length_m / body.length_m - 1.0) > _LENGTH_TOLERANCE:
            note = f"no blueprint of about {body.length_m:.1f} m"
        else:
            return Choice(closest.id)
        return Choice(closest.id, f"{note}: shown as {closest.id} of {closest.length_m:.1f} m")

    def for_driven(self, model: str, length_m: float, width_m: float) -> Choice | None:
        """The blueprint of a parameter set of the vehicle model, or the closest there is."""
        own = f"vehicle.commonroad.{model}"
        if own in self._ids:
            return Choice(own)
        kind = Kind.TRUCK if length_m > 7.0 else Kind.CAR
        found = self.for_traffic(Body(model, kind, length_m, width_m))
        if found is None:
            return None
        return Choice(
            found.blueprint,
            f"no blueprint for model {model}: CARLA drives {found.blueprint}, by its own physics",
        )


def nearest_colour(wanted: Rgb, recommended: Iterable[str]) -> str | None:
    """Which of a blueprint's recommended colours, "r,g,b" each, comes nearest; None without any."""
    return min(recommended, key=lambda text: math.dist(wanted, _rgb(text)), default=None)


def own_colour(user_id: str, recommended: Iterable[str]) -> str | None:
    """A colour out of a blueprint's own for somebody who has none; None if it has none either."""
    colours = sorted(recommended)
    return _pick(colours, user_id) if colours else None


def _parameter_set(blueprint: str) -> bool:
    return blueprint.startswith("vehicle.commonroad.")


def _closest(vehicles: list[CatalogueVehicle], body: Body) -> list[CatalogueVehicle]:
    misfit = {vehicle.id: _misfit(vehicle, body) for vehicle in vehicles}
    best = min(misfit.values())
    return [vehicle for vehicle in vehicles if misfit[vehicle.id] <= best + _ABOUT_AS_CLOSE]


def _misfit(vehicle: CatalogueVehicle, body: Body) -> float:
    # Widths count less: CARLA's include the mirrors.
    length = abs(math.log(vehicle.length_m / max(body.length_m, 0.1)))
    width = abs(math.log(vehicle.width_m / max(body.width_m, 0.1)))
    return length + 0.25 * width


def _pick(among: list[_T], user_id: str) -> _T:
    return among[zlib.crc32(user_id.encode()) % len(among)]


def _rgb(text: str) -> Rgb:
    red, green, blue = (int(part) for part in text.split(","))
    return red, green, blue
