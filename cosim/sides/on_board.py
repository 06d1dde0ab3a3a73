"""On-board units: what connected vehicles send."""

from __future__ import annotations

import numpy as np

from cosim.clock import to_ns
from cosim.sides.link import LinkSide
from network.packet import AREA, SERVER
from vehicles.messages.awareness import CamBatch
from vehicles.messages.brake_warning import BrakeWarnings
from vehicles.messages.envelope import CERTIFICATE_PERIOD_NS, geo_broadcast_bytes
from vehicles.messages.frame import Frame
from vehicles.messages.generation import CAM_RULES, Generation, at_rate
from vehicles.messages.kinds import MessageKind
from vehicles.settings import TwinsSettings, V2xSettings
from vehicles.state import RoadUsers
from vehicles.twins.telemetry import Telemetry, encode


class OnBoardUnits:
    """Sends awareness messages, brake warnings and telemetry for every connected road user.

    Args:
        users: everyone on the road.
        link: carries the packets.
        settings: who sends what.
        twins: whose telemetry is sent; None for nobody's.
        frame: of the net.
        seed: the run's seed, for each sender's phase.
    """

    name = "on-board units"

    def __init__(
        self,
        users: RoadUsers,
        link: LinkSide,
        settings: V2xSettings,
        twins: TwinsSettings | None,
        *,
        frame: Frame,
        seed: int,
    ) -> None:
        self.step_ns = to_ns(settings.step_s)
        self._users = users
        self._link = link
        self._settings = settings
        self._twins = twins
        self._frame = frame
        rules = CAM_RULES if settings.cam_rate_hz is None else at_rate(settings.cam_rate_hz)
        self._cams = Generation(rules, CERTIFICATE_PERIOD_NS, seed, "cam phase")
        self._warnings = BrakeWarnings(link.station_ids, settings.warning_radius_m)
        self._telemetry_period_ns = to_ns(1.0 / twins.rate_hz) if twins else 0
        self._telemetry_due_ns = 0
        self._sequence: dict[str, int] = {}

    def start(self) -> None:
        """Nothing to start."""

    def advance(self, to_ns: int) -> None:
        """Send what falls due at `to_ns`, and awareness messages until the next step."""
        self._send_cams(to_ns)
        self._send_warnings(to_ns)
        if self._twins is not None and to_ns >= self._telemetry_due_ns:
            # The first instant of this step's grid that isn't earlier than the telemetry's own.
            self._telemetry_due_ns = (to_ns // self._telemetry_period_ns + 1) * (
                self._telemetry_period_ns
            )
            self._send_telemetry(to_ns)

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

    def _send_telemetry(self, now_ns: int) -> None:
        assert self._twins is not None
        users, stations = self._users, self._link.stations
        if self._twins.vehicles == "driven":
            stations = stations[users.driven[stations]]
        here = users.at(now_ns, stations)
        messages = []
        for row, slot in enumerate(stations.tolist()):
            user_id = users.ids[slot]
            sequence = self._sequence.get(user_id, 0)
            self._sequence[user_id] = sequence + 1
            messages.append(
                Telemetry(
                    vehicle_id=user_id,
                    sequence=sequence,
                    sent_ns=now_ns,
                    x_m=float(here.x_m[row]),
                    y_m=float(here.y_m[row]),
                    heading_rad=float(here.heading_rad[row]),
                    speed_mps=float(here.speed_mps[row]),
                    acceleration_mps2=float(users.acceleration_mps2[slot]),
                    yaw_rate_radps=float(users.yaw_rate_radps[slot]),
                )
            )
        self._link.send(
            stations,
            np.full(len(messages), now_ns),
            kind=MessageKind.TELEMETRY,
            size_bytes=np.array([len(encode(message)) for message in messages], np.int64),
            to=SERVER,
            payloads=messages,
        )
