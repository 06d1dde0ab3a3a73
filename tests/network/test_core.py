"""The way to the server and back, by placement or in one's own figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from network.core import PLACEMENTS, Tail
from network.packet import SERVER, Stage
from network.settings import CoreSettings
from tests.network.test_link import MS, SECOND, Drive, road, stage_ms


def drive(**core: Any) -> Drive:
    one = Drive(road(core=core), [80.0])
    one.link.send(0, 300, np.arange(0, 20 * SECOND, 10 * MS))
    one.link.send(SERVER, 300, np.arange(0, 20 * SECOND, 10 * MS), to=0)
    return one.to(21 * SECOND)


def test_one_s_own_figures_are_the_whole_way() -> None:
    packets = drive(server={"delay_ms": 4.0, "jitter_ms": 2.0}).table()
    core = stage_ms(packets, Stage.CORE)
    assert core.min() == pytest.approx(4.0, abs=0.01)
    assert core.mean() == pytest.approx(6.0, abs=0.15)
    assert not stage_ms(packets, Stage.BACKHAUL).any()


def test_the_server_s_time_spreads_and_only_upwards() -> None:
    one = drive(server_ms={"mean_ms": 5.0, "spread_ms": 2.0})
    packets = one.table()
    up = stage_ms(packets.take(packets.sender == 0), Stage.SERVER)
    assert up.mean() == pytest.approx(5.0, abs=0.2)
    assert up.std() == pytest.approx(2.0, abs=0.2)
    assert not stage_ms(packets.take(packets.sender == SERVER), Stage.SERVER).any()
    took = packets.ended_ns - packets.sent_ns
    assert took.min() >= one.link.least_latency_ns


def test_a_spread_moves_nothing_but_the_server_s_time() -> None:
    times = (1.0, {"mean_ms": 1.0, "spread_ms": 1.0})
    plain, spread = (drive(server_ms=time).table() for time in times)
    for stage in (Stage.UL_SCHEDULING, Stage.UL_AIR, Stage.BACKHAUL, Stage.CORE):
        before, after = (
            part.take(np.lexsort((part.sent_ns, part.sender))).stage_ns[:, stage]
            for part in (plain, spread)
        )
        assert before.tolist() == after.tolist()


def test_farther_is_longer() -> None:
    means = [
        place.backhaul_ms + place.core.ms(np.random.default_rng(1).exponential(size=1000)).mean()
        for place in (PLACEMENTS[name] for name in ("gnb", "edge", "region", "cloud"))
    ]
    assert means == sorted(means)


def test_figures_that_no_tail_has() -> None:
    with pytest.raises(ValueError, match=r"no tail has mean 1.0, p90 29.9"):
        Tail.through(1.0, 29.9, 99.2)


@pytest.mark.parametrize(
    ("block", "line"),
    [
        ({"server": "moon"}, "server"),
        ({"server": {"delay_ms": -1.0}}, "delay_ms"),
        ({"server_ms": -1.0}, "server_ms"),
        ({"server_ms": {"mean_ms": 0.0, "spread_ms": 1.0}}, "mean_ms"),
    ],
)
def test_what_is_wrong_is_named(block: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        CoreSettings.model_validate(block)
