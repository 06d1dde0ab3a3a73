"""A person at the wheel in whole runs, and the same drives again from what was recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cosim.drive.drive import with_person
from cosim.federate import BadInput
from cosim.onlooker import Bridge
from cosim.recording import read_manifest, read_table
from cosim.run import Outcome, run
from cosim.scenario import load_scenario
from cosim.shipped import find_scenario
from tests.cosim.drive.driver import KeyPresser

SCRIPT = {0.5: "+w", 3.0: "-w +a", 3.4: "-a", 4.0: "+d", 4.3: "-d +s"}


def drive(run_dir: Path, script: dict[float, str], *overrides: str, ends_s: float) -> Outcome:
    scenario = load_scenario(find_scenario("remote_drive_full_cell"), overrides)
    scenario, vehicle = with_person(scenario, None, remote=False)
    assert vehicle == "ego"
    return run(scenario, run_dir, onlooker=KeyPresser(script, ends_s=ends_s))


def ego(run_dir: Path) -> pd.DataFrame:
    users = read_table(run_dir, "road_users")
    return users[users["id"] == "ego"].set_index("time_s")


def test_keys_drive_the_ego_and_the_drive_can_be_run_again(tmp_path: Path) -> None:
    there = tmp_path / "there"
    outcome = drive(there, SCRIPT, "v2x.penetration=0", ends_s=6.0)
    manifest = read_manifest(there)
    assert manifest["complete"]
    assert manifest["people"] == ["ego"]
    assert manifest["reached_s"] == 6.0
    track = ego(there)
    # The throttle, the wheel to the left and back, the brake.
    assert track["speed_mps"].loc[3.0] > track["speed_mps"].loc[0.5] + 5.0
    assert track["heading_rad"].loc[3.5] - track["heading_rad"].loc[3.0] > 0.02
    assert track["speed_mps"].iloc[-1] < track["speed_mps"].loc[4.3] - 5.0
    inputs = read_table(there, "inputs")
    assert inputs["time_s"].tolist() == pytest.approx([0.1, 0.52, 3.02, 3.42, 4.02, 4.32])
    assert inputs["steering"].tolist() == [0.0, 0.0, 1.0, 0.0, -1.0, 0.0]
    assert set(read_table(there, "decisions")["function"]) <= {"person", "aeb"}

    again = run(load_scenario(there / "replay.yaml"), tmp_path / "again")
    pd.testing.assert_frame_equal(ego(tmp_path / "again"), track)
    assert again.digest == outcome.digest


def test_a_drive_that_breaks_off_says_who_drove_and_how(tmp_path: Path) -> None:
    class BreaksOff(KeyPresser):
        def tick(self, now_ns: int) -> None:
            super().tick(now_ns)
            if now_ns >= 2_000_000_000:
                raise KeyboardInterrupt

    scenario = load_scenario(find_scenario("remote_drive_full_cell"), ["v2x.penetration=0"])
    scenario, _ = with_person(scenario, None, remote=False)
    with pytest.raises(KeyboardInterrupt):
        run(scenario, tmp_path / "drive", onlooker=BreaksOff(SCRIPT, ends_s=6.0))
    manifest = read_manifest(tmp_path / "drive")
    assert not manifest["complete"]
    assert manifest["people"] == ["ego"]
    replay = load_scenario(tmp_path / "drive" / "replay.yaml")
    assert [event.input.throttle for event in replay.events if event.input] == [0.0, 1.0]


def test_other_hands_give_another_drive(tmp_path: Path) -> None:
    drive(tmp_path / "one", SCRIPT, "v2x.penetration=0", ends_s=4.0)
    drive(tmp_path / "other", {0.5: "+w"}, "v2x.penetration=0", ends_s=4.0)
    one, other = ego(tmp_path / "one"), ego(tmp_path / "other")
    apart_m = np.hypot(one["x_m"] - other["x_m"], one["y_m"] - other["y_m"])
    assert apart_m.loc[:3.0].max() == 0.0
    assert apart_m.iloc[-1] > 0.5


def test_emergency_braking_may_be_left_to_the_person(tmp_path: Path) -> None:
    """The ego stands on the throttle behind a slower car."""
    functions = {}
    for aeb in ("true", "false"):
        run_dir = tmp_path / aeb
        drive(
            run_dir,
            {0.1: "+w"},
            "v2x.penetration=0",
            f"vehicles.driven.0.drives=[{{person: {{aeb: {aeb}}}}}]",
            ends_s=9.0,
        )
        functions[aeb] = set(read_table(run_dir, "decisions")["function"])
    assert functions == {"true": {"person", "aeb"}, "false": {"person"}}


def test_q_shifts_into_reverse_and_out_of_it(tmp_path: Path) -> None:
    script = {0.2: "+s", 2.5: "-s +q -q +w +a", 4.0: "-w -a +space", 5.5: "-space +q -q +w"}
    there = tmp_path / "there"
    outcome = drive(there, script, "v2x.penetration=0", ends_s=7.0)
    track = ego(there)
    speed = track["speed_mps"]
    assert speed.loc[2.4] == 0.0
    assert -8.0 <= speed.loc[2.5:4.1].min() < -4.0
    assert speed.loc[5.4] == 0.0
    assert speed.iloc[-1] > 3.0
    # Backwards, along its own axis: the wheel to the left turns the heading to the right.
    from_, to = track.loc[2.5], track.loc[4.0]
    ahead_m = (to["x_m"] - from_["x_m"]) * np.cos(from_["heading_rad"]) + (
        to["y_m"] - from_["y_m"]
    ) * np.sin(from_["heading_rad"])
    assert ahead_m < -1.5
    assert to["heading_rad"] < from_["heading_rad"] - 0.1
    again = run(load_scenario(there / "replay.yaml"), tmp_path / "again")
    pd.testing.assert_frame_equal(ego(tmp_path / "again"), track)
    assert again.digest == outcome.digest


CITY = find_scenario("city_grid").parent / "city_grid"


@pytest.mark.parametrize("api", ["libsumo", "traci"])
def test_who_leaves_the_road_drives_on_and_who_takes_another_way_is_led_to_the_goal(
    tmp_path: Path, api: str
) -> None:
    alone = [f"traffic.routes=[{CITY / 'ego_and_buses.rou.xml'}]", f"traffic.api={api}"]
    # At the first crossing the route turns right.
    scripts = {"straight on": {0.1: "+w", 5.5: "-w"}, "off": {0.1: "+w", 3.0: "+a", 6.0: "-a"}}
    for name, script in scripts.items():
        scenario = load_scenario(find_scenario("city_grid"), [*alone, "v2x.penetration=0"])
        scenario, _ = with_person(scenario, None, remote=False)
        presser = RoutePresser(script, ends_s=13.0)
        run(scenario, tmp_path / name, onlooker=presser)
        track = ego(tmp_path / name)
        assert track.index[-1] == pytest.approx(13.0)
        if name == "off":
            # Further from the road than SUMO looks for one, and as fast as the throttle makes it.
            assert track["x_m"].iloc[-1] < 341.0 - 110.0
            assert track["speed_mps"].iloc[-1] > 15.0
        else:
            assert presser.route[1:3] == ("C0C1", "C1C2")
            assert presser.route[-1] == "C4top2"


class RoutePresser(KeyPresser):
    """Knows what SUMO takes the ego's route for."""

    def begin(self, bridge: Bridge) -> None:
        self._traffic = bridge.traffic

    def tick(self, now_ns: int) -> None:
        if "ego" in self._traffic.users:
            self.route = self._traffic._api.vehicle.getRoute("ego")
        super().tick(now_ns)


def test_bad_input_is_one_line() -> None:
    scenario = load_scenario(find_scenario("highway_brake"))
    with pytest.raises(BadInput, match="--vehicle truck: not driven; expected one of ego"):
        with_person(scenario, "truck", remote=False)
    empty = load_scenario(find_scenario("highway_brake"), ["vehicles.driven=[]"])
    with pytest.raises(BadInput, match=r"highway_brake: `vehicles.driven` is empty"):
        with_person(empty, None, remote=False)
    with pytest.raises(BadInput, match="no person drives 'ego'"):
        load_scenario(find_scenario("highway_brake"), ["events=[{at_s: 1, input: {vehicle: ego}}]"])
