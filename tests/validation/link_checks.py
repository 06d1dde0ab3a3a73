"""Events, handover, queues, retransmissions and SINR against sequences by hand and closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from network import phy
from network.arrays import Floats
from network.draws import Draws, key_of
from network.packet import Fate
from network.ran.cells import Timeline
from network.ran.handover import HandoverDelays, History
from network.ran.measurement import EventA3, Layer1Errors, RadioLinkMonitor, layer_1_period_ms
from network.ran.scheduler import Arrivals, Scheduler
from network.ran.signals import Signals
from network.ran.uplink import power_per_prb_dbm
from network.settings import HandoverSettings, NetworkSettings
from tests.validation.registry import Comparison, Fault, check

MS = 1_000_000
PERIOD_MS = 40
MEASUREMENT = "network.ran.measurement"
SIGNALS = "network.ran.signals"
SCHEDULER = "network.ran.scheduler"
HERE = "tests.validation.link_checks"
_SIGMA_DB = 1.216
# As it was when imported: what faults replace isn't what they are compared with.
BLER = phy.ErrorCurve.bler


def _with(**changes: Any) -> Callable[[Any], Any]:
    """Return a fault that passes other values for keyword arguments."""
    return lambda original: lambda *arguments, **named: original(*arguments, **{**named, **changes})


def _result(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda original: lambda *arguments, **named: change(original(*arguments, **named))


# Measurements and events


class _Levels:
    """A channel that gives the same gains everywhere."""

    def __init__(self, *gain_db: float) -> None:
        self.gain_db = np.array(gain_db)

    def path_gain_db(self, x_m: Floats, _y_m: Floats, _height_m: Floats) -> Floats:
        return np.tile(self.gain_db, (len(x_m), 1))


def _signals(channel: _Levels, *, stations: int = 1, **block: Any) -> Signals:
    cells = len(channel.gain_db)
    return Signals(
        stations,
        NetworkSettings.model_validate(block),
        channel,  # type: ignore[arg-type]
        np.full(cells, 46.0),
        prbs=106,
        uplink_interference_mw=np.zeros((cells, cells)),
    )


@check(
    "L3 filter of a step, k = 4 and 8",
    source="TS 38.331 5.5.3.2 (V16.1.0, as quoted in public): F = (1 - a) F' + a M, a = 1/2^(k/4)",
    unit="dB",
    tolerance=2e-4,
    faults=[
        Fault("unfiltered", f"{SIGNALS}:filter_weight", lambda _: lambda *_: 1.0),
        Fault("k/2 for k/4", f"{SIGNALS}:filter_weight", lambda f: lambda k, *ms: f(2 * k, *ms)),
        Fault("rate of measurements ignored", f"{MEASUREMENT}:L1_PERIOD_MS", lambda _: 40.0),
    ],
)  # fmt: skip
def layer_3_filter() -> Comparison:
    # A step of 10 dB: with a = 1/2 the rest is 5, 2.5, 1.25 dB after 200, 400, 600 ms; with
    # a = 1/4 it is 7.5, 5.625, 4.21875 dB. 200 ms are five measurements of 40 ms.
    ours = []
    for k in (4, 8):
        channel = _Levels(-100.0)
        signals = _signals(channel, handover={"filter_coefficient": k})
        where = (np.array([0]), np.zeros(1), np.zeros(1), np.full(1, 1.5))
        signals.begin(*where)
        begin = float(signals.rsrp_dbm[0, 0])
        channel.gain_db = np.array([-90.0])
        for number in range(1, 16):
            x_m = np.array([10.0 * number])
            signals.measure(where[0], x_m, *where[2:])
            if number % 5 == 0:
                ours.append(begin + 10.0 - float(signals.rsrp_dbm[0, 0]))
    return Comparison(ours, [5.0, 2.5, 1.25, 7.5, 5.625, 4.21875])


@check(
    "layer 1 errors: share within 2 dB, correlation between cells, what the L3 filter leaves",
    source="closed forms: normal with sigma 1.216 dB is within +-2 dB in 90 %; filtered, sigma "
    "sqrt(a / (2 - a)), a = 1/2^(k/4)",
    tolerance=[0.01, 0.03, 0.02, 0.02],
    faults=[
        Fault("anew at every measurement", f"{HERE}:layer_1_period_ms", lambda _: lambda _ms: 40.0),
        Fault("never anew", f"{HERE}:layer_1_period_ms", lambda _: lambda _ms: 1e9),
        Fault("one error for all cells", f"{MEASUREMENT}:Draws.uint64",
              lambda f: lambda self, keys, counters:
                  f(self, keys * np.uint64(0) if isinstance(counters, int) else keys, counters)),
        Fault("uniform errors", f"{MEASUREMENT}:Draws.normal",
              lambda _: lambda self, keys, counters:
                  np.sqrt(12.0) * (self.uniform(keys, counters) - 0.5),
              caches=(f"{MEASUREMENT}:_normal_values",)),
        Fault("variance for deviation", f"{HERE}:_SIGMA_DB", lambda sigma: sigma**2),
    ],
)  # fmt: skip
def layer_1_errors() -> Comparison:
    # Periods of all stations begin together, so that five measurements of each can be told.
    stations, period_ms = 4000, layer_1_period_ms(20.0)
    rows = np.arange(stations)
    keys = (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(round(period_ms * MS))
    errors = Layer1Errors(
        stations, np.array([5, 7], dtype=np.uint64),
        sigma_db=_SIGMA_DB, period_ms=period_ms, seed=1,
    )  # fmt: skip
    ours = []
    for k in (4, 8):
        signals = _signals(
            _Levels(-100.0, -100.0), stations=stations, handover={"filter_coefficient": k}
        )
        here = (rows, np.zeros(stations), np.zeros(stations), np.full(stations, 1.5))
        for number in range(60):
            error_db = errors.at(number * PERIOD_MS * MS + k * 1000 * MS, rows, keys)
            if number == 0:
                signals.begin(*here)
                exact_dbm = float(signals.rsrp_dbm[0, 0])
            signals.measure(*here, error_db)
        ours.append(float((signals.rsrp_dbm - exact_dbm).std()) / 1.216)
    return Comparison(
        [
            float((np.abs(error_db) < 2.0).mean()),
            float(np.corrcoef(error_db.T)[0, 1]),
            *ours,
        ],
        [0.9, 0.0, np.sqrt(0.5 / 1.5), np.sqrt(0.25 / 1.75)],
    )


def _reports(neighbour_db: list[float], **changes: Any) -> list[int]:
    """Return whether the station reports, measurement by measurement."""
    rules = {"offset_db": 3.0, "hysteresis_db": 1.0, "time_to_trigger_ns": 160 * MS, **changes}
    event = EventA3(1, 2, **rules)
    station, serving = np.array([0]), np.array([0])
    return [
        event.update(n * PERIOD_MS * MS, station, np.array([[-90.0, -90.0 + level]]), serving)[
            0
        ].size
        for n, level in enumerate(neighbour_db)
    ]


@check(
    "A3 entered and left, by hand",
    source="TS 38.331 5.5.4.4 (as quoted in public): Mn - Hys > Mp + Off; Mn + Hys < Mp + Off",
    tolerance=0,
    faults=[
        Fault("hysteresis left out", "tests.validation.link_checks:EventA3",
              _with(hysteresis_db=0.0)),
        Fault("offset with the wrong sign", "tests.validation.link_checks:EventA3",
              _with(offset_db=-3.0)),
        Fault("hysteresis of half its size", "tests.validation.link_checks:EventA3",
              _with(hysteresis_db=0.5)),
    ],
)  # fmt: skip
def a3_entered_and_left() -> Comparison:
    # Enters above 4 dB, stays triggered down to 2 dB.
    levels = [3.9, 4.0, 4.1, 3.5, 2.0, 1.9, 3.9, 4.1]
    return Comparison(_reports(levels, time_to_trigger_ns=0), [0, 0, 1, 1, 1, 0, 0, 1])


@check(
    "time to trigger, to the measurement",
    source="TS 38.331 5.5.4.1: entering condition in all measurements of timeToTrigger",
    tolerance=0,
    faults=[
        Fault("TTT ignored", "tests.validation.link_checks:EventA3", _with(time_to_trigger_ns=0)),
        Fault("TTT in seconds", "tests.validation.link_checks:EventA3",
              _with(time_to_trigger_ns=160_000 * MS)),
        Fault("not begun anew", f"{MEASUREMENT}:EventA3.update",
              lambda f: lambda self, ns, st, rsrp, sv: f(self, ns, st, np.maximum(rsrp, -84.0)
                                                         if rsrp[0, 1] > -88.0 else rsrp, sv)),
    ],
)  # fmt: skip
def time_to_trigger() -> Comparison:
    # Entered at 40 ms, lost for one measurement at 160 ms, entered again at 200 ms: 160 ms on is
    # 360 ms, the tenth measurement.
    levels = [0.0, 5.0, 5.0, 5.0, 3.0, 5.0, 5.0, 5.0, 5.0, 5.0]
    return Comparison(_reports(levels), [0] * 9 + [1])


@check(
    "radio link failure by N310, T310, N311",
    source="TS 38.331 5.3.10",
    unit="measurement",
    tolerance=0,
    faults=[
        Fault("N310 ignored", "tests.validation.link_checks:RadioLinkMonitor", _with(n310=1)),
        Fault("N311 ignored", "tests.validation.link_checks:RadioLinkMonitor", _with(n311=1)),
        Fault("T310 ignored", "tests.validation.link_checks:RadioLinkMonitor", _with(t310_ns=0)),
        Fault("Qin for Qout", "tests.validation.link_checks:RadioLinkMonitor", _with(qout_db=-6.0)),
    ],
)  # fmt: skip
def radio_link_failure() -> Comparison:
    def failed_at(sinr_db: list[float]) -> int:
        monitor = RadioLinkMonitor(1, qout_db=-8.0, qin_db=-6.0, n310=2, n311=2, t310_ns=200 * MS)
        for n, sinr in enumerate(sinr_db):
            if monitor.update(n * PERIOD_MS * MS, np.array([0]), np.array([sinr]))[0]:
                return n
        return -1

    # The second indication starts T310, five measurements before its end. One in-sync indication
    # doesn't stop it, two in a row do. Between Qin and Qout nothing is indicated.
    return Comparison(
        [
            failed_at([-9.0] * 12),
            failed_at([-9.0, -9.0, -5.0, *[-9.0] * 9]),
            failed_at([-9.0, -9.0, -5.0, -5.0, -9.0, *[-7.0] * 9]),
            failed_at([-7.0] * 12),
        ],
        [6, 6, -1, -1],
    )


# Handover


@check(
    "handover interruption, mean and bounds",
    source="TS 38.331 cl. 12 (RRC 10 ms), TS 38.133 A.14.2.1.1.3 (T_processing 20, T_delta up to "
    "20, T_margin 2 ms), both read; T_IU up to 10, random access 6 ms",
    unit="ms",
    tolerance=[0.3, 0.2, 0.2],
    faults=[
        Fault("no wait for an occasion", "network.ran.handover:HandoverDelays.interruption_ns",
              _result(lambda ns: np.full_like(ns, ns.min()))),
        Fault("T_margin and T_processing left out", "tests.validation.link_checks:HandoverSettings",
              _with(processing_ms=0.0, margin_ms=0.0)),
    ],
)  # fmt: skip
def handover_interruption() -> Comparison:
    keys = np.array([key_of(f"car{n}") for n in range(5000)], dtype=np.uint64)
    ms = HandoverDelays(HandoverSettings(), seed=1).interruption_ns(keys, 40 * MS) / MS
    # 10 RRC + 20 processing + 2 margin + 6 random access, and even waits up to 10 and 20 ms.
    return Comparison([ms.mean(), ms.min(), ms.max()], [53.0, 38.0 + 0.15, 68.0 - 0.15])


@check(
    "ping-pong by minimum time of stay",
    source="TR 36.839: back within 1 s, from handover complete to handover complete",
    tolerance=0,
    faults=[
        Fault("any third cell counts", "network.ran.handover:History.add",
              lambda f: lambda self, at, st, a, b, *rest: f(self, at, st, a, np.where(b == 5, 4, b),
                                                            *rest)),
        Fault("time of stay ignored", "tests.validation.link_checks:History",
              lambda f: lambda rows, _stay: f(rows, 1e6)),
    ],
)  # fmt: skip
def ping_pong() -> Comparison:
    history = History(1, 1.0)
    for instant_ms, source, target in (
        (0, 4, 7), (999, 7, 4), (2000, 4, 7), (3000, 7, 4), (3500, 4, 7), (3900, 7, 5),
    ):  # fmt: skip
        at, station = np.array([instant_ms * MS]), np.array([0])
        history.add(at, station, np.array([source]), np.array([target]), 0, np.array([50 * MS]))  # type: ignore[arg-type]
    return Comparison(history.ended(10**12).ping_pong, [0, 1, 0, 0, 1, 0])


# Signals


@check(
    "SINR among two equal cells",
    source="closed form: S / (load S + N)",
    unit="dB",
    tolerance=1e-3,
    faults=[
        Fault("interference off", f"{SIGNALS}:Signals.sinr_db",
              lambda f: lambda self, st, sv, down, up: f(self, st, sv, 0.0 * down, up)),
        Fault("own load disturbs", f"{SIGNALS}:Signals.sinr_db",
              lambda f: lambda self, st, sv, down, up: (f(self, st, sv, down, up)[0] - 3.0, up)),
        Fault("lost minus sign of the noise figure", "network.phy:noise_power_dbm",
              lambda f: lambda hz, figure: f(hz, -figure)),
    ],
)  # fmt: skip
def sinr() -> Comparison:
    signals = _signals(_Levels(-100.0, -100.0))
    one = np.array([0])
    signals.begin(one, np.zeros(1), np.zeros(1), np.full(1, 1.5))
    ours = [
        float(signals.sinr_db(one, one, np.array([1.0, load]), np.zeros(2))[0][0])
        for load in (0.0, 0.5, 1.0)
    ]
    # 46 dBm on 106 blocks over -100 dB, and -174 dBm/Hz over 360 kHz with 9 dB noise figure.
    signal = 10.0 ** ((46.0 - 10.0 * np.log10(106.0) - 100.0) / 10.0)
    noise = 10.0 ** ((-174.0 + 10.0 * np.log10(360e3) + 9.0) / 10.0)
    expected = [10.0 * np.log10(signal / (load * signal + noise)) for load in (0.0, 0.5, 1.0)]
    return Comparison(ours, expected)


@check(
    "RSRP of a cell",
    source="TS 38.215 5.1.1: power of one resource element",
    unit="dBm",
    tolerance=1e-3,
    faults=[
        Fault("power of a resource block", "network.phy:SUBCARRIERS_PER_PRB", lambda _: 1),
    ],
)  # fmt: skip
def rsrp() -> Comparison:
    signals = _signals(_Levels(-100.0))
    signals.begin(np.array([0]), np.zeros(1), np.zeros(1), np.full(1, 1.5))
    return Comparison(signals.rsrp_dbm[0], 46.0 - 10.0 * np.log10(106 * 12) - 100.0)


@check(
    "uplink power control",
    source="TS 38.213 7.1.1: min(Pcmax, P0 + 10 lg M + alpha PL)",
    unit="dBm",
    tolerance=1e-6,
    faults=[
        Fault("alpha ignored", "tests.validation.link_checks:power_per_prb_dbm",
              lambda f: lambda gain, settings: f(gain / 0.8, settings)),
        Fault("gain for loss", "tests.validation.link_checks:power_per_prb_dbm",
              lambda f: lambda gain, settings: f(-gain, settings)),
    ],
)  # fmt: skip
def uplink_power() -> Comparison:
    # P0 = -80 dBm, alpha = 0.8, 23 dBm on 12 blocks at most: 12.208 dBm each.
    ours = power_per_prb_dbm(np.array([-70.0, -100.0, -140.0]), NetworkSettings())
    return Comparison(ours, [-24.0, 0.0, 23.0 - 10.0 * np.log10(12.0)])


# Queues and retransmissions


def _scheduler(load: float, cells: int, direction: str = "D") -> Scheduler:
    return Scheduler(
        NetworkSettings.model_validate({"scheduling": {"discard_timer_ms": 1500}}),
        direction,
        cell_keys=np.array([key_of(f"cell{c}") for c in range(cells)], dtype=np.uint64),
        utilisation=Timeline([0], [np.full(cells, load)]),
        seed=1,
    )


def _probes(instants_ns: Any, cells: int, *, reported_db: float, sinr_db: float) -> Arrivals:
    n = len(instants_ns) * cells
    at = np.repeat(instants_ns, cells)
    return Arrivals(
        np.tile(np.arange(cells), len(instants_ns)),
        at,
        at + 10_000 * MS,
        np.arange(n),
        np.full(n, 10),
        np.full(n, reported_db),
        np.full(n, sinr_db),
        Draws(1, "validation").uniform(0, np.arange(n)),
    )


@check(
    "mean wait behind background bursts",
    source="Pollaczek-Khinchine, exponential size: rho / (1 - rho) E[S]",
    unit="ms",
    tolerance=[0.6, 1.5, 4.5],
    faults=[
        Fault("queues never filled", f"{SCHEDULER}:Queues.admit",
              lambda f: lambda self, cell, at, limit, work: f(self, cell, at, limit,
                                                              np.minimum(work, 1))),
        Fault("bursts like clockwork", "network.draws:Draws.exponential",
              lambda _: lambda _, keys, counters: np.ones(np.broadcast(keys, counters).shape)),
        Fault("mean burst twice as large", f"{SCHEDULER}:Background",
              lambda f: lambda *a, burst_blocks, **n: f(*a, burst_blocks=2 * burst_blocks, **n)),
    ],
)  # fmt: skip
def queueing() -> Comparison:
    cells, span_ms = 150, 25_000
    instants = np.arange(2000 * MS, span_ms * MS, 97 * MS + 13)
    per_ms = (3 * 106 + 106 * 10 // 14) / 2.5
    burst_ms = (100e3 * 8.0 / (2.4063 * 144.0) + 0.5) / per_ms
    ours, expected = [], []
    for load in (0.3, 0.6, 0.8):
        probes = _probes(instants, cells, reported_db=30.0, sinr_db=40.0)
        plan, _ = _scheduler(load, cells).serve(span_ms * MS, probes)
        # Less an empty cell's: one slot to make ready, half of one to the next, past the uplink's.
        idle_ms = (1.0 - load) * 0.5 * 1.7
        ours.append((plan[:, 1] - plan[:, 0]).mean() / MS - idle_ms)
        expected.append(load / (1.0 - load) * burst_ms)
    return Comparison(ours, expected)


@check(
    "share of blocks that need 2, 3, 4 transmissions, and of those lost",
    source="product of BLER at the combined SINR (Chase)",
    tolerance=0.012,
    faults=[
        Fault("HARQ always succeeds", f"{SCHEDULER}:Scheduler._attempts",
              _result(lambda r: (np.ones_like(r[0]), np.ones_like(r[1])))),
        Fault("no combining", "network.phy:ErrorCurve.bler",
              lambda f: lambda self, sinr_db: f(self, np.minimum(sinr_db, 6.4))),
    ],
)  # fmt: skip
def retransmissions() -> Comparison:
    n, reported_db, sinr_db = 20_000, 12.0, 6.4
    probes = _probes(np.arange(n) * MS, 1, reported_db=reported_db, sinr_db=sinr_db)
    plan, fate = _scheduler(0.0, 1).serve(n * MS, probes)
    sent = 1 + (plan[:, 3] - plan[:, 2]) // (5 * MS)
    mcs = int(phy.mcs_for_sinr(reported_db))
    curve = phy.error_curve(mcs, size_bits=8 * 50)
    rates = [float(BLER(curve, sinr_db + 10.0 * np.log10(m))) for m in range(1, 5)]
    ours = [*((sent > m).mean() for m in (1, 2, 3)), (fate == Fate.RADIO).mean()]
    return Comparison(ours, np.cumprod(rates))
