"""What the page shows, without a browser: time, who was where, and who may open it."""

import asyncio
import base64
import threading
import xml.etree.ElementTree as ET
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.clock import NS_PER_S
from cosim.live.guard import Guard
from cosim.live.layout import lay_out
from cosim.live.player import Player
from cosim.live.stage import HardBrake, Load, Outage, Stage
from cosim.live.timeline import Timeline
from cosim.live.watching import Watching
from cosim.pace import Pace
from cosim.recording import read_manifest, read_table
from cosim.run import REPLAY, run
from cosim.scenario import load_scenario
from cosim.shipped import find_scenario
from network.packet import Stage as PacketStage
from tests.runs import run_scenario

_MS = 1_000_000
_ON_THE_AIR = {
    "parent_id": [-1] * 4,
    "uplink_cell": [""] * 4,
    "downlink_cell": [""] * 4,
    **{f"{stage.name.lower()}_ns": np.zeros(4, dtype=np.int64) for stage in PacketStage},
}


def _add_users(timeline: Timeline, time_s: float, **x_m: float) -> None:
    ids = list(x_m)
    nothing = np.zeros(len(ids))
    columns = {"y_m": nothing, "z_m": nothing, "heading_rad": nothing + 3.1 - 6.2 * (time_s > 1)}
    position = np.array(list(x_m.values()))
    speed = np.full(len(ids), time_s)
    timeline.add(
        "bodies",
        {
            "time_s": nothing,
            "id": ids,
            "kind": ["car"] * len(ids),
            **dict.fromkeys(("length_m", "width_m", "height_m"), nothing + 2),
        },
    )
    timeline.add(
        "road_users",
        {"time_s": nothing + time_s, "id": ids, "x_m": position, "speed_mps": speed, **columns},
    )


@pytest.fixture
def timeline() -> Timeline:
    timeline = Timeline(("west/0",))
    _add_users(timeline, 1.0, ego=10.0, jumps=0.0, leaves=5.0)
    _add_users(timeline, 2.0, ego=20.0, jumps=900.0, comes=7.0)
    return timeline


def test_between_two_steps_everyone_is_on_the_way(timeline: Timeline) -> None:
    frame = timeline.frame(1.25)
    x_m = {timeline.roster[int(row[0])].id: row[1] for row in frame.users}
    assert x_m == pytest.approx({"ego": 12.5, "jumps": 0.0, "leaves": 5.0})
    # Turning from 3.1 to -3.1 rad is a turn of 0.08 rad to the left.
    assert frame.users[0, 4] == pytest.approx(3.1 + 0.25 * (2 * np.pi - 6.2), abs=1e-5)
    assert {timeline.roster[int(row[0])].id for row in timeline.frame(2.0).users} == {
        "ego",
        "jumps",
        "comes",
    }


def test_the_longest_delay_of_a_tenth_of_a_second_is_plotted(timeline: Timeline) -> None:
    timeline.add(
        "packets",
        {
            "packet_id": [1, 2, 3, 4],
            "sender": ["comes", "comes", "ego", "comes"],
            "receiver": ["ego", "ego", "server", "ego"],
            "fate": ["delivered", "delivered", "delivered", "radio"],
            "sent_ns": np.array([1000, 1000, 1500, 1000]) * _MS,
            "ended_ns": np.array([1010, 1040, 1520, 1090]) * _MS,
            **_ON_THE_AIR,
        },
    )
    ego = timeline.number_of("ego")
    assert ego is not None
    series = timeline.series(ego, 2.0, 10.0)
    assert series.delay_ms.ravel().tolist() == pytest.approx([1.0, 40.0, 1.5, 20.0])
    assert series.speed_mps.tolist() == [[1.0, 1.0], [2.0, 2.0]]


