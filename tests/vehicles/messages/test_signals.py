from __future__ import annotations

from dataclasses import replace

import pytest

from vehicles.georeference import Georeference
from vehicles.messages.frame import Frame
from vehicles.messages.mapem import Connection, Mapem, MapLane
from vehicles.messages.spatem import Movement, SignalEvent, SignalState, Spatem

SECOND = 1_000_000_000
# A net in UTM, whose y axis isn't north.
FRAME = Frame(Georeference("+proj=utm +zone=32 +ellps=WGS84 +datum=WGS84", (-650_000.0, -5e6)))
MAPEM = Mapem(
    station_id=5,
    generation_time_ns=12 * SECOND,
    intersection_id=77,
    x_m=100.0,
    y_m=200.0,
    lane_width_m=3.2,
    lanes=(
        MapLane(
            1, True, ((100.0, 190.0), (100.0, 100.0), (90.0, -50.0)), (Connection(2, 1),)
        ),
        MapLane(2, False, ((100.0, 210.0), (260.0, 420.0))),
    ),
)  # fmt: skip
SPATEM = Spatem(
    station_id=5,
    generation_time_ns=3_590 * SECOND,
    intersection_id=77,
    movements=(
        Movement(
            1,
            (
                SignalEvent(SignalState.PROTECTED_GREEN, None, 3_595 * SECOND, None, None),
                # Over the full hour.
                SignalEvent(
                    SignalState.PROTECTED_CLEARANCE, 3_599 * SECOND, 3_602 * SECOND,
                    3_605 * SECOND, 3_603 * SECOND,
                ),
            ),
        ),
        Movement(2, (SignalEvent(SignalState.STOP_AND_REMAIN, None, 3_600 * SECOND, None, None),)),
    ),
)  # fmt: skip


def test_what_lights_show_comes_out_as_it_went_in() -> None:
    assert Spatem.decode(SPATEM.encode(FRAME), FRAME, 0) == SPATEM


def test_times_are_said_to_a_tenth_of_a_second() -> None:
    event = SignalEvent(SignalState.CAUTION, None, 10_057_000_000, None, None)
    sent = replace(SPATEM, generation_time_ns=9 * SECOND, movements=(Movement(1, (event,)),))
    heard = Spatem.decode(sent.encode(FRAME), FRAME, 0)
    assert heard.movements[0].events[0].min_end_ns == 10_000_000_000


def test_a_map_comes_out_within_two_centimetres() -> None:
    heard = Mapem.decode(MAPEM.encode(FRAME), FRAME, 12 * SECOND)
    assert (heard.x_m, heard.y_m) == pytest.approx((100.0, 200.0), abs=0.01)
    assert heard.lane_width_m == 3.2
    for lane, told in zip(heard.lanes, MAPEM.lanes, strict=True):
        assert (lane.lane_id, lane.ingress) == (told.lane_id, told.ingress)
        assert lane.connections == told.connections
        for point, told_point in zip(lane.points_m, told.points_m, strict=True):
            assert point == pytest.approx(told_point, abs=0.02)


def test_points_too_far_apart_can_t_be_said() -> None:
    far = MapLane(3, True, ((100.0, 190.0), (100.0, -300.0)))
    with pytest.raises(ValueError, match="apart"):
        replace(MAPEM, lanes=(far,)).encode(FRAME)
