"""LTE beside NR: its times, and when EN-DC adds, changes, releases and loses NR cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from network import SERVER, Link, NetworkSettings, Positions
from network.arrays import Floats
from network.base import Cause
from network.draws import key_of
from network.packet import Stage
from network.ran.handover import HandoverDelays
from network.ran.layers import layers_of
from tests.network.along import CROSSING, MS, UNFILTERED, Driven, Levels, drive_along
from tests.validation.registry import Comparison, Fault, check

LAYERS = "network.ran.layers"
SECONDARY = "network.ran.secondary"
MASTS = [{"id": "mast", "x_m": 0.0, "y_m": 0.0, "sectors": 1}]
KEYS = np.array([key_of(f"car {n}") for n in range(4000)], dtype=np.uint64)


def _settings(**block: Any) -> NetworkSettings:
    return NetworkSettings.model_validate({"cells": MASTS, "lte": {}, **block})


@check(
    "LTE's user plane down, without retransmission",
    source="TR 36.912 Annex B.2, FDD (from memory): 1 ms at the base station, 0.5, 1, and 1.5 ms",
    unit="ms",
    tolerance=0.05,
    faults=[
        Fault("NR's time to decode", f"{LAYERS}:_LTE_DECODING_SYMBOLS", lambda _: 8),
        Fault("NR's slots", f"{LAYERS}:_SUBCARRIER_SPACING_KHZ", lambda _: 30),
    ],
)  # fmt: skip
def user_plane() -> Comparison:
    # NR is out of reach, LTE isn't; a packet each 3.1 ms comes at every phase of a slot.
    settings = _settings(
        radio={"carrier_ghz": 3.5}, handover={"min_rsrp_dbm": -40.0},
        fallback={"a4_threshold_dbm": -31.0}, background={"prb_utilisation": 0.0},
    )  # fmt: skip
    link = Link(settings, seed=1, bounds_m=(0.0, 0.0, 300.0, 1.0))
    link.attach(0, "car", 1.5, subscribed=False)
    sent = np.arange(0, 3000 * MS, 3_100_000)
    link.send(SERVER, 50, sent, to=0)
    at, still = np.array([150.0]), np.zeros(1)
    for instant in range(500 * MS, 3500 * MS, 500 * MS):
        link.advance(instant, Positions(instant, at, still, still, still, still))
    packets = link.finished()
    assert set(packets.cell_down.tolist()) == {1}
    once = packets.stage_ns[packets.stage_ns[:, Stage.DL_RETRANSMISSION] == 0]
    return Comparison(once[:, [Stage.DL_QUEUE, Stage.DL_AIR]].sum(axis=1).mean() / MS, 4.0)


def _span_ms(delays: HandoverDelays) -> Floats:
    span = delays.interruption_ns(KEYS, 0) / MS
    return np.array([span.min(), span.mean(), span.max()])


@check(
    "interruption by a handover in LTE: least, mean, most",
    source="TS 36.133 5.1.2.1: T_IU + 20 ms, known target; 15 ms RRC (TS 36.331 11.2); 6 ms access",
    unit="ms",
    tolerance=[0.1, 0.2, 0.1],
    faults=[
        Fault("NR's RRC processing", f"{LAYERS}:_lte_carrier",
              lambda f: lambda settings, lte: f(
                  settings, lte.model_copy(update={"rrc_processing_ms": 10.0}))),
        Fault("waits for reference signals as in NR", f"{LAYERS}:_lte_carrier",
              lambda f: lambda settings, lte: f(settings, lte).model_copy(
                  update={"handover": settings.handover})),
    ],
)  # fmt: skip
def lte_interruption() -> Comparison:
    lte = layers_of(_settings(), (0.0, 0.0, 300.0, 1.0), seed=1)[1]
    return Comparison(_span_ms(HandoverDelays(lte.settings.handover, 1)), [41.0, 46.0, 51.0])


@check(
    "from the command to the preamble at most: NR, NR to LTE, LTE to NR",
    source="TS 38.133 A.6.3.1.1, A.6.3.1.4, A.8.3.1.1 (V19.5.0, read): 72, 85, 112 ms with T_IU of "
    "20, 15 and 20 ms; 10 ms here",
    unit="ms",
    tolerance=[2.0, 0.2, 2.0],
    faults=[
        Fault("RRC as within LTE or NR", "network.ran.connections:_inter_rat_ns",
              lambda _: lambda _settings: 0),
        Fault("T_margin and T_processing left out", "network.ran.handover:HandoverDelays.__init__",
              lambda f: lambda self, settings, seed: f(self, settings.model_copy(
                  update={"processing_ms": 0.0, "margin_ms": 0.0}), seed)),
    ],
)  # fmt: skip
def preamble_in_time() -> Comparison:
    nr = drive_along(CROSSING, cells=2, seconds=12.0, cars=400, packet_every_ms=1000)
    between = drive_along(
        HOLE, cells=1, seconds=23.0, cars=400, packet_every_ms=1000, step_ms=500,
        lte_levels=Levels([0.0, 1000.0], [[-90.0], [-90.0]]), lte={}, handover=UNFILTERED,
    )  # fmt: skip
    # The longest of 400, two waits of which hardly come to their ends together.
    random_access_ms = 6.0
    spans = [
        drive.changes.interruption_ns[drive.changes.cause == cause] / MS - random_access_ms
        for drive, cause in ((nr, Cause.A3), (between, Cause.B2), (between, Cause.B1))
    ]
    most = [float(span.max(initial=0.0)) for span in spans]
    return Comparison(most, [72.0 - 10.0, 85.0 - 5.0, 112.0 - 10.0])


# RSRP is the gain plus 15.0 dBm; it falls and rises by 1.25 dB a metre, at 20 m/s.
HOLE = Levels([0.0, 100.0, 140.0, 400.0, 440.0], [[-100.0], [-100.0], [-150.0], [-150.0], [-100.0]])
GONE = Levels([0.0, 300.0, 301.0], [[-90.0], [-90.0], [-190.0]])
CHANGE = Levels([0.0, 200.0], [[-75.0, -95.0], [-95.0, -75.0]])
ELEMENT_DBM = 46.0 - 10.0 * np.log10(106 * 12)


def _drive(nr: Levels, cells: int, seconds: float, **handover: Any) -> Driven:
    return drive_along(
        nr,
        cells=cells,
        seconds=seconds,
        packet_every_ms=1000,
        lte_levels=Levels([0.0, 1000.0], [[-90.0, -120.0][:cells]] * 2),
        lte={"architecture": "NSA"},
        handover={**UNFILTERED, **handover},
    )


def _rows(drive: Driven, count: int) -> list[float]:
    """Return instant, cause and interruption of the first changes, NaN where there is none."""
    rows = np.full((count, 3), np.nan)
    changes = drive.changes
    columns = np.stack([changes.instant_ns / MS, changes.cause, changes.interruption_ns / MS], 1)
    rows[: len(columns)] = columns[:count]
    return [float(value) for value in rows.ravel()]


def _anew_ms(seconds: float) -> float:
    """Return when a gain is first worked out after an instant: at 20 m/s, 2 m are 120 ms."""
    return float(np.floor(seconds * 1e3 / 120.0 + 1.0) * 120.0)


def _without(**changes: Any) -> Callable[[Any], Any]:
    """Return a fault that passes other values for keyword arguments."""
    return lambda f: lambda *arguments, **named: f(*arguments, **{**named, **changes})


@check(
    "NR cell of EN-DC released by A2 and added by B1, to the measurement",
    source="TS 38.331 5.5.4.3, TS 36.331 5.5.4.7, TTT; 16 ms RRC with SCG (TS 38.331 12); by hand",
    unit="ms, cause, ms",
    tolerance=[0.1, 0.0, 0.1, 16.0, 0.0, 0.0],
    faults=[
        Fault("TTT of B1 ignored", f"{SECONDARY}:EventA4", _without(time_to_trigger_ns=0)),
        Fault("hysteresis of A2 left out", f"{SECONDARY}:EventA2", _without(hysteresis_db=0.0)),
        Fault("RRC without SCG", f"{SECONDARY}:SecondaryCells.__init__",
              lambda f: lambda self, rows, cells, count, settings, **named: f(
                  self, rows, cells, count, settings.model_copy(update={
                      "lte": settings.lte.model_copy(update={"scg_processing_ms": 10.0})}),
                  **named)),
        Fault("data waits while a cell is added", f"{SECONDARY}:SecondaryCells._enter",
              lambda f: lambda self, ns, rows, to, source, why, span: f(
                  self, ns, rows, to, source, why,
                  np.full(len(rows), 50 * MS) if span is None else span)),
    ],
)  # fmt: skip
def added_and_released() -> Comparison:
    drive = _drive(HOLE, 1, 23.0)
    weak_s = (100.0 + (ELEMENT_DBM - 100.0 + 117.0) / 1.25) / 20.0
    good_s = (440.0 - (ELEMENT_DBM - 100.0 + 109.0) / 1.25) / 20.0
    # TTT 160 and 20 ms to the command; access to NR takes 59 ms, 15 more or less, 16 of it RRC.
    return Comparison(
        _rows(drive, 3)[3:],
        [_anew_ms(weak_s) + 180.0, Cause.A2, 16.0, _anew_ms(good_s) + 180.0 + 59.0, Cause.B1, 0.0],
    )


@check(
    "interruption by a change of the NR cell in EN-DC against one in SA",
    source="TS 38.331 clause 12 (V18.6.0, read): 16 ms RRC with a change of the SCG, 10 ms without",
    unit="ms",
    tolerance=1e-6,
    faults=[
        Fault("RRC without SCG", f"{SECONDARY}:HandoverDelays",
              lambda f: lambda rules, seed: f(
                  rules.model_copy(update={"rrc_processing_ms": 10.0}), seed)),
        Fault("no interruption", f"{SECONDARY}:SecondaryCells._switch",
              lambda f: lambda self, ns, rows, cell, span: f(self, ns, rows, cell, 0 * span)),
    ],
)  # fmt: skip
def changed() -> Comparison:
    nsa = _drive(CHANGE, 2, 9.0)
    sa = drive_along(CHANGE, cells=2, seconds=9.0, packet_every_ms=1000, handover=UNFILTERED)
    assert nsa.changes.cause[-1] == sa.changes.cause[-1] == Cause.A3
    blocked_from, blocked_until = nsa.link._connections.blocked_ns(np.array([0]))
    span_ms = (blocked_until - blocked_from) / MS
    return Comparison(span_ms - sa.changes.interruption_ns[-1] / MS, 6.0)


@check(
    "an NR cell that is lost: T310, and data goes on over LTE",
    source="TS 38.331 5.3.10.3, 5.7.3 (SCG failure information); by hand, T310 1 s, 20 + 16 ms",
    unit="ms, cause, ms",
    tolerance=[0.1, 0.0, 0.1],
    faults=[
        Fault("T310 ignored", f"{SECONDARY}:RadioLinkMonitor", _without(t310_ns=0)),
        Fault("the NR cell isn't monitored", f"{SECONDARY}:RadioLinkMonitor.update",
              lambda _: lambda _self, _ns, rows, _db: np.zeros(len(rows), dtype=np.bool_)),
    ],
)  # fmt: skip
def lost() -> Comparison:
    # A2 with this TTT comes too late.
    drive = _drive(GONE, 1, 18.0, time_to_trigger_ms=5120)
    return Comparison(_rows(drive, 2)[3:], [_anew_ms(15.05) + 1000.0, Cause.SCG_FAILURE, 36.0])