def test_packets_are_on_the_air_for_as_long_as_their_stages_say(timeline: Timeline) -> None:
    sent_ms, ended_ms = np.array([1000, 1000, 1100, 1300]), np.array([1030, 1200, 1150, 1500])
    timeline.add(
        "packets",
        {
            **_ON_THE_AIR,
            "packet_id": [1, 2, 3, 4],
            "parent_id": [-1, 1, -1, -1],
            "sender": ["ego", "ego", "server", "jumps"],
            "receiver": ["area", "comes", "ego", "server"],
            "fate": ["delivered", "delivered", "radio", "delivered"],
            "uplink_cell": ["west/0", "west/0", "", "west/0"],
            "downlink_cell": ["", "west/0", "west/0", ""],
            "sent_ns": sent_ms * _MS,
            "ended_ns": ended_ms * _MS,
            "ul_queue_ns": np.array([10, 10, 0, 10]) * _MS,
            "ul_air_ns": np.array([10, 10, 0, 190]) * _MS,
            "dl_queue_ns": np.array([0, 150, 40, 0]) * _MS,
        },
    )
    ego, comes = timeline.number_of("ego"), timeline.number_of("comes")
    _add_users(timeline, 1.02, ego=10.0, comes=12.0, **{f"other{n}": 20.0 + n for n in range(9)})

    def seen(at_s: float, lasts_s: float = 0.0) -> list[list[float]]:
        rows = timeline.air(timeline.frame(at_s), ego, lasts_s).packets
        return sorted([round(value, 3) for value in row] for row in rows.tolist())

    # Up to the end of its way up, once for all who get it; down from when it waits for its turn.
    assert seen(1.01) == [[ego, 0, 0, 0.5, 0]]
    assert seen(1.03) == []
    assert seen(1.125) == [[ego, 0, 1, 0.375, 1], [comes, 0, 1, 0.5, 0]]
    # Those who are too far away aren't shown, and others for long enough to be seen.
    assert seen(1.4) == []
    assert [row[:3] for row in seen(1.2, lasts_s=0.3)] == [[ego, 0, 0], [ego, 0, 1], [comes, 0, 1]]


def test_of_many_packets_a_few_are_shown_and_all_that_get_lost(timeline: Timeline) -> None:
    many = 1000
    instants_ns = (1_000_000_000 + np.arange(many) * 977_123) // 1
    timeline.add(
        "packets",
        {
            **{name: np.zeros(many, dtype=np.int64) for name in _ON_THE_AIR},
            "packet_id": np.arange(many),
            "parent_id": np.full(many, -1),
            "sender": ["server"] * many,
            "receiver": ["ego"] * many,
            "fate": ["radio", *["delivered"] * (many - 1)],
            "uplink_cell": [""] * many,
            "downlink_cell": ["west/0"] * many,
            "sent_ns": instants_ns,
            "ended_ns": instants_ns + 10 * _MS,
        },
    )
    ego = timeline.number_of("ego")
    one, later = (timeline.air(timeline.frame(at_s), ego, 1.0).packets for at_s in (1.99, 1.993))
    assert 20 <= len(one) <= 64
    assert one[:, 4].sum() == 1
    # The same ones, a little farther.
    assert np.isin(np.round(one[:, 3] + 0.003, 4), np.round(later[:, 3], 4)).mean() > 0.9


def test_whoever_changes_cells_is_shown_with_the_one_that_is_left(timeline: Timeline) -> None:
    timeline.add(
        "handovers",
        {
            "time_s": [1.2, 1.7],
            "id": ["ego", "jumps"],
            "from_cell": ["west/0", ""],
            "to_cell": ["east/0", "west/0"],
            "cause": ["a3", "reestablished"],
            "interruption_ms": [50.0, 80.0],
            "ping_pong": [False, False],
        },
    )
    ego, jumps = timeline.number_of("ego"), timeline.number_of("jumps")
    changing = {
        at_s: timeline.air(timeline.frame(at_s), ego, 0.6).changing.tolist()
        for at_s in (1.1, 1.3, 1.75, 2.0)
    }
    assert changing == {1.1: [], 1.3: [[ego, 0]], 1.75: [[ego, 0], [jumps, -1]], 2.0: [[jumps, -1]]}


