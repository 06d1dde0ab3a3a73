"""The attackers: they broadcast through the radio of a connected road user what isn't true."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cosim.attacks import Flood, Replay, Spoof
from cosim.clock import to_ns, to_s
from cosim.events import EventSettings, event_columns
from cosim.recording import Columns
from cosim.sides.link import LinkSide
from cosim.sides.payloads import Batch
from network.arrays import Ints
from network.draws import Draws, key_of
from vehicles.messages import uper
from vehicles.messages.cam import Cam
from vehicles.messages.codec import decode
from vehicles.messages.denm import EMERGENCY_BRAKE, CauseCode, Denm
from vehicles.messages.envelope import geo_broadcast_bytes, single_hop_bytes
from vehicles.messages.frame import Frame
from vehicles.messages.kinds import MessageKind, StationType
from vehicles.settings import V2xSettings
from vehicles.state import RoadUsers

_KINDS = {"cam": MessageKind.CAM, "denm": MessageKind.DENM}
_GHOST_M = (4.5, 1.8)


class _Recorded(NamedTuple):
    data: bytes
    again_ns: int


class _Attack(NamedTuple):
    begun_ns: int
    what: Spoof | Replay | Flood
    recorded: deque[_Recorded]


class Attackers:
    """Sends what the events `spoof`, `replay` and `flood` of a scenario say.

    Args:
        events: of the scenario; others are left alone.
        users: everyone on the road.
        link: carries the packets, and lets recorders listen.
        settings: how far messages go.
        frame: of the net.
        seed: the run's seed, for senseless bytes.
    """

    name = "attackers"

    def __init__(
        self,
        events: Sequence[EventSettings],
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
        self._draws = Draws(seed, "senseless bytes")
        self._waiting = [
            (to_ns(event.at_s), attack)
            for event in sorted(events, key=lambda event: event.at_s)
            if (attack := event.spoof or event.replay or event.flood) is not None
        ]
        self._going_on: list[_Attack] = []
        self._happened: list[tuple[int, str, str, str]] = []
        self._now_ns = 0
        if any(isinstance(attack, Replay) for _at, attack in self._waiting):
            link.listeners.append(self._overhear)

    def start(self) -> None:
        """Nothing to start."""

    def advance(self, to_ns: int) -> None:
        """Send what falls due from `to_ns` until the next step."""
        self._now_ns = to_ns
        while self._waiting and self._waiting[0][0] <= to_ns:
            begun_ns, attack = self._waiting.pop(0)
            if attack.by not in self._users:
                self._happened.append((to_ns, _name(attack), attack.by, "not on the road"))
                continue
            self._going_on.append(_Attack(begun_ns, attack, deque()))
            self._happened.append((to_ns, _name(attack), attack.by, _detail(attack)))
        for begun_ns, attack, recorded in self._going_on:
            if attack.by not in self._users:
                continue
            slot = self._users.slot_of(attack.by)
            match attack:
                case Spoof():
                    self._spoof(attack, slot, begun_ns, to_ns)
                case Replay():
                    self._replay(attack, recorded, slot, to_ns)
                case Flood():
                    self._flood(attack, slot, begun_ns, to_ns)

    def rows(self, _now_ns: int, *, last: bool) -> Iterator[tuple[str, Columns]]:
        """Attacks that have begun since the last call."""
        del last
        happened, self._happened = self._happened, []
        if happened:
            yield "events", event_columns(happened)

    def abort(self) -> None:
        """Nothing to abort."""

    def close(self) -> None:
        """Nothing to release."""

    def _spoof(self, attack: Spoof, slot: int, begun_ns: int, now_ns: int) -> None:
        sent = _instants(begun_ns, attack.rate_hz, attack.for_s, now_ns, now_ns + self.step_ns)
        self._broadcast(
            attack.message,
            slot,
            sent,
            [self._ghost(attack, begun_ns, int(at_ns)) for at_ns in sent],
        )

    def _ghost(self, attack: Spoof, begun_ns: int, now_ns: int) -> bytes:
        heading_rad = math.radians(attack.heading_deg)
        x_m, y_m = uper.along(
            attack.x_m, attack.y_m, heading_rad, attack.speed_mps * to_s(now_ns - begun_ns)
        )
        if attack.message == "cam":
            return Cam(
                attack.station_id,
                StationType.PASSENGER_CAR,
                now_ns,
                x_m,
                y_m,
                heading_rad,
                attack.speed_mps,
                attack.acceleration_mps2,
                0.0,
                *_GHOST_M,
            ).encode(self._frame)
        front = uper.along(x_m, y_m, heading_rad, 0.5 * _GHOST_M[0])
        return Denm(
            attack.station_id,
            0,
            StationType.PASSENGER_CAR,
            now_ns,
            now_ns,
            *front,
            cause=CauseCode.DANGEROUS_SITUATION,
            sub_cause=EMERGENCY_BRAKE,
            heading_rad=heading_rad,
            speed_mps=attack.speed_mps,
            validity_s=2,
        ).encode(self._frame)

    def _overhear(self, kind: MessageKind, sent_ns: Ints, payloads: Batch) -> None:
        for begun_ns, attack, recorded in self._going_on:
            if not isinstance(attack, Replay) or _KINDS[attack.message] != kind:
                continue
            for row, at_ns in enumerate(sent_ns.tolist()):
                if begun_ns <= at_ns < begun_ns + to_ns(attack.record_s):
                    recorded.append(_Recorded(payloads[row], at_ns + to_ns(attack.delay_s)))

    def _replay(self, attack: Replay, recorded: deque[_Recorded], slot: int, now_ns: int) -> None:
        again = []
        while recorded and recorded[0].again_ns < now_ns + self.step_ns:
            again.append(recorded.popleft())
        data = [
            self._restamped(attack, one.data, one.again_ns) if attack.restamp else one.data
            for one in again
        ]
        # What was recorded after its turn would have come is sent at once.
        sent = np.array([max(one.again_ns, now_ns) for one in again], np.int64)
        self._broadcast(attack.message, slot, sent, data)

    def _restamped(self, attack: Replay, data: bytes, at_ns: int) -> bytes:
        message = decode(_KINDS[attack.message], data, self._frame, at_ns)
        if isinstance(message, Denm):
            message = replace(message, detection_time_ns=at_ns, generation_time_ns=at_ns)
        else:
            assert isinstance(message, Cam)
            message = replace(message, generation_time_ns=at_ns)
        return message.encode(self._frame)

    def _flood(self, attack: Flood, slot: int, begun_ns: int, now_ns: int) -> None:
        sent = _instants(begun_ns, attack.rate_hz, attack.for_s, now_ns, now_ns + self.step_ns)
        words = -(-attack.size_bytes // 8)
        counters = sent[:, None] * 1024 + np.arange(words)
        drawn = self._draws.uint64(key_of(attack.by), counters)
        data = [row.tobytes()[: attack.size_bytes] for row in drawn]
        self._link.broadcast(
            np.full(len(sent), slot),
            sent,
            kind=MessageKind.CAM,
            size_bytes=attack.size_bytes,
            radius_m=self._settings.cam_radius_m,
            payloads=data,
        )

    def _broadcast(
        self,
        message: str,
        slot: int,
        sent_ns: Ints,
        data: list[bytes],
    ) -> None:
        lengths = np.array([len(one) for one in data], np.int64)
        is_cam = message == "cam"
        self._link.broadcast(
            np.full(len(data), slot),
            sent_ns,
            kind=_KINDS[message],
            size_bytes=(
                single_hop_bytes(lengths, np.ones(len(data), np.bool_))
                if is_cam
                else geo_broadcast_bytes(lengths)
            ),
            radius_m=self._settings.cam_radius_m if is_cam else self._settings.warning_radius_m,
            payloads=data,
        )


def _instants(begun_ns: int, rate_hz: float, for_s: float, from_ns: int, until_ns: int) -> Ints:
    """Instants of an attack's messages within a step [ns]."""
    period_ns = round(1e9 / rate_hz)
    first = max(-(-(from_ns - begun_ns) // period_ns), 0)
    end_ns = min(until_ns, begun_ns + to_ns(for_s))
    return np.arange(begun_ns + first * period_ns, end_ns, period_ns, dtype=np.int64)


def _name(attack: Spoof | Replay | Flood) -> str:
    return type(attack).__name__.lower()


def _detail(attack: Spoof | Replay | Flood) -> str:
    match attack:
        case Spoof():
            return f"{attack.message} of {attack.station_id} at ({attack.x_m:g}, {attack.y_m:g}) m"
        case Replay():
            again = "restamped" if attack.restamp else "as recorded"
            return f"{attack.message} of {attack.record_s:g} s, {attack.delay_s:g} s later, {again}"
        case Flood():
            return f"{attack.rate_hz:g} messages a second of {attack.size_bytes} B"
