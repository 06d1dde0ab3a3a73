from __future__ import annotations

from dataclasses import replace

import pytest

from tests.vehicles.driving.scene import ego_at, situation, straight
from vehicles.driving.base import Proposal
from vehicles.driving.fleet_commands import FleetCommands, FleetCommandsSettings
from vehicles.messages.fleet_command import FleetCommand
from vehicles.messages.received import Received

MS = 1_000_000
ADVICE = FleetCommand("a", "speed_advice", 0, 1000 * MS, speed_mps=10.0)
STOP = FleetCommand("s", "minimal_risk_manoeuvre", 100 * MS, 1000 * MS)


def told(
    function: FleetCommands,
    *commands: FleetCommand,
    received_ms: int = 200,
    now_ms: int = 220,
    speed_mps: float = 20.0,
) -> Proposal | None:
    here = situation(straight(), ego_at(50.0, speed_mps))
    received = [
        Received(40 + k, command, command.generation_time_ns, received_ms * MS)
        for k, command in enumerate(commands)
    ]
    return function.decide(replace(here, instant_ns=now_ms * MS, received=received))


@pytest.fixture
def function() -> FleetCommands:
    return FleetCommands(FleetCommandsSettings())


def test_it_says_nothing_until_it_is_asked(function: FleetCommands) -> None:
    assert told(function) is None


def test_an_advice_holds_until_the_next_command(function: FleetCommands) -> None:
    proposal = told(function, ADVICE)
    assert proposal is not None
    assert proposal.acceleration_mps2 == -2.0
    assert [received.packet_id for received in proposal.messages] == [40]
    assert told(function, now_ms=60_000, speed_mps=5.0).acceleration_mps2 > 0.5  # type: ignore[union-attr]
    stopping = told(function, STOP)
    assert stopping is not None
    assert stopping.acceleration_mps2 == -2.5
    assert stopping.keeps_lane
    going = told(function, replace(ADVICE, command_id="b", generation_time_ns=150 * MS))
    assert going is not None
    assert going.reason == "advised speed"


def test_it_stops_and_stays(function: FleetCommands) -> None:
    told(function, STOP)
    standing = told(function, speed_mps=0.0)
    assert standing is not None
    assert standing.acceleration_mps2 < 0.0


def test_what_comes_late_is_refused_by_its_validity(function: FleetCommands) -> None:
    assert told(function, ADVICE, received_ms=1413, now_ms=1420) is None
    ((received, answer),) = function.take_answers()
    assert received.message is ADVICE
    assert received.packet_id == 40
    assert not answer.accepted
    assert answer.reason == "came 0.413 s after its validity"
    assert function.take_answers() == []


def test_the_last_instant_of_its_validity_is_in_time(function: FleetCommands) -> None:
    assert told(function, ADVICE, received_ms=1000, now_ms=1020) is not None


def test_what_a_later_command_has_overtaken_is_refused(function: FleetCommands) -> None:
    told(function, STOP)
    proposal = told(function, ADVICE)
    assert proposal is not None
    assert proposal.reason.startswith("minimal-risk")
    answers = [answer for _, answer in function.take_answers()]
    assert [answer.accepted for answer in answers] == [True, False]
    assert answers[1].reason == "came after s, which was given later"


def test_a_repeated_command_is_answered_once(function: FleetCommands) -> None:
    told(function, ADVICE, ADVICE)
    told(function, ADVICE)
    assert len(function.take_answers()) == 1


def test_a_route_is_accepted_and_leaves_the_speed_alone(function: FleetCommands) -> None:
    route = FleetCommand("r", "route", 0, 1000 * MS, route=("e1", "e2"))
    assert told(function, route) is None
    ((received, answer),) = function.take_answers()
    assert answer.accepted
    assert received.message.route == ("e1", "e2")
