from __future__ import annotations

import numpy as np
import pytest

from vehicles.messages.generation import CAM_RULES, VAM_RULES, Generation, GenerationRules, at_rate
from vehicles.state import Kind, RoadUsers

MS = 1_000_000
STEP_NS = 100 * MS


def sent_ms(
    rules: GenerationRules, duration_ms: int, *, speed_mps: float = 0.0,
    acceleration_mps2: float = 0.0, turn_radps: float = 0.0, step_ns: int = STEP_NS,
) -> list[int]:  # fmt: skip
    """Instants of one station's messages, from its first on."""
    users = RoadUsers()
    slot = users.enter("car", Kind.CAR, 4.5, 1.8, 1.5)
    slots, keys = np.array([slot]), np.array([7], dtype=np.uint64)
    generation = Generation(rules, 1000 * MS, 1, "test")
    instants: list[int] = []
    for now_ns in range(0, (duration_ms + 200) * MS, step_ns):
        now_s = now_ns * 1e-9
        users.stamp_ns[slot] = now_ns
        users.heading_rad[slot] = turn_radps * now_s
        users.speed_mps[slot] = speed_mps + acceleration_mps2 * now_s
        users.acceleration_mps2[slot] = acceleration_mps2
        users.x_m[slot] = speed_mps * now_s + 0.5 * acceleration_mps2 * now_s**2
        due = generation.between(users, slots, keys, now_ns, now_ns + step_ns)
        instants.extend(due.instant_ns.tolist())
    first = instants[0]
    assert first < rules.check_ns
    return [(at - first) // MS for at in instants if (at - first) // MS < duration_ms]


def test_who_stands_sends_every_second() -> None:
    assert sent_ms(CAM_RULES, 4000) == [0, 1000, 2000, 3000]
    assert sent_ms(VAM_RULES, 11_000) == [0, 5000, 10_000]


@pytest.mark.parametrize(
    ("motion", "period_ms"),
    [
        # 4 m at 13.9 m/s take 288 ms, and it looks every 100 ms.
        ({"speed_mps": 13.9}, 300),
        ({"speed_mps": 45.0}, 100),
        # 0.5 m/s at 3 m/s2 take 167 ms.
        ({"acceleration_mps2": 3.0}, 200),
        # 4 degrees at 0.25 rad/s take 279 ms.
        ({"turn_radps": 0.25}, 300),
        # 4 m at 3 m/s would take 1.3 s.
        ({"speed_mps": 3.0}, 1000),
    ],
    ids=["way", "fast", "speed", "heading", "slow"],
)
def test_the_rules_by_hand(motion: dict[str, float], period_ms: int) -> None:
    assert sent_ms(CAM_RULES, 3000, **motion) == list(range(0, 3000, period_ms))


def test_turning_past_south_is_no_turn_of_360_degrees() -> None:
    users = RoadUsers()
    slot = users.enter("car", Kind.CAR, 4.5, 1.8, 1.5)
    generation = Generation(CAM_RULES, 1000 * MS, 1, "test")
    counted = 0
    for now_ns in range(0, 950 * MS, STEP_NS):
        users.heading_rad[slot] = (np.pi - 0.01) * (-1) ** (now_ns // STEP_NS)
        keys = np.array([7], dtype=np.uint64)
        due = generation.between(users, np.array([slot]), keys, now_ns, now_ns + STEP_NS)
        counted += len(due.slots)
    assert counted == 1


def test_three_messages_keep_the_interval_of_the_last_that_moved() -> None:
    users = RoadUsers()
    slot = users.enter("car", Kind.CAR, 4.5, 1.8, 1.5)
    slots, keys = np.array([slot]), np.array([7], dtype=np.uint64)
    generation = Generation(CAM_RULES, 1000 * MS, 1, "test")
    instants: list[int] = []
    for now_ns in range(0, 5000 * MS, STEP_NS):
        # A jump of 10 m after 0.2 s, and then it stands.
        users.x_m[slot] = 10.0 if now_ns >= 200 * MS else 0.0
        due = generation.between(users, slots, keys, now_ns, now_ns + STEP_NS)
        instants.extend(due.instant_ns.tolist())
    assert (np.diff(instants) // MS).tolist() == [*[200] * 4, *[1000] * 4]


@pytest.mark.parametrize("rate_hz", [1.0, 4.0, 10.0])
def test_a_fixed_rate_takes_no_notice_of_what_a_car_does(rate_hz: float) -> None:
    period_ms = round(1000 / rate_hz)
    assert sent_ms(at_rate(rate_hz), 3000, speed_mps=40.0) == list(range(0, 3000, period_ms))


@pytest.mark.parametrize("step_ms", [50, 100, 1000])
def test_how_often_it_is_asked_makes_no_difference(step_ms: int) -> None:
    expected = sent_ms(CAM_RULES, 3000, speed_mps=9.0)
    assert sent_ms(CAM_RULES, 3000, speed_mps=9.0, step_ns=step_ms * MS) == expected


def test_thousands_at_their_own_phases_and_a_slot_s_new_owner_begins_anew() -> None:
    users = RoadUsers()
    slots = np.array([users.enter(str(n), Kind.CAR, 4.5, 1.8, 1.5) for n in range(2000)])
    keys = np.arange(1, 2001, dtype=np.uint64)
    generation = Generation(CAM_RULES, 1000 * MS, 1, "test")
    due = generation.between(users, slots, keys, 0, STEP_NS)
    assert len(due.slots) == 2000
    assert (np.diff(due.instant_ns) >= 0).all()
    assert np.histogram(due.instant_ns, 10, (0, STEP_NS))[0].min() > 150
    assert due.low_frequency.all()
    assert due.certificate.all()
    assert len(generation.between(users, slots, keys, STEP_NS, 2 * STEP_NS).slots) == 0
    keys[5] = 99_999
    new = generation.between(users, slots, keys, 2 * STEP_NS, 3 * STEP_NS)
    assert new.slots.tolist() == [slots[5]]


def test_slow_containers_and_certificates_go_along_at_their_own_pace() -> None:
    users = RoadUsers()
    slot = users.enter("car", Kind.CAR, 4.5, 1.8, 1.5)
    slots, keys = np.array([slot]), np.array([7], dtype=np.uint64)
    generation = Generation(at_rate(10.0), 1000 * MS, 1, "test")
    due = generation.between(users, slots, keys, 0, 3000 * MS)
    assert len(due.slots) == 30
    assert np.flatnonzero(due.low_frequency).tolist() == [0, 5, 10, 15, 20, 25]
    assert np.flatnonzero(due.certificate).tolist() == [0, 10, 20]
