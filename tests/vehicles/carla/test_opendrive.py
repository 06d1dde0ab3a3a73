"""The OpenDRIVE reader against CARLA's own, and its traffic lights, limits and spawn points."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vehicles.carla.opendrive import GeoReference, OpenDriveMap
from vehicles.carla.roads import opendrive_of_net

SCENARIOS = Path(__file__).parents[3] / "scenarios"


def road(geometry: str, length: float, *, lanes: str = "", more: str = "", number: int = 1) -> str:
    lanes = lanes or "".join(
        f'<lane id="-{i}" type="driving">'
        f'<width sOffset="0" a="{3 + 0.5 * i}" b="0.01" c="0" d="0"/>'
        f'<speed sOffset="0" max="{30 * i}" unit="km/h"/></lane>'
        for i in (1, 2)
    )
    return (
        f'<road id="{number}" length="{length}" junction="-1"><planView>{geometry}</planView>'
        '<elevationProfile><elevation s="0" a="1" b="0.02" c="0" d="0"/></elevationProfile>'
        '<lanes><laneOffset s="0" a="0.5" b="0" c="0" d="0"/><laneSection s="0">'
        '<left><lane id="1" type="driving"><width sOffset="0" a="3" b="0" c="0" d="0"/></lane>'
        "</left>"
        f'<center><lane id="0" type="none"/></center><right>{lanes}</right>'
        f"</laneSection></lanes>{more}</road>"
    )


def piece(shape: str, length: float, *, s: float = 0.0) -> str:
    return f'<geometry s="{s}" x="10" y="20" hdg="0.7" length="{length}">{shape}</geometry>'


def whole(*roads: str, header: str = "") -> str:
    top = f'<header revMajor="1" revMinor="4">{header}</header>'
    return f"<OpenDRIVE>{top}{''.join(roads)}</OpenDRIVE>"


SHAPES = {
    "line": ("<line/>", 60.0),
    "arc": ('<arc curvature="0.02"/>', 80.0),
    "spiral": ('<spiral curvStart="0.001" curvEnd="0.03"/>', 70.0),
    "paramPoly3": (
        '<paramPoly3 aU="0" bU="50" cU="2" dU="-3" aV="0" bV="0" cV="12" dV="-4"'
        ' pRange="normalized"/>',
        50.2,
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_lanes_lie_where_carla_s_own_library_has_them(shape: str, tmp_path: Path) -> None:
    pytest.importorskip("carla", reason="the client's wheel is for Linux on x86-64")
    form, length = SHAPES[shape]
    text = whole(road(piece(form, length), length))
    (tmp_path / "map.xodr").write_text(text)
    # In a process of its own: the library writes warnings and may end it.
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import carla, json, pathlib, sys\n"
            "road_map = carla.Map('m', pathlib.Path(sys.argv[1]).read_text())\n"
            "points = [w.transform for w in road_map.generate_waypoints(1.0)]\n"
            "print(json.dumps([[t.location.x, t.location.y, t.location.z, t.rotation.yaw]"
            " for t in points]))",
            tmp_path / "map.xodr",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    theirs = np.array(json.loads(told.splitlines()[-1]))
    road_map = OpenDriveMap(text)
    index, apart_m = road_map.nearest(theirs[:, 0], theirs[:, 1])
    assert len(theirs) > 100
    # Points are a metre apart: theirs lie between ours.
    p = road_map.points
    ahead = np.radians(p.yaw_deg[index])
    across_m = (theirs[:, 0] - p.x_m[index]) * -np.sin(ahead) + (
        theirs[:, 1] - p.y_m[index]
    ) * np.cos(ahead)
    assert apart_m.max() < 0.6
    assert np.abs(across_m).max() < 0.02
    assert np.abs(p.z_m[index] - theirs[:, 2]).max() < 0.02
    turned = (p.yaw_deg[index] - theirs[:, 3] + 180.0) % 360.0 - 180.0
    assert np.abs(turned).max() < 1.5


def test_limits_are_the_lanes_own_and_spawn_points_keep_off_the_ends() -> None:
    road_map = OpenDriveMap(whole(road(piece("<line/>", 100.0), 100.0)))
    assert sorted({round(limit * 3.6) for limit in road_map.points.limit_mps}) == [30, 50, 60]
    along = [
        (pose.x_m - 10.0) * np.cos(0.7) + (-pose.y_m - 20.0) * np.sin(0.7)
        for pose in road_map.spawn_points()
    ]
    assert len(along) == 3 * 4
    assert min(along) >= 8.0
    assert max(along) <= 92.0


def test_a_dynamic_signal_holds_the_lanes_that_it_names_before_its_line() -> None:
    signal = (
        '<signals><signal id="A_0" s="100" t="-2" zOffset="5" orientation="+" dynamic="yes"'
        ' type="1000001"><validity fromLane="-2" toLane="-2"/></signal></signals>'
    )
    controller = '<controller id="A"><control signalId="A_0"/></controller>'
    text = whole(road(piece("<line/>", 100.0), 100.0, more=signal))
    road_map = OpenDriveMap(text.replace("</OpenDRIVE>", f"{controller}</OpenDRIVE>"))
    (light,) = road_map.lights
    assert (light.sign_id, light.group, light.approach) == ("A_0", "A", "1")
    assert light.pose.z_m == pytest.approx(1.0 + 0.02 * 100.0 + 5.0)
    p = road_map.points
    held = p.light == 0
    # Lane -2 is half of 3.5 m and 4 m beside the reference line (offset 0.5 m), growing along s.
    assert {round(limit * 3.6) for limit in p.limit_mps[held]} == {60}
    along = (p.x_m[held] - 10.0) * np.cos(0.7) + (-p.y_m[held] - 20.0) * np.sin(0.7)
    across = -(p.x_m[held] - 10.0) * np.sin(0.7) + (-p.y_m[held] - 20.0) * np.cos(0.7)
    assert 86.0 < along.min() < 90.0
    assert along.max() == pytest.approx(100.0)
    assert across.mean() == pytest.approx(0.5 - 3.5 - 0.94 - 2.0 - 0.47, abs=0.1)


def test_the_georeference_is_read_or_the_client_s_default() -> None:
    told = "<geoReference>+proj=tmerc +lat_0=41.5 +lon_0=-2.25 +units=m</geoReference>"
    a_road = road(piece("<line/>", 50.0), 50.0)
    assert OpenDriveMap(whole(a_road, header=told)).geo_reference == GeoReference(41.5, -2.25)
    assert OpenDriveMap(whole(a_road)).geo_reference == GeoReference(42.0, 2.0)


def test_a_sumo_net_keeps_its_signals_and_limits() -> None:
    road_map = OpenDriveMap(opendrive_of_net(SCENARIOS / "city_grid" / "city_grid.net.xml"))
    signals = {light.sign_id for light in road_map.lights}
    assert {"B1_12", "B1_13"} <= signals
    assert all(light.sign_id.rpartition("_")[0] == light.group for light in road_map.lights)
    assert 13.89 in np.round(road_map.points.limit_mps, 2)
    held = np.unique(road_map.points.light)
    assert len(held) > len(road_map.lights) / 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("not xml", "not OpenDRIVE"),
        ("<net/>", "its root is <net>"),
        (whole(), "no driving lane"),
    ],
)
def test_what_is_no_map_is_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        OpenDriveMap(text)
