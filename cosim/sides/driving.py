"""The driving side: each driven vehicle looks, decides and acts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from cosim.clock import NS_PER_MS, to_s
from cosim.recording import Columns
from cosim.sides.link import LinkSide
from cosim.sides.vehicles import DrivenVehicles, bodies_of, ego_state
from cosim.traffic.sumo import SumoTraffic
from network.arrays import Ints
from vehicles.criticality import find_leader, overlapping, time_to_collision_s
from vehicles.driving.base import Bodies, EgoState, Seen, Situation
from vehicles.driving.driver import Choice, Driver
from vehicles.driving.fleet_commands import FleetCommands
from vehicles.driving.person import Person
from vehicles.driving.remote_driving import RemoteDriving
from vehicles.guidance import steering_rad
from vehicles.messages.frame import Frame
from vehicles.messages.receiver import Discarded, Receiver
from vehicles.sensing import sense
from vehicles.settings import DrivenSettings
from vehicles.state import RoadUsers
from vehicles.weather import WeatherSettings

_TRUTH_RANGE_M = 200.0
# Who touches a vehicle that is slower than this has run into it.
_STANDING_MPS = 0.1


class Driving:
    """Runs the driving functions and records what they decided and on what grounds.

    Args:
        settings: the driven vehicles.
        traffic: knows the road ahead.
        vehicles: moves the driven vehicles.
        link: brings messages.
        users: everyone on the road.
        frame: of the net.
        buildings: polygons that block the view, or None.
        weather: what dims the sensors.
        step_ns: the side's step [ns].
    """

    name = "driving"

    def __init__(
        self,
        settings: list[DrivenSettings],
        traffic: SumoTraffic,
        vehicles: DrivenVehicles,
        link: LinkSide,
        users: RoadUsers,
        *,
        frame: Frame,
        buildings: Any,
        weather: WeatherSettings,
        step_ns: int,
    ) -> None:
        self.step_ns = step_ns
        self._sensors = {driven.id: driven.sensor.through(weather) for driven in settings}
        functions = {driven.id: [drive.make() for drive in driven.drives] for driven in settings}
        self._drivers = {name: Driver(own) for name, own in functions.items()}
        self.remotely_driven = {
            name: function
            for name, own in functions.items()
            for function in own
            if isinstance(function, RemoteDriving)
        }
        """The function by which a vehicle is driven from afar, for those that are."""
        self.commanded = {
            name: function
            for name, own in functions.items()
            for function in own
            if isinstance(function, FleetCommands)
        }
        """The function by which a vehicle obeys the fleet's operator, for those that do."""
        self.people = {
            name: function
            for name, own in functions.items()
            for function in own
            if isinstance(function, Person)
        }
        """The function by which a person in it drives a vehicle, for those that do."""
        self.situations: dict[str, Situation] = {}
        """What each driven vehicle decided by at the last step, by its name."""
        self.choices: dict[str, Choice] = {}
        """What each decided then."""
        self._receivers = {driven.id: Receiver(frame) for driven in settings}
        self._traffic = traffic
        self._vehicles = vehicles
        self._link = link
        self._users = users
        self._buildings = buildings
        self._decisions: list[dict[str, Any]] = []
        self._events: list[tuple[float, str, str, str, str]] = []
        self._in_contact: set[tuple[str, str]] = set()

    def start(self) -> None:
        """Nobody is driven yet."""

    def advance(self, to_ns: int) -> None:
        """Let every driven vehicle on the road decide."""
        self.situations, self.choices = {}, {}
        if not self._vehicles.on_road:
            return
        slots = self._users.slots()
        truth = bodies_of(self._users, slots, to_ns)
        for name in list(self._vehicles.on_road):
            self._drive(name, to_ns, slots, truth)

    def rows(self, _now_ns: int, *, last: bool) -> Iterator[tuple[str, Columns]]:
        """Decisions, and contacts between vehicles, since the last call."""
        del last
        decisions, self._decisions = self._decisions, []
        if decisions:
            yield "decisions", _columns(decisions)
        for name, receiver in self._receivers.items():
            discarded = receiver.take_discarded()
            if discarded:
                yield "misbehaviour", _misbehaviour(name, discarded)
        events, self._events = self._events, []
        if events:
            names = ("time_s", "kind", "id", "other", "detail")
            yield "events", dict(zip(names, map(list, zip(*events, strict=True)), strict=True))

    def abort(self) -> None:
        """Nothing to abort."""

    def close(self) -> None:
        """Nothing to release."""

    def _drive(self, name: str, now_ns: int, slots: Ints, truth: Bodies) -> None:
        """Let one vehicle decide, among the road users at `slots`, whose bodies are `truth`."""
        user_id = self._vehicles.on_road[name]
        slot = self._users.slot_of(user_id)
        road = self._traffic.road_ahead(user_id)
        if road is None:
            self._vehicles.command(name, -2.0, 0.0)
            return
        ego = ego_state(self._users, user_id, now_ns)
        road = road.seen_from(ego.x_m, ego.y_m)
        sensed = sense(self._users, now_ns, slot, self._sensors[name], buildings=self._buildings)
        receiver = self._receivers[name]
        station_id = self._link.station_ids.of(user_id)
        received = receiver.read(
            self._link.take_received(slot), station_id, ego.x_m, ego.y_m, now_ns
        )
        situation = Situation(
            instant_ns=now_ns,
            ego=ego,
            road=road,
            seen=Seen(sensed.slots, truth.take(np.searchsorted(slots, sensed.slots))),
            received=received,
            ldm=receiver.ldm,
            link=self._link.view(slot),
            coverage=self._link,
        )
        self.situations[name] = situation
        choice = self._drivers[name].decide(situation)
        self.choices[name] = choice
        steering = choice.steering_rad
        if steering is None:
            steering = steering_rad(
                choice.line_xy_m,
                ego.x_m,
                ego.y_m,
                ego.heading_rad,
                ego.speed_mps,
                self._vehicles.wheelbase_m(name),
            )
        self._vehicles.command(
            name, choice.proposal.acceleration_mps2, steering, backwards=choice.backwards
        )
        # Everyone near, seen or not: the truth that criticality is judged by.
        apart_m = np.hypot(truth.x_m - ego.x_m, truth.y_m - ego.y_m)
        near = np.flatnonzero((apart_m < _TRUTH_RANGE_M) & (slots != slot))
        ids = [self._users.ids[other] for other in slots[near].tolist()]
        self._record(name, user_id, now_ns, ego, choice, (ids, truth.take(near)))

    def _record(
        self,
        name: str,
        user_id: str,
        now_ns: int,
        ego: EgoState,
        choice: Choice,
        others: tuple[list[str], Bodies],
    ) -> None:
        ids, bodies = others
        leader = find_leader(choice.road, ego, bodies)
        ttc_s = math.inf
        if leader is not None:
            ttc_s = time_to_collision_s(choice.road, ego, bodies, leader)
        proposal = choice.proposal
        self._decisions.append(
            {
                "time_s": to_s(now_ns),
                "vehicle": name,
                "id": user_id,
                "function": choice.function,
                "reason": proposal.reason,
                "wanted_acceleration_mps2": proposal.acceleration_mps2,
                "acceleration_mps2": ego.acceleration_mps2,
                "speed_mps": ego.speed_mps,
                "lane_offset_m": choice.road.ego_left_m,
                "gap_m": leader.gap_m if leader else math.inf,
                "ttc_s": ttc_s,
                "sensed": [self._users.ids[slot] for slot in proposal.sensed_slots],
                "packets": [received.packet_id for received in proposal.messages],
                "message_ages_ms": [
                    received.age_ns(now_ns) / NS_PER_MS for received in proposal.messages
                ],
            }
        )
        contacts = {(name, ids[row]) for row in np.flatnonzero(overlapping(ego, bodies)).tolist()}
        contacts |= {(name, other) for other in self._vehicles.touched(name)}
        for vehicle, other in sorted(contacts - self._in_contact):
            stands = abs(ego.speed_mps) < _STANDING_MPS
            kind = "hit_while_standing" if stands else "collision"
            speed = f"at {ego.speed_mps:.1f} m/s"
            self._events.append((to_s(now_ns), kind, vehicle, other, speed))
        self._in_contact = {pair for pair in self._in_contact if pair[0] != name} | contacts


def _misbehaviour(name: str, discarded: list[Discarded]) -> Columns:
    return {
        "time_s": np.array([to_s(one.received_ns) for one in discarded]),
        "vehicle": [name] * len(discarded),
        "packet_id": np.array([one.packet_id for one in discarded]),
        "kind": [one.kind.name.lower() for one in discarded],
        "station_id": np.array([one.station_id for one in discarded]),
        "check": [one.check for one in discarded],
        "detail": [one.detail for one in discarded],
    }


def _columns(rows: list[dict[str, Any]]) -> Columns:
    columns: dict[str, Any] = {key: [row[key] for row in rows] for key in rows[0]}
    for key, values in columns.items():
        if isinstance(values[0], float):
            columns[key] = np.array(values)
    return columns
