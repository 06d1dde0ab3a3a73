"""The remote drivers' side: video from the vehicles, and who sits at the other end of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from cosim.clock import NS_PER_MS, NS_PER_S, to_s
from cosim.drive.people import People
from cosim.recording import Columns
from cosim.sides.driving import Driving
from cosim.sides.link import LinkSide
from cosim.sides.vehicles import DrivenVehicles
from network.arrays import Ints
from network.packet import SERVER
from vehicles.driving.base import Situation
from vehicles.driving.remote_driving import Mode, RemoteDriving
from vehicles.messages import remote_command
from vehicles.messages.kinds import MessageKind
from vehicles.messages.remote_command import RemoteCommand
from vehicles.remote.driver import ModelDriver, RemoteDriver, RemotePerson
from vehicles.remote.video import Encoder, Fragment, Frame, Viewer, packet_sizes
from vehicles.state import RoadUsers

# Without commands for so long the encoder hears no more of the viewer.
_SILENCE_NS = 500 * NS_PER_MS


class RemoteDrivers:
    """Films from the remotely driven vehicles, and lets the drivers who see it send commands.

    Args:
        driving: the vehicles' own functions, and what they see.
        vehicles: moves the driven vehicles.
        link: carries video up and commands down.
        users: everyone on the road.
        people: where the person sits who drives a vehicle from afar.
        seed: the run's seed.
    """

    name = "remote drivers"

    def __init__(
        self,
        driving: Driving,
        vehicles: DrivenVehicles,
        link: LinkSide,
        users: RoadUsers,
        people: People,
        *,
        seed: int,
    ) -> None:
        self.step_ns = driving.step_ns
        self._driving = driving
        self._vehicles = vehicles
        self._link = link
        self._users = users
        self._people = people
        self._seed = seed
        self._sessions: dict[str, _Session] = {}
        self._events: list[tuple[float, str, str, str, str]] = []
        self._samples: list[dict[str, Any]] = []
        self._commands: list[dict[str, Any]] = []

    def start(self) -> None:
        """Nobody is driven yet."""

    def advance(self, to_ns: int) -> None:
        """Show what has arrived, send the drivers' commands and the vehicles' next frames."""
        for received in self._link.take_at_server(MessageKind.VIDEO):
            fragment: Fragment = received.message
            self._sessions[fragment.frame.vehicle].receive(fragment, received.received_ns)
        for name, function in self._driving.remotely_driven.items():
            situation = self._driving.situations.get(name)
            if situation is None:
                continue
            session = self._sessions.get(name)
            if session is None:
                session = _Session(name, function, self._driver(name, function), self._seed)
                self._sessions[name] = session
            slot = self._users.slot_of(self._vehicles.on_road[name])
            self._send_frame(session, situation, slot)
            self._send_command(session, slot, to_ns)
            self._sample(session, to_ns)

    def on_screen(self, name: str) -> tuple[Frame, int] | None:
        """The picture that the remote driver of a vehicle sees, and since when [ns], if any."""
        session = self._sessions.get(name)
        return None if session is None else session.on_screen

    def rows(self, _now_ns: int, *, last: bool) -> Iterator[tuple[str, Columns]]:
        """How the drivers drive, the frames whose fate is known, and minimal-risk manoeuvres."""
        samples, self._samples = self._samples, []
        if samples:
            yield "remote_driving", _columns(samples)
        commands, self._commands = self._commands, []
        if commands:
            yield "remote_commands", _columns(commands)
        frames = [row for one in self._sessions.values() for row in one.take_frames(last=last)]
        if frames:
            yield "frames", _columns(frames)
        events, self._events = self._events, []
        if events:
            names = ("time_s", "kind", "id", "other", "detail")
            yield "events", dict(zip(names, map(list, zip(*events, strict=True)), strict=True))

    def abort(self) -> None:
        """Nothing to abort."""

    def close(self) -> None:
        """Nothing to release."""

    def _driver(self, name: str, function: RemoteDriving) -> RemoteDriver:
        if function.settings.driver.who == "person":
            return RemotePerson(self._people.seat(name))
        return ModelDriver(function.settings.driver, self._vehicles.wheelbase_m(name))

    def _send_frame(self, session: _Session, situation: Situation, slot: int) -> None:
        frame = session.film(situation)
        if frame is None:
            return
        sizes = packet_sizes(frame, session.function.settings.video.packet_bytes)
        packets = self._link.send(
            np.full(len(sizes), slot),
            np.full(len(sizes), frame.ready_ns),
            kind=MessageKind.VIDEO,
            size_bytes=sizes,
            to=SERVER,
            payloads=[Fragment(frame, len(sizes))] * len(sizes),
        )
        session.keep(frame, packets)

    def _send_command(self, session: _Session, slot: int, now_ns: int) -> None:
        commanded = session.command(now_ns)
        if commanded is None:
            return
        command, acted_on = commanded
        packet = self._link.send(
            np.array([SERVER]),
            np.array([now_ns + session.beyond_ns]),
            kind=MessageKind.REMOTE_COMMAND,
            size_bytes=remote_command.SIZE_BYTES,
            to=slot,
            payloads=[command],
        )
        self._commands.append(
            {
                "time_s": to_s(now_ns),
                "vehicle": session.name,
                "packet_id": int(packet[0]),
                "frame": command.frame,
                "acted_on_frame": acted_on.number,
                "acted_on_age_ms": (now_ns - acted_on.captured_ns) / NS_PER_MS,
                "acceleration_mps2": command.acceleration_mps2,
                "steering_rad": command.steering_rad,
                "backwards": command.backwards,
            }
        )

    def _sample(self, session: _Session, now_ns: int) -> None:
        function = session.function
        if function.mode is not session.mode:
            if Mode.MINIMAL_RISK in (function.mode, session.mode):
                begins = function.mode is Mode.MINIMAL_RISK
                kind = "minimal_risk_manoeuvre" if begins else "remote_driver_back"
                detail = f"picture {(function.picture_age_ns(now_ns) or 0) / NS_PER_MS:.0f} ms old"
                self._events.append((to_s(now_ns), kind, session.name, "", detail))
            session.mode = function.mode
        age_ns = function.picture_age_ns(now_ns)
        self._samples.append(
            {
                "time_s": to_s(now_ns),
                "vehicle": session.name,
                "mode": function.mode.value,
                "frame": -1 if function.newest is None else function.newest.message.frame,
                "picture_age_ms": np.nan if age_ns is None else age_ns / NS_PER_MS,
                "speed_cap_mps": function.speed_cap_mps,
                "bit_rate_mbps": session.bit_rate_mbps,
            }
        )


class _Session:
    """One vehicle and its remote driver."""

    def __init__(self, name: str, function: RemoteDriving, driver: RemoteDriver, seed: int) -> None:
        settings = function.settings
        self.name = name
        self.function = function
        self.mode = function.mode
        self.beyond_ns = round(settings.driver.beyond_ms * NS_PER_MS)
        self._driver = driver
        self._encoder = Encoder(settings.video, name, seed)
        self._viewer = Viewer(settings.video, name, seed)
        self._to_be_shown: deque[tuple[Frame, int]] = deque()
        self.on_screen: tuple[Frame, int] | None = None
        self._command_period_ns = round(NS_PER_S / settings.driver.command_rate_hz)
        self._command_due_ns = 0
        self._open_frames: dict[int, dict[str, Any]] = {}
        self._frames: list[dict[str, Any]] = []

    @property
    def bit_rate_mbps(self) -> float:
        """What the vehicle's video is meant to have [Mbit/s]."""
        return self._encoder.bit_rate_bps * 1e-6

    def film(self, situation: Situation) -> Frame | None:
        """The frame captured now, if one is due."""
        now_ns, newest = situation.instant_ns, self.function.newest
        if newest is not None:
            command = newest.message
            heard = now_ns - newest.received_ns < _SILENCE_NS
            # A picture that stays on the screen after the next was due tells of a delay, too.
            late_ns = command.generation_time_ns - command.captured_ns - self._encoder.period_ns
            delay_ns = max(command.shown_ns - command.captured_ns, late_ns) if heard else None
            self._encoder.adapt(now_ns, delay_ns, key_wanted=heard and command.key_wanted)
        if not self._encoder.due(now_ns):
            return None
        return self._encoder.capture(now_ns, situation.ego, situation.road, situation.seen)

    def keep(self, frame: Frame, packets: Ints) -> None:
        """Remember a frame sent until it is shown."""
        self._open_frames[frame.number] = {
            "time_s": to_s(frame.captured_ns),
            "vehicle": self.name,
            "frame": frame.number,
            "key_frame": frame.key,
            "size_bytes": frame.size_bytes,
            "collect_ms": (frame.collected_ns - frame.captured_ns) / NS_PER_MS,
            "encode_ms": (frame.ready_ns - frame.collected_ns) / NS_PER_MS,
            "process_ms": np.nan,
            "glass_to_glass_ms": np.nan,
            "packets": packets.tolist(),
        }

    def receive(self, fragment: Fragment, received_ns: int) -> None:
        """Take in a packet of video that reached the server."""
        arrived_ns = received_ns + self.beyond_ns
        for frame, shown_ns in self._viewer.receive(fragment, arrived_ns):
            self._to_be_shown.append((frame, shown_ns))
            # Those before it that haven't been shown never will be.
            for number in [number for number in self._open_frames if number <= frame.number]:
                row = self._open_frames.pop(number)
                if number == frame.number:
                    row["process_ms"] = (shown_ns - arrived_ns) / NS_PER_MS
                    row["glass_to_glass_ms"] = (shown_ns - frame.captured_ns) / NS_PER_MS
                self._frames.append(row)

    def command(self, now_ns: int) -> tuple[RemoteCommand, Frame] | None:
        """What the driver commands now, and the picture that they do it on; None if not yet."""
        while self._to_be_shown and self._to_be_shown[0][1] <= now_ns:
            self.on_screen = self._to_be_shown.popleft()
            self._driver.see(*self.on_screen)
        if now_ns < self._command_due_ns or self.on_screen is None:
            return None
        answer = self._driver.control(now_ns)
        if answer is None:
            return None
        self._command_due_ns = (now_ns // self._command_period_ns + 1) * self._command_period_ns
        frame, shown_ns = self.on_screen
        command = RemoteCommand(
            generation_time_ns=now_ns,
            acceleration_mps2=answer.controls.acceleration_mps2,
            steering_rad=answer.controls.steering_rad,
            backwards=answer.controls.backwards,
            frame=frame.number,
            captured_ns=frame.captured_ns,
            shown_ns=shown_ns,
            key_wanted=self._viewer.key_wanted,
        )
        return command, answer.frame

    def take_frames(self, *, last: bool) -> list[dict[str, Any]]:
        """Rows of the frames whose fate has become known; at the end, of all."""
        rows, self._frames = self._frames, []
        if last:
            rows += self._open_frames.values()
            self._open_frames = {}
        return rows


def _columns(rows: list[dict[str, Any]]) -> Columns:
    return {key: [row[key] for row in rows] for key in rows[0]}
