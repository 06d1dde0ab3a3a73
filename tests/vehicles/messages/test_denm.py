from __future__ import annotations

import math
from dataclasses import replace

import pytest

from vehicles.messages.den_service import DenService
from vehicles.messages.denm import EMERGENCY_BRAKE, CauseCode, Denm
from vehicles.messages.frame import Frame
from vehicles.messages.kinds import StationType
from vehicles.messages.ldm import LocalDynamicMap
from vehicles.messages.received import Received

MS = 1_000_000
SECOND = 1_000 * MS
FRAME = Frame()
DENM = Denm(
    station_id=42,
    sequence_number=3,
    station_type=StationType.HEAVY_TRUCK,
    detection_time_ns=30_000_400_000,
    generation_time_ns=30_100_400_000,
    x_m=1150.0,
    y_m=-1.6,
    cause=CauseCode.DANGEROUS_SITUATION,
    sub_cause=EMERGENCY_BRAKE,
    heading_rad=0.01,
    speed_mps=24.2,
    validity_s=2,
    interval_ms=100,
    relevance_m=500,
)


def heard(denm: Denm) -> Received[Denm]:
    return Received(1, denm, denm.generation_time_ns, denm.generation_time_ns + 20 * MS)


def test_what_comes_out_is_what_went_in() -> None:
    denm = Denm.decode(DENM.encode(FRAME), FRAME, 0)
    assert (denm.x_m, denm.y_m) == pytest.approx((1150.0, -1.6), abs=0.01)
    assert denm.heading_rad == pytest.approx(0.01, abs=math.radians(0.05))
    assert (denm.detection_time_ns, denm.generation_time_ns) == (30_000 * MS, 30_100 * MS)
    same = {"x_m": 0.0, "y_m": 0.0, "heading_rad": 0.0, "detection_time_ns": 0,
            "generation_time_ns": 0}  # fmt: skip
    assert replace(denm, **same) == replace(DENM, **same)


def test_a_cancellation_is_of_the_same_danger_and_says_no_more() -> None:
    over = Denm.decode(replace(DENM, terminated=True).encode(FRAME), FRAME, 0)
    assert over.terminated
    assert (over.station_id, over.sequence_number) == (42, 3)
    assert over.cause is CauseCode.UNKNOWN


def test_the_service_repeats_until_validity_ends() -> None:
    service = DenService()
    service.say(replace(DENM, detection_time_ns=0, generation_time_ns=0), 0)
    sent = [at for at in range(0, 3000, 50) if service.due(at * MS)]
    assert sent == list(range(0, 2000, 100))
    assert len(service) == 0


def test_an_update_takes_the_place_of_what_was_said() -> None:
    service = DenService()
    first = replace(DENM, detection_time_ns=0, generation_time_ns=0)
    service.say(first, 0)
    assert service.due(0) == [first]
    second = replace(first, detection_time_ns=50 * MS, generation_time_ns=50 * MS, speed_mps=20.0)
    service.say(second, 50 * MS)
    assert service.due(50 * MS) == [second]
    assert service.due(100 * MS) == []
    assert service.due(150 * MS) == [second]


def test_a_cancellation_is_repeated_too() -> None:
    service = DenService()
    service.say(replace(DENM, detection_time_ns=0, generation_time_ns=0), 0)
    service.cancel(DENM, SECOND)
    assert [denm.terminated for denm in service.due(SECOND)] == [True]
    assert len(service.due(SECOND + 100 * MS)) == 1
    assert service.due(3 * SECOND) == []


def test_what_is_cancelled_is_not_believed_even_if_it_comes_later() -> None:
    ldm = LocalDynamicMap()
    ldm.add(heard(DENM))
    assert list(ldm.denms) == [(42, 3)]
    over = replace(DENM, terminated=True, generation_time_ns=DENM.generation_time_ns + MS)
    ldm.add(heard(over))
    assert not ldm.denms
    ldm.add(heard(DENM))
    assert not ldm.denms
    # Another danger of the same finder's is another matter.
    ldm.add(heard(replace(DENM, sequence_number=4)))
    assert list(ldm.denms) == [(42, 4)]


def test_a_danger_holds_until_its_validity_ends() -> None:
    ldm = LocalDynamicMap()
    ldm.add(heard(DENM))
    ldm.forget(DENM.valid_until_ns - 1)
    assert ldm.denms
    ldm.forget(DENM.valid_until_ns)
    assert not ldm.denms
