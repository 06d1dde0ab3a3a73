"""The link as its users see it: arrays in, receptions, fates and stages out."""

from __future__ import annotations

import doctest
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import network
from network.arrays import Floats
from network.base import Cause, Handovers
from network.link import Link
from network.packet import (
    AREA,
    NEVER,
    SERVER,
    Fate,
    Packets,
    Positions,
    Receptions,
    Stage,
    joined,
)
from network.settings import NetworkSettings

MS = 1_000_000
SECOND = 1000 * MS
ROAD = (-500.0, -100.0, 1500.0, 100.0)
SITES = [{"id": "west", "x_m": 0.0, "y_m": 60.0}, {"id": "east", "x_m": 600.0, "y_m": -60.0}]


def road(**changes: Any) -> NetworkSettings:
    """Two sites by a road along the x axis."""
    return NetworkSettings.model_validate(
        {"cells": SITES, "background": {"prb_utilisation": 0.0}, **changes}
    )


class Drive:
    """A link with stations that move evenly."""

    def __init__(
        self,
        configuration: NetworkSettings,
        x_m: list[float],
        speed_mps: list[float] | None = None,
        *,
        seed: int = 1,
        names: list[str] | None = None,
        y_m: float = 0.0,
    ) -> None:
        self.link = network.open_link(configuration, seed=seed, bounds_m=ROAD)
        self.x_m = np.array(x_m)
        self.y_m = np.full(len(x_m), y_m)
        self.speed_mps = np.array(speed_mps or [0.0] * len(x_m))
        self.received: list[Receptions] = []
        self.packets: list[Packets] = []
        self.changes: list[Handovers] = []
        for station, _ in enumerate(x_m):
            name = names[station] if names else f"car{station}"
            self.link.attach(station, name, 1.5, subscribed=True)

    def to(self, *instants_ns: int) -> Drive:
        zero = np.zeros(len(self.x_m))
        for instant in instants_ns:
            here = self.x_m + self.speed_mps * instant * 1e-9
            where = Positions(instant, here, self.y_m, zero, self.speed_mps, zero)
            self.received.append(self.link.advance(instant, where))
            self.packets.append(self.link.finished())
            self.changes.append(self.link.handovers())
        return self

    def table(self) -> Packets:
        every = joined(self.packets)
        return every.take(np.lexsort((every.packet_id, every.ended_ns)))

    def handovers(self) -> Handovers:
        return Handovers._make(np.concatenate(column) for column in zip(*self.changes, strict=True))


def rows(packets: Packets) -> list[tuple[Any, ...]]:
    """All columns of each packet, to compare tables with."""
    return list(
        zip(*(np.asarray(column).tolist() for column in vars(packets).values()), strict=True)
    )


def stage_ms(packets: Packets, stage: Stage) -> Any:
    return packets.stage_ns[:, stage] / MS


# An empty cell, stage by stage


def test_an_unloaded_cell_takes_a_few_milliseconds() -> None:
    drive = Drive(road(), [80.0, 140.0])
    sent = np.arange(0, 10 * SECOND, 37_300_000)
    drive.link.send(0, 300, sent)
    drive.link.send(SERVER, 300, sent, to=1)
    drive.to(11 * SECOND)
    packets = drive.table()
    assert (packets.fate == Fate.DELIVERED).all()
    up, down = packets.take(packets.sender == 0), packets.take(packets.sender == SERVER)
    assert len(up) == len(down) == len(sent)

    # Up to 5 ms for the scheduling request, then 2.5 ms for the grant.
    waiting = stage_ms(up, Stage.UL_SCHEDULING)
    assert 2.5 <= waiting.min() < 3.0
    assert 7.0 < waiting.max() < 7.5
    # The uplink slot comes once in 2.5 ms, and decoding takes 10 symbols of 0.5 ms / 14.
    assert (stage_ms(up, Stage.UL_QUEUE) < 2.5).all()
    air = stage_ms(up, Stage.UL_AIR)
    assert np.unique(np.round((air - 0.5 * (1 + 10 / 14)) / 2.5, 5) % 1.0).tolist() == [0.0]
    # Down, one slot to make ready, the next slot boundary, and at most the uplink slot to wait for.
    assert (stage_ms(down, Stage.DL_QUEUE) >= 0.5).all()
    assert (stage_ms(down, Stage.DL_QUEUE) <= 1.5).all()
    assert np.allclose(stage_ms(down, Stage.DL_AIR), 0.5 * (1 + 10 / 14), atol=1e-5)
    for part in (up, down):
        assert (stage_ms(part, Stage.BACKHAUL) == 0.215).all()
        assert (stage_ms(part, Stage.CORE) >= 0.2).all()
        assert stage_ms(part, Stage.CORE).mean() == pytest.approx(0.2024, abs=0.0005)
        assert (stage_ms(part, Stage.INTERRUPTION) == 0.0).all()
    assert (stage_ms(up, Stage.SERVER) == 1.0).all()
    total_up = (up.ended_ns - up.sent_ns) / MS
    total_down = (down.ended_ns - down.sent_ns) / MS
    assert 7.0 < np.median(total_up) < 13.0
    assert 2.0 < np.median(total_down) < 4.0


