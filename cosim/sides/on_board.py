"""On-board units: what connected vehicles send."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cosim.clock import to_ns
from cosim.sides.link import LinkSide
from network.arrays import Bools
from vehicles.messages.awareness import AwarenessBatch
from vehicles.messages.brake_warning import BrakeWarnings
from vehicles.messages.denm import Denm
from vehicles.messages.envelope import CERTIFICATE_PERIOD_NS, geo_broadcast_bytes
from vehicles.messages.frame import Frame
from vehicles.messages.generation import CAM_RULES, VAM_RULES, Generated, Generation, at_rate
from vehicles.messages.kinds import VULNERABLE, MessageKind
from vehicles.messages.path_history import PathHistories, Trails
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
        self._vams = Generation(VAM_RULES, CERTIFICATE_PERIOD_NS, seed, "vam phase")
        self._ways = PathHistories()
        self._warnings = BrakeWarnings(link.station_ids, settings.warning_radius_m)

    def start(self) -> None:
        """Nothing to start."""

    def advance(self, to_ns: int) -> None:
        """Send what falls due at `to_ns`, and awareness messages until the next step."""
        vulnerable = np.isin(self._users.kind[self._link.stations], VULNERABLE)
        self._send_cams(~vulnerable, to_ns)
        vams = self._generate(self._vams, vulnerable, to_ns)
        self._send_awareness(MessageKind.VAM, vams, None)
        self._send_warnings(to_ns)

    def abort(self) -> None:
        """Nothing to abort."""

    def close(self) -> None:
        """Nothing to release."""

    def _send_cams(self, of: Bools, now_ns: int) -> None:
        """Send the CAMs of some of the stations until the next step, on their way until now."""
        stations, keys = self._link.stations[of], self._link.station_keys[of]
        self._ways.observe(self._users, stations, keys, now_ns)
        cams = self._generate(self._cams, of, now_ns)
        slow = cams.low_frequency
        trails = self._ways.trails(self._users, cams.slots[slow], cams.instant_ns[slow])
        self._send_awareness(MessageKind.CAM, cams, trails)

    def _generate(self, generation: Generation, of: Bools, now_ns: int) -> Generated:
        """The messages of one kind, which some of the stations send, until the next step."""
        return generation.between(
            self._users,
            self._link.stations[of],
            self._link.station_keys[of],
            now_ns,
            now_ns + self.step_ns,
        )

    def _send_awareness(
        self, kind: MessageKind, generated: Generated, trails: Trails | None
    ) -> None:
        messages = AwarenessBatch(
            self._users, generated, self._link.station_ids, self._frame, trails
        )
        self._link.broadcast(
            generated.slots,
            generated.instant_ns,
            kind=kind,
            size_bytes=messages.sizes_bytes(),
            radius_m=self._settings.cam_radius_m,
            payloads=messages,
        )

    def _send_warnings(self, now_ns: int) -> None:
        warnings = self._warnings.generate(self._users, self._link.stations, now_ns)
        encoded = [_encoded(denm, self._frame) for _slot, denm in warnings]
        self._link.broadcast(
            np.array([slot for slot, _denm in warnings], np.int64),
            np.full(len(warnings), now_ns),
            kind=MessageKind.DENM,
            size_bytes=geo_broadcast_bytes(np.array([len(data) for data in encoded], np.int64)),
            radius_m=self._settings.warning_radius_m,
            payloads=encoded,
        )


@lru_cache(maxsize=1024)
def _encoded(denm: Denm, frame: Frame) -> bytes:
    """A version is repeated word for word."""
    return denm.encode(frame)
