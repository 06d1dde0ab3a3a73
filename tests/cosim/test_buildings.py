"""Buildings from SUMO's polygons and from GeoJSON, and that a run is told of them."""

import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import libsumo
import pytest

from cosim.federate import BadInput
from cosim.shipped import find_scenario
from cosim.traffic.buildings import Building, read_buildings, sight_past
from cosim.traffic.files import sumo_binary
from tests.runs import run_scenario

CITY = find_scenario("city_grid").parent / "city_grid"
PLAIN_NET = CITY / "city_grid.net.xml"
# Around the Brandenburg Gate.
WEST, SOUTH, EAST, NORTH = 13.370, 52.514, 13.382, 52.519


def ring(x_min: float, y_min: float, x_max: float, y_max: float) -> list[list[float]]:
    return [[x_min, y_min], [x_max, y_min], [x_max, y_max], [x_min, y_max], [x_min, y_min]]


def house(*corners: float, **properties: Any) -> dict[str, Any]:
    geometry = {"type": "Polygon", "coordinates": [ring(*corners)]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def write(file: Path, *features: dict[str, Any], **more: Any) -> Path:
    file.write_text(json.dumps({"type": "FeatureCollection", **more, "features": features}))
    return file


def read(file: Path, net: Path = PLAIN_NET) -> list[Building]:
    return read_buildings(net, [], [file])


@pytest.fixture(scope="module")
def berlin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A net of one street with a georeference."""
    folder = tmp_path_factory.mktemp("berlin")
    (folder / "n.nod.xml").write_text(
        f'<nodes><node id="a" x="{WEST}" y="{SOUTH}"/><node id="b" x="{EAST}" y="{NORTH}"/></nodes>'
    )
    (folder / "e.edg.xml").write_text('<edges><edge id="ab" from="a" to="b"/></edges>')
    net = folder / "berlin.net.xml"
    netconvert = Path(sumo_binary()).with_name("netconvert")
    subprocess.run(
        [netconvert, "-n", "n.nod.xml", "-e", "e.edg.xml", "--proj.utm", "-o", net],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return net


def test_sumo_polygons_of_a_building_type_with_their_heights(tmp_path: Path) -> None:
    polygons = tmp_path / "p.add.xml"
    polygons.write_text(
        '<additional><poly id="a" type="building.house" shape="0,0 10,0 10,10 0,10"/>'
        '<poly id="b" type="water" shape="0,0 1,0 1,1"/>'
        '<poly id="c" type="building" shape="20,0 30,0 30,5 20,5">'
        '<param key="building:levels" value="4"/></poly></additional>'
    )
    found = read_buildings(PLAIN_NET, [polygons], [])
    assert [(building.outline.area, building.height_m) for building in found] == [
        (100, 15),
        (50, 12),
    ]


@pytest.mark.parametrize(
    ("told", "height_m"),
    [
        ({}, 15),
        ({"height": 8.5}, 8.5),
        ({"height": "21 m"}, 21),
        ({"building:levels": "2"}, 6),
        ({"height": "tall", "building:levels": 5}, 15),
        ({"height": None}, 15),
    ],
)
def test_heights_are_those_of_openstreetmap(
    tmp_path: Path, told: dict[str, Any], height_m: float
) -> None:
    (building,) = read(write(tmp_path / "one.geojson", house(0, 0, 9, 9, **told)))
    assert building.height_m == height_m


def test_degrees_go_to_the_nets_plane_as_sumo_takes_them(berlin: Path, tmp_path: Path) -> None:
    (building,) = read(
        write(tmp_path / "gate.geojson", house(13.377, 52.516, 13.378, 52.517)), berlin
    )
    libsumo.start(["sumo", "-n", str(berlin), "--no-step-log"])
    try:
        theirs = [
            libsumo.simulation.convertGeo(x, y, True)
            for x, y in ring(13.377, 52.516, 13.378, 52.517)
        ]
    finally:
        libsumo.close()
    ours = list(building.outline.exterior.coords)
    assert [c for p in ours for c in p] == pytest.approx([c for p in theirs for c in p], abs=0.01)


def test_a_file_may_name_its_crs_or_none(berlin: Path, tmp_path: Path) -> None:
    degrees = write(tmp_path / "a.geojson", house(13.377, 52.516, 13.378, 52.517))
    (wanted,) = read(degrees, berlin)
    offset = ET.parse(berlin).getroot().find("location").get("netOffset", "").split(",")
    utm = [c - float(offset[n % 2]) for n, c in enumerate(wanted.outline.bounds)]
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}
    in_utm = write(tmp_path / "b.geojson", house(*utm), crs=named)
    in_metres = write(tmp_path / "c.geojson", house(*wanted.outline.bounds), crs=None)
    for file in (in_utm, in_metres):
        (building,) = read(file, berlin)
        assert building.outline.bounds == pytest.approx(wanted.outline.bounds, abs=0.01)


def test_parts_are_buildings_and_other_shapes_are_left_out(tmp_path: Path) -> None:
    two = {"type": "MultiPolygon", "coordinates": [[ring(0, 0, 5, 5)], [ring(10, 0, 15, 5)]]}
    tree = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [3, 3]}}
    bow_tie = [[20, 0], [30, 10], [30, 0], [20, 10], [20, 0]]
    crossed = {"type": "Polygon", "coordinates": [bow_tie]}
    file = write(
        tmp_path / "mixed.geojson",
        {"type": "Feature", "geometry": two, "properties": None},
        tree,
        {"type": "Feature", "geometry": crossed},
        {"type": "Feature", "geometry": None},
    )
    assert [building.outline.area for building in read(file)] == [25, 25, 25, 25]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"type":\n"Feat', "bad.geojson:2: not JSON"),
        ("[1]", "expected a FeatureCollection"),
        ('{"type": "FeatureCollection", "features": []}', "no footprints in it"),
        (json.dumps(house(13.377, 52.516, 13.378, 52.517)), "expected metres in the plane of"),
        (
            json.dumps(house(7000, 0, 7010, 10)),
            r"no footprint within 2000 m of the net, .*\(7000, 0\)",
        ),
        (json.dumps(house(0, 0, 5, 5)).replace("5", "NaN"), "feature 0: "),
        (json.dumps(house(0, 0, 5, 5)).replace(", [5, 0], [5, 5], [0, 5]", ""), "feature 0: "),
    ],
)
def test_a_file_that_cant_be_used_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "bad.geojson"
    file.write_text(text)
    with pytest.raises(BadInput, match=says):
        read(file)


def test_metres_for_degrees_are_refused(berlin: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"feature 0: \(200, 0\) is no longitude and latitude"):
        read(write(tmp_path / "m.geojson", house(200, 0, 210, 10)), berlin)


def test_no_buildings_need_no_sight() -> None:
    assert sight_past([]) is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_sees_geojson_buildings_as_it_sees_sumos(tmp_path: Path) -> None:
    polygons = ET.parse(CITY / "buildings.add.xml").getroot().iter("poly")
    features = []
    for polygon in polygons:
        points = [tuple(map(float, p.split(","))) for p in polygon.get("shape", "").split()]
        geometry = {"type": "Polygon", "coordinates": [[*points, points[0]]]}
        features.append({"type": "Feature", "geometry": geometry, "properties": {}})
    file = write(tmp_path / "houses.geojson", *features)
    short = ("duration_s=4", "expect={}", "twins=null")
    without = f"traffic.additional=[{CITY / 'types.add.xml'}]"
    digests = [
        run_scenario("city_grid", tmp_path / name, *short, *overrides).digest
        for name, overrides in (
            ("sumo", ()),
            ("geojson", (without, f"traffic.buildings=[{file}]")),
            ("open", (without,)),
        )
    ]
    assert digests[0] == digests[1] != digests[2]