def test_nothing_is_faster_than_the_least_latency() -> None:
    drive = Drive(road(scheduling={"grant_delay_ms": 0.0}), [80.0])
    sent = np.arange(0, 5 * SECOND, 3_013_007)
    drive.link.send(0, 50, sent)
    drive.link.send(SERVER, 50, sent, to=0)
    drive.to(6 * SECOND)
    took = drive.table().ended_ns - drive.table().sent_ns
    assert took.min() >= drive.link.least_latency_ns
    assert took.min() < drive.link.least_latency_ns + 0.3 * MS


@pytest.mark.parametrize(
    ("server", "backhaul_ms", "least_ms"),
    [("gnb", 0.0, 0.2), ("edge", 0.43, 0.2), ("region", 1.95, 0.2), ("cloud", 2.35, 0.5)],
)
def test_the_way_to_the_server_counts_both_ways(
    server: str, backhaul_ms: float, least_ms: float
) -> None:
    drive = Drive(road(core={"server": server}), [80.0, 140.0])
    drive.link.send(0, 300, np.arange(0, SECOND, 20 * MS), to=1)
    packets = drive.to(2 * SECOND).table()
    assert (packets.fate == Fate.DELIVERED).all()
    assert np.allclose(stage_ms(packets, Stage.BACKHAUL), backhaul_ms, atol=1e-9)
    assert (stage_ms(packets, Stage.CORE) >= 2 * least_ms).all()
    assert (packets.cell_up >= 0).all()
    assert (packets.cell_down >= 0).all()


# One fate for each packet, its stages to the nanosecond, however time is cut


def busy_drive(seed: int = 3) -> Drive:
    """Fast stations among full cells, some out of reach, one that turns up all packets' ends."""
    configuration = road(
        background={"prb_utilisation": 0.7},
        load=[
            {"cell": "east", "from_s": 0.31, "to_s": 0.9, "prb_utilisation": 1.4},
            {"cell": "west/1", "from_s": 0.5, "prb_utilisation": 0.1},
        ],
        handover={"time_to_trigger_ms": 40, "t310_ms": 100},
        scheduling={"discard_timer_ms": 60},
    )
    drive = Drive(
        configuration,
        [100.0, 280.0, 330.0, 800.0, 40_000.0],
        [0.0, 60.0, -55.0, 70.0, 0.0],
        seed=seed,
    )
    every = np.arange(0, 1800 * MS, 30 * MS)
    for station in range(5):
        drive.link.send(station, 300 + 400 * station, every + station * MS)
    drive.link.send(1, 250, every, to=AREA, radius_m=400.0)
    drive.link.send(0, 6000, every, to=3)
    drive.link.send(SERVER, 1200, every, to=2)
    return drive


WHOLE = busy_drive().to(2 * SECOND)


def test_the_busy_drive_sees_everything() -> None:
    fates = WHOLE.table().fate
    for fate in (Fate.DELIVERED, Fate.RADIO, Fate.NO_COVERAGE, Fate.EXPIRED):
        assert (fates == fate).any(), fate.name
    assert len(WHOLE.handovers().station) > 0
    stages = WHOLE.table().stage_ns
    assert (stages >= 0).all()
    assert (stages > 0).any(axis=0).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 2 * SECOND - 1), max_size=25))
