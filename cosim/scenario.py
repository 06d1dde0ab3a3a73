"""The scenario file: what it may say, and how it is read."""

from __future__ import annotations

import difflib
import os
import types
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from cosim.batch.sweep import Sweep
from cosim.events import EventSettings
from cosim.expectations import Bounds
from cosim.federate import BadInput
from cosim.requirements import check_requirement, expected
from cosim.traffic.files import read_configuration
from cosim.traffic.settings import TrafficSettings
from network.settings import NetworkSettings, Settings
from vehicles.messages.kinds import MessageKind
from vehicles.settings import DrivingSettings, V2xSettings, VehiclesSettings
from vehicles.twins.settings import TwinsSettings
from vehicles.weather import WeatherSettings

_FALLBACK_DURATION_S = 3600.0


class LinkSettings(NetworkSettings):
    """The network, and how often its side of the bridge is advanced."""

    step_s: float = Field(
        0.02, gt=0, le=1, description="How often receptions are handed over to the other sides."
    )

    @field_validator("qos")
    @classmethod
    def _kinds_exist(cls, qos: dict[str, int]) -> dict[str, int]:
        _check_kinds(qos)
        return qos


def _check_kinds(names: Iterable[str]) -> None:
    kinds = [kind.name.lower() for kind in MessageKind]
    for name in names:
        if name not in kinds:
            raise ValueError(f"no kind of message is called {name!r}; expected {_list(kinds)}")


class Scenario(Settings):
    """A scenario. Paths are relative to its file."""

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    description: str = ""
    duration_s: float = Field(gt=0)
    seed: int = Field(1, ge=0, lt=2**63, description="Every random draw follows from it.")
    vehicles: VehiclesSettings = VehiclesSettings()
    traffic: TrafficSettings
    weather: WeatherSettings = WeatherSettings()
    driving: DrivingSettings = DrivingSettings()
    v2x: V2xSettings = V2xSettings()
    network: LinkSettings = LinkSettings()
    twins: TwinsSettings | None = TwinsSettings()
    events: list[EventSettings] = []
    expect: dict[str, Bounds] = Field(
        {}, description="KPI name: what it must be for the run to pass."
    )
    requirements: dict[str, list[str]] = Field(
        {}, description="Published requirement: the kinds of messages it is asked of."
    )
    sweep: Sweep | None = Field(
        None, description="Key path: values that `cosim batch` runs it with, in all combinations."
    )
    pace: float | None = Field(
        None,
        gt=0,
        description="Simulated seconds per wall-clock second; as fast as it goes if none.",
    )
    watchdog_s: float = Field(
        30.0, gt=0, description="Wall-clock time after which a side that doesn't answer is dead."
    )

    @field_validator("requirements")
    @classmethod
    def _requirements_exist(cls, requirements: dict[str, list[str]]) -> dict[str, list[str]]:
        for name, kinds in requirements.items():
            check_requirement(name)
            _check_kinds(kinds)
        return requirements

    @property
    def driven_ids(self) -> list[str]:
        """Ids of the driven vehicles, under which their KPIs stand."""
        return [driven.id for driven in self.vehicles.driven]

    @property
    def person_ids(self) -> list[str]:
        """Ids of the vehicles that a person drives, in them or from afar."""
        return [driven.id for driven in self.vehicles.driven if driven.has_person]

    @property
    def expectations(self) -> dict[str, Bounds]:
        """What is expected of each KPI, requirements included."""
        return {**self.expect, **{name: expected(name) for name in self.requirements}}

    @field_validator("traffic")
    @classmethod
    def _some_road(cls, traffic: TrafficSettings, info: ValidationInfo) -> TrafficSettings:
        # A town of CARLA's brings its own road.
        vehicles = info.data.get("vehicles")
        from_town = vehicles is not None and vehicles.town is not None
        if traffic.sumocfg is None and traffic.net is None and not from_town:
            raise ValueError("give either `sumocfg` or `net`")
        return traffic

    @model_validator(mode="after")
    def _events_in_time(self) -> Scenario:
        for event in self.events:
            if event.at_s >= self.duration_s:
                raise ValueError(
                    f"event at {event.at_s:g} s, beyond the duration of {self.duration_s:g} s"
                )
        return self

    @model_validator(mode="after")
    def _somebody_is_at_the_wheel(self) -> Scenario:
        for event in self.events:
            if event.input is not None and event.input.vehicle not in self.person_ids:
                raise ValueError(
                    f"no person drives {event.input.vehicle!r}; expected one of "
                    f"{_list(self.person_ids) or 'those that `person` drives'}"
                )
        return self

    @model_validator(mode="after")
    def _commands_can_be_given(self) -> Scenario:
        obeying = [
            driven.id
            for driven in self.vehicles.driven
            if any(drive.fleet_commands is not None for drive in driven.drives)
        ]
        for event in self.events:
            if event.command is None:
                continue
            if self.twins is None:
                raise ValueError("commands go by the twins' broker, and there are no `twins`")
            if event.command.vehicle not in obeying:
                raise ValueError(
                    f"nobody called {event.command.vehicle!r} drives `fleet_commands`; expected "
                    f"one of {_list(obeying) or 'those that do'}"
                )
        return self


