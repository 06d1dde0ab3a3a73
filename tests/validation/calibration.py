"""TR 38.901 7.8 phase 1: the urban macro set-up of Table 7.8-1 that companies calibrated with."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from network.arrays import Floats
from network.draws import Draws, key_of
from network.phy import noise_power_dbm
from network.radio import antennas, penetration, propagation
from network.radio.shadowing import Shadowing

CARRIER_GHZ = 6.0
SITE_DISTANCE_M = 500.0
BS_HEIGHT_M = 25.0
POWER_DBM = 49.0
BANDWIDTH_HZ = 20e6
NOISE_FIGURE_DB = 9.0
LEAST_DISTANCE_M = 35.0
INDOOR_SHARE = 0.8
BUILDING_SIGMA_DB = 7.0
TILT_RAD = np.radians(102.0)
BORESIGHTS_RAD = np.radians([30.0, 150.0, 270.0])
STATIONS = 20_000


class Calibration(NamedTuple):
    """What the companies reported, one value per station."""

    coupling_loss_db: Floats
    sinr_db: Floats


@cache
def run_once() -> Calibration:
    """Drop stations and attach each to the cell with the least coupling loss."""
    draws = Draws(38901, "calibration")
    people = np.arange(STATIONS)
    x, y = _positions(draws, people)
    sites_x, sites_y = _nearest_images(x, y)
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
    los = draws.uniform(links, 20) < propagation.los_probability("UMa", outside, ue_height_m=height)
    geometry = {"los": los, "bs_height_m": BS_HEIGHT_M, "ue_height_m": height}
    loss = propagation.path_loss_db(
        "UMa",
        distance,
        CARRIER_GHZ,
        **geometry,
        environment_height_m=propagation.environment_height_m(
            distance, height, draws.uniform(links, 21), draws.uniform(links, 22)
        ),
    )
    sigma = propagation.sigma_db("UMa", distance, CARRIER_GHZ, **geometry)
    keys = np.array([key_of(f"site {site}") for site in range(19)], dtype=np.uint64)
    # A map so fine that every station reads a draw of its own.
    shadowing = Shadowing(keys, 0.01, 0.01, seed=38901).normals(x, y, los)
    loss += np.where(indoor[:, None], BUILDING_SIGMA_DB, sigma) * shadowing
    spread = draws.normal(people, 16)
    building = np.where(
        high_loss,
        penetration.building_loss_db(CARRIER_GHZ, "high", indoor_distance_m=inside, normal=spread),
        penetration.building_loss_db(CARRIER_GHZ, "low", indoor_distance_m=inside, normal=spread),
    )
    loss += np.where(indoor, building, 0.0)[:, None]

    zenith = np.arctan2(distance, height - BS_HEIGHT_M)[:, :, None]
    azimuth = np.arctan2(north, east)[:, :, None] - BORESIGHTS_RAD
    gain = antennas.Panel(rows=10, spacing_wavelengths=0.5).gain_dbi(
        zenith, azimuth, tilt_rad=TILT_RAD
    )
    coupling_loss = (loss[:, :, None] - gain).reshape(STATIONS, -1)

    received_mw = 10.0 ** ((POWER_DBM - coupling_loss) / 10.0)
    serving = np.argmin(coupling_loss, axis=1)[:, None]
    wanted = np.take_along_axis(received_mw, serving, axis=1)[:, 0]
    np.put_along_axis(received_mw, serving, 0.0, axis=1)
    noise = 10.0 ** (noise_power_dbm(BANDWIDTH_HZ, NOISE_FIGURE_DB) / 10.0)
    sinr = wanted / (received_mw.sum(axis=1) + noise)
    return Calibration(
        np.take_along_axis(coupling_loss, serving, axis=1)[:, 0], 10.0 * np.log10(sinr)
    )


def _sites() -> tuple[Floats, Floats]:
    """Return the 19 sites: those of a hexagonal grid within two rings."""
    first, second = np.meshgrid(np.arange(-2, 3), np.arange(-2, 3))
    within = np.abs(first + second) <= 2
    return _grid(first[within], second[within])


def _grid(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    x = SITE_DISTANCE_M * (first + 0.5 * second)
    return np.asarray(x, dtype=np.float64), SITE_DISTANCE_M * np.sqrt(0.75) * second


def _nearest_images(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return where each station sees each site when the 19 repeat over the plane."""
    shift_x, shift_y = _grid(np.array([3.0]), np.array([2.0]))
    turned = np.arctan2(shift_y, shift_x) + np.arange(6) * np.pi / 3.0
    length = np.hypot(shift_x, shift_y)
    images_x = np.concatenate([[0.0], length * np.cos(turned)])
    images_y = np.concatenate([[0.0], length * np.sin(turned)])
    sites_x, sites_y = _sites()
    all_x = sites_x[None, :, None] + images_x
    all_y = sites_y[None, :, None] + images_y
    away = (x[:, None, None] - all_x) ** 2 + (y[:, None, None] - all_y) ** 2
    nearest = np.argmin(away, axis=2)
    site = np.arange(19)
    return all_x[0, site, nearest], all_y[0, site, nearest]


def _positions(draws: Draws, people: Floats) -> tuple[Floats, Floats]:
    """Return places all over the middle site's hexagon; wrapping makes all sites alike."""
    wanted = len(people)
    tries = np.arange(4 * wanted)
    x = SITE_DISTANCE_M * (draws.uniform(tries, 1) - 0.5)
    y = SITE_DISTANCE_M * 1.2 * (draws.uniform(tries, 2) - 0.5)
    corner = np.abs(y) <= (SITE_DISTANCE_M / np.sqrt(3.0)) - np.abs(x) / np.sqrt(3.0)
    kept = np.flatnonzero(corner & (np.hypot(x, y) >= LEAST_DISTANCE_M))[:wanted]
    assert len(kept) == wanted
    return x[kept], y[kept]
