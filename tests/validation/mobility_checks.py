"""Events A2 and A5, handovers that fail, conditional and DAPS handover, and trends on a street."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from network import Link, NetworkSettings, Positions
from network.arrays import Floats
from network.base import HANDOVER_FAILURES, Cause, Handovers
from network.draws import key_of
from network.packet import Stage
from network.ran.failures import ConnectionFailures
from network.ran.handover import HandoverDelays
from network.ran.measurement import EventA2, EventA5, filter_weight
from network.settings import HandoverSettings
from tests.network.along import (
    CORNER,
    CROSSING,
    FULL_FIRST,
    FULL_SECOND,
    GAP,
    GAP_MPS,
    MS,
    SECOND,
    UNFILTERED,
    drive_along,
)
from tests.validation.registry import Comparison, Fault, check

PERIOD_MS = 40
HERE = "tests.validation.mobility_checks"
MEASUREMENT = "network.ran.measurement"
FAILURES = "network.ran.failures:ConnectionFailures"
TRIGGERS = "network.ran.triggers"
CONNECTIONS = "network.ran.connections"


def _with(**changes: Any) -> Callable[[Any], Any]:
    """Return a fault that passes other values for keyword arguments."""
    return lambda original: lambda *arguments, **named: original(*arguments, **{**named, **changes})


def _handover(**changes: Any) -> Callable[[Any], Any]:
    """Return a fault of `HandoverTriggers` that changes its settings."""
    return lambda original: (
        lambda rows, cells, rules: original(rows, cells, rules.model_copy(update=changes))
    )


def _hearing(everything: bool) -> Callable[[Any], Any]:
    """Return a fault by which stations hear every command, or none."""

    def hears(_link: Any, stations: Any, _cells: Any = None) -> Any:
        return np.full(len(stations), everything)

    return lambda _: hears


# Events


def _weak(serving_dbm: list[float], **changes: Any) -> list[bool]:
    rules = {"threshold_dbm": -100.0, "hysteresis_db": 1.0, "time_to_trigger_ns": 0, **changes}
    event = EventA2(1, **rules)
    return [
        bool(event.update(n * PERIOD_MS * MS, np.array([0]), np.array([level]))[0])
        for n, level in enumerate(serving_dbm)
    ]


@check(
    "A2 entered, left and timed, by hand",
    source="TS 38.331 5.5.4.3: Ms + Hys < Thresh; Ms - Hys > Thresh; 5.5.4.1 for the TTT",
    tolerance=0,
    faults=[
        Fault("hysteresis left out", f"{HERE}:EventA2", _with(hysteresis_db=0.0)),
        Fault("TTT ignored", f"{HERE}:EventA2", _with(time_to_trigger_ns=0)),
        Fault("for A1", f"{MEASUREMENT}:EventA2.update",
              lambda f: lambda self, ns, rows, level: f(self, ns, rows, -200.0 - level)),
    ],
)  # fmt: skip
def a2() -> Comparison:
    # Enters below -101 dBm, stays up to -99 dBm.
    levels = [-100.5, -101.0, -101.1, -100.0, -99.0, -98.9, -100.5, -101.1]
    at_once = _weak(levels)
    # 80 ms are three measurements; the one at -100.5 dBm begins them anew.
    timed = _weak(
        [-102.0, -102.0, -100.5, -102.0, -102.0, -102.0, -99.5], time_to_trigger_ns=80 * MS
    )
    return Comparison(
        [*at_once, *timed], [0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1]
    )  # fmt: skip


def _a5_reports(levels: list[tuple[float, float]], **changes: Any) -> list[int]:
    rules = {
        "threshold1_dbm": -100.0,
        "threshold2_dbm": -95.0,
        "hysteresis_db": 1.0,
        "time_to_trigger_ns": 0,
        **changes,
    }
    event = EventA5(1, 2, **rules)
    zero = np.array([0])
    return [
        event.update(n * PERIOD_MS * MS, zero, np.array([pair]), zero)[0].size
        for n, pair in enumerate(levels)
    ]


@check(
    "A5 entered and left, by hand",
    source="TS 38.331 5.5.4.6: Mp + Hys < Thresh1 and Mn - Hys > Thresh2; left by either",
    tolerance=0,
    faults=[
        Fault("thresholds swapped", f"{HERE}:EventA5",
              _with(threshold1_dbm=-95.0, threshold2_dbm=-100.0)),
        Fault("hysteresis left out", f"{HERE}:EventA5", _with(hysteresis_db=0.0)),
        Fault("serving cell never too good", f"{MEASUREMENT}:EventA5._conditions",
              lambda f: lambda self, own, rsrp: f(self, np.minimum(own, -101.5), rsrp)),
        Fault("neighbour never too weak", f"{MEASUREMENT}:EventA5._conditions",
              lambda f: lambda self, own, rsrp: f(self, own, np.maximum(rsrp, -94.5))),
    ],
)  # fmt: skip
def a5_entered_and_left() -> Comparison:
    # Enters below -101 and above -94 dBm; stays up to -99, and down to -96 dBm.
    levels = [
        (-100.5, -90.0), (-101.1, -94.0), (-101.1, -93.9), (-99.0, -96.0), (-98.9, -90.0),
        (-100.5, -90.0), (-102.0, -90.0), (-102.0, -96.0), (-102.0, -96.1), (-102.0, -95.0),
    ]  # fmt: skip
    return Comparison(_a5_reports(levels), [0, 0, 1, 1, 0, 0, 1, 1, 0, 0])


@check(
    "A5's time to trigger, to the measurement",
    source="TS 38.331 5.5.4.1: entering condition in all measurements of timeToTrigger",
    tolerance=0,
    faults=[
        Fault("TTT ignored", f"{HERE}:EventA5", _with(time_to_trigger_ns=0)),
        Fault("TTT of 128 ms", f"{HERE}:EventA5", _with(time_to_trigger_ns=80 * MS)),
    ],
)  # fmt: skip
def a5_time_to_trigger() -> Comparison:
    good, bad = (-105.0, -90.0), (-105.0, -95.0)
    levels = [bad, good, good, good, bad, good, good, good, good, good]
    return Comparison(_a5_reports(levels, time_to_trigger_ns=160 * MS), [0] * 9 + [1])


@check(
    "layer 1 measurement period by SMTC period",
    source="TS 38.133 Table 9.2.5.2-1, FR1, no DRX: max(200 ms, 5 SMTC periods) (V16.29.0, as "
    "quoted in public)",
    unit="ms",
    tolerance=1e-6,
    faults=[
        Fault("SMTC ignored", f"{MEASUREMENT}:layer_1_period_ms", lambda _: lambda _ms: 200.0),
        Fault("four samples", f"{MEASUREMENT}:_SAMPLES", lambda _: 4),
    ],
)  # fmt: skip
def layer_1_period() -> Comparison:
    # With k = 4 half of a step is left after one period: the weight of a measurement says how long.
    ours = [
        -PERIOD_MS * np.log(2.0) / np.log1p(-filter_weight(4, PERIOD_MS, smtc))
        for smtc in (5.0, 20.0, 40.0, 80.0, 160.0)
    ]
    return Comparison(ours, [200.0, 200.0, 200.0, 400.0, 800.0])


# Failures


def _came_back(
    *,
    cell: int,
    after_ms: float,
    handed_over: bool = True,
    access: bool = False,
    late_ms: float = 0,
) -> int:
    """Return the cause of coming back to a cell, of a station handed over from cell 1 to 2."""
    failures = ConnectionFailures(1, HandoverSettings())
    car, source, target = np.array([0]), np.array([1]), np.array([2])
    if handed_over:
        failures.handed_over(car, source, target, 0)
    failed_ns = round(after_ms * MS)
    if access:
        failures.access_failed(car, failed_ns)
    else:
        failures.radio_link_failed(car, target, failed_ns)
    return int(failures.came_back(car, np.array([cell]), failed_ns + round(late_ms * MS))[0])


@check(
    "too late, too early, to the wrong cell: by definition",
    source="TS 38.300 15.5.2.2 (TS 36.300 22.4.2): where the connection failed and came back, when",
    tolerance=0,
    faults=[
        Fault("Tstore_UE_cntxt ignored", f"{FAILURES}.handed_over",
              lambda f: lambda self, rows, source, target, _ns: f(self, rows, source, target,
                                                                  10**15)),
        Fault("source taken for target", f"{FAILURES}.handed_over",
              lambda f: lambda self, rows, source, target, ns: f(self, rows, target, source, ns)),
        Fault("T304 taken for a radio link failure", f"{FAILURES}.access_failed",
              lambda _: lambda self, rows, ns: self.radio_link_failed(rows, np.array([2]), ns)),
        Fault("T311 ignored", f"{FAILURES}.came_back",
              lambda f: lambda self, rows, cells, _ns: f(self, rows, cells, self._failed_ns[rows])),
    ],
)  # fmt: skip
def failures_by_definition() -> Comparison:
    return Comparison(
        [
            _came_back(cell=1, after_ms=1500),
            _came_back(cell=3, after_ms=1500),
            _came_back(cell=2, after_ms=1500),
            _came_back(cell=1, after_ms=2001),
            _came_back(cell=3, after_ms=2001),
            _came_back(cell=3, after_ms=1500, handed_over=False),
            _came_back(cell=2, after_ms=1500, handed_over=False),
            _came_back(cell=3, after_ms=1500, late_ms=3001),
            _came_back(cell=1, after_ms=1000, access=True),
            _came_back(cell=3, after_ms=1000, access=True),
            _came_back(cell=2, after_ms=1000, access=True),
        ],
        [
            Cause.TOO_EARLY,
            Cause.WRONG_CELL,
            Cause.REESTABLISHMENT,
            Cause.TOO_LATE,
            Cause.TOO_LATE,
            Cause.TOO_LATE,
            Cause.REESTABLISHMENT,
            Cause.REESTABLISHMENT,
            Cause.T304_TOO_EARLY,
            Cause.T304_WRONG_CELL,
            Cause.T304_EXPIRY,
        ],
    )


@check(
    "a target that is gone: T304, then back in the source",
    source="TS 38.331 5.3.5.8.3; by hand: command at 2220 ms, T304, 150 ms to re-establish",
    tolerance=1e-9,
    unit="ms, cause",
    faults=[
        Fault("random access always succeeds", f"{CONNECTIONS}:Connections._hears",
              _hearing(True)),
        Fault("T304 never expires", f"{FAILURES}.access_failed", lambda _: lambda *_a: None),
    ],
)  # fmt: skip
def t304() -> Comparison:
    # Heard from 121 m on, so from 2040 ms on; 160 ms later the report, 20 ms later the command. At
    # 2240 ms, before the wait for the target's signals is over, it is gone.
    ours: list[float] = []
    for t304_ms in (100, 500):
        changes = drive_along(
            GAP, cells=2, seconds=4.0, speed_mps=GAP_MPS, load=FULL_FIRST,
            handover={"t304_ms": t304_ms, **UNFILTERED},
        ).changes  # fmt: skip
        first = [changes.instant_ns[0] / MS, changes.interruption_ns[0] / MS, changes.cause[0]]
        ours += [*first, changes.to_cell[0]]
    return Comparison(
        ours, [2220, 250, Cause.T304_TOO_EARLY, 0, 2220, 650, Cause.T304_TOO_EARLY, 0]
    )


# Conditional and DAPS handover


@check(
    "into the shadow of a corner: normal handover too late, conditional in time",
    source="TS 38.331 5.3.5.13: executed by the station, no command needed; TS 38.300 9.2.3.4",
    tolerance=0,
    unit="too late",
    faults=[
        Fault("prepared no sooner than executed", f"{CONNECTIONS}:HandoverTriggers",
              _handover(conditional_lead_db=0.0)),
        Fault("needs the source's command", f"{TRIGGERS}:HandoverTriggers.update",
              lambda f: lambda self, ns, rows, rsrp, serving, hears: tuple(
                  column[hears(moving)] for moving, cell in
                  [f(self, ns, rows, rsrp, serving, hears)] for column in (moving, cell))),
    ],
)  # fmt: skip
def conditional() -> Comparison:
    ours = []
    for procedure in ("normal", "conditional"):
        for speed_mps in (10.0, 20.0, 40.0):
            changes = drive_along(
                CORNER, cells=2, seconds=100.0 / speed_mps + 2.0, speed_mps=speed_mps,
                load=FULL_SECOND,
                handover={"procedure": procedure, "conditional_lead_db": 6.0},
            ).changes  # fmt: skip
            ours.append(int((changes.cause == Cause.TOO_LATE).sum()))
    return Comparison(ours, [1, 1, 1, 0, 0, 0])


@check(
    "mobility interruption by DAPS",
    source="TS 38.300 9.2.3.2, ITU-R M.2410 4.12: 0 ms",
    tolerance=0,
    unit="ms, packets",
    faults=[
        Fault("source lets go at the command", f"{CONNECTIONS}:Connections._begin_switch",
              lambda _: lambda self, stations, target: self._hand_over(
                  stations, target, np.full(len(stations), Cause.A3))),
    ],
)  # fmt: skip
def daps() -> Comparison:
    drive = drive_along(CROSSING, cells=2, seconds=10.0, handover={"procedure": "daps"})
    interrupted = (drive.packets.stage_ns[:, Stage.INTERRUPTION] > 0).sum()
    changes = drive.changes
    return Comparison(
        [len(changes.station), changes.to_cell[0], changes.interruption_ns.sum(), interrupted],
        [1, 1, 0, 0],
    )


# Practice


@check(
    "time of a handover, from the report on",
    source="practice, 5g6gacademy: execution 50 to 150 ms in NR (secondary); 5GCroCo: 120 ms",
    tolerance=50.0,
    unit="ms",
    faults=[
        Fault("random access forgotten ten times over",
              "network.ran.handover:HandoverDelays.interruption_ns",
              lambda f: lambda *a: f(*a) // 10),
        Fault("RRC in tenths of a second", f"{HERE}:HandoverSettings",
              _with(rrc_processing_ms=100.0)),
    ],
)  # fmt: skip
def handover_time() -> Comparison:
    settings = HandoverSettings()
    keys = np.array([key_of(f"car{n}") for n in range(2000)], dtype=np.uint64)
    span_ms = HandoverDelays(settings, seed=1).interruption_ns(keys, 40 * MS) / MS
    whole_ms = settings.preparation_ms + span_ms
    return Comparison([whole_ms.min(), whole_ms.mean(), whole_ms.max()], 100.0)


def street(speed_mps: float, utilisation: float, *, seed: int = 3, **handover: Any) -> Handovers:
    """Let 40 cars drive up and down a street of 1250 m with six sites for 10 s."""
    cars, length_m, tick_ms = 40, 1250.0, 200
    sites = [
        {"id": f"s{n}", "x_m": 250.0 * n, "y_m": 30.0 * (-1.0) ** n, "sectors": 3} for n in range(6)
    ]
    settings = NetworkSettings.model_validate(
        {"cells": sites, "background": {"prb_utilisation": utilisation}, "handover": handover}
    )
    link = Link(settings, seed=seed, bounds_m=(-100.0, -100.0, 1400.0, 100.0))
    for car in range(cars):
        link.attach(car, f"car{car}", 1.5, subscribed=False)
    start_m = np.linspace(0.0, length_m, cars, endpoint=False)
    side_m: Floats = np.where(np.arange(cars) % 2, 2.0, -2.0)
    zero = np.zeros(cars)
    changes = []
    for instant in range(tick_ms * MS, 10 * SECOND + 1, tick_ms * MS):
        way_m = (start_m + speed_mps * instant * 1e-9) % (2.0 * length_m)
        back = way_m > length_m
        x_m = np.where(back, 2.0 * length_m - way_m, way_m)
        speed = np.where(back, -speed_mps, speed_mps)
        link.advance(instant, Positions(instant, x_m, side_m, zero, speed, zero))
        changes.append(link.handovers())
    return Handovers._make(np.concatenate(column) for column in zip(*changes, strict=True))


STREETS = 4


def _ping_pong_share(**handover: Any) -> float:
    # Ping-pongs are rare: one street's worth of them doesn't tell two rules apart.
    every = [street(8.0, 0.3, seed=seed, **handover).ping_pong for seed in range(STREETS)]
    return float(np.concatenate(every).mean())


@check(
    "ping-pongs get fewer with TTT and with the offset",
    source="TR 36.839 5.4 (trend): less ping-pong with a longer TTT and a larger A3 offset",
    tolerance=0,
    unit="sign of the change",
    faults=[
        Fault("TTT ignored", f"{CONNECTIONS}:HandoverTriggers",
              _handover(time_to_trigger_ms=0, offset_db=3.0)),
        Fault("time of stay ignored", f"{CONNECTIONS}:History",
              lambda f: lambda rows, _: f(rows, 0)),
    ],
)  # fmt: skip
def ping_pongs_fall() -> Comparison:
    middle = _ping_pong_share(offset_db=3.0, time_to_trigger_ms=160)
    by_time = [
        _ping_pong_share(time_to_trigger_ms=0),
        middle,
        _ping_pong_share(time_to_trigger_ms=640),
    ]
    by_offset = [_ping_pong_share(offset_db=1.0), middle, _ping_pong_share(offset_db=6.0)]
    return Comparison(np.sign([*np.diff(by_time), *np.diff(by_offset)]), -1.0)


@check(
    "handovers come too late more often with speed and with TTT",
    source="TR 36.839 5.3 (trend): handover failures rise with speed and with TTT",
    tolerance=0,
    unit="sign of the change",
    faults=[
        Fault("TTT ignored", f"{CONNECTIONS}:HandoverTriggers",
              _handover(time_to_trigger_ms=0)),
        Fault("commands always heard", f"{CONNECTIONS}:Connections._hears",
              _hearing(True)),
    ],
)  # fmt: skip
def too_late_rises() -> Comparison:
    def share(speed_mps: float, time_to_trigger_ms: int) -> float:
        changes = street(speed_mps, 0.7, time_to_trigger_ms=time_to_trigger_ms)
        return float((changes.cause == Cause.TOO_LATE).mean())

    middle = share(15.0, 160)
    by_speed = [share(8.0, 160), middle, share(30.0, 160)]
    by_time = [middle, share(15.0, 640), share(15.0, 1280)]
    return Comparison(np.sign([*np.diff(by_speed), *np.diff(by_time)]), 1.0)


@check(
    "handovers that succeed on a street at common settings",
    source="practice, 5g6gacademy: more than 98 % (secondary); TTT 160 ms, 3 dB, 30 % load",
    tolerance=0.02,
    faults=[
        Fault("TTT of 2.56 s", f"{CONNECTIONS}:HandoverTriggers",
              _handover(time_to_trigger_ms=2560)),
        Fault("command never heard", f"{CONNECTIONS}:Connections._hears",
              _hearing(False)),
    ],
)  # fmt: skip
def success_in_practice() -> Comparison:
    cause = street(15.0, 0.3).cause
    return Comparison(1.0 - np.isin(cause, list(HANDOVER_FAILURES)).mean(), 1.0)
