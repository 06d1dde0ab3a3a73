"""Shadowing and line of sight as maps: the same place is shadowed alike for everyone.

One periodic standard normal field with the autocorrelation exp(-d/d_cor) (TR 38.901 7.4.4) stands
for all of them. A map reads it at an offset and a reflection of its own, drawn from the run's seed
and the site's key, and at a scale that makes its correlation distance the wanted one: independent
maps for the price of one array and one look-up a link.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.special import ndtr

from network.arrays import Bools, Floats
from network.draws import Draws

SITE_CORRELATION = 0.5
"""Between two sites seen from one place; 1 between a site's sectors (TR 36.814 T. A.2.1.1-1)."""

_NODES = 1024
_MASK = np.int32(_NODES - 1)
_ROW_BITS = np.int32(10)
_NODES_PER_CORRELATION_DISTANCE = 8
_SHARED_MAP = 0


class Maps:
    """One map of a standard normal quantity per key.

    A map is constant over squares of an eighth of a correlation distance and repeats after 128.

    Args:
        keys: What has a map, such as sites (maps,).
        correlation_distance_m: Where the autocorrelation has fallen to 1/e [m].
        draws: Where each map's place in the field comes from.
    """

    def __init__(
        self, keys: NDArray[np.uint64], correlation_distance_m: float, draws: Draws
    ) -> None:
        self._nodes_per_m = _NODES_PER_CORRELATION_DISTANCE / correlation_distance_m
        place = draws.uint64(keys, 0)
        self._column = (place & np.uint64(_NODES - 1)).astype(np.int32)
        self._row = (place >> np.uint64(10) & np.uint64(_NODES - 1)).astype(np.int32)
        self._column_sign = (1 - 2 * (place >> np.uint64(20) & np.uint64(1))).astype(np.int32)
        self._row_sign = (1 - 2 * (place >> np.uint64(21) & np.uint64(1))).astype(np.int32)

    def normals(self, x_m: Floats, y_m: Floats) -> NDArray[np.float32]:
        """Return the standard normal value of every map at every place (places, maps)."""
        return np.take(_normal_field(), self.nodes(x_m, y_m))

    def uniforms(self, x_m: Floats, y_m: Floats) -> NDArray[np.float32]:
        """Return the same values as uniform ones in (0, 1) (places, maps)."""
        return np.take(_uniform_field(), self.nodes(x_m, y_m))

    def nodes(self, x_m: Floats, y_m: Floats) -> NDArray[np.int32]:
        """Return which entry of the field every map reads at every place (places, maps)."""
        column = np.floor(x_m * self._nodes_per_m).astype(np.int32)[:, None]
        row = np.floor(y_m * self._nodes_per_m).astype(np.int32)[:, None]
        columns = (column * self._column_sign + self._column) & _MASK
        rows = (row * self._row_sign + self._row) & _MASK
        return (rows << _ROW_BITS) | columns


class Shadowing:
    """Shadowing of each site over the plane, in standard deviations.

    Two sites are correlated by 0.5 at one place; the sectors of a site share its map. Links in and
    out of sight have maps of their own.

    Args:
        site_keys: Keys of the sites (sites,).
        los_m: Correlation distance in line of sight [m].
        nlos_m: Correlation distance out of it [m].
        seed: The run's seed.
    """

    def __init__(
        self, site_keys: NDArray[np.uint64], los_m: float, nlos_m: float, *, seed: int
    ) -> None:
        shared = np.array([_SHARED_MAP], dtype=np.uint64)
        in_sight = Draws(seed, "radio/shadowing/los")
        blocked = Draws(seed, "radio/shadowing/nlos")
        self._own = Maps(site_keys, los_m, in_sight), Maps(site_keys, nlos_m, blocked)
        self._shared = Maps(shared, los_m, in_sight), Maps(shared, nlos_m, blocked)

    def normals(self, x_m: Floats, y_m: Floats, los: Bools) -> NDArray[np.float32]:
        """Return standard normal shadowing (places, sites).

        Args:
            x_m: Places (places,) [m].
            y_m: Places (places,) [m].
            los: Which links are in line of sight (places, sites).
        """
        own = np.take(_normal_field(), np.where(los, *(m.nodes(x_m, y_m) for m in self._own)))
        own *= np.float32(np.sqrt(1.0 - SITE_CORRELATION))
        shared = np.where(los, *(m.normals(x_m, y_m) for m in self._shared))
        shared *= np.float32(np.sqrt(SITE_CORRELATION))
        own += shared
        return own


@cache
def _normal_field() -> NDArray[np.float32]:
    """Return the field, flat, of mean 0 and variance 1 over its whole period."""
    steps = np.minimum(np.arange(_NODES), _NODES - np.arange(_NODES))
    distances = np.hypot(steps[:, None], steps) / _NODES_PER_CORRELATION_DISTANCE
    # Symmetric in both axes, so the spectrum is real; rounding may leave it a hair under zero.
    spectrum = np.maximum(fft.rfft2(np.exp(-distances)).real, 0.0)
    white = Draws(0, "field").normal(0, np.arange(_NODES**2)).reshape(_NODES, _NODES)
    field = fft.irfft2(fft.rfft2(white) * np.sqrt(spectrum))
    return np.asarray((field - field.mean()) / field.std(), dtype=np.float32).ravel()


@cache
def _uniform_field() -> NDArray[np.float32]:
    return np.asarray(ndtr(_normal_field()))
