"""The traffic side: SUMO, every road user in it as arrays, and the hand-over of driven vehicles."""

from __future__ import annotations

import io
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from traci.constants import (
    REMOVE_ARRIVED,
    TL_RED_YELLOW_GREEN_STATE,
    VAR_ACCELERATION,
    VAR_ANGLE,
    VAR_POSITION3D,
    VAR_SPEED,
)

from cosim.clock import to_ns, to_s
from cosim.federate import BadInput, SideDied
from cosim.recording import Columns
from cosim.traffic.files import last_error, sumo_arguments, sumo_binary
from cosim.traffic.lights import Intersection, TrafficLights
from cosim.traffic.road import RoadReader
from cosim.traffic.settings import TrafficSettings
from vehicles.driving.base import RoadAhead
from vehicles.messages.spatem import Movement
from vehicles.settings import DrivenSettings
from vehicles.state import Kind, RoadUsers
from vehicles.weather import WeatherSettings

_KIND_OF_CLASS = {
    "truck": Kind.TRUCK,
    "trailer": Kind.TRUCK,
    "delivery": Kind.TRUCK,
    "bus": Kind.BUS,
    "coach": Kind.BUS,
    "tram": Kind.OTHER,
    "rail": Kind.OTHER,
    "rail_urban": Kind.OTHER,
    "rail_electric": Kind.OTHER,
    "rail_fast": Kind.OTHER,
    "ship": Kind.OTHER,
    "motorcycle": Kind.MOTORCYCLE,
    "moped": Kind.MOTORCYCLE,
    "bicycle": Kind.BICYCLE,
    "scooter": Kind.BICYCLE,
    "pedestrian": Kind.PEDESTRIAN,
    "wheelchair": Kind.PEDESTRIAN,
}


# SUMO's friction of a lane knows no speed: taken is the one at 50 km/h.
_TOWN_MPS = 50.0 / 3.6

# What is subscribed to for persons, and for vehicles.
_READ = (
    (VAR_POSITION3D, VAR_ANGLE, VAR_SPEED),
    (VAR_POSITION3D, VAR_ANGLE, VAR_SPEED, VAR_ACCELERATION),
)


# Of moveToXY: to the nearest place of its route, or wherever it is, off the road too.
_ON_ITS_ROUTE, _ANYWHERE = 1, 2
# What SUMO paints what has no colour of its own: yellow.
_NO_COLOUR = (255, 255, 0)


class Entered(NamedTuple):
    """A driven vehicle that SUMO has just inserted and that is the bridge's from now on."""

    name: str
    user_id: str
    slot: int


class _Body(NamedTuple):
    kind: Kind
    length_m: float
    width_m: float
    height_m: float


@dataclass
class _Stray:
    """A vehicle that a person drives, and that may leave its way and the road."""

    goal: str
    """The edge that it is to come to."""
    way: tuple[str, ...]
    """The edges that SUMO would have it drive now."""


