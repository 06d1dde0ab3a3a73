"""The vehicle side when CARLA moves the driven vehicles: it shows all the others there, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from cosim.clock import to_s
from cosim.federate import BadInput, SideDied
from cosim.recording import Columns
from cosim.sides.vehicles import take_over, write_driven
from cosim.traffic.sumo import SumoTraffic
from vehicles.carla.actors import Body, Rgb
from vehicles.carla.backend import CarlaBackend, Command, DrivenBody, Pose
from vehicles.carla.camera import Photo
from vehicles.carla.coordinates import Poses
from vehicles.carla.lights import TrafficLight, sumo_state, traffic_lights, vehicle_lights
from vehicles.carla.liveness import ClientThread, Liveness, ServerDied, ServerUnreachable
from vehicles.carla.roads import net_of_opendrive, opendrive_of_net
from vehicles.carla.sensors import Measured
from vehicles.dynamics.steps import angle_in_steps, in_steps
from vehicles.settings import CarlaSettings
from vehicles.state import Kind, RoadUsers
from vehicles.weather import WeatherSettings

# How long a driven vehicle's place may be taken before the run can't go on without it.
_PLACED_WITHIN_NS = 2_000_000_000
_Result = TypeVar("_Result")


class CarlaVehicles:
    """Ticks a CARLA server: driven vehicles by its physics, everybody else where SUMO has them.

    Args:
        settings: where the server is, and what it is to do.
        traffic: says which driven vehicles have come and gone, and how road users look.
        users: everyone on the road.
        models: driven vehicle's name -> parameter set of the vehicle model.
        weather: the scenario's weather.
        step_ns: the side's step [ns], which is the server's too.
    """

    name = "CARLA"

    def __init__(
        self,
        settings: CarlaSettings,
        traffic: SumoTraffic,
        users: RoadUsers,
        models: dict[str, str],
        *,
        weather: WeatherSettings,
        step_ns: int,
    ) -> None:
        self.step_ns = step_ns
        self._settings = settings
        self._traffic = traffic
        self._users = users
        self._models = models
        self._night = weather.is_night
        self._server = _Server(settings, weather, step_s=to_s(step_ns))
        self._backend = self._server.backend
        self._commands: dict[str, Command] = {}
        self._wheelbase_m: dict[str, float] = {}
        # Driven vehicles that a camera is to follow, and how large its pictures are.
        self._filmed: dict[str, tuple[int, int]] = {}
        # Driven vehicles that have no place yet: name -> SUMO id, and since when.
        self._placing: dict[str, tuple[str, int]] = {}
        # SUMO ids of the others: who is shown, with its slot; who has no place yet; who can't be.
        self._shown: dict[str, int] = {}
        self._waiting: set[str] = set()
        self._unshowable: set[str] = set()
        self._seen_changes = -1
        self._told: set[str] = set()
        self._events: list[tuple[float, str, str, str]] = []
        self._signals: dict[tuple[str, int], list[str]] = {}
        self._now_ns = 0
        self.on_road: dict[str, str] = {}

    def prepare(self, net: Path) -> None:
        """Connect and have the server load the road, which may take longer than any step.

        Args:
            net: SUMO's net.

        Raises:
            BadInput: no such server, or it can't load the road.
            SideDied: the server died meanwhile.
        """
        generate = self._settings.generate and self._settings.town is None
        try:
            self._server.open(opendrive_of_net(net) if generate else None)
        except (ServerUnreachable, ValueError) as error:
            self._server.close()
            raise BadInput(f"vehicles.carla: {error}") from error
        except ServerDied as error:
            self._server.close()
            raise SideDied(self.name, str(error)) from error

    def start(self) -> None:
        """Take the world over, and who is on the road already."""
        self._call(self._backend.begin)
        self._signals = self._traffic.opendrive_signals()
        self._place_driven(0)
        self._show_newcomers(0)

    def advance(self, to_ns: int) -> None:
        """Move the world on to `to_ns`."""
        sumo_stepped = to_ns % self._traffic.step_ns == 0
        if sumo_stepped:
            self._forget_departed()
        here = self._users.at(to_ns, np.array(list(self._shown.values()), np.int64))
        poses = Poses(here.x_m, here.y_m, here.z_m, here.heading_rad)
        lights = self._vehicle_lights() if sumo_stepped else {}
        signals = self._signals_of_sumo() if sumo_stepped else {}
        backend, shown, commands = self._backend, list(self._shown), dict(self._commands)

        def step() -> None:
            backend.show_traffic_lights(signals)
            backend.tick(commands, shown, poses, lights)

        self._call(step)
        self._now_ns = to_ns
        self._read_driven(to_ns)
        self._place_driven(to_ns)
        if sumo_stepped:
            self._drop_who_vanished(to_ns)
            self._show_newcomers(to_ns)
            self._obey_traffic_lights()

    def command(
        self, name: str, acceleration_mps2: float, steering_rad: float, *, backwards: bool = False
    ) -> None:
        """What a driven vehicle is to do from now on."""
        self._commands[name] = Command(
            in_steps(acceleration_mps2), angle_in_steps(steering_rad), backwards
        )

    def wheelbase_m(self, name: str) -> float:
        """Distance of a driven vehicle's axles [m], in a vehicle's steps."""
        return in_steps(self._wheelbase_m[name])

    def touched(self, name: str) -> list[str]:
        """What a driven vehicle's collision sensor reported since last asked."""
        return [self.on_road.get(other, other) for other in self._backend.touched(name)]

    def measured(self, name: str) -> Measured:
        """What a driven vehicle's GNSS and IMU measured in the last tick."""
        return self._backend.measured(name)

    def film(self, name: str, size_px: tuple[int, int]) -> None:
        """Have a camera follow a driven vehicle as soon as it is on the road."""
        self._filmed[name] = size_px

    def photo(self, name: str, at_ns: int) -> Photo | None:
        """What the camera saw last up to an instant; None if there is none, or long ago."""
        if name not in self.on_road:
            return None
        ticks_ago = -((at_ns - self._now_ns) // self.step_ns)
        return self._backend.photo(name, self._backend.frame - ticks_ago)

    def rows(self, _now_ns: int, *, last: bool) -> Iterator[tuple[str, Columns]]:
        """What there was to tell of actors since the last call."""
        del last
        events, self._events = self._events, []
        if events:
            time_s, kind, ids, detail = (list(column) for column in zip(*events, strict=True))
            nobody = [""] * len(events)
            yield (
                "events",
                {"time_s": time_s, "kind": kind, "id": ids, "other": nobody, "detail": detail},
            )

    def abort(self) -> None:
        """Leave a call to the server that doesn't come back."""
        self._server.give_up("no answer")

    def close(self) -> None:
        """Leave the server as it was found."""
        try:
            self._server.close()
        except ServerDied as error:
            raise SideDied(self.name, f"not left as it was found: {error}") from error

    def _call(self, job: Callable[[], _Result]) -> _Result:
        try:
            return self._server.call(job)
        except ServerDied as error:
            last = f"last good tick at {to_s(self._now_ns):g} s (frame {self._backend.frame})"
            raise SideDied(self.name, f"{error}; {last}") from error

    def _forget_departed(self) -> None:
        """Take out of the world who has left the road, before its slot is somebody else's."""
        users = self._users
        for user_id, slot in list(self._shown.items()):
            if users.ids[slot] != user_id or users.driven[slot]:
                self._backend.remove_shown(user_id)
                del self._shown[user_id]
        for name in [name for name, user in self.on_road.items() if user not in users]:
            self._backend.remove_driven(name)
            del self.on_road[name], self._commands[name]

    def _read_driven(self, now_ns: int) -> None:
        """Write the driven vehicles' rows as the tick left them."""
        if not self.on_road:
            return
        users = self._users
        poses, motion = self._call(partial(self._backend.driven_state, list(self.on_road)))
        slots = np.array([users.slot_of(user_id) for user_id in self.on_road.values()])
        users.z_m[slots] = poses.z_m
        write_driven(
            users,
            slots,
            now_ns,
            x_m=poses.x_m,
            y_m=poses.y_m,
            heading_rad=poses.heading_rad,
            speed_mps=motion.speed_mps,
            acceleration_mps2=motion.acceleration_mps2,
            yaw_rate_radps=motion.yaw_rate_radps,
        )

    def _place_driven(self, now_ns: int) -> None:
        """Hand the driven vehicles that have come onto the road to CARLA."""
        for entered in self._traffic.taken_over:
            if entered.name not in self.on_road:
                self._placing.setdefault(entered.name, (entered.user_id, now_ns))
        users = self._users
        for name, (user_id, since_ns) in list(self._placing.items()):
            if user_id not in users:
                del self._placing[name]
                continue
            slot = users.slot_of(user_id)
            take_over(users, slot, now_ns)
            pose, speed_mps = self._pose(slot, now_ns), float(users.speed_mps[slot])
            made = self._call(
                partial(self._backend.add_driven, name, self._models[name], pose, speed_mps)
            )
            if isinstance(made, DrivenBody):
                del self._placing[name]
                self.on_road[name] = user_id
                self._commands[name] = Command()
                self._wheelbase_m[name] = made.wheelbase_m
                users.length_m[slot] = made.length_m
                users.width_m[slot] = made.width_m
                self._tell_once(now_ns, "substitute", user_id, made.note)
                if name in self._filmed:
                    why_not = self._call(partial(self._backend.film, name, self._filmed[name]))
                    self._tell_once(now_ns, "no_camera", user_id, why_not)
            elif now_ns - since_ns < _PLACED_WITHIN_NS:
                self._tell_once(now_ns, "spawn_failed", user_id, f"{name}, tried again: {made}")
            else:
                raise SideDied(self.name, f"no place for {name} at {to_s(now_ns):g} s: {made}")

    def _show_newcomers(self, now_ns: int) -> None:
        """Show who has come onto the road, or found its place taken so far."""
        users = self._users
        if users.changes == self._seen_changes and not self._waiting:
            return
        self._seen_changes = users.changes
        slots = users.slots()
        present = {users.ids[slot]: slot for slot in slots[~users.driven[slots]].tolist()}
        self._unshowable &= present.keys()
        new = [
            self._newcomer(user_id, slot, now_ns)
            for user_id, slot in present.items()
            if user_id not in self._shown and user_id not in self._unshowable
        ]
        backend, newcomers = self._backend, [one for one in new if one is not None]

        def show() -> list[str]:
            return [backend.add_shown(*newcomer) for newcomer in newcomers]

        waited, self._waiting = self._waiting, set()
        for newcomer, why_not in zip(newcomers, self._call(show), strict=True):
            user_id = newcomer.body.id
            if not why_not:
                self._shown[user_id] = present[user_id]
                continue
            self._waiting.add(user_id)
            if user_id not in waited:
                self._tell(now_ns, "spawn_failed", user_id, f"tried again: {why_not}")

    def _newcomer(self, user_id: str, slot: int, now_ns: int) -> _Newcomer | None:
        users = self._users
        kind = Kind(users.kind[slot])
        size_m = (users.length_m[slot], users.width_m[slot], users.height_m[slot])
        body = Body(user_id, kind, *(float(value) for value in size_m))
        choice = self._backend.choose(body)
        if choice is None:
            self._unshowable.add(user_id)
            nothing = f"the server has nothing to show a {kind.name.lower()} as"
            self._tell_once(now_ns, "substitute", user_id, nothing)
            return None
        self._tell_once(now_ns, "substitute", user_id, choice.note)
        colour = self._traffic.colour(user_id)
        return _Newcomer(body, choice.blueprint, colour, self._pose(slot, now_ns))

    def _drop_who_vanished(self, now_ns: int) -> None:
        for user_id in self._backend.vanished():
            self._tell(now_ns, "vanished", user_id, "its actor in CARLA was gone: shown anew")
            self._backend.remove_shown(user_id)
            del self._shown[user_id]
            self._seen_changes = -1

    def _pose(self, slot: int, now_ns: int) -> Pose:
        """Where a road user is at an instant."""
        here = self._users.at(now_ns, np.array([slot]))
        return Pose(*(float(column[0]) for column in here[:4]))

    def _vehicle_lights(self) -> dict[str, int]:
        slots = np.array(list(self._shown.values()), np.int64)
        drives = (self._users.kind[slots] != Kind.PEDESTRIAN).tolist()
        ids = [user_id for user_id, lit in zip(self._shown, drives, strict=True) if lit]
        lights = vehicle_lights(self._traffic.vehicle_signals(ids), night=self._night)
        return dict(zip(ids, lights.tolist(), strict=True))

    def _signals_of_sumo(self) -> dict[str, TrafficLight]:
        """What SUMO's traffic lights show, by OpenDRIVE signal."""
        shown: dict[str, TrafficLight] = {}
        if self._settings.traffic_lights == "sumo":
            for junction, letters in self._traffic.traffic_lights().items():
                for index, state in enumerate(traffic_lights(letters)):
                    for signal in self._signals[junction, index]:
                        shown.setdefault(signal, state)
        return shown

    def _obey_traffic_lights(self) -> None:
        """Have SUMO's traffic lights show what CARLA's do, if the scenario wants it so."""
        if self._settings.traffic_lights != "carla":
            return
        states = self._backend.traffic_light_states()
        changed = {}
        for junction, letters in self._traffic.traffic_lights().items():
            shown = {
                index: states[signal]
                for index in range(len(letters))
                for signal in self._signals[junction, index][:1]
                if signal in states
            }
            if (wanted := sumo_state(letters, shown)) != letters:
                changed[junction] = wanted
        self._traffic.set_traffic_lights(changed)

    def _tell(self, now_ns: int, kind: str, user_id: str, detail: str) -> None:
        self._events.append((to_s(now_ns), kind, user_id, detail))

    def _tell_once(self, now_ns: int, kind: str, user_id: str, detail: str) -> None:
        """Tell of the first of many that the same is to be told of, if there is anything."""
        if detail and detail not in self._told:
            self._told.add(detail)
            self._tell(now_ns, kind, user_id, detail)


def net_of_town(settings: CarlaSettings) -> Path:
    """The road of the server's map, or of the town that the settings name, as a SUMO net.

    Raises:
        BadInput: no such server or town.
        SideDied: the server died meanwhile.
    """
    server = _Server(settings, WeatherSettings(), step_s=1.0)
    try:
        server.open(None)
        return net_of_opendrive(server.call(server.backend.opendrive))
    except (ServerUnreachable, ValueError) as error:
        raise BadInput(f"vehicles.carla: {error}") from error
    except ServerDied as error:
        raise SideDied(CarlaVehicles.name, str(error)) from error
    finally:
        server.close()


class _Newcomer(NamedTuple):
    body: Body
    blueprint: str
    colour: Rgb | None
    pose: Pose


class _Server:
    """The backend, called so that a server which dies is noticed within seconds."""

    def __init__(self, settings: CarlaSettings, weather: WeatherSettings, *, step_s: float) -> None:
        self.backend = CarlaBackend(settings, weather, step_s=step_s)
        self._settings = settings
        self._thread: ClientThread | None = None
        self._liveness: Liveness | None = None

    def open(self, opendrive: str | None) -> None:
        """Connect and load the road; ServerUnreachable or ServerDied."""
        thread = self._thread = ClientThread()
        liveness = self._liveness = Liveness(
            self._settings.host, self._settings.port, thread.give_up
        )
        # A server that loads a map has no ear for anything else.
        liveness.patient = True
        liveness.start()
        self.call(self.backend.connect)
        self.call(partial(self.backend.load, opendrive))
        liveness.patient = False

    def call(self, job: Callable[[], _Result]) -> _Result:
        """What the job returns; ServerDied if the server does meanwhile."""
        assert self._thread is not None
        return self._thread.call(job)

    def give_up(self, reason: str) -> None:
        """Make the present call raise ServerDied, from any thread."""
        if self._thread is not None:
            self._thread.give_up(reason)

    def close(self) -> None:
        """Leave the server as it was, if it is still there; safe to call twice."""
        thread, self._thread = self._thread, None
        liveness, self._liveness = self._liveness, None
        try:
            if thread is not None and thread.is_alive:
                thread.call(self.backend.end)
        finally:
            if liveness is not None:
                liveness.stop()
            if thread is not None:
                thread.stop()
