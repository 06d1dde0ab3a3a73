"""Opens the gap and slows down before the network gets bad."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from pydantic import Field, model_validator

from network.arrays import Floats
from network.settings import Settings
from vehicles.criticality import find_leader
from vehicles.driving.base import LinkView, Message, Proposal, RoadAhead, Situation
from vehicles.driving.following import (
    LATERAL_MARGIN_M,
    STANDSTILL_GAP_M,
    allowed_speed_mps,
    free_mps2,
    interaction_mps2,
)
from vehicles.messages.received import Received

# It has time: neither opening a gap nor slowing down for the network is worth harder braking.
_GENTLE_MPS2 = 1.0
# How quickly the caution grows and how slowly it goes again: in full in 2 s, and in 10 s.
_GROWS_PER_S = 0.5
_GOES_PER_S = 0.1
_TREND_NS = 2_000_000_000
_TREND_EVERY_NS = 100_000_000
# A handover is near once the neighbour is within this of the serving cell, or stronger.
_HANDOVER_MARGIN_DB = 1.0
# Delays are judged by the worst of the last second.
_RECENT_NS = 1_000_000_000
# CAMs come at least once a second. Who was heard this long ago may have gone out of reach: then
# silence says no more.
_SILENCE_NS = 10_000_000_000
_FORECAST_EVERY_M = 20.0
_LEAST_CAUTION = 0.02


class NetworkAwareSettings(Settings):
    """Settings of `network_aware`."""

    time_gap_s: float = Field(
        3.0, gt=0, le=10, description="Time gap to the car ahead when the network is bad."
    )
    speed_share: float = Field(
        0.8, gt=0, le=1, description="Share of the speed otherwise driven when the network is bad."
    )
    good_delay_ms: float = Field(
        50.0, ge=0, description="Age of what is received up to which the network is good."
    )
    bad_delay_ms: float = Field(500.0, gt=0, description="The same from which it is bad.")
    good_sinr_db: float = Field(5.0, description="SINR from which the network is good.")
    bad_sinr_db: float = Field(-5.0, description="SINR below which it is bad.")
    look_ahead_s: float = Field(
        5.0,
        ge=0,
        le=30,
        description="How far ahead the forecast is looked, and the SINR's trend, but that no "
        "further than the 2 s over which it is known.",
    )
    forecast: bool = Field(
        False, description="Use the network's forecast of the SINR along the route."
    )

    @model_validator(mode="after")
    def _in_order(self) -> NetworkAwareSettings:
        if self.bad_delay_ms <= self.good_delay_ms:
            raise ValueError("bad_delay_ms must be above good_delay_ms")
        if self.bad_sinr_db >= self.good_sinr_db:
            raise ValueError("bad_sinr_db must be below good_sinr_db")
        return self


class NetworkAware:
    """Keeps more distance the worse the network is, or is about to get.

    The network counts as bad by what is worst of

    * the age at which messages arrive, silence after messages included,
    * the SINR now, and where its trend over the last 2 s or the forecast will have taken it,
    * an interruption, or no cell; a handover that is near counts for half.

    From good (0) to bad (1) that is the caution. It asks for that share of the time gap that it
    keeps when the network is bad, so that a little of it leaves even a platoon alone, and takes as
    much off the speed. It follows what is worst at a limited rate, so that neither jumps.
    """

    name = "network_aware"
    Settings = NetworkAwareSettings

    def __init__(self, settings: NetworkAwareSettings) -> None:
        self._settings = settings
        self._delays = _Delays()
        self._trend = _Trend()
        self._caution = 0.0
        self._reason = ""
        self._instant_ns: int | None = None

    def decide(self, situation: Situation) -> Proposal | None:
        """Hold back by how bad the network is."""
        target, reason = self._assess(situation)
        if target >= self._caution:
            # While it goes again, the reason is what it came for.
            self._reason = reason
        self._follow(target, situation.instant_ns)
        if self._caution < _LEAST_CAUTION:
            return None
        ego, road, settings = situation.ego, situation.road, self._settings
        share = 1.0 - self._caution * (1.0 - settings.speed_share)
        free = free_mps2(ego.speed_mps, share * allowed_speed_mps(road))
        wanted, sensed = free, []
        leader = find_leader(road, ego, situation.seen.bodies, margin_m=LATERAL_MARGIN_M)
        if leader is not None:
            wanted -= interaction_mps2(
                ego.speed_mps,
                leader.speed_mps,
                leader.gap_m - STANDSTILL_GAP_M,
                self._caution * settings.time_gap_s,
            )
            sensed = [int(situation.seen.slots[leader.row])]
        return Proposal(max(wanted, -_GENTLE_MPS2), self._reason, sensed, self._delays.causes())

    def _assess(self, situation: Situation) -> tuple[float, str]:
        """How bad the network is or will be, from 0 to 1, and by what."""
        settings, link, now_ns = self._settings, situation.link, situation.instant_ns
        self._delays.hear(situation)
        delay_s = self._delays.worst_s(now_ns)
        causes = [
            (
                _between(1e3 * delay_s, settings.good_delay_ms, settings.bad_delay_ms),
                "late messages",
            ),
            (self._by_sinr(link.sinr_db), "poor link"),
            (1.0 if link.interrupted else 0.0, "no link"),
            (0.5 if _handover_is_near(link) else 0.0, "handover ahead"),
            (
                self._by_sinr(self._trend.reaches_db(link, now_ns, settings.look_ahead_s)),
                "fading link",
            ),
        ]
        if settings.forecast and situation.coverage is not None:
            places = _places_ahead(situation.road, situation.ego.speed_mps * settings.look_ahead_s)
            expected_db = situation.coverage.expected_sinr_db(*places.T)
            causes.append((self._by_sinr(float(expected_db.min())), "poor link ahead"))
        return max(causes, key=lambda cause: cause[0])

    def _by_sinr(self, sinr_db: float) -> float:
        """How bad a SINR is; one that isn't known says nothing."""
        settings = self._settings
        known = not math.isnan(sinr_db)
        return _between(-sinr_db, -settings.good_sinr_db, -settings.bad_sinr_db) if known else 0.0

    def _follow(self, target: float, now_ns: int) -> None:
        elapsed_s = 0.0 if self._instant_ns is None else (now_ns - self._instant_ns) * 1e-9
        self._instant_ns = now_ns
        step = target - self._caution
        self._caution += min(max(step, -_GOES_PER_S * elapsed_s), _GROWS_PER_S * elapsed_s)