class SumoTraffic:
    """SUMO as a side of the bridge.

    After each advance `users` holds everyone that SUMO moves; rows of driven vehicles are left to
    the vehicle side. `taken_over` lists the driven vehicles that appeared in the last advance, and
    `departed` the ids and slots of road users that left in it.

    Args:
        settings: the scenario's traffic.
        users: the arrays to fill.
        driven: the vehicles that the bridge drives.
        run_dir: the run's folder; SUMO's own files go to its folder `sumo`.
        seed: the run's seed, SUMO's too.
        weather: water on the road makes SUMO's own drivers slower, as its model of friction has it.
        before_step: called with the instant [ns] that SUMO is about to reach, to act on vehicles.
    """

    name = "SUMO"

    def __init__(
        self,
        settings: TrafficSettings,
        users: RoadUsers,
        driven: Sequence[DrivenSettings],
        *,
        run_dir: Path,
        seed: int,
        weather: WeatherSettings,
        before_step: Callable[[Any, int], None],
    ) -> None:
        self.users = users
        self._settings = settings
        self._run_dir = run_dir
        self._arguments = sumo_arguments(settings, run_dir, seed)
        self.step_ns = to_ns(float(self._arguments[self._arguments.index("--step-length") + 1]))
        self._friction = float(weather.grip(np.array([_TOWN_MPS]))[0])
        if self._friction < 1.0:
            # Only vehicles with this device heed it.
            self._arguments += ["--device.friction.probability", "1"]
        self._before_step = before_step
        self._awaited = list(driven)
        self._driven: dict[str, str] = {}
        self._strays: dict[str, _Stray] = {}
        self._bodies: dict[str, _Body] = {}
        self._api: Any = None
        self._process: subprocess.Popen[bytes] | None = None
        self._road: RoadReader | None = None
        self._lights: TrafficLights | None = None
        self._letters: dict[str, str] = {}
        self._letters_told: dict[str, str] = {}
        self._roads: dict[str, RoadAhead | None] = {}
        self.taken_over: list[Entered] = []
        self.departed: list[tuple[str, int]] = []

    def start(self) -> None:
        """Start SUMO; BadInput with SUMO's own words if it refuses its input."""
        if self._settings.api == "libsumo":
            self._api = _start_libsumo(self._arguments, self._run_dir)
        else:
            self._api, self._process = _start_traci(
                self._arguments, self._run_dir, gui=self._settings.gui
            )
        if self._friction < 1.0:
            for edge_id in self._api.edge.getIDList():
                self._api.edge.setFriction(edge_id, self._friction)
        self._road = RoadReader(self._api)
        self._letters = dict.fromkeys(self._api.trafficlight.getIDList(), "")
        if self._process is not None:
            for light in self._letters:
                self._api.trafficlight.subscribe(light, [TL_RED_YELLOW_GREEN_STATE])
        self._add_vehicles()
        self._read()

    def advance(self, to_ns: int) -> None:
        """Move SUMO one step, to `to_ns`."""
        with self._alive():
            self._before_step(self._api, to_ns)
            self._place_driven(to_ns)
            self._api.simulationStep()
            self._read(to_ns)

    def road_ahead(self, user_id: str) -> RoadAhead | None:
        """The road ahead of a driven vehicle; None when SUMO can't say (it left the road).

        Read when SUMO stepped: whoever asks in between doesn't wait for SUMO, and says by
        `seen_from` where the vehicle is by then.
        """
        return self._roads.get(user_id)

    def intersections(self) -> list[Intersection]:
        """The intersections with traffic lights."""
        return self._traffic_lights().intersections

    def movements(self, light: str, now_ns: int) -> tuple[Movement, ...]:
        """What the signal groups of traffic lights show at the last step, and then [ns]."""
        with self._alive():
            return self._traffic_lights().movements(light, now_ns)

    def reroute(self, user_id: str, edges: Sequence[str]) -> bool:
        """Have a vehicle go by other edges, from the one it is on; False if there is no way."""
        with self._alive():
            try:
                self._api.vehicle.setRoute(user_id, list(edges))
            except Exception as error:
                if type(error).__name__ != "TraCIException":
                    raise
                return False
        return True

    def remove(self, user_id: str) -> None:
        """Take a driven vehicle off the road."""
        self._api.vehicle.remove(user_id, REMOVE_ARRIVED)
        self._driven.pop(user_id)
        self._strays.pop(user_id, None)

    def colour(self, user_id: str) -> tuple[int, int, int] | None:
        """A road user's colour as red, green, blue; None if SUMO's demand gives it none."""
        kind = self.users.kind[self.users.slot_of(user_id)]
        domain = self._api.person if kind == Kind.PEDESTRIAN else self._api.vehicle
        with self._alive():
            colour = domain.getColor(user_id)[:3]
        return None if colour == _NO_COLOUR else colour

    def vehicle_signals(self, ids: Sequence[str]) -> list[int]:
        """SUMO's signals of vehicles (TraCI variable 0x5b), as bits."""
        read = self._api.vehicle.getSignals
        with self._alive():
            return [read(user_id) for user_id in ids]

    def traffic_lights(self) -> dict[str, str]:
        """State strings of the traffic lights at the last step, by id."""
        return self._letters

    def opendrive_signals(self) -> dict[tuple[str, int], list[str]]:
        """OpenDRIVE's signals for each traffic light's link, by id and link index.

        netconvert calls them by light and index, and keeps the names they had in an OpenDRIVE map.
        """
        signals = {}
        for light, letters in self.traffic_lights().items():
            for index in range(len(letters)):
                known = self._api.trafficlight.getParameter(light, f"linkSignalID:{index}")
                signals[light, index] = known.split() or [f"{light}_{index}"]
        return signals

    def set_traffic_lights(self, states: Mapping[str, str]) -> None:
        """Show these state strings from now on, instead of the lights' own programs."""
        with self._alive():
            for light, state in states.items():
                self._api.trafficlight.setRedYellowGreenState(light, state)
        self._letters = {**self._letters, **states}

    def rows(self, now_ns: int, *, last: bool) -> Iterator[tuple[str, Columns]]:
        """The traffic lights that show something else than at the last call; at first all."""
        del last
        told, self._letters_told = self._letters_told, self._letters
        changed = [light for light, state in self._letters.items() if told.get(light) != state]
        if changed:
            yield (
                "traffic_lights",
                {
                    "time_s": np.full(len(changed), to_s(now_ns)),
                    "id": changed,
                    "state": [self._letters[light] for light in changed],
                },
            )

    def abort(self) -> None:
        """Kill SUMO's process, if it has one of its own, so that a blocked call raises."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End SUMO; its output files are complete after that."""
        api, self._api = self._api, None
        if api is None:
            return
        try:
            api.close()
        except Exception as error:
            # A SUMO that is gone already can't be closed; its death has been reported.
            if not _is_sumo_error(error):
                raise
        if self._process is not None:
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _traffic_lights(self) -> TrafficLights:
        if self._lights is None:
            self._lights = TrafficLights(self._api)
        return self._lights

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """Whatever SUMO's API raises in here is SUMO's death."""
        try:
            yield
        except Exception as error:
            if not _is_sumo_error(error):
                raise
            self._lost(error)

    def _lost(self, error: Exception) -> NoReturn:
        reason = last_error(self._run_dir) or str(error).strip() or type(error).__name__
        if self._process is not None:
            # Give the process a moment to be gone, so that its exit status can be told.
            try:
                status = self._process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                status = None
            if status is not None and status < 0:
                reason = f"its process was killed by signal {-status}"
        raise SideDied(self.name, f"at {to_s(self._now_ns):g} s: {reason}") from error

    _now_ns = 0

    def _add_vehicles(self) -> None:
        for driven in self._awaited:
            if driven.add is None:
                continue
            route_id = f"route of {driven.id}"
            try:
                self._api.route.add(route_id, driven.add.route)
                self._api.vehicle.add(
                    driven.id,
                    route_id,
                    typeID=driven.add.type,
                    depart=f"{driven.add.depart_s:g}",
                    departLane=str(driven.add.lane),
                    departPos=f"{driven.add.position_m:g}",
                    departSpeed=f"{driven.add.speed_mps:g}",
                )
            except Exception as error:
                if not _is_sumo_error(error):
                    raise
                raise BadInput(f"vehicles.driven: {driven.id}: add: {error}") from error

    def _place_driven(self, to_ns: int) -> None:
        """Tell SUMO where the driven vehicles will be at `to_ns`, front bumper first."""
        for user_id in [user_id for user_id in self._driven if self._is_at_its_end(user_id)]:
            self.remove(user_id)
        if not self._driven:
            return
        slots = np.array([self.users.slot_of(user_id) for user_id in self._driven])
        there = self.users.at(to_ns, slots)
        half = self.users.length_m[slots] / 2
        front_x = there.x_m + half * np.cos(there.heading_rad)
        front_y = there.y_m + half * np.sin(there.heading_rad)
        angle_deg = (90.0 - np.degrees(there.heading_rad)) % 360.0
        for user_id, x, y, angle, speed in zip(
            self._driven, front_x, front_y, angle_deg, there.speed_mps, strict=True
        ):
            self._api.vehicle.setSpeed(user_id, max(float(speed), 0.0))
            self._api.vehicle.moveToXY(
                user_id,
                "",
                -1,
                float(x),
                float(y),
                float(angle),
                _ANYWHERE if user_id in self._strays else _ON_ITS_ROUTE,
                matchThreshold=100.0,
            )

    def _is_at_its_end(self, user_id: str) -> bool:
        """Whether the front bumper is where the route ends: only there is no line to stop at."""
        road = self._roads.get(user_id)
        if road is None or np.isfinite(road.stop_s_m):
            return False
        users, slot = self.users, self.users.slot_of(user_id)
        here = road.seen_from(float(users.x_m[slot]), float(users.y_m[slot]))
        front_m = here.ego_s_m + 0.5 * float(users.length_m[slot])
        if front_m < road.path_s_m[-1]:
            return False
        stray = self._strays.get(user_id)
        return stray is None or self._api.vehicle.getRoadID(user_id) == stray.goal

    def _guide_back(self) -> None:
        """Give who has left their way another one to where they wanted to go."""
        for user_id, stray in self._strays.items():
            way = self._api.vehicle.getRoute(user_id)
            if way != stray.way and way[-1] != stray.goal:
                try:
                    self._api.vehicle.changeTarget(user_id, stray.goal)
                except Exception as error:
                    # There is no way from here: wherever they drive next there may be one.
                    if type(error).__name__ != "TraCIException":
                        raise
                way = self._api.vehicle.getRoute(user_id)
            stray.way = way

    def _read(self, now_ns: int = 0) -> None:
        assert self._road is not None
        self._now_ns = now_ns
        self.taken_over = []
        self.departed = []
        vehicles = self._api.vehicle
        persons = self._api.person
        vehicle_ids = vehicles.getIDList()
        person_ids = persons.getIDList()
        present = {*vehicle_ids, *person_ids}
        for user_id in [
            user_id for user_id in self.users.ids if user_id and user_id not in present
        ]:
            self.departed.append((user_id, self.users.leave(user_id)))
            self._driven.pop(user_id, None)
            self._strays.pop(user_id, None)
            self._road.forget(user_id)
        self._enter(vehicles, vehicle_ids)
        self._enter(persons, person_ids)
        moved = [user_id for user_id in vehicle_ids if user_id not in self._driven]
        rows = _called_rows if self._process is None else _subscribed_rows
        self._fill(moved, rows(vehicles, moved), now_ns)
        self._fill(person_ids, rows(persons, person_ids), now_ns)
        self._take_over(vehicles, vehicle_ids, now_ns)
        self._guide_back()
        self._read_lights()
        self._roads = {user_id: self._road.ahead(user_id) for user_id in self._driven}

    def _read_lights(self) -> None:
        lights = self._api.trafficlight
        if self._process is None:
            read = lights.getRedYellowGreenState
            self._letters = {light: read(light) for light in self._letters}
        else:
            rows = lights.getAllSubscriptionResults()
            self._letters = {
                light: rows[light][TL_RED_YELLOW_GREEN_STATE] for light in self._letters
            }

    def _enter(self, domain: Any, ids: Sequence[str]) -> None:
        for user_id in ids:
            if user_id in self.users:
                continue
            type_id = domain.getTypeID(user_id)
            body = self._bodies.get(type_id)
            if body is None:
                body = _Body(
                    kind=_KIND_OF_CLASS.get(domain.getVehicleClass(user_id), Kind.CAR),
                    length_m=domain.getLength(user_id),
                    width_m=domain.getWidth(user_id),
                    height_m=domain.getHeight(user_id),
                )
                self._bodies[type_id] = body
            self.users.enter(user_id, *body)
            if self._process is not None:
                domain.subscribe(user_id, _READ[hasattr(domain, "getAcceleration")])

    def _fill(self, ids: Sequence[str], rows: Sequence[tuple[float, ...]], now_ns: int) -> None:
        """Write rows of front x, y, z, SUMO angle, speed, acceleration into the arrays."""
        if not ids:
            return
        users = self.users
        slots = np.array([users.slot_of(user_id) for user_id in ids])
        x, y, z, angle_deg, speed, acceleration = np.array(rows).T
        heading = np.radians(90.0 - angle_deg)
        heading = np.arctan2(np.sin(heading), np.cos(heading))
        turned = heading - users.heading_rad[slots]
        turned = np.arctan2(np.sin(turned), np.cos(turned))
        # Who has just entered has no earlier heading to have turned from.
        known = users.stamp_ns[slots] >= 0
        users.yaw_rate_radps[slots] = np.where(known, turned / to_s(self.step_ns), 0.0)
        half = users.length_m[slots] / 2
        users.x_m[slots] = x - half * np.cos(heading)
        users.y_m[slots] = y - half * np.sin(heading)
        users.z_m[slots] = z
        users.heading_rad[slots] = heading
        users.speed_mps[slots] = speed
        users.acceleration_mps2[slots] = acceleration
        users.stamp_ns[slots] = now_ns

    def _take_over(self, vehicles: Any, vehicle_ids: Sequence[str], now_ns: int) -> None:
        """Match the driven vehicles still awaited with what SUMO has on the road."""
        for driven in list(self._awaited):
            user_id = _first_match(driven, vehicles, vehicle_ids, self._driven)
            if user_id is None:
                continue
            self._awaited.remove(driven)
            self._driven[user_id] = driven.id
            if driven.has_person:
                way = vehicles.getRoute(user_id)
                self._strays[user_id] = _Stray(way[-1], way)
            slot = self.users.slot_of(user_id)
            self.users.driven[slot] = True
            self.users.stamp_ns[slot] = now_ns
            # The bridge drives: SUMO is to keep its own checks and lane changes out of it.
            vehicles.setSpeedMode(user_id, 0)
            vehicles.setLaneChangeMode(user_id, 0)
            # Standing nearer than SUMO's drivers would is no collision.
            vehicles.setMinGap(user_id, 0.0)
            self.taken_over.append(Entered(driven.id, user_id, slot))


