from __future__ import annotations

from tests.vehicles.driving.scene import CAR, bodies, ego_at, situation, straight
from vehicles.driving.acc import Acc, AccSettings
from vehicles.driving.base import Proposal, Situation
from vehicles.driving.driver import Choice, Driver


class Wants:
    """A function that wants one thing, whatever there is."""

    def __init__(self, name: str, proposal: Proposal | None) -> None:
        self.name = name
        self._proposal = proposal

    def decide(self, _situation: Situation) -> Proposal | None:
        return self._proposal


def drives(name: str, acceleration_mps2: float) -> Wants:
    return Wants(name, Proposal(acceleration_mps2, "drives", takes_over=True))


def holds_back(name: str, acceleration_mps2: float) -> Wants:
    return Wants(name, Proposal(acceleration_mps2, "holds back"))


def chosen(*functions: Wants | Acc, here: Situation | None = None) -> Choice:
    return Driver(functions).decide(here or situation(straight(), ego_at(50, 10.0)))


def test_acc_drives_when_nobody_takes_over() -> None:
    assert chosen().function == "acc"
    assert chosen(Wants("silent", None)).function == "acc"
    # Listed with settings of its own, it is that one.
    slow = chosen(Acc(AccSettings(desired_speed_mps=10.0)))
    assert abs(slow.proposal.acceleration_mps2) < 1e-9


def test_the_last_that_takes_over_drives() -> None:
    choice = chosen(drives("one", 0.2), drives("other", 0.7), Wants("silent", None))
    assert (choice.function, choice.proposal.acceleration_mps2) == ("other", 0.7)
    assert chosen(drives("other", 0.7), drives("one", 0.2)).function == "one"


def test_who_holds_back_only_makes_it_slower() -> None:
    assert chosen(drives("one", 0.5), holds_back("other", 1.0)).function == "one"
    assert chosen(holds_back("other", -1.0), drives("one", 0.5)).function == "other"
    lowest = chosen(holds_back("a", -1.0), holds_back("b", -3.0), holds_back("c", -2.0))
    assert lowest.function == "b"


def test_nobody_keeps_the_emergency_brake_from_braking() -> None:
    wall = situation(straight(), ego_at(50, 15.0), bodies((60, 0, 0, 0.0, CAR)))
    choice = chosen(drives("reckless", 3.0), here=wall)
    assert choice.function == "aeb"
    assert choice.proposal.acceleration_mps2 == -9.0
