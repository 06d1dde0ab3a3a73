"""The traffic side against SUMO itself."""

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import libsumo
import numpy as np
import pytest

from cosim.federate import BadInput
from cosim.shipped import find_scenario
from cosim.traffic.files import read_configuration, sumo_arguments
from cosim.traffic.net import net_bounds_m
from cosim.traffic.settings import TrafficSettings
from cosim.traffic.sumo import SumoTraffic
from vehicles.settings import AddedVehicle, DrivenSettings, FromTraffic
from vehicles.state import Kind, RoadUsers
from vehicles.weather import WeatherSettings

HIGHWAY = find_scenario("highway_brake").parent / "highway"
NET, ROUTES = HIGHWAY / "highway.net.xml", HIGHWAY / "highway.rou.xml"
LIGHTS = find_scenario("green_wave").parent / "lights"
STEP_NS = 100_000_000


@pytest.fixture
def sumo(tmp_path: Path) -> Iterator[Callable[..., SumoTraffic]]:
    sides: list[SumoTraffic] = []

    def start(
        *driven: DrivenSettings, weather: WeatherSettings | None = None, **settings: Any
    ) -> SumoTraffic:
        side = SumoTraffic(
            TrafficSettings(**{"net": NET, "routes": [ROUTES], **settings}),
            RoadUsers(capacity=4),
            driven,
            run_dir=tmp_path / str(len(sides)),
            seed=1,
            weather=weather or WeatherSettings(),
            before_step=lambda _api, _now_ns: None,
        )
        sides.append(side)
        side.start()
        return side

    yield start
    for side in sides:
        side.close()


def advance(side: SumoTraffic, from_s: float, to_s: float) -> None:
    for tick in range(round(from_s * 10) + 1, round(to_s * 10) + 1):
        side.advance(tick * STEP_NS)


def test_rows_are_the_centres_of_bodies(sumo: Callable[..., SumoTraffic]) -> None:
    side = sumo()
    advance(side, 0, 5)
    users = side.users
    assert set(libsumo.vehicle.getIDList()) == {users.ids[slot] for slot in users.slots()}
    for slot in users.slots():
        user_id = users.ids[slot]
        x, y = libsumo.vehicle.getPosition(user_id)
        half = libsumo.vehicle.getLength(user_id) / 2
        angle = math.radians(libsumo.vehicle.getAngle(user_id))
        # SUMO's position is the front bumper, its angle clockwise from north.
        assert users.x_m[slot] == pytest.approx(x - half * math.sin(angle), abs=1e-9)
        assert users.y_m[slot] == pytest.approx(y - half * math.cos(angle), abs=1e-9)
        assert users.stamp_ns[slot] == 50 * STEP_NS
    assert users.kind[users.slot_of("truck")] == Kind.TRUCK
    assert abs(users.heading_rad[users.slot_of("lead")]) < 1e-9


def test_a_slot_stays_with_its_road_user(sumo: Callable[..., SumoTraffic]) -> None:
    side = sumo()
    advance(side, 0, 2)
    before = {name: side.users.slot_of(name) for name in ("lead", "truck", "ego")}
    advance(side, 2, 20)
    assert {name: side.users.slot_of(name) for name in before} == before
    assert side.users.capacity > 4


def test_a_second_simulation_in_the_process_is_refused(sumo: Callable[..., SumoTraffic]) -> None:
    sumo()
    with pytest.raises(BadInput, match="one simulation per process"):
        sumo()
    # The first one goes on untouched.
    assert libsumo.simulation.isLoaded()


def test_libsumo_and_the_socket_read_the_same(sumo: Callable[..., SumoTraffic]) -> None:
    one, other = sumo(), sumo(api="traci")
    for side in (one, other):
        advance(side, 0, 10)
    assert one.users.ids == other.users.ids
    for name in ("x_m", "y_m", "heading_rad", "speed_mps", "acceleration_mps2", "yaw_rate_radps"):
        assert np.array_equal(getattr(one.users, name), getattr(other.users, name)), name


@pytest.mark.parametrize("api", ["libsumo", "traci"])
def test_lights_are_told_of_when_they_change(sumo: Callable[..., SumoTraffic], api: str) -> None:
    wave = LIGHTS / "wave.add.xml"
    road = {"net": LIGHTS / "lights.net.xml", "routes": [LIGHTS / "lights.rou.xml"]}
    side = sumo(**road, additional=[wave], api=api)
    told = []
    for tick in range(1, 501):
        side.advance(tick * STEP_NS)
        for table, columns in side.rows(tick * STEP_NS, last=False):
            assert table == "traffic_lights"
            told += list(zip(columns["time_s"], columns["id"], columns["state"], strict=True))
    # What the programme says, in the step that begins then.
    programme = ET.parse(wave).find("tlLogic[@id='second']")
    assert programme is not None
    phases = [(float(phase.get("duration", 0)), phase.get("state")) for phase in programme] * 3
    begins_s = np.cumsum([float(programme.get("offset", 0)) - 40.0, *[last for last, _ in phases]])
    due = [(begin + 0.1, state) for begin, (_, state) in zip(begins_s, phases, strict=False)]
    shown = [change for change in due if 0.1 < change[0] < 50.0]
    at_first = max(change for change in due if change[0] <= 0.1)
    assert [(time_s, state) for time_s, light, state in told if light == "second"] == [
        (0.1, at_first[1]),
        *((pytest.approx(time_s), state) for time_s, state in shown),
    ]


