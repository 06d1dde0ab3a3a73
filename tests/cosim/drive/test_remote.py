"""A person who drives from afar: what they see is late, and what they do is, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cosim.drive.dash import Dash
from cosim.drive.drive import with_person
from cosim.drive.view import View, Viewer
from cosim.onlooker import Bridge
from cosim.recording import Columns, read_table
from cosim.run import run
from cosim.scenario import load_scenario
from cosim.shipped import find_scenario
from tests.cosim.drive.driver import KeyPresser
from vehicles.driving.person import Inputs

BURST = "{kind: load_burst, cell: west, from_s: 5, to_s: 7.5, prb_utilisation: 1.4}"
OVERRIDES = [f"network.impairments=[{BURST}]", "duration_s=12"]
SCRIPT = {0.5: "+w", 4.0: "-w +s", 4.5: "-s", 11.0: "+w"}


class Watched(KeyPresser):
    """Keeps what a person afar is shown, tick by tick."""

    def __init__(self) -> None:
        super().__init__(SCRIPT, ends_s=12.0)
        self.shown: list[View] = []
        self._dash = Dash("ego")

    def begin(self, bridge: Bridge) -> None:
        self._viewer = Viewer(bridge, self._dash)

    def observe(self, table: str, columns: Columns) -> None:
        self._dash.observe(table, columns)

    def tick(self, now_ns: int) -> None:
        self.shown.append(self._viewer.view(now_ns, 1.0, Inputs()))
        super().tick(now_ns)


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[View], str]:
    """The run's folder, what was shown, and the digest."""
    scenario = load_scenario(find_scenario("remote_drive_full_cell"), OVERRIDES)
    scenario, _ = with_person(scenario, None, remote=True)
    # What it is on its own stays: the scenario says at which age the driver counts as lost.
    remote = scenario.vehicles.driven[0].drives[-1].remote_driving
    assert remote is not None
    assert remote.lost_after_ms == 500.0
    run_dir, watched = tmp_path_factory.mktemp("remote") / "run", Watched()
    outcome = run(scenario, run_dir, onlooker=watched)
    return run_dir, watched.shown, outcome.digest


def test_the_view_is_as_old_as_the_link_makes_it(drive: tuple[Path, list[View], str]) -> None:
    run_dir, shown, _ = drive
    frames = read_table(run_dir, "frames").dropna(subset="glass_to_glass_ms")
    captured_s = frames["time_s"].to_numpy()
    on_screen_s = captured_s + frames["glass_to_glass_ms"].to_numpy() * 1e-3
    seen = [view for view in shown if view.picture is not None]
    assert len(seen) > 400
    for view in seen:
        now_s = view.now_ns * 1e-9
        newest_s = captured_s[on_screen_s <= now_s + 1e-9].max()
        assert view.picture_age_ms == pytest.approx((now_s - newest_s) * 1e3, abs=0.01)
    ages_ms = np.array([view.picture_age_ms for view in seen])
    now_s = np.array([view.now_ns * 1e-9 for view in seen])
    # Two steps of the picture and the network's way at best; in the burst it freezes.
    assert np.median(ages_ms[now_s < 5.0]) < 100.0
    assert ages_ms[(now_s > 5.5) & (now_s < 8.0)].max() > 400.0


