from __future__ import annotations

import math

import pytest

from vehicles.georeference import Georeference
from vehicles.messages.frame import Frame, Wgs84

# As netconvert writes it for a net in UTM zone 32, west of the zone's middle.
PROJECTION = "+proj=utm +zone=32 +ellps=WGS84 +datum=WGS84 +units=m +no_defs"
UTM = Frame(Georeference(PROJECTION, (-650_000.0, -5e6)))


@pytest.mark.parametrize("frame", [Frame(), UTM], ids=["local", "utm"])
def test_there_and_back_within_a_centimetre(frame: Frame) -> None:
    for point in ((0.0, 0.0), (3000.0, -1200.0), (-5000.0, 8000.0)):
        assert frame.to_plane(frame.to_wgs84(*point)) == pytest.approx(point, abs=0.008)


def test_a_metre_is_a_metre_where_a_net_has_no_georeference() -> None:
    frame = Frame()
    assert frame.to_wgs84(0.0, 0.0) == Wgs84(500_000_000, 100_000_000)
    # A degree of latitude at 50 N is 111.2 km on WGS 84.
    north = frame.to_wgs84(0.0, 1112.29)
    assert north.latitude - 500_000_000 == pytest.approx(100_000, abs=5)


def test_headings_are_from_true_north() -> None:
    assert Frame().to_bearing_deg(math.pi / 2) == pytest.approx(0.0, abs=1e-9)
    assert Frame().to_bearing_deg(0.0) == pytest.approx(90.0)
    # Along the net's own y axis the true bearing is what two places on it say.
    south, north = UTM.to_wgs84(0.0, 0.0), UTM.to_wgs84(0.0, 1000.0)
    east = (north.longitude - south.longitude) * math.cos(math.radians(south.latitude / 1e7))
    expected = math.degrees(math.atan2(east, north.latitude - south.latitude)) % 360.0
    assert UTM.to_bearing_deg(math.pi / 2) == pytest.approx(expected, abs=0.05)
    assert abs(expected) > 0.5
    assert UTM.to_heading_rad(UTM.to_bearing_deg(1.0)) == pytest.approx(1.0)


def test_a_place_that_can_t_be_shown() -> None:
    with pytest.raises(ValueError, match="projection"):
        UTM.to_plane(Wgs84(0, 990_000_000))
