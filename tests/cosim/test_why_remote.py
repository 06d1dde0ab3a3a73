"""Explanations of a remotely driven car's decisions, held against the run's own tables.

It drives out of one cell into another, a full one: its commands are lost to interference before the
handover, its video waits out the handover, and then in the full cell's queue.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cosim.recording import SCHEMAS, read_table
from cosim.why import Chain, as_json, explain, told
from cosim.why.packets import Carried
from cosim.why.remote import Picture, RemoteDrive
from tests.cosim.valley import drive

CELLS = (
    "network.cells=[{id: west, x_m: 180, y_m: -60, sectors: 1}, "
    "{id: east, x_m: 420, y_m: -60, sectors: 1}]"
)
FULL = "network.load=[{cell: east, from_s: 3, prb_utilisation: 1.3}]"
FIRST = (
    "network.qos={video: 2, remote_command: 85}",
    "network.slices=[{name: remote driving, min_prb_share: 0.5, five_qi: [2, 85]}]",
)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("why") / "valley"
    drive(folder, CELLS, FULL)
    return folder / "run"


@pytest.fixture(scope="module")
def handover(run_dir: Path) -> pd.Series:
    (row,) = read_table(run_dir, "handovers").query("id == 'ego'").iloc
    return row


def remote_of(chain: Chain) -> RemoteDrive:
    assert chain.remote is not None
    return chain.remote


def packets_of(run_dir: Path) -> pd.DataFrame:
    return read_table(run_dir, "packets").set_index("packet_id")


def assert_is_its_row(carried: Carried, row: pd.Series) -> None:
    """A packet's fate and all of its milliseconds are those of the table."""
    assert (carried.kind, carried.fate) == (row["kind"], row["fate"])
    assert carried.sent_s == pytest.approx(row["sent_ns"] / 1e9, abs=1e-6)
    for stage, spent_ms in carried.stages_ms.items():
        assert spent_ms == pytest.approx(row[f"{stage}_ns"] / 1e6, abs=1e-3)
    assert sum(carried.stages_ms.values()) == pytest.approx(carried.took_ms, abs=0.02)


def assert_is_its_frame(picture: Picture, run_dir: Path) -> None:
    """A picture's packets, and the way to the screen, are those of the tables."""
    frame = read_table(run_dir, "frames").set_index("frame").loc[picture.frame]
    packets = packets_of(run_dir)
    own = packets.loc[list(frame["packets"])]
    assert picture.captured_s == frame["time_s"]
    assert picture.packets == len(own)
    assert picture.fates == own["fate"].astype(str).value_counts().to_dict()
    telling = list(frame["packets"])[picture.fragment - 1]
    assert picture.slowest.packet_id == telling
    assert_is_its_row(picture.slowest, packets.loc[telling])
    if (own["fate"] == "delivered").all():
        assert picture.slowest.took_ms == pytest.approx(
            (own["ended_ns"] - own["sent_ns"]).max() / 1e6, abs=1e-3
        )
    else:
        assert picture.slowest.fate != "delivered"
    if picture.shown_s is None:
        assert np.isnan(frame["glass_to_glass_ms"])
        return
    took_ms = frame["glass_to_glass_ms"]
    assert sum(picture.stages_ms.values()) == pytest.approx(took_ms, abs=0.02)
    assert picture.shown_s == pytest.approx(picture.captured_s + took_ms / 1e3, abs=1e-5)
    assert picture.stages_ms["camera"] == pytest.approx(15.0, abs=1.0)
    assert picture.stages_ms["encoder"] == pytest.approx(10.0, abs=2.5)
    assert picture.stages_ms["network"] == pytest.approx(
        (own["ended_ns"] - own["sent_ns"]).max() / 1e6, abs=2e-3
    )
    assert picture.stages_ms["decoder"] == pytest.approx(15.0, abs=3.0)


