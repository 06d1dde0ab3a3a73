"""One's own propagation, handover rule and scheduler, named in the settings as `module:Class`."""

from __future__ import annotations

import importlib
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from network.arrays import Floats, Ints
from network.radio.channel import Sight
from network.ran.cells import Timeline, cells_of, path_gains_of
from network.ran.measurement import Levels
from network.ran.scheduler import Scheduler
from network.settings import HandoverSettings, NetworkSettings, SiteSettings


class Propagation(Protocol):
    """What `radio.propagation` names: made as `Class(cells, radio, seed)`.

    It gets `radio.channel.Cells`, `settings.RadioSettings` and the run's seed.
    """

    def path_gain_db(self, x_m: Floats, y_m: Floats, height_m: Floats) -> Floats:
        """Return received less transmitted power of every link [dB] (stations, cells).

        Path loss, shadowing and the base station's antenna are in it (`Cells.antenna_gain_dbi`),
        the station's antenna and fading are not. The same place has to give the same value.
        """
        ...


class HandoverRule(Protocol):
    """What `handover.rule` names: made as `Class(stations, cells, handover)`.

    It gets the number of rows to keep track of, the number of cells and
    `settings.HandoverSettings`. What it decides still takes preparation and interruption.
    """

    def update(
        self, instant_ns: int, stations: Ints, rsrp_dbm: Levels, serving: Ints
    ) -> tuple[Ints, Ints]:
        """Take in a measurement; return who is to be handed over, and to which cells.

        Args:
            instant_ns: When it was taken [ns].
            stations: Rows that are served and not amid a handover (n,), each once.
            rsrp_dbm: Filtered RSRP of every cell (n, cells) [dBm].
            serving: Serving cell of each (n,).
        """
        ...

    def reset(self, stations: Ints) -> None:
        """Forget rows: new stations, or such with another serving cell."""
        ...

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        ...


def named_class(setting: str, path: str) -> type[Any]:
    """Return the class that a setting names.

    Args:
        setting: Name of the setting, for messages.
        path: `package.module:Class`; the module has to be importable.

    Raises:
        ValueError: No such module or class.
    """
    module_name, _, name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ValueError(
            f"{setting} {path!r}: module {module_name!r} can't be imported: {error}"
        ) from error
    found = getattr(module, name, None)
    if not isinstance(found, type):
        raise ValueError(f"{setting} {path!r}: module {module_name!r} has no class {name!r}")
    return found


def build(face: object, setting: str, path: str, *arguments: object) -> Any:
    """Return an object of a class that a setting names.

    Args:
        face: The protocol that it has to keep to.
        setting: Name of the setting, for messages.
        path: As for `named_class`.
        *arguments: What the class is made with.

    Raises:
        ValueError: No such module or class, or one that lacks something of the protocol.
    """
    one = named_class(setting, path)(*arguments)
    members = {*vars(face), *vars(face).get("__annotations__", {})}
    lacking = sorted(m for m in members if not m.startswith("_") and not hasattr(one, m))
    if lacking:
        raise ValueError(f"{setting} {path!r}: {type(one).__name__} has no {', '.join(lacking)}")
    return one


def handover_rule(stations: int, cells: int, settings: HandoverSettings) -> HandoverRule | None:
    """Return the rule of one's own that settings ask for, if any."""
    if settings.rule is None:
        return None
    own: HandoverRule = build(
        HandoverRule, "handover.rule", settings.rule, stations, cells, settings
    )
    return own


def propagation(
    settings: NetworkSettings,
    sites: tuple[SiteSettings, ...],
    *,
    seed: int,
    sight: Sight | None = None,
) -> Propagation:
    """Return the gains that settings ask for: one's own, or as `ran.cells.path_gains_of`."""
    radio = settings.radio
    if radio.propagation is not None:
        own: Propagation = build(
            Propagation, "radio.propagation", radio.propagation, cells_of(sites), radio, seed
        )
        return own
    return path_gains_of(settings, sites, seed=seed, sight=sight)


def scheduler(
    settings: NetworkSettings,
    direction: str,
    *,
    cell_keys: NDArray[np.uint64],
    utilisation: Timeline,
    seed: int,
) -> Scheduler:
    """Return the scheduler of a direction that settings ask for; arguments as `Scheduler`.

    Raises:
        ValueError: No such class, or one that isn't derived from `Scheduler`.
    """
    path = settings.scheduling.model
    kind = Scheduler if path is None else named_class("scheduling.model", path)
    if not issubclass(kind, Scheduler):
        raise ValueError(
            f"scheduling.model {path!r}: {kind.__name__} isn't derived from "
            "network.ran.scheduler:Scheduler"
        )
    return kind(settings, direction, cell_keys=cell_keys, utilisation=utilisation, seed=seed)