def _first_match(
    driven: DrivenSettings, vehicles: Any, ids: Sequence[str], taken: dict[str, str]
) -> str | None:
    wanted = driven.from_traffic
    for user_id in ids:
        if user_id in taken:
            continue
        if wanted is None:
            if user_id == driven.id:
                return user_id
        elif (
            (wanted.type is None or vehicles.getTypeID(user_id) == wanted.type)
            and (wanted.route is None or vehicles.getRouteID(user_id) == wanted.route)
            and (
                wanted.vehicle_class is None
                or vehicles.getVehicleClass(user_id) == wanted.vehicle_class
            )
        ):
            return user_id
    return None


def _called_rows(domain: Any, ids: Sequence[str]) -> list[tuple[float, ...]]:
    """Plain calls, which beat subscriptions in libsumo."""
    position, angle, speed = domain.getPosition3D, domain.getAngle, domain.getSpeed
    # SUMO has no acceleration of persons.
    acceleration = getattr(domain, "getAcceleration", _no_acceleration)
    return [
        (*position(user_id), angle(user_id), speed(user_id), acceleration(user_id))
        for user_id in ids
    ]


def _subscribed_rows(domain: Any, ids: Sequence[str]) -> list[tuple[float, ...]]:
    """The results of subscriptions, which beat plain calls over the socket."""
    results = domain.getAllSubscriptionResults()
    return [
        (*row[VAR_POSITION3D], row[VAR_ANGLE], row[VAR_SPEED], row.get(VAR_ACCELERATION, 0.0))
        for row in (results[user_id] for user_id in ids)
    ]


