"""The vehicle side: what moves the driven vehicles, and the one that the embedded model does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cosim.clock import to_s
from cosim.federate import Federate
from cosim.recording import Columns
from cosim.traffic.sumo import SumoTraffic
from network.arrays import Floats, Ints
from vehicles.carla.camera import Photo
from vehicles.carla.sensors import Measured
from vehicles.driving.base import Bodies, EgoState
from vehicles.dynamics import MOST_BACKING_MPS, VehicleDynamics, back
from vehicles.dynamics.steps import angle_in_steps, heading_in_steps, in_steps
from vehicles.state import RoadUsers
from vehicles.weather import WeatherSettings


class DrivenVehicles(Federate, Protocol):
    """The vehicle side as the driving side and the on-board units know it.

    `on_road` has the driven vehicles that are on the road: name -> SUMO id. Their rows of the road
    users are this side's to write.
    """

    on_road: dict[str, str]

    def command(
        self, name: str, acceleration_mps2: float, steering_rad: float, *, backwards: bool = False
    ) -> None:
        """What a driven vehicle is to do from now on: acceleration, wheel angle to the left.

        Standing, it drives backwards by a negative acceleration if it may.
        """

    def wheelbase_m(self, name: str) -> float:
        """Distance of a driven vehicle's axles [m]."""

    def touched(self, name: str) -> list[str]:
        """What a driven vehicle's own collision sensor touched since last asked."""

    def measured(self, name: str) -> Measured:
        """What a driven vehicle's own GNSS and IMU measured last."""

    def film(self, name: str, size_px: tuple[int, int]) -> None:
        """Have a camera follow a driven vehicle as soon as it is on the road, if there are any."""

    def photo(self, name: str, at_ns: int) -> Photo | None:
        """What the camera saw last up to an instant [ns]; None if there is none, or long ago."""

    def rows(self, now_ns: int, *, last: bool) -> Iterator[tuple[str, Columns]]:
        """What there is to record, as of the recorder's sources."""


def ego_state(users: RoadUsers, user_id: str, now_ns: int) -> EgoState:
    """A driven vehicle as it knows itself at an instant [ns]."""
    slot = users.slot_of(user_id)
    here = users.at(now_ns, np.array([slot]))
    return EgoState(
        x_m=float(here.x_m[0]),
        y_m=float(here.y_m[0]),
        heading_rad=float(here.heading_rad[0]),
        speed_mps=float(here.speed_mps[0]),
        acceleration_mps2=float(users.acceleration_mps2[slot]),
        length_m=float(users.length_m[slot]),
        width_m=float(users.width_m[slot]),
    )


def write_driven(
    users: RoadUsers,
    slots: Ints,
    now_ns: int,
    *,
    x_m: Floats,
    y_m: Floats,
    heading_rad: Floats,
    speed_mps: Floats,
    acceleration_mps2: Floats,
    yaw_rate_radps: Floats,
) -> None:
    """Write rows of driven vehicles as of an instant [ns], in a vehicle's steps."""
    users.x_m[slots] = in_steps(x_m)
    users.y_m[slots] = in_steps(y_m)
    users.heading_rad[slots] = heading_in_steps(heading_rad)
    users.speed_mps[slots] = in_steps(speed_mps)
    users.acceleration_mps2[slots] = in_steps(acceleration_mps2)
    users.yaw_rate_radps[slots] = angle_in_steps(yaw_rate_radps)
    users.stamp_ns[slots] = now_ns


def take_over(users: RoadUsers, slot: int, now_ns: int) -> None:
    """Write the row of a road user that is a driven vehicle from now on [ns], driving straight."""
    slots = np.array([slot])
    here = users.at(now_ns, slots)
    write_driven(
        users,
        slots,
        now_ns,
        x_m=here.x_m,
        y_m=here.y_m,
        heading_rad=here.heading_rad,
        speed_mps=here.speed_mps,
        acceleration_mps2=np.zeros(1),
        yaw_rate_radps=np.zeros(1),
    )


def bodies_of(users: RoadUsers, slots: Ints, now_ns: int) -> Bodies:
    """Road users as boxes, where they are at an instant [ns]."""
    here = users.at(now_ns, slots)
    return Bodies(
        here.x_m,
        here.y_m,
        here.heading_rad,
        here.speed_mps,
        users.length_m[slots],
        users.width_m[slots],
    )


_HOLD_MPS2 = -1.0


@dataclass
class _Backing:
    """A vehicle that may drive backwards, or still does."""

    allowed: bool = True
    acceleration_mps2: float = 0.0
    steering_rad: float = 0.0
    speed_mps: float = 0.0
    yaw_rate_radps: float = 0.0


