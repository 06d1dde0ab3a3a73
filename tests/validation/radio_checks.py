"""Propagation, antennas and shadowing against TR 38.901 and TR 37.885."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from network.draws import Draws, key_of
from network.radio import antennas, penetration, propagation, shadowing
from network.radio.channel import Cells, Channel
from network.radio.shadowing import Maps, Shadowing
from tests.validation import calibration
from tests.validation.registry import Comparison, Fault, check

NS3 = "TR 38.901 T7.4.1-1; ns-3 three-gpp-propagation-loss-model-test-suite"
NS3_V2V = "TR 37.885 6.2.1; ns-3 three-gpp-v2v vectors"
PROPAGATION = "network.radio.propagation"
SHADOWING = "network.radio.shadowing:Shadowing.normals"


def _scaled(position: int, factor: float) -> Callable[[Any], Any]:
    """Return a fault that multiplies one positional argument."""

    def wrong(original: Any) -> Any:
        def faulty(*arguments: Any, **named: Any) -> Any:
            changed = list(arguments)
            changed[position] = changed[position] * factor
            return original(*changed, **named)

        return faulty

    return wrong


def _result(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a fault that changes what a function returns."""

    def wrong(original: Any) -> Any:
        return lambda *arguments, **named: change(original(*arguments, **named))

    return wrong


