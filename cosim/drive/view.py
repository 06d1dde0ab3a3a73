"""What the person at the wheel sees at an instant, whatever draws it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.clock import NS_PER_MS
from cosim.drive.dash import Dash
from cosim.onlooker import Bridge
from cosim.sides.vehicles import bodies_of, ego_state
from cosim.traffic.net import net_bounds_m
from network.arrays import Ints
from network.ran.cells import sites_of
from vehicles.carla.camera import Photo
from vehicles.driving.base import Bodies, EgoState
from vehicles.driving.person import Inputs

# Further away nothing is drawn.
_RANGE_M = 200.0


class Look(NamedTuple):
    """The vehicle and who is around it."""

    ego: EgoState
    others: Bodies
    ids: list[str]
    """Whose bodies these are."""
    stop_m: tuple[float, float] | None
    """Where the next line is that may not be crossed, if it is near."""
    photo: Photo | None = None
    """What a camera behind the vehicle sees of it, where there is one."""


class View(NamedTuple):
    """What there is to see at an instant."""

    now_ns: int
    here: Look | None
    """Around the vehicle, now; None while it isn't on the road."""
    picture: Look | None
    """What the screen of a person afar shows; None without one."""
    picture_age_ms: float
    remote: bool
    mast_m: tuple[float, float] | None
    """Where the antenna of the serving cell stands."""
    lines: list[tuple[str, str]]
    warnings: list[str]
    inputs: Inputs


class Viewer:
    """Puts together what a person sees, from the run's sides.

    Args:
        bridge: the run's sides.
        dash: the vehicle's instruments.
    """

    def __init__(self, bridge: Bridge, dash: Dash) -> None:
        self._bridge = bridge
        self._dash = dash
        # What a screen afar showed last, however long ago it was taken.
        self._photo: Photo | None = None
        network = bridge.scenario.network
        cellular = network.model == "5g"
        self._masts = (
            {site.id: (site.x_m, site.y_m) for site in sites_of(network, net_bounds_m(bridge.net))}
            if cellular
            else {}
        )

    def view(self, now_ns: int, real_time_factor: float, inputs: Inputs) -> View:
        """What there is to see at an instant [ns], by a person who does `inputs`."""
        bridge, vehicle = self._bridge, self._dash.vehicle
        on_screen = bridge.remote.on_screen(vehicle) if bridge.remote else None
        picture, age_ms = None, np.nan
        if on_screen is not None:
            frame, _ = on_screen
            stop_m = _stop_m(frame.road.path_xy_m, frame.road.path_s_m, frame.road.stop_s_m)
            photo = bridge.vehicles.photo(vehicle, frame.captured_ns)
            self._photo = photo or self._photo
            picture = Look(
                frame.ego, frame.seen.bodies, self._ids(frame.seen.slots), stop_m, self._photo
            )
            age_ms = (now_ns - frame.captured_ns) / NS_PER_MS
        remote = vehicle in bridge.driving.remotely_driven
        # A person afar knows the speed by the picture.
        speed_mps = picture.ego.speed_mps if picture else np.nan
        if not remote:
            speed_mps = self._dash.speed_mps
        return View(
            now_ns=now_ns,
            here=self._here(now_ns),
            picture=picture,
            picture_age_ms=age_ms,
            remote=remote,
            mast_m=self._masts.get(self._dash.cell.rpartition("/")[0]),
            lines=[
                ("gear", "R" if inputs.reverse else "D"),
                *self._dash.lines(now_ns, speed_mps, real_time_factor),
            ],
            warnings=self._warnings(),
            inputs=inputs,
        )

    def _here(self, now_ns: int) -> Look | None:
        bridge = self._bridge
        user_id = bridge.vehicles.on_road.get(self._dash.vehicle)
        if user_id is None:
            return None
        users, own = bridge.users, bridge.users.slot_of(user_id)
        ego = ego_state(users, user_id, now_ns)
        slots = users.slots()
        slots = slots[slots != own]
        bodies = bodies_of(users, slots, now_ns)
        near = np.flatnonzero(np.hypot(bodies.x_m - ego.x_m, bodies.y_m - ego.y_m) < _RANGE_M)
        road = bridge.traffic.road_ahead(user_id)
        stop_m = _stop_m(road.path_xy_m, road.path_s_m, road.stop_s_m) if road else None
        photo = bridge.vehicles.photo(self._dash.vehicle, now_ns)
        return Look(ego, bodies.take(near), self._ids(slots[near]), stop_m, photo)

    def _ids(self, slots: Ints) -> list[str]:
        return [self._bridge.users.ids[slot] for slot in slots.tolist()]

    def _warnings(self) -> list[str]:
        vehicle, driving = self._dash.vehicle, self._bridge.driving
        choice = driving.choices.get(vehicle)
        warnings = []
        if choice is not None:
            warnings = [given.reason for _, given in choice.warnings]
            if choice.function == "aeb":
                warnings.insert(0, "emergency braking")
        if self._dash.mode == "minimal_risk":
            warnings.insert(0, "connection lost: the car stops by itself")
        elif self._dash.mode == "on_board":
            warnings.insert(0, "the car drives itself until your commands come in time")
        return warnings


def _stop_m(
    xy_m: NDArray[np.float64], s_m: NDArray[np.float64], stop_s_m: float
) -> tuple[float, float] | None:
    if not np.isfinite(stop_s_m):
        return None
    return float(np.interp(stop_s_m, s_m, xy_m[:, 0])), float(np.interp(stop_s_m, s_m, xy_m[:, 1]))
