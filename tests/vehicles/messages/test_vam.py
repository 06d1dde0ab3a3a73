from __future__ import annotations

import math

import pytest

from vehicles.messages import vam
from vehicles.messages.frame import Frame
from vehicles.messages.kinds import StationType
from vehicles.messages.vam import Vam

SECOND = 1_000_000_000
FRAME = Frame()
VAM = Vam(9, StationType.PEDESTRIAN, 12 * SECOND, 10.0, 20.0, 1.0, 1.34, 0.2)


def test_what_comes_out_is_what_went_in() -> None:
    heard = Vam.decode(VAM.encode(FRAME), FRAME, 13 * SECOND)
    assert (heard.station_id, heard.station_type) == (9, StationType.PEDESTRIAN)
    assert heard.generation_time_ns == 12 * SECOND
    assert (heard.x_m, heard.y_m) == pytest.approx((10.0, 20.0), abs=0.01)
    assert heard.heading_rad == pytest.approx(1.0, abs=math.radians(0.05))
    assert (heard.speed_mps, heard.acceleration_mps2) == (1.34, 0.2)
    assert (heard.length_m, heard.width_m) == (0.5, 0.5)


@pytest.mark.parametrize("station_type", [StationType.PEDESTRIAN, StationType.CYCLIST])
def test_sizes_that_aren_t_encoded_are_those_of_encoded_ones(station_type: StationType) -> None:
    sent = Vam(9, station_type, 0, 10.0, 20.0, 1.0, 1.34, 0.2)
    assert len(sent.encode(FRAME)) == vam.SIZE_BYTES
    slow = len(sent.encode(FRAME, low_frequency=True))
    assert slow == vam.SIZE_WITH_LOW_FREQUENCY_BYTES - (station_type is StationType.PEDESTRIAN)
