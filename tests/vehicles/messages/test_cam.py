from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vehicles.messages import cam
from vehicles.messages.cam import Cam
from vehicles.messages.frame import Frame
from vehicles.messages.kinds import StationType
from vehicles.messages.path_history import MOST_POINTS, PathPoint

MS = 1_000_000
FRAME = Frame()
CAM = Cam(
    station_id=4_294_967_295,
    station_type=StationType.PASSENGER_CAR,
    generation_time_ns=12_345_678_901,
    x_m=812.34,
    y_m=-57.8,
    heading_rad=2.5,
    speed_mps=13.89,
    acceleration_mps2=-7.94,
    yaw_rate_radps=0.123,
    length_m=4.51,
    width_m=1.82,
)


WAY = (PathPoint(700.0, -20.0, 5_000_000_000),)


def round_trip(message: Cam, received_ns: int = 12_400_000_000) -> Cam:
    return Cam.decode(message.encode(FRAME), FRAME, received_ns)


def test_what_comes_out_is_what_went_in_as_far_as_the_codec_can_say_it() -> None:
    heard = round_trip(CAM)
    assert heard.station_id == CAM.station_id
    assert heard.station_type is StationType.PASSENGER_CAR
    assert heard.generation_time_ns == 12_345 * MS
    # 0.1 microdegree is 1.1 cm, and half a length of 5 cm too much moves the centre by as much.
    assert math.hypot(heard.x_m - CAM.x_m, heard.y_m - CAM.y_m) < 0.03
    assert heard.heading_rad == pytest.approx(CAM.heading_rad, abs=math.radians(0.05))
    assert heard.speed_mps == pytest.approx(CAM.speed_mps, abs=0.005)
    assert heard.acceleration_mps2 == pytest.approx(-7.9)
    assert heard.yaw_rate_radps == pytest.approx(CAM.yaw_rate_radps, abs=math.radians(0.005))
    assert (heard.length_m, heard.width_m) == (4.5, 1.8)


def test_the_way_comes_along_where_it_is_asked_for() -> None:
    way = (PathPoint(800.0, -50.0, 12_000 * MS), PathPoint(650.5, 31.2, None))
    heard = round_trip(replace(CAM, path=way)).path
    assert heard is not None
    for told, true in zip(heard, way, strict=True):
        assert (told.x_m, told.y_m) == pytest.approx((true.x_m, true.y_m), abs=0.02)
    # 10 ms, and what generation times are rounded by.
    assert heard[0].passed_ns == pytest.approx(12_000 * MS, abs=11 * MS)
    assert heard[1].passed_ns is None
    assert round_trip(CAM).path is None


def test_sizes_that_aren_t_encoded_are_those_of_encoded_ones() -> None:
    assert len(CAM.encode(FRAME)) == cam.SIZE_BYTES
    for points in range(MOST_POINTS + 1):
        slow = replace(CAM, path=WAY * points)
        assert len(slow.encode(FRAME)) == cam.size_with_low_frequency_bytes(np.array(points))


@given(
    x_m=st.floats(-2e4, 2e4),
    y_m=st.floats(-2e4, 2e4),
    heading_rad=st.floats(-10.0, 10.0),
    speed_mps=st.floats(-400.0, 400.0),
    acceleration_mps2=st.floats(-1e3, 1e3),
    yaw_rate_radps=st.floats(-1e3, 1e3),
    length_m=st.floats(0.0, 500.0),
    width_m=st.floats(0.0, 50.0),
    path=st.none()
    | st.lists(
        st.builds(PathPoint, *[st.floats(-2e4, 2e4)] * 2, st.integers(-(10**12), 0)), max_size=23
    ).map(tuple),
)
@settings(max_examples=60, deadline=None)
def test_every_vehicle_can_be_told_of_in_the_same_number_of_bytes(
    path: tuple[PathPoint, ...] | None, **values: float
) -> None:
    message = Cam(1, StationType.PASSENGER_CAR, 0, **values, path=path)
    encoded = message.encode(FRAME)
    if path is None:
        assert len(encoded) == cam.SIZE_BYTES
    else:
        assert len(encoded) == cam.size_with_low_frequency_bytes(np.array(len(path)))
    heard = Cam.decode(encoded, FRAME, 0)
    assert abs(heard.speed_mps) == pytest.approx(min(abs(values["speed_mps"]), 163.82), abs=0.006)
    assert abs(heard.acceleration_mps2) <= 16.0


@pytest.mark.parametrize("behind_ms", [0, 1, 999, 65_535])
def test_the_time_is_told_apart_within_65_seconds(behind_ms: int) -> None:
    heard = round_trip(CAM, (12_345 + behind_ms) * MS)
    assert heard.generation_time_ns == 12_345 * MS


def test_another_process_reads_the_same_from_the_bytes() -> None:
    # Without anything of this project in it; numbers by hand from the units of TS 102 894-2.
    program = """
import sys
from pycrate_asn1dir.ITS_CAM_2 import CAM_PDU_Descriptions
pdu = CAM_PDU_Descriptions.CAM
pdu.from_uper(bytes.fromhex(sys.argv[1]))
value = pdu.get_val()
moving = value["cam"]["camParameters"]["highFrequencyContainer"][1]
place = value["cam"]["camParameters"]["basicContainer"]["referencePosition"]
print(value["header"]["stationID"], value["cam"]["generationDeltaTime"], place["latitude"],
      moving["heading"]["headingValue"], moving["speed"]["speedValue"],
      moving["longitudinalAcceleration"]["longitudinalAccelerationValue"],
      moving["vehicleLength"]["vehicleLengthValue"], moving["vehicleWidth"])
"""
    eastward = Cam(7, StationType.PASSENGER_CAR, 0, -2.25, 0.0, 0.0, 20.0, -4.0, 0.0, 4.5, 1.8)
    done = subprocess.run(
        [sys.executable, "-c", program, eastward.encode(FRAME).hex()],
        capture_output=True,
        text=True,
        check=True,
    )
    # 2026-01-01 00:00:00 UTC is 694 310 405 000 ms after 2004-01-01, leap seconds included.
    delta = 694_310_405_000 % 65_536
    assert done.stdout.split() == [
        "7", str(delta), "500000000", "900", "2000", "-40", "45", "18"
    ]  # fmt: skip