def load_scenario(path: Path, overrides: Iterable[str] = (), *, told_as: str = "--set") -> Scenario:
    """Read a scenario file, or lay the defaults around a .sumocfg.

    Args:
        path: a scenario (.yaml) or a SUMO configuration (.sumocfg).
        overrides: `key.path=value` with the value in YAML, applied before checking.
        told_as: what errors in the overrides call them.

    Raises:
        BadInput: one line with file, line, key and what was expected.
    """
    if not path.is_file():
        raise BadInput(f"{path}: no such file; `cosim list` shows the scenarios that come with it")
    document = _around_sumocfg(path) if path.suffix == ".sumocfg" else _read_yaml(path)
    overridden = [_override(document, override, told_as) for override in overrides]
    try:
        scenario = Scenario.model_validate(_plain(document))
    except ValidationError as error:
        raise BadInput(_explain(error, document, path, overridden, told_as)) from error
    return _with_paths_from(scenario, path)


def save_scenario(scenario: Scenario, file: Path) -> None:
    """Write a scenario into a file that `load_scenario` reads as the same.

    What it doesn't say itself is left to the defaults; its paths become relative to the file.
    """
    folder = file.parent.resolve()

    def plain(node: Any) -> Any:
        if isinstance(node, Mapping):
            return {key: plain(value) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return [plain(value) for value in node]
        return Path(os.path.relpath(node, folder)).as_posix() if isinstance(node, Path) else node

    with file.open("w") as stream:
        YAML().dump(plain(scenario.model_dump(exclude_unset=True)), stream)


def _around_sumocfg(path: Path) -> dict[str, Any]:
    configuration = read_configuration(path)
    end_s = configuration.end_s or configuration.begin_s + _FALLBACK_DURATION_S
    return {
        "name": path.name.removesuffix(".sumocfg"),
        "description": f"{path.name} as it is, its first passenger car driven by the bridge",
        "duration_s": end_s - configuration.begin_s,
        "traffic": {"sumocfg": path.name},
        "vehicles": {"driven": [{"id": "ego", "from_traffic": {"vehicle_class": "passenger"}}]},
    }


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        document = YAML(typ="rt").load(path)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadInput(f"{path}:{line}: not YAML: {error.problem}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: can't be read: {error}") from error
    if not isinstance(document, dict):
        raise BadInput(f"{path}:1: expected a scenario (keys and values)")
    return document


def _override(document: dict[str, Any], override: str, told_as: str) -> tuple[str | int, ...]:
    """Put `key.path=value` into the document; return the path."""
    keys, separator, text = override.partition("=")
    if not separator or not keys:
        raise BadInput(f"{told_as} {override}: expected key.path=value")
    parts: list[str | int] = [int(part) if part.isdigit() else part for part in keys.split(".")]
    try:
        value = YAML(typ="safe").load(text)
    except MarkedYAMLError as error:
        raise BadInput(f"{told_as} {override}: the value is not YAML: {error.problem}") from error
    node: Any = document
    part: Any
    try:
        for part, following in pairwise(parts):
            child = node[part] if isinstance(node, list) else node.get(part)
            if not isinstance(child, Mapping | list):
                # A single value gives way to one with parts.
                child = node[part] = [] if isinstance(following, int) else {}
            node = child
        if isinstance(node, list) and parts[-1] == len(node):
            node.append(value)
        else:
            node[parts[-1]] = value
    except (KeyError, IndexError, TypeError) as error:
        raise BadInput(f"{told_as} {override}: there is nothing at {keys} to set") from error
    return tuple(parts)


def _plain(node: Any) -> Any:
    """Without what the YAML reader knows of lines."""
    if isinstance(node, Mapping):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    return node


def _explain(
    error: ValidationError,
    document: Any,
    path: Path,
    overridden: list[tuple[str | int, ...]],
    told_as: str,
) -> str:
    """The first thing that is wrong, in one line; a misspelt key before what it leaves missing."""
    errors = error.errors(include_url=False)
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    loc = tuple(first["loc"])
    key = ".".join(str(part) for part in loc) or "scenario"
    if first["type"] == "extra_forbidden":
        known = _known_keys(loc[:-1])
        nearest = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.5)
        expected = f"did you mean `{nearest[0]}`?" if nearest else f"expected one of {_list(known)}"
        what = f"unknown key `{key}`; {expected}"
    elif first["type"] == "missing":
        what = f"`{key}` is missing"
    else:
        message = first["msg"].removeprefix("Value error, ")
        given = first.get("input")
        shown = f", got {given!r}" if isinstance(given, str | int | float | bool) else ""
        what = f"`{key}`: {message[0].lower()}{message[1:]}{shown}"
    if any(loc[: len(parts)] == parts or parts[: len(loc)] == loc for parts in overridden):
        return f"{told_as}: {what}"
    line = _line_of(document, loc)
    return f"{path}:{line}: {what}" if line else f"{path}: {what}"


