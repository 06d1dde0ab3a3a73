"""5QIs, slices and grants on the link: same invariants, and who goes ahead of whom."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from network.five_qi import FIVE_QI, discard_after_ns
from network.packet import AREA, SERVER, Fate, Stage
from network.ran.frame import Frame
from network.ran.qos import Admission, QosQueues
from network.ran.turns import Job
from network.settings import NetworkSettings, SliceSettings
from tests.network.test_link import MS, SECOND, Drive, road, rows

QOS = {"cam": 3, "warning": 83}


def busy_drive(**changes: Any) -> Drive:
    """Fast stations among full cells, with flows of all sorts."""
    configuration = road(
        background={"prb_utilisation": 0.7},
        load=[{"cell": "east", "from_s": 0.31, "to_s": 0.9, "prb_utilisation": 1.4}],
        handover={"time_to_trigger_ms": 40, "t310_ms": 100},
        scheduling={
            "discard_timer_ms": 60,
            "harq_max_transmissions": 2,
            "guaranteed_prb_share": 0.02,
            "configured_grant_period_ms": {83: 4},
        },
        **{"qos": QOS, **changes},
    )
    drive = Drive(configuration, [100.0, 280.0, 330.0, 800.0], [0.0, 60.0, -55.0, 70.0], seed=3)
    every = np.arange(0, 1400 * MS, 30 * MS)
    for station, five_qi in enumerate((9, 3, 83, 79)):
        drive.link.send(station, 300 + 400 * station, every + station * MS, five_qi=five_qi)
    drive.link.send(1, 250, every, to=AREA, radius_m=400.0, five_qi=83)
    drive.link.send(0, 6000, every, to=3, five_qi=[9, 4] * (len(every) // 2) + [9] * 1)
    drive.link.send(SERVER, 1200, every, to=2)
    return drive


SLICES = [
    {"name": "cars", "min_prb_share": 0.2, "five_qi": [3, 83]},
    {"name": "rest", "max_prb_share": 0.9, "five_qi": [9]},
]
WHOLE = {name: busy_drive(**more).to(2 * SECOND) for name, more in
         {"qos": {}, "slices": {"slices": SLICES}}.items()}  # fmt: skip


def test_the_busy_drive_sees_everything() -> None:
    table = WHOLE["qos"].table()
    for fate in (Fate.DELIVERED, Fate.RADIO, Fate.EXPIRED):
        assert (table.fate == fate).any(), fate.name
    assert len(WHOLE["qos"].handovers().station) > 0
    assert WHOLE["qos"].link.cell_state().gbr_refused.sum() > 0
    assert rows(table) != rows(WHOLE["slices"].table())


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["qos", "slices"]), st.lists(st.integers(1, 2 * SECOND - 1), max_size=25))
def test_does_not_depend_on_how_time_is_cut(name: str, cuts: list[int]) -> None:
    drive = busy_drive(**({"slices": SLICES} if name == "slices" else {}))
    drive.to(*sorted({*cuts, 2 * SECOND}))
    assert rows(drive.table()) == rows(WHOLE[name].table())


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 1990), min_size=1, max_size=6), st.data())
def test_each_packet_has_one_fate_and_its_stages_add_up(
    cuts_ms: list[int], data: st.DataObject
) -> None:
    drive = busy_drive()
    leaving = data.draw(st.integers(0, 3))
    when = data.draw(st.sampled_from(sorted(set(cuts_ms))))
    for cut in sorted(set(cuts_ms)):
        drive.to(cut * MS)
        if cut == when:
            drive.link.detach(leaving)
    drive.to(1995 * MS)
    rest = drive.link.unfinished()
    for packets in (drive.table(), rest):
        assert (packets.stage_ns >= 0).all()
        total = packets.stage_ns.sum(axis=1)
        assert total.tolist() == (packets.ended_ns - packets.sent_ns).tolist()
    ids = np.concatenate([drive.table().packet_id, rest.packet_id])
    assert len(np.unique(ids)) == len(ids)
    assert set(range(7 * 47)) == set(ids[ids < 1 << 40].tolist())


def test_without_qos_5qis_change_nothing() -> None:
    def drive(five_qi: int) -> Drive:
        one = Drive(road(background={"prb_utilisation": 0.6}), [100.0, 300.0])
        one.link.send(0, 300, np.arange(0, SECOND, 10 * MS), to=1, five_qi=five_qi)
        return one.to(2 * SECOND)

    assert rows(drive(83).table()) == rows(drive(9).table())


@pytest.mark.parametrize(("five_qi", "most_ms"), [(83, 12.0), (3, 12.0), (79, 12.0)])
def test_a_packet_above_best_effort_does_not_wait_in_a_full_cell(
    five_qi: int, most_ms: float
) -> None:
    drive = Drive(road(background={"prb_utilisation": 0.95}, qos=QOS), [100.0, 300.0])
    drive.link.send(0, 300, np.arange(0, 5 * SECOND, 25 * MS), to=1, five_qi=five_qi)
    drive.to(6 * SECOND)
    table = drive.table()
    waits = table.stage_ns[:, [Stage.UL_QUEUE, Stage.DL_QUEUE]].max(axis=1) / MS
    assert waits[table.fate == Fate.DELIVERED].max() < 3.1  # to the next slot there is
    assert (table.fate == Fate.DELIVERED).mean() > 0.95
    plain = Drive(road(background={"prb_utilisation": 0.95}), [100.0, 300.0])
    plain.link.send(0, 300, np.arange(0, 5 * SECOND, 25 * MS), to=1)
    assert np.median(plain.to(6 * SECOND).table().stage_ns.sum(axis=1)) > most_ms * MS


def test_only_a_slice_holds_back_others_of_a_level_above() -> None:
    def waits_ms(**changes: Any) -> float:
        full = {"prb_utilisation": 1.2, "five_qi": 67}
        drive = Drive(road(background=full, **changes), [100.0, 300.0])
        drive.link.send(0, 300, np.arange(0, 3 * SECOND, 25 * MS), to=1, five_qi=3)
        table = drive.to(4 * SECOND).table()
        return (
            float(np.median(table.stage_ns[:, [Stage.UL_QUEUE, Stage.DL_QUEUE]].max(axis=1))) / MS
        )

    # Without 5QIs of its own the scenario's cells go by priority all the same.
    assert waits_ms() > 50.0
    assert waits_ms(qos=QOS) > 50.0
    assert waits_ms(slices=[{"name": "cars", "min_prb_share": 0.2, "five_qi": [3]}]) < 4.0


def test_a_delay_critical_packet_lives_as_long_as_its_budget() -> None:
    five_qi = np.array([83, 83, 85, 9, 3])
    size = np.array([1354, 1355, 200, 200, 200])
    expected = [10 * MS, 300 * MS, 5 * MS, 300 * MS, 300 * MS]
    assert discard_after_ns(five_qi, size, 300 * MS).tolist() == expected
    assert discard_after_ns(five_qi[:1], size[:1], 4 * MS).tolist() == [4 * MS]


def test_guaranteed_flows_are_let_in_until_the_cell_is_full() -> None:
    admission = Admission(2, 0.5)
    assert [admission.admit(0, key, 3, 0.2, 0) for key in range(4)] == [True, True, False, False]
    assert not admission.admit(0, 2, 3, 0.2, SECOND)  # another packet of it, counted once
    assert admission.refused.tolist() == [2, 0]
    assert admission.admit(1, 0, 3, 0.2, 2 * SECOND)  # one has changed its cell
    assert admission.admit(0, 2, 3, 0.2, 2 * SECOND)
    assert admission.admit(0, 1, 3, 0.2, 9 * SECOND)
    assert not admission.admit(0, 3, 3, 0.2, 12 * SECOND)
    assert admission.admit(0, 3, 3, 0.2, 13 * SECOND)  # the silent one has lost its place


PRBS = 10


def queues(*slices: SliceSettings, prbs: int = PRBS) -> QosQueues:
    frame = Frame("D", "D", slot_ns=MS, prbs=prbs, special_downlink_symbols=0)
    return QosQueues(1, frame, slices)


def slots_of(
    own: QosQueues, *jobs: tuple[int, int, int], limit_ms: int = 10**6, prbs: int = PRBS
) -> list[Any]:
    """Return (first, last) slots of jobs (5QI, slot, work), None where one was dropped."""
    for number, (five_qi, slot, work) in enumerate(jobs):
        blocks = slot * prbs, limit_ms * prbs
        own.add(0, five_qi, Job(number, work, *blocks, slot * MS, limit_ms * MS))
    own.run(1000 * MS, 0)
    ended = {job.packet_id: (job, through) for job, through in own.take_ended()}
    return [
        (ended[n][0].first // prbs, ended[n][0].last // prbs) if ended[n][1] else None
        for n in range(len(jobs))
    ]


def test_priority_takes_over_from_slot_to_slot() -> None:
    assert slots_of(queues(), (3, 0, 25), (83, 1, 10), (3, 1, 5)) == [(0, 3), (1, 1), (3, 3)]


def test_who_shares_gets_even_parts() -> None:
    # 10 blocks for three: 3 each, and the odd one goes round.
    assert slots_of(queues(), (9, 0, 6), (9, 0, 6), (9, 0, 12)) == [(0, 1), (0, 1), (0, 2)]


def test_who_is_served_in_turn_is_dropped_unless_begun_and_who_shares_unless_through() -> None:
    assert slots_of(queues(), (3, 0, 35), (3, 0, 5), limit_ms=2) == [(0, 3), None]
    assert slots_of(queues(), (9, 0, 35), (9, 0, 5), limit_ms=2) == [None, (0, 0)]


def test_what_is_withdrawn_takes_no_blocks() -> None:
    own = queues()
    own.add(0, 3, Job(7, 100, 0, 1000 * PRBS, 0, SECOND))
    own.run(2 * MS, 0)
    own.withdraw([7, 8])
    assert slots_of(own, (3, 2, 10)) == [(2, 2)]
    assert own.used.tolist() == [30]


def test_a_slice_gets_its_part_of_slots_too_small_to_divide() -> None:
    rest = SliceSettings(name="rest", min_prb_share=0.25, five_qi=(9,))
    assert slots_of(queues(rest, prbs=1), (83, 0, 100), (9, 0, 2), prbs=1) == [(0, 101), (3, 7)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([3, 9, 83]), st.integers(0, 60), st.integers(1, 90), st.integers(1, 40)
        ),
        max_size=12,
    )
)
def test_many_slots_at_once_are_as_one_by_one(rows: list[tuple[int, int, int, int]]) -> None:
    def outcome(at_once: bool) -> list[Any]:
        frame = Frame("DDSUU", "D", slot_ns=MS, prbs=10, special_downlink_symbols=7)
        own = QosQueues(1, frame, ())
        if not at_once:
            own._only_levels_count = lambda _: False  # type: ignore[method-assign]
        for number, (five_qi, slot, work, patience) in enumerate(sorted(rows, key=lambda r: r[1])):
            blocks = frame.blocks_of(slot)[0], frame.blocks_of(slot + patience)[0]
            limit_ns = (slot + patience) * MS - 3
            own.add(0, five_qi, Job(number, work, *blocks, slot * MS, limit_ns))
        own.run(1000 * MS, 0)
        return [
            sorted((j.packet_id, j.first, j.last, t) for j, t in own.take_ended()),
            own.used.tolist(),
        ]

    assert outcome(at_once=True) == outcome(at_once=False)


def test_load_of_cells() -> None:
    drive = Drive(road(background={"prb_utilisation": 1.5}), [100.0])
    load = drive.to(2 * SECOND).link.cell_state()
    assert load.downlink_utilisation == pytest.approx(1.0)
    assert load.uplink_utilisation == pytest.approx(1.0)
    by_qos = Drive(road(background={"prb_utilisation": 1.5}, qos=QOS), [100.0])
    assert by_qos.to(2 * SECOND).link.cell_state().downlink_utilisation == pytest.approx(1.0)
    with pytest.raises(ValueError, match="5QI 10; expected one of 1, 2, 3"):
        drive.link.send(0, 300, 2 * SECOND, five_qi=10)


@pytest.mark.parametrize(
    ("block", "line"),
    [
        ({"qos": {"cam": 10}}, "qos.cam"),
        ({"slices": [SLICES[0], {**SLICES[1], "five_qi": [3]}]}, "5QI 3 is in slices twice"),
        ({"slices": [{**SLICES[0], "min_prb_share": 0.6},
                     {**SLICES[1], "min_prb_share": 0.6}]}, "guaranteed 1.2 in all"),
        ({"slices": [{**SLICES[0], "max_prb_share": 0.1}]}, "above max_prb_share"),
        ({"scheduling": {"configured_grant_period_ms": {83: 0}}}, "configured_grant_period_ms"),
    ],
)  # fmt: skip
def test_bad_settings(block: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        NetworkSettings.model_validate(block)


def test_settings_know_every_5qi() -> None:
    for number in FIVE_QI:
        assert NetworkSettings.model_validate({"qos": {"cam": number}}).qos["cam"] == number