class EmbeddedVehicles:
    """Moves the driven vehicles and writes their rows of the road users.

    Args:
        traffic: says which driven vehicles have come and gone.
        users: everyone on the road.
        models: driven vehicle's name -> parameter set of the vehicle model.
        weather: what the road leaves of the tyres' friction.
        step_ns: the side's step [ns].
    """

    name = "vehicles"

    def __init__(
        self,
        traffic: SumoTraffic,
        users: RoadUsers,
        models: dict[str, str],
        *,
        weather: WeatherSettings,
        step_ns: int,
    ) -> None:
        self.step_ns = step_ns
        self._traffic = traffic
        self._users = users
        self._models = models
        self._dynamics = VehicleDynamics(weather.grip if weather.water_mm > 0.0 else None)
        self._row_of: dict[str, int] = {}
        self._backing: dict[str, _Backing] = {}
        self._now_ns = 0
        # Driven vehicle's name -> SUMO id, as long as it is on the road.
        self.on_road: dict[str, str] = {}

    def start(self) -> None:
        """Take over who is on the road already."""
        self._come_and_go(0)

    def advance(self, to_ns: int) -> None:
        """Move every driven vehicle on to `to_ns`."""
        if self.on_road:
            self._dynamics.advance(to_ns - self._now_ns)
        for name, backing in list(self._backing.items()):
            self._back(name, backing, to_s(to_ns - self._now_ns))
        self._now_ns = to_ns
        self._come_and_go(to_ns)
        if not self.on_road:
            return
        users, model = self._users, self._dynamics
        slots = np.array([users.slot_of(user_id) for user_id in self.on_road.values()])
        rows = np.array([self._row_of[name] for name in self.on_road])
        speed_mps, acceleration_mps2 = model.speed_mps[rows], model.acceleration_mps2[rows]
        yaw_rate_radps = model.yaw_rate_radps[rows]
        for at, backs in enumerate(map(self._backing.get, self.on_road)):
            if backs is not None and backs.speed_mps > 0.0:
                speed_mps[at] = -backs.speed_mps
                acceleration_mps2[at] = backs.acceleration_mps2
                yaw_rate_radps[at] = backs.yaw_rate_radps
        write_driven(
            users,
            slots,
            to_ns,
            x_m=model.x_m[rows],
            y_m=model.y_m[rows],
            heading_rad=model.heading_rad[rows],
            speed_mps=speed_mps,
            acceleration_mps2=acceleration_mps2,
            yaw_rate_radps=yaw_rate_radps,
        )

    def command(
        self, name: str, acceleration_mps2: float, steering_rad: float, *, backwards: bool = False
    ) -> None:
        """What a driven vehicle is to do from now on."""
        acceleration_mps2, steering_rad = in_steps(acceleration_mps2), angle_in_steps(steering_rad)
        row, backing = self._row_of[name], self._backing.get(name)
        # The model, which knows of no backing, is to stand meanwhile.
        stands = backing is not None and backing.speed_mps > 0.0
        self._dynamics.command(row, _HOLD_MPS2 if stands else acceleration_mps2, steering_rad)
        if backwards or backing is not None:
            backing = self._backing.setdefault(name, _Backing())
            backing.acceleration_mps2, backing.steering_rad = acceleration_mps2, steering_rad
            backing.allowed = backwards

    def wheelbase_m(self, name: str) -> float:
        """Distance of a driven vehicle's axles [m], in a vehicle's steps."""
        return in_steps(float(self._dynamics.wheelbase_m[self._row_of[name]]))

    def touched(self, _name: str) -> list[str]:
        """Nothing: the model has no collision sensor."""
        return []

    def measured(self, _name: str) -> Measured:
        """Nothing: the model has no sensors."""
        return Measured()

    def film(self, _name: str, _size_px: tuple[int, int]) -> None:
        """Nothing: the model has no cameras."""

    def photo(self, _name: str, _at_ns: int) -> None:
        """Nothing: the model has no cameras."""

    def rows(self, _now_ns: int, *, last: bool) -> Iterator[tuple[str, Columns]]:
        """Nothing to tell."""
        del last
        return iter(())

    def abort(self) -> None:
        """Nothing to abort: the model computes in this process."""

    def close(self) -> None:
        """Nothing to release."""

    def _back(self, name: str, backing: _Backing, dt_s: float) -> None:
        """Let a vehicle that stands, and may, drive backwards; until it stands again."""
        row = self._row_of[name]
        if self._dynamics.speed_mps[row] > 0.0:
            return
        speed_mps = backing.speed_mps - backing.acceleration_mps2 * dt_s
        if not backing.allowed:
            # In a forward gear it only comes to rest.
            speed_mps = min(speed_mps, backing.speed_mps)
        backing.speed_mps = min(max(speed_mps, 0.0), MOST_BACKING_MPS)
        backing.yaw_rate_radps = 0.0
        if backing.speed_mps > 0.0:
            backing.yaw_rate_radps = back(
                self._dynamics, row, backing.speed_mps, backing.steering_rad, dt_s
            )
        elif not backing.allowed:
            del self._backing[name]

    def _come_and_go(self, now_ns: int) -> None:
        for name in [name for name, user in self.on_road.items() if user not in self._users]:
            self._dynamics.remove(self._row_of.pop(name))
            self._backing.pop(name, None)
            del self.on_road[name]
        for entered in self._traffic.taken_over:
            if entered.name in self.on_road:
                continue
            users, slot = self._users, entered.slot
            take_over(users, slot, now_ns)
            row = self._dynamics.add(
                self._models[entered.name],
                float(users.x_m[slot]),
                float(users.y_m[slot]),
                float(users.heading_rad[slot]),
                float(users.speed_mps[slot]),
            )
            # The body is the model's from now on, whatever type SUMO inserted.
            users.length_m[slot] = self._dynamics.length_m[row]
            users.width_m[slot] = self._dynamics.width_m[row]
            self._row_of[entered.name] = row
            self.on_road[entered.name] = entered.user_id