def _line_of(document: Any, loc: tuple[str | int, ...]) -> int | None:
    """Line of the innermost key on the path that the file has."""
    node, line = document, None
    for part in loc:
        marks = getattr(node, "lc", None)
        try:
            if marks is not None:
                line = marks.data[part][0] + 1
            node = node[part]
        except (KeyError, IndexError, TypeError):
            break
    return line


def _known_keys(loc: tuple[str | int, ...]) -> list[str]:
    """Keys that the model at this path has."""
    model: type[BaseModel] | None = Scenario
    for part in loc:
        if isinstance(part, int) or model is None:
            continue
        field = model.model_fields.get(part)
        if field is None:
            break
        model = _model_in(field.annotation)
    return list(model.model_fields) if model is not None else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside an annotation such as `list[Model] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, list, tuple, dict):
        for argument in get_args(annotation):
            if (model := _model_in(argument)) is not None:
                return model
    return None


def _list(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _with_paths_from(scenario: Scenario, path: Path) -> Scenario:
    """Resolve the scenario's paths against its folder and see that they exist."""
    folder = path.parent.resolve()
    traffic, network = scenario.traffic, scenario.network

    def found(given: Path, key: str) -> Path:
        resolved = Path(os.path.normpath(folder / given))
        if not resolved.is_file():
            raise BadInput(f"{path}: `{key}`: no such file: {resolved}")
        return resolved

    traffic = traffic.model_copy(
        update={
            "sumocfg": found(traffic.sumocfg, "traffic.sumocfg") if traffic.sumocfg else None,
            "net": found(traffic.net, "traffic.net") if traffic.net else None,
            "routes": [found(route, "traffic.routes") for route in traffic.routes],
            "additional": [found(file, "traffic.additional") for file in traffic.additional],
            "buildings": [found(file, "traffic.buildings") for file in traffic.buildings],
        }
    )
    if network.trace is not None:
        file = found(network.trace.file, "network.trace.file")
        network = network.model_copy(
            update={"trace": network.trace.model_copy(update={"file": file})}
        )
    if network.radio.map is not None:
        radio_map = found(network.radio.map, "network.radio.map")
        radio = network.radio.model_copy(update={"map": radio_map})
        network = network.model_copy(update={"radio": radio})
    twins = scenario.twins
    if twins is not None:
        names = ("password_file", "ca", "certificate", "key")
        files = {name: file for name in names if (file := getattr(twins, name)) is not None}
        twins = twins.model_copy(
            update={name: found(file, f"twins.{name}") for name, file in files.items()}
        )
    return scenario.model_copy(update={"traffic": traffic, "network": network, "twins": twins})
