"""First transmissions under fast fading: the outer loop holds the error rate it is told."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from network.draws import Draws
from network.packet import Positions
from network.ran.cells import Timeline
from network.ran.fades import DOWN, Fades
from network.ran.scheduler import Arrivals, Scheduler
from network.settings import NetworkSettings
from tests.validation.registry import Comparison, Fault, check

MS = 1_000_000
STATIONS, ROUNDS, SETTLED = 60, 700, 300
PERIOD_NS = 40 * MS
FADES = "network.ran.fades"
ONCE = ("tests.validation.adaptation_checks:first_error_rate",)


@cache
def first_error_rate(target: float, speed_mps: float, los: bool) -> float:
    """Return how many first transmissions of one block are lost, once the margins have settled."""
    settings = NetworkSettings.model_validate({"scheduling": {"target_bler": target}})
    keys = np.arange(STATIONS, dtype=np.uint64)
    fades = Fades(STATIONS, settings, np.zeros(1, dtype=np.uint64), seed=1)
    cell = np.zeros(1, dtype=np.uint64)
    load = Timeline([0], [np.zeros(1)])
    down = Scheduler(settings, "D", cell_keys=cell, utilisation=load, seed=1)
    stations = np.arange(STATIONS)
    fades.enter(stations, keys, np.zeros(STATIONS, dtype=np.int64))
    fades.see(stations, np.full(STATIONS, los))
    sinr_db = 6.0 + 12.0 * stations / STATIONS
    zero = np.zeros(STATIONS)
    lost = sent = 0
    for round_ in range(ROUNDS):
        now = round_ * PERIOD_NS
        begin = np.full(STATIONS, now)
        place = Positions(now, 0.04 * round_ * speed_mps + zero, zero, zero, speed_mps + zero, zero)
        margin = fades.margin_db(stations, DOWN)
        plan, _ = down.serve(
            now + PERIOD_NS,
            Arrivals(
                np.zeros(STATIONS, dtype=np.int64), begin, begin + 10 * PERIOD_NS,
                stations + round_ * STATIONS, np.full(STATIONS, 300), sinr_db + margin, sinr_db,
                Draws(1, "adaptation").uniform(keys, round_),
                faded=fades.packets(DOWN, stations, sinr_db, place, begin),
            ),
        )  # fmt: skip
        fades.adapt()
        if round_ >= SETTLED:
            lost += int(np.count_nonzero(plan[:, 3] > plan[:, 2]))
            sent += STATIONS
    return lost / sent


def _stuck(_: Any) -> Any:
    return lambda *_: None


@check(
    "first transmissions lost at 15 m/s: NLOS, LOS, and for a target of 3 %",
    source="TS 38.214 5.1: the MCS is chosen for target_bler; stationary point of the outer loop",
    tolerance=[0.012, 0.012, 0.006],
    faults=[
        Fault("margins never applied", f"{FADES}:Fades.adapt", _stuck, ONCE),
        Fault("as much up as down", f"{FADES}:np.expm1", lambda _: lambda x: 0 * x - 0.5, ONCE),
        Fault("margin with the wrong sign", f"{FADES}:Fades.margin_db",
              lambda f: lambda self, *which: -f(self, *which), ONCE),
    ],
)  # fmt: skip
def error_rate_held() -> Comparison:
    return Comparison(
        [
            first_error_rate(0.1, 15.0, False),
            first_error_rate(0.1, 15.0, True),
            first_error_rate(0.03, 15.0, False),
        ],
        [0.1, 0.1, 0.03],
    )
