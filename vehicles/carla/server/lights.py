"""Traffic lights: one actor per dynamic signal of the map, and their own timing.

Lights of one controller form a group. Its approaches are green one after another: green, yellow,
then red for all, each as long as the approach's first light says. A frozen light stops its group.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby

import numpy as np

from network.arrays import Floats
from vehicles.carla.opendrive import Light, OpenDriveMap
from vehicles.carla.server.actors import Actor, Actors
from vehicles.carla.server.blueprints import Blueprint
from vehicles.carla.server.geometry import axes
from vehicles.carla.server.table import ActorTable
from vehicles.carla.server.wire import Transform

_SIGNAL = Blueprint("traffic.traffic_light")
_SIGN_ID_BYTES = 32
# CARLA's usual times.
_GREEN_S, _YELLOW_S, _RED_S = 10.0, 3.0, 2.0


class LightState(IntEnum):
    """What a traffic light shows."""

    RED = 0
    YELLOW = 1
    GREEN = 2
    OFF = 3
    UNKNOWN = 4


_STAGES = (LightState.GREEN, LightState.YELLOW, LightState.RED)


@dataclass(eq=False)
class _Group:
    """Lights that share a clock, by approach."""

    approaches: list[list[Actor]]
    turn: int = 0
    stage: int = 0
    elapsed_s: float = 0.0

    @property
    def members(self) -> list[Actor]:
        return [actor for approach in self.approaches for actor in approach]


class TrafficLights:
    """The lights of a map, made when an episode begins.

    Args:
        road_map: has the signals.
        actors: gets an actor for each, in the map's order.
        table: holds what they show.
    """

    def __init__(self, road_map: OpenDriveMap, actors: Actors, table: ActorTable) -> None:
        self._table = table
        self.actors: list[Actor] = []
        self._light_of: dict[int, Light] = {}
        self._group_of: dict[int, _Group] = {}
        for light in road_map.lights:
            actor = actors.make(_SIGNAL, _transform(light))
            _bound(actor, light)
            self.actors.append(actor)
            self._light_of[actor.id] = light
            row = table.lights[actor.row]
            row["sign_id"] = light.sign_id.encode()[: _SIGN_ID_BYTES - 1]
            row["green_s"], row["yellow_s"], row["red_s"] = _GREEN_S, _YELLOW_S, _RED_S
        self._groups = self._grouped()
        self.reset_all()

    def set_state(self, actor: Actor, state: int) -> None:
        """Show a state until the group's clock says otherwise."""
        row = self._table.lights[actor.row]
        if row["light"] != state:
            row["light"], row["elapsed_s"] = LightState(state), 0.0

    def set_time(self, actor: Actor, stage: str, time_s: float) -> None:
        """How long a light is `green`, `yellow` or `red`."""
        self._table.lights[f"{stage}_s"][actor.row] = max(time_s, 0.0)

    def freeze(self, actor: Actor, *, frozen: bool) -> None:
        """Stop or start the clock of a light's group."""
        for member in self._group_of[actor.id].members:
            self._table.lights["frozen"][member.row] = frozen

    def freeze_all(self, *, frozen: bool) -> None:
        """Stop or start every clock."""
        for actor in self.actors:
            self._table.lights["frozen"][actor.row] = frozen

    def group(self, actor: Actor) -> list[Actor]:
        """Every light that shares a light's clock, itself included."""
        return self._group_of[actor.id].members

    def reset(self, actor: Actor) -> None:
        """Begin a group's cycle anew."""
        self._begin(self._group_of[actor.id])

    def reset_all(self) -> None:
        """Begin every group's cycle anew."""
        for group in self._groups:
            self._begin(group)

    def advance(self, dt_s: float) -> None:
        """Move the clocks on."""
        lights = self._table.lights
        for group in self._groups:
            rows = [actor.row for actor in group.members]
            if lights["frozen"][rows].any():
                continue
            lights["elapsed_s"][rows] += dt_s
            group.elapsed_s += dt_s
            while group.elapsed_s >= (lasts_s := self._lasts_s(group)) and lasts_s > 0.0:
                group.elapsed_s -= lasts_s
                self._next(group)

    def states(self) -> Floats:
        """What each of `actors` shows now."""
        return self._table.lights["light"][[actor.row for actor in self.actors]]

    def _grouped(self) -> list[_Group]:
        def place(actor: Actor) -> tuple[str, str]:
            light = self._light_of[actor.id]
            return light.group, light.approach

        groups = []
        for _name, members in groupby(sorted(self.actors, key=place), lambda a: place(a)[0]):
            group = _Group([list(together) for _road, together in groupby(members, place)])
            groups.append(group)
            for pole, approach in enumerate(group.approaches):
                for actor in approach:
                    self._group_of[actor.id] = group
                    self._table.lights["pole"][actor.row] = pole
        return groups

    def _begin(self, group: _Group) -> None:
        group.turn, group.stage, group.elapsed_s = 0, 0, 0.0
        for index, approach in enumerate(group.approaches):
            for actor in approach:
                self.set_state(actor, LightState.RED if index else LightState.GREEN)

    def _lasts_s(self, group: _Group) -> float:
        first = group.approaches[group.turn][0]
        stage = ("green_s", "yellow_s", "red_s")[group.stage]
        return float(self._table.lights[stage][first.row])

    def _next(self, group: _Group) -> None:
        group.stage = (group.stage + 1) % len(_STAGES)
        if group.stage == 0:
            group.turn = (group.turn + 1) % len(group.approaches)
        for actor in group.approaches[group.turn]:
            self.set_state(actor, _STAGES[group.stage])


def _transform(light: Light) -> Transform:
    pose = light.pose
    return Transform((pose.x_m, pose.y_m, pose.z_m), (0.0, pose.yaw_deg, 0.0))


def _bound(actor: Actor, light: Light) -> None:
    """A traffic light's bounding box is, as in CARLA, where it is heeded."""
    pose, zone = light.pose, light.zone
    offset = np.array((zone.x_m - pose.x_m, zone.y_m - pose.y_m, zone.z_m - pose.z_m))
    x, y, z = map(float, axes((0.0, pose.yaw_deg, 0.0)).T @ offset)
    actor.box_centre_m = (x, y, z)
    along_m, across_m = light.zone_extent_m
    actor.half_size_m = (along_m, across_m, 1.0)
