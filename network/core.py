"""From the base station to the server and back: backhaul, core, the server's own time.

Placements are those of Lucas-Estan, Coll-Perales et al. (IEEE TVT 2022, doi
10.1109/TVT.2022.3224614), by its authors' code 5G-E2E-V2N2V-Latency-Models: 200 us in each node,
2e5 km/s in fibre, 3 km from the base station to the access ring's first node (M1), 15 km from it to
the next ring (M2) and 60 km from there to the operator's core. Nodes and fibre come to 0.4, 0.83
and 2.35 ms there and back for a server at the base station, at M1 and at the core. Their 99.99 %
figures, the sum of one for each way, are 0.422, 0.875 and 2.396 ms: on top is queueing in links of
the M/M/1 kind, whose sojourn is exponential.

For a server in the internet their code takes round trips that were measured within Italy (Candela
et al., Computer Networks 182, 2020): 10.77 ms in the mean, 20.69 and 97.25 ms at 90 and 99.99 %,
half of which is one way here. A distribution whose quantile function is two straight lines over
-ln(1 - p), bent at 90 %, meets all three; its least follows from the mean.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from network.arrays import Floats, Ints
from network.draws import DrawKeys, Draws
from network.packet import NS_PER_MS
from network.settings import CoreSettings, ServerPathSettings, ServerTimeSettings

_NODE_MS = 0.2
_FIBRE_KM_PER_MS = 200.0
_P90, _P9999 = np.log(10.0), np.log(10_000.0)


class Tail(NamedTuple):
    """A delay whose quantile function is two straight lines over -ln(1 - p), bent at p = 90 %.

    With one slope it is an exponential time on top of a least one.
    """

    least_ms: float
    slope_ms: float
    far_slope_ms: float

    @classmethod
    def exponential(cls, least_ms: float, mean_ms: float) -> Tail:
        """Return a least time with an exponential one of a mean on top."""
        return cls(least_ms, mean_ms, mean_ms)

    @classmethod
    def through(cls, mean_ms: float, p90_ms: float, p9999_ms: float) -> Tail:
        """Return the tail of a mean and two quantiles.

        Its mean is least + slope (1 - 0.1) + far slope 0.1, as P(exponential > ln 10) = 0.1.

        Raises:
            ValueError: Figures that no such tail has.
        """
        far_slope = (p9999_ms - p90_ms) / (_P9999 - _P90)
        least = (mean_ms - 0.9 * p90_ms / _P90 - 0.1 * far_slope) / (1.0 - 0.9 / _P90)
        if not 0.0 <= least <= p90_ms <= p9999_ms:
            raise ValueError(f"no tail has mean {mean_ms}, p90 {p90_ms}, p99.99 {p9999_ms} ms")
        return cls(float(least), float((p90_ms - least) / _P90), float(far_slope))

    def ms(self, exponential: Floats) -> Floats:
        """Return delays [ms] by an exponential draw of mean 1 each."""
        near = np.minimum(exponential, _P90)
        return np.asarray(
            self.least_ms + self.slope_ms * near + self.far_slope_ms * (exponential - near)
        )


class Placement(NamedTuple):
    """Where the server stands."""

    backhaul_ms: float
    """Nodes and fibre from the base station to the user plane function, one way [ms]."""
    core: Tail
    """The last node with all queueing, and what is behind it, one way."""


def _at(nodes: int, fibre_km: float, both_ways_p9999_ms: float) -> Placement:
    fixed_ms = nodes * _NODE_MS + fibre_km / _FIBRE_KM_PER_MS
    queueing_ms = (both_ways_p9999_ms / 2.0 - fixed_ms) / float(_P9999)
    return Placement(fixed_ms - _NODE_MS, Tail.exponential(_NODE_MS, queueing_ms))


_REGION = _at(4, 15.0 + 60.0, 2.396)
PLACEMENTS = {
    "gnb": _at(1, 0.0, 0.422),
    "edge": _at(2, 3.0, 0.875),
    "region": _REGION,
    "cloud": Placement(
        _REGION.backhaul_ms + _NODE_MS, Tail.through(10.77 / 2, 20.69 / 2, 97.25 / 2)
    ),
}
"""What `core.server` names."""


class Core:
    """The wired part of the way.

    Args:
        settings: Where the server is.
        seed: Seed of the run.
    """

    def __init__(self, settings: CoreSettings, seed: int) -> None:
        if isinstance(settings.server, ServerPathSettings):
            own = Tail.exponential(settings.server.delay_ms, settings.server.jitter_ms)
            place = Placement(0.0, own)
        else:
            place = PLACEMENTS[settings.server]
        backhaul_ms = place.backhaul_ms if settings.backhaul_ms is None else settings.backhaul_ms
        self._backhaul_ns = round(backhaul_ms * NS_PER_MS)
        self._path = place.core
        self._server = ServerTime(settings.server_ms, seed)

    @property
    def least_up_ns(self) -> int:
        """The least time from the base station until the server has dealt with a packet [ns]."""
        return self.least_down_ns + self._server.least_ns

    @property
    def least_down_ns(self) -> int:
        """The least time from the server to the base station [ns]."""
        return self._backhaul_ns + int(self._path.least_ms * NS_PER_MS)

    def up(self, from_ns: Ints, luck: Floats, draw: DrawKeys) -> Ints:
        """Return when packets leave base station, backhaul, core and server (n, 4) [ns].

        Args:
            from_ns: When they have come to the base station (n,) [ns].
            luck: Uniform in (0, 1), decides how long the path takes (n,).
            draw: The packets', decides how long the server takes.
        """
        path = self._path_ns(luck)
        return _instants(
            from_ns, np.full_like(path, self._backhaul_ns), path, self._server.ns(draw)
        )

    def down(self, from_ns: Ints, luck: Floats) -> Ints:
        """Return when packets leave server, core and backhaul, the last twice (n, 4) [ns]."""
        path = self._path_ns(luck)
        return _instants(from_ns, path, np.full_like(path, self._backhaul_ns), 0)

    def _path_ns(self, luck: Floats) -> Ints:
        return (self._path.ms(-np.log(luck)) * NS_PER_MS).astype(np.int64)


class ServerTime:
    """How long the server takes with a message.

    Args:
        settings: One time for all, or the mean and spread of a log-normal one.
        seed: Seed of the run.
    """

    def __init__(self, settings: float | ServerTimeSettings, seed: int) -> None:
        self._settings = settings
        self._draws = Draws(seed, "server")
        self.least_ns = round(settings * NS_PER_MS) if isinstance(settings, float) else 0

    def ns(self, draw: DrawKeys) -> int | Ints:
        """Return the server's time with packets [ns], by what they draw with."""
        if isinstance(self._settings, float):
            return self.least_ns
        mean, spread = self._settings.mean_ms, self._settings.spread_ms
        variance = np.log1p((spread / mean) ** 2)
        normal = self._draws.normal(draw.key, draw.counter)
        ms = mean * np.exp(np.sqrt(variance) * normal - variance / 2.0)
        return np.asarray(np.rint(ms * NS_PER_MS), dtype=np.int64)


def _instants(from_ns: Ints, first_ns: Ints, second_ns: Ints, third_ns: int | Ints) -> Ints:
    after_first = from_ns + first_ns
    after_second = after_first + second_ns
    return np.stack([from_ns, after_first, after_second, after_second + third_ns], axis=1)
