"""The actors of an episode: who there is, what it was made from and what it is fixed to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from vehicles.carla.server.blueprints import Blueprint, library
from vehicles.carla.server.geometry import attached
from vehicles.carla.server.table import ActorTable
from vehicles.carla.server.wire import CarlaError, Transform, Triple, token


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
    dead: bool = False

    @property
    def attributes(self) -> dict[str, str]:
        """What it was spawned with."""
        return {name: value for name, _type, value in self.description[2]}

    def box(self) -> list[Any]:
        """Its bounding box's msgpack form, in its own frame."""
        return [self.box_centre_m, self.half_size_m, (0.0, 0.0, 0.0), self.id]

    def packed(self) -> list[Any]:
        """Its msgpack form."""
        tag = self.blueprint.semantic_tag
        parent_id = self.parent.id if self.parent else 0
        tags = bytes([tag]) if tag else b""
        return [self.id, parent_id, self.description, self.box(), tags, self.stream]

    def is_a(self, kind: str) -> bool:
        """Whether its type begins like this."""
        return self.blueprint.id.startswith(kind)


class Actors:
    """Makes and removes actors and finds them by id; ids are never given twice.

    Args:
        table: holds their motion.
        stream_port: port of the streams.
    """

    def __init__(self, table: ActorTable, stream_port: int) -> None:
        self._table = table
        self._stream_port = stream_port
        self._by_id: dict[int, Actor] = {}
        self._last_id = 0
        # Tokens of the streams opened, the world's being number 1.
        self._last_stream = 1

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
        if not actor.is_a(kind):
            raise CarlaError(f"actor {actor_id} is no {kind.rstrip('.')}")
        return actor

    def make(
        self,
        blueprint: Blueprint,
        transform: Transform,
        *,
        description: list[Any] | None = None,
        parent: Actor | None = None,
    ) -> Actor:
        """Put an actor into the world; with a parent, fixed to it at a relative transform."""
        self._last_id += 1
        world = (
            transform if parent is None else attached(self._table.transform(parent.row), transform)
        )
        actor = Actor(
            id=self._last_id,
            blueprint=blueprint,
            description=description or default_description(blueprint),
            row=self._table.add(self._last_id, world),
            half_size_m=blueprint.half_size_m,
            box_centre_m=(0.0, 0.0, blueprint.centre_above_m),
            parent=parent,
            relative=transform if parent is not None else None,
        )
        # Lane invasions are found by the client itself, from the map and the snapshots.
        if actor.is_a("sensor.") and not actor.is_a("sensor.other.lane_invasion"):
            self._last_stream += 1
            actor.stream = token(self._last_stream, self._stream_port)
        if parent is not None:
            parent.children.append(actor)
        self._by_id[actor.id] = actor
        return actor

    def remove(self, actor: Actor) -> None:
        """Take an actor out of the world; what was fixed to it stays where it is."""
        del self._by_id[actor.id]
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
        return [
            actor
            for actor in self._by_id.values()
            if actor.collides and actor.half_size_m[0] > 0.0 and not actor.is_a("traffic.")
        ]


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
    return blueprint
