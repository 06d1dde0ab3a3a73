"""On-board units: what connected vehicles send."""

from __future__ import annotations

import numpy as np

from cosim.clock import to_ns
from cosim.sides.link import LinkSide
from network.packet import AREA
from vehicles.messages.awareness import CamBatch
from vehicles.messages.brake_warning import BrakeWarnings
from vehicles.messages.envelope import CERTIFICATE_PERIOD_NS, geo_broadcast_bytes
from vehicles.messages.frame import Frame
from vehicles.messages.generation import CAM_RULES, Generation, at_rate
from vehicles.messages.kinds import MessageKind
from vehicles.settings import V2xSettings
from vehicles.state import RoadUsers


class OnBoardUnits:
    """Sends awareness messages and brake warnings for every connected road user.

    Args:
        users: everyone on the road.
        link: carries the packets.
        settings: who sends what.
        frame: of the net.
        seed: the run's seed, for each sender's phase.
    """

    name = "on-board units"

    def __init__(
        self,
        users: RoadUsers,
        link: LinkSide,
        settings: V2xSettings,
        *,
        frame: Frame,
        seed: int,
    ) -> None:
        self.step_ns = to_ns(settings.step_s)
        self._users = users
        self._link = link
        self._settings = settings
        self._frame = frame
        rules = CAM_RULES if settings.cam_rate_hz is None else at_rate(settings.cam_rate_hz)
        self._cams = Generation(rules, CERTIFICATE_PERIOD_NS, seed, "cam phase")
        self._warnings = BrakeWarnings(link.station_ids, settings.warning_radius_m)

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
        generated = self._cams.between(
            self._users,
            self._link.stations,
            self._link.station_keys,
            now_ns,
            now_ns + self.step_ns,
        )
        cams = CamBatch(self._users, generated, self._link.station_ids, self._frame)
        self._link.send(
            generated.slots,
            generated.instant_ns,
            kind=MessageKind.CAM,
            size_bytes=cams.sizes_bytes(),
            to=AREA,
            radius_m=self._settings.cam_radius_m,
            payloads=cams,
        )

    def _send_warnings(self, now_ns: int) -> None:
        warnings = self._warnings.generate(self._users, self._link.stations, now_ns)
        encoded = [denm.encode(self._frame) for _slot, denm in warnings]
        self._link.send(
            np.array([slot for slot, _denm in warnings], np.int64),
            np.full(len(warnings), now_ns),
            kind=MessageKind.DENM,
            size_bytes=geo_broadcast_bytes(np.array([len(data) for data in encoded], np.int64)),
            to=AREA,
            radius_m=self._settings.warning_radius_m,
            payloads=encoded,
        )
