"""TR 38.901 7.8 phase 1: the set-ups of Table 7.8-1 that companies calibrated with, at 6 GHz.

Urban macro comes within a decibel of the companies' mean everywhere, street canyon within 1.2 dB.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from network.arrays import Floats
from network.draws import Draws, key_of
from network.phy import noise_power_dbm
from network.radio import antennas, penetration, propagation
from network.radio.shadowing import Maps

CARRIER_GHZ = 6.0
BANDWIDTH_HZ = 20e6
NOISE_FIGURE_DB = 9.0
INDOOR_SHARE = 0.8
BUILDING_SIGMA_DB = 7.0
TILT_RAD = np.radians(102.0)
BORESIGHTS_RAD = np.radians([30.0, 150.0, 270.0])
STATIONS = 20_000


class SetUp(NamedTuple):
    """A column of Table 7.8-1."""

    site_distance_m: float
    bs_height_m: float
    power_dbm: float
    least_distance_m: float


SET_UPS: dict[propagation.Scenario, SetUp] = {
    "UMa": SetUp(500.0, 25.0, 49.0, 35.0),
    "UMi": SetUp(200.0, 10.0, 44.0, 10.0),
}


class Calibration(NamedTuple):
    """What the companies reported, one value per station."""

    coupling_loss_db: Floats
    sinr_db: Floats


@cache
def run_once(scenario: propagation.Scenario) -> Calibration:
    """Drop stations and attach each to the cell with the least coupling loss."""
    set_up = SET_UPS[scenario]
    draws = Draws(38901, "calibration")
    people = np.arange(STATIONS)
    x, y = _positions(set_up, draws, len(people))
    sites_x, sites_y = _nearest_images(set_up.site_distance_m, x, y)
    east, north = x[:, None] - sites_x, y[:, None] - sites_y
    distance = np.hypot(east, north)

    indoor = draws.uniform(people, 10) < INDOOR_SHARE
    floors = 4 + np.floor(5 * draws.uniform(people, 11))
    floor = 1 + np.floor(floors * draws.uniform(people, 12))
    height = np.where(indoor, 3.0 * (floor - 1.0) + 1.5, 1.5)[:, None]
    inside = np.where(
        indoor, 25.0 * np.minimum(draws.uniform(people, 13), draws.uniform(people, 14)), 0.0
    )
    high_loss = draws.uniform(people, 15) < 0.5

    links = people[:, None] * 19 + np.arange(19)
    outside = np.maximum(distance - inside[:, None], 0.0)
    los = draws.uniform(links, 20) < propagation.los_probability(
        scenario, outside, ue_height_m=height
    )
    environment = propagation.environment_height_m(
        distance, height, draws.uniform(links, 21), draws.uniform(links, 22)
    )
    loss = propagation.path_loss_db(
        scenario,
        distance,
        CARRIER_GHZ,
        los=los,
        bs_height_m=set_up.bs_height_m,
        ue_height_m=height,
        environment_height_m=environment,
    )
    sigma = propagation.sigma_db(
        scenario,
        distance,
        CARRIER_GHZ,
        los=los,
        bs_height_m=set_up.bs_height_m,
        ue_height_m=height,
    )
    keys = np.array([key_of(f"site {site}") for site in range(19)], dtype=np.uint64)
    # Maps so fine that every station reads a draw of its own; sites are independent (7.5 step 4).
    shadowing = Maps(keys, 0.01, draws).normals(x, y)
    loss += np.where(indoor[:, None], BUILDING_SIGMA_DB, sigma) * shadowing
    spread = draws.normal(people, 16)
    building = np.where(
        high_loss,
        penetration.building_loss_db(CARRIER_GHZ, "high", indoor_distance_m=inside, normal=spread),
        penetration.building_loss_db(CARRIER_GHZ, "low", indoor_distance_m=inside, normal=spread),
    )
    loss += np.where(indoor, building, 0.0)[:, None]

    zenith = np.arctan2(distance, height - set_up.bs_height_m)[:, :, None]
    azimuth = np.arctan2(north, east)[:, :, None] - BORESIGHTS_RAD
    gain = antennas.Panel(rows=10, spacing_wavelengths=0.5).gain_dbi(
        zenith, azimuth, tilt_rad=TILT_RAD
    )
    coupling_loss = (loss[:, :, None] - gain).reshape(STATIONS, -1)

    received_mw = 10.0 ** ((set_up.power_dbm - coupling_loss) / 10.0)
    serving = np.argmin(coupling_loss, axis=1)[:, None]
    wanted = np.take_along_axis(received_mw, serving, axis=1)[:, 0]
    np.put_along_axis(received_mw, serving, 0.0, axis=1)
    noise = 10.0 ** (noise_power_dbm(BANDWIDTH_HZ, NOISE_FIGURE_DB) / 10.0)
    sinr = wanted / (received_mw.sum(axis=1) + noise)
    return Calibration(
        np.take_along_axis(coupling_loss, serving, axis=1)[:, 0], 10.0 * np.log10(sinr)
    )


def _grid(distance_m: float, first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Return places of a hexagonal grid by their two whole numbers."""
    return np.asarray(distance_m * (first + 0.5 * second)), distance_m * np.sqrt(0.75) * second


def _nearest_images(distance_m: float, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return where each station sees each of 19 sites when those repeat over the plane."""
    first, second = np.meshgrid(np.arange(-2.0, 3.0), np.arange(-2.0, 3.0))
    two_rings = np.abs(first + second) <= 2
    sites_x, sites_y = _grid(distance_m, first[two_rings], second[two_rings])
    shift_x, shift_y = _grid(distance_m, np.array([3.0]), np.array([2.0]))
    turned = np.arctan2(shift_y, shift_x) + np.arange(6) * np.pi / 3.0
    length = np.hypot(shift_x, shift_y)
    all_x = sites_x[:, None] + np.concatenate([[0.0], length * np.cos(turned)])
    all_y = sites_y[:, None] + np.concatenate([[0.0], length * np.sin(turned)])
    away = (x[:, None, None] - all_x) ** 2 + (y[:, None, None] - all_y) ** 2
    nearest = np.argmin(away, axis=2)
    site = np.arange(19)
    return all_x[site, nearest], all_y[site, nearest]


def _positions(set_up: SetUp, draws: Draws, wanted: int) -> tuple[Floats, Floats]:
    """Return places all over the middle site's hexagon; wrapping makes all sites alike."""
    tries = np.arange(4 * wanted)
    x = set_up.site_distance_m * (draws.uniform(tries, 1) - 0.5)
    y = set_up.site_distance_m * 1.2 * (draws.uniform(tries, 2) - 0.5)
    within = np.abs(y) <= (set_up.site_distance_m - np.abs(x)) / np.sqrt(3.0)
    kept = np.flatnonzero(within & (np.hypot(x, y) >= set_up.least_distance_m))[:wanted]
    assert len(kept) == wanted
    return x[kept], y[kept]
