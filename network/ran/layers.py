"""The layers of a network, cells on one carrier each: NR on the ground, LTE, satellites' beams.

Stations prefer the first layer that has a cell for them (absolute priorities as of TS 38.304 clause
5.2.4.5). In EN-DC nobody selects NR cells on the ground: they are added to an LTE cell. A network
of NR alone has one layer, and nothing here costs it anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from network.arrays import Floats, Ints
from network.packet import NS_PER_MS
from network.plugins import Propagation, propagation
from network.radio.channel import Sight
from network.radio.orbits import SPEED_OF_LIGHT_MPS, Orbit, slant_range_m
from network.radio.satellites import ENVIRONMENTS, SatelliteChannel
from network.ran.cells import Bounds, cell_names, powers_dbm, sites_of
from network.ran.uplink import interference_mw
from network.settings import (
    LteSettings,
    NetworkSettings,
    SatelliteSettings,
    SiteSettings,
    lte_site,
)

NO_CELL = -1
"""Stands for the cell of who has none."""


class Payload(NamedTuple):
    """What satellites of an orbit bring with them: set 1 of TR 38.821 Table 6.1.1.1-1, S band."""

    altitude_m: float
    eirp_dbw_per_mhz: float
    gain_dbi: float
    aperture_m: float
    gain_to_noise_db_per_k: float
    beam_m: float

    @property
    def noise_figure_db(self) -> float:
        """The noise figure that a receiver of this G/T has against noise at 290 K [dB]."""
        return self.gain_dbi - self.gain_to_noise_db_per_k - 10.0 * float(np.log10(290.0))


PAYLOADS = {
    "LEO-600": Payload(600e3, 34.0, 30.0, 2.0, 1.1, 50e3),
    "LEO-1200": Payload(1200e3, 40.0, 30.0, 2.0, 1.1, 90e3),
    "GEO": Payload(35_786e3, 59.0, 51.0, 22.0, 19.0, 250e3),
}

# By TR 36.912 Annex B.2 (from memory): 1.5 ms to decode; request, base station, grant and station
# take 1, 3, 1 and 3 ms until a packet may be sent.
_LTE_DECODING_SYMBOLS = 21
_LTE_GRANT_MS = 8.0
# A station's power on so few blocks is what closes the uplink: 360 kHz in TR 38.821's link budgets.
_UPLINK_PRBS = 2
_SUBCARRIER_SPACING_KHZ = 15


@dataclass(frozen=True)
class Layer:
    """Cells that share a carrier.

    Attributes:
        settings: The network's, with the layer's carrier in place of the ground's.
        sites: Its masts, none in space.
        cell_names: Names of the cells.
        site_of_cell: Number of each cell's site in the layer (cells,).
        power_dbm: Power of each cell (cells,) [dBm].
        channel: The gains.
        uplink_interference_mw: From `uplink.interference_mw` (cells, cells).
        min_rsrp_dbm: Weakest cell that a station may select [dBm].
        selectable: Whether stations select these cells; else they are added to others (EN-DC).
        lte: Whether it is LTE.
        grant_ns: How much longer a grant takes than the settings say [ns].
        orbit: Where the cells are, if they aren't on the ground.
        gateway_elevation_rad: Elevation of a satellite over its gateway [rad].
    """

    settings: NetworkSettings
    sites: tuple[SiteSettings, ...]
    cell_names: tuple[str, ...]
    site_of_cell: Ints
    power_dbm: Floats
    channel: Propagation
    uplink_interference_mw: Floats
    min_rsrp_dbm: float
    selectable: bool = True
    lte: bool = False
    grant_ns: int = 0
    orbit: Orbit | None = None
    gateway_elevation_rad: float = 0.0

    def one_way_ns(self) -> Ints:
        """Return how long signals take through space to the base station now (cells,) [ns]."""
        if self.orbit is None:
            return np.zeros(len(self.cell_names), dtype=np.int64)
        return self.orbit.one_way_ns(self.gateway_elevation_rad)


def layers_of(
    settings: NetworkSettings, bounds_m: Bounds, *, seed: int, sight: Sight | None = None
) -> tuple[Layer, ...]:
    """Return the layers of a network, the ones that stations prefer first.

    Args:
        settings: The network.
        bounds_m: Its area.
        seed: Seed of the run.
        sight: Line of sight by geometry on the ground, if it isn't drawn.

    Raises:
        ValueError: As for `Link`.
    """
    sites = sites_of(settings, bounds_m)
    nr = _on_the_ground(settings, sites, settings.handover.min_rsrp_dbm, bounds_m, seed, sight)
    layers = [nr]
    if settings.lte is not None:
        power = {"power_dbm": settings.lte.power_dbm}
        own = settings.lte.cells or tuple(site.model_copy(update=power) for site in sites)
        lte = _on_the_ground(
            _lte_carrier(settings, settings.lte),
            own,
            settings.lte.min_rsrp_dbm,
            bounds_m,
            seed,
            sight,
        )
        if not settings.lte.cells:
            # Named apart, but shadowed as their masts are.
            named = tuple(lte_site(site, settings.lte) for site in sites)
            lte = replace(lte, cell_names=cell_names(named))
        later_ms = max(_LTE_GRANT_MS - settings.scheduling.grant_delay_ms, 0.0)
        layers.append(replace(lte, lte=True, grant_ns=round(later_ms * NS_PER_MS)))
        if settings.lte.architecture == "NSA":
            layers[0] = replace(nr, selectable=False)
    layers += [_in_space(settings, one, bounds_m, seed) for one in settings.satellites]
    return tuple(layers)


def slices_of(layers: tuple[Layer, ...]) -> list[slice]:
    """Return where each layer's cells are among all cells."""
    ends = list(accumulate(len(layer.cell_names) for layer in layers))
    return [slice(begin, end) for begin, end in zip([0, *ends[:-1]], ends, strict=True)]


