"""On-board units: what connected vehicles send."""

from __future__ import annotations

import numpy as np

from cosim.clock import to_ns
from cosim.sides.link import LinkSide
from network.packet import AREA
from vehicles.messages import brake_warning, cam
from vehicles.messages.kinds import MessageKind
from vehicles.settings import V2xSettings
from vehicles.state import RoadUsers


class OnBoardUnits:
    """Sends awareness messages and brake warnings for every connected road user.

    Args:
        users: everyone on the road.
        link: carries the packets.
        settings: who sends what.
        seed: the run's seed, for each sender's phase.
    """

    name = "on-board units"

    def __init__(
        self,
        users: RoadUsers,
        link: LinkSide,
        settings: V2xSettings,
        *,
        seed: int,
    ) -> None:
        self.step_ns = to_ns(settings.step_s)
        self._users = users
        self._link = link
        self._settings = settings
        self._cams = cam.CamSchedule(settings.cam_rate_hz, seed)
        self._warnings = brake_warning.BrakeWarningService()

    def start(self) -> None:
        """Nothing to start."""

    def advance(self, to_ns: int) -> None:
        """Send what falls due at `to_ns`, and awareness messages until the next step."""
        self._send_cams(to_ns)
        self._send_warnings(to_ns)

    def abort(self) -> None:
        """Nothing to abort."""

    def close(self) -> None:
        """Nothing to release."""

    def _send_cams(self, now_ns: int) -> None:
        which, sent_ns = self._cams.between(self._link.station_keys, now_ns, now_ns + self.step_ns)
        self._link.send(
            self._link.stations[which],
            sent_ns,
            kind=MessageKind.CAM,
            size_bytes=cam.SIZE_BYTES,
            to=AREA,
            radius_m=self._settings.cam_radius_m,
        )

    def _send_warnings(self, now_ns: int) -> None:
        warnings = self._warnings.generate(self._users, self._link.stations, now_ns)
        senders = np.array([self._users.slot_of(warning.sender) for warning in warnings], np.int64)
        self._link.send(
            senders,
            np.full(len(warnings), now_ns),
            kind=MessageKind.BRAKE_WARNING,
            size_bytes=brake_warning.SIZE_BYTES,
            to=AREA,
            radius_m=self._settings.warning_radius_m,
            payloads=list(warnings),
        )
