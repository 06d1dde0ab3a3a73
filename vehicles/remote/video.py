"""Video from a vehicle: how large frames are and when they can be sent, and when they are shown.

A stream begins with a key frame and repeats one every so often; the frames between refer to the
one before. A frame is cut into packets. The viewer decodes frames in order, so that a frame lost
holds up all that follow until a key frame comes, which the viewer asks for (as by PLI, RFC 4585
clause 6.3.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydantic import Field, model_validator

from network.arrays import Ints
from network.draws import Draws, key_of
from network.packet import NS_PER_MS, NS_PER_S
from network.settings import Settings
from vehicles.driving.base import EgoState, RoadAhead, Seen

# Frames of one kind differ in size by what is in the picture (relative standard deviation).
_SIZE_SPREAD = 0.1
# Rate control as in Google congestion control (draft-ietf-rmcat-gcc-02 clause 5.5): down by 15 % on
# overuse, up by 8 % a second.
_DECREASE = 0.85
_INCREASE_PER_S = 1.08
# Delay above the least that is put down to a queue.
_QUEUE_NS = 50 * NS_PER_MS
_ADAPT_NS = 200 * NS_PER_MS
# A key frame asked for is on its way for so long before another is sent.
_KEY_WAIT_NS = 300 * NS_PER_MS


class NormalMs(Settings):
    """A time that is normally distributed."""

    mean_ms: float = Field(ge=0.0, le=10_000.0)
    spread_ms: float = Field(0.0, ge=0.0, le=10_000.0, description="Standard deviation [ms].")


class VideoSettings(Settings):
    """The video that a remotely driven vehicle sends. Delays are those that CARLANeT takes."""

    frame_rate_hz: float = Field(25.0, gt=0.0, le=50.0, description="Frames per second.")
    bit_rate_mbps: float = Field(
        5.0,
        gt=0.0,
        le=200.0,
        description="Bit rate of the stream at best [Mbit/s]; teleoperation is quoted with 4 to 8.",
    )
    least_bit_rate_mbps: float = Field(
        1.5,
        gt=0.0,
        le=200.0,
        description="Bit rate that rate control doesn't go below [Mbit/s]; the same as "
        "bit_rate_mbps for a constant one.",
    )
    key_frame_interval_s: float = Field(2.0, gt=0.0, le=60.0)
    key_frame_ratio: float = Field(
        5.0, ge=1.0, le=50.0, description="Size of a key frame by that of the others."
    )
    packet_bytes: int = Field(
        1200, ge=100, le=65_000, description="Most of a frame that goes in one packet [B]."
    )
    collect_ms: NormalMs = Field(
        NormalMs(mean_ms=15.0, spread_ms=0.1), description="From the light to the encoder."
    )
    encode_ms: NormalMs = NormalMs(mean_ms=10.0, spread_ms=0.5)
    process_ms: NormalMs = Field(
        NormalMs(mean_ms=15.0, spread_ms=0.75), description="From the last packet to the screen."
    )

    @model_validator(mode="after")
    def _least_is_less(self) -> VideoSettings:
        if self.least_bit_rate_mbps > self.bit_rate_mbps:
            raise ValueError(
                f"least_bit_rate_mbps {self.least_bit_rate_mbps} is above bit_rate_mbps "
                f"{self.bit_rate_mbps}"
            )
        return self


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture: what could be seen from the vehicle at one instant, and how it moved.

    The camera hands it to the encoder at `collected_ns`, which has it ready at `ready_ns`.
    """

    vehicle: str
    number: int
    captured_ns: int
    collected_ns: int
    ready_ns: int
    key: bool
    size_bytes: int
    ego: EgoState
    road: RoadAhead
    seen: Seen


@dataclass(frozen=True, slots=True)
class Fragment:
    """A packet of a frame's; the last may be shorter."""

    frame: Frame
    count: int


