"""What stations and base stations receive: RSRP of all cells, and SINR in the serving one."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from numpy.typing import NDArray

from network import phy
from network.arrays import Bools, Floats, Ints
from network.plugins import Propagation
from network.radio.channel import PathGains
from network.ran.measurement import filter_weight
from network.ran.uplink import power_per_prb_dbm
from network.settings import NetworkSettings

# Large-scale gains hardly change over so short a way: maps have squares of 1.5 m (line of sight),
# 4 m and more (shadowing in UMa). Stations at lights and in jams so cost nothing.
_ANEW_AFTER_M = 2.0
# Off the air is so much less power: nothing, but still a finite level.
_SILENCE_DB = 200.0


class Signals:
    """The received levels of stations, one row for each.

    Levels are kept in single precision, which is good for 1e-5 dB.

    Args:
        stations: Number of rows.
        settings: The network's settings.
        channel: The gains.
        powers_dbm: Power of each cell (cells,) [dBm].
        prbs: Resource blocks of the carrier.
        uplink_interference_mw: From `uplink.interference_mw`.
        moving: Whether cells move, so that gains change where stations stand.
    """

    def __init__(
        self,
        stations: int,
        settings: NetworkSettings,
        channel: Propagation,
        powers_dbm: Floats,
        *,
        prbs: int,
        uplink_interference_mw: Floats,
        moving: bool = False,
    ) -> None:
        self._settings = settings
        self._channel = channel
        self._anew_after_m = 0.0 if moving else _ANEW_AFTER_M
        radio, handover = settings.radio, settings.handover
        elements = prbs * phy.SUBCARRIERS_PER_PRB
        self._element_power_dbm = powers_dbm - 10.0 * np.log10(elements)
        self._weight = np.float32(
            filter_weight(
                handover.filter_coefficient,
                handover.measurement_period_ms,
                handover.smtc_period_ms,
            )
        )
        prb_hz = radio.subcarrier_spacing_khz * 1e3 * phy.SUBCARRIERS_PER_PRB
        self._down_noise_mw = _mw(phy.noise_power_dbm(prb_hz, radio.ue_noise_figure_db))
        self._up_noise_mw = _mw(phy.noise_power_dbm(prb_hz, radio.bs_noise_figure_db))
        self._all_uplink_interference_mw = uplink_interference_mw
        self._uplink_interference_mw = uplink_interference_mw
        # None without jammers, so that they cost nothing.
        self._down_jamming_mw: Floats | None = None
        self._up_jamming_mw: Floats | None = None
        cells = len(powers_dbm)
        self._silence_db = np.zeros(cells)
        self._x_m = np.full(stations, np.nan)
        self._y_m = np.full(stations, np.nan)
        self._loss_db = np.zeros(stations)
        self._now_dbm = np.zeros((stations, cells), dtype=np.float32)
        self._heard_mw = np.zeros((stations, cells))  # on a resource block
        self._los = np.zeros((stations, cells), dtype=np.bool_)
        self.rsrp_dbm: NDArray[np.float32] = np.zeros((stations, cells), dtype=np.float32)
        """RSRP of every cell after the layer 3 filter (stations, cells) [dBm]."""

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        more = (0, stations - len(self._x_m))
        self._x_m = np.pad(self._x_m, more, constant_values=np.nan)
        self._y_m = np.pad(self._y_m, more, constant_values=np.nan)
        self._loss_db = np.pad(self._loss_db, more)
        self._now_dbm = np.pad(self._now_dbm, (more, (0, 0)))
        self._heard_mw = np.pad(self._heard_mw, (more, (0, 0)))
        self._los = np.pad(self._los, (more, (0, 0)))
        self.rsrp_dbm = np.pad(self.rsrp_dbm, (more, (0, 0)))
        if self._down_jamming_mw is not None:
            self._down_jamming_mw = np.pad(self._down_jamming_mw, more)

    def lose(self, station: int, loss_db: float) -> None:
        """Take what a station's antenna loses by where it is mounted [dB]."""
        self._loss_db[station] = loss_db

    def begin(
        self,
        stations: Ints,
        x_m: Floats,
        y_m: Floats,
        height_m: Floats,
        error_db: NDArray[np.float32] | None = None,
    ) -> None:
        """Take the first measurement of stations; arguments as for `measure`."""
        self._hear(stations, x_m, y_m, height_m)
        self.rsrp_dbm[stations] = self._now_dbm[stations]
        if error_db is not None:
            self.rsrp_dbm[stations] += error_db

    def measure(
        self,
        stations: Ints,
        x_m: Floats,
        y_m: Floats,
        height_m: Floats,
        error_db: NDArray[np.float32] | None = None,
    ) -> None:
        """Take a measurement of stations and filter it.

        Args:
            stations: Their rows (n,), ascending.
            x_m: Positions (n,) [m].
            y_m: Positions (n,) [m].
            height_m: Heights of their antennas above ground (n,) [m].
            error_db: What is measured beside the mark (n, cells) [dB]; without it nothing is.
        """
        way = np.hypot(x_m - self._x_m[stations], y_m - self._y_m[stations])
        moved = way >= self._anew_after_m
        if moved.any():
            self._hear(stations[moved], x_m[moved], y_m[moved], height_m[moved])
        rows = _rows(stations)
        change = self._now_dbm[rows] - self.rsrp_dbm[rows]
        if error_db is not None:
            change += error_db
        change *= self._weight
        self.rsrp_dbm[rows] += change

    def switch(
        self, off_air: Bools, stations: Ints, x_m: Floats, y_m: Floats, height_m: Floats
    ) -> None:
        """Take cells off the air or back; stations measure at once, those cells without filter.

        The stations of a cell off the air don't send either.

        Args:
            off_air: Which cells are off the air from now on (cells,).
            stations: All rows in use (n,).
            x_m: Positions (n,) [m].
            y_m: Positions (n,) [m].
            height_m: Heights of their antennas above ground (n,) [m].
        """
        changed = np.flatnonzero(off_air != (self._silence_db > 0.0))
        self._silence_db = np.where(off_air, _SILENCE_DB, 0.0)
        on_air = np.where(off_air, 0.0, 1.0)
        self._uplink_interference_mw = self._all_uplink_interference_mw * on_air[:, None]
        if stations.size:
            self._hear(stations, x_m, y_m, height_m)
            anew = np.ix_(stations, changed)
            self.rsrp_dbm[anew] = self._now_dbm[anew]

    def jam(self, stations: Ints, down_mw: Floats, up_mw: Floats) -> None:
        """Set what jammers are heard with on a resource block.

        Args:
            stations: Rows (n,); others keep what they have.
            down_mw: At the stations (n,) [mW].
            up_mw: At the base stations (cells,) [mW].
        """
        if self._down_jamming_mw is None:
            self._down_jamming_mw = np.zeros(len(self._x_m))
        self._down_jamming_mw[stations] = down_mw
        self._up_jamming_mw = up_mw

    def sinr_db(
        self, stations: Ints, serving: Ints, down_load: Floats, up_load: Floats
    ) -> tuple[Floats, Floats]:
        """Return SINR down and up in the serving cells [dB].

        Args:
            stations: Their rows (n,).
            serving: Their cells (n,).
            down_load: Share of resource blocks in use down (cells,).
            up_load: The same up (cells,).
        """
        signal_mw = self._heard_mw[stations, serving]
        # Of many stations it's quicker to work out some rows in vain than to copy the others.
        many = 2 * len(stations) > len(self._heard_mw)
        heard_mw = (
            (self._heard_mw @ down_load)[stations] if many else self._heard_mw[stations] @ down_load
        )
        # In double precision the difference loses nothing that matters.
        others_mw = heard_mw - signal_mw * down_load[serving]
        noise_mw = self._down_noise_mw
        if self._down_jamming_mw is not None:
            noise_mw = noise_mw + self._down_jamming_mw[stations]
        down = 10.0 * np.log10(signal_mw / (np.maximum(others_mw, 0.0) + noise_mw))
        gain_db = self._now_dbm[stations, serving] - self._element_power_dbm[serving]
        noise_mw = up_load @ self._uplink_interference_mw + self._up_noise_mw
        if self._up_jamming_mw is not None:
            noise_mw = noise_mw + self._up_jamming_mw
        up = (
            power_per_prb_dbm(gain_db, self._settings)
            + gain_db
            - 10.0 * np.log10(noise_mw[serving])
        )
        return down, up

    def los(self, stations: Ints, cells: Ints) -> Bools:
        """Return whether stations see cells, a cell each (n,); kept for fast fading alone."""
        return np.asarray(self._los[stations, cells])

    def _hear(self, stations: Ints, x_m: Floats, y_m: Floats, height_m: Floats) -> None:
        if self._settings.radio.fast_fading:
            # Settings see to it that the gains then tell of line of sight.
            gain_db, self._los[stations] = cast("PathGains", self._channel).links(
                x_m, y_m, height_m
            )
        else:
            gain_db = self._channel.path_gain_db(x_m, y_m, height_m)
        power_dbm = self._element_power_dbm - self._silence_db
        power_dbm += self._settings.radio.ue_antenna_gain_dbi
        level_dbm = gain_db + power_dbm.astype(np.float32)
        if self._settings.radio.in_car_share:
            level_dbm -= self._loss_db[stations, None]
        rows = _rows(stations)
        self._x_m[rows] = x_m
        self._y_m[rows] = y_m
        self._now_dbm[rows] = level_dbm
        self._heard_mw[rows] = phy.SUBCARRIERS_PER_PRB * _mw(level_dbm)


def _rows(stations: Ints) -> Ints | slice:
    """Return ascending rows as a slice, where that will do: it saves copying."""
    dense = not stations.size or stations[-1] + 1 == len(stations)
    return slice(0, len(stations)) if dense else stations


def _mw(dbm: Floats) -> Floats:
    return np.asarray(np.exp(dbm * (math.log(10.0) / 10.0)))
