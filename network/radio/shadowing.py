"""Shadowing and line of sight as maps: the same place is shadowed alike for everyone.

One periodic standard normal field with the autocorrelation exp(-d/d_cor) (TR 38.901 7.4.4) stands
for all shadowing. A map reads it at an offset and a reflection of its own, drawn from the run's
seed and the site's key, and at a scale that makes its correlation distance the wanted one:
independent maps for the price of one array and one look-up a link.

Line of sight reads a second field in the same way, with the autocorrelation exp(-(d/d_cor)^2).
What crosses a threshold in the first one crosses it again at once and often, however closely one
looks: streets would flicker in and out of sight. The second one is smooth, and by Rice's formula
its level u is crossed sqrt(2) / (pi d_cor) exp(-u^2 / 2) times in a metre. TR 38.901 7.6.3.3 gives
the state's correlation distance and leaves the shape open.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.special import ndtri

from network.arrays import Floats
from network.draws import Draws

SITE_CORRELATION = 0.5
"""Between two sites seen from one place; 1 between a site's sectors (TR 36.814 T. A.2.1.1-1)."""

_NODES = 1024
_MASK = np.int32(_NODES - 1)
_ROW_BITS = np.int32(10)
_NODES_PER_CORRELATION_DISTANCE = 8
_SMOOTH_NODES_PER_CORRELATION_DISTANCE = 32
_SHARED_MAP = 0


class Maps:
    """One map of a standard normal quantity per key.

    A map is constant over squares of an eighth of a correlation distance and repeats after 128; a
    smooth one, of autocorrelation exp(-(d/d_cor)^2), over a 32nd, and repeats after 32.

    Args:
        keys: What has a map, such as sites (maps,).
        correlation_distance_m: Where the autocorrelation has fallen to 1/e [m].
        draws: Where each map's place in the field comes from.
        smooth: Whether the map changes evenly from place to place.
    """

    def __init__(
        self,
        keys: NDArray[np.uint64],
        correlation_distance_m: float,
        draws: Draws,
        *,
        smooth: bool = False,
    ) -> None:
        self._field = _smooth_field if smooth else _normal_field
        per_distance = (
            _SMOOTH_NODES_PER_CORRELATION_DISTANCE if smooth else _NODES_PER_CORRELATION_DISTANCE
        )
        self._nodes_per_m = per_distance / correlation_distance_m
        place = draws.uint64(keys, 0)
        self._column = (place & np.uint64(_NODES - 1)).astype(np.int32)
        self._row = (place >> np.uint64(10) & np.uint64(_NODES - 1)).astype(np.int32)
        self._column_sign = (1 - 2 * (place >> np.uint64(20) & np.uint64(1))).astype(np.int32)
        self._row_sign = (1 - 2 * (place >> np.uint64(21) & np.uint64(1))).astype(np.int32)

    def normals(self, x_m: Floats, y_m: Floats) -> NDArray[np.float32]:
        """Return the standard normal value of every map at every place (places, maps)."""
        return np.take(self._field(), self.nodes(x_m, y_m))

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
        keys = np.append(site_keys, np.uint64(_SHARED_MAP))
        self._in_sight = Maps(keys, los_m, Draws(seed, "radio/shadowing/los"))
        self._blocked = Maps(keys, nlos_m, Draws(seed, "radio/shadowing/nlos"))

    def normals(self, x_m: Floats, y_m: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return standard normal shadowing in line of sight and out of it (places, sites) each.

        Args:
            x_m: Places (places,) [m].
            y_m: Places (places,) [m].
        """
        return (
            _with_shared(self._in_sight.normals(x_m, y_m)),
            _with_shared(self._blocked.normals(x_m, y_m)),
        )


def _with_shared(normals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mix the last map into the others, which are correlated by it."""
    own = np.float32(np.sqrt(1.0 - SITE_CORRELATION)) * normals[:, :-1]
    return own + np.float32(np.sqrt(SITE_CORRELATION)) * normals[:, -1:]


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
def _smooth_field() -> NDArray[np.float32]:
    """Return the smooth field, flat.

    It is but 32 correlation distances wide, so chance is kept out of what can be had exactly: waves
    have their mean amplitudes and random phases, and values are moved to the normal distribution's
    quantiles in their order. Sight over the whole field thus has its probability.

    The spectrum ends long before that of so fine a grid: the waves are drawn on a coarse one.
    """
    coarse = _NODES // 8
    steps = np.minimum(np.arange(coarse), coarse - np.arange(coarse))
    square = (steps[:, None] ** 2 + steps**2) * (8 / _SMOOTH_NODES_PER_CORRELATION_DISTANCE) ** 2
    amplitude = np.sqrt(np.maximum(fft.fft2(np.exp(-square)).real, 0.0))
    white = Draws(0, "smooth field").normal(0, np.arange(coarse**2)).reshape(coarse, coarse)
    phases = fft.fft2(white)
    waves = np.zeros((_NODES, _NODES), dtype=np.complex128)
    index = fft.fftfreq(coarse, 1.0 / coarse).astype(np.int64)
    waves[np.ix_(index, index)] = amplitude * phases / np.abs(phases)
    field = np.empty(_NODES**2, dtype=np.float32)
    order = np.argsort(fft.ifft2(waves).real, axis=None)
    field[order] = ndtri((np.arange(_NODES**2) + 0.5) / _NODES**2)
    return field