def test_does_not_depend_on_how_time_is_cut(cuts: list[int]) -> None:
    drive = busy_drive().to(*sorted({*cuts, 2 * SECOND}))
    assert rows(drive.table()) == rows(WHOLE.table())
    for ours, theirs in zip(drive.handovers(), WHOLE.handovers(), strict=True):
        assert ours.tolist() == theirs.tolist()
    edges = [0, *sorted({*cuts, 2 * SECOND})]
    for received, (begin, end) in zip(drive.received, pairwise(edges), strict=True):
        assert ((received.received_ns > begin) & (received.received_ns <= end)).all()
        order = list(zip(received.received_ns, received.packet_id, strict=True))
        assert order == sorted(order)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 1990), min_size=1, max_size=6), st.data())
def test_each_packet_has_one_fate_and_its_stages_add_up(
    seed: int, cuts_ms: list[int], data: st.DataObject
) -> None:
    drive = busy_drive(seed % 7)
    leaving = data.draw(st.integers(0, 4))
    when = data.draw(st.sampled_from(sorted(set(cuts_ms))))
    for cut in sorted(set(cuts_ms)):
        drive.to(cut * MS)
        if cut == when:
            drive.link.detach(leaving)
    drive.to(2 * SECOND)
    ended, rest = drive.table(), drive.link.unfinished()
    assert (ended.fate != Fate.IN_FLIGHT).all()
    assert (rest.fate == Fate.IN_FLIGHT).all()
    ids = np.concatenate([ended.packet_id, rest.packet_id])
    assert len(np.unique(ids)) == len(ids)
    assert set(range(8 * 60)) == set(ids[ids < 1 << 40].tolist())
    for packets in (ended, rest):
        assert (packets.stage_ns >= 0).all()
        total = packets.stage_ns.sum(axis=1)
        assert total.tolist() == (packets.ended_ns - packets.sent_ns).tolist()
    delivered = ended.take(ended.fate == Fate.DELIVERED)
    received = np.concatenate([part.packet_id for part in drive.received])
    assert sorted(received.tolist()) == sorted(delivered.packet_id.tolist())


def test_the_same_seed_gives_the_same_and_another_does_not() -> None:
    assert rows(busy_drive(3).to(2 * SECOND).table()) == rows(WHOLE.table())
    assert rows(busy_drive(4).to(2 * SECOND).table()) != rows(WHOLE.table())


# Whose draws are whose


def loaded(**changes: Any) -> NetworkSettings:
    return road(background={"prb_utilisation": 0.3}, **changes)


def of_station(drive: Drive, name: str) -> list[tuple[Any, ...]]:
    packets = drive.table()
    mine = packets.take(packets.sender_key == np.uint64(network.draws.key_of(name)))
    return [row[2:] for row in rows(mine)]  # ids count all packets


def test_a_silent_station_changes_nothing_for_others() -> None:
    sent = np.arange(0, 2 * SECOND, 50 * MS)
    alone = Drive(loaded(), [250.0], [20.0])
    alone.link.send(0, 400, sent)
    together = Drive(loaded(), [250.0, 300.0], [20.0, 0.0])
    together.link.send(0, 400, sent)
    step = range(100 * MS, 3 * SECOND, 100 * MS)
    assert of_station(alone.to(*step), "car0") == of_station(together.to(*step), "car0")


def test_a_station_s_number_does_not_matter() -> None:
    sent = np.arange(0, 2 * SECOND, 50 * MS)
    first, second = (
        Drive(loaded(), [250.0, 250.0], [20.0, 20.0], names=names)
        for names in (["ego", "other"], ["other", "ego"])
    )
    first.link.send(0, 400, sent)
    second.link.send(1, 400, sent)

    def without_number(drive: Drive) -> list[tuple[Any, ...]]:
        return [row[1:] for row in of_station(drive, "ego")]

    assert without_number(first.to(3 * SECOND)) == without_number(second.to(3 * SECOND))