def test_decisions_are_listed_when_they_change(timeline: Timeline) -> None:
    reasons = ["follow", "follow", "warned", "follow"]
    timeline.add(
        "decisions",
        {
            "time_s": [1.0, 1.1, 1.2, 1.3],
            "vehicle": ["ego"] * 4,
            "function": ["acc"] * 4,
            "reason": reasons,
            "wanted_acceleration_mps2": [0.0, 0.0, -3.0, 0.0],
        },
    )
    listed = timeline.entries(1.25, {"ego"}, 10)
    assert [(entry.time_s, entry.text) for entry in listed] == [
        (1.2, "acc: warned, -3.0 m/s²"),
        (1.0, "acc: follow, +0.0 m/s²"),
    ]
    assert timeline.entries(1.25, {"comes"}, 10) == []


def test_a_player_pauses_steps_and_ends(timeline: Timeline) -> None:
    player = Player(timeline, None)
    player.play_at(2.0)
    player.move_on(0.25)
    assert player.time_s == 1.5
    player.toggle()
    player.move_on(5.0)
    assert player.time_s == 1.5
    player.step(1)
    assert player.time_s == 2.0
    player.step(-1)
    assert player.time_s == 1.0
    player.toggle()
    player.move_on(5.0)
    assert (player.time_s, player.playing) == (2.0, False)
    player.toggle()
    assert (player.time_s, player.playing) == (1.0, True)


def test_a_player_goes_along_with_a_run_until_the_person_goes_back(timeline: Timeline) -> None:
    player = Player(timeline, Pace())
    player.move_on(0.05)
    assert player.time_s == pytest.approx(1.9)
    _add_users(timeline, 5.0, ego=50.0)
    player.move_on(0.05)
    assert player.time_s == pytest.approx(4.9)
    player.step(-1)
    assert (player.time_s, player.following) == (2.0, False)
    player.follow()
    player.seek(1.0)
    player.move_on(0.5)
    assert (player.time_s, player.following) == (1.5, False)
    player.follow()
    player.move_on(0.05)
    assert player.following
    timeline.ended = "the run has ended"
    player.move_on(0.05)
    assert (player.time_s, player.following, player.playing) == (5.0, False, False)


def test_a_player_that_goes_along_with_a_run_holds_it(timeline: Timeline) -> None:
    pace = Pace()
    player = Player(timeline, pace)
    player.toggle()
    assert (pace.held, player.playing, player.following) == (True, False, True)
    player.move_on(0.05)
    assert player.time_s == 2.0
    # A look back leaves it held; from the newest step on, another one is the run's.
    player.step(-1)
    player.step(1)
    player.step(1)
    assert player.following
    _add_users(timeline, 3.0, ego=30.0)
    for _ in range(200):
        player.move_on(0.05)
    assert player.time_s == 3.0
    player.toggle()
    assert not pace.held
    player.play_at(0.5)
    assert (pace.factor, player.speed) == (0.5, 0.5)
    # Whoever looks back pauses what they see, at a speed of their own, and nothing else.
    player.seek(1.0)
    player.play_at(5.0)
    player.move_on(0.1)
    player.toggle()
    assert (player.time_s, player.speed, player.playing) == (1.5, 5.0, False)
    assert (pace.factor, pace.held) == (0.5, False)


def test_a_run_that_nobody_looks_on_is_not_held(tmp_path: Path) -> None:
    scenario = load_scenario(find_scenario("highway_brake"), [])
    stage = Stage(scenario, tmp_path, live=True)
    with stage.open_page():
        with stage.open_page():
            stage.pace.hold()
        assert stage.pace.held
    assert not stage.pace.held