def _constant(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


def _path_loss(
    scenario: propagation.Scenario,
    heights: tuple[float, float],
    los: dict[int, float],
    nlos: dict[int, float],
) -> Comparison:
    ours = [
        propagation.path_loss_db(
            scenario,
            np.array(list(vectors), dtype=float),
            5.0,
            los=state,
            bs_height_m=heights[0],
            ue_height_m=heights[1],
        )
        for state, vectors in ((True, los), (False, nlos))
    ]
    return Comparison(np.concatenate(ours), [*los.values(), *nlos.values()])


@check(
    "UMa path loss, LOS and NLOS",
    source=NS3,
    unit="dB",
    tolerance=0.01,
    faults=[
        Fault("Hz for GHz", f"{PROPAGATION}:_uma", _scaled(2, 1e9)),
        Fault("2D for 3D distance", f"{PROPAGATION}:_uma",
              lambda f: lambda d2, _, *rest: f(d2, d2, *rest)),
        Fault("breakpoint ignored", f"{PROPAGATION}:_street_breakpoint_m",
              _result(lambda breakpoint_m: breakpoint_m * 1e6)),
        Fault("natural for decimal logarithm", f"{PROPAGATION}:np.log10", _constant(np.log)),
    ],
)  # fmt: skip
def uma_path_loss() -> Comparison:
    return _path_loss(
        "UMa",
        (25.0, 1.5),
        {10: 72.9380, 100: 86.2362, 1000: 109.7252, 5000: 137.6794},
        {10: 82.5131, 100: 106.1356, 1000: 144.7641, 5000: 172.0753},
    )


@check(
    "UMi path loss, LOS and NLOS",
    source=NS3,
    unit="dB",
    tolerance=0.01,
    faults=[
        Fault("Hz for GHz", f"{PROPAGATION}:_umi", _scaled(2, 1e9)),
        Fault("effective height not lowered", f"{PROPAGATION}:_street_breakpoint_m",
              lambda f: lambda bs, ue, ghz, _: f(bs, ue, ghz, np.asarray(0.0))),
        Fault("NLOS never", f"{PROPAGATION}:_umi",
              _result(lambda both: (both[0], both[0]))),
    ],
)  # fmt: skip
def umi_path_loss() -> Comparison:
    return _path_loss(
        "UMi",
        (10.0, 1.5),
        {10: 69.8591, 100: 88.4122, 1000: 119.3114, 5000: 147.2696},
        {10: 76.7563, 100: 107.9432, 1000: 143.1886, 5000: 167.8617},
    )


@check(
    "RMa path loss, LOS and NLOS",
    source=NS3,
    unit="dB",
    tolerance=0.01,
    faults=[
        Fault("Hz for GHz", f"{PROPAGATION}:_rma", _scaled(2, 1e9)),
        Fault("street width ignored", f"{PROPAGATION}:_rma", _scaled(6, 0.25)),
        Fault("breakpoint ignored", f"{PROPAGATION}:_rma_breakpoint_m",
              _result(lambda breakpoint_m: breakpoint_m * 1e6)),
    ],
)  # fmt: skip
def rma_path_loss() -> Comparison:
    return _path_loss(
        "RMa",
        (35.0, 1.5),
        {10: 77.3784, 100: 87.2965, 1000: 108.5577, 10000: 140.3896},
        {10: 77.3784, 100: 95.7718, 1000: 133.5223, 5000: 160.5169},
    )


@check(
    "V2X highway path loss, LOS and NLOS",
    source=NS3_V2V,
    unit="dB",
    tolerance=0.01,
    faults=[Fault("Hz for GHz", f"{PROPAGATION}:_between_vehicles", _scaled(2, 1e9))],
)
def highway_path_loss() -> Comparison:
    return _path_loss(
        "V2X-highway",
        (1.6, 1.6),
        {10: 66.3794, 100: 86.3794, 1000: 106.3794},
        {10: 80.0605, 100: 110.0605, 1000: 140.0605},
    )


@check(
    "V2X urban path loss, LOS and NLOS",
    source=NS3_V2V,
    unit="dB",
    tolerance=0.01,
    faults=[
        Fault("the highway's formula", f"{PROPAGATION}:_between_vehicles",
              lambda f: lambda _, *rest: f("V2X-highway", *rest)),
    ],
)  # fmt: skip
def urban_path_loss() -> Comparison:
    return _path_loss(
        "V2X-urban",
        (1.6, 1.6),
        {10: 68.1913, 100: 84.8913, 1000: 101.5913},
        {10: 80.0605, 100: 110.0605, 1000: 140.0605},
    )


@check(
    "LOS probability, base station",
    source="TR 38.901 T7.4.2-1, computed by hand at 50 to 1000 m; UMa at 18 and 23 m height too",
    tolerance=5.1e-5,
    faults=[
        Fault("height of the station ignored", f"{PROPAGATION}:_height_gain",
              lambda _: lambda *_: 0.0),
        Fault("kilometres for metres", f"{PROPAGATION}:_distances",
              _result(lambda distance_m: distance_m / 1000.0)),
        Fault("lost minus sign", f"{PROPAGATION}:np.exp", lambda exp: lambda x: exp(-x)),
    ],
)  # fmt: skip
def los_probability() -> Comparison:
    at = np.array([50.0, 100.0, 200.0, 500.0, 1000.0])
    on_a_floor = propagation.los_probability(
        "UMa", [100.0, 200.0, 300.0], ue_height_m=[23.0, 23.0, 18.0]
    )
    low = [propagation.los_probability(name, at) for name in ("UMi", "UMa", "RMa")]
    return Comparison(
        [*np.ravel(low), *on_a_floor],
        [
            *(0.5196, 0.2310, 0.0935, 0.0360, 0.0180),
            *(0.6494, 0.3477, 0.1280, 0.0363, 0.0180),
            *(0.9608, 0.9139, 0.8270, 0.6126, 0.3716),
            *(0.5708, 0.4656, 0.1779),
        ],
    )


@check(
    "LOS probability, between vehicles",
    source="TR 37.885 T6.2.1-2, computed by hand at 50 to 800 m",
    tolerance=5.1e-5,
    faults=[
        Fault("kilometres for metres", f"{PROPAGATION}:_distances",
              _result(lambda distance_m: distance_m / 1000.0)),
    ],
)  # fmt: skip
def los_probability_between_vehicles() -> Comparison:
    at = np.array([50.0, 100.0, 200.0, 300.0, 475.0, 500.0, 800.0])
    return Comparison(
        [propagation.los_probability(name, at) for name in ("V2X-highway", "V2X-urban")],
        [
            [0.9246, 0.8403, 0.7034, 0.6084, 0.5434, 0.5150, 0.2150],
            [0.5938, 0.3358, 0.1074, 0.0343, 0.0047, 0.0035, 0.0001],
        ],
    )


@check(
    "shadowing sigma by scenario",
    source="TR 38.901 T7.4.1-1, TR 37.885 T6.2.1-1",
    unit="dB",
    tolerance=1e-9,
    faults=[
        Fault("RMa's breakpoint ignored", f"{PROPAGATION}:_rma_breakpoint_m",
              _result(lambda breakpoint_m: breakpoint_m * 1e6)),
    ],
)  # fmt: skip
def shadowing_sigma() -> Comparison:
    def both(scenario: propagation.Scenario, distance_m: float, bs: float) -> list[float]:
        return [
            float(
                propagation.sigma_db(
                    scenario, distance_m, 3.5, los=los, bs_height_m=bs, ue_height_m=1.5
                )
            )
            for los in (True, False)
        ]

    return Comparison(
        [
            both("UMa", 200.0, 25.0),
            both("UMi", 200.0, 10.0),
            both("RMa", 3800.0, 35.0),
            both("RMa", 3900.0, 35.0),
            both("V2X-highway", 200.0, 1.5),
        ],
        [[4.0, 6.0], [4.0, 7.82], [4.0, 8.0], [6.0, 8.0], [3.0, 4.0]],
    )


def _site_keys(count: int) -> Any:
    return np.array([key_of(f"site {site}") for site in range(count)], dtype=np.uint64)


@check(
    "shadowing at one place is normal (KS distance, 2,000 sites)",
    source="TR 38.901 7.4.4; Kolmogorov-Smirnov at 1 %",
    tolerance=1.63 / np.sqrt(2000),
    faults=[
        Fault("sigma halved", "network.radio.shadowing:Maps.normals", _result(lambda z: z / 2)),
        Fault("uniform for normal", "network.radio.shadowing:Maps.normals",
              _result(lambda z: (stats.norm.cdf(z) - 0.5).astype(np.float32))),
    ],
)  # fmt: skip
def shadowing_distribution() -> Comparison:
    maps = Maps(_site_keys(2000), 37.0, Draws(1, "validation"))
    at_one_place = maps.normals(np.array([120.0]), np.array([-40.0]))[0]
    return Comparison(stats.kstest(at_one_place, stats.norm.cdf).statistic, 0.0)


@check(
    "shadowing autocorrelation exp(-d/d_cor) at 0.5, 1, 2 d_cor",
    source="TR 38.901 7.4.4 equation 7.4-5",
    tolerance=0.05,
    faults=[
        Fault("correlation distance doubled", "network.radio.shadowing:Maps.__init__",
              lambda f: lambda self, keys, distance, draws: f(self, keys, 2 * distance, draws)),
        Fault("another draw at every place", "network.radio.shadowing:Maps.nodes",
              lambda f: lambda self, x, y: f(self, 977.0 * x, 977.0 * y)),
    ],
)  # fmt: skip
def shadowing_autocorrelation() -> Comparison:
    x = np.arange(200) * 211.0
    maps = Maps(_site_keys(200), 40.0, Draws(1, "validation"))

    def moved(by_m: float) -> Any:
        return maps.normals(x + by_m, x / 3.0).ravel()

    here = moved(0.0)
    lags = np.array([20.0, 40.0, 80.0])
    ours = [np.corrcoef(here, moved(lag))[0, 1] for lag in lags]
    return Comparison(ours, np.exp(-lags / 40.0))


@check(
    "correlation distances of shadowing and of line of sight",
    source="TR 38.901 T7.5-6 and T7.6.3.1-2, as NVIDIA Sionna's model files and a public "
    "transcription of V19.4.0 have them",
    unit="m",
    tolerance=0,
    faults=[
        Fault("UMi's for all", f"{PROPAGATION}:CORRELATION_DISTANCES",
              lambda table: dict.fromkeys(table, table["UMi"])),
    ],
)  # fmt: skip
def correlation_distances() -> Comparison:
    ours = [propagation.CORRELATION_DISTANCES[scenario] for scenario in ("UMa", "UMi", "RMa")]
    return Comparison(ours, [[37.0, 50.0, 50.0], [10.0, 13.0, 50.0], [37.0, 120.0, 60.0]])


@check(
    "shadowing correlation between sites",
    source="TR 36.814 TA.2.1.1-1: 0.5",
    tolerance=0.05,
    faults=[
        Fault("independent sites", "network.radio.shadowing:SITE_CORRELATION", _constant(0.0)),
        Fault("one shadow for all sites", "network.radio.shadowing:SITE_CORRELATION",
              _constant(1.0)),
    ],
)  # fmt: skip
def shadowing_between_sites() -> Comparison:
    places = np.arange(20_000) * 97.0
    two = Shadowing(_site_keys(2), 37.0, 50.0, seed=1)
    return Comparison(
        [np.corrcoef(at[:, 0], at[:, 1])[0, 1] for at in two.normals(places, places * 0.7)],
        [0.5, 0.5],
    )


class _Sight:
    """Masts that see everything or nothing."""

    def __init__(self, state: bool) -> None:
        self._state = state

    def from_masts(self, x_m: Any, *_: Any) -> _Sight:
        self._masts = len(x_m)
        return self

    def in_sight(self, x_m: Any, _y_m: Any) -> Any:
        return np.full((len(x_m), self._masts), self._state)


def _channel(
    sites: int, azimuth_rad: float = np.nan, sight: _Sight | None = None, seed: int = 7
) -> Channel:
    ones = np.ones(sites)
    return Channel(
        Cells(_site_keys(sites), 0 * ones, 0 * ones, 25 * ones, azimuth_rad * ones, 0 * ones),
        scenario="UMa",
        carrier_ghz=3.5,
        seed=seed,
        sight=sight,
    )


@check(
    "shadowing of the link in dB is normal: KS distance in sight (4 dB) and out of it (6 dB)",
    source="TR 38.901 T7.4.1-1, 7.4.4; Kolmogorov-Smirnov at 1 %, 2,000 places",
    tolerance=1.63 / np.sqrt(2000),
    faults=[
        Fault("root two too much", SHADOWING, _result(lambda both: tuple(1.414 * z for z in both))),
        Fault("uniform for normal", SHADOWING,
              _result(lambda both: tuple(3.46 * (stats.norm.cdf(z) - 0.5) for z in both))),
    ],
)  # fmt: skip
def link_shadowing() -> Comparison:
    # On a circle, where the mean loss is one: 50 places five correlation distances apart, 40 times.
    turn = np.arange(50) * 2.0 * np.pi / 50
    place = 2000.0 * np.cos(turn), 2000.0 * np.sin(turn), 0.0 * turn + 1.5
    ours = []
    for state, sigma_db in ((True, 4.0), (False, 6.0)):
        gain_db = np.concatenate(
            [_channel(1, sight=_Sight(state), seed=n).path_gain_db(*place)[:, 0] for n in range(40)]
        )
        with Fault("", SHADOWING, _result(lambda both: tuple(0 * z for z in both))).applied():
            mean_db = _channel(1, sight=_Sight(state)).path_gain_db(*place)[:, 0]
        ours.append(stats.kstest((gain_db - np.tile(mean_db, 40)) / sigma_db, stats.norm.cdf))
    return Comparison([one.statistic for one in ours], 0.0)


@check(
    "share of links in sight at 50, 100, 200 m",
    source="TR 38.901 T7.4.2-1, over 4,000 sites",
    tolerance=0.025,
    faults=[
        Fault("always in sight", "network.radio.channel:los_probability",
              _result(np.ones_like)),
        Fault("state and its opposite mixed up", "network.radio.channel:los_probability",
              _result(lambda p: 1.0 - p)),
    ],
)  # fmt: skip
def share_in_sight() -> Comparison:
    at = np.array([50.0, 100.0, 200.0])
    links = _channel(4000).links(at, 0 * at, 0 * at + 1.5)
    return Comparison(links.los.mean(axis=1), [0.6494, 0.3477, 0.1280])


@check(
    "LOS state is alike in space (probability of a change over 5 m and 500 m)",
    source="TR 38.901 T7.6.3.1-2: d_cor 50 m; correlation exp(-(d/d_cor)^2), bivariate orthant",
    tolerance=0.03,
    faults=[
        Fault("drawn anew at every place", "network.radio.channel:CORRELATION_DISTANCES",
              lambda table: {**table, "UMa": table["UMa"]._replace(los_state_m=0.1)}),
    ],
)  # fmt: skip
def los_state_in_space() -> Comparison:
    channel = _channel(3000)
    # Along an arc, so that the probability of sight stays what it is.
    turn = np.array([0.0, 5.0 / 100.0, np.pi])
    links = channel.links(100 * np.cos(turn), 100 * np.sin(turn), 0 * turn + 1.5)
    changed = [np.mean(links.los[0] != links.los[other]) for other in (1, 2)]
    p = float(propagation.los_probability("UMa", 100.0))
    edge = stats.norm.ppf(p)
    expected = []
    for apart in (2 * 100 * np.sin(turn[1] / 2), 200.0):
        rho = np.exp(-((apart / 50.0) ** 2))
        both = stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf([edge, edge])
        expected.append(2 * (p - both))
    return Comparison(changed, expected)


@check(
    "LOS state changes per metre of road at P_LOS of 200 m: east, north, slanted, over Rice's",
    source="Rice 1945: sqrt(2) / (pi d_cor) exp(-u^2 / 2); TR 38.901 T7.6.3.1-2: d_cor 50 m",
    tolerance=0.1,
    faults=[
        Fault("a rough field", "network.radio.shadowing:_smooth_field",
              lambda _: shadowing._normal_field),
        Fault("correlation distance halved", "network.radio.shadowing:Maps.__init__",
              lambda f: lambda self, keys, distance, draws, smooth: f(
                  self, keys, distance / 2, draws, smooth=smooth)),
    ],
)  # fmt: skip
def los_changes() -> Comparison:
    along = 2.0 * np.arange(800)
    maps = Maps(_site_keys(400), 50.0, Draws(1, "validation"), smooth=True)
    edge = stats.norm.ppf(propagation.los_probability("UMa", 200.0))
    rice = np.sqrt(2) / (np.pi * 50.0) * np.exp(-(edge**2) / 2)

    def changes(heading_rad: float) -> float:
        sight = maps.normals(along * np.cos(heading_rad), along * np.sin(heading_rad)) > -edge
        return float(np.mean(sight[1:] != sight[:-1]) / 2.0 / rice)

    # A slanted road goes back and forth over some edges of the map's squares.
    return Comparison([changes(0.0), changes(np.pi / 2), changes(0.6)], 1.0)


@check(
    "soft LOS state at 3.5 and 28 GHz",
    source="TR 38.901 eq. 7.6-18 (V19.4.0 as transcribed in public; MathWorks' h38901Channel): "
    "1/2 + arctan(sqrt(20/lambda) (G+F)) / pi",
    tolerance=1e-5,
    faults=[
        Fault("GHz taken for Hz", f"{PROPAGATION}:soft_los_state", _scaled(2, 1e-9)),
        Fault("lost minus sign", f"{PROPAGATION}:soft_los_state", _scaled(1, -1.0)),
    ],
)  # fmt: skip
def soft_state() -> Comparison:
    def ours(probability: float, normal: float, carrier_ghz: float) -> float:
        return float(propagation.soft_los_state(probability, normal, carrier_ghz))

    # sqrt(20 / lambda) is 15.27525 and 43.20494; F is the quantile, -1 and 0.
    return Comparison(
        [ours(0.15865525, 1.0, 3.5), ours(0.15865525, 1.1, 3.5), ours(0.5, -0.1, 28.0)],
        [0.5, 0.815495, 0.072400],
    )


@check(
    "soft LOS state leaves mean gains alone (100, 250, 500 m, 4,000 sites)",
    source="TR 38.901 T7.4.1-1, T7.4.2-1: P_LOS PL_LOS + (1 - P_LOS) PL_NLOS",
    unit="dB",
    tolerance=0.75,
    faults=[
        Fault("root of the state", "network.radio.channel:soft_los_state",
              _result(np.sqrt)),
        Fault("carrier of 35 MHz", "network.radio.channel:soft_los_state", _scaled(2, 1e-2)),
    ],
)  # fmt: skip
def soft_state_mean() -> Comparison:
    at = np.array([100.0, 250.0, 500.0])
    place = at, 0 * at, 0 * at + 1.5
    clear, blocked = (
        _channel(4000, sight=_Sight(state)).path_gain_db(*place).mean(axis=1)
        for state in (True, False)
    )
    p = propagation.los_probability("UMa", at)
    ours = _channel(4000).path_gain_db(*place).mean(axis=1)
    return Comparison(ours, p * clear + (1 - p) * blocked)


@check(
    "element pattern, horizontal and vertical cuts",
    source="TR 38.901 T7.3-1",
    unit="dBi",
    tolerance=1e-9,
    faults=[
        Fault("degrees for radians", "network.radio.antennas:BEAMWIDTH_RAD", _constant(65.0)),
        Fault("no front-to-back limit", "network.radio.antennas:FRONT_TO_BACK_DB",
              _constant(300.0)),
        Fault("lost minus sign", "network.radio.antennas:element_gain_dbi",
              _result(lambda gain: 16.0 - gain)),
    ],
)  # fmt: skip
def element_pattern() -> Comparison:
    horizon = np.pi / 2
    off = np.radians([0.0, 32.5, -32.5, 65.0, 327.5, 180.0])
    across = antennas.element_gain_dbi(horizon, off)
    along = antennas.element_gain_dbi(horizon + np.radians([32.5, 65.0, 90.0]), 0.0)
    return Comparison([*across, *along], [8, 5, 5, -4, 5, -22, 5, -4, 8 - 12 * (90 / 65) ** 2])


@check(
    "column of 10: peak, mean over the sphere, first null, halfway to it",
    source="uniform line array in closed form",
    unit="dB",
    tolerance=[1e-6, 1e-3, 1e-6, 1e-6],
    faults=[
        Fault("amplitude for power", "network.radio.antennas:column_gain_db",
              _result(lambda gain: gain / 2)),
        Fault("spacing doubled", "network.radio.antennas:column_gain_db",
              lambda f: lambda zenith, *, spacing_wavelengths, **rest: f(
                  zenith, spacing_wavelengths=2 * spacing_wavelengths, **rest)),
        Fault("tilted upwards", "network.radio.antennas:column_gain_db",
              lambda f: lambda zenith, *, tilt_rad, **rest: f(
                  zenith, tilt_rad=np.pi - tilt_rad, **rest)),
    ],
)  # fmt: skip
def column_pattern() -> Comparison:
    tilt = np.radians(102.0)

    def gain(zenith_rad: Any) -> Any:
        return antennas.column_gain_db(
            zenith_rad, elements=10, spacing_wavelengths=0.5, tilt_rad=tilt
        )

    cosine = (np.arange(20_000) + 0.5) / 10_000 - 1.0
    mean = np.mean(10.0 ** (gain(np.arccos(cosine)) / 10.0))
    null, halfway = gain(np.arccos(np.cos(tilt) + np.array([1.0, 0.5]) / (10 * 0.5)))
    # Elements half a wavelength apart don't couple: their sum radiates what they are fed.
    return Comparison(
        [float(gain(tilt)), 10 * np.log10(mean), null, halfway],
        [10.0, 0.0, -50.0, -10 * np.log10(10 * np.sin(np.pi / 20) ** 2)],
    )


@check(
    "link budget of a sector: pattern, column, path loss put together",
    source="TR 38.901 T7.3-1, T7.4.1-1, by hand at 300 m, 20 deg off boresight",
    unit="dB",
    tolerance=0.001,
    faults=[
        Fault("path loss added", "network.radio.channel:path_losses_db",
              _result(lambda both: (-both[0], -both[1]))),
        Fault("azimuth ignored", "network.radio.channel:horizontal_loss_db",
              _result(lambda x: x * 0)),
        Fault("tilt ignored", "network.radio.antennas:Panel.column_gain_db",
              lambda f: lambda self, zenith, _: f(self, zenith, np.pi / 2)),
    ],
)  # fmt: skip
def link_budget() -> Comparison:
    one = np.ones(1)
    channel = Channel(
        Cells(
            _site_keys(1), 10 * one, 20 * one, 25 * one, np.radians(50.0) * one,
            np.radians(6.0) * one,
        ),
        scenario="UMa", carrier_ghz=3.5, seed=7, sight=_Sight(False),
    )  # fmt: skip
    direction = np.radians(70.0)
    with Fault("", "network.radio.channel:sigmas_db", _result(lambda _: (0.0, 0.0))).applied():
        gain_db = channel.path_gain_db(
            10 + 300 * np.cos(direction) * one, 20 + 300 * np.sin(direction) * one, 1.5 * one
        )[0, 0]
    slant = np.hypot(300.0, 23.5)
    blocked = 13.54 + 39.08 * np.log10(slant) + 20 * np.log10(3.5)
    below = np.degrees(np.arctan2(23.5, 300.0))
    element = 8 - 12 * (20 / 65) ** 2 - 12 * (below / 65) ** 2
    x = 0.5 * np.pi * (np.sin(np.radians(-below)) - np.sin(np.radians(-6.0)))
    column = 10 * np.log10((np.sin(10 * x) / np.sin(x)) ** 2 / 10)
    return Comparison(gain_db, element + column - blocked)


@check(
    "loss into buildings and cars",
    source="TR 38.901 T7.4.3-1, T7.4.3-2 and 7.4.3.2, at 6 GHz by hand",
    unit="dB",
    tolerance=0.005,
    faults=[
        Fault("arithmetic for power mean", "network.radio.penetration:_through",
              _constant(lambda *walls: 5 + sum(share * loss for share, loss in walls))),
        Fault("way inside ignored", "network.radio.penetration:building_loss_db",
              lambda f: lambda *a, **k: f(*a, **{**k, "indoor_distance_m": 0.0})),
        Fault("metal in every window", "network.radio.penetration:car_loss_db",
              lambda f: lambda normal: f(normal, metallised_windows=True)),
    ],
)  # fmt: skip
def penetration_losses() -> Comparison:
    # Glass 3.2 dB, coated 24.8, concrete 29: 0.3 of 10^-0.32 and 0.7 of 10^-2.9 pass, and so on.
    low = 5 - 10 * np.log10(0.3 * 0.478630 + 0.7 * 0.001259)
    high = 5 - 10 * np.log10(0.7 * 0.003311 + 0.3 * 0.001259)

    def into(building: penetration.Building, inside_m: float, normal: float) -> float:
        return float(
            penetration.building_loss_db(6.0, building, indoor_distance_m=inside_m, normal=normal)
        )

    return Comparison(
        [
            into("low", 0.0, 0.0),
            into("high", 10.0, 0.0),
            into("low", 0.0, 1.0),
            into("high", 0.0, -1.0),
            float(penetration.car_loss_db(0.0)),
            float(penetration.car_loss_db(1.0)),
        ],
        [low, high + 5.0, low + 4.4, high - 6.5, 9.0, 14.0],
    )


@check(
    "loss past a vehicle (NLOSv)",
    source="TR 37.885 6.2.1",
    unit="dB",
    tolerance=0.005,
    faults=[
        Fault("heights the wrong way", "network.radio.penetration:vehicle_blockage_loss_db",
              lambda f: lambda d, a, b, blocker, z: f(d, np.subtract(4.0, a), b, blocker, z)),
        Fault("spread the wrong way", "network.radio.penetration:vehicle_blockage_loss_db",
              lambda f: lambda d, a, b, blocker, z: f(d, a, b, blocker, np.negative(z))),
    ],
)  # fmt: skip
def vehicle_blockage() -> Comparison:
    ours = penetration.vehicle_blockage_loss_db(
        [100.0, 100.0, 100.0, 1000.0, 100.0, 100.0],
        [1.0, 1.0, 3.0, 1.0, 1.0, 1.0],
        [1.5, 3.0, 3.0, 1.5, 1.5, 1.5],
        2.0,
        [0.0, 0.0, 2.0, 0.0, 1.0, -3.0],
    )
    return Comparison(ours, [9.0, 5.0, 0.0, 13.0, 13.5, 0.0])


CALIBRATION = "R1-165974/5, mean of 21 companies (TR 38.901 7.8 phase 1, 6 GHz)"
PERCENTILES = [5, 10, 25, 50, 75, 90, 95]
SINR_TOLERANCE = [2.0, 2.0, 1.0, 0.5, 1.0, 2.0, 2.0]
CALIBRATED = ("tests.validation.calibration:run_once",)


@check(
    "UMa calibration: coupling loss at 5 to 95 %",
    source=CALIBRATION,
    unit="dB",
    tolerance=2.5,
    faults=[
        Fault("no loss into buildings", "network.radio.penetration:building_loss_db",
              _result(lambda loss: loss * 0), CALIBRATED),
        Fault("always in sight", f"{PROPAGATION}:los_probability",
              _result(lambda p: p * 0 + 1), CALIBRATED),
        Fault("gain of the column lost", "network.radio.antennas:Panel.column_gain_db",
              _result(lambda gain: gain * 0), CALIBRATED),
    ],
)  # fmt: skip
def calibration_coupling_loss() -> Comparison:
    return Comparison(
        np.percentile(calibration.run_once("UMa").coupling_loss_db, PERCENTILES),
        [86.0, 93.7, 106.1, 120.3, 133.9, 144.7, 150.4],
    )


@check(
    "UMa calibration: geometry SINR at 5 to 95 %",
    source=CALIBRATION,
    unit="dB",
    tolerance=SINR_TOLERANCE,
    faults=[
        Fault("noise 10 dB up", "tests.validation.calibration:noise_power_dbm",
              _result(lambda noise: noise + 10), CALIBRATED),
        Fault("tilt ignored", "network.radio.antennas:Panel.column_gain_db",
              lambda f: lambda self, zenith, _: f(self, zenith, np.pi / 2), CALIBRATED),
        Fault("sectors without a pattern", "network.radio.antennas:horizontal_loss_db",
              _result(lambda loss: loss * 0), CALIBRATED),
    ],
)  # fmt: skip
def calibration_sinr() -> Comparison:
    return Comparison(
        np.percentile(calibration.run_once("UMa").sinr_db, PERCENTILES),
        [-9.48, -4.63, 0.42, 5.83, 13.95, 21.73, 24.71],
    )


@check(
    "UMi calibration: coupling loss at 5 to 95 %",
    source=CALIBRATION,
    unit="dB",
    tolerance=2.5,
    faults=[
        Fault("urban macro's LOS probability", f"{PROPAGATION}:los_probability",
              lambda f: lambda _, *rest, **named: f("UMa", *rest, **named), CALIBRATED),
        Fault("no loss into buildings", "network.radio.penetration:building_loss_db",
              _result(lambda loss: loss * 0), CALIBRATED),
    ],
)  # fmt: skip
def calibration_coupling_loss_umi() -> Comparison:
    return Comparison(
        np.percentile(calibration.run_once("UMi").coupling_loss_db, PERCENTILES),
        [74.8, 82.0, 96.2, 112.2, 125.8, 136.4, 142.3],
    )


@check(
    "UMi calibration: geometry SINR at 5 to 95 %",
    source=CALIBRATION,
    unit="dB",
    tolerance=SINR_TOLERANCE,
    faults=[
        Fault("always in sight", f"{PROPAGATION}:los_probability",
              _result(lambda p: p * 0 + 1), CALIBRATED),
        Fault("sectors without a pattern", "network.radio.antennas:horizontal_loss_db",
              _result(lambda loss: loss * 0), CALIBRATED),
    ],
)  # fmt: skip
def calibration_sinr_umi() -> Comparison:
    return Comparison(
        np.percentile(calibration.run_once("UMi").sinr_db, PERCENTILES),
        [-6.97, -3.23, 0.49, 5.54, 13.14, 20.71, 23.94],
    )