def test_the_picture_shows_the_car_where_it_was(drive: tuple[Path, list[View], str]) -> None:
    run_dir, shown, _ = drive
    users = read_table(run_dir, "road_users")
    ego = users[users["id"] == "ego"].set_index(users.loc[users["id"] == "ego", "time_s"].round(3))
    compared = 0
    for view in shown:
        if view.picture is None or view.here is None:
            continue
        captured_s = round(view.now_ns * 1e-9 - view.picture_age_ms * 1e-3, 3)
        if captured_s in ego.index:
            compared += 1
            assert view.picture.ego.x_m == pytest.approx(ego["x_m"].loc[captured_s], abs=1e-5)
            assert dict(view.lines)["speed"] == f"{3.6 * view.picture.ego.speed_mps:.0f} km/h"
    assert compared > 50
    others = users.set_index([users["id"], users["time_s"].round(3)])[["x_m", "y_m"]]
    for view in shown[::25]:
        if view.picture is None:
            continue
        captured_s = round(view.now_ns * 1e-9 - view.picture_age_ms * 1e-3, 3)
        bodies = view.picture.others
        for who, x_m, y_m in zip(view.picture.ids, bodies.x_m, bodies.y_m, strict=True):
            if (who, captured_s) in others.index:
                compared += 1
                assert others.loc[who, captured_s].tolist() == pytest.approx([x_m, y_m], abs=1e-3)
    assert compared > 60


def test_the_manoeuvre_comes_as_with_a_model_of_a_driver(
    drive: tuple[Path, list[View], str], tmp_path: Path
) -> None:
    run_dir, shown, _ = drive
    model = load_scenario(find_scenario("remote_drive_full_cell"), OVERRIDES)
    run(model.model_copy(update={"expect": {}}), tmp_path / "model")
    told = {}
    for name, folder in (("person", run_dir), ("model", tmp_path / "model")):
        events = read_table(folder, "events").set_index("kind")["time_s"]
        told[name] = [events["minimal_risk_manoeuvre"], events["remote_driver_back"]]
    assert told["person"] == pytest.approx(told["model"], abs=0.1)
    begins_s, ends_s = told["person"]
    lost = "connection lost: the car stops by itself"
    warned = [view.now_ns * 1e-9 for view in shown if lost in view.warnings]
    # On the instruments at the recorder's next step.
    assert begins_s <= warned[0] <= begins_s + 0.1
    assert ends_s - 0.1 <= warned[-1] <= ends_s + 0.1


def test_what_the_person_does_reaches_the_car_late_and_again_the_same(
    drive: tuple[Path, list[View], str], tmp_path: Path
) -> None:
    run_dir, _, digest = drive
    inputs = read_table(run_dir, "inputs")
    assert inputs["throttle"].tolist() == [0.0, 1.0, 0.0, 0.0, 1.0]
    decisions = read_table(run_dir, "decisions").set_index("time_s")
    braked_s = inputs["time_s"].iloc[2]
    wanted = decisions["wanted_acceleration_mps2"]
    assert wanted.loc[braked_s - 0.2 : braked_s].min() > -0.5
    assert wanted.loc[braked_s : braked_s + 0.4].min() < -2.0
    first_s = wanted.loc[braked_s:].index[wanted.loc[braked_s:] < -0.5][0]
    assert first_s > braked_s

    again = run(load_scenario(run_dir / "replay.yaml"), tmp_path / "again")
    tracks = [read_table(folder, "road_users") for folder in (run_dir, tmp_path / "again")]
    pd.testing.assert_frame_equal(*tracks)
    assert again.digest == digest


def test_it_is_driven_backwards_from_afar(tmp_path: Path) -> None:
    script = {0.1: "+s", 6.0: "-s +q -q +w", 8.0: "-w +s"}
    scenario = load_scenario(find_scenario("remote_drive_full_cell"), ["v2x.penetration=0"])
    scenario, _ = with_person(scenario, None, remote=True)
    there = tmp_path / "there"
    outcome = run(scenario, there, onlooker=KeyPresser(script, ends_s=9.5))
    users = read_table(there, "road_users")
    ego = users[users["id"] == "ego"].set_index("time_s")
    assert ego["speed_mps"].loc[5.9] == 0.0
    assert ego["speed_mps"].loc[6.0:6.2].min() == 0.0
    assert ego["speed_mps"].loc[6.2:8.1].min() < -2.0
    assert ego["x_m"].iloc[-1] < ego["x_m"].loc[6.0] - 2.0
    assert ego["speed_mps"].iloc[-1] == 0.0
    assert run(load_scenario(there / "replay.yaml"), tmp_path / "again").digest == outcome.digest
