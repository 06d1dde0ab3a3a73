"""The coverage of a run's network: RSRP, SINR and serving cell over the area of its net."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sumolib
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from scipy.ndimage import binary_closing, distance_transform_edt

from cosim.clock import to_ns
from cosim.plots.recorded import CellLoad, Recorded
from cosim.plots.style import COLOURS, HALO, WIDTH_IN, caption, new_figure, title
from cosim.scenario import Scenario
from cosim.traffic.buildings import Building, read_buildings, sight_past
from cosim.traffic.files import net_and_additional
from cosim.traffic.net import net_bounds_m
from network.arrays import Floats, Ints
from network.phy import prb_count
from network.ran.cells import Bounds, Timeline, utilisation_of
from network.ran.layers import layers_of
from network.ran.signals import Signals
from network.settings import SiteSettings

NO_CELL = -1
_STATION_HEIGHT_M = 1.5
# How much is worked out: a second or two.
_MOST_NODES, _LEAST_NODES, _MOST_LINKS = 60_000, 5_000, 6_000_000
_NODES_AT_ONCE = 4096
_MARGIN = 0.06
# A road alone has no width; beside it one sees where the cells point.
_MOST_ASPECT = 4.5
_BESIDE_EACH_OTHER_BELOW = 2.0

_LEAST_SHARE_WITH_NAME = 0.004
_RSRP_STEPS_DBM = np.arange(-120.0, -49.0, 10.0)
_SINR_STEPS_DB = np.arange(-10.0, 31.0, 5.0)


class Coverage(NamedTuple):
    """What a station would receive at the nodes of a grid; rows go along y, columns along x."""

    sites: tuple[SiteSettings, ...]
    cells: tuple[str, ...]
    x_m: Floats
    y_m: Floats
    rsrp_dbm: Floats
    """Of the strongest cell (rows, columns) [dBm]."""
    sinr_db: Floats
    """Downlink, served by it; NaN where it is too weak to be selected (rows, columns) [dB]."""
    uplink_sinr_db: Floats
    """The same, uplink."""
    serving: Ints
    """The strongest cell's number, `NO_CELL` where it is too weak (rows, columns)."""


class Ground(NamedTuple):
    """What a scenario's area looks like from above [m]."""

    bounds_m: Bounds
    roads: list[list[tuple[float, float]]]
    buildings: list[Building]


def read_ground(scenario: Scenario) -> Ground:
    """Read the net and the buildings that a scenario names.

    Raises:
        BadInput: A file is gone or can't be read.
    """
    net, additional = net_and_additional(scenario.traffic)
    bounds = net_bounds_m(net)
    buildings = read_buildings(net, additional, scenario.traffic.buildings)
    return Ground(bounds, _roads(net), buildings)


def work_out_coverage(scenario: Scenario, ground: Ground, load: CellLoad | None = None) -> Coverage:
    """Work out the coverage on the ground with the channel that the scenario's link has.

    Args:
        scenario: Its network has cells.
        ground: The area.
        load: How loaded the cells are; without it, as their background is on average over the run.

    Raises:
        ValueError: A network that can't be built over this area.
    """
    network = scenario.network
    sight = sight_past(ground.buildings)
    layers = layers_of(network, ground.bounds_m, seed=scenario.seed, sight=sight)
    masts = layers[0]
    names, channel, power_dbm = masts.cell_names, masts.channel, masts.power_dbm
    prbs = prb_count(network.radio.bandwidth_mhz, network.radio.subcarrier_spacing_khz)
    interference = masts.uplink_interference_mw
    every_name = tuple(name for layer in layers for name in layer.cell_names)
    if load is None:
        mean = _mean(utilisation_of(network, every_name), to_ns(scenario.duration_s))
        load = CellLoad(mean, mean)
    down_load, up_load = load.down[: len(names)], load.up[: len(names)]

    x, y = _nodes(_frame(ground.bounds_m), len(names))
    all_x, all_y = (axis.ravel() for axis in np.meshgrid(x, y))
    parts = []
    for begin in range(0, all_x.size, _NODES_AT_ONCE):
        here = slice(begin, begin + _NODES_AT_ONCE)
        stations = np.arange(all_x[here].size)
        signals = Signals(
            stations.size,
            network,
            channel,
            power_dbm,
            prbs=prbs,
            uplink_interference_mw=interference,
        )
        height = np.full(stations.size, _STATION_HEIGHT_M)
        signals.begin(stations, all_x[here], all_y[here], height)
        best = np.argmax(signals.rsrp_dbm, axis=1)
        sinr = signals.sinr_db(stations, best, down_load, up_load)
        parts.append((signals.rsrp_dbm[stations, best], *sinr, best))
    rsrp, down, up, best = (
        np.concatenate(part).reshape(len(y), len(x)) for part in zip(*parts, strict=True)
    )
    served = rsrp >= network.handover.min_rsrp_dbm
    return Coverage(
        masts.sites,
        names,
        x,
        y,
        rsrp,
        np.where(served, down, np.nan),
        np.where(served, up, np.nan),
        np.where(served, best, NO_CELL),
    )