def _no_acceleration(_user_id: str) -> float:
    return 0.0


def _start_libsumo(arguments: list[str], run_dir: Path) -> Any:
    try:
        import libsumo
    except ImportError as error:
        raise BadInput(
            f"libsumo can't be loaded ({error}); on Debian, install libatomic1 libexpat1 libgl1 "
            "libx11-6 libxext6 libxrender1"
        ) from error

    if libsumo.simulation.isLoaded():
        # A second start would silently replace the first simulation.
        raise BadInput(
            "libsumo holds one simulation per process and one is running: "
            "close it first, or use `traffic.api: traci`"
        )
    try:
        libsumo.start(["sumo", *arguments])
    except Exception as error:
        if not _is_sumo_error(error):
            raise
        raise BadInput(f"SUMO refuses its input: {last_error(run_dir) or error}") from error
    return libsumo


def _start_traci(
    arguments: list[str], run_dir: Path, *, gui: bool
) -> tuple[Any, subprocess.Popen[bytes]]:
    import traci
    from sumolib.miscutils import getFreeSocketPort

    port = getFreeSocketPort()
    command = [sumo_binary(gui), *arguments, "--remote-port", str(port)]
    if gui:
        command += ["--start", "--quit-on-end"]
    log = (run_dir / "sumo" / "console.log").open("wb")
    # A session of its own keeps Ctrl-C from reaching SUMO before the bridge can close it.
    process = subprocess.Popen(
        command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    log.close()
    try:
        # traci tells every retry on stdout.
        with redirect_stdout(io.StringIO()):
            connection = traci.connect(
                port, numRetries=600, proc=process, waitBetweenRetries=0.05, label=uuid.uuid4().hex
            )
    except Exception as error:
        process.kill()
        process.wait()
        if not _is_sumo_error(error):
            raise
        raise BadInput(f"SUMO refuses its input: {last_error(run_dir) or error}") from error
    return connection, process


def _is_sumo_error(error: Exception) -> bool:
    """Whether an exception is libsumo's or traci's, whose classes differ, or a lost socket's."""
    names = {cls.__name__ for cls in type(error).__mro__}
    return bool(names & {"TraCIException", "FatalTraCIError"}) or isinstance(error, OSError)
