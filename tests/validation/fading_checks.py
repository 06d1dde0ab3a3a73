"""Fast fading against Clarke's and Rice's closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats
from scipy.special import exp1, j0

from network.radio.fading import Fading
from tests.validation.registry import Comparison, Fault, check

LINKS = 20_000
WAVELENGTH_M = 0.1


def _links(fading: Fading) -> Any:
    return fading.links(np.arange(LINKS, dtype=np.uint64), np.full(LINKS, 7, dtype=np.uint64))


def _gains(x_m: float, *, los: bool, branches: int = 1) -> Any:
    fading = Fading("UMa", 3.0, seed=1, branches=branches)
    return fading.power_gains(
        _links(fading),
        x_m=np.full(LINKS, x_m),
        y_m=np.zeros(LINKS),
        los=los,
    )


@check(
    "NLOS fading power is exponential (KS distance)",
    source="Rayleigh; Kolmogorov-Smirnov at 1 %",
    tolerance=1.63 / np.sqrt(LINKS),
    faults=[
        Fault("amplitude for power", "network.radio.fading:Fading.power_gains",
              lambda f: lambda self, links, **named: np.sqrt(f(self, links, **named))),
        Fault("Rician everywhere", "network.radio.fading:Fading.power_gains",
              lambda f: lambda self, links, **named: f(self, links, **{**named, "los": True})),
    ],
)  # fmt: skip
def rayleigh() -> Comparison:
    return Comparison(stats.kstest(_gains(0.0, los=False)[:, 0], stats.expon.cdf).statistic, 0.0)


@check(
    "fading power along a path: J0^2 at 1/16 to 1 wavelength",
    source="Clarke 1968",
    tolerance=0.05,
    faults=[
        Fault("kilometres for metres", "network.radio.fading:Fading.power_gains",
              lambda f: lambda self, links, *, x_m, **named: f(
                  self, links, x_m=x_m / 1e3, **named)),
        Fault("half the wavelength", "network.radio.fading:SPEED_OF_LIGHT_MPS",
              lambda c: c / 2),
    ],
)  # fmt: skip
def doppler() -> Comparison:
    away = np.array([1 / 16, 1 / 8, 1 / 4, 0.383, 1 / 2, 1.0])
    here = _gains(0.0, los=False)[:, 0]
    ours = [np.corrcoef(here, _gains(d * WAVELENGTH_M, los=False)[:, 0])[0, 1] for d in away]
    return Comparison(ours, j0(2 * np.pi * away) ** 2)


@check(
    "LOS fading: mean and variance of the power for a K factor of 9 dB, 3.5 dB spread",
    source="Rice: (1 + 2K) / (1 + K)^2, averaged over TR 38.901 T7.5-6's K",
    tolerance=0.02,
    faults=[
        Fault("K in dB taken as linear", "network.radio.fading:_MULTIPATH",
              lambda table: {"UMa": table["UMa"]._replace(k_mean_db=19.0)}),
        Fault("Rayleigh everywhere", "network.radio.fading:Fading.power_gains",
              lambda f: lambda self, links, **named: f(self, links, **{**named, "los": False})),
    ],
)  # fmt: skip
def rician() -> Comparison:
    gains = _gains(0.0, los=True)
    k = 10 ** (stats.norm.ppf((np.arange(10_000) + 0.5) / 10_000, 9.0, 3.5) / 10)
    return Comparison([gains.mean(), gains.var()], [1.0, np.mean((1 + 2 * k) / (1 + k) ** 2)])


@check(
    "K factor and delay spread of UMa, UMi, RMa at 3.5 GHz",
    source="TR 38.901 T7.5-6 (V16, V17), as NVIDIA Sionna's model files have it; UMa as at 6 GHz",
    unit="dB, dB, ns, ns",
    tolerance=np.tile([0.1, 0.1, 0.05, 0.05], 3),
    faults=[
        Fault("UMi's K spread for UMa", "network.radio.fading:_MULTIPATH",
              lambda table: {**table, "UMa": table["UMa"]._replace(k_sigma_db=5.0)}),
        Fault("carriers under 6 GHz as they are", "network.radio.fading:_MULTIPATH",
              lambda table: {**table, "UMa": table["UMa"]._replace(least_ghz=0.5)}),
    ],
)  # fmt: skip
def multipath() -> Comparison:
    ours = []
    for scenario in ("UMa", "UMi", "RMa"):
        fading = Fading(scenario, 3.5, seed=1)
        k_db = 10.0 * np.log10(_links(fading).k)
        bands_hz = fading._coherence_los_hz, fading._coherence_nlos_hz
        ours += [np.median(k_db), k_db.std(), *(1e9 / (5.0 * hz) for hz in bands_hz)]
    # 10^(-6.955 - 0.0963 lg 6), 10^(-6.28 - 0.204 lg 6); 10^(-7.14 - 0.24 lg 4.5), ...
    return Comparison(
        ours,
        [9.0, 3.5, 93.34, 364.13, 9.0, 5.0, 50.49, 103.09, 7.0, 4.0, 32.36, 37.15],
    )  # fmt: skip


@check(
    "mean capacity of a narrow Rayleigh channel at 10 dB",
    source="exp(1/SNR) E1(1/SNR) / ln 2 in closed form",
    unit="bit/s/Hz",
    tolerance=0.05,
    faults=[
        Fault("no fading", "network.radio.fading:Fading.power_gains",
              lambda f: lambda self, links, **named: 0 * f(self, links, **named) + 1),
        Fault("the best part of the band only", "network.radio.fading:_sum_in_order",
              lambda _: lambda columns: columns.shape[1] * columns.max(axis=1)),
    ],
)  # fmt: skip
def capacity() -> Comparison:
    fading = Fading("UMa", 3.0, seed=1)
    effective = fading.effective_sinr_db(
        np.full(LINKS, 10.0),
        _links(fading),
        x_m=np.zeros(LINKS),
        y_m=np.zeros(LINKS),
        los=False,
        bandwidth_hz=1.8e6,
    )
    ours = np.mean(np.log2(1 + 10 ** (effective / 10)))
    return Comparison(ours, np.exp(0.1) * exp1(0.1) / np.log(2))


@check(
    "two antennas: share of fades 10, 15 and 20 dB deep",
    source="gamma distribution of order 2: 1 - (1 + 2x) exp(-2x)",
    tolerance=[0.003, 0.001, 0.0004],
    faults=[
        Fault("both antennas fade alike", "network.radio.fading:_MOST_BANDS", lambda _: 0),
        Fault("the second antenna forgotten", "tests.validation.fading_checks:_gains",
              lambda f: lambda x_m, *, los, **_: f(x_m, los=los)),
    ],
)  # fmt: skip
def diversity() -> Comparison:
    gains = np.concatenate([_gains(50.0 * n, los=False, branches=2)[:, 0] for n in range(10)])
    depth = 10.0 ** (-np.array([10.0, 15.0, 20.0]) / 10.0)
    ours = [np.mean(gains < level) for level in depth]
    return Comparison(ours, 1.0 - (1.0 + 2.0 * depth) * np.exp(-2.0 * depth))