def cell_colours(coverage: Coverage) -> dict[str, str]:
    """A colour for each cell, so that cells beside each other differ where that can be done.

    Cells choose in the order of their area, each what borders it least so far.
    """
    cells = len(coverage.cells)
    border = np.zeros((cells, cells), dtype=np.int64)
    serving = coverage.serving
    for one, other in ((serving[:, 1:], serving[:, :-1]), (serving[1:], serving[:-1])):
        apart = (one != other) & (one != NO_CELL) & (other != NO_CELL)
        np.add.at(border, (one[apart], other[apart]), 1)
    border += border.T
    area = np.bincount(serving[serving != NO_CELL], minlength=cells)
    chosen = np.full(cells, -1)
    for cell in np.argsort(-area, kind="stable"):
        beside = [border[cell, chosen == colour].sum() for colour in range(len(COLOURS))]
        # Where several would do, take turns, so that not all cells are of one colour.
        used = [(chosen == colour).sum() for colour in range(len(COLOURS))]
        chosen[cell] = min(range(len(COLOURS)), key=lambda c: (beside[c], used[c]))
    return {name: COLOURS[chosen[cell]] for cell, name in enumerate(coverage.cells)}


def draw_coverage(
    run: Recorded,
    ground: Ground,
    coverage: Coverage,
    vehicle: str | None,
    vehicle_ids: Sequence[str],
) -> Figure:
    """Draw the maps of RSRP, SINR down and up, and serving cell.

    Args:
        run: The run.
        ground: The area.
        coverage: What is received there.
        vehicle: A driven vehicle, whose way is drawn over the cells.
        vehicle_ids: Its ids in SUMO; none if it was never on the road.
    """
    x, y = coverage.x_m, coverage.y_m
    aspect = (x[-1] - x[0]) / (y[-1] - y[0])
    columns = 2 if aspect < _BESIDE_EACH_OTHER_BELOW else 1
    rows = 4 // columns
    map_height_in = (WIDTH_IN / columns - 1.3) / aspect + 0.45
    figure = new_figure(rows * map_height_in + 1.0)
    maps: list[Axes] = list(figure.subplots(rows, columns, sharex=True, sharey=True).ravel())
    least_dbm = run.scenario.network.handover.min_rsrp_dbm
    scales = (
        (coverage.rsrp_dbm, _RSRP_STEPS_DBM, "RSRP of the strongest cell", "dBm"),
        (coverage.sinr_db, _SINR_STEPS_DB, "downlink SINR in the strongest cell", "dB"),
        (coverage.uplink_sinr_db, _SINR_STEPS_DB, "uplink SINR in the strongest cell", "dB"),
    )
    for axes, (values, steps, what, unit) in zip(maps, scales, strict=False):
        picture = axes.imshow(
            values,
            extent=_extent(coverage),
            origin="lower",
            cmap=_light(),
            norm=BoundaryNorm(steps, _light().N, extend="both"),
            interpolation="nearest",
        )
        caption(axes, f"{what} [{unit}]")
        figure.colorbar(picture, ax=axes, ticks=steps, label=unit, pad=0.01, aspect=25)
    _draw_cells(maps[-1], coverage)
    caption(
        maps[-1], f"strongest cell, and the way of {vehicle}" if vehicle_ids else "strongest cell"
    )
    for axes in maps:
        axes.set_facecolor("0.8")
        _draw_ground(axes, ground)
        _draw_sites(axes, coverage)
        axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), aspect="equal")
        axes.tick_params(labelsize=8)
    for number, axes in enumerate(maps):
        if number % columns == 0:
            axes.set_ylabel("y [m]")
        if number // columns == rows - 1:
            axes.set_xlabel("x [m]")
    _draw_way(maps[-1], run, vehicle_ids)
    network = run.scenario.network
    radio = network.radio
    title(
        figure,
        run,
        f"coverage, {radio.scenario} at {radio.carrier_ghz:g} GHz, {radio.bandwidth_mhz} MHz, "
        f"antennas at {_STATION_HEIGHT_M} m; each cell's load as it was on average\n"
        f"triangles: sites, with the directions of their sectors; "
        f"grey ground: no cell to select (RSRP under {least_dbm:g} dBm)"
        + (" in NR on the ground" if network.lte or network.satellites else "")
        + ("; dark: buildings" if ground.buildings else ""),
    )
    return figure


def _roads(net: Path) -> list[list[tuple[float, float]]]:
    read: Any = sumolib.net.readNet(str(net))
    return [[(p[0], p[1]) for p in edge.getShape()] for edge in read.getEdges(False)]


