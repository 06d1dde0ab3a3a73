from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sumolib

from vehicles.georeference import Georeference

PROJECTION = "+proj=utm +zone=32 +ellps=WGS84 +datum=WGS84 +units=m +no_defs"
OFFSET_M = (-650_000.0, -5_000_000.0)
NET = f"""\
<net version="1.20">
  <location netOffset="{OFFSET_M[0]},{OFFSET_M[1]}" convBoundary="0,0,9000,9000"
    origBoundary="10,45,11,46" projParameter="{PROJECTION}"/>
</net>
"""


def test_it_is_where_sumo_s_own_library_has_it(tmp_path: Path) -> None:
    file = tmp_path / "a.net.xml"
    file.write_text(NET)
    net = sumolib.net.readNet(str(file))
    plane = Georeference(PROJECTION, OFFSET_M)
    points = np.array([[0.0, 0.0], [8000.0, 30.0], [-200.0, 4000.0]])
    latitude_deg, longitude_deg = plane.to_wgs84(*points.T)
    for row, point in enumerate(points.tolist()):
        theirs = net.convertXY2LonLat(*point)
        assert (longitude_deg[row], latitude_deg[row]) == pytest.approx(theirs, abs=1e-12)
        assert plane.to_wgs84(*point) == (latitude_deg[row], longitude_deg[row])
    back = np.stack(plane.to_plane(latitude_deg, longitude_deg), axis=1)
    assert back == pytest.approx(points, abs=1e-6)


def test_a_plane_around_a_place_touches_the_earth_there() -> None:
    plane = Georeference.around(48.0, 11.0)
    assert plane.to_plane(48.0, 11.0) == pytest.approx((0.0, 0.0), abs=1e-6)
    assert plane.convergence_deg == pytest.approx(0.0, abs=1e-9)
    # A degree of latitude at 48 N is 111.2 km on WGS 84.
    assert plane.to_plane(48.001, 11.0) == pytest.approx((0.0, 111.2), abs=0.1)


def test_the_projection_must_be_one() -> None:
    with pytest.raises(ValueError, match="not a projection: '\\+proj=nowhere'"):
        Georeference("+proj=nowhere")


def test_a_place_out_of_reach_is_infinite() -> None:
    x_m, _ = Georeference(PROJECTION).to_plane(np.array([48.0, 0.0]), np.array([11.0, 99.0]))
    assert np.isfinite(x_m).tolist() == [True, False]
