"""Commands of the fleet's operator: through the broker and the link to the car, and back."""

import json
from pathlib import Path

import pytest

from cosim.recording import read_table
from cosim.why import explain, told
from tests.e2e.conftest import SHORT, run_cosim
from tests.e2e.test_failures import assert_refused

ADVICE = "{at_s: 4, command: {vehicle: ego, speed_advice_mps: 15}}"
# The broker takes a step of the twins, 0.1 s, an empty cell some 0.01 s; a full one makes it late.
LATE = "{at_s: 6, command: {vehicle: ego, minimal_risk_manoeuvre: true, valid_s: 0.15}}"
NO_WAY = "{at_s: 7, command: {vehicle: ego, route: [nowhere]}}"
FULL = "network.load=[{cell: west, from_s: 5, prb_utilisation: 1.0}]"
OBEYS = ["--set", "vehicles.driven.0.drives=[acc, fleet_commands]"]


@pytest.fixture(scope="module")
def commanded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a command in time, one that a full cell makes late, and one that can't be."""
    out = tmp_path_factory.mktemp("commands") / "run"
    events = f"events=[{ADVICE}, {LATE}, {NO_WAY}]"
    done = run_cosim(*SHORT[:4], *OBEYS, "--set", events, "--set", FULL, "--out", out)
    assert done.returncode == 0, done.stderr
    return out


def test_commands_in_time_are_obeyed_and_late_ones_are_refused(commanded: Path) -> None:
    table = read_table(commanded, "events")
    noted = table[table["kind"].astype(str).str.startswith("command_")]
    assert list(zip(noted["other"], noted["kind"], strict=True)) == [
        ("command-1", "command_given"),
        ("command-1", "command_accepted"),
        ("command-2", "command_given"),
        ("command-2", "command_refused"),
        ("command-3", "command_given"),
        ("command-3", "command_refused"),
    ]
    assert "after its validity" in noted["detail"].iloc[3]
    assert noted["detail"].iloc[5] == "no such way"

    decisions = read_table(commanded, "decisions").set_index("time_s")
    obeyed = decisions[decisions["function"] == "fleet_commands"]
    packets = read_table(commanded, "packets").set_index("packet_id")
    (command,) = {packet for causes in obeyed["packets"] for packet in causes}
    assert packets.loc[command, "kind"] == "fleet_command"
    assert obeyed.index.min() >= packets.loc[command, "ended_ns"] * 1e-9
    assert decisions["speed_mps"].iloc[-1] < 16.0
    answers = packets.query("kind == 'fleet_answer'")
    assert (answers["fate"] == "delivered").all()
    assert len(answers) == 3


def test_why_shows_the_refused_command_and_what_made_it_late(commanded: Path) -> None:
    chain = explain(commanded, event="refused_command")
    (refused,) = chain.refused
    commands = read_table(commanded, "commands").set_index("command")
    row = commands.loc["command-2"]
    assert (refused.command, refused.kind) == ("command-2", "minimal_risk_manoeuvre")
    assert (refused.given_s, refused.validity_ms) == (6.0, 150.0)
    assert refused.age_ms == pytest.approx(1e3 * (row["heard_s"] - row["given_s"]), abs=1e-3)
    assert refused.age_ms > refused.validity_ms

    # The packet that carried it: sent when the broker was done, heard at the age it is refused at.
    packet = read_table(commanded, "packets").set_index("packet_id").loc[row["packet_id"]]
    carried = refused.packet
    assert (carried.packet_id, carried.kind, carried.fate) == (
        row["packet_id"],
        packet["kind"],
        packet["fate"],
    )
    assert (carried.kind, carried.receiver) == ("fleet_command", "ego")
    at_broker_ms = 1e3 * (carried.sent_s - refused.given_s)
    assert at_broker_ms == pytest.approx(100.0)
    assert at_broker_ms + carried.took_ms == pytest.approx(refused.age_ms, abs=2e-3)

    # Without the full cell's queue it would have been in time.
    queue = carried.causes[0]
    assert (queue.stage, queue.cell) == ("dl_queue", packet["downlink_cell"])
    assert queue.load[0]["cell"] == "west"
    assert refused.age_ms - queue.spent_ms < refused.validity_ms

    # It decides, at the step after, as if the command had never come.
    decisions = read_table(commanded, "decisions")
    step = decisions[decisions["time_s"] >= row["heard_s"]].iloc[0]
    assert chain.time_s == row["time_s"] == step["time_s"]
    assert chain.reason == step["reason"] == "advised speed"
    assert [one.packet_id for one in chain.information] == [commands["packet_id"].iloc[0]]

    # In time but impossible: shown at its own instant.
    (impossible,) = explain(commanded, at_s=commands["time_s"].iloc[2]).refused
    assert (impossible.command, impossible.reason) == ("command-3", "no such way")
    assert impossible.age_ms < impossible.validity_ms


def test_why_tells_it_in_words_and_as_json(commanded: Path) -> None:
    chain = explain(commanded, event="refused_command")
    (refused,) = chain.refused
    done = run_cosim("why", commanded, "--event", "refused_command")
    assert (done.returncode, done.stdout) == (0, told(chain) + "\n")
    late_s = (refused.age_ms - refused.validity_ms) / 1e3
    for words in (
        f"refused command-2 (minimal_risk_manoeuvre): came {late_s:.3f} s after its validity",
        f"valid for 150 ms, {refused.age_ms:.0f} ms old when it came, 100 ms by way of the broker",
        f"(packet {refused.packet.packet_id})",
        "load: west at 100% since 5 s",
    ):
        assert words in done.stdout
    done = run_cosim("why", commanded, "--event", "refused_command", "--json")
    assert json.loads(done.stdout)["refused"][0]["packet"]["packet_id"] == refused.packet.packet_id


def test_a_command_to_who_does_not_obey_is_bad_input(tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    assert_refused(run_cosim(*SHORT[:4], "--set", f"events=[{ADVICE}]", *out), "fleet_commands")
    both = f"events=[{ADVICE.replace('15', '15, route: [a]')}]"
    assert_refused(run_cosim(*SHORT[:4], *OBEYS, "--set", both, *out), "exactly one of")
