"""From the base station to the server and back: backhaul, core, the server's own time."""

from __future__ import annotations

import numpy as np

from network.arrays import Floats, Ints
from network.packet import NS_PER_MS
from network.settings import CoreSettings

_PATHS_MS = {"edge": (0.2, 0.1), "region": (2.5, 0.5), "cloud": (10.0, 3.0)}
"""One way from the core to each place of a server [ms]: the least that it takes, and the mean of an
exponential time on top.

Edge: a UPF beside the base stations, of the size of the 99.99 % transport figures of Lucas-Estan et
al. (IEEE TVT 2022, doi 10.1109/TVT.2022.3224614), 0.4 to 0.9 ms. Region: some 300 km of fibre there
and its switches. Cloud: the same paper's remote peering, 13 ms in the mean.
"""


class Core:
    """The wired part of the way.

    Args:
        settings: Where the server is.
    """

    def __init__(self, settings: CoreSettings) -> None:
        least_ms, jitter_ms = _PATHS_MS[settings.server]
        self._backhaul_ns = round(settings.backhaul_ms * NS_PER_MS)
        self._server_ns = round(settings.server_ms * NS_PER_MS)
        self._least_ns = round(least_ms * NS_PER_MS)
        self._jitter_ns = jitter_ms * NS_PER_MS

    @property
    def least_up_ns(self) -> int:
        """The least time from the base station until the server has dealt with a packet [ns]."""
        return self._backhaul_ns + self._least_ns + self._server_ns

    @property
    def least_down_ns(self) -> int:
        """The least time from the server to the base station [ns]."""
        return self._backhaul_ns + self._least_ns

    def up(self, from_ns: Ints, luck: Floats) -> Ints:
        """Return when packets leave base station, backhaul, core and server (n, 4) [ns].

        Args:
            from_ns: When they have come to the base station (n,) [ns].
            luck: Uniform in (0, 1), decides how long each takes (n,).
        """
        path = self._least_ns + self._extra_ns(luck)
        return _instants(from_ns, np.full_like(path, self._backhaul_ns), path, self._server_ns)

    def down(self, from_ns: Ints, luck: Floats) -> Ints:
        """Return when packets leave server, core and backhaul, the last twice (n, 4) [ns]."""
        path = self._least_ns + self._extra_ns(luck)
        return _instants(from_ns, path, np.full_like(path, self._backhaul_ns), 0)

    def _extra_ns(self, luck: Floats) -> Ints:
        return (-np.log(luck) * self._jitter_ns).astype(np.int64)


def _instants(from_ns: Ints, first_ns: Ints, second_ns: Ints, third_ns: int) -> Ints:
    after_first = from_ns + first_ns
    after_second = after_first + second_ns
    return np.stack([from_ns, after_first, after_second, after_second + third_ns], axis=1)
