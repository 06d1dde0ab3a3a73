"""What a driving function gets and gives, in one screen.

A function is a class with a `name` and a `decide` that looks at a `Situation` and answers with a
`Proposal`, or None when it has nothing to say. A vehicle has several, in layers: `acc` drives
unless a function named later takes over; the others hold back who drives; `aeb` holds back all of
them. What wins is recorded together with what it was based on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, TypeAlias, TypeVar, cast

import numpy as np

from network.arrays import Floats, Ints
from vehicles.driving.path import Path
from vehicles.messages.codec import ItsMessage
from vehicles.messages.fleet_command import FleetCommand
from vehicles.messages.ldm import LocalDynamicMap
from vehicles.messages.received import Generated, Received
from vehicles.messages.remote_command import RemoteCommand


@dataclass(frozen=True, slots=True)
class EgoState:
    """The driven vehicle as it knows itself; the position is the centre of its body."""

    x_m: float
    y_m: float
    heading_rad: float
    speed_mps: float
    acceleration_mps2: float
    length_m: float
    width_m: float


@dataclass(frozen=True, slots=True)
class RoadAhead:
    """The road along the vehicle's route, from a little behind it.

    Args:
        path: centre line of the lanes to follow.
        speed_limit_mps: limit from each point on, shape (n,) [m/s].
        stop_s_m: arc length of the next line that may not be crossed now (a red light, somebody
            with priority, the end of the lane); infinite if there is none.
        stop_if_comfortable: the line may still be crossed when stopping would be harsh (yellow).
        yield_s_m: stretches of the path, from and to, where those who cross go first, shape (k, 2).
        change: the road in the neighbouring lane, if the route needs a change to it.
        ego_s_m: arc length of the vehicle's centre [m].
        ego_left_m: how far left of the path the vehicle's centre is [m].
    """

    path: Path
    speed_limit_mps: Floats
    stop_s_m: float
    stop_if_comfortable: bool
    yield_s_m: Floats = field(default_factory=lambda: np.zeros((0, 2)))
    change: RoadAhead | None = None
    ego_s_m: float = 0.0
    ego_left_m: float = 0.0

    def seen_from(self, x_m: float, y_m: float) -> RoadAhead:
        """The same road for a vehicle whose centre is at (x_m, y_m) [m]."""
        s, left = self.along(np.array([x_m]), np.array([y_m]))
        change = self.change.seen_from(x_m, y_m) if self.change else None
        return replace(self, change=change, ego_s_m=float(s[0]), ego_left_m=float(left[0]))

    def along(self, x_m: Floats, y_m: Floats) -> tuple[Floats, Floats]:
        """Arc length [m] and distance to the left of the path [m] of points, each shape (k,)."""
        return self.path.along(x_m, y_m)

    @property
    def path_xy_m(self) -> Floats:
        """Points of the path, shape (n, 2) [m]."""
        return self.path.xy_m

    @property
    def path_s_m(self) -> Floats:
        """Arc length at each point of the path, shape (n,) [m]."""
        return self.path.s_m


class Bodies(NamedTuple):
    """Road users as boxes; every array has shape (n,), positions are body centres."""

    x_m: Floats
    y_m: Floats
    heading_rad: Floats
    speed_mps: Floats
    length_m: Floats
    width_m: Floats

    def take(self, rows: Ints) -> Bodies:
        """Some of them, by row."""
        return Bodies(*[column[rows] for column in self])


@dataclass(frozen=True, slots=True)
class Seen:
    """What the vehicle's own sensors see: slots of road users, shape (n,), and their bodies."""

    slots: Ints
    bodies: Bodies


Message: TypeAlias = ItsMessage | RemoteCommand | FleetCommand
MessageT = TypeVar("MessageT", bound=Generated)


@dataclass(frozen=True, slots=True)
class LinkView:
    """What the vehicle's modem knows of its own link; the neighbour is the strongest other cell.

    Levels are NaN where there is no such cell.
    """

    serving_cell: str | None
    rsrp_dbm: float
    sinr_db: float
    interrupted: bool
    neighbour_cell: str | None = None
    neighbour_rsrp_dbm: float = math.nan


class Coverage(Protocol):
    """The network's forecast: what it expects where (TS 23.288, QoS sustainability analytics)."""

    def expected_sinr_db(self, x_m: Floats, y_m: Floats) -> Floats:
        """Downlink SINR at places under the present load, shape (n,) [dB].

        Minus infinity where no cell will do, NaN where the network can't say.
        """


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a driving function may know at one instant.

    `received` are the messages that have come since the last decision, `ldm` those that still hold.
    """

    instant_ns: int
    ego: EgoState
    road: RoadAhead
    seen: Seen
    received: Sequence[Received[Message]]
    link: LinkView
    ldm: LocalDynamicMap = field(default_factory=LocalDynamicMap)
    coverage: Coverage | None = None

    def heard(self, kind: type[MessageT]) -> Iterator[Received[MessageT]]:
        """What has been received of one class of message."""
        for received in self.received:
            if isinstance(received.message, kind):
                yield cast("Received[MessageT]", received)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a driving function wants, and why.

    Args:
        acceleration_mps2: wanted acceleration along the heading; negative brakes.
        reason: a few words for the person who reads the decision.
        sensed_slots: slots of the road users that the vehicle saw and that it is based on.
        messages: the messages that it is based on.
        takes_over: drive in place of the functions named before this one, rather than only hold
            back whoever drives.
        steering_rad: for one that takes over, wanted angle of the front wheels, left positive; None
            for the angle that keeps the car in its lane.
        keeps_lane: the car is not to begin a change of lane.
        backwards: for one that takes over, the car may drive backwards: what brakes it when it
            stands sets it in motion.
    """

    acceleration_mps2: float
    reason: str
    sensed_slots: Sequence[int] = field(default=())
    messages: Sequence[Received[Message]] = field(default=())
    takes_over: bool = False
    steering_rad: float | None = None
    keeps_lane: bool = False
    backwards: bool = False


class DrivingFunction(Protocol):
    """A driving function of one vehicle; it may keep state between calls.

    Its class is made without arguments, or, if it has an attribute `Settings` (a class derived from
    `network.settings.Settings`), with an object of that: what the scenario says about it.
    """

    name: str

    def decide(self, situation: Situation) -> Proposal | None:
        """What to do now; None if the function has nothing to say."""