def test_the_layout_covers_the_road_it_is_made_of() -> None:
    layout = lay_out(load_scenario(find_scenario("highway_brake"), []))
    assert layout.cells[:2] == ("west/0", "west/1")
    assert layout.content["masts"][0] == [400.0, 60.0, 35.0]
    triangles = _unpacked(layout.content["roads"]).reshape(-1, 3, 2)
    one, two = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    twice_m2 = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    assert (twice_m2 > 0).all()
    # Four lanes of 3.75 m, and a kerb of 0.3 m on both sides.
    x_min, _, x_max, _ = layout.content["bounds"]
    assert twice_m2.sum() / 2 / (x_max - x_min) == pytest.approx(15.6, rel=0.01)


def test_every_light_hangs_over_the_stop_line_that_it_is_for() -> None:
    scenario = load_scenario(find_scenario("green_wave"), [])
    signals = lay_out(scenario).content["signals"]
    assert {head[0] for head in signals["heads"]} == {"first", "second", "third"}
    lights = ET.parse(scenario.traffic.net or "").findall("connection[@tl='first']")
    links = {int(connection.get("linkIndex", -1)) for connection in lights}
    first = [head[1:] for head in signals["heads"] if head[0] == "first"]
    assert {link for link, *_ in first} == links
    # Along the main road, on the right half of it, and not beyond the middle of the junction.
    middle_x_m = 300.0
    eastbound = [head for head in first if abs(head[3]) < 0.01]
    assert eastbound
    assert all(middle_x_m - 20.0 < x < middle_x_m and -4.0 < y < 0.0 for _, x, y, *_ in eastbound)
    assert len(signals["gantries"]) == 3 * len({head[3] for head in first})


def test_a_light_shows_its_last_change(timeline: Timeline) -> None:
    columns = {"time_s": [0.5, 0.5, 1.5], "id": ["a", "b", "a"], "state": ["Gr", "rG", "yr"]}
    timeline.add("traffic_lights", columns)
    assert timeline.frame(1.0).lights == {"a": "Gr", "b": "rG"}
    assert timeline.frame(1.4).lights is timeline.frame(1.0).lights
    assert timeline.frame(1.5).lights == {"a": "yr", "b": "rG"}


