"""Priority, sharing, slices and grants against closed forms and by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from network.arrays import Floats
from network.draws import key_of
from network.five_qi import FIVE_QI
from network.link import Link
from network.packet import Positions, Stage
from network.ran.cells import Timeline
from network.ran.frame import Frame
from network.ran.qos import QosQueues
from network.ran.scheduler import Arrivals, Scheduler
from network.ran.turns import Job, Queue
from network.settings import NetworkSettings, SliceSettings
from tests.validation.registry import Comparison, Fault, check

MS = 1_000_000
SECOND = 1000 * MS
QOS = "network.ran.qos"
HERE = "tests.validation.qos_checks"
SLOT_NS = MS // 2
PRBS = 50
LATE_NS = 10**15
LATE = LATE_NS // SLOT_NS * PRBS


def _queues(*slices: SliceSettings, prbs: int = PRBS) -> QosQueues:
    frame = Frame("D", "D", slot_ns=SLOT_NS, prbs=prbs, special_downlink_symbols=0)
    return QosQueues(1, frame, slices)


def _poisson(seed: int, rate_per_slot: float, mean_slots: float, slots: int) -> tuple[Any, Any]:
    """Return instants [slots] and exponential work [blocks] of a Poisson process."""
    random = np.random.default_rng(seed)
    n = int(slots * rate_per_slot * 1.2) + 50
    instants = np.cumsum(random.exponential(1.0 / rate_per_slot, n))
    work = np.maximum(np.rint(random.exponential(mean_slots * PRBS, n)), 1).astype(np.int64)
    return instants[instants < slots], work[: int((instants < slots).sum())]


def _sojourns(streams: list[tuple[int, Any, Any]], slots: int) -> list[tuple[Floats, Floats]]:
    """Return how long the jobs of each stream of (5QI, instants, work) stayed, and their work.

    Both in slots. A job waits half a slot on average for the beginning of one, and the last slot
    counts in full: half a slot too much. Both are taken off, as if time were continuous.
    """
    queues = _queues()
    jobs = []
    for stream, (five_qi, instants, work) in enumerate(streams):
        for instant, blocks in zip(instants.tolist(), work.tolist(), strict=True):
            jobs.append((instant, five_qi, stream, blocks))
    jobs.sort()
    for number, (instant, five_qi, _, blocks) in enumerate(jobs):
        first = int(np.ceil(instant)) * PRBS
        came_ns = int(instant * SLOT_NS)
        queues.add(0, five_qi, Job(number, blocks, first, LATE, came_ns, LATE_NS))
    queues.run(2 * slots * SLOT_NS, 0)
    stayed: list[list[tuple[float, float]]] = [[] for _ in streams]
    for job, _ in queues.take_ended():
        instant, _, stream, blocks = jobs[job.packet_id]
        stayed[stream].append((job.last // PRBS + 1 - instant - 1.0, blocks / PRBS))
    return [tuple(np.array(rows).T) for rows in stayed]


@check(
    "sojourn of two priority classes",
    source="M/G/1 preemptive-resume: E[S]/(1-s') + R/((1-s')(1-s)) (an event simulation agrees)",
    unit="slots",
    tolerance=[0.6, 3.5],
    faults=[
        Fault("priorities the other way round", f"{QOS}:_Kind",
              lambda q: lambda level, *rest: q(-level, *rest)),
        Fault("one queue for all", f"{QOS}:_Kind", lambda q: lambda _, *rest: q(1, *rest)),
    ],
)  # fmt: skip
def priority() -> Comparison:
    slots, first, second = 250_000, (0.06, 5.0), (0.04, 10.0)
    stayed = _sojourns(
        [(83, *_poisson(1, *first, slots)), (3, *_poisson(2, *second, slots))], slots
    )
    load_1, load_2 = first[0] * first[1], second[0] * second[1]
    # Residual work lambda E[S^2] / 2, where E[S^2] = 2 E[S]^2.
    residual_1 = load_1 * first[1]
    residual = residual_1 + load_2 * second[1]
    expected = [
        first[1] + residual_1 / (1.0 - load_1),
        second[1] / (1.0 - load_1) + residual / ((1.0 - load_1) * (1.0 - load_1 - load_2)),
    ]
    return Comparison([jobs[0].mean() for jobs in stayed], expected)


@check(
    "sojourn by size where non-GBR flows share",
    source="M/G/1 processor sharing: x / (1 - rho) for work x (an event simulation agrees)",
    tolerance=[0.25, 0.25, 0.25],
    faults=[
        Fault("first come, first served", f"{QOS}:_Kind", lambda q: lambda a, b, _: q(a, b, True)),
    ],
)  # fmt: skip
def processor_sharing() -> Comparison:
    slots, rate, mean = 250_000, 0.06, 10.0
    ((stayed, work),) = _sojourns([(9, *_poisson(3, rate, mean, slots))], slots)
    # Of small, middling and large jobs, per work.
    ours = []
    for least, most in ((4.0, 8.0), (8.0, 16.0), (16.0, 60.0)):
        some = (work >= least) & (work < most)
        ours.append(stayed[some].sum() / work[some].sum())
    return Comparison(ours, 1.0 / (1.0 - rate * mean))


def _scheduler(load: float, cells: int, **settings: Any) -> Scheduler:
    return Scheduler(
        NetworkSettings.model_validate({"qos": {"any": 9}, **settings}),
        "D",
        cell_keys=np.array([key_of(f"cell{c}") for c in range(cells)], dtype=np.uint64),
        utilisation=Timeline([0], [np.full(cells, load)]),
        seed=1,
    )


def _waits_ms(load: float, five_qi: int) -> Floats:
    """Return how long small packets wait in cells of a load, in order of packet ids."""
    cells, instants = 4, np.arange(500 * MS, 8000 * MS, 37 * MS + 13)
    at = np.repeat(instants, cells)
    n = len(at)
    scheduler = _scheduler(load, cells)
    scheduler.serve(
        8000 * MS,
        Arrivals(
            np.tile(np.arange(cells), len(instants)), at, at + SECOND, np.arange(n),
            np.full(n, 10), np.full(n, 30.0), np.full(n, 40.0), np.full(n, 0.5),
            np.full(n, five_qi), np.arange(n, dtype=np.uint64),
        ),
    )  # fmt: skip
    packet_id, plan, _ = scheduler.settled(9000 * MS)
    plan = plan[np.argsort(packet_id)]
    return np.asarray((plan[:, 2] - plan[:, 0]) / MS)


@check(
    "5QI 83 in a cell at 95 % is served as in an empty one",
    source="TS 23.501 5.7.3.3; slots are filled by priority, so nothing of a lower level is ahead",
    unit="ms",
    tolerance=1e-9,
    faults=[
        Fault("priority ignored", f"{QOS}:_Kind", lambda q: lambda _, b, __: q(1, b, True)),
    ],
)  # fmt: skip
def high_priority_under_load() -> Comparison:
    return Comparison(_waits_ms(0.95, 83), _waits_ms(0.0, 83))


@check(
    "guaranteed flows that a cell lets in, by hand",
    source="TS 23.501 5.7.2.5 (GFBR); 1 Mbit/s each in a tenth of 106 PRBs at DDDSU",
    tolerance=0,
    faults=[
        Fault("all are let in", f"{QOS}:Admission.admit", lambda _: lambda *_: True),
        Fault("kbit/s for bit/s", f"{HERE}:_GUARANTEED", lambda g: {**g, "guaranteed_kbps": 1.0}),
    ],
)  # fmt: skip
def admission() -> Comparison:
    # 1000 B and 40 B of headers at 7.4063 bits in 132 elements of a block: 9 blocks. 125 packets a
    # second then take 1125 of the 157,200 blocks that there are: 13 flows fit in a tenth, not 14.
    scheduler = _scheduler(0.0, 1, scheduling=_GUARANTEED)
    n = 20
    scheduler.serve(
        SECOND,
        Arrivals(
            np.zeros(n, dtype=np.int64), np.arange(n) * MS, np.full(n, SECOND), np.arange(n),
            np.full(n, 1000), np.full(n, 40.0), np.full(n, 60.0), np.full(n, 0.5), np.full(n, 3),
            np.arange(n, dtype=np.uint64),
        ),
    )  # fmt: skip
    return Comparison(scheduler.refused, n - 13)


_GUARANTEED = {"guaranteed_kbps": 1000.0, "guaranteed_prb_share": 0.1}


def _shares(slices: tuple[dict[str, Any], ...], demand: dict[int, float]) -> list[float]:
    """Return what share of the blocks 5QIs get that ask for shares of them, over 1000 slots."""
    queues = _queues(*(SliceSettings.model_validate(one) for one in slices), prbs=106)
    order = list(demand)
    for slot in range(1000):
        for five_qi, share in demand.items():
            blocks = int(share * 106 * (slot + 1)) - int(share * 106 * slot)
            if blocks:
                owner = order.index(five_qi) * 10_000 + slot
                job = Job(owner, blocks, slot * 106, LATE, slot * SLOT_NS, LATE_NS)
                queues.add(0, five_qi, job)
    queues.run(1000 * SLOT_NS, 0)
    got = np.zeros(len(order))
    for place, five_qi in enumerate(order):
        got[place] = demand[five_qi] - _waiting(queues, five_qi).left / 106_000.0
    return [float(share) for share in got]


def _waiting(queues: QosQueues, five_qi: int) -> Queue:
    return queues._cells[0].queues[queues._queue_of[five_qi]]


CARS, REST = {"name": "cars", "five_qi": (3,)}, {"name": "rest", "five_qi": (9,)}


@check(
    "slices' shares of a full cell, by hand",
    source="guaranteed and maximum ratios of TS 28.541 rRMPolicyRatio; what isn't used is lent",
    tolerance=0.002,
    faults=[
        Fault("guarantee ignored", f"{HERE}:SliceSettings.model_validate",
              lambda f: lambda one: f({**one, "min_prb_share": 0.0})),
        Fault("maximum ignored", f"{HERE}:SliceSettings.model_validate",
              lambda f: lambda one: f({**one, "max_prb_share": 1.0})),
        Fault("nothing lent", f"{HERE}:SliceSettings.model_validate",
              lambda f: lambda one: f({**one, "max_prb_share": one.get("min_prb_share", 1.0)})),
    ],
)  # fmt: skip
def slices() -> Comparison:
    # All want everything: the half that the rest is guaranteed stays, cars come first in the other.
    both = _shares(({**CARS, "min_prb_share": 0.3}, {**REST, "min_prb_share": 0.5}), {3: 2, 9: 2})
    # Cars are held to 40 %.
    capped = _shares(({**CARS, "max_prb_share": 0.4}, REST), {3: 2, 9: 2})
    # The rest wants 20 % of its guaranteed half: cars borrow what it leaves.
    lent = _shares((CARS, {**REST, "min_prb_share": 0.5}), {3: 2, 9: 0.2})
    # Without slices the higher priority takes it all.
    none = _shares((), {3: 2, 9: 2})
    return Comparison([*both, *capped, *lent, *none], [0.5, 0.5, 0.4, 0.6, 0.8, 0.2, 1.0, 0.0])


# Uplink access


def standing_around(
    settings: dict[str, Any], stations: int, packets: Callable[[Link], None], to_ns: int
) -> Any:
    """Return what became of packets of stations that stand 100 m from a mast."""
    mast = {"id": "mast", "x_m": 0.0, "y_m": 0.0, "sectors": 1}
    link = Link(
        NetworkSettings.model_validate(
            {"cells": [mast], "background": {"prb_utilisation": 0.0}, **settings}
        ),
        seed=1,
        bounds_m=(-100.0, -100.0, 100.0, 100.0),
    )
    for station in range(stations):
        link.attach(station, f"car{station}", 1.5, subscribed=False)
    packets(link)
    still = np.zeros(stations)
    angle = np.arange(stations)
    where = Positions(0, 100.0 * np.cos(angle), 100.0 * np.sin(angle), still, still, still)
    link.advance(to_ns, where)
    return link.finished()


@check(
    "wait for uplink: request and grant, or a configured grant's occasion",
    source="TS 38.321 5.4.4, 5.8.2; even sends: period / 2 + grant delay, and period / 2",
    unit="ms",
    tolerance=[0.02, 0.02, 0.02],
    faults=[
        Fault("grant delay with configured grants", "network.link:Link._start",
              lambda f: lambda self, flights: (self._grant_ns.fill(2_500_000), f(self, flights))),
        Fault("request's period for all", "network.link:Link._start",
              lambda f: lambda self, flights: (self._occasion_period_ns.fill(5 * MS),
                                               f(self, flights))),
    ],
)  # fmt: skip
def configured_grant() -> Comparison:
    sent = np.arange(1000) * (20 * MS + 20_000)
    ours = []
    for scheduling, five_qi in (
        ({}, 83),
        ({"configured_grant_period_ms": {83: 4}}, 83),
        ({"configured_grant_period_ms": {83: 4}}, 9),
    ):
        packets = standing_around(
            {"scheduling": scheduling},
            1,
            lambda link, flow=five_qi: link.send(0, 300, sent, five_qi=flow),  # type: ignore[misc]
            21 * SECOND,
        )
        ours.append(packets.stage_ns[:, Stage.UL_SCHEDULING].mean() / MS)
    # A request's occasion every 5 ms, and 2.5 ms to the grant; an occasion granted every 4 ms.
    return Comparison(ours, [2.5 + 2.5, 2.0, 2.5 + 2.5])


@check(
    "standardized 5QIs: level, delay budget, burst volume",
    source="TS 23.501 Table 5.7.4-1; as srsRAN's mapping has it, row 86 as 5G-LENA's",
    tolerance=0,
    faults=[
        Fault("83 with the budget of 84", f"{HERE}:FIVE_QI",
              lambda t: {**t, 83: t[83]._replace(delay_budget_ms=30)}),
        Fault("level and budget swapped", f"{HERE}:FIVE_QI",
              lambda t: {**t, 79: t[79]._replace(priority_level=50, delay_budget_ms=65)}),
    ],
)  # fmt: skip
def table_of_5qis() -> Comparison:
    published = {
        1: (1, 20, 100, 0), 2: (1, 40, 150, 0), 3: (1, 30, 50, 0), 4: (1, 50, 300, 0),
        65: (1, 7, 75, 0), 66: (1, 20, 100, 0), 67: (1, 15, 100, 0), 5: (0, 10, 100, 0),
        6: (0, 60, 300, 0), 7: (0, 70, 100, 0), 8: (0, 80, 300, 0), 9: (0, 90, 300, 0),
        69: (0, 5, 60, 0), 70: (0, 55, 200, 0), 79: (0, 65, 50, 0), 80: (0, 68, 10, 0),
        82: (2, 19, 10, 255), 83: (2, 22, 10, 1354), 84: (2, 24, 30, 1354),
        85: (2, 21, 5, 255), 86: (2, 18, 5, 1354),
    }  # fmt: skip
    ours = [
        (row.resource, row.priority_level, row.delay_budget_ms, row.burst_bytes or 0)
        for row in (FIVE_QI[number] for number in published)
    ]
    return Comparison(ours, list(published.values()))
