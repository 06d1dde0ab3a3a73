"""What is known of the network that was measured: from a scenario, or next to nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cosim.calibrate.measurements import as_measurements
from cosim.federate import BadInput
from cosim.scenario import Scenario
from cosim.traffic.buildings import read_buildings, sight_past
from cosim.traffic.files import net_and_additional
from cosim.traffic.net import net_bounds_m, net_georeference
from network import phy
from network.calibration import Measurements, Network, place_cells
from network.draws import key_of
from network.radio.channel import Cells
from network.ran.cells import cell_names, cells_of, powers_dbm, sites_of
from network.settings import NetworkSettings, RadioSettings, SiteSettings
from vehicles.georeference import Georeference

_LEAST_OF_CELL = 30


def network_of(
    scenario: Scenario, net: Path | None
) -> tuple[Network, tuple[SiteSettings, ...], tuple[str, ...], Georeference | None]:
    """The network of a scenario, its sites and cells' names, and where its plane is on Earth."""
    additional: list[Path] = []
    if net is None:
        net, additional = net_and_additional(scenario.traffic)
    settings = scenario.network
    sites = sites_of(settings, net_bounds_m(net))
    buildings = read_buildings(net, additional, scenario.traffic.buildings)
    network = Network(
        cells=cells_of(sites),
        element_power_dbm=powers_dbm(sites) - _elements_db(settings.radio),
        noise_dbm=_noise_dbm(settings.radio),
        ue_gain_dbi=settings.radio.ue_antenna_gain_dbi,
        scenario=settings.radio.scenario,
        carrier_ghz=settings.radio.carrier_ghz,
        sight=sight_past(buildings),
        margin_db=settings.handover.offset_db + settings.handover.hysteresis_db,
    )
    return network, sites, cell_names(sites), net_georeference(net)


def network_of_log(
    table: pd.DataFrame, file: Path, net: Path | None
) -> tuple[Measurements, Network]:
    """What a log measured, and a network of omnidirectional cells where it heard them best."""
    if table.empty:
        raise BadInput(f"{file}: no row of this technology; name another with --technology")
    rows_of_cell = table["cell"].value_counts()
    names = tuple(sorted(rows_of_cell.index[rows_of_cell >= _LEAST_OF_CELL]))
    if not names:
        raise BadInput(f"{file}: no cell with {_LEAST_OF_CELL} rows, to estimate where it stands")
    plane = None if net is None else net_georeference(net)
    plane = plane or Georeference.around(
        float(table["latitude_deg"].mean()), float(table["longitude_deg"].mean())
    )
    measured = as_measurements(table, file, names, plane).on_the_move()
    site, settings = SiteSettings(id="mast", x_m=0.0, y_m=0.0), NetworkSettings()
    known = np.ones(len(names))
    cells = Cells(
        site_key=np.array([key_of(name) for name in names], dtype=np.uint64),
        x_m=0.0 * known,
        y_m=0.0 * known,
        height_m=site.height_m * known,
        azimuth_rad=np.nan * known,
        downtilt_rad=0.0 * known,
    )
    network = Network(
        cells=cells,
        element_power_dbm=(site.power_dbm - _elements_db(settings.radio)) * known,
        noise_dbm=_noise_dbm(settings.radio),
        ue_gain_dbi=0.0,
        scenario=settings.radio.scenario,
        carrier_ghz=settings.radio.carrier_ghz,
        sight=None,
        # Cells that were heard but never served aren't known: nothing follows from their silence.
        margin_db=None,
    )
    return measured, place_cells(measured, network)


def _elements_db(radio: RadioSettings) -> float:
    prbs = phy.prb_count(radio.bandwidth_mhz, radio.subcarrier_spacing_khz)
    return float(10.0 * np.log10(prbs * phy.SUBCARRIERS_PER_PRB))


def _noise_dbm(radio: RadioSettings) -> float:
    element_hz = radio.subcarrier_spacing_khz * 1e3
    return float(phy.noise_power_dbm(element_hz, radio.ue_noise_figure_db))
