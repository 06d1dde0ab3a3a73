"""The road ahead, read from a real SUMO on a small net.

W === M --- P --- E        W-M has two lanes: the right one turns to S, the left one goes on.
      |     |              M has a light; at P, whoever comes from Q gives way.
      S     Q
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.traffic.files import sumo_binary
from cosim.traffic.road import RoadReader
from vehicles.driving.base import RoadAhead

libsumo = pytest.importorskip("libsumo")

NODES = """<nodes>
    <node id="W" x="0" y="0"/> <node id="M" x="200" y="0" type="traffic_light"/>
    <node id="S" x="200" y="-100"/> <node id="P" x="300" y="0" type="priority"/>
    <node id="Q" x="300" y="-100"/> <node id="E" x="400" y="0"/>
</nodes>"""
EDGES = """<edges>
    <edge id="WM" from="W" to="M" numLanes="2" speed="13.9" priority="5"/>
    <edge id="MS" from="M" to="S" speed="13.9"/>
    <edge id="MP" from="M" to="P" speed="8" priority="5"/>
    <edge id="QP" from="Q" to="P" speed="13.9" priority="1"/>
    <edge id="PE" from="P" to="E" speed="13.9" priority="5"/>
</edges>"""
CONNECTIONS = """<connections>
    <connection from="WM" to="MS" fromLane="0" toLane="0"/>
    <connection from="WM" to="MP" fromLane="1" toLane="0"/>
</connections>"""
# Green for 10 s, yellow for 5 s, red for the rest, for both links.
LIGHT = """<additional>
    <tlLogic id="M" type="static" programID="test" offset="0">
        <phase duration="10" state="GG"/> <phase duration="5" state="yy"/>
        <phase duration="100" state="rr"/>
    </tlLogic>
