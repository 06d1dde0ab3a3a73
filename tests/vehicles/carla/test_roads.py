from pathlib import Path

import pytest

from cosim.shipped import find_scenario
from cosim.traffic.net import net_bounds_m
from vehicles.carla.roads import net_of_opendrive, opendrive_of_net

carla = pytest.importorskip("carla")
CITY = find_scenario("city_grid").parent / "city_grid" / "city_grid.net.xml"

# A street of 200 m eastwards whose begin is the origin of UTM zone 32's coordinates less netOffset.
NODES = """<nodes><location netOffset="-691000.00,-5335000.00" convBoundary="0,0,200,0"
 origBoundary="0,0,0,0" projParameter="+proj=utm +zone=32 +ellps=WGS84 +datum=WGS84 +units=m"/>
 <node id="a" x="0" y="50"/><node id="b" x="200" y="50"/></nodes>"""
EDGES = '<edges><edge id="ab" from="a" to="b" numLanes="2" speed="13.9"/></edges>'


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "cosim" / "roads"


def georeferenced_net(folder: Path) -> Path:
    from vehicles.carla.roads import _netconvert

    (folder / "n.nod.xml").write_text(NODES)
    (folder / "e.edg.xml").write_text(EDGES)
    net = folder / "n.net.xml"
    _netconvert(
        "-n", str(folder / "n.nod.xml"), "-e", str(folder / "e.edg.xml"), "-o", str(net),
        "--offset.disable-normalization",
    )  # fmt: skip
    return net


def test_carla_finds_a_lane_where_sumo_has_one() -> None:
    """The middle of every lane's first leg, in the client's own reading of the map."""
    import sumolib

    road_map = carla.Map("city", opendrive_of_net(CITY))
    net = sumolib.net.readNet(str(CITY))
    missed = []
    for edge in net.getEdges():
        for lane in edge.getLanes():
            if not lane.allows("passenger"):
                continue
            (x0, y0), (x1, y1) = lane.getShape()[:2]
            x, y = 0.5 * (x0 + x1), 0.5 * (y0 + y1)
            found = road_map.get_waypoint(carla.Location(x=x, y=-y))
            at = found.transform.location
            missed.append(max(abs(at.x - x), abs(at.y + y)))
    assert len(missed) > 50
    assert max(missed) < 0.05


def test_the_origin_is_placed_on_the_earth(tmp_path: Path) -> None:
    """UTM 32, 691 km east and 5335 km north is the middle of Munich, 48.14 N and 11.57 E."""
    text = opendrive_of_net(georeferenced_net(tmp_path))
    assert "<offset x" not in text
    place = carla.Map("munich", text).transform_to_geolocation(carla.Location())
    assert place.latitude == pytest.approx(48.14, abs=0.01)
    assert place.longitude == pytest.approx(11.57, abs=0.01)


def test_there_and_back_in_one_frame_and_from_the_cache(cache: Path) -> None:
    net = net_of_opendrive(opendrive_of_net(CITY))
    assert net_bounds_m(net) == pytest.approx(net_bounds_m(CITY), abs=1.0)
    made = {file: file.stat().st_mtime_ns for file in cache.iterdir()}
    assert len(made) == 2
    assert net_of_opendrive(opendrive_of_net(CITY)) == net
    assert {file: file.stat().st_mtime_ns for file in cache.iterdir()} == made


def test_what_netconvert_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    broken = tmp_path / "broken.net.xml"
    broken.write_text("<net><edge")
    with pytest.raises(ValueError, match=r"broken\.net\.xml: netconvert"):
        opendrive_of_net(broken)
    with pytest.raises(ValueError, match=r"missing\.net\.xml: can't be read: No such"):
        opendrive_of_net(tmp_path / "missing.net.xml")
    with pytest.raises(ValueError, match="netconvert"):
        net_of_opendrive("<OpenDRIVE><road")
