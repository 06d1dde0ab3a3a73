"""Remote driving in whole runs: what the network does to it, and what the car does without it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from cosim.recording import read_table
from tests.cosim.valley import drive
from tests.runs import run_scenario


@cache
def kpis_with(impairment: str | None) -> dict[str, float | None]:
    """What comes of a drive with an impairment once the remote driver has the wheel."""
    with TemporaryDirectory() as folder:
        overrides = [f"network.impairments=[{{from_s: 4, {impairment}}}]"] if impairment else []
        return drive(Path(folder) / "valley", *overrides).kpis


def figures(kpi: str, *impairments: str) -> list[float]:
    """A KPI of the ego's without an impairment and with each."""
    values = [kpis_with(impairment)[f"ego.{kpi}"] for impairment in (None, *impairments)]
    return [value for value in values if value is not None]


def test_the_later_the_pictures_the_slower_the_car() -> None:
    speed_mps = figures(
        "mean_speed_mps",
        *(f"kind: backhaul_delay, extra_ms: {extra_ms}" for extra_ms in (60, 100, 160)),
    )
    assert len(speed_mps) == 4
    assert np.diff(speed_mps).max() < -0.1


def test_the_more_is_lost_the_longer_the_car_brakes_for_want_of_a_driver() -> None:
    lost_s = figures(
        "mrm_s", *(f"kind: backhaul_loss, probability: {p}" for p in (0.002, 0.01, 0.05))
    )
    assert len(lost_s) == 4
    assert lost_s[0] == 0.0
    assert np.diff(lost_s).min() > 0.2


def test_the_fuller_the_cell_the_longer_the_car_brakes_for_want_of_a_driver() -> None:
    lost_s = figures(
        "mrm_s",
        *(f"kind: load_burst, cell: mast, prb_utilisation: {load}" for load in (0.8, 1.0, 1.4)),
    )
    assert len(lost_s) == 4
    assert lost_s[0] == 0.0
    assert np.diff(lost_s).min() > 0.2


def test_without_the_network_it_stops_and_is_driven_on_afterwards(tmp_path: Path) -> None:
    outage = "network.impairments=[{kind: core_failure, from_s: 4, to_s: 11}]"
    kpis = drive(tmp_path / "lost", outage, "duration_s=20").kpis
    run_dir = tmp_path / "lost" / "run"
    events = read_table(run_dir, "events")
    assert events["kind"].tolist() == ["minimal_risk_manoeuvre", "remote_driver_back"]
    lost_s, back_s = events["time_s"]
    assert 4.1 < lost_s < 4.4
    assert 11.5 < back_s < 12.0
    decisions = read_table(run_dir, "decisions").set_index("time_s")
    assert decisions["speed_mps"].loc[lost_s + 7.0 : back_s].max() < 0.01
    assert decisions["lane_offset_m"].loc[lost_s:back_s].abs().max() < 0.85
    assert kpis["ego.max_deceleration_mps2"] is not None
    assert kpis["ego.max_deceleration_mps2"] < 2.6
    # Who drives on is the remote driver, on commands that arrived.
    driven = decisions.loc[back_s + 0.1 :]
    assert set(driven["function"]) == {"remote_driving"}
    assert driven["speed_mps"].iloc[-1] > 5.0
    packets = read_table(run_dir, "packets").set_index("packet_id")
    causes = packets.loc[[ids[0] for ids in driven["packets"]]]
    assert set(causes["kind"]) == {"remote_command"}
    assert (causes["ended_ns"].to_numpy() <= driven.index.to_numpy() * 1e9 + 1).all()


def test_the_pictures_behind_a_command_can_be_traced_to_their_packets(tmp_path: Path) -> None:
    drive(tmp_path / "run", "duration_s=4")
    run_dir = tmp_path / "run" / "run"
    frames = read_table(run_dir, "frames").set_index("frame")
    packets = read_table(run_dir, "packets").set_index("packet_id")
    last = read_table(run_dir, "remote_driving").iloc[-1]
    frame = frames.loc[last["frame"]]
    assert (last["time_s"] - frame["time_s"]) * 1e3 == pytest.approx(last["picture_age_ms"])
    own = packets.loc[list(frame["packets"])]
    assert set(own["kind"]) == {"video"}
    assert set(own["fate"]) == {"delivered"}
    assert own["size_bytes"].sum() == frame["size_bytes"]
    arrived_ms = own["ended_ns"].max() / 1e6 - 1e3 * frame["time_s"]
    # From the last packet to the screen: N(15, 0.75) ms.
    assert frame["glass_to_glass_ms"] - arrived_ms == pytest.approx(15.0, abs=3.0)


def test_without_the_network_it_is_no_worse_than_acc_alone(tmp_path: Path) -> None:
    braking = "events=[{at_s: 6, brake: {vehicle: ahead, deceleration_mps2: 7}}]"
    gone = "network.impairments=[{kind: core_failure, from_s: 4}]"
    alone = drive(tmp_path / "alone", braking, "vehicles.driven.0.drives=[acc]").kpis
    afar = drive(tmp_path / "afar", braking, gone).kpis
    assert alone["ego.collisions"] == afar["ego.collisions"] == 0
    assert afar["ego.mrm_count"] == 1
    assert (afar["ego.min_ttc_s"] or np.inf) >= (alone["ego.min_ttc_s"] or np.inf)
    assert (afar["ego.max_drac_mps2"] or 0.0) <= (alone["ego.max_drac_mps2"] or 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["remote_drive_full_cell", "remote_drive_slice", "rainy_car_park"])
def test_the_scenarios_hold(name: str, tmp_path: Path) -> None:
    outcome = run_scenario(name, tmp_path / name)
    assert [verdict for verdict in outcome.verdicts if not verdict.passed] == []