def test_other_packets_may_make_it_wait_but_not_draw_anew() -> None:
    sent = np.arange(0, 2 * SECOND, 50 * MS)
    alone, busy = Drive(loaded(), [250.0, 300.0]), Drive(loaded(), [250.0, 300.0])
    alone.link.send(0, 400, sent)
    busy.link.send(1, 5000, sent - sent % (100 * MS) + 3 * MS)
    busy.link.send(0, 400, np.arange(10 * MS, 2 * SECOND, 90 * MS))
    busy.link.send(0, 400, sent)
    mine = alone.to(3 * SECOND).table()
    others = busy.to(3 * SECOND).table()
    same = others.take(np.isin(others.sent_ns, sent) & (others.sender == 0))
    same = same.take(np.unique(same.sent_ns, return_index=True)[1])
    mine = mine.take(np.argsort(mine.sent_ns))
    for stage in (Stage.UL_SCHEDULING, Stage.CORE):
        assert mine.stage_ns[:, stage].tolist() == same.stage_ns[:, stage].tolist()
    assert mine.stage_ns[:, Stage.UL_QUEUE].tolist() != same.stage_ns[:, Stage.UL_QUEUE].tolist()


def test_a_cell_far_away_changes_nothing() -> None:
    far = {"id": "far", "x_m": 0.0, "y_m": 5e6}
    sent = np.arange(0, 2 * SECOND, 50 * MS)
    tables = []
    for cells in (SITES, [*SITES, far]):
        drive = Drive(loaded(cells=cells), [250.0], [20.0])
        drive.link.send(0, 400, sent)
        tables.append(rows(drive.to(3 * SECOND).table()))
    assert tables[0] == tables[1]


# Stations that come and go


def test_packets_of_a_station_that_leaves() -> None:
    drive = Drive(road(), [80.0, 140.0, 200.0])
    drive.link.send(0, 300, 0, kinds=1)  # has left the air by 30 ms
    drive.to(30 * MS)
    drive.link.send(0, 300, 30 * MS, kinds=2)  # still waits for its grant
    drive.link.send(1, 300, 30 * MS, to=0, kinds=3)
    drive.link.send(SERVER, 300, 30 * MS, to=0, kinds=4)
    drive.to(31 * MS)
    drive.link.detach(0)
    left = drive.link.finished()
    assert sorted(left.kind.tolist()) == [2, 3, 4]
    assert (left.fate == Fate.LEFT).all()
    assert (left.ended_ns == 31 * MS).all()
    assert (left.stage_ns.sum(axis=1) == MS).all()
    with pytest.raises(ValueError, match="station 0 is not attached"):
        drive.link.send(0, 300, 40 * MS)
    with pytest.raises(ValueError, match="not attached"):
        drive.link.detach(0)


def test_what_reached_the_base_station_is_still_relayed_around_where_the_sender_was() -> None:
    configuration = road(core={"server": "cloud"})
    drive = Drive(configuration, [80.0, 140.0, 1400.0])
    drive.link.send(0, 300, 0, to=AREA, radius_m=100.0)
    drive.to(15 * MS)
    drive.link.detach(0)
    # The number is taken again at once, by a station far away.
    drive.x_m[0] = 1390.0
    drive.link.attach(0, "new", 1.5, subscribed=True)
    packets = drive.to(SECOND).table()
    assert packets.receiver.tolist() == [SERVER, 1]
    assert (packets.fate == Fate.DELIVERED).all()
    assert (packets.sender_key == np.uint64(network.draws.key_of("car0"))).all()


def test_a_number_taken_again_is_another_station() -> None:
    sent = np.arange(SECOND, 2 * SECOND, 50 * MS)
    again = Drive(loaded(), [900.0], names=["old"])
    again.link.send(0, 400, np.arange(0, 900 * MS, 10 * MS))
    again.to(SECOND)
    again.link.detach(0)
    again.x_m[0] = 250.0
    again.link.attach(0, "new", 1.5, subscribed=True)
    again.link.send(0, 400, sent)
    fresh = Drive(loaded(), [900.0, 250.0], names=["old", "new"])
    fresh.link.detach(1)
    fresh.link.send(0, 400, np.arange(0, 900 * MS, 10 * MS))
    fresh.to(SECOND)
    fresh.link.attach(1, "new", 1.5, subscribed=True)
    fresh.link.send(1, 400, sent)

    def mine(drive: Drive) -> list[Any]:
        return [row[1:] for row in of_station(drive, "new")]

    assert mine(again.to(3 * SECOND)) == mine(fresh.to(3 * SECOND))


