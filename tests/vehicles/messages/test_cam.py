import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vehicles.messages.cam import CamSchedule

KEYS = np.array([11, 2**63 + 5, 77], dtype=np.uint64)
SECOND = 1_000_000_000


def instants(schedule: CamSchedule, from_ns: int, until_ns: int) -> list[tuple[int, int]]:
    sender, instant = schedule.between(KEYS, from_ns, until_ns)
    return list(zip(sender.tolist(), instant.tolist(), strict=True))


def test_each_sender_keeps_its_rate_from_its_own_phase() -> None:
    sent = instants(CamSchedule(10.0, seed=1), 0, SECOND)
    for sender in range(len(KEYS)):
        own = [instant for who, instant in sent if who == sender]
        assert len(own) == 10
        assert set(np.diff(own)) == {SECOND // 10}
    assert len({instant % (SECOND // 10) for _, instant in sent}) == len(KEYS)


@given(st.lists(st.integers(0, SECOND), max_size=8))
def test_messages_do_not_depend_on_how_time_is_cut(cuts: list[int]) -> None:
    whole = instants(CamSchedule(7.0, seed=2), 0, SECOND)
    schedule = CamSchedule(7.0, seed=2)
    edges = [0, *sorted(cuts), SECOND]
    parts = [instants(schedule, a, b) for a, b in itertools.pairwise(edges)]
    assert sorted(message for part in parts for message in part) == sorted(whole)


def test_a_new_sender_does_not_shift_the_others() -> None:
    schedule = CamSchedule(10.0, seed=1)
    alone, _ = schedule.between(KEYS[:1], 0, SECOND), None
    together = instants(schedule, 0, SECOND)
    assert alone[1].tolist() == [instant for who, instant in together if who == 0]
