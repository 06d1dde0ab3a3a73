"""Fast fading and the outer loop in the whole link."""

from __future__ import annotations

import numpy as np
import pytest

from network.packet import SERVER, Packets, Stage
from network.ran.fades import DOWN, UP, Fades
from network.settings import NetworkSettings
from tests.network.test_link import MS, SECOND, Drive, road, rows

FADING = road(radio={"fast_fading": True})


def driven(
    instants_ns: list[int], *, senders: int = 3, cars: int = 3, network: NetworkSettings = FADING
) -> Packets:
    drive = Drive(network, [-300.0, 40.0, 800.0][:cars], [20.0, -15.0, -30.0][:cars])
    sent = np.arange(0, 4 * SECOND, 50 * MS)
    for car in range(senders):
        drive.link.send(car, 400, sent + car * MS)
        drive.link.send(SERVER, 400, sent + car * MS, to=car)
    return drive.to(*instants_ns).table()


def test_the_caller_s_steps_change_nothing() -> None:
    coarse = driven([5 * SECOND])
    fine = driven([*range(37 * MS, 5 * SECOND, 37 * MS), 5 * SECOND])
    assert rows(coarse) == rows(fine)


def test_who_only_listens_changes_nothing() -> None:
    alone, together = (driven([5 * SECOND], senders=1, cars=cars) for cars in (1, 3))
    assert rows(alone) == rows(together)


def test_fading_costs_retransmissions() -> None:
    def again(packets: Packets) -> float:
        both = packets.stage_ns[:, [Stage.UL_RETRANSMISSION, Stage.DL_RETRANSMISSION]]
        return float(np.mean(both.sum(axis=1) > 0))

    assert again(driven([5 * SECOND])) > again(driven([5 * SECOND], network=road())) + 0.01


def fades_of(target: float = 0.1) -> Fades:
    settings = NetworkSettings.model_validate({"scheduling": {"target_bler": target}})
    return Fades(2, settings, np.array([3, 4], dtype=np.uint64), seed=1)


def learn(fades: Fades, station: int, times: int, *, through: bool, mcs: int = 10) -> None:
    one = np.ones(times, dtype=np.int64)
    fades.learn(DOWN, station * one, mcs * one, one, np.full(times, through))
    fades.adapt()


def test_a_loss_weighs_nine_receptions_at_ten_percent() -> None:
    fades = fades_of()
    learn(fades, 1, 1, through=False)
    assert fades.margin_db(np.array([0, 1]), DOWN) == pytest.approx([0.0, -0.45])
    assert fades.margin_db(np.array([1]), UP) == pytest.approx([0.0])
    learn(fades, 1, 9, through=True)
    assert fades.margin_db(np.array([1]), DOWN) == pytest.approx([0.0], abs=1e-9)


def test_the_ends_of_the_table_teach_nothing_and_margins_end() -> None:
    fades = fades_of()
    learn(fades, 0, 50, through=True, mcs=27)
    learn(fades, 0, 50, through=False, mcs=0)
    assert fades.margin_db(np.array([0]), DOWN) == pytest.approx([0.0])
    learn(fades, 0, 1000, through=False)
    assert fades.margin_db(np.array([0]), DOWN) == pytest.approx([-10.0])
    fades.reset(0)
    assert fades.margin_db(np.array([0]), DOWN) == pytest.approx([0.0])