def test_many_stations_grow_the_tables() -> None:
    drive = Drive(road(), list(np.linspace(0.0, 600.0, 200)))
    drive.link.send(np.arange(200), 300, 0)
    drive.to(100 * MS)
    drive.link.attach(1000, "late", 1.5, subscribed=False)
    drive.x_m = np.concatenate([drive.x_m, np.full(801, 100.0)])
    drive.y_m = np.zeros(1001)
    drive.speed_mps = np.zeros(1001)
    drive.link.send(1000, 300, 100 * MS)
    packets = drive.to(SECOND).table()
    assert len(packets) == 201
    assert (drive.link.station_state().serving_cell[:200] >= 0).all()


# To an area


def test_an_area_is_everyone_subscribed_within_reach() -> None:
    drive = Drive(road(), [0.0, 90.0, 110.0, -50.0, 60.0], [0.0, 0.0, 0.0, 0.0, 0.0])
    drive.link.detach(4)
    drive.link.attach(4, "deaf", 1.5, subscribed=False)
    parent = int(drive.link.send(0, 300, 0, to=AREA, radius_m=100.0, kinds=7, references=99)[0])
    packets = drive.to(SECOND).table()
    assert sorted(packets.receiver.tolist()) == [SERVER, 1, 3]
    assert (packets.kind == 7).all()
    assert (packets.reference == 99).all()
    up = packets.take(packets.receiver == SERVER)
    copies = packets.take(packets.receiver != SERVER)
    assert up.packet_id.tolist() == [parent]
    assert up.parent_id.tolist() == [-1]
    assert (copies.parent_id == parent).all()
    assert (copies.sent_ns == 0).all()
    # A copy's way begins with its parent's, so its latency is from end to end.
    for stage in (Stage.UL_SCHEDULING, Stage.UL_QUEUE, Stage.UL_AIR, Stage.SERVER):
        assert (copies.stage_ns[:, stage] == up.stage_ns[0, stage]).all()
    assert (copies.ended_ns > up.ended_ns[0]).all()


def test_reach_counts_when_the_server_relays() -> None:
    # 100.2 m apart when sent; they close at 100 m/s and are within 100 m after 2 ms.
    drive = Drive(road(), [0.0, 100.2], [50.0, -50.0])
    drive.link.send(0, 300, 0, to=AREA, radius_m=100.0)
    assert sorted(drive.to(SECOND).table().receiver.tolist()) == [SERVER, 1]
    apart = Drive(road(), [0.0, 99.8], [-50.0, 50.0])
    apart.link.send(0, 300, 0, to=AREA, radius_m=100.0)
    assert apart.to(SECOND).table().receiver.tolist() == [SERVER]


# Load


def test_load_makes_packets_wait_and_only_while_it_lasts() -> None:
    configuration = road(
        load=[
            {"cell": s, "from_s": 2.0, "to_s": 6.0, "prb_utilisation": 0.9}
            for s in ("west", "east")
        ]
    )
    drive = Drive(configuration, [80.0])
    sent = np.arange(0, 9 * SECOND, 10 * MS)
    drive.link.send(0, 300, sent)
    packets = drive.to(10 * SECOND).table()
    wait = stage_ms(packets, Stage.UL_QUEUE)
    during = (packets.sent_ns > 2.5 * SECOND) & (packets.sent_ns < 6 * SECOND)
    outside = (packets.sent_ns < 1.9 * SECOND) | (packets.sent_ns > 7 * SECOND)
    assert wait[during].mean() > 20.0
    assert wait[outside].max() < 2.5


