"""The way to the server and what goes wrong with it, against published quantiles and by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from network.arrays import Floats
from network.core import Core
from network.draws import DrawKeys
from network.impairments import RadioImpairments
from network.packet import SERVER, Fate, Stage
from network.radio.channel import Cells
from network.ran.signals import Signals
from network.settings import CoreSettings, NetworkSettings
from tests.network.test_link import Drive, road
from tests.validation.registry import Comparison, Fault, check

MS = 1_000_000
CORE = "network.core"
IMPAIRMENTS = "network.impairments"


def _core(**block: Any) -> Core:
    return Core(CoreSettings.model_validate({"server_ms": 0.0, **block}), seed=1)


def _nobody(n: int) -> DrawKeys:
    return DrawKeys(np.arange(n, dtype=np.uint64), np.zeros(n, dtype=np.int64))


def _scaled(**factors: float) -> Callable[[Any], Any]:
    """Return a fault that multiplies attributes of a placement's or tail's figures."""

    def wrong(places: Any) -> Any:
        return {
            name: place._replace(
                backhaul_ms=place.backhaul_ms * factors.get("backhaul", 1.0),
                core=place.core._replace(
                    least_ms=place.core.least_ms * factors.get("least", 1.0),
                    slope_ms=place.core.slope_ms * factors.get("slope", 1.0),
                    far_slope_ms=place.core.far_slope_ms * factors.get("far", 1.0),
                ),
            )
            for name, place in places.items()
        }

    return wrong


@check(
    "transport to a server at gNB, M1, core: p99.99 up and down together",
    source="Coll-Perales et al., TVT 2022 (3224614), by way of a survey; their code gives the same "
    "with 10 % of the links, 80 vehicles/km, T = 100 ms. Queueing is laid through these figures",
    unit="ms",
    tolerance=0.003,
    faults=[
        Fault("no queueing", f"{CORE}:PLACEMENTS", _scaled(slope=0.0, far=0.0)),
        Fault("nodes of 100 us", f"{CORE}:PLACEMENTS", _scaled(least=0.5, backhaul=0.5)),
        Fault("backhaul one way only", f"{CORE}:PLACEMENTS", _scaled(backhaul=0.5)),
    ],
)  # fmt: skip
def transport() -> Comparison:
    random = np.random.default_rng(5)
    n = 1_000_000
    start = np.zeros(n, dtype=np.int64)
    ours = []
    for server in ("gnb", "edge", "region"):
        core = _core(server=server)
        there = core.up(start, random.uniform(size=n), _nobody(n))[:, 3]
        back = core.down(start, random.uniform(size=n))[:, 3]
        ours.append(float(np.quantile([there, back], 0.9999, axis=1).sum()) / MS)
    return Comparison(ours, [0.422, 0.875, 2.396])


@check(
    "the internet beyond the core, there and back: mean, p90, p99.99",
    source="Candela et al. 2020, round trips within Italy, from the code of Coll-Perales et al., "
    "TVT 2022 (3224614); the tail is laid through these figures",
    unit="ms",
    tolerance=0.05,
    faults=[
        Fault("one slope", f"{CORE}:PLACEMENTS", _scaled(far=0.7)),
        Fault("least left out", f"{CORE}:PLACEMENTS", _scaled(least=0.0)),
        Fault("a tenth of the tail", f"{CORE}:PLACEMENTS", _scaled(far=0.1)),
    ],
)  # fmt: skip
def internet() -> Comparison:
    even = (np.arange(200_000) + 0.5) / 200_000
    luck = np.concatenate([even, 1.0 - np.array([0.9, 0.9999])])
    plan = _core(server="cloud").up(np.zeros(len(luck), dtype=np.int64), luck, _nobody(len(luck)))
    ms = (plan[:, 2] - plan[:, 1]) / MS
    return Comparison(2.0 * np.array([ms[:-2].mean(), *ms[-2:]]), [10.77, 20.69, 97.25])


@check(
    "server time: mean, standard deviation, median of a log-normal of 4 +- 3 ms",
    source="closed form: median = mean / sqrt(1 + (spread / mean)^2)",
    unit="ms",
    tolerance=[0.05, 0.1, 0.05],
    faults=[
        Fault("spread as sigma of the logarithm", f"{CORE}:np.log1p", lambda _: lambda v: v),
        Fault("no spread", f"{CORE}:np.log1p", lambda _: lambda v: 0.0 * v),
    ],
)  # fmt: skip
def server_time() -> Comparison:
    n = 200_000
    core = _core(server="gnb", server_ms={"mean_ms": 4.0, "spread_ms": 3.0})
    plan = core.up(np.zeros(n, dtype=np.int64), np.full(n, 0.5), _nobody(n))
    ms = (plan[:, 3] - plan[:, 2]) / MS
    return Comparison([ms.mean(), ms.std(), np.median(ms)], [4.0, 3.0, 4.0 / 1.25])


# Impairments


class _Level:
    """A channel with one gain for all."""

    def path_gain_db(self, x_m: Floats, _y_m: Floats, _height_m: Floats) -> Floats:
        return np.full((len(x_m), 1), -100.0)


@check(
    "SINR beside a jammer, down and up",
    source="closed form S / (N + J), J by free space (ITU-R P.525)",
    unit="dB",
    tolerance=0.01,
    faults=[
        Fault("power on each block", f"{IMPAIRMENTS}:RadioImpairments.__init__",
              lambda f: lambda *a, **_: f(*a, prbs=1)),
        Fault("amplitude for power", f"{IMPAIRMENTS}:RadioImpairments.jamming_mw",
              lambda f: lambda *a: tuple(np.sqrt(part) for part in f(*a))),
        Fault("free space with 10 lg", f"{IMPAIRMENTS}:RadioImpairments._free_space_db",
              lambda f: lambda *a: 0.5 * f(*a)),
        Fault("base stations not reached", f"{IMPAIRMENTS}:RadioImpairments._gain_to_cells_db",
              lambda f: lambda *a: f(*a) - 200.0),
        Fault("antenna left out", f"{IMPAIRMENTS}:RadioImpairments._gain_to_cells_db",
              lambda f: lambda *a: f(*a) - 18.0),
    ],
)  # fmt: skip
def jammer() -> Comparison:
    # 40 MHz at 30 kHz are 106 blocks of 360 kHz. The jammer stands 300 m from the station and
    # 400 m from the mast, as high as its antenna, which has 8 + 10 dBi towards the horizon.
    block = {"kind": "jammer", "x_m": 400.0, "y_m": 0.0, "height_m": 25.0, "power_dbm": 20.0}
    settings = NetworkSettings.model_validate({"impairments": [block]})
    one = np.zeros(1)
    cells = Cells(np.zeros(1, dtype=np.uint64), one, one, one + 25.0, one + np.nan, one)
    air = RadioImpairments(settings, ("mast/0",), cells, prbs=106)
    signals = Signals(
        1, settings, _Level(), np.full(1, 46.0),
        prbs=106, uplink_interference_mw=np.zeros((1, 1)),
    )  # fmt: skip
    station, x_m, height_m = np.array([0]), one + 100.0, one + 25.0
    signals.begin(station, x_m, one, height_m)
    signals.jam(station, *air.jamming_mw(0, x_m, one, height_m, lambda _: None))
    down, up = signals.sinr_db(station, np.array([0]), one, one)

    thermal = -173.975 + 10.0 * math.log10(360e3)
    density = 20.0 - 10.0 * math.log10(106)

    def jammed(signal_dbm: float, jam_dbm: float, noise_dbm: float) -> float:
        return signal_dbm - 10.0 * math.log10(10 ** (jam_dbm / 10) + 10 ** (noise_dbm / 10))

    def free_space_db(km: float) -> float:
        return 92.448 + 20.0 * math.log10(3.5) + 20.0 * math.log10(km)

    sent_up = min(23.0 - 10.0 * math.log10(12), -80.0 + 0.8 * 100.0)
    return Comparison(
        [float(down[0]), float(up[0])],
        [
            jammed(46.0 - 10.0 * math.log10(106) - 100.0, density - free_space_db(0.3),
                   thermal + 9.0),
            jammed(sent_up - 100.0, density + 18.0 - free_space_db(0.4), thermal + 5.0),
        ],
    )  # fmt: skip


@check(
    "outage: from the cell's end to service elsewhere",
    source="by hand: TS 38.331 5.3.10 (N310 = 1, T310 = 200 ms) at measurements every 40 ms",
    unit="ms",
    tolerance=0,
    faults=[
        Fault("stations aren't told", "network.ran.connections:Connections._lose_cells",
              lambda _: lambda *_: None),
        Fault("the cell stays on the air", f"{IMPAIRMENTS}:RadioImpairments.off_air",
              lambda f: lambda *a: np.zeros_like(f(*a))),
        Fault("T310 ignored", "network.ran.connections:RadioLinkMonitor",
              lambda f: lambda *a, **k: f(*a, **{**k, "t310_ns": 0})),
    ],
)  # fmt: skip
def outage() -> Comparison:
    # Off at 410 ms: out of sync at 440, T310 over at 640, user data at another site
    # 150 + 10 ms later: 390 ms. Off at 480 ms, an instant of measuring: T310 begins at once.
    ours = []
    for off_s in (0.41, 0.48):
        dead = {"kind": "cell_outage", "cell": "west", "from_s": off_s}
        drive = Drive(road(impairments=[dead], handover={"t310_ms": 200}), [150.0])
        changes = drive.to(3_000 * MS).handovers()
        ours += [*(changes.instant_ns / MS), *(changes.interruption_ns / MS)]
    return Comparison(ours if len(ours) == 4 else [0.0] * 4, [410.0, 390.0, 480.0, 360.0])


@check(
    "backhaul: a delay and a cut, packet by packet",
    source="by hand: what comes to the base station in [300, 600) ms",
    tolerance=0,
    faults=[
        Fault("a stretch too late", f"{IMPAIRMENTS}:WireImpairments._stretch",
              lambda f: lambda self, at_ns: f(self, at_ns - 20 * MS)),
        Fault("never lost", f"{IMPAIRMENTS}:_fates", lambda f: lambda lost, s: f(lost & False, s)),
        Fault("held twice", f"{IMPAIRMENTS}:WireImpairments._backhaul",
              lambda f: lambda *a: (2 * f(*a)[0], f(*a)[1])),
    ],
)  # fmt: skip
def backhaul() -> Comparison:
    # Sent down every 20 ms, each 3 ms later at the base station: those of 300 to 580 ms are hit,
    # 15 of them, and delayed ones spend 2 + 25 ms on the backhaul.
    ours: list[float] = []
    for block in ({"kind": "backhaul_cut"}, {"kind": "backhaul_delay", "extra_ms": 25.0}):
        hit = {**block, "from_s": 0.3, "to_s": 0.6}
        core = {"server": {"delay_ms": 1.0}, "backhaul_ms": 2.0}
        drive = Drive(road(impairments=[hit], core=core), [80.0])
        drive.link.send(SERVER, 300, np.arange(0, 1000 * MS, 20 * MS), to=0)
        packets = drive.to(2_000 * MS).table()
        late = packets.stage_ns[:, Stage.BACKHAUL] / MS
        lost = packets.fate == Fate.BACKHAUL
        sent = packets.sent_ns[lost | (late > 2.0)] / MS
        ours += [
            lost.sum(),
            (late > 2.0).sum(),
            late.max(),
            sent.min(initial=1000.0),
            sent.max(initial=-1.0),
        ]
    return Comparison(ours, [15, 0, 2, 300, 580, 0, 15, 27, 300, 580])
