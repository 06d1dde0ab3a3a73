"""The actors of an episode: who there is, what it was made from and what it is fixed to."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from vehicles.carla.server.blueprints import SIZE_ATTRIBUTES, AttributeType, Blueprint, library
from vehicles.carla.server.geometry import attached
from vehicles.carla.server.table import ActorTable
from vehicles.carla.server.wire import WORLD_STREAM, CarlaError, Transform, Triple, token

_WITH_BODIES = ("vehicle", "walker", "static")


@dataclass(eq=False)
class Actor:
    """One actor. Its motion is its row of the actor table."""

    id: int
    blueprint: Blueprint
    description: list[Any]
    """As the client sent it: it is given back to every client word for word."""
    row: int
    half_size_m: Triple
    box_centre_m: Triple
    """Middle of its bounding box, in its own frame."""
    stream: bytes = b""
    """Token of its stream; empty if it has none."""
    parent: Actor | None = None
    relative: Transform | None = None
    children: list[Actor] = field(default_factory=list)
    collides: bool = True
    kind: str = field(init=False)
    """First part of its blueprint's id: vehicle, walker, sensor, traffic, static, ..."""

    def __post_init__(self) -> None:
        self.kind = self.blueprint.id.partition(".")[0]

    @property
    def attributes(self) -> dict[str, str]:
        """What it was spawned with, or else its blueprint's own."""
        own = {attribute.id: attribute.value for attribute in self.blueprint.attributes}
        return own | {name: value for name, _type, value in self.description[2]}

    def box(self) -> list[Any]:
        """Its bounding box's msgpack form, in its own frame."""
        return [self.box_centre_m, self.half_size_m, (0.0, 0.0, 0.0), self.id]

    def packed(self) -> list[Any]:
        """Its msgpack form."""
        tag = self.blueprint.semantic_tag
        parent_id = self.parent.id if self.parent else 0
        tags = bytes([tag]) if tag else b""
        return [self.id, parent_id, self.description, self.box(), tags, self.stream]


class Numbers:
    """Ids of actors and streams, none given twice as long as the server runs.

    A client that still listens to a sensor of an earlier episode must not get another's messages.
    """

    def __init__(self) -> None:
        self.actor = itertools.count(1)
        self.stream = itertools.count(WORLD_STREAM + 1)


class Actors:
    """Makes and removes the actors of an episode and finds them.

    Args:
        table: holds their motion.
        numbers: where new ids come from.
        stream_port: port of the streams.
    """

    def __init__(self, table: ActorTable, numbers: Numbers, stream_port: int) -> None:
        self._table = table
        self._numbers = numbers
        self._stream_port = stream_port
        self._by_id: dict[int, Actor] = {}
        self._by_kind: dict[str, list[Actor]] = {}

    def __iter__(self) -> Iterator[Actor]:
        return iter(self._by_id.values())

    def get(self, actor_id: int) -> Actor | None:
        """An actor, None if it isn't there."""
        return self._by_id.get(actor_id)

    def find(self, actor_id: int, kind: str = "") -> Actor:
        """An actor of a kind; CarlaError if there is none."""
        actor = self._by_id.get(actor_id)
        if actor is None:
            raise CarlaError(f"actor {actor_id} not found")
        if kind not in ("", actor.kind):
            raise CarlaError(f"actor {actor_id} is no {kind}")
        return actor

    def of(self, kind: str) -> list[Actor]:
        """Every actor of a kind, the oldest first."""
        return self._by_kind.get(kind, [])

    def make(
        self,
        blueprint: Blueprint,
        transform: Transform,
        *,
        description: list[Any] | None = None,
        parent: Actor | None = None,
    ) -> Actor:
        """Put an actor into the world; with a parent, fixed to it at a relative transform."""
        actor_id = next(self._numbers.actor)
        world = transform
        if parent is not None:
            world = attached(self._table.transform(parent.row), transform)
        actor = Actor(
            id=actor_id,
            blueprint=blueprint,
            description=description or default_description(blueprint),
            row=self._table.add(actor_id, world),
            half_size_m=blueprint.half_size_m,
            box_centre_m=(0.0, 0.0, blueprint.centre_above_m),
            parent=parent,
            relative=transform if parent is not None else None,
        )
        # Lane invasions are found by the client itself, from the map and the snapshots.
        if actor.kind == "sensor" and blueprint.id != "sensor.other.lane_invasion":
            actor.stream = token(next(self._numbers.stream), self._stream_port)
        if parent is not None:
            parent.children.append(actor)
        self._by_id[actor.id] = actor
        self._by_kind.setdefault(actor.kind, []).append(actor)
        return actor

    def remove(self, actor: Actor) -> None:
        """Take an actor out of the world; what was fixed to it stays where it is."""
        del self._by_id[actor.id]
        self._by_kind[actor.kind].remove(actor)
        self._table.remove(actor.row)
        if actor.parent is not None:
            actor.parent.children.remove(actor)
        for child in actor.children:
            child.parent = child.relative = None

    def carry(self) -> None:
        """Move what is fixed to others along with them."""
        table = self._table
        for actor in self._by_id.values():
            parent = actor.parent
            if parent is None or actor.relative is None:
                continue
            table.place(actor.row, attached(table.transform(parent.row), actor.relative))
            table.velocity[actor.row] = table.velocity[parent.row]
            table.angular_velocity[actor.row] = table.angular_velocity[parent.row]

    def bodies(self) -> list[Actor]:
        """Actors that others can run into."""
        return [actor for kind in _WITH_BODIES for actor in self.of(kind) if actor.collides]


def default_description(blueprint: Blueprint) -> list[Any]:
    """A blueprint's description with its attributes as they are."""
    return [0, blueprint.id, [[a.id, a.type, a.value] for a in blueprint.attributes]]


def blueprint_of(description: list[Any]) -> Blueprint:
    """The blueprint that a client's description names; CarlaError if it can't be spawned."""
    blueprint = library().get(description[1])
    if blueprint is None:
        raise CarlaError(f"blueprint {description[1]!r} not found")
    if blueprint.needs:
        raise CarlaError(
            f"{blueprint.id} needs {blueprint.needs}: not supported by the headless server"
        )
    for name, kind, value in description[2]:
        if kind in (AttributeType.INT, AttributeType.FLOAT) and not _is_number(value):
            raise CarlaError(f"{blueprint.id}: {name}: expected a number, got {value!r}")
    given = {name: value for name, _type, value in description[2] if name in SIZE_ATTRIBUTES}
    return blueprint.sized([float(given.get(name) or 0.0) for name in SIZE_ATTRIBUTES])


def _is_number(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False
