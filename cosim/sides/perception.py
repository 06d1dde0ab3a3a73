"""Who tells others by CPM of what its sensors see: cameras beside the road, and driven vehicles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.sides.driving import Driving
from cosim.sides.link import LinkSide
from cosim.sides.vehicles import DrivenVehicles
from network.arrays import Ints
from vehicles.messages.cpm import Cpm, PerceivedObject
from vehicles.messages.envelope import CERTIFICATE_PERIOD_NS, single_hop_bytes
from vehicles.messages.frame import Frame
from vehicles.messages.kinds import MessageKind
from vehicles.messages.perception import CHECK_NS, PerceptionService
from vehicles.settings import DrivenSettings, V2xSettings
from vehicles.state import Kind, RoadUsers


class Observer:
    """One station that tells of road users, by numbers of its own.

    Args:
        station_id: how it calls itself.
    """

    def __init__(self, station_id: int) -> None:
        self._service = PerceptionService(station_id)
        self._number_of: dict[str, int] = {}

    def look(
        self,
        users: RoadUsers,
        slots: Ints,
        now_ns: int,
        place_m: tuple[float, float],
        heading_rad: float | None = None,
    ) -> Cpm | None:
        """The CPM of an instant at which it sees the road users at `slots`, if one is due.

        Args:
            users: everyone on the road.
            slots: whom it sees, shape (n,).
            now_ns: the instant [ns].
            place_m: where it is.
            heading_rad: of a vehicle.
        """
        here = users.at(now_ns, slots)
        seen = [
            PerceivedObject(
                object_id=self._number_of.setdefault(
                    users.ids[slot], len(self._number_of) % 65_536
                ),
                measured_ns=now_ns,
                x_m=float(here.x_m[row]),
                y_m=float(here.y_m[row]),
                vx_mps=float(here.vx_mps[row]),
                vy_mps=float(here.vy_mps[row]),
                kind=Kind(users.kind[slot]),
                length_m=float(users.length_m[slot]),
                width_m=float(users.width_m[slot]),
            )
            for row, slot in enumerate(slots.tolist())
        ]
        return self._service.generate(seen, now_ns, *place_m, heading_rad)


class SharedPerception:
    """Sends the CPMs of the driven vehicles that share what they see.

    Args:
        driven: those vehicles.
        driving: knows what they see.
        vehicles: knows what they are called on the road.
        users: everyone on the road.
        link: carries the packets.
        settings: how far the messages go.
        frame: of the net.
    """

    name = "shared perception"

    def __init__(
        self,
        driven: Sequence[DrivenSettings],
        driving: Driving,
        vehicles: DrivenVehicles,
        users: RoadUsers,
        link: LinkSide,
        settings: V2xSettings,
        *,
        frame: Frame,
    ) -> None:
        self.step_ns = CHECK_NS
        self._names = [one.id for one in driven]
        self._driving = driving
        self._vehicles = vehicles
        self._users = users
        self._link = link
        self._radius_m = settings.cam_radius_m
        self._frame = frame
        self._observers: dict[str, Observer] = {}
        self._certificate_ns = dict.fromkeys(self._names, -CERTIFICATE_PERIOD_NS)

    def start(self) -> None:
        """Nobody is on the road yet."""

    def advance(self, to_ns: int) -> None:
        """Send what falls due at `to_ns`."""
        for name in self._names:
            situation = self._driving.situations.get(name)
            if situation is None:
                continue
            user_id, ego = self._vehicles.on_road[name], situation.ego
            if name not in self._observers:
                self._observers[name] = Observer(self._link.station_ids.of(user_id))
            cpm = self._observers[name].look(
                self._users, situation.seen.slots, to_ns, (ego.x_m, ego.y_m), ego.heading_rad
            )
            if cpm is not None:
                self._send(name, self._users.slot_of(user_id), cpm.encode(self._frame), to_ns)

    def abort(self) -> None:
        """Nothing to abort."""

    def close(self) -> None:
        """Nothing to release."""

    def _send(self, name: str, slot: int, encoded: bytes, now_ns: int) -> None:
        certificate = now_ns - self._certificate_ns[name] >= CERTIFICATE_PERIOD_NS
        if certificate:
            self._certificate_ns[name] = now_ns
        self._link.broadcast(
            np.array([slot]),
            np.array([now_ns]),
            kind=MessageKind.CPM,
            size_bytes=single_hop_bytes(np.array([len(encoded)]), np.array([certificate])),
            radius_m=self._radius_m,
            payloads=[encoded],
        )
