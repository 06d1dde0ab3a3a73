"""When road users send awareness messages: the generation rules, for all of them at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from network.arrays import Bools, Ints
from network.draws import Draws
from vehicles.state import RoadUsers

_NEVER = -(2**60)
_MS = 1_000_000


@dataclass(frozen=True)
class GenerationRules:
    """What lets a station send.

    Args:
        check_ns: how often it looks, and the least time between two messages [ns].
        longest_ns: the longest time between two messages [ns].
        position_m: a message is due when the station has come this far since the last [m],
        heading_rad: when it has turned by this [rad],
        speed_mps: or when its speed has changed by this [m/s].
        repeats: how many messages after such a one keep its interval before the longest is taken
            again.
        low_frequency_ns: how often the container of slowly changing things goes with it [ns].
    """

    check_ns: int
    longest_ns: int
    position_m: float = 4.0
    heading_rad: float = math.radians(4.0)
    speed_mps: float = 0.5
    repeats: int = 0
    low_frequency_ns: int = 500 * _MS


CAM_RULES = GenerationRules(check_ns=100 * _MS, longest_ns=1000 * _MS, repeats=3)
"""EN 302 637-2 V1.4.1 clause 6.1.3 without congestion control: T_CheckCamGen = T_GenCamMin."""

VAM_RULES = GenerationRules(check_ns=100 * _MS, longest_ns=5000 * _MS, low_frequency_ns=2000 * _MS)
"""TS 103 300-3 V2.1.1 clause 6.4, without clusters and trajectory interception."""


def at_rate(rate_hz: float) -> GenerationRules:
    """The same number of messages every second, whatever the station does."""
    period_ns = round(1e9 / rate_hz)
    return GenerationRules(check_ns=period_ns, longest_ns=period_ns)


class Generated(NamedTuple):
    """Messages due, ordered by instant; every array has shape (n,)."""

    slots: Ints
    instant_ns: Ints
    low_frequency: Bools
    certificate: Bools


class Generation:
    """Which stations send, and when: each looks at its own instants, `check_ns` apart.

    Args:
        rules: of the message.
        certificate_ns: how often the certificate goes with a message [ns].
        seed: the run's seed, for each station's phase.
        purpose: what the phases are drawn for.
    """

    def __init__(
        self, rules: GenerationRules, certificate_ns: int, seed: int, purpose: str
    ) -> None:
        self._rules = rules
        self._certificate_ns = certificate_ns
        self._draws = Draws(seed, purpose)
        # By slot: whose it is, and what its last message said.
        self._key = np.zeros(0, dtype=np.uint64)
        self._phase_ns = np.zeros(0, dtype=np.int64)
        self._last_ns = np.zeros(0, dtype=np.int64)
        self._x_m = np.zeros(0)
        self._y_m = np.zeros(0)
        self._heading_rad = np.zeros(0)
        self._speed_mps = np.zeros(0)
        self._interval_ns = np.zeros(0, dtype=np.int64)
        self._repeats_left = np.zeros(0, dtype=np.int64)
        self._low_frequency_ns = np.zeros(0, dtype=np.int64)
        self._certificate_sent_ns = np.zeros(0, dtype=np.int64)

    def between(
        self,
        users: RoadUsers,
        slots: Ints,
        keys: NDArray[np.uint64],
        from_ns: int,
        until_ns: int,
    ) -> Generated:
        """Messages generated in [from_ns, until_ns).

        Args:
            users: everyone on the road; they are taken to move on evenly until `until_ns`.
            slots: the stations that send such messages, shape (n,).
            keys: their keys, by which a slot's new owner is told from the old one, shape (n,).
            from_ns: begin of the interval [ns].
            until_ns: its end [ns].
        """
        self._take_over(users.capacity, slots, keys)
        check_ns, phase_ns = self._rules.check_ns, self._phase_ns[slots]
        look_ns = phase_ns + -(-(from_ns - phase_ns) // check_ns) * check_ns
        rounds = []
        while (looking := look_ns < until_ns).any():
            rounds.append(self._look(users, slots[looking], look_ns[looking]))
            look_ns = look_ns + check_ns
        if not rounds:
            none = np.zeros(0, dtype=np.int64)
            return Generated(none, none, none.astype(np.bool_), none.astype(np.bool_))
        slots, instant_ns, low_frequency, certificate = map(
            np.concatenate, zip(*rounds, strict=True)
        )
        order = np.argsort(instant_ns, kind="stable")
        return Generated(slots[order], instant_ns[order], low_frequency[order], certificate[order])

    def _look(self, users: RoadUsers, slots: Ints, now_ns: Ints) -> Generated:
        """Messages due among stations that look, each at its own instant."""
        rules, here = self._rules, users.at(now_ns, slots)
        elapsed_ns = now_ns - self._last_ns[slots]
        turned = here.heading_rad - self._heading_rad[slots]
        moved = (
            np.hypot(here.x_m - self._x_m[slots], here.y_m - self._y_m[slots]) > rules.position_m
        )
        moved |= np.abs((turned + np.pi) % (2.0 * np.pi) - np.pi) > rules.heading_rad
        moved |= np.abs(here.speed_mps - self._speed_mps[slots]) > rules.speed_mps
        moved &= elapsed_ns >= rules.check_ns
        due = moved | (elapsed_ns >= self._interval_ns[slots])

        left = np.where(moved, rules.repeats, np.maximum(self._repeats_left[slots] - 1, 0))
        interval_ns = np.where(moved, elapsed_ns, self._interval_ns[slots])
        interval_ns = np.where(left > 0, interval_ns, rules.longest_ns)
        sent = slots[due]
        sent_ns = now_ns[due]
        self._last_ns[sent] = sent_ns
        self._x_m[sent], self._y_m[sent] = here.x_m[due], here.y_m[due]
        self._heading_rad[sent] = here.heading_rad[due]
        self._speed_mps[sent] = here.speed_mps[due]
        self._repeats_left[sent] = left[due]
        self._interval_ns[sent] = np.minimum(interval_ns[due], rules.longest_ns)
        return Generated(
            sent,
            sent_ns,
            _every(self._low_frequency_ns, sent, sent_ns, rules.low_frequency_ns),
            _every(self._certificate_sent_ns, sent, sent_ns, self._certificate_ns),
        )

    def _take_over(self, capacity: int, slots: Ints, keys: NDArray[np.uint64]) -> None:
        """Forget what slots with new owners sent before."""
        more = (0, capacity - len(self._key))
        if more[1] > 0:
            for name, array in vars(self).items():
                if isinstance(array, np.ndarray):
                    setattr(self, name, np.pad(array, more))
        new = self._key[slots] != keys
        if not new.any():
            return
        fresh = slots[new]
        self._key[fresh] = keys[new]
        phase = self._draws.uniform(keys[new], 0) * self._rules.check_ns
        self._phase_ns[fresh] = phase.astype(np.int64)
        for last in (self._last_ns, self._low_frequency_ns, self._certificate_sent_ns):
            last[fresh] = _NEVER
        self._interval_ns[fresh] = self._rules.longest_ns
        self._repeats_left[fresh] = 0


def _every(last_ns: Ints, slots: Ints, now_ns: Ints, period_ns: int) -> Bools:
    """Which slots had their last turn a period ago; they have it now."""
    turn: Bools = now_ns - last_ns[slots] >= period_ns
    last_ns[slots[turn]] = now_ns[turn]
    return turn
