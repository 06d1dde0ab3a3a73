"""The window: key events drive the ego, and the instruments show what the run's tables have."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.drive.seat import DrivingSeat
from cosim.drive.window import Window
from cosim.recording import read_manifest, read_table
from tests.carla_server import carla_server
from tests.cosim.drive.at_window import ENDS_S
from tests.filming_carla_server import x_m
from vehicles.driving.person import Inputs

pygame = pytest.importorskip("pygame")


def at_window(*arguments: object) -> list[dict[str, Any]]:
    """What was shown on a drive, oldest first."""
    command = [sys.executable, "-m", "tests.cosim.drive.at_window", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    shown: list[dict[str, Any]] = json.loads((Path(str(arguments[1])) / "shown.json").read_text())
    return shown


def assert_it_turned(run_dir: Path) -> None:
    """The throttle, the wheel to the left and back, the brake."""
    assert read_manifest(run_dir)["complete"]
    assert read_manifest(run_dir)["reached_s"] == pytest.approx(ENDS_S, abs=1.0)
    inputs = read_table(run_dir, "inputs")
    assert inputs["steering"].tolist() == [0.0, 0.0, 1.0, 0.0, -1.0, 0.0]
    at_s = inputs["time_s"].tolist()
    users = read_table(run_dir, "road_users")
    ego = users[users["id"] == "ego"].set_index("time_s")

    def turned_rad(from_s: float, to_s: float) -> float:
        heading = np.unwrap(ego["heading_rad"].loc[from_s - 0.05 : to_s + 0.4])
        return float(heading[-1] - heading[0])

    assert turned_rad(at_s[2], at_s[3]) > 0.03
    assert turned_rad(at_s[4], at_s[5]) < -0.03
    braking = ego["speed_mps"].loc[at_s[5] :]
    assert braking.iloc[-1] < braking.iloc[0] - 3.0


def assert_shown_as_recorded(run_dir: Path, shown: list[dict[str, Any]]) -> None:
    assert len(shown) > 20
    links = read_table(run_dir, "links")
    links = links[links["id"] == "ego"].set_index("time_s")
    decisions = read_table(run_dir, "decisions").set_index("time_s")
    handovers = read_table(run_dir, "handovers")
    handovers = handovers[handovers["id"] == "ego"]
    packets = read_table(run_dir, "packets")
    packets = packets[(packets["receiver"] == "ego") & (packets["fate"] == "delivered")]
    for view in shown:
        lines = view["lines"]
        # Recorded is as far as the traffic's step.
        recorded_ns = view["now_ns"] // 100_000_000 * 100_000_000
        upto_s = recorded_ns * 1e-9 + 1e-6
        if links.loc[:upto_s].empty or decisions.loc[:upto_s].empty:
            continue
        link, decision = links.loc[:upto_s].iloc[-1], decisions.loc[:upto_s].iloc[-1]
        cell = link["cell"] + (" (interrupted)" if link["interrupted"] else "")
        assert lines["cell"] == (cell or "none")
        if cell and not np.isnan(link["rsrp_dbm"]):
            assert lines["RSRP"] == f"{link['rsrp_dbm']:.1f} dBm"
            assert lines["SINR"] == f"{link['sinr_db']:.1f} dB"
        assert lines["speed"] == f"{3.6 * decision['speed_mps']:.0f} km/h"
        assert lines["handovers"] == str(int((handovers["time_s"] <= upto_s).sum()))
        here = packets[packets["ended_ns"] <= recorded_ns]
        for kind, own in here.groupby("kind", observed=True):
            age_ms = (view["now_ns"] - own["sent_ns"].max()) / 1e6
            assert lines[kind] == f"{len(own)}, newest {age_ms:.0f} ms old"
        newest = here[here["ended_ns"] > recorded_ns - 1_000_000_000]
        delay_ms = (newest["ended_ns"] - newest["sent_ns"]).median() / 1e6
        assert lines["delay"] == ("- ms" if np.isnan(delay_ms) else f"{delay_ms:.1f} ms")
    # There was something to show.
    last = shown[-1]["lines"]
    assert {"cam", "cell", "real time"} <= set(last)
    assert last["delay"] != "- ms"


def test_keys_drive_and_the_instruments_show_what_is_recorded(tmp_path: Path) -> None:
    shown = at_window("highway_brake", tmp_path)
    assert_it_turned(tmp_path)
    assert_shown_as_recorded(tmp_path, shown)
    picture = pygame.image.load(tmp_path / "shown.png")
    assert picture.get_size() == (960, 540)
    colours = {
        tuple(picture.get_at((x, y)))[:3] for x in range(0, 700, 2) for y in range(0, 540, 2)
    }
    # The ground, the road, the car and others.
    assert {(24, 27, 32), (58, 62, 70), (86, 180, 233), (230, 159, 0)} <= colours


def test_a_gamepad_steers_and_its_triggers_are_the_pedals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    seat = DrivingSeat()
    with Window((320, 240)) as window:
        for axis, value in ((0, -18022), (5, 32767), (4, 7864)):
            pygame.event.post(
                pygame.event.Event(pygame.CONTROLLERAXISMOTION, axis=axis, value=value)
            )
        assert window.read(seat)
        shoulder = pygame.CONTROLLER_BUTTON_RIGHTSHOULDER
        pygame.event.post(pygame.event.Event(pygame.CONTROLLERBUTTONDOWN, button=shoulder))
        assert window.read(seat)
        assert seat.read(0) == Inputs(steering=0.5, throttle=1.0, brake=0.2, reverse=True)
        pygame.event.post(pygame.event.Event(pygame.WINDOWFOCUSLOST))
        assert window.read(seat)
        assert seat.read(0) == Inputs(reverse=True)
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_ESCAPE))
        assert not window.read(seat)


def assert_the_photo_is_of(
    instants_s: list[float], shown: list[dict[str, Any]], run_dir: Path, *, within_m: float
) -> None:
    """What the camera saw at those instants is what was drawn."""
    users = read_table(run_dir, "road_users")
    ego = users[users["id"] == "ego"]
    seen_m = np.array([x_m(*view["middle"]) for view in shown])
    there_m = np.interp(instants_s, ego["time_s"], ego["x_m"])
    assert np.isfinite(seen_m).sum() > 20
    assert np.nanmax(np.abs(seen_m - there_m)) < within_m


def test_the_picture_of_carla_s_camera_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("carla")
    near, afar = tmp_path / "near", tmp_path / "afar"
    with carla_server(films=True) as port:
        in_carla = ["vehicles.backend=carla", f"vehicles.carla.port={port}"]
        shown = at_window("highway_brake", near, *in_carla)
        shown_afar = at_window("remote_drive_full_cell", afar, "remote", *in_carla)
    # The last picture to have come is of this tick or of one before.
    now_s = [view["now_ns"] * 1e-9 for view in shown]
    assert_the_photo_is_of(now_s, shown, near, within_m=2.0)
    captured_s = [view["now_ns"] * 1e-9 - view["picture_age_ms"] * 1e-3 for view in shown_afar]
    assert_the_photo_is_of(captured_s, shown_afar, afar, within_m=0.5)


def test_keys_drive_in_carla(tmp_path: Path) -> None:
    pytest.importorskip("carla")
    with carla_server() as port:
        in_carla = ["vehicles.backend=carla", f"vehicles.carla.port={port}"]
        forwards, backwards = tmp_path / "forwards", tmp_path / "backwards"
        shown = at_window("highway_brake", forwards, *in_carla)
        # On a slower road, where it soon stands.
        at_window("remote_drive_full_cell", backwards, "reverse", *in_carla)
    assert_it_turned(forwards)
    assert_shown_as_recorded(forwards, shown)
    users = read_table(backwards, "road_users")
    speed_mps = users[users["id"] == "ego"].set_index("time_s")["speed_mps"]
    assert abs(speed_mps.loc[2.5]) < 0.1
    assert speed_mps.loc[3.0:5.5].min() < -3.0
    assert abs(speed_mps.iloc[-1]) < abs(speed_mps.loc[3.0:5.5].min()) - 2.0