@pytest.mark.parametrize("at_s", [8.0, 11.3, 11.9, 12.5])
def test_from_the_decision_to_the_command_to_the_picture_to_its_packets(
    run_dir: Path, at_s: float
) -> None:
    chain = explain(run_dir, at_s=at_s)
    remote = remote_of(chain)
    decision = read_table(run_dir, "decisions").query("time_s == @at_s").iloc[0]
    state = read_table(run_dir, "remote_driving").query("time_s == @at_s").iloc[0]
    commands = read_table(run_dir, "remote_commands").set_index("packet_id")
    assert (remote.mode, remote.frame) == (state["mode"], state["frame"])
    assert remote.picture_age_ms == state["picture_age_ms"]
    assert chain.function == decision["function"] == "remote_driving"
    assert [one.packet.packet_id for one in remote.commands] == decision["packets"].tolist()
    assert [one.packet.age_ms for one in remote.commands] == decision["message_ages_ms"].tolist()
    newest = remote.commands[0]
    assert newest.on_screen == state["frame"]
    for command, picture in zip(remote.commands, remote.pictures, strict=True):
        row = commands.loc[command.packet.packet_id]
        assert_is_its_row(command.packet, packets_of(run_dir).loc[command.packet.packet_id])
        assert command.packet.ended_s <= at_s
        assert (command.given_s, command.acted_on) == (row["time_s"], row["acted_on_frame"])
        assert command.acceleration_mps2 == row["acceleration_mps2"]
        assert picture.frame == command.acted_on <= command.on_screen
        age_ms = 1e3 * (command.given_s - picture.captured_s)
        assert command.acted_on_age_ms == pytest.approx(age_ms, abs=1e-3)
        # The driver takes 200 ms to answer what is on the screen, and looks every 20 ms.
        assert picture.shown_s is not None
        assert 0.2 <= command.given_s - picture.shown_s < 0.2 + 0.06 + 0.3 * (at_s > 11.0)
        assert_is_its_frame(picture, run_dir)
    for picture in remote.unseen:
        assert_is_its_frame(picture, run_dir)
        assert picture.shown_s is None or picture.shown_s > at_s


def test_what_a_good_network_brings_in_time_is_not_called_late(run_dir: Path) -> None:
    remote = remote_of(explain(run_dir, at_s=8.0))
    assert remote.mode == "remote"
    assert (remote.unheard_count, remote.unseen_count) == (0, 0)


def test_lost_commands_are_named_and_the_load_that_drowned_them(
    run_dir: Path, handover: pd.Series
) -> None:
    chain = explain(run_dir, event="mrm")
    remote, packets = remote_of(chain), packets_of(run_dir)
    assert chain.time_s < handover["time_s"]
    assert (remote.mode, chain.reason) == ("minimal_risk", "lost the driver")
    assert remote.picture_age_ms is not None
    assert remote.picture_age_ms > 300.0
    # Those given since the picture behind the newest command was taken that weren't in the car.
    commands = read_table(run_dir, "remote_commands")
    since_s = chain.time_s - remote.picture_age_ms / 1e3
    given = commands[commands["time_s"].between(since_s + 1e-6, chain.time_s - 0.011)]
    fates = packets.loc[given["packet_id"]]
    came = (fates["fate"] == "delivered") & (fates["ended_ns"] <= 1e9 * chain.time_s)
    missing = given["packet_id"][~came.to_numpy()].tolist()
    assert remote.unheard_count == len(missing) > 5
    assert [one.packet.packet_id for one in remote.unheard] == missing[:3]
    for command in remote.unheard:
        assert_is_its_row(command.packet, packets.loc[command.packet.packet_id])
        (cause,) = command.packet.causes[:1]
        assert (command.packet.fate, cause.stage) == ("radio", "dl_retransmission")
        assert cause.cell == handover["from_cell"]
        assert cause.load == []
        assert [load["cell"] for load in cause.interference] == ["east"]
    # The pictures came all the while: it is the commands that were missing.
    assert remote.unseen_count == 0


def test_the_picture_s_way_leads_through_the_handover_and_the_full_cell_s_queue(
    run_dir: Path, handover: pd.Series
) -> None:
    late = remote_of(explain(run_dir, at_s=11.9)).unseen[0]
    packet = late.slowest
    scenario = json.loads((run_dir / "manifest.json").read_text())["scenario"]
    causes = {cause.stage: cause for cause in packet.causes}
    assert {"ul_queue", "interruption"} <= set(causes)
    queue, interruption = causes["ul_queue"], causes["interruption"]
    assert packet.sent_s < handover["time_s"] + handover["interruption_ms"] / 1e3
    (change,) = interruption.handovers
    assert (change.from_cell, change.to_cell, change.when) == ("west/0", "east/0", "during")
    assert change.time_s == pytest.approx(handover["time_s"], abs=1e-6)
    assert (
        interruption.spent_ms
        <= change.interruption_ms
        == pytest.approx(handover["interruption_ms"], abs=1e-3)
    )
    assert (queue.cell, queue.direction, queue.station) == ("east/0", "uplink", "ego")
    assert queue.load == scenario["network"]["load"]
    cells = read_table(run_dir, "cells")
    near = cells[
        (cells["cell"] == "east/0") & cells["time_s"].between(packet.sent_s, packet.ended_s)
    ]
    assert queue.utilisation == pytest.approx(near["uplink_utilisation"].mean(), abs=0.1)
    # It waits behind the car's own video.
    assert 0 < queue.own <= queue.others