def _frame(bounds_m: Bounds) -> Bounds:
    """The net's extent with a margin, and no slimmer than a picture can be."""
    x_min, y_min, x_max, y_max = bounds_m
    margin = _MARGIN * max(x_max - x_min, y_max - y_min, 100.0)
    width, height = x_max - x_min + 2 * margin, y_max - y_min + 2 * margin
    wider = max(height / _MOST_ASPECT - width, 0.0) / 2 + margin
    higher = max(width / _MOST_ASPECT - height, 0.0) / 2 + margin
    return x_min - wider, y_min - higher, x_max + wider, y_max + higher


def _nodes(frame: Bounds, cells: int) -> tuple[Floats, Floats]:
    x_min, y_min, x_max, y_max = frame
    nodes = np.clip(_MOST_LINKS / cells, _LEAST_NODES, _MOST_NODES)
    pitch_m = np.sqrt((x_max - x_min) * (y_max - y_min) / nodes)
    return (
        np.linspace(x_min, x_max, int((x_max - x_min) / pitch_m) + 2),
        np.linspace(y_min, y_max, int((y_max - y_min) / pitch_m) + 2),
    )


def _mean(timeline: Timeline, until_ns: int) -> Floats:
    """Average of a timeline from 0 to an instant, each value 1 at most."""
    edges = np.minimum([*timeline.from_ns, until_ns], until_ns)
    weights = np.diff(edges) / until_ns
    return np.asarray(np.minimum(timeline.values, 1.0).T @ weights)


def _light() -> ListedColormap:
    """Viridis without its darkest end, on which roads wouldn't be seen."""
    return ListedColormap(colormaps["viridis"](np.linspace(0.2, 1.0, 256)))


def _extent(coverage: Coverage) -> tuple[float, float, float, float]:
    """The outer edges of the nodes' squares."""
    x, y = coverage.x_m, coverage.y_m
    half_x, half_y = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
    return x[0] - half_x, x[-1] + half_x, y[0] - half_y, y[-1] + half_y


def _draw_cells(axes: Axes, coverage: Coverage) -> None:
    colours = cell_colours(coverage)
    serving = np.ma.masked_equal(coverage.serving, NO_CELL)
    axes.imshow(
        serving,
        extent=_extent(coverage),
        origin="lower",
        cmap=ListedColormap(list(colours.values())),
        vmin=-0.5,
        vmax=len(colours) - 0.5,
        interpolation="nearest",
        alpha=0.6,
    )
    for cell, name in enumerate(coverage.cells):
        here = coverage.serving == cell
        if here.sum() < _LEAST_SHARE_WITH_NAME * here.size:
            continue
        # Where the cell is widest, its small holes not counted.
        whole = np.pad(binary_closing(here, iterations=3) | here, 1)
        inland = distance_transform_edt(whole)[1:-1, 1:-1]
        row, column = np.unravel_index(np.argmax(inland), here.shape)
        axes.text(
            coverage.x_m[column],
            coverage.y_m[row],
            name,
            fontsize=8,
            ha="center",
            va="center",
            path_effects=HALO,
            clip_on=True,
        )


def _draw_ground(axes: Axes, ground: Ground) -> None:
    axes.add_collection(
        LineCollection(ground.roads, colors="black", linewidths=0.5, alpha=0.6), autolim=False
    )
    if ground.buildings:
        outlines = [np.asarray(building.outline.exterior.coords) for building in ground.buildings]
        axes.add_collection(PolyCollection(outlines, facecolors="0.3", linewidths=0), autolim=False)


def _draw_sites(axes: Axes, coverage: Coverage) -> None:
    length_m = 0.025 * max(np.ptp(coverage.x_m), np.ptp(coverage.y_m))
    rays = []
    for site in coverage.sites:
        if site.sectors == 1:
            continue
        turn = np.radians(site.azimuth_deg) + np.arange(site.sectors) * 2 * np.pi / site.sectors
        place = np.array([site.x_m, site.y_m])
        tips = place + length_m * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        rays += [[place, tip] for tip in tips]
    axes.add_collection(
        LineCollection(rays, colors="black", linewidths=1.5, path_effects=HALO), autolim=False
    )
    places = np.array([(site.x_m, site.y_m) for site in coverage.sites])
    axes.plot(
        *places.T, "^", color="black", markeredgecolor="white", markersize=7, linestyle="none"
    )


def _draw_way(axes: Axes, run: Recorded, vehicle_ids: Sequence[str]) -> None:
    users = run.table("road_users", ["time_s", "id", "x_m", "y_m"])
    for vehicle_id in vehicle_ids:
        way = users[users["id"] == vehicle_id]
        if way.empty:
            continue
        axes.plot(way["x_m"], way["y_m"], color="black", linewidth=1.8, path_effects=HALO)
        axes.plot(way["x_m"].iloc[0], way["y_m"].iloc[0], "o", color="black", markersize=4)