class Encoder:
    """A vehicle's camera and encoder.

    Args:
        settings: the stream.
        vehicle: whose draws these are.
        seed: the run's seed.
    """

    def __init__(self, settings: VideoSettings, vehicle: str, seed: int) -> None:
        self._settings = settings
        self._vehicle = vehicle
        self._key = key_of(vehicle)
        self._draws = Draws(seed, "video")
        self._count = 0
        self.period_ns = round(NS_PER_S / settings.frame_rate_hz)
        """Time from one frame to the next [ns]."""
        self._due_ns = 0
        self._key_due_ns = 0
        self._key_sent_ns = -_KEY_WAIT_NS
        self._least_delay_ns: int | None = None
        self._adapted_ns = 0
        self.bit_rate_bps = settings.bit_rate_mbps * 1e6
        """What the stream is meant to have now."""

    def due(self, now_ns: int) -> bool:
        """Whether a frame is to be captured at an instant [ns]."""
        return now_ns >= self._due_ns

    def capture(self, now_ns: int, ego: EgoState, road: RoadAhead, seen: Seen) -> Frame:
        """The frame captured at an instant [ns], and when it can be sent."""
        settings = self._settings
        self._due_ns = (now_ns // self.period_ns + 1) * self.period_ns
        key = now_ns >= self._key_due_ns
        if key:
            self._key_due_ns = now_ns + round(settings.key_frame_interval_s * NS_PER_S)
            self._key_sent_ns = now_ns
        varied, collect, encode = self._draws.normal(
            np.uint64(self._key), np.arange(3 * self._count, 3 * self._count + 3)
        ).tolist()
        self._count += 1
        collected_ns = now_ns + normal_ns(settings.collect_ms, collect)
        return Frame(
            vehicle=self._vehicle,
            number=self._count - 1,
            captured_ns=now_ns,
            collected_ns=collected_ns,
            ready_ns=collected_ns + normal_ns(settings.encode_ms, encode),
            key=key,
            size_bytes=self._size_bytes(key, varied),
            ego=ego,
            road=road,
            seen=seen,
        )

    def adapt(self, now_ns: int, delay_ns: int | None, *, key_wanted: bool) -> None:
        """Follow what the viewer reports.

        Args:
            now_ns: now [ns].
            delay_ns: from capture to screen, of the newest frame shown [ns]; None if nothing has
                been heard from the viewer for long.
            key_wanted: whether the viewer can't decode what it has.
        """
        if key_wanted and now_ns - self._key_sent_ns >= _KEY_WAIT_NS:
            self._key_due_ns = now_ns
        if now_ns - self._adapted_ns < _ADAPT_NS:
            return
        elapsed_s = (now_ns - self._adapted_ns) / NS_PER_S
        self._adapted_ns = now_ns
        if delay_ns is not None:
            self._least_delay_ns = min(delay_ns, self._least_delay_ns or delay_ns)
        if delay_ns is None or key_wanted or delay_ns > (self._least_delay_ns or 0) + _QUEUE_NS:
            self.bit_rate_bps *= _DECREASE
        else:
            self.bit_rate_bps *= _INCREASE_PER_S**elapsed_s
        least, most = self._settings.least_bit_rate_mbps, self._settings.bit_rate_mbps
        self.bit_rate_bps = min(max(self.bit_rate_bps, least * 1e6), most * 1e6)

    def _size_bytes(self, key: bool, varied: float) -> int:
        settings = self._settings
        frames = settings.frame_rate_hz * settings.key_frame_interval_s
        mean = self.bit_rate_bps / 8.0 / settings.frame_rate_hz
        other = mean * frames / (frames - 1.0 + settings.key_frame_ratio)
        size = other * (settings.key_frame_ratio if key else 1.0)
        return max(round(size * (1.0 + _SIZE_SPREAD * max(-3.0, min(varied, 3.0)))), 1)


def packet_sizes(frame: Frame, most_bytes: int) -> Ints:
    """Sizes of the packets that a frame goes in [B]."""
    whole, rest = divmod(frame.size_bytes, most_bytes)
    return np.array([most_bytes] * whole + [rest] * (rest > 0), dtype=np.int64)


class Viewer:
    """Puts frames together and decodes them in order.

    Args:
        settings: the stream.
        vehicle: whose draws these are.
        seed: the run's seed.
    """

    def __init__(self, settings: VideoSettings, vehicle: str, seed: int) -> None:
        self._settings = settings
        self._key = key_of(vehicle)
        self._draws = Draws(seed, "decoder")
        self._missing: dict[int, int] = {}
        self._complete: dict[int, Frame] = {}
        self._next = 0
        self._waits_since_ns = 0
        self.key_wanted = False
        """Whether frames are there that can't be decoded for want of one before them."""

    def receive(self, fragment: Fragment, received_ns: int) -> Iterator[tuple[Frame, int]]:
        """Take in a packet; frames that can be decoded by it, and when each is on the screen [ns].

        Packets are to be given in the order in which they are received.
        """
        frame = fragment.frame
        if frame.number < self._next:
            return
        left = self._missing.pop(frame.number, fragment.count) - 1
        if left:
            self._missing[frame.number] = left
            return
        self._complete[frame.number] = frame
        if frame.key and frame.number > self._next:
            # What it doesn't refer to isn't waited for any more.
            self._next = frame.number
            self._missing = {n: left for n, left in self._missing.items() if n > self._next}
            self._complete = {n: one for n, one in self._complete.items() if n >= self._next}
        while self._next in self._complete:
            shown = self._complete.pop(self._next)
            self._next += 1
            yield shown, received_ns + self._process_ns(shown)
            self._waits_since_ns = received_ns
        period_ns = NS_PER_S / self._settings.frame_rate_hz
        self.key_wanted = bool(self._complete) and (
            received_ns - self._waits_since_ns > 2.0 * period_ns
        )

    def _process_ns(self, frame: Frame) -> int:
        drawn = float(self._draws.normal(np.uint64(self._key), frame.number))
        return normal_ns(self._settings.process_ms, drawn)


def normal_ns(settings: NormalMs, drawn: float) -> int:
    """A normally distributed time [ns] by a standard normal draw; never negative."""
    return max(round((settings.mean_ms + settings.spread_ms * drawn) * NS_PER_MS), 0)
