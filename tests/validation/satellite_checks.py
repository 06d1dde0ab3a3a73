"""Satellites: where they are, what their signals lose, and when stations go over to them.

TR 38.811's tables are checked by what the channel makes of them, as ns-3 and others print them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
from scipy.optimize import brentq

from network import NetworkSettings
from network.arrays import Floats
from network.base import Cause
from network.packet import NS_PER_S
from network.radio.orbits import EARTH_RADIUS_M, slant_range_m
from network.radio.satellites import (
    beam_loss_db,
    free_space_loss_db,
    scintillation_loss_db,
)
from network.ran.layers import PAYLOADS, Layer, layers_of
from network.ran.reception import signals_of
from tests.network.along import MS, SECOND, UNFILTERED, Levels, drive_along
from tests.validation.registry import Comparison, Fault, check

HERE = "tests.validation.satellite_checks"
ORBITS = "network.radio.orbits"
SATELLITES = "network.radio.satellites"
AREA_M = (0.0, 0.0, 20e3, 20e3)
MIDDLE_M = (np.array([10e3]), np.array([10e3]))


def _layer(scenario: str = "RMa", radio: dict[str, Any] | None = None, **satellite: Any) -> Layer:
    settings = NetworkSettings.model_validate(
        {
            "radio": {"scenario": scenario, **(radio or {})},
            "cells": [{"id": "mast", "x_m": 0.0, "y_m": 0.0}],
            "satellites": [{"id": "s", **satellite}],
        }
    )
    return layers_of(settings, AREA_M, seed=1)[1]


@contextmanager
def _all(*, los: bool) -> Iterator[None]:
    """Take all links as in sight, or all as out of it."""

    def state(probability: Floats, _normal: Floats, _carrier_ghz: float) -> Floats:
        return np.full_like(probability, los, dtype=np.float32)

    with mock.patch(f"{SATELLITES}.soft_los_state", state):
        yield


# Geometry


@check(
    "longest round trip through a satellite, 10 degrees both ways",
    source="TR 38.821 Table 4.2-2: 25.77, 41.77, 541.46 ms, bent pipe (as transcribed in public)",
    unit="ms",
    tolerance=[0.02, 0.02, 0.1],
    faults=[
        Fault("feeder link left out", f"{ORBITS}:Orbit.one_way_ns",
              lambda _: lambda self, _gateway: self.sky(
                  np.array([0.0]), np.array([0.0])).distance_m[0, self.satellite_of_beam]
              / 0.299792458),
        Fault("flat Earth", f"{ORBITS}:slant_range_m",
              lambda _: lambda elevation, altitude: altitude / np.sin(elevation)),
    ],
)  # fmt: skip
def round_trips() -> Comparison:
    ours = [
        2.0
        * _layer(orbit=orbit, elevation_deg=10.0, gateway_elevation_deg=10.0, beams=1)
        .one_way_ns()
        .min()
        / MS
        for orbit in PAYLOADS
    ]
    return Comparison(ours, [25.77, 41.77, 541.46])


@check(
    "station to a geostationary satellite, least and most",
    source="TS 22.261 7.4.1: GEO 120 to 140 ms one way (rounded there)",
    unit="ms",
    tolerance=5.0,
    faults=[Fault("altitude of MEO", f"{HERE}:PAYLOADS",
                  lambda payloads: {"GEO": payloads["GEO"]._replace(altitude_m=20_000e3)})],
)  # fmt: skip
def geostationary() -> Comparison:
    way_m = slant_range_m(np.radians([90.0, 10.0]), PAYLOADS["GEO"].altitude_m)
    return Comparison(way_m / 299_792.458, [120.0, 140.0])


@check(
    "time in a moving beam of 50 km",
    source="TR 38.821 7.3.2.1.3: 6.61 s at the satellite's 7.56 km/s; on the ground R/(R+h) of it",
    unit="s",
    tolerance=0.03,
    faults=[
        Fault("speed of an orbit at sea level", f"{ORBITS}:angular_speed_radps",
              lambda f: lambda _altitude: f(0.0)),
        Fault("beams stay", f"{ORBITS}:Orbit.move_to", lambda f: lambda self, _ns: f(self, 0)),
    ],
)  # fmt: skip
def beam_time() -> Comparison:
    layer = _layer(elevation_deg=90.0)
    assert layer.orbit is not None
    served = []
    for tick in range(6000):
        layer.orbit.move_to(tick * NS_PER_S // 100)
        served.append(int(np.argmin(layer.orbit.sky(*MIDDLE_M).off_axis_rad[0])))
    changes = np.flatnonzero(np.diff(served)) / 100.0
    stays = np.diff(changes) if len(changes) > 1 else np.array([np.inf])
    orbit_m = EARTH_RADIUS_M + PAYLOADS["LEO-600"].altitude_m
    return Comparison(stays.mean(), 6.61 * orbit_m / EARTH_RADIUS_M)


# Losses


@check(
    "3 dB beamwidths of the S-band antennas",
    source="TR 38.821 Table 6.1.1.1-1: 4.4127 degrees at 2 m, 0.4011 degrees at 22 m",
    unit="deg",
    tolerance=[0.02, 0.002],
    faults=[
        Fault("diameter for radius", f"{HERE}:beam_loss_db",
              lambda f: lambda angle, ghz, metres: f(angle, ghz, 2.0 * metres)),
        Fault("amplitude for power", f"{HERE}:beam_loss_db",
              lambda f: lambda *arguments: 0.5 * f(*arguments)),
    ],
)  # fmt: skip
def beamwidths() -> Comparison:
    def half_power(aperture_m: float) -> float:
        angle = brentq(
            lambda a: float(beam_loss_db(a, 2.0, aperture_m)) - 3.0,
            1e-4,
            1.5 / 20.0 / aperture_m * 2,
        )
        return float(2.0 * np.degrees(angle))

    return Comparison([half_power(2.0), half_power(22.0)], [4.4127, 0.4011])


@check(
    "free space and scintillation at 2 GHz",
    source="TR 38.811 6.6.2, 6.6.6.1; ns-3's test vectors (to 0.05 dB)",
    unit="dB",
    tolerance=0.05,
    faults=[
        Fault("MHz for GHz", f"{HERE}:free_space_loss_db",
              lambda f: lambda metres, ghz: f(metres, 1e3 * ghz)),
        Fault("no scintillation", f"{HERE}:scintillation_loss_db", lambda _: lambda _ghz: 0.0),
    ],
)  # fmt: skip
def free_space() -> Comparison:
    loss = free_space_loss_db(np.array([600e3, 1200e3, 35_786e3]), 2.0)
    return Comparison(loss + scintillation_loss_db(2.0), [156.233, 162.253, 191.744])


TENS = np.arange(10.0, 91.0, 10.0)
LOS = {
    "UMi": [28.2, 33.1, 39.8, 46.8, 53.7, 61.2, 73.8, 82.0, 98.1],
    "UMa": [24.6, 38.6, 49.3, 61.3, 72.6, 80.5, 91.9, 96.8, 99.2],
    "RMa": [78.2, 86.9, 91.9, 92.9, 93.5, 94.0, 94.9, 95.2, 99.8],
}


def _places(side: int = 160) -> tuple[Floats, Floats, Floats]:
    grid = np.linspace(AREA_M[0], AREA_M[2], side)
    x, y = (axis.ravel() for axis in np.meshgrid(grid, grid))
    return x, y, np.full(x.size, 1.5)


@check(
    "line of sight to satellites, by environment and elevation",
    source="TR 38.811 Table 6.6.1-1: dense urban, urban, rural at 10 to 90 degrees",
    unit="%",
    tolerance=1.0,
    faults=[
        Fault("zenith for elevation", f"{SATELLITES}:ElevationTable.at",
              lambda f: lambda self, column, angle: f(self, column, np.pi / 2.0 - angle)),
        Fault("all is urban", "network.ran.layers:ENVIRONMENTS",
              lambda _: dict.fromkeys(("UMi", "UMa", "RMa"), "urban")),
    ],
)  # fmt: skip
def los_shares() -> Comparison:
    ours = [
        100.0 * _layer(scenario, orbit="GEO", elevation_deg=elevation, beams=1)
        .channel.links(*_places()).los.mean()  # type: ignore[attr-defined]
        for scenario in LOS
        for elevation in TENS
    ]  # fmt: skip
    return Comparison(ours, np.concatenate(list(LOS.values())))


def _spread(los: bool, scenario: str, elevation_deg: float) -> tuple[float, float]:
    """Return mean loss over free space and standard deviation [dB]."""
    layer = _layer(scenario, orbit="GEO", elevation_deg=elevation_deg, beams=1)
    with _all(los=los):
        gain = layer.channel.path_gain_db(*_places())
    way_m = slant_range_m(np.radians(elevation_deg), PAYLOADS["GEO"].altitude_m)
    clear_db = PAYLOADS["GEO"].gain_dbi - free_space_loss_db(way_m, 2.0)
    return float(clear_db - scintillation_loss_db(2.0) - gain.mean()), float(gain.std())


@check(
    "shadowing and clutter of satellites' links, by elevation",
    source="TR 38.811 Tables 6.6.2-1 to 6.6.2-3, S band: sigma LOS, sigma NLOS, clutter loss",
    unit="dB",
    tolerance=np.tile([0.1, 0.3, 0.3], 4),
    faults=[
        Fault("clutter left out", f"{SATELLITES}:TABLES",
              lambda f: {k: v._replace(clutter_db=(0.0,) * 9) for k, v in f.items()}),
        Fault("sigma of sight for none", f"{SATELLITES}:TABLES",
              lambda f: {k: v._replace(sigma_nlos_db=v.sigma_los_db) for k, v in f.items()}),
        Fault("elevation ignored", f"{SATELLITES}:ElevationTable.at",
              lambda f: lambda self, column, angle: f(self, column, 0.0 * angle + 1.5)),
    ],
)  # fmt: skip
def shadowing_and_clutter() -> Comparison:
    ours = []
    for scenario, elevation in (("RMa", 20.0), ("RMa", 70.0), ("UMa", 40.0), ("UMi", 60.0)):
        clutter, sigma_nlos = _spread(False, scenario, elevation)
        ours += [_spread(True, scenario, elevation)[1], sigma_nlos, clutter]
    return Comparison(ours, [1.14, 9.08, 18.17, 0.85, 10.17, 16.5, 4.0, 6.0, 27.7, 2.7, 10.5, 26.2])


@check(
    "link budgets of a handheld: C/N down and up",
    source="TR 38.821 Table 6.1.3.3-1: LEO-600 6.6, 2.8 dB (SC9, as transcribed in public); GEO "
    "0.0, -10.9 dB (SC4: losses as OpenNTN tests them, C/N from memory)",
    unit="dB",
    tolerance=0.5,
    faults=[
        Fault("G/T ignored", "network.ran.layers:Payload.noise_figure_db",
              lambda _: property(lambda _self: 5.0)),
        Fault("EIRP over 1 MHz", "network.ran.layers:np.log10",
              lambda _: np.zeros_like),
        Fault("no scintillation", f"{SATELLITES}:scintillation_loss_db", lambda _: lambda _g: 0.0),
    ],
)  # fmt: skip
def link_budgets() -> Comparison:
    ours = []
    for orbit, elevation_deg in (("LEO-600", 30.0), ("GEO", 12.5)):
        layer = _layer(
            radio={"ue_noise_figure_db": 7.0},
            orbit=orbit,
            elevation_deg=elevation_deg,
            bandwidth_mhz=30,
            beams=1,
        )
        one, unloaded = np.array([0]), np.zeros(len(layer.cell_names))
        signals = signals_of(layer, 1)
        with (
            _all(los=True),
            mock.patch(f"{SATELLITES}.Maps.normals", lambda _self, x, _y: np.zeros((len(x), 1))),
        ):
            signals.begin(one, *MIDDLE_M, np.array([1.5]))
        best = signals.rsrp_dbm.argmax(axis=1)
        down, up = signals.sinr_db(one, best, unloaded, unloaded)
        # The budgets keep 3 dB for shadowing. Within the tolerance are gases, 0.1 and 0.2 dB, and
        # the guard bands, into which nothing is sent: 0.2 dB down.
        ours += [float(down[0]) - 3.0, float(up[0]) - 3.0]
    return Comparison(ours, [6.6, 2.8, 0.0, -10.9])


# Over and back


@check(
    "down to a satellite by A5 and back by A4, to the measurement",
    source="TS 38.331 5.5.4.5, 5.5.4.6 with 5.5.4.1: by hand; TTT 160, 20 ms to prepare, no filter",
    unit="ms, cause",
    tolerance=[0.1, 0.0, 0.5, 0.0],
    faults=[
        Fault("no way back", "network.ran.fallback:EventA4.update",
              lambda _: lambda *_: None),
        Fault("TTT ignored", "network.ran.fallback:NS_PER_MS", lambda _: 0),
        Fault("hysteresis left out", "network.ran.measurement:EventA4.__init__",
              lambda f: lambda *a, **k: f(*a, **{**k, "hysteresis_db": 0.0})),
    ],
)  # fmt: skip
def over_and_back() -> Comparison:
    # RSRP falls from -85 dBm by 1 dB a metre from 100 m on, and comes back as fast from 400 m on.
    # At 20 m/s: below -117 dBm 1.6 s after 5 s, and above -109 dBm 1.6 s before 22 s.
    levels = Levels([100.0, 140.0, 400.0, 440.0], [[-100.0], [-140.0], [-140.0], [-100.0]])
    drive = drive_along(
        levels,
        cells=1,
        seconds=23.0,
        packet_every_ms=1000,
        satellites=[{"id": "leo"}],
        handover=UNFILTERED,
    )
    ground = drive.changes.from_cell == 0, drive.changes.to_cell == 0
    down, up = (drive.changes.instant_ns[mine] / MS for mine in ground)
    causes = [drive.changes.cause[mine] for mine in ground]
    ours = [column[0] if len(column) else np.nan for column in (down, causes[0], up, causes[1])]
    element_dbm = 46.0 - 10.0 * np.log10(106 * 12)
    fall_s = 5.0 + (element_dbm - 100.0 + 117.0) / 20.0
    rise_s = 22.0 - (element_dbm - 100.0 + 109.0) / 20.0
    # Gains are worked out anew each 2 m: with every third measurement.
    measured_ms = [np.floor(s * SECOND / MS / 120.0 + 1.0) * 120.0 for s in (fall_s, rise_s)]
    # The report up and the command down to come back take a round trip through space.
    return Comparison(ours, [measured_ms[0] + 180.0, Cause.A5, measured_ms[1] + 192.0, Cause.A4])
