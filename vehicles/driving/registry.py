"""The driving functions that come with the bridge, and how a scenario names them and one's own."""

from __future__ import annotations

import difflib
from typing import Any, cast

from pydantic import GetJsonSchemaHandler, ValidationError, model_serializer, model_validator
from pydantic_core import CoreSchema

from network.plugins import build, named_class
from network.settings import ClassPath, Settings
from vehicles.driving.acc import Acc, AccSettings
from vehicles.driving.base import DrivingFunction
from vehicles.driving.cacc import Cacc, CaccSettings
from vehicles.driving.emergency_brake_warning import EmergencyBrakeWarning
from vehicles.driving.fleet_commands import FleetCommands, FleetCommandsSettings
from vehicles.driving.glosa import Glosa, GlosaSettings
from vehicles.driving.intersection_warning import IntersectionWarning
from vehicles.driving.network_aware import NetworkAware, NetworkAwareSettings
from vehicles.driving.person import Person, PersonSettings
from vehicles.driving.platoon import Platoon, PlatoonSettings
from vehicles.driving.remote_driving import RemoteDriving, RemoteDrivingSettings
from vehicles.driving.vru_warning import VruWarning


class NoSettings(Settings):
    """Settings of a function that has none."""


class OwnFunction(Settings):
    """A function of one's own: its class, and what the scenario says about it."""

    path: ClassPath
    settings: dict[str, Any]

    @model_validator(mode="after")
    def _can_be_made(self) -> OwnFunction:
        self.make()
        return self

    def make(self) -> DrivingFunction:
        """The function for one vehicle; ValueError if its class or its settings are wrong."""
        kind: type[Settings] = getattr(named_class("drives", self.path), "Settings", NoSettings)
        try:
            settings = kind.model_validate(self.settings)
        except ValidationError as error:
            raise ValueError(f"{self.path}: {_first_of(error, kind)}") from error
        arguments = () if kind is NoSettings else (settings,)
        return cast("DrivingFunction", build(DrivingFunction, "drives", self.path, *arguments))


class Drive(Settings):
    """A driving function: its name, or its name and settings, as in `{acc: {time_gap_s: 2}}`.

    One's own is named by its class, as `package.module:Class`.
    """

    acc: AccSettings | None = None
    emergency_brake_warning: NoSettings | None = None
    remote_driving: RemoteDrivingSettings | None = None
    network_aware: NetworkAwareSettings | None = None
    fleet_commands: FleetCommandsSettings | None = None
    cacc: CaccSettings | None = None
    platoon: PlatoonSettings | None = None
    intersection_warning: NoSettings | None = None
    vru_warning: NoSettings | None = None
    glosa: GlosaSettings | None = None
    person: PersonSettings | None = None
    own: OwnFunction | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        if isinstance(given, str):
            given = {given: None}
        if not isinstance(given, dict):
            return given
        if len(given) != 1:
            raise ValueError("expected one driving function: its name, or its name and settings")
        ((name, settings),) = given.items()
        settings = {} if settings is None else settings
        return {"own": {"path": name, "settings": settings}} if ":" in name else {name: settings}

    @model_serializer
    def _as_named(self) -> dict[str, Any]:
        if self.own is not None:
            return {self.own.path: self.own.settings}
        name, settings = self._builtin()
        return {name: settings.model_dump(mode="json")}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        reference = handler(core_schema)
        schema = handler.resolve_ref_schema(reference)
        del schema["properties"]["own"]
        own = {"patternProperties": {":": {"type": "object"}}}
        named = {**schema, **own, "minProperties": 1, "maxProperties": 1}
        description = named.pop("description")
        schema.clear()
        schema.update(description=description, anyOf=[{"type": "string"}, named])
        return reference

    def make(self) -> DrivingFunction:
        """The function for one vehicle."""
        if self.own is not None:
            return self.own.make()
        name, settings = self._builtin()
        arguments = () if isinstance(settings, NoSettings) else (settings,)
        return cast("DrivingFunction", FUNCTIONS[name](*arguments))

    def _builtin(self) -> tuple[str, Settings]:
        return next((name, given) for name, given in self if given is not None)


FUNCTIONS: dict[str, Any] = {
    function.name: function
    for function in (
        Acc,
        Cacc,
        EmergencyBrakeWarning,
        FleetCommands,
        Glosa,
        IntersectionWarning,
        NetworkAware,
        Person,
        Platoon,
        RemoteDriving,
        VruWarning,
    )
}
"""Classes of the functions that come with the bridge, by name."""


def _first_of(error: ValidationError, kind: type[Settings]) -> str:
    """The first thing that is wrong with settings, in a few words."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"`{key}`: {first['msg']}"
    known = list(kind.model_fields)
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean `{nearest[0]}`?" if nearest else f"expected one of {known}"
    return f"unknown key `{key}`; {hint}"