@pytest.mark.parametrize("utilisation", [1.0, 1.5])
def test_a_full_cell_loses_packets_by_the_discard_timer_and_recovers(utilisation: float) -> None:
    configuration = road(
        load=[
            {"cell": site, "to_s": 8.0, "prb_utilisation": utilisation} for site in ("west", "east")
        ],
        scheduling={"discard_timer_ms": 100},
    )
    drive = Drive(configuration, [80.0])
    drive.link.send(0, 300, np.arange(0, 10 * SECOND, 10 * MS))
    packets = drive.to(11 * SECOND).table()
    expired = packets.take(packets.fate == Fate.EXPIRED)
    assert len(expired) > (20 if utilisation == 1.0 else 200)
    assert (expired.ended_ns - expired.sent_ns == 100 * MS).all()
    assert (stage_ms(packets, Stage.UL_QUEUE) <= 100.0).all()
    assert (packets.fate[packets.sent_ns > 8.5 * SECOND] == Fate.DELIVERED).all()


# Handover, radio link failure, no coverage


def test_a_car_that_drives_from_site_to_site_is_handed_over() -> None:
    drive = Drive(road(), [50.0], [25.0])
    drive.link.send(0, 300, np.arange(0, 20 * SECOND, 5 * MS))
    drive.to(*range(100 * MS, 21 * SECOND, 100 * MS))
    changes, packets = drive.handovers(), drive.table()
    names = drive.link.cell_names
    assert len(changes.station) >= 1
    assert names[changes.from_cell[0]].startswith("west")
    assert names[changes.to_cell[-1]].startswith("east")
    assert (changes.cause == Cause.A3).all()
    # RRC 10, processing 20, margin 2, random access 6, and up to 10 and 20 ms of waiting.
    assert (changes.interruption_ns >= 38 * MS).all()
    assert (changes.interruption_ns <= 68 * MS).all()
    for begin, span in zip(changes.instant_ns, changes.interruption_ns, strict=True):
        ready = packets.sent_ns + packets.stage_ns[:, Stage.UL_SCHEDULING]
        amid = (ready > begin) & (ready < begin + span)
        assert amid.sum() >= 6
        assert (packets.stage_ns[amid, Stage.INTERRUPTION] == (begin + span - ready)[amid]).all()
    calm = packets.stage_ns[:, Stage.INTERRUPTION] == 0
    assert calm.mean() > 0.9
    assert (packets.fate == Fate.DELIVERED).mean() > 0.97


def test_packets_not_yet_served_move_on_to_the_new_cell() -> None:
    # The downlink queue of the old cell holds seconds of traffic when the handover comes.
    configuration = road(
        load=[{"cell": "west", "prb_utilisation": 0.97}], scheduling={"discard_timer_ms": 1000}
    )
    drive = Drive(configuration, [150.0], [25.0])
    drive.link.send(SERVER, 300, np.arange(0, 12 * SECOND, 5 * MS), to=0)
    drive.to(*range(100 * MS, 14 * SECOND, 100 * MS))
    packets, changes = drive.table(), drive.handovers()
    to_east = [
        c for c in range(len(changes.station)) if changes.to_cell[c] >= 3 > changes.from_cell[c]
    ]
    begin = changes.instant_ns[to_east[0]]
    end = begin + changes.interruption_ns[to_east[0]]
    reached = packets.sent_ns + 2 * MS  # the base station
    moved = (reached < begin) & (packets.stage_ns[:, Stage.INTERRUPTION] == end - begin)
    assert moved.sum() > 0
    assert (packets.cell_down[moved] >= 3).all()
    assert (packets.stage_ns[moved, Stage.DL_QUEUE] > 0).all()


def test_the_time_to_trigger_delays_the_handover() -> None:
    first = []
    for time_to_trigger in (0, 320, 1024):
        drive = Drive(
            road(handover={"time_to_trigger_ms": time_to_trigger}), [150.0], [20.0], seed=5
        )
        drive.to(*range(100 * MS, 20 * SECOND, 100 * MS))
        changes = drive.handovers()
        first.append(changes.instant_ns[changes.to_cell >= 3][0])
    assert first[0] < first[1] < first[2]


class Smooth:
    """Gains without shadowing and sectors: each site's three cells alike, by distance."""

    def path_gain_db(self, x_m: Floats, y_m: Floats, _height_m: Floats) -> Floats:
        masts = np.repeat([(site["x_m"], site["y_m"]) for site in SITES], 3, axis=0).astype(float)
        away_m = np.hypot(x_m[:, None] - masts[:, 0], y_m[:, None] - masts[:, 1])
        # A little apart, so that the first of a site's cells is its strongest.
        return np.asarray(-30.0 - 37.6 * np.log10(away_m) - np.tile([0.0, 30.0, 30.0], 2))


