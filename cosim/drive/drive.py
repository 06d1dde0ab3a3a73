"""A drive: the scenario with a person at the wheel, and who looks after them."""

from __future__ import annotations

from cosim.federate import BadInput
from cosim.scenario import Scenario
from vehicles.driving.person import PersonSettings
from vehicles.driving.registry import Drive
from vehicles.driving.remote_driving import RemoteDrivingSettings
from vehicles.settings import DrivenSettings


def with_person(scenario: Scenario, vehicle: str | None, *, remote: bool) -> tuple[Scenario, str]:
    """The scenario with a person who drives one of its driven vehicles, and that one's name.

    Functions that would hold the car back warn the person in it; a person afar has them as the
    scenario has them. What it expects, it expects of its own functions and not of a person.

    Args:
        scenario: what to drive in.
        vehicle: which driven vehicle; the first if None.
        remote: the person drives from afar, by what the link brings them.

    Raises:
        BadInput: there is no such driven vehicle.
    """
    names = scenario.driven_ids
    if not names:
        raise BadInput(f"{scenario.name}: `vehicles.driven` is empty; a drive needs a car to drive")
    if vehicle is None:
        vehicle = names[0]
    if vehicle not in names:
        raise BadInput(f"--vehicle {vehicle}: not driven; expected one of {', '.join(names)}")
    driven = [
        _driven_by_person(one, remote=remote) if one.id == vehicle else one
        for one in scenario.vehicles.driven
    ]
    vehicles = scenario.vehicles.model_copy(update={"driven": driven})
    update = {"vehicles": vehicles, "expect": {}, "requirements": {}}
    return scenario.model_copy(update=update), vehicle


def _driven_by_person(driven: DrivenSettings, *, remote: bool) -> DrivenSettings:
    def said(name: str) -> list[Drive]:
        return [drive for drive in driven.drives if getattr(drive, name) is not None]

    others = [
        drive for drive in driven.drives if drive.person is None and drive.remote_driving is None
    ]
    if remote:
        settings = next((drive.remote_driving for drive in said("remote_driving")), None)
        settings = settings or RemoteDrivingSettings()
        driver = settings.driver.model_copy(update={"who": "person"})
        own = Drive(remote_driving=settings.model_copy(update={"driver": driver}))
    else:
        own = next(iter(said("person")), Drive(person=PersonSettings()))
    return driven.model_copy(update={"drives": [*others, own]})
