"""Radio latency by density of vehicles, against the published model of V2N2V latency.

The model is that of Lucas-Estan, Coll-Perales et al. (IEEE TVT 2022, 10.1109/TVT.2022.3208306 and
3224614). Its authors' code was read: 5G-NR-Radio-Latency-Models for the set-up, and
5G-E2E-V2N2V-Latency-Models for the results: a curve for each direction, the sums of which are the
papers' Tables IV and XV. What comes of the ways in which this package's model differs is in
docs/link.md.

As read there: a cell of 1732 m on six lanes, 20 MHz at 30 kHz, FDD, two layers, 300 B every 100 or
20 ms from each vehicle, and as many to each. Eleven rings as wide as each other have CQI 15 in the
middle to 5 at the edge. A target BLER of 10 % takes the MCS of table 2, one of 1e-5 that of table
3, in both directions with 152 resource elements in a block. Random access takes 12 blocks of the
first two of each ten slots up, the SSB 20 of each twentieth down. Grants are semi-persistent: the
first slot after a vehicle's packet that has room for it, and the same in each period. Processing
times are in seconds where the code means milliseconds, so there are none. The curves have one
latency of zero a vehicle too much (an empty column is read as one), which is left out here as in
the papers' tables.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from network import phy
from network.arrays import Bools, Floats, Ints
from network.link import Link
from network.packet import SERVER, Fate, Stage
from network.ran.cells import Timeline
from network.ran.qos import Admission
from network.ran.queue import Service
from network.ran.scheduler import HEADER_BYTES, Arrivals, Scheduler
from network.settings import NetworkSettings
from tests.validation.qos_checks import standing_around
from tests.validation.registry import Comparison, Fault, check

MS = 1_000_000
HERE = "tests.validation.latency_checks"
_SOURCE = "Coll-Perales et al., TVT 2022 (3224614)"
_SETTINGS: dict[str, Any] = {
    "radio": {"bandwidth_mhz": 20, "subcarrier_spacing_khz": 30, "duplex": "FDD"},
    "scheduling": {
        "configured_grant_period_ms": {9: 0.5},
        "downlink_preparation_slots": 0,
        "decoding_symbols": 0,
        "harq_max_transmissions": 1,
        "discard_timer_ms": 20,
        "uplink_allocation_prbs": 51,
    },
    "background": {"prb_utilisation": 0.0},
    "core": {"backhaul_ms": 0.1},
}
PRBS = 51
SLOTS_PER_MS = 2

# The whole link, far from a full cell


# Period [ms], vehicles per kilometre and lane.
_SPARSE = ((100, 10), (100, 20), (100, 40), (100, 60), (100, 80), (20, 10), (20, 20))


@check(
    "radio latency by density: 10 to 80 vehicles/km, 20 MHz, 30 kHz",
    source=f"{_SOURCE}, Table IV: 1.50 ms both ways, T = 100 and 20 ms, BLER 10 %, no "
    "retransmission; curves' percentiles 11, 56 and 99 at 80 vehicles/km",
    unit="ms",
    tolerance=[*[0.01] * 14, 0.02, 0.02, 0.02],
    faults=[
        Fault("time to decode counted in", f"{HERE}:_SETTINGS",
              lambda s: {**s, "scheduling": {**s["scheduling"], "decoding_symbols": 10}}),
        Fault("a TDD pattern", f"{HERE}:_SETTINGS",
              lambda s: {**s, "radio": {**s["radio"], "duplex": "TDD"}}),
        Fault("scheduling requests", f"{HERE}:_SETTINGS",
              lambda s: {**s, "scheduling": {**s["scheduling"], "configured_grant_period_ms": {}}}),
        Fault("a slot to make ready", f"{HERE}:_SETTINGS",
              lambda s: {**s, "scheduling": {**s["scheduling"], "downlink_preparation_slots": 1}}),
    ],
)  # fmt: skip
def latency_by_density() -> Comparison:
    ours: list[float] = []
    for period_ms, density in _SPARSE:
        up_ms, down_ms = _link_latency_ms(period_ms, density)
        ours += [float(up_ms.mean()), float(down_ms.mean())]
        if (period_ms, density) == (100, 80):
            # One packet in ten is lost, so that 10 % of all are 11 % of those that arrive.
            quantiles = np.quantile(up_ms, (0.1 / 0.9, 0.5 / 0.9, 0.99))
    return Comparison([*ours, *quantiles], [*[0.75] * len(ours), 0.555, 0.777, 0.995])


def _link_latency_ms(period_ms: int, density: int) -> tuple[Floats, Floats]:
    """Return times up and down of packets that got through, of cars around a mast."""
    stations = _vehicles(density)
    periods = max(4000 // stations, 8)
    random = np.random.default_rng(density)

    def send(link: Link) -> None:
        every = np.arange(stations)
        for period in range(periods):
            begin = period * period_ms * MS
            up_ns, down_ns = random.integers(begin, begin + period_ms * MS, (2, stations))
            link.send(every, 300, up_ns, to=SERVER)
            link.send(SERVER, 300, down_ns, to=every)

    packets = standing_around(_SETTINGS, stations, send, (periods * period_ms + 100) * MS)
    through = packets.fate == Fate.DELIVERED
    up = packets.sender != SERVER
    stages = packets.stage_ns / MS
    up_ms = stages[through & up][:, Stage.UL_SCHEDULING : Stage.UL_RETRANSMISSION + 1].sum(axis=1)
    down_ms = stages[through & ~up][:, Stage.DL_QUEUE : Stage.DL_RETRANSMISSION + 1].sum(axis=1)
    return up_ms, down_ms


# The queues of one cell, with its control channels


# By MCS table, period [ms] and density: mean and 99th percentile [ms] up, then down.
_QUEUES = {
    (2, 20, 20): (0.7505, 0.995, 0.7508, 0.995), (2, 20, 40): (0.7516, 0.997, 0.7523, 0.997),
    (2, 20, 60): (0.7863, 1.187, 0.7760, 1.150), (3, 100, 10): (0.7504, 0.996, 0.7499, 0.996),
    (3, 100, 20): (0.7515, 0.997, 0.7512, 0.996), (3, 100, 40): (0.7561, 1.028, 0.7551, 1.010),
    (3, 100, 60): (0.7682, 1.197, 0.7656, 1.166), (3, 100, 80): (0.7951, 1.362, 0.7878, 1.316),
    (3, 20, 10): (0.7608, 1.109, 0.7583, 1.079), (3, 20, 20): (0.8414, 1.597, 0.8289, 1.552),
}  # fmt: skip


def _next_mcs(mcs: Any) -> Any:
    return {table: rows - 1 for table, rows in mcs.items()}


_MCS = {2: 2 * np.arange(5, 16) - 3, 3: 2 * np.arange(5, 16) - 2}
_ELEMENTS = 152
NOBODY_WAITS = Fault(
    "nobody waits for others", "network.ran.scheduler:Queues.admit",
    lambda _: lambda _s, _c, arrival, _l, work:
        Service(arrival, arrival + work, np.ones(len(work), dtype=np.bool_)),
)  # fmt: skip
ONE_LAYER = Fault(
    "one layer", f"{HERE}:phy.block_bits",
    lambda f: lambda elements, order, rate, _layers: f(elements, order, rate, 1),
)  # fmt: skip


@check(
    "radio latency by density and target BLER: mean and 99th percentile of ten cells, up and down",
    source=f"{_SOURCE}, curves of Tables IV and XV: BLER 10 % and 1e-5, T = 100 and 20 ms, up to "
    "82 % of a cell",
    unit="ms",
    # Blocks of a third of a slot have to wait for one with room there; ours go on in the next.
    tolerance=[*np.tile([0.01, 0.05], 18), *[0.01, 0.12] * 2],
    faults=[
        ONE_LAYER,
        NOBODY_WAITS,
        Fault("the next MCS down", f"{HERE}:_MCS", _next_mcs),
        Fault("no control channels", f"{HERE}:_control_slots", lambda _: lambda *_: np.zeros(0)),
    ],
)  # fmt: skip
def latency_by_density_and_bler() -> Comparison:
    ours = []
    for table, period_ms, density in _QUEUES:
        for direction in "UD":
            wait_ms, _ = _queue_latency_ms(direction, table, period_ms, density)
            ours += [wait_ms.mean(), np.quantile(wait_ms, 0.99)]
    return Comparison(ours, [value for row in _QUEUES.values() for value in row])


@check(
    "the slowest of 10,000 packets, both ways: 10, 20, 40 vehicles/km, T = 100 ms",
    source=f"{_SOURCE}, Table XV: p99.99 of 2.60, 2.77, 3.08 ms, BLER 1e-5; its blocks have to fit "
    "into one slot, ours may go on in the next: within a tenth",
    unit="ms",
    tolerance=[0.26, 0.277, 0.308],
    faults=[
        NOBODY_WAITS,
        ONE_LAYER,
    ],
)  # fmt: skip
def slowest_packets() -> Comparison:
    def slowest_ms(direction: str, density: int) -> float:
        wait_ms, _ = _queue_latency_ms(direction, 3, 100, density, vehicles=50_000)
        return float(np.quantile(wait_ms, 0.9999))

    ours = [slowest_ms("U", density) + slowest_ms("D", density) for density in (10, 20, 40)]
    return Comparison(ours, [2.60, 2.77, 3.08])


_CELLS = 4
# With more vehicles than there is room for: share of them without a grant and mean of the others
# [ms], up, then down.
_OVERLOADED = {
    (2, 20, 80): (0.0856, 1.6755, 0.0589, 1.4160), (3, 20, 40): (0.3010, 3.7857, 0.2815, 3.5278),
    (3, 20, 60): (0.5324, 6.0082, 0.5195, 5.8007), (3, 20, 80): (0.6520, 7.2135, 0.6410, 7.0186),
}  # fmt: skip


@check(
    "an overloaded cell's first period: share that finds no blocks, mean of the others",
    source=f"{_SOURCE}, curves of Tables IV and XV, T = 20 ms: 80 vehicles/km at BLER 10 %, 40 to "
    "80 at 1e-5; its grants repeat what this period gave",
    unit="share, ms",
    tolerance=np.tile([0.03, 0.25], 8),
    faults=[ONE_LAYER, NOBODY_WAITS],
)  # fmt: skip
def overloaded_first_period() -> Comparison:
    ours = []
    for table, period_ms, density in _OVERLOADED:
        for direction in "UD":
            wait_ms, served = _queue_latency_ms(
                direction, table, period_ms, density, periods=1, vehicles=10_000
            )
            ours += [1.0 - served, wait_ms.mean()]
    return Comparison(ours, [value for row in _OVERLOADED.values() for value in row])


@check(
    "guaranteed flows that an overloaded cell refuses",
    source=f"{_SOURCE}, curves of Tables IV and XV: vehicles without a semi-persistent grant, T = "
    "20 ms: 80 vehicles/km at BLER 10 %, 40 to 80 at 1e-5",
    unit="share",
    tolerance=0.02,
    faults=[
        ONE_LAYER,
        Fault("all are let in", f"{HERE}:Admission.admit", lambda _: lambda *_: True),
        Fault("control channels free of charge", f"{HERE}:_control_slots",
              lambda _: lambda *_: np.zeros(0)),
    ],
)  # fmt: skip
def refused_flows() -> Comparison:
    random = np.random.default_rng(1)
    ours = []
    for table, period_ms, density in _OVERLOADED:
        for direction in "UD":
            slots = period_ms * SLOTS_PER_MS
            control = len(_control_slots(direction, slots)) * _CONTROL_PRBS[direction]
            needed = _prbs_needed(table, random, (_CELLS, _vehicles(density)))
            admission = Admission(_CELLS, 1.0 - control / (slots * PRBS))
            admitted = [
                admission.admit(cell, cell * slots * PRBS + car, 3, share, 0)
                for cell, shares in enumerate((needed / (slots * PRBS)).tolist())
                for car, share in enumerate(shares)
            ]
            ours.append(1.0 - float(np.mean(admitted)))
    return Comparison(ours, [share for row in _OVERLOADED.values() for share in row[::2]])


def _vehicles(density: int) -> int:
    return 6 * int(density * 1.732)


def _prbs_needed(table: int, random: np.random.Generator, shape: tuple[int, ...]) -> Ints:
    """Return the blocks that 300 B take of vehicles in rings drawn at random."""
    rows, blocks = phy.mcs_table(table), np.arange(1, PRBS)[:, None]
    mcs = _MCS[table]
    bits = phy.block_bits(_ELEMENTS * blocks, rows.order[mcs], rows.code_rate[mcs], 2)
    of_ring = (bits >= 8 * 300).argmax(axis=0) + 1
    return np.asarray(of_ring[random.integers(0, len(mcs), shape)])


_CONTROL_PRBS = {"U": 12, "D": 20}


def _control_slots(direction: str, slots: int) -> Ints:
    every = np.arange(slots)
    return every[every % 10 < 2] if direction == "U" else every[every % 20 == 0]


def _queue_latency_ms(
    direction: str,
    table: int,
    period_ms: int,
    density: int,
    *,
    periods: int = 2,
    vehicles: int = 20_000,
) -> tuple[Floats, float]:
    """Return how long packets of the last period took, and what share of them that is.

    Of a cell's only period, which begins empty, those count that are sent before its end. There are
    as many cells as have that many vehicles together.
    """
    of_cell = _vehicles(density)
    cells = -(-vehicles // of_cell)
    random = np.random.default_rng(density)
    phase_ns = random.integers(0, period_ms * MS, (cells, of_cell))
    needed = _prbs_needed(table, random, (cells, of_cell))
    begin_ns = np.arange(periods) * period_ms * MS
    end_ns = periods * period_ms * MS

    # What control channels take comes as packets right before those that came for their slot.
    slot_ns = MS // SLOTS_PER_MS
    control = _control_slots(direction, periods * period_ms * SLOTS_PER_MS)
    control_ns = np.maximum((control - 1) * slot_ns + 1, 0).astype(np.int64)
    shape = (periods, cells, of_cell)
    come_ns = np.concatenate(
        [(begin_ns[:, None, None] + phase_ns).ravel(), np.tile(control_ns, cells)]
    )
    cell = np.concatenate(
        [
            np.broadcast_to(np.arange(cells)[:, None], shape).ravel(),
            np.repeat(np.arange(cells), len(control)),
        ]
    )
    prbs = np.concatenate(
        [
            np.broadcast_to(needed, shape).ravel(),
            np.full(cells * len(control), _CONTROL_PRBS[direction]),
        ]
    )
    count = len(come_ns)
    packets = Arrivals(
        cell, come_ns, np.full(count, 2 * end_ns), np.arange(count), _bytes_in(prbs),
        np.full(count, _SINR_DB), np.full(count, 60.0), np.full(count, 0.5),
    )  # fmt: skip
    scheduler = Scheduler(
        NetworkSettings.model_validate(_SETTINGS), direction,
        cell_keys=np.zeros(cells, dtype=np.uint64),
        utilisation=Timeline([0], [np.zeros(cells)]), seed=1,
    )  # fmt: skip
    plan, _ = scheduler.serve(end_ns, packets)
    mine: Bools = np.arange(count) < periods * cells * of_cell
    last = mine & (come_ns >= begin_ns[-1])
    sent = last & (plan[:, 2] <= end_ns) if periods == 1 else last
    return (plan[sent, 2] - plan[sent, 0]) / MS, float(sent.sum() / last.sum())


_SINR_DB = 25.0


def _bytes_in(prbs: Ints) -> Ints:
    """Return the largest packets that these many blocks carry at one SINR."""
    sizes = np.arange(1, 6000)
    mcs = phy.mcs_for_sinr(_SINR_DB)
    taken = phy.prbs_needed(8 * (sizes + HEADER_BYTES), mcs)
    return np.asarray(sizes[np.searchsorted(taken, prbs, side="right") - 1])
