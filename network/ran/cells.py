"""The cells of a network: from sites or a hexagonal grid, and how loaded they are when."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from network.arrays import Bools, Floats
from network.draws import key_of
from network.packet import NS_PER_S
from network.radio.channel import Cells, Channel, PathGains, Sight
from network.radio.log_distance import LogDistance, MeasuredLoss
from network.radio.maps import RadioMap
from network.settings import (
    GridSettings,
    LoadBurst,
    LoadSettings,
    NetworkSettings,
    RadioSettings,
    SiteSettings,
)

Bounds = tuple[float, float, float, float]
"""x and y of the lower left corner, then of the upper right one [m]."""


class Timeline(NamedTuple):
    """A value for each cell that changes at instants: `values[k]` holds from `from_ns[k]`."""

    from_ns: list[int]
    values: list[Floats]

    def of(self, cells: slice) -> Timeline:
        """Return that of some of the cells."""
        return Timeline(self.from_ns, [values[cells] for values in self.values])


def sites_of(settings: NetworkSettings, bounds_m: Bounds) -> tuple[SiteSettings, ...]:
    """Return the sites that settings name, or else a grid of sites over an area.

    Raises:
        ValueError: An area that isn't one, or too large for the grid's `max_sites`.
    """
    xmin, ymin, xmax, ymax = bounds_m
    if not (np.isfinite(bounds_m).all() and xmin <= xmax and ymin <= ymax):
        raise ValueError(f"bounds {bounds_m} are no area; expected finite (xmin, ymin, xmax, ymax)")
    return settings.cells or hexagonal_grid(settings.grid or GridSettings(), bounds_m)


def hexagonal_grid(grid: GridSettings, bounds_m: Bounds) -> tuple[SiteSettings, ...]:
    """Return sites on a hexagonal grid, one of them amid the area, so that the area is covered.

    A site is there if its hexagon reaches into the area. The sites are named `g0`, `g1`, ... from
    the lower left, row by row.

    Raises:
        ValueError: More sites than `max_sites`.
    """
    xmin, ymin, xmax, ymax = bounds_m
    across = grid.inter_site_distance_m
    up = across * np.sqrt(3.0) / 2.0
    reach = across / np.sqrt(3.0)
    rows = int(((ymax - ymin) / 2.0 + reach) // up)
    columns = int(((xmax - xmin) / 2.0 + across / 2.0) // across) + 1
    most = (2 * rows + 1) * (2 * columns + 1)
    if most > 8 * grid.max_sites + 64:
        raise _too_many(grid, most)
    places = []
    for row in range(-rows, rows + 1):
        y = (ymin + ymax) / 2.0 + row * up
        for column in range(-columns, columns + 1):
            x = (xmin + xmax) / 2.0 + (column + (row % 2) / 2.0) * across
            if xmin - across / 2.0 <= x <= xmax + across / 2.0:
                places.append((x, y))
    if len(places) > grid.max_sites:
        raise _too_many(grid, len(places))
    return tuple(
        SiteSettings(
            id=f"g{number}",
            x_m=x,
            y_m=y,
            height_m=grid.height_m,
            power_dbm=grid.power_dbm,
            sectors=grid.sectors,
            azimuth_deg=grid.azimuth_deg,
            downtilt_deg=grid.downtilt_deg,
        )
        for number, (x, y) in enumerate(places)
    )


def cell_names(sites: tuple[SiteSettings, ...]) -> tuple[str, ...]:
    """Return the cells' names, `site/sector`, in the order of all arrays over cells."""
    return tuple(f"{site.id}/{sector}" for site in sites for sector in range(site.sectors))


def cells_of(sites: tuple[SiteSettings, ...]) -> Cells:
    """Return the cells of sites as arrays."""
    rows = [
        (
            key_of(site.id),
            site.x_m,
            site.y_m,
            site.height_m,
            np.radians(site.azimuth_deg + sector * 360.0 / site.sectors)
            if site.sectors > 1
            else np.nan,
            np.radians(site.downtilt_deg),
        )
        for site in sites
        for sector in range(site.sectors)
    ]
    keys, *columns = zip(*rows, strict=True)
    return Cells(np.array(keys, dtype=np.uint64), *(np.array(c, dtype=np.float64) for c in columns))


def path_gains_of(
    settings: NetworkSettings,
    sites: tuple[SiteSettings, ...],
    *,
    seed: int,
    sight: Sight | None = None,
) -> PathGains:
    """Return the gains between stations and cells: by the formulas, or from the settings' map.

    Args:
        settings: The network.
        sites: Its sites.
        seed: Seed of the run.
        sight: Line of sight by geometry; a map has it in itself.

    Raises:
        ValueError: A file that is no radio map, or lacks one of the cells.
    """
    if settings.radio.map is not None:
        return RadioMap.load(settings.radio.map, cell_names(sites))
    return Channel(
        cells_of(sites),
        scenario=settings.radio.scenario,
        carrier_ghz=settings.radio.carrier_ghz,
        seed=seed,
        sight=sight,
        measured=measured_loss(settings.radio),
    )


def measured_loss(radio: RadioSettings) -> MeasuredLoss | None:
    """Return path loss and shadowing as measured, if the settings have them."""
    if radio.path_loss is None:
        return None
    states = radio.path_loss.los, radio.path_loss.nlos
    return MeasuredLoss(*(LogDistance(**state.model_dump()) for state in states))


def powers_dbm(sites: tuple[SiteSettings, ...]) -> Floats:
    """Return each cell's power [dBm]."""
    return np.array([site.power_dbm for site in sites for _ in range(site.sectors)])


def cells_called(cell: str, names: tuple[str, ...], what: str) -> Bools:
    """Return which cells a setting means by the name of a site or a cell (cells,).

    Raises:
        ValueError: A name that no cell has.
    """
    mask = np.array([cell in (name, name.rpartition("/")[0]) for name in names])
    if not mask.any():
        raise ValueError(
            f"{what} names the cell {cell!r}, which there is not; "
            f"expected one of {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}"
        )
    return mask


def utilisation_of(settings: NetworkSettings, names: tuple[str, ...]) -> Timeline:
    """Return the background utilisation of each cell over time.

    Raises:
        ValueError: A load for a cell that isn't there.
    """
    changes = {0}
    covered = []
    loads: list[LoadSettings | LoadBurst] = [*settings.load]
    loads += [one for one in settings.impairments if isinstance(one, LoadBurst)]
    for load in loads:
        mask = cells_called(load.cell, names, "load")
        begin = round(load.from_s * NS_PER_S)
        end = None if load.to_s is None else round(load.to_s * NS_PER_S)
        changes.update([begin] if end is None else [begin, end])
        covered.append((begin, end, mask, load.prb_utilisation))
    instants = sorted(changes)
    values = []
    for instant in instants:
        value = np.full(len(names), settings.background.prb_utilisation)
        for begin, end, mask, utilisation in covered:
            if begin <= instant and (end is None or instant < end):
                value[mask] = utilisation
        values.append(value)
    return Timeline(instants, values)


def _too_many(grid: GridSettings, sites: int) -> ValueError:
    return ValueError(
        f"a grid at {grid.inter_site_distance_m:g} m would take {sites} sites, more than "
        f"{grid.max_sites}; expected a larger inter_site_distance_m, or max_sites raised"
    )
