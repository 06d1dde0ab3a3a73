"""Driven vehicles keep alive what others have warned of and don't repeat any more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosim.sides.driving import Driving
from cosim.sides.link import LinkSide
from cosim.sides.vehicles import DrivenVehicles
from network.draws import Draws
from vehicles.messages.denm import Denm
from vehicles.messages.envelope import geo_broadcast_bytes
from vehicles.messages.frame import Frame
from vehicles.messages.keep_alive import KeepAliveForwarding
from vehicles.messages.kinds import MessageKind
from vehicles.settings import DrivenSettings, V2xSettings
from vehicles.state import RoadUsers


class Forwarders:
    """Sends for each driven vehicle the warnings that fall to it to forward.

    Args:
        driven: the driven vehicles.
        driving: knows what they have heard.
        vehicles: knows what they are called on the road.
        users: everyone on the road.
        link: carries the packets.
        settings: how far warnings go.
        frame: of the net.
        seed: the run's seed, for each forwarder's delays.
    """

    name = "forwarders"

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
        seed: int,
    ) -> None:
        self.step_ns = driving.step_ns
        self._driving = driving
        self._vehicles = vehicles
        self._users = users
        self._link = link
        self._radius_m = settings.warning_radius_m
        self._frame = frame
        draws = Draws(seed, "keep-alive forwarding")
        self._kept = {one.id: KeepAliveForwarding(one.id, draws) for one in driven}

    def start(self) -> None:
        """Nothing has been heard yet."""

    def advance(self, to_ns: int) -> None:
        """Take note of what was heard until `to_ns`, and forward what falls due."""
        for name, situation in self._driving.situations.items():
            kept, ego = self._kept[name], situation.ego
            for received in situation.heard(Denm):
                kept.hear(received.message, received.received_ns)
            due = [denm.encode(self._frame) for denm in kept.due(ego.x_m, ego.y_m, to_ns)]
            if not due:
                continue
            self._link.broadcast(
                np.full(len(due), self._users.slot_of(self._vehicles.on_road[name])),
                np.full(len(due), to_ns),
                kind=MessageKind.DENM,
                size_bytes=geo_broadcast_bytes(np.array([len(data) for data in due])),
                radius_m=self._radius_m,
                payloads=due,
            )

    def abort(self) -> None:
        """Nothing to abort."""

    def close(self) -> None:
        """Nothing to release."""
