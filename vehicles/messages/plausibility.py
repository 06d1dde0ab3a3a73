"""Whether a message can be true: what a receiver can tell from the message and what it knows.

The checks are of the kind that ETSI TR 103 460 lists: limits of physics, of reach and of time, and
consistency with what the same sender said before. A lie within these limits passes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from vehicles.messages.cam import Cam
from vehicles.messages.codec import ItsMessage
from vehicles.messages.cpm import Cpm
from vehicles.messages.denm import Denm
from vehicles.messages.received import Received
from vehicles.messages.vam import Vam

_NS_PER_S = 1_000_000_000
# Clocks of stations agree at least so well.
_CLOCK_NS = 100_000_000
# Awareness that took longer is of no use, if it is true at all.
_OLD_NS = 2 * _NS_PER_S
# A warning's last repetition may come past its validity: of no use, but nothing strange.
_PAST_VALIDITY_NS = 1 * _NS_PER_S
# Nobody hands messages on from further than this.
_REACH_M = 1_500.0
_FASTEST_MPS = 80.0
_FASTEST_VULNERABLE_MPS = 20.0
_HARDEST_MPS2 = 13.0
# Two positions from satellites may differ by as much.
_POSITION_M = 5.0
# Nobody else's centre is this near to the receiver's own.
_OWN_PLACE_M = 1.0
# After such a silence a sender may be anywhere.
_FORGET_NS = 2 * _NS_PER_S


class Doubt(NamedTuple):
    """The check that a message failed, and by how much."""

    check: str
    detail: str


class _Claim(NamedTuple):
    generated_ns: int
    x_m: float
    y_m: float
    speed_mps: float


class Plausibility:
    """The doubts of one receiver; it remembers where it believes senders to be."""

    def __init__(self) -> None:
        self._believed: dict[int, _Claim] = {}

    def doubt(self, received: Received[ItsMessage], x_m: float, y_m: float) -> Doubt | None:
        """What speaks against a message for a receiver at a place [m]; None if nothing does."""
        message = received.message
        if (doubt := _doubt_of_time(received)) is not None:
            return doubt
        if isinstance(message, Cam | Vam | Denm | Cpm):
            apart_m = math.hypot(message.x_m - x_m, message.y_m - y_m)
            if apart_m > _REACH_M:
                return Doubt("reach", f"{apart_m:.0f} m away")
        if isinstance(message, Cam | Vam):
            return self._doubt_of_motion(message, apart_m)
        if isinstance(message, Denm) and message.speed_mps > _FASTEST_MPS:
            return Doubt("speed", f"{message.speed_mps:.0f} m/s")
        return None

    def _doubt_of_motion(self, message: Cam | Vam, apart_m: float) -> Doubt | None:
        fastest = _FASTEST_MPS if isinstance(message, Cam) else _FASTEST_VULNERABLE_MPS
        if abs(message.speed_mps) > fastest:
            return Doubt("speed", f"{message.speed_mps:.0f} m/s")
        if abs(message.acceleration_mps2) > _HARDEST_MPS2:
            return Doubt("acceleration", f"{message.acceleration_mps2:.0f} m/s2")
        if apart_m < _OWN_PLACE_M:
            return Doubt("own_place", f"{apart_m:.1f} m from the receiver's own centre")
        claim = _Claim(message.generation_time_ns, message.x_m, message.y_m, abs(message.speed_mps))
        before = self._believed.get(message.station_id)
        if before is not None and 0 <= claim.generated_ns - before.generated_ns < _FORGET_NS:
            elapsed_s = (claim.generated_ns - before.generated_ns) / _NS_PER_S
            moved_m = math.hypot(claim.x_m - before.x_m, claim.y_m - before.y_m)
            fastest = max(claim.speed_mps, before.speed_mps) + _HARDEST_MPS2 * elapsed_s
            if moved_m > fastest * elapsed_s + _POSITION_M:
                return Doubt("jump", f"{moved_m:.0f} m in {elapsed_s:.1f} s")
        if before is None or claim.generated_ns >= before.generated_ns:
            self._believed[message.station_id] = claim
        return None


def _doubt_of_time(received: Received[ItsMessage]) -> Doubt | None:
    message = received.message
    late_ns = received.received_ns - message.generation_time_ns
    if late_ns < -_CLOCK_NS:
        return Doubt("future", f"made {-late_ns / _NS_PER_S:.1f} s after it came")
    if isinstance(message, Denm):
        over_ns = received.received_ns - message.valid_until_ns
        if over_ns > _PAST_VALIDITY_NS:
            return Doubt("expired", f"validity ended {over_ns / _NS_PER_S:.1f} s ago")
    elif late_ns > _OLD_NS:
        return Doubt("old", f"{late_ns / _NS_PER_S:.1f} s")
    return None