def test_the_page_of_a_run_says_what_its_tables_say(tmp_path: Path) -> None:
    class Holding(Watching):
        held_at_ns: list[int] = []

        def tick(self, now_ns: int) -> None:
            super().tick(now_ns)
            if now_ns == NS_PER_S:
                # Held, a step on, and let go on.
                self.pace.hold()
                hands = threading.Timer(0.3, self.pace.hold, [now_ns + NS_PER_S // 10])
                hands.start()
                threading.Timer(0.9, self.let_go, [now_ns]).start()
            self.now_ns = now_ns

        def let_go(self, _held_ns: int) -> None:
            self.held_at_ns.append(self.now_ns)
            self.pace.go_on()

    changed = ["duration_s=5", "events=[]", "pace=100"]
    scenario = load_scenario(find_scenario("highway_brake"), changed)
    stage = Stage(scenario, tmp_path / "observed", live=True)
    outcome = run(scenario, tmp_path / "observed", onlooker=Holding(stage))
    assert Holding.held_at_ns == [NS_PER_S + NS_PER_S // 10]
    assert (
        outcome.digest
        == run_scenario("highway_brake", tmp_path / "alone", "duration_s=5", "events=[]").digest
    )
    users = read_table(tmp_path / "observed", "road_users")
    last = users[users["time_s"] == users["time_s"].max()]
    frame = stage.timeline.frame(float(last["time_s"].iloc[0]))
    shown = {stage.timeline.roster[int(row[0])].id: row[1] for row in frame.users}
    assert shown == pytest.approx(dict(zip(last["id"], last["x_m"], strict=True)), abs=1e-3)


def test_what_is_brought_into_a_run_becomes_its_scenario(tmp_path: Path) -> None:
    class Meddling(Watching):
        def tick(self, now_ns: int) -> None:
            if now_ns == 3 * NS_PER_S:
                stage.ask(Outage("west", 2.0))
                stage.ask(Load("east", 1.3, 2.0))
                stage.ask(Load("east", -1.0, 2.0))
                stage.ask(HardBrake("lead", 6.0))
            super().tick(now_ns)

    changed = ["duration_s=8", "events=[]", "network.load=[]", "pace=100"]
    scenario = load_scenario(find_scenario("highway_brake"), changed)
    stage = Stage(scenario, tmp_path / "touched", live=True)
    outcome = run(scenario, tmp_path / "touched", onlooker=Meddling(stage))
    told = {entry.kind: entry.text for entry in stage.timeline.entries(4.0, set(), 9)}
    assert told["cell_outage"] == "cell west, until 5.002 s"
    assert told["load_burst"] == "cell east, prb_utilisation 1.3, until 5.002 s"
    assert "prb_utilisation" in told["refused"]
    handovers = read_table(tmp_path / "touched", "handovers").query("id == 'ego'")
    left = handovers[handovers["time_s"].between(3.0, 5.0)].iloc[0]
    assert left["from_cell"].startswith("west/")
    cells = read_table(tmp_path / "touched", "cells").query("cell.str.startswith('east/')")
    used = cells.groupby("time_s", observed=True)["downlink_utilisation"].mean()
    assert used.loc[4.0:5.0].min() > 0.9 > 0.5 > used.loc[:3.0].max()
    lead = read_table(tmp_path / "touched", "road_users").query("id == 'lead'")
    assert lead["speed_mps"].iloc[-1] < lead["speed_mps"].iloc[0] - 15.0

    assert read_manifest(tmp_path / "touched")["injected"] is True
    again = run(load_scenario(tmp_path / "touched" / REPLAY, []), tmp_path / "again")
    assert again.digest == outcome.digest


@pytest.mark.parametrize(
    ("token", "headers", "query", "status"),
    [
        (None, {"host": "127.0.0.1:8080"}, "", 200),
        (None, {"host": "localhost:8080", "origin": "http://localhost:8080"}, "", 200),
        (None, {"host": "rebound.example"}, "", 403),
        (None, {"host": "127.0.0.1:8080", "origin": "http://elsewhere.example"}, "", 403),
        ("secret", {"host": "car.example"}, "", 403),
        ("secret", {"host": "car.example"}, "token=guess", 403),
        ("secret", {"host": "car.example"}, "token=secret", 200),
        ("secret", {"host": "car.example", "cookie": "cosim_token=secret"}, "", 200),
    ],
)
def test_who_may_open_the_page(
    token: str | None, headers: dict[str, str], query: str, status: int
) -> None:
    assert _asked(token, "http", headers, query)[0]["status"] == status
    [answer, *_] = _asked(token, "websocket", headers, query)
    assert answer["type"] == ("websocket.accept" if status == 200 else "websocket.close")


def test_a_token_in_the_address_becomes_a_cookie() -> None:
    [start, *_] = _asked("secret", "http", {"host": "car.example"}, "token=secret")
    [(name, cookie)] = start["headers"]
    assert name == b"set-cookie"
    assert cookie.startswith(b"cosim_token=secret;")


def _unpacked(text: str) -> Any:
    return np.frombuffer(base64.b64decode(text), "<f4")


def _asked(
    token: str | None, kind: str, headers: dict[str, str], query: str
) -> list[MutableMapping[str, Any]]:
    """What a guarded application answers to one request."""
    sent: list[MutableMapping[str, Any]] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "http.response.start", "status": 200})

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": kind,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "query_string": query.encode(),
    }
    asyncio.run(Guard(app, token)(scope, receive, send))
    return sent