def _on_the_ground(
    settings: NetworkSettings,
    sites: tuple[SiteSettings, ...],
    min_rsrp_dbm: float,
    bounds_m: Bounds,
    seed: int,
    sight: Sight | None,
) -> Layer:
    channel = propagation(settings, sites, seed=seed, sight=sight)
    power_dbm = powers_dbm(sites)
    return Layer(
        settings,
        sites,
        cell_names(sites),
        np.repeat(np.arange(len(sites)), [site.sectors for site in sites]),
        power_dbm,
        channel,
        interference_mw(channel, power_dbm, settings, bounds_m),
        min_rsrp_dbm,
    )


def _lte_carrier(settings: NetworkSettings, lte: LteSettings) -> NetworkSettings:
    """Return the network's settings with LTE's carrier and times.

    A handover to LTE takes T_IU + 20 ms to a known cell (TS 36.133 clause 5.1.2.1.2) after RRC
    processing; its reference signals are always there to be found.
    """
    radio = settings.radio.model_copy(
        update={
            "map": None,
            "fast_fading": False,
            "carrier_ghz": lte.carrier_ghz,
            "bandwidth_mhz": lte.bandwidth_mhz,
            "subcarrier_spacing_khz": _SUBCARRIER_SPACING_KHZ,
            "duplex": "FDD",
        }
    )
    scheduling = settings.scheduling.model_copy(update={"decoding_symbols": _LTE_DECODING_SYMBOLS})
    handover = settings.handover.model_copy(
        update={
            "rrc_processing_ms": lte.rrc_processing_ms,
            "search_ms": 0.0,
            "processing_ms": 20.0,
            "smtc_period_ms": 0.0,
            "prach_period_ms": 10.0,
            "margin_ms": 0.0,
        }
    )
    return settings.model_copy(
        update={"radio": radio, "scheduling": scheduling, "handover": handover}
    )


def _in_space(
    settings: NetworkSettings, train: SatelliteSettings, bounds_m: Bounds, seed: int
) -> Layer:
    payload = PAYLOADS[train.orbit]
    xmin, ymin, xmax, ymax = bounds_m
    orbit = Orbit(
        altitude_m=payload.altitude_m,
        elevation_rad=float(np.radians(train.elevation_deg)),
        heading_rad=float(np.radians(train.heading_deg)),
        beams=1 if train.keeps_beams else train.beams,
        beam_m=payload.beam_m,
        fixed=train.keeps_beams,
        least_elevation_rad=float(np.radians(train.least_elevation_deg)),
        still=train.still,
        middle_m=((xmin + xmax) / 2.0, (ymin + ymax) / 2.0),
        begun_s=train.start_s,
    )
    names = tuple(f"{train.id}/{beam}" for beam in range(orbit.beams))
    channel = SatelliteChannel(
        train.id,
        orbit,
        ENVIRONMENTS[settings.radio.scenario],
        carrier_ghz=train.carrier_ghz,
        antenna_gain_dbi=payload.gain_dbi,
        aperture_m=payload.aperture_m,
        scenario=settings.radio.scenario,
        seed=seed,
    )
    eirp_dbm = payload.eirp_dbw_per_mhz + 30.0 + 10.0 * np.log10(train.bandwidth_mhz)
    gateway_rad = float(np.radians(train.gateway_elevation_deg))
    return Layer(
        _carrier_of(settings, train, payload),
        (),
        names,
        np.zeros(len(names), dtype=np.int64),
        np.full(len(names), eirp_dbm - payload.gain_dbi),
        channel,
        np.zeros((len(names), len(names))),
        train.min_rsrp_dbm,
        orbit=orbit,
        gateway_elevation_rad=gateway_rad,
    )


def _carrier_of(
    settings: NetworkSettings, train: SatelliteSettings, payload: Payload
) -> NetworkSettings:
    """Return the network's settings with a satellite's carrier."""
    radio = settings.radio.model_copy(
        update={
            "propagation": None,
            "map": None,
            "fast_fading": False,
            "carrier_ghz": train.carrier_ghz,
            "bandwidth_mhz": train.bandwidth_mhz,
            "subcarrier_spacing_khz": _SUBCARRIER_SPACING_KHZ,
            "duplex": "FDD",
            "bs_noise_figure_db": payload.noise_figure_db,
            "ue_antenna_gain_dbi": train.ue_antenna_gain_dbi,
        }
    )
    # What isn't received is sent again a round trip later: by HARQ, which has processes enough for
    # a low orbit, and from a high one by RLC.
    lowest_deg = train.least_elevation_deg if train.keeps_beams else train.elevation_deg
    elevations = np.radians([lowest_deg, train.gateway_elevation_deg])
    round_trip_s = 2.0 * slant_range_m(elevations, payload.altitude_m).sum() / SPEED_OF_LIGHT_MPS
    round_trip_slots = int(np.ceil(round_trip_s * 1e3))  # of 1 ms
    rules = settings.scheduling
    scheduling = rules.model_copy(
        update={
            "harq_round_trip_slots": rules.harq_round_trip_slots + round_trip_slots,
            "uplink_allocation_prbs": _UPLINK_PRBS,
        }
    )
    return settings.model_copy(update={"radio": radio, "scheduling": scheduling})