def drive(side: SumoTraffic, user_id: str, to_s: float, speed_mps: float) -> None:
    """Drive a taken-over vehicle straight east at a speed, as the vehicle side would."""
    users = side.users
    slot = users.slot_of(user_id)
    tick = users.stamp_ns[slot] // STEP_NS
    while tick < round(to_s * 10):
        tick += 1
        side.advance(int(tick) * STEP_NS)
        users.x_m[slot] += speed_mps * 0.1
        users.speed_mps[slot] = speed_mps
        users.acceleration_mps2[slot] = 0.0
        users.stamp_ns[slot] = tick * STEP_NS


def test_traffic_reacts_to_a_driven_vehicle(sumo: Callable[..., SumoTraffic]) -> None:
    side = sumo(DrivenSettings(id="lead"))
    advance(side, 0, 0.1)
    assert [entered.user_id for entered in side.taken_over] == ["lead"]
    assert side.users.driven[side.users.slot_of("lead")]
    drive(side, "lead", 20, speed_mps=10.0)
    lead, truck = side.users.slot_of("lead"), side.users.slot_of("truck")
    # SUMO has it where the bridge put it, at the speed that the bridge said ...
    front_m = side.users.x_m[lead] + side.users.length_m[lead] / 2
    assert libsumo.vehicle.getPosition("lead")[0] == pytest.approx(front_m, abs=0.2)
    assert libsumo.vehicle.getSpeed("lead") == pytest.approx(10.0, abs=0.2)
    # ... and the truck, which wanted 25 m/s, has fallen in behind it without touching it.
    gap_m = (
        side.users.x_m[lead]
        - side.users.x_m[truck]
        - (side.users.length_m[lead] + side.users.length_m[truck]) / 2
    )
    assert 1 < gap_m < 40
    assert side.users.speed_mps[truck] == pytest.approx(10.0, abs=1.0)


def test_the_first_vehicle_of_a_type_can_be_driven(sumo: Callable[..., SumoTraffic]) -> None:
    side = sumo(DrivenSettings(id="ego", from_traffic=FromTraffic(type="articulated")))
    advance(side, 0, 0.1)
    assert [(entered.name, entered.user_id) for entered in side.taken_over] == [("ego", "truck")]


def test_a_scenario_can_add_a_vehicle(sumo: Callable[..., SumoTraffic]) -> None:
    added = AddedVehicle(
        route=["westbound1", "westbound2"], type="car", depart_s=1.0, position_m=50, speed_mps=20
    )
    side = sumo(DrivenSettings(id="mine", add=added))
    advance(side, 0, 2)
    assert side.users.driven[side.users.slot_of("mine")]


def test_a_vehicle_that_can_not_be_added_is_bad_input(sumo: Callable[..., SumoTraffic]) -> None:
    added = AddedVehicle(route=["no_such_edge"])
    with pytest.raises(BadInput, match="no_such_edge"):
        sumo(DrivenSettings(id="mine", add=added))


def test_outputs_of_additional_files_move_to_the_run_folder(tmp_path: Path) -> None:
    here = tmp_path / "input"
    here.mkdir()
    (here / "stops.add.xml").write_text("<additional/>")
    (here / "detectors.add.xml").write_text(
        '<additional><include href="stops.add.xml"/>'
        '<e1Detector id="a" lane="x_0" pos="1" freq="60" file="out/e1.xml"/>'
        '<e1Detector id="b" lane="x_0" pos="1" freq="60" file="NUL"/></additional>'
    )
    settings = TrafficSettings(net=NET, additional=[here / "detectors.add.xml"])
    arguments = sumo_arguments(settings, tmp_path / "run", seed=3)
    copy = Path(arguments[arguments.index("-a") + 1])
    assert copy.parent == tmp_path / "run" / "sumo"
    include, first, second = list(ET.parse(copy).getroot())
    assert include.get("href") == str(here / "stops.add.xml")
    assert first.get("file") == str(tmp_path / "run" / "sumo" / "e1.xml")
    assert second.get("file") == "NUL"
    assert arguments[arguments.index("--seed") + 1] == "3"


def test_a_sumocfg_is_read_as_sumo_reads_it(tmp_path: Path) -> None:
    (tmp_path / "a.net.xml").write_text(NET.read_text())
    cfg = tmp_path / "a.sumocfg"
    cfg.write_text(
        "<configuration><net-file value='a.net.xml'/><begin value='0:01:40'/><end value='160'/>"
        "<step-length value='0.5'/><tripinfo value='out/trips.xml'/></configuration>"
    )
    read = read_configuration(cfg)
    assert (read.begin_s, read.end_s, read.step_s) == (100, 160, 0.5)
    assert read.net == tmp_path / "a.net.xml"
    assert list(read.outputs) == ["tripinfo-output"]


def test_the_extent_of_a_net(tmp_path: Path) -> None:
    assert net_bounds_m(NET) == pytest.approx((0, 0, 5000, 150), abs=20)
    other = tmp_path / "p.add.xml"
    other.write_text("<additional/>")
    with pytest.raises(BadInput, match=r"p\.add\.xml: not a SUMO net"):
        net_bounds_m(other)


def test_sumos_drivers_are_slower_on_a_wet_road(sumo: Callable[..., SumoTraffic]) -> None:
    speeds_mps = []
    for wetness in (0.0, 50.0, 100.0):
        side = sumo(weather=WeatherSettings(wetness=wetness))
        advance(side, 0.0, 10.0)
        speeds_mps.append(float(side.users.speed_mps[side.users.slots()].mean()))
        side.close()
    assert np.all(np.diff(speeds_mps) < -0.3)
