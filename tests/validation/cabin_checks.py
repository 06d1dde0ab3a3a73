"""Antennas in cabins, in the whole link."""

from __future__ import annotations

import numpy as np

from network import NetworkSettings, Positions, open_link
from tests.validation.registry import Comparison, Fault, check

STATIONS = 400


def _levels_dbm(**radio: object) -> np.ndarray:
    mast = {"id": "mast", "x_m": 0.0, "y_m": 0.0}
    settings = NetworkSettings.model_validate(
        {"cells": [mast], "radio": radio, "handover": {"min_rsrp_dbm": -156.0}}
    )
    link = open_link(settings, seed=1, bounds_m=(-200.0, -200.0, 200.0, 200.0))
    for station in range(STATIONS):
        link.attach(station, f"car{station}", 1.5, subscribed=False)
    zero = np.zeros(STATIONS)
    x = np.linspace(20.0, 200.0, STATIONS)
    link.advance(40_000_000, Positions(40_000_000, x, zero, zero, zero, zero))
    return link.station_state().rsrp_dbm[:STATIONS]


@check(
    "what the link loses into cabins: share of stations, mean and spread of those",
    source="TR 38.901 7.4.3.2: N(9, 5^2) dB; 20 dB with metallised windows; 60 % asked for",
    tolerance=[0.07, 0.9, 0.7, 0.9],
    faults=[
        Fault("everyone inside", "network.radio.penetration:CarLoss.__init__",
              lambda f: lambda self, _, **named: f(self, 1.0, **named)),
        Fault("no loss", "network.ran.signals:Signals.lose", lambda _: lambda *_: None),
        Fault("a gain", "network.radio.penetration:CarLoss.loss_db",
              lambda f: lambda self, keys: -f(self, keys)),
    ],
)  # fmt: skip
def cabins() -> Comparison:
    outside = _levels_dbm()
    loss = outside - _levels_dbm(in_car_share=0.6)
    metallised = outside - _levels_dbm(in_car_share=0.6, metallised_windows=True)
    inside = np.abs(loss) > 1e-3
    count = max(int(inside.sum()), 1)
    mean = loss[inside].sum() / count
    spread = np.sqrt(((loss[inside] - mean) ** 2).sum() / count)
    return Comparison(
        [inside.mean(), mean, spread, metallised[inside].sum() / count],
        [0.6, 9.0, 5.0, 20.0],
    )
