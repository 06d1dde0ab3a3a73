"""Roadside units on SUMO's own crossings, in real runs of a few seconds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from cosim.recording import read_table
from cosim.run import run
from cosim.scenario import load_scenario
from cosim.shipped import find_scenario
from cosim.sides.driving import Driving
from vehicles.messages.cpm import Cpm
from vehicles.messages.mapem import Mapem
from vehicles.messages.spatem import SignalEvent, SignalState, Spatem

SUMO_STEP_NS = 100_000_000


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[float, object]]]:
    """What the ego hears from beside the road in 12 s of city_grid."""
    messages: list[tuple[float, object]] = []
    original = Driving._drive

    def listen(self: Driving, name: str, now_ns: int, *rest: object) -> None:
        original(self, name, now_ns, *rest)  # type: ignore[arg-type]
        situation = self.situations.get(name)
        if situation is not None:
            messages.extend((now_ns * 1e-9, received.message) for received in situation.received)

    overrides = [
        "duration_s=12", "network.model=ideal", "twins=null", "events=[]", "expect={}",
        "network.load=[]",
        "v2x.roadside={cameras: [{id: corner, x_m: 340, y_m: 340}]}",
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Driving, "_drive", listen)
        out = tmp_path_factory.mktemp("roadside") / "run"
        run(load_scenario(find_scenario("city_grid"), overrides), out)
    return {"messages": messages, "out": [(0.0, out)]}


def of(heard: dict[str, list[tuple[float, object]]], kind: type) -> list[tuple[float, object]]:
    return [(at, message) for at, message in heard["messages"] if isinstance(message, kind)]


def test_phases_are_told_twice_a_second_and_lanes_once(
    heard: dict[str, list[tuple[float, object]]],
) -> None:
    phases, maps = of(heard, Spatem), of(heard, Mapem)
    assert phases
    numbers = {message.intersection_id for _at, message in phases}
    assert {message.intersection_id for _at, message in maps} == numbers
    assert 1.8 < len(phases) / len(maps) < 2.2


def test_what_is_foretold_comes_true(heard: dict[str, list[tuple[float, object]]]) -> None:
    """Actuated programmes: a state ends between the instants that were told before."""
    told: dict[tuple[int, int], list[tuple[int, tuple[SignalEvent, ...]]]] = {}
    for _at, message in of(heard, Spatem):
        for movement in message.movements:
            told.setdefault((message.intersection_id, movement.signal_group), []).append(
                (message.generation_time_ns, movement.events)
            )
    changes = 0
    for said in told.values():
        for (_, before), (at_ns, after) in pairwise(said):
            now, then = before[0], before[1]
            if at_ns < now.min_end_ns:
                assert after[0].state is now.state
            elif after[0].state is not now.state:
                assert after[0].state is then.state
                changes += 1
            # Phases are as long as SUMO's step makes them.
            assert after[0].state is not now.state or at_ns <= now.max_end_ns + SUMO_STEP_NS
    assert changes > 5
    states = {events[0].state for said in told.values() for _at, events in said}
    assert {SignalState.STOP_AND_REMAIN, SignalState.PERMISSIVE_CLEARANCE} < states


def test_a_lane_of_the_map_leads_to_where_the_lights_are(
    heard: dict[str, list[tuple[float, object]]],
) -> None:
    _at, message = of(heard, Mapem)[0]
    ingress = [lane for lane in message.lanes if lane.ingress]
    assert ingress
    lane_ids = {lane.lane_id for lane in message.lanes}
    groups = {movement.signal_group for _at, spatem in of(heard, Spatem)
              if spatem.intersection_id == message.intersection_id
              for movement in spatem.movements}  # fmt: skip
    for lane in ingress:
        near, far = np.array(lane.points_m[0]), np.array(lane.points_m[-1])
        centre = np.array([message.x_m, message.y_m])
        assert np.hypot(*(near - centre)) < np.hypot(*(far - centre))
        for connection in lane.connections:
            assert connection.to_lane_id in lane_ids
            assert connection.signal_group in groups


def test_the_camera_tells_of_who_is_there(heard: dict[str, list[tuple[float, object]]]) -> None:
    users = read_table(heard["out"][0][1], "road_users")
    told = [(cpm, seen) for _at, cpm in of(heard, Cpm) for seen in cpm.objects]
    assert len(told) > 10
    for cpm, seen in told:
        now = users[np.isclose(users["time_s"], cpm.generation_time_ns * 1e-9)]
        apart_m = np.hypot(now["x_m"] - seen.x_m, now["y_m"] - seen.y_m)
        assert apart_m.min() < 0.05
        assert now["kind"].iloc[int(np.argmin(apart_m))] == seen.kind.name.lower()


def test_units_beside_the_road_are_wired(heard: dict[str, list[tuple[float, object]]]) -> None:
    packets = read_table(heard["out"][0][1], "packets")
    told = packets[packets["kind"].isin(["spatem", "mapem", "cpm"])]
    assert (told["sender"] == "server").all()
    assert (told["receiver"] == "ego").all()
