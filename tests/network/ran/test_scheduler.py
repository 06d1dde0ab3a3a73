"""Queues, retransmissions and utilisation of one direction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from network import phy
from network.arrays import Ints
from network.draws import Draws, key_of
from network.packet import Fate
from network.ran.cells import Timeline
from network.ran.scheduler import Arrivals, Scheduler
from network.settings import NetworkSettings

MS = 1_000_000
SECOND = 1000 * MS
SLOT = MS // 2


def scheduler(
    direction: str = "D", cells: int = 1, load: float = 0.0, seed: int = 1, **block: Any
) -> Scheduler:
    keys = np.array([key_of(f"c{c}") for c in range(cells)], dtype=np.uint64)
    return Scheduler(
        NetworkSettings.model_validate(block),
        direction,
        cell_keys=keys,
        utilisation=Timeline([0], [np.full(cells, load)]),
        seed=seed,
    )


def arrivals(
    instant_ns: Ints, *, cell: int | Ints = 0, size: int = 300, sinr_db: float = 30.0,
    patience_ns: int = SECOND, first: int = 0,
) -> Arrivals:  # fmt: skip
    n = len(instant_ns)
    return Arrivals(
        np.broadcast_to(cell, n),
        instant_ns,
        instant_ns + patience_ns,
        first + np.arange(n),
        np.full(n, size),
        np.full(n, sinr_db),
        np.full(n, sinr_db),
        Draws(1, "test").uniform(0, first + np.arange(n)),
    )


def test_first_transmission_in_the_slots_that_are_there() -> None:
    # Slots of DDDSU: 0 1 2 down, 3 special, 4 up. Down takes a slot to make ready.
    instants = np.array([0, 1, SLOT, 2 * SLOT, 2 * SLOT + 1, 3 * SLOT]) + 10 * SLOT
    plan, fate = scheduler().serve(SECOND, arrivals(instants))
    assert (fate == Fate.IN_FLIGHT).all()
    assert (plan[:, 1] // SLOT - 10).tolist() == [1, 2, 2, 3, 5, 5]
    decoding = SLOT * 10 // 14
    assert (plan[:, 2] - plan[:, 1] == SLOT + decoding).all()
    assert (plan[:, 3] == plan[:, 2]).all()
    plan, _ = scheduler("U").serve(SECOND, arrivals(instants, sinr_db=35.0, size=60))
    assert (plan[:, 1] // SLOT - 10).tolist() == [4] * 6


def test_a_station_sends_on_few_blocks_and_so_takes_more_slots() -> None:
    up = scheduler("U")
    mcs = int(phy.mcs_for_sinr(10.0))
    slots = -(-int(phy.prbs_needed(8 * 1540, mcs)) // 12)
    assert slots > 3
    plan, _ = up.serve(SECOND, arrivals(np.array([0]), size=1500, sinr_db=10.0))
    first = int(plan[0, 1])
    assert int(plan[0, 2]) - first == (slots - 1) * 5 * SLOT + SLOT + SLOT * 10 // 14


@pytest.mark.parametrize("offset_db", [-0.5, -2.5, -5.0])
def test_retransmissions_follow_the_error_rate(offset_db: float) -> None:
    mcs, bits = int(phy.mcs_for_sinr(12.0)), 8 * 340
    sinr = 12.0 + offset_db
    n = 40_000
    packets = arrivals(np.arange(n) * MS)._replace(
        reported_sinr_db=np.full(n, 12.0), sinr_db=np.full(n, sinr)
    )
    plan, fate = scheduler().serve(n * MS, packets)
    sent = 1 + (plan[:, 3] - plan[:, 2]) // (10 * SLOT)  # a round trip is two periods of 5 slots
    assert ((plan[:, 3] - plan[:, 2]) % (10 * SLOT) == 0).all()
    left = 1.0
    for attempt in range(1, 5):
        left *= float(phy.bler(mcs, sinr + 10.0 * np.log10(attempt), size_bits=bits))
        seen = (sent > attempt).mean() if attempt < 4 else (fate == Fate.RADIO).mean()
        assert seen == pytest.approx(left, abs=4.0 * np.sqrt(left * (1.0 - left) / n) + 1e-12)


def test_no_second_chance_with_one_transmission() -> None:
    packets = arrivals(np.arange(2000) * MS)._replace(sinr_db=np.full(2000, -20.0))
    plan, fate = scheduler(scheduling={"harq_max_transmissions": 1}).serve(2 * SECOND, packets)
    assert (fate == Fate.RADIO).all()
    assert (plan[:, 3] == plan[:, 2]).all()


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_waiting_follows_pollaczek_khinchine(load: float) -> None:
    """Poisson arrivals of exponential size: the mean wait is rho / (1 - rho) of a mean burst."""
    cells, span = 200, 40
    source = scheduler(cells=cells, load=load, scheduling={"discard_timer_ms": 1500})
    instants = np.arange(2 * SECOND, span * SECOND, 97 * MS + 13)
    packets = arrivals(
        np.repeat(instants, cells), cell=np.tile(np.arange(cells), len(instants)),
        size=1, patience_ns=10 * SECOND,
    )  # fmt: skip
    plan, _ = source.serve(span * SECOND, packets)
    wait_s = (plan[:, 1] - plan[:, 0]).mean() * 1e-9
    burst = 100e3 * 8.0 / (2.4063 * 144) + 0.5  # in blocks, rounded up
    per_s = (3 * 106 + 75) * 400.0
    expected_s = load / (1.0 - load) * burst / per_s
    # An empty cell: a slot to make ready, to the next slot boundary, and past the uplink slot.
    idle_s = SLOT * 1e-9 * (1.0 + 0.5 + 0.2)
    assert wait_s == pytest.approx(expected_s + (1.0 - load) * idle_s, rel=0.06)


def test_utilisation_is_what_was_asked_for() -> None:
    source = scheduler(cells=100, load=0.4)
    nothing = arrivals(np.zeros(0, dtype=np.int64))
    seen = []
    for tick in range(1, 200):
        source.serve(tick * 40 * MS, nothing)
        source.measure(tick * 40 * MS)
        seen.append(source.utilisation.mean())
    assert np.mean(seen[25:]) == pytest.approx(0.4, abs=0.01)
    assert (source.utilisation >= 0.0).all()
    assert (source.utilisation <= 1.0).all()


def test_a_full_cell_is_fully_used() -> None:
    source = scheduler(cells=10, load=1.5)
    for tick in range(1, 100):
        source.serve(tick * 40 * MS, arrivals(np.zeros(0, dtype=np.int64)))
        source.measure(tick * 40 * MS)
    assert (source.utilisation > 0.97).all()


def test_own_traffic_counts_as_load() -> None:
    source = scheduler()
    instants = np.arange(0, 4 * SECOND, 5 * MS)
    source.serve(4 * SECOND, arrivals(instants, size=20_000, sinr_db=15.0))
    source.measure(4 * SECOND)
    blocks = int(phy.prbs_needed(8 * 20_040, int(phy.mcs_for_sinr(15.0))))
    assert source.utilisation[0] == pytest.approx(blocks / (0.005 * 157_200), rel=0.1)


def test_layers_carry_twice_as_much_on_half_the_power_each() -> None:
    def spent(sinr_db: float, **radio: int) -> float:
        source = scheduler(radio=radio)
        instants = np.arange(0, SECOND, 5 * MS)
        source.serve(SECOND, arrivals(instants, size=20_000, sinr_db=sinr_db))
        source.measure(SECOND)
        return float(source.last_utilisation[0])

    one, two = spent(15.0), spent(15.0 + 10.0 * np.log10(2.0), downlink_layers=2)
    assert two == pytest.approx(one / 2.0, rel=0.02)
    assert spent(15.0, uplink_layers=4) == one