def test_a_picture_waits_for_the_one_before_it(tmp_path: Path) -> None:
    # Packets of a frame overtake those of the frame before.
    jitter = "network.impairments=[{kind: backhaul_delay, jitter_ms: 30, from_s: 1}]"
    drive(tmp_path / "jitter", jitter, "duration_s=4")
    run_dir = tmp_path / "jitter" / "run"
    frames = read_table(run_dir, "frames").set_index("frame")
    packets = packets_of(run_dir)
    complete_ns = frames["packets"].map(lambda own: packets.loc[list(own), "ended_ns"].max())
    network_ms = complete_ns / 1e6 - 1e3 * frames["time_s"]
    waited_ms = frames["glass_to_glass_ms"] - frames["process_ms"] - network_ms
    commands = read_table(run_dir, "remote_commands").set_index("packet_id")
    decisions = read_table(run_dir, "decisions")
    decisions = decisions[decisions["packets"].map(len) == 1]
    acted_on = commands["acted_on_frame"].loc[decisions["packets"].map(lambda own: own[0])]
    row = int(np.argmax(waited_ms.loc[acted_on]))
    number = int(acted_on.iloc[row])
    assert waited_ms[number] > 5.0
    (picture,) = remote_of(explain(run_dir, at_s=float(decisions["time_s"].iloc[row]))).pictures
    assert picture.frame == number
    assert_is_its_frame(picture, run_dir)
    assert picture.stages_ms["order"] == pytest.approx(waited_ms[number], abs=0.01)
    assert picture.held_up_by is not None
    assert picture.held_up_by < number
    # It could be decoded in the very moment in which that one was complete.
    later_ms = (complete_ns[picture.held_up_by] - complete_ns[number]) / 1e6
    assert later_ms == pytest.approx(waited_ms[number], abs=0.01)


def test_before_the_first_picture_nothing_is_commanded(run_dir: Path) -> None:
    chain = explain(run_dir, at_s=0.2)
    remote = remote_of(chain)
    assert (remote.mode, remote.frame, remote.given_count) == ("on_board", None, 0)
    assert remote.commands == remote.pictures == []
    assert "the remote driver had commanded nothing yet" in told(chain)


def test_with_a_5qi_and_a_slice_the_full_cell_costs_nothing(run_dir: Path, tmp_path: Path) -> None:
    drive(tmp_path / "first", CELLS, FULL, *FIRST)
    first = tmp_path / "first" / "run"
    without, given = (remote_of(explain(one, at_s=12.8)) for one in (run_dir, first))
    assert without.picture_age_ms is not None
    assert given.picture_age_ms is not None
    assert given.picture_age_ms < 150.0 < 300.0 < without.picture_age_ms
    (queue,) = [one for one in without.commands[0].packet.causes if one.stage == "dl_queue"]
    assert queue.load[0]["cell"] == "east"
    assert given.commands[0].packet.causes == []
    assert given.unseen_count == 0 < without.unseen_count
    # Both were served by the same full cell.
    packets = packets_of(first)
    assert (
        packets.loc[given.commands[0].packet.packet_id, "downlink_cell"] == queue.cell == "east/0"
    )


def test_of_a_run_that_goes_on_what_is_recorded_is_told(run_dir: Path, tmp_path: Path) -> None:
    # At 12.4 s packets that are on their way have no row yet, nor have frames not yet shown.
    cut_s = 12.4
    shutil.copy(run_dir / "manifest.json", tmp_path)
    for table in SCHEMAS:
        rows = read_table(run_dir, table)
        if table == "packets":
            rows = rows[rows["ended_ns"] <= 1e9 * cut_s]
        elif table == "frames":
            rows = rows[rows["time_s"] + rows["glass_to_glass_ms"] / 1e3 <= cut_s]
        else:
            rows = rows[rows["time_s"] <= cut_s]
        rows.to_parquet(tmp_path / f"{table}.parquet")
    there, here = (explain(one, at_s=cut_s) for one in (run_dir, tmp_path))
    assert remote_of(here).frame == remote_of(there).frame
    (one,), (same,) = remote_of(here).commands, remote_of(there).commands
    assert (one.packet.packet_id, one.acted_on) == (same.packet.packet_id, same.acted_on)
    assert remote_of(here).unheard_count < remote_of(there).unheard_count


@pytest.mark.parametrize("at_s", [8.0, 11.36, 11.9, 12.5])
def test_words_on_one_screen_and_all_of_it_as_json(run_dir: Path, at_s: float) -> None:
    chain = explain(run_dir, at_s=at_s)
    remote = remote_of(chain)
    text = told(chain)
    assert len(text.splitlines()) <= 40
    assert max(map(len, text.splitlines())) < 160
    newest = remote.commands[0]
    for words in (
        f"the picture behind the newest command, {remote.frame}, is",
        f"(packet {newest.packet.packet_id})",
        f"for picture {newest.acted_on} of",
        *(f"picture {one.frame} of" for one in remote.unseen),
        *(f"(packet {one.packet.packet_id})" for one in remote.unheard),
    ):
        assert words in text
    again = json.loads(as_json(chain))["remote"]
    assert again["commands"][0]["acted_on"] == again["pictures"][0]["frame"] == newest.acted_on
