"""One's own propagation, handover rule and scheduler, named in the settings as `module:Class`."""

from __future__ import annotations

import importlib
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from network.arrays import Floats, Ints
from network.radio.channel import Cells, Channel, Sight
from network.ran.cells import Timeline
from network.ran.measurement import Levels
from network.ran.scheduler import Arrivals, Scheduler
from network.settings import HandoverSettings, NetworkSettings, RadioSettings


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


class PacketScheduler(Protocol):
    """What `scheduling.model` names: one for each direction, made as `ran.scheduler.Scheduler`.

    That class is the one to derive from where only a part is to be another.
    """

    prbs: int
    """Resource blocks of the carrier."""
    utilisation: Floats
    """Share of its blocks that each cell used lately (cells,), brought up to date by `measure`."""

    @property
    def least_ns(self) -> int:
        """The least time from arrival to decoding [ns]."""
        ...

    def measure(self, instant_ns: int) -> None:
        """Bring `utilisation` up to an instant [ns]."""
        ...

    def serve(self, to_ns: int, packets: Arrivals) -> tuple[Ints, Ints]:
        """Take in all packets that arrive before an instant; return their plans and fates.

        Plans (n, 4) [ns] are arrival, first slot, first transmission decoded, done; a fate is
        `Fate.IN_FLIGHT` for a packet that gets through, `RADIO` or `EXPIRED` for another.
        """
        ...


def build(face: object, setting: str, path: str, *arguments: object, **named: object) -> Any:
    """Return an object of a class that a setting names.

    Args:
        face: The protocol that it has to keep to.
        setting: Name of the setting, for messages.
        path: `package.module:Class`; the module has to be importable.
        *arguments: What the class is made with.
        **named: The same.

    Raises:
        ValueError: No such module or class, or one that lacks something of the protocol.
    """
    module_name, _, name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ValueError(
            f"{setting} {path!r}: module {module_name!r} can't be imported: {error}"
        ) from error
    made = getattr(module, name, None)
    if not isinstance(made, type):
        raise ValueError(f"{setting} {path!r}: module {module_name!r} has no class {name!r}")
    one = made(*arguments, **named)
    members = {*vars(face), *vars(face).get("__annotations__", {})}
    lacking = sorted(m for m in members if not m.startswith("_") and not hasattr(one, m))
    if lacking:
        raise ValueError(f"{setting} {path!r}: {name} has no {', '.join(lacking)}")
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
    settings: RadioSettings, cells: Cells, *, seed: int, sight: Sight | None
) -> Propagation:
    """Return the gains that settings ask for: the scenario's, or one's own."""
    if settings.propagation is not None:
        own: Propagation = build(
            Propagation, "radio.propagation", settings.propagation, cells, settings, seed
        )
        return own
    return Channel(
        cells,
        scenario=settings.scenario,
        carrier_ghz=settings.carrier_ghz,
        seed=seed,
        sight=sight,
    )


def scheduler(
    settings: NetworkSettings,
    direction: str,
    *,
    cell_keys: NDArray[np.uint64],
    utilisation: Timeline,
    seed: int,
) -> PacketScheduler:
    """Return the scheduler of a direction that settings ask for; arguments as `Scheduler`."""
    known = {"cell_keys": cell_keys, "utilisation": utilisation, "seed": seed}
    own = settings.scheduling.model
    if own is not None:
        one: PacketScheduler = build(
            PacketScheduler, "scheduling.model", own, settings, direction, **known
        )
        return one
    return Scheduler(settings, direction, cell_keys=cell_keys, utilisation=utilisation, seed=seed)
