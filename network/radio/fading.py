"""Fast fading: what multipath does to one transmission, as an effective SINR.

Scattered waves from all around (Clarke) make a random pattern in space with the autocorrelation
J0(2 pi d / wavelength). A station that drives through it sees the Doppler spectrum of its speed,
and one that stands sees no change; so fading is a function of place, and cutting time into other
steps changes nothing. One periodic pattern is made once; each link and each part of the band reads
it at a place and a turn of its own. In line of sight a steady wave is added by the Rician K factor.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from network.arrays import Floats
from network.draws import Draws
from network.radio.propagation import SPEED_OF_LIGHT_MPS, Scenario

_NODES = 1024
_NODES_PER_WAVELENGTH = 16
_MOST_BANDS = 8

_UINT64 = NDArray[np.uint64]


class _Multipath(NamedTuple):
    """Rows of TR 38.901 Table 7.5-6: K factor in sight, and a + b lg(c + f) of the delay spread.

    f is the carrier in GHz, or `least_ghz` under it (notes 6 and 7). V19 has other delay spreads
    for UMa and UMi.
    """

    k_mean_db: float
    k_sigma_db: float
    delay_spread_los: tuple[float, float]
    delay_spread_nlos: tuple[float, float]
    offset_ghz: float
    least_ghz: float


_MULTIPATH: dict[str, _Multipath] = {
    "UMa": _Multipath(9.0, 3.5, (-6.955, -0.0963), (-6.28, -0.204), 0.0, 6.0),
    "UMi": _Multipath(9.0, 5.0, (-7.14, -0.24), (-6.83, -0.24), 1.0, 2.0),
    "RMa": _Multipath(7.0, 4.0, (-7.49, 0.0), (-7.43, 0.0), 0.0, 0.5),
}


class FadingLinks(NamedTuple):
    """What belongs to links for good; each array has shape (n,)."""

    place: _UINT64
    """Where and how each link reads the pattern."""
    k: Floats
    """Its Rician K factor where it is in line of sight, as a ratio."""


class Fading:
    """Fast fading of the links of a network.

    Args:
        scenario: ``"UMa"``, ``"UMi"`` or ``"RMa"``.
        carrier_ghz: Carrier frequency [GHz].
        seed: The run's seed.
        branches: Antennas that receive, half a wavelength or more apart: their powers are averaged
            (maximum ratio combining; the gain of having several is the antenna's, not fading's).
    """

    def __init__(
        self, scenario: Scenario, carrier_ghz: float, *, seed: int, branches: int = 1
    ) -> None:
        self._branches = branches
        if scenario not in _MULTIPATH:
            raise ValueError(f"fading knows {', '.join(_MULTIPATH)}, got {scenario!r}")
        self._multipath = _MULTIPATH[scenario]
        self._wavelength_m = SPEED_OF_LIGHT_MPS / (carrier_ghz * 1e9)
        log_carrier = np.log10(
            max(carrier_ghz, self._multipath.least_ghz) + self._multipath.offset_ghz
        )
        self._coherence_los_hz, self._coherence_nlos_hz = (
            _coherence_hz(10.0 ** (a + b * log_carrier))
            for a, b in (self._multipath.delay_spread_los, self._multipath.delay_spread_nlos)
        )
        self._links = Draws(seed, "radio/fading")
        self._k_factors = Draws(seed, "radio/k-factor")

    def links(self, station_keys: _UINT64, cell_keys: _UINT64) -> FadingLinks:
        """Return the links between stations and cells of these keys (n,)."""
        k_db = self._multipath.k_mean_db + self._multipath.k_sigma_db * self._k_factors.normal(
            station_keys, cell_keys
        )
        return FadingLinks(self._links.uint64(station_keys, cell_keys), 10.0 ** (k_db / 10.0))

    def effective_sinr_db(
        self,
        sinr_db: Floats,
        links: FadingLinks,
        *,
        x_m: Floats,
        y_m: Floats,
        los: ArrayLike,
        bandwidth_hz: ArrayLike,
    ) -> Floats:
        """Return the SINR of an unfaded channel that would carry as much.

        The band of the transmission falls into parts as wide as the coherence bandwidth, at most
        eight; each fades by itself, and their capacities are averaged.

        Args:
            sinr_db: SINR without fast fading (n,) [dB].
            links: The links, from `links` (n,).
            x_m: Where the station is when it sends or receives (n,) [m].
            y_m: Likewise.
            los: True where the link is in line of sight.
            bandwidth_hz: Width of the allocated resource blocks [Hz].

        Returns:
            Effective SINR (n,) [dB].
        """
        coherence = np.where(los, self._coherence_los_hz, self._coherence_nlos_hz)
        bands = np.clip(np.ceil(np.asarray(bandwidth_hz) / coherence), 1, _MOST_BANDS)
        bands = np.broadcast_to(bands, sinr_db.shape)
        most = int(bands.max(initial=1))
        gains = self.power_gains(links, x_m=x_m, y_m=y_m, los=los, bands=most)
        capacity = np.log2(1.0 + 10.0 ** (sinr_db[:, None] / 10.0) * gains)
        mean = _sum_in_order(capacity * (np.arange(most) < bands[:, None])) / bands
        return np.asarray(10.0 * np.log10(np.maximum(np.expm1(mean * np.log(2.0)), 1e-12)))

    def power_gains(
        self,
        links: FadingLinks,
        *,
        x_m: Floats,
        y_m: Floats,
        los: ArrayLike,
        bands: int = _MOST_BANDS,
    ) -> Floats:
        """Return |h|^2 of each part of the band, of mean 1 (n, bands). Arguments as above."""
        place = links.place
        turn = _unit(place) * (2.0 * np.pi)
        nodes_per_m = _NODES_PER_WAVELENGTH / self._wavelength_m
        along = (x_m * np.cos(turn) + y_m * np.sin(turn)) * nodes_per_m
        across = (y_m * np.cos(turn) - x_m * np.sin(turn)) * nodes_per_m
        # A place of its own for each antenna and part of the band, from the same 64 bits.
        reader = np.arange(self._branches)[:, None] * _MOST_BANDS + np.arange(bands)
        own = place[:, None] * (2 * reader.ravel().astype(np.uint64) + np.uint64(1))
        column = _node(along[:, None] + _NODES * _unit(own >> np.uint64(32)))
        row = _node(across[:, None] + _NODES * _unit(own))
        scattered = np.take(_pattern(), row * _NODES + column)

        k = np.where(los, links.k, 0.0)[:, None]
        # The steady wave comes along the turned axis; its phase runs with the way along it.
        phase = (2.0 * np.pi / _NODES_PER_WAVELENGTH) * along[:, None]
        steady = np.sqrt(k / (k + 1.0)) * np.exp(1j * phase)
        waves = steady + scattered / np.sqrt(k + 1.0)
        power = (waves.real**2 + waves.imag**2).reshape(len(place), self._branches, bands)
        return np.asarray(power.mean(axis=1))


def _coherence_hz(delay_spread_s: float) -> float:
    """Width over which the channel stays correlated by about one half: 1 / (5 delay spread)."""
    return 1.0 / (5.0 * delay_spread_s)


def _sum_in_order(columns: Floats) -> Floats:
    """Add columns one by one: zeros at the end then change no bit of the sum."""
    total = np.zeros(len(columns))
    for column in columns.T:
        total += column
    return total


def _unit(bits: _UINT64) -> Floats:
    return (bits & np.uint64(0xFFFFFFFF)).astype(np.float64) * 2.0**-32


def _node(nodes: Floats) -> NDArray[np.int64]:
    return np.floor(nodes).astype(np.int64) & (_NODES - 1)


@cache
def _pattern() -> NDArray[np.complex64]:
    """Return scattered waves over 64 by 64 wavelengths, flat, of mean power 1.

    All wave vectors have one length, so the spectrum is a ring: its transform is J0.
    """
    index = fft.fftfreq(_NODES, 1.0 / _NODES)
    radius = np.hypot(index[:, None], index)
    ring = np.flatnonzero(np.abs(radius.ravel() - _NODES / _NODES_PER_WAVELENGTH) < 0.5)
    real, imaginary = Draws(0, "multipath").normal_pair(0, ring)
    spectrum = np.zeros(_NODES * _NODES, dtype=np.complex128)
    spectrum[ring] = real + 1j * imaginary
    waves = fft.ifft2(spectrum.reshape(_NODES, _NODES))
    waves /= np.sqrt(np.mean(np.abs(waves) ** 2))
    return waves.astype(np.complex64).ravel()
