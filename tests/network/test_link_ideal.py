from __future__ import annotations

import numpy as np
import pytest

from network import AREA, SERVER, Fate, IdealLink, Link, NetworkSettings, Positions, open_link

MS = 1_000_000


def at(instant_ns: int, x_m: list[float], vx_mps: list[float] | None = None) -> Positions:
    zero = np.zeros(len(x_m))
    speed = zero if vx_mps is None else np.array(vx_mps)
    return Positions(instant_ns, np.array(x_m), zero, zero, speed, zero)


def ideal(stations: int = 3) -> IdealLink:
    link = IdealLink()
    for station in range(stations):
        link.attach(station, f"car{station}", 1.5, subscribed=True)
    return link


def test_settings_choose_the_model() -> None:
    area = (0.0, 0.0, 10.0, 10.0)
    assert isinstance(open_link(NetworkSettings(model="ideal"), seed=1, bounds_m=area), IdealLink)
    assert isinstance(open_link(NetworkSettings(), seed=1, bounds_m=area), Link)


def test_everything_arrives_at_once() -> None:
    link = ideal()
    link.advance(10 * MS, at(0, [0.0, 1.0, 2.0]))
    link.send([0, 1, SERVER], 300, [10 * MS, 12 * MS, 14 * MS], to=[SERVER, 2, 0])
    link.send(2, 300, 99 * MS)
    received = link.advance(20 * MS, at(0, [0.0, 1.0, 2.0]))
    assert received.received_ns.tolist() == [10 * MS, 12 * MS, 14 * MS]
    assert received.receiver.tolist() == [SERVER, 2, 0]
    packets = link.finished()
    assert (packets.fate == Fate.DELIVERED).all()
    assert (packets.ended_ns == packets.sent_ns).all()
    assert (packets.stage_ns == 0).all()
    assert link.unfinished().sent_ns.tolist() == [99 * MS]
    assert link.least_latency_ns == 0


def test_an_area_is_where_stations_are_when_it_is_sent() -> None:
    link = ideal()
    # Station 1 is at 101 m when the packet is sent and at 99 m when positions were taken.
    link.send(0, 300, 20 * MS, to=AREA, radius_m=100.0)
    received = link.advance(50 * MS, at(50 * MS, [0.0, 99.0, -99.0], [0.0, -70.0, 0.0]))
    assert received.receiver.tolist() == [SERVER, 2]
    assert set(received.parent_id.tolist()) == {-1, 0}


def test_there_are_no_cells() -> None:
    link = ideal()
    link.advance(MS, at(0, [0.0, 1.0, 2.0]))
    state = link.station_state()
    assert (state.serving_cell == -1).all()
    assert (state.interrupted_until_ns <= link.now_ns).all()
    assert link.handovers().station.size == 0
    assert link.cell_names == ()


def test_a_station_that_left_gets_nothing() -> None:
    link = ideal()
    link.send([0, 1], 300, 5 * MS, to=[1, 2])
    link.detach(1)
    assert link.finished().fate.tolist() == [Fate.LEFT, Fate.LEFT]
    assert link.advance(10 * MS, at(0, [0.0, 1.0, 2.0])).receiver.size == 0


def test_bad_positions_are_refused_alike() -> None:
    with pytest.raises(ValueError, match="x_m of station 1 is nan"):
        ideal().advance(MS, at(0, [0.0, float("nan"), 1.0]))