@pytest.mark.parametrize(("neighbour_load", "cause"), [(0.3, Cause.A3), (2.0, Cause.TOO_LATE)])
def test_a_busy_neighbour_drowns_the_late_command(neighbour_load: float, cause: Cause) -> None:
    # At 60 m/s the command comes far too late: the new cell is some 20 dB stronger by then.
    configuration = road(
        load=[{"cell": "east", "prb_utilisation": neighbour_load}],
        handover={"time_to_trigger_ms": 2560, "t310_ms": 4000},
    )
    drive = Drive(configuration, [50.0], [60.0])
    drive.link._reception.signals._channel = Smooth()  # type: ignore[attr-defined, assignment]
    changes = drive.to(*range(100 * MS, 14 * SECOND, 100 * MS)).handovers()
    assert changes.from_cell.tolist() == [0]
    assert changes.to_cell.tolist() == [3]
    assert changes.cause.tolist() == [cause]


def gains_of_sites(x_m: float) -> Floats:
    return Smooth().path_gain_db(np.array([x_m]), np.zeros(1), np.zeros(1))[0, [0, 3]]


def test_a_handover_without_shadowing_comes_when_the_filter_says() -> None:
    drive = Drive(road(), [50.0], [25.0])
    drive.link._reception.signals._channel = Smooth()  # type: ignore[attr-defined, assignment]
    changes = drive.to(*range(100 * MS, 20 * SECOND, 100 * MS)).handovers()
    assert changes.to_cell.tolist() == [3]
    # By hand: a measurement weighs 1 - 2^(-1/5) at 40 ms for k = 4, gains are worked out anew
    # after two metres, and five measurements span the time to trigger of 160 ms.
    x_m = 50.0
    heard = level = gains_of_sites(x_m)
    held = 0
    for instant in range(40 * MS, 20 * SECOND, 40 * MS):
        here = 50.0 + 25.0 * instant * 1e-9
        if here - x_m >= 2.0:
            x_m, heard = here, gains_of_sites(here)
        level = level + (1.0 - 2.0**-0.2) * (heard - level)
        held = held + 1 if level[1] - level[0] > 3.0 + 1.0 else 0
        if held == 5:
            break
    assert changes.instant_ns.tolist() == [instant + 20 * MS]


def test_out_of_coverage_and_back() -> None:
    one_site = road(cells=SITES[:1], handover={"t310_ms": 200})
    drive = Drive(one_site, [-12_000.0], [600.0])
    drive.link.send(0, 300, np.arange(0, 40 * SECOND, 20 * MS))
    drive.to(*range(100 * MS, 41 * SECOND, 100 * MS))
    packets, changes = drive.table(), drive.handovers()
    begin, end = changes.instant_ns[0], changes.instant_ns[0] + changes.interruption_ns[0]
    assert changes.cause[0] == Cause.REESTABLISHMENT
    assert changes.from_cell[0] == -1
    lost = packets.take(packets.fate == Fate.NO_COVERAGE)
    assert (lost.ended_ns - lost.sent_ns == 300 * MS).all()
    at_first = lost.sent_ns < 10 * SECOND
    assert (lost.stage_ns[at_first, Stage.INTERRUPTION] > 290 * MS).all()
    assert begin == 0
    # Until it found the cell; re-establishing there takes 150 ms, in which packets still expire.
    found = end - 150 * MS
    assert (packets.fate[packets.ended_ns < found] == Fate.NO_COVERAGE).all()
    amid = (packets.ended_ns > found) & (packets.ended_ns < end)
    assert (packets.fate[amid] == Fate.EXPIRED).all()
    assert (packets.fate == Fate.DELIVERED).sum() > 40
    # Past the mast it drives out again: the radio link fails, and the rest is lost.
    assert (packets.fate[packets.sent_ns > 35 * SECOND] == Fate.NO_COVERAGE).all()
    assert drive.link.station_state().serving_cell[0] == -1
    assert drive.link.station_state().interrupted_until_ns[0] == NEVER