</additional>"""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("net")
    for name, text in (("nod", NODES), ("edg", EDGES), ("con", CONNECTIONS)):
        (folder / f"{name}.xml").write_text(text)
    (folder / "light.add.xml").write_text(LIGHT)
    subprocess.run(
        [
            str(Path(sumo_binary()).with_name("netconvert")),
            *("-n", folder / "nod.xml", "-e", folder / "edg.xml", "-x", folder / "con.xml"),
            *("-o", folder / "net.xml"),
        ],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def sumo(net: Path) -> Iterator[Any]:
    libsumo.start(
        [
            *("sumo", "-n", str(net / "net.xml"), "-a", str(net / "light.add.xml")),
            *("--step-length", "0.1", "--no-step-log", "--no-warnings"),
        ]
    )
    yield libsumo
    libsumo.close()


def put(sumo: Any, name: str, edges: list[str], lane: int, position_m: float) -> None:
    """A vehicle that stands where it is put."""
    sumo.route.add(name, edges)
    sumo.vehicle.add(
        name, name, depart="now", departLane=str(lane), departPos=f"{position_m}", departSpeed="0"
    )
    sumo.simulationStep()
    sumo.vehicle.setSpeed(name, 0.0)


def step(sumo: Any, seconds: float) -> None:
    for _ in range(round(seconds * 10)):
        sumo.simulationStep()


def ahead(sumo: Any, name: str = "ego") -> RoadAhead:
    road = RoadReader(sumo).ahead(name)
    assert road is not None
    return road


def test_path_follows_the_route_with_its_limits(sumo: Any) -> None:
    put(sumo, "ego", ["WM", "MP", "PE"], 1, 100.0)
    road = ahead(sumo)
    assert road.path_xy_m[0, 0] == pytest.approx(0.0)
    assert road.path_xy_m[-1, 0] == pytest.approx(400.0)
    assert np.hypot(*np.diff(road.path_xy_m, axis=0).T).sum() == pytest.approx(
        road.path_s_m[-1] - road.path_s_m[0]
    )
    limit = dict(zip(road.path_xy_m[:, 0].round(), road.speed_limit_mps, strict=True))
    assert limit[0.0] == pytest.approx(13.9)
    assert road.speed_limit_mps.min() == pytest.approx(8.0)
    here = road.seen_from(98.0, road.path_xy_m[0, 1] + 0.5)
    assert here.ego_s_m == pytest.approx(98.0)
    assert here.ego_left_m == pytest.approx(0.5)


def test_green_yellow_red(sumo: Any) -> None:
    put(sumo, "ego", ["WM", "MP", "PE"], 1, 100.0)
    line = sumo.lane.getLength("WM_1")
    assert ahead(sumo).stop_s_m == np.inf
    step(sumo, 11.0)
    yellow = ahead(sumo)
    assert yellow.stop_s_m == pytest.approx(line, abs=0.1)
    assert yellow.stop_if_comfortable
    step(sumo, 5.0)
    red = ahead(sumo)
    assert red.stop_s_m == pytest.approx(line, abs=0.1)
    assert not red.stop_if_comfortable


def test_only_the_end_of_the_route_has_no_line(sumo: Any) -> None:
    put(sumo, "ego", ["WM", "MP"], 1, 100.0)
    put(sumo, "stuck", ["WM", "MP"], 0, 100.0)
    assert ahead(sumo).stop_s_m == np.inf
    # Lane 0 doesn't lead to MP: it ends at the junction.
    stuck = ahead(sumo, "stuck")
    assert stuck.stop_s_m == pytest.approx(sumo.lane.getLength("WM_0") - 2.0, abs=0.1)


def test_a_lane_that_does_not_lead_on_names_the_one_that_does(sumo: Any) -> None:
    put(sumo, "ego", ["WM", "MP", "PE"], 0, 100.0)
    road = ahead(sumo).seen_from(98.0, sumo.vehicle.getPosition("ego")[1])
    assert road.ego_left_m == pytest.approx(0.0, abs=1e-6)
    assert road.change is not None
    assert road.change.change is None
    assert road.change.ego_left_m == pytest.approx(-3.2)
    assert road.change.path_xy_m[-1, 0] == pytest.approx(400.0)
    put(sumo, "right", ["WM", "MP", "PE"], 1, 50.0)
    assert ahead(sumo, "right").change is None


def test_the_minor_road_waits_while_somebody_comes(sumo: Any) -> None:
    put(sumo, "ego", ["QP", "PE"], 0, 85.0)
    free = ahead(sumo)
    assert free.stop_s_m == np.inf
    line = sumo.lane.getLength("QP_0")
    assert free.yield_s_m.shape == (1, 2)
    assert free.yield_s_m[0, 0] == pytest.approx(line, abs=0.1)
    sumo.route.add("main", ["MP", "PE"])
    sumo.vehicle.add("first", "main", depart="now", departPos="60", departSpeed="8")
    step(sumo, 2.0)
    assert ahead(sumo).stop_s_m == pytest.approx(line, abs=0.1)
    assert ahead(sumo, "first").stop_s_m == np.inf
    assert ahead(sumo, "first").yield_s_m.shape == (0, 2)
    step(sumo, 5.0)
    assert ahead(sumo).stop_s_m == np.inf


def test_the_way_goes_on_through_a_junction_and_stays_under_the_rear(sumo: Any) -> None:
    sumo.route.add("ego", ["WM", "MP", "PE"])
    sumo.vehicle.add("ego", "ego", depart="now", departLane="1", departPos="170", departSpeed="8")
    reader = RoadReader(sumo)
    lanes = []
    for _ in range(60):
        sumo.simulationStep()
        road = reader.ahead("ego")
        assert road is not None
        lanes.append(sumo.vehicle.getLaneID("ego"))
        x, y = sumo.vehicle.getPosition("ego")
        # Front and rear are both on the path.
        for behind_m in (0.0, 5.0):
            s, left = road.along(np.array([x - behind_m]), np.array([y]))
            assert abs(left[0]) < 2.0
            assert s[0] >= 0.0
    assert any(lane.startswith(":M") for lane in lanes)
    assert lanes[-1] == "MP_0"


def test_off_the_road(sumo: Any) -> None:
    put(sumo, "ego", ["WM", "MP"], 1, 100.0)
    reader = RoadReader(sumo)
    assert reader.ahead("ego") is not None
    reader.forget("ego")
    sumo.vehicle.remove("ego")
    sumo.simulationStep()
    sumo.route.add("late", ["WM"])
    sumo.vehicle.add("late", "late", depart="100")
    sumo.simulationStep()
    assert reader.ahead("late") is None