class _Delays:
    """How late messages arrive, and for how long none have."""

    def __init__(self) -> None:
        self._recent: deque[Received[Message]] = deque()
        self._newest_ns: int | None = None

    def hear(self, situation: Situation) -> None:
        """Take in what has been received."""
        for received in situation.received:
            self._recent.append(received)
            self._newest_ns = received.received_ns
        while self._recent and situation.instant_ns - self._recent[0].received_ns > _RECENT_NS:
            self._recent.popleft()

    def worst_s(self, now_ns: int) -> float:
        """The longest delay of the last second; when nothing has arrived, how long it has been."""
        if self._recent:
            return 1e-9 * max(_delay_ns(received) for received in self._recent)
        if self._newest_ns is None or now_ns - self._newest_ns > _SILENCE_NS:
            return 0.0
        return 1e-9 * (now_ns - self._newest_ns - _RECENT_NS)

    def causes(self) -> tuple[Received[Message], ...]:
        """The message that came the latest."""
        return (max(self._recent, key=_delay_ns),) if self._recent else ()


class _Trend:
    """Where the SINR is heading."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, float]] = deque(maxlen=round(_TREND_NS / _TREND_EVERY_NS))
        self._cell: str | None = None

    def reaches_db(self, link: LinkView, now_ns: int, ahead_s: float) -> float:
        """The SINR in `ahead_s` if it goes on as over the last 2 s in this cell [dB].

        Beyond another 2 s, a dip that ends by itself would be taken for the cell's edge.
        """
        if link.serving_cell != self._cell or math.isnan(link.sinr_db):
            self._cell = link.serving_cell
            self._samples.clear()
            return link.sinr_db
        if not self._samples or now_ns - self._samples[-1][0] >= _TREND_EVERY_NS:
            self._samples.append((now_ns, link.sinr_db))
        if len(self._samples) < (self._samples.maxlen or 0):
            return link.sinr_db
        time_s, sinr_db = np.array(self._samples).T
        time_s = 1e-9 * (time_s - now_ns)
        slope = float(np.polyfit(time_s, sinr_db, 1)[0])
        return link.sinr_db + slope * min(ahead_s, 1e-9 * _TREND_NS)


def _handover_is_near(link: LinkView) -> bool:
    return link.neighbour_rsrp_dbm > link.rsrp_dbm - _HANDOVER_MARGIN_DB


def _between(value: float, good: float, bad: float) -> float:
    """How far a value is on the way from good (0) to bad (1)."""
    return min(max((value - good) / (bad - good), 0.0), 1.0)


def _places_ahead(road: RoadAhead, distance_m: float) -> Floats:
    """Points of the path ahead as far as a distance, shape (n, 2) [m]."""
    s = road.ego_s_m + np.arange(0.0, distance_m + _FORECAST_EVERY_M, _FORECAST_EVERY_M)
    return np.stack([np.interp(s, road.path_s_m, axis) for axis in road.path_xy_m.T], axis=1)


def _delay_ns(received: Received[Message]) -> int:
    return received.received_ns - received.sent_ns