def test_interference_follows_the_neighbours_load() -> None:
    sinr = []
    for load in (0.0, 0.5, 1.0):
        drive = Drive(road(load=[{"cell": "east", "prb_utilisation": load}]), [200.0])
        state = drive.to(*range(100 * MS, 4 * SECOND, 100 * MS)).link.station_state()
        assert drive.link.cell_names[state.serving_cell[0]].startswith("west")
        sinr.append(float(state.sinr_db[0]))
    assert sinr[0] > sinr[1] + 3.0 > sinr[2] + 3.0


def test_station_state_names_the_strongest_neighbour() -> None:
    state = Drive(road(), [50.0, 560.0]).to(SECOND).link.station_state()
    assert (state.rsrp_dbm[:2] > state.neighbour_rsrp_dbm[:2]).all()
    assert (state.serving_cell[:2] != state.neighbour_cell[:2]).all()
    assert (state.serving_cell[2:] == -1).all()
    assert np.isnan(state.sinr_db[2:]).all()


def test_station_state_is_that_of_now() -> None:
    drive = Drive(road(), [50.0, 560.0], [30.0, 0.0]).to(SECOND)
    before = drive.link.station_state()
    assert drive.link.station_state() is before
    after = drive.to(5 * SECOND).link.station_state()
    assert after.rsrp_dbm[0] != before.rsrp_dbm[0]
    drive.link.detach(0)
    assert drive.link.station_state().serving_cell[0] == -1


# Bad input


def test_bad_input_is_refused() -> None:
    drive = Drive(road(), [80.0, 100.0])
    link = drive.link
    for wrong, line in (
        (lambda: link.attach(0, "x", 1.5, subscribed=True), "station 0 is attached already"),
        (lambda: link.attach(-3, "x", 1.5, subscribed=True), "station -3 is negative"),
        (lambda: link.attach(5, "x", 0.0, subscribed=True), "expected more than 0"),
        (lambda: link.attach(5, "x", float("nan"), subscribed=True), "expected more than 0"),
        (lambda: link.send(7, 300, 0), "station 7 is not attached"),
        (lambda: link.send(0, 300, 0, to=9), "station 9 is not attached"),
        (lambda: link.send(0, 0, 0), "packet of 0 bytes"),
        (lambda: link.send(0, 300, -1), "expected now or later"),
        (lambda: link.send(0, 300, 0, to=0), "its own sender"),
        (lambda: link.send(SERVER, 300, 0), "expected a station"),
        (lambda: link.send(0, 300, 0, to=AREA), "radius_m above 0"),
        (lambda: link.send(0, 300, 0, to=AREA, radius_m=float("nan")), "radius_m above 0"),
        (lambda: drive.to(0), "expected a later instant"),
    ):
        with pytest.raises(ValueError, match=line):
            wrong()
    assert link.send(np.zeros(0, dtype=int), 300, 0).size == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_positions_that_are_no_numbers_are_refused(bad: float) -> None:
    drive = Drive(road(), [80.0, bad])
    with pytest.raises(ValueError, match=r"x_m of station 1 is (nan|inf); expected a finite"):
        drive.to(SECOND)
    drive.link.detach(1)
    drive.to(SECOND)  # nobody is there to care


def test_missing_positions_are_refused() -> None:
    drive = Drive(road(), [80.0, 90.0])
    drive.x_m = drive.x_m[:1]
    drive.speed_mps = drive.speed_mps[:1]
    with pytest.raises(ValueError, match="x_m has 1 rows; expected one for station 1 too"):
        drive.to(SECOND)


def test_areas_that_are_none_are_refused() -> None:
    for bounds in ((0.0, 0.0, float("nan"), 1.0), (1.0, 0.0, 0.0, 1.0)):
        with pytest.raises(ValueError, match="no area"):
            Link(NetworkSettings(), seed=1, bounds_m=bounds)


def test_a_point_is_area_enough() -> None:
    link = Link(NetworkSettings(), seed=1, bounds_m=(5.0, 5.0, 5.0, 5.0))
    assert link.cell_names == ("g0/0", "g0/1", "g0/2")


def test_the_example_of_the_package_runs() -> None:
    assert doctest.testmod(network).attempted > 5
    assert doctest.testmod(network).failed == 0
