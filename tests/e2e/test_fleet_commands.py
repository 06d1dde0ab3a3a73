"""Commands of the fleet's operator: through the broker and the link to the car, and back."""

from pathlib import Path

from cosim.recording import read_table
from tests.e2e.conftest import SHORT, run_cosim
from tests.e2e.test_failures import assert_refused

ADVICE = "{at_s: 4, command: {vehicle: ego, speed_advice_mps: 15}}"
# The broker alone takes a step of the twins, 0.1 s: what is valid for so long comes late.
LATE = "{at_s: 6, command: {vehicle: ego, minimal_risk_manoeuvre: true, valid_s: 0.1}}"
NO_WAY = "{at_s: 7, command: {vehicle: ego, route: [nowhere]}}"
OBEYS = ["--set", "vehicles.driven.0.drives=[acc, fleet_commands]"]


def test_commands_in_time_are_obeyed_and_late_ones_are_refused(tmp_path: Path) -> None:
    events = f"events=[{ADVICE}, {LATE}, {NO_WAY}]"
    done = run_cosim(*SHORT[:4], *OBEYS, "--set", events, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    table = read_table(tmp_path / "out", "events")
    told = table[table["kind"].astype(str).str.startswith("command_")]
    assert list(zip(told["other"], told["kind"], strict=True)) == [
        ("command-1", "command_given"),
        ("command-1", "command_accepted"),
        ("command-2", "command_given"),
        ("command-2", "command_refused"),
        ("command-3", "command_given"),
        ("command-3", "command_refused"),
    ]
    assert "after its validity" in told["detail"].iloc[3]
    assert told["detail"].iloc[5] == "no such way"

    decisions = read_table(tmp_path / "out", "decisions").set_index("time_s")
    obeyed = decisions[decisions["function"] == "fleet_commands"]
    packets = read_table(tmp_path / "out", "packets").set_index("packet_id")
    (command,) = {packet for causes in obeyed["packets"] for packet in causes}
    assert packets.loc[command, "kind"] == "fleet_command"
    assert obeyed.index.min() >= packets.loc[command, "ended_ns"] * 1e-9
    assert decisions["speed_mps"].iloc[-1] < 16.0
    (refused,) = [text for texts in decisions["refused"] for text in texts]
    assert refused.startswith("command-2 (minimal_risk_manoeuvre) came 0.0")
    assert f"packet {packets.index[packets['kind'] == 'fleet_command'][1]}" in refused
    answers = packets.query("kind == 'fleet_answer'")
    assert (answers["fate"] == "delivered").all()
    assert len(answers) == 3


def test_a_command_to_who_does_not_obey_is_bad_input(tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    assert_refused(run_cosim(*SHORT[:4], "--set", f"events=[{ADVICE}]", *out), "fleet_commands")
    both = f"events=[{ADVICE.replace('15', '15, route: [a]')}]"
    assert_refused(run_cosim(*SHORT[:4], *OBEYS, "--set", both, *out), "exactly one of")
