"""Attacks in a real run, and what the receiver makes of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from cosim.recording import read_table
from cosim.run import run
from cosim.scenario import load_scenario
from cosim.shipped import find_scenario

QUIET = ["duration_s=12", "network.model=ideal", "twins=null", "network.load=[]"]


def discarded(out: Path, events: str) -> pd.DataFrame:
    run(load_scenario(find_scenario("highway_brake"), [*QUIET, f"events={events}"]), out)
    return read_table(out, "misbehaviour")


def test_an_honest_run_discards_nothing(tmp_path: Path) -> None:
    found = discarded(tmp_path, "[{at_s: 4, brake: {vehicle: lead, deceleration_mps2: 8}}]")
    assert len(found) == 0
    decisions = read_table(tmp_path, "decisions")
    assert (decisions["function"] == "emergency_brake_warning").any()


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    events = """[
        {at_s: 4, brake: {vehicle: lead, deceleration_mps2: 8, to_mps: 10, hold_s: 1}},
        {at_s: 4, replay: {by: truck, message: denm, record_s: 1, delay_s: 4}},
        {at_s: 4, replay: {by: truck, message: denm, record_s: 1, delay_s: 4, restamp: true}},
        {at_s: 8, spoof: {by: truck, station_id: 1, x_m: 90000, y_m: 0, for_s: 1}},
        {at_s: 9, spoof: {by: truck, station_id: 2, x_m: 300, y_m: 0, speed_mps: 120, for_s: 1}},
        {at_s: 10, flood: {by: truck, rate_hz: 200, for_s: 1}},
        {at_s: 11, spoof: {by: nobody, x_m: 0, y_m: 0}},
    ]"""
    out = tmp_path_factory.mktemp("attacked") / "run"
    discarded(out, events)
    return out


def test_what_can_be_told_is_discarded_and_reported(attacked: Path) -> None:
    found = read_table(attacked, "misbehaviour")
    counted = found.groupby("check", observed=True).size()
    # Ten a second for a second each; a replay of ten warnings and more.
    assert counted["reach"] == 10
    assert counted["speed"] == 10
    assert counted["expired"] >= 10
    flood = found[found["time_s"].between(10.0, 11.2) & (found["kind"] == "cam")]
    # Random bytes are now and then a CAM, of somebody who is somewhere on Earth.
    assert len(flood) == 200
    assert (flood["check"] == "malformed").mean() > 0.9
    packets = read_table(attacked, "packets").set_index("packet_id")
    assert (packets.loc[found["packet_id"], "fate"] == "delivered").all()
    assert (packets.loc[found["packet_id"], "sender"] == "truck").all()


def test_what_cant_be_told_is_believed(attacked: Path) -> None:
    # Restamped by one who can sign, the warning of 4 s is as good at 8 s as a true one.
    found = read_table(attacked, "misbehaviour")
    expired = found[found["check"] == "expired"]
    packets = read_table(attacked, "packets")
    replayed = packets[
        (packets["kind"] == "denm") & (packets["sender"] == "truck")
        & (packets["receiver"] == "ego") & (packets["sent_ns"] >= 8_000_000_000)
        & (packets["fate"] == "delivered")
    ]  # fmt: skip
    assert len(replayed) > len(expired)


def test_attacks_are_told_among_the_events(attacked: Path) -> None:
    events = read_table(attacked, "events")
    told = events[events["kind"].isin(["spoof", "replay", "flood"])]
    assert told["kind"].tolist() == ["replay", "replay", "spoof", "spoof", "flood", "spoof"]
    assert told["detail"].iloc[-1] == "not on the road"
