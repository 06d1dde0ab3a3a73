"""Fast fading in the serving cell, and the outer loop that keeps the first error rate in spite.

A transmission fades by where its station is then: the first one where the packet comes to its
queue, the others a round trip later each. The wait in the queue, which isn't known yet, is left
out; another place of the same pattern is as good. Up and down share a carrier and fade alike. What
disturbs from other cells doesn't fade, for it is the sum of many.

The MCS is chosen for the SINR that is reported, without fading, and a margin that the outer loop
learns for each station and direction: half a decibel down when a packet isn't received at once, and
as little up otherwise as balances at the target. Packets sent at the lowest MCS and lost, or at the
highest and received, teach nothing. What was learnt counts from the next measurement on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from network import phy
from network.arrays import Bools, Floats, Ints
from network.packet import Positions
from network.radio.fading import Fading, FadingLinks
from network.settings import NetworkSettings

UP, DOWN = 0, 1

_STEP_DB = 0.5
_MOST_DB = 10.0
# Steps are summed as whole numbers, so that their order doesn't matter.
_PARTS = 1 << 40


class Fades:
    """Fast fading and margins of stations, one row for each.

    Args:
        stations: Number of rows.
        settings: The network.
        cell_keys: Keys of the cells (cells,).
        seed: Seed of the run.
    """

    def __init__(
        self,
        stations: int,
        settings: NetworkSettings,
        cell_keys: NDArray[np.uint64],
        *,
        seed: int,
    ) -> None:
        radio = settings.radio
        self._fading = Fading(
            radio.scenario, radio.carrier_ghz, seed=seed, branches=radio.receive_antennas
        )
        self._prb_hz = radio.subcarrier_spacing_khz * 1e3 * phy.SUBCARRIERS_PER_PRB
        self._target_bler = settings.scheduling.target_bler
        self._highest_mcs = len(phy.mcs_table(2).order) - 1
        self._cell_keys = cell_keys
        self._place = np.zeros(stations, dtype=np.uint64)
        self._k = np.zeros(stations)
        self._los = np.zeros(stations, dtype=np.bool_)
        self._learnt = np.zeros((stations, 2), dtype=np.int64)
        self._margin_db = np.zeros((stations, 2))

    def grow(self, stations: int) -> None:
        """Make room for more rows."""
        more = stations - len(self._k)
        self._place = np.pad(self._place, (0, more))
        self._k = np.pad(self._k, (0, more))
        self._los = np.pad(self._los, (0, more))
        self._learnt = np.pad(self._learnt, ((0, more), (0, 0)))
        self._margin_db = np.pad(self._margin_db, ((0, more), (0, 0)))

    def reset(self, station: int) -> None:
        """Forget what was learnt in a row: it is another station's now."""
        self._learnt[station] = 0
        self._margin_db[station] = 0.0

    def enter(self, stations: Ints, station_keys: NDArray[np.uint64], cells: Ints) -> None:
        """Take stations' links to the cells that serve them from now on."""
        self._place[stations], self._k[stations] = self._fading.links(
            station_keys, self._cell_keys[cells]
        )

    def see(self, stations: Ints, los: Bools) -> None:
        """Take whether stations see their cell."""
        self._los[stations] = los

    def adapt(self) -> None:
        """Let what was learnt since the last time count."""
        if not self._learnt.any():
            return
        self._margin_db += self._learnt * (_STEP_DB / _PARTS)
        np.clip(self._margin_db, -_MOST_DB, _MOST_DB, out=self._margin_db)
        self._learnt[:] = 0

    def margin_db(self, stations: Ints, direction: int) -> Floats:
        """Return what to add to the reported SINR of stations [dB]."""
        return np.asarray(self._margin_db[stations, direction])

    def packets(
        self,
        direction: int,
        stations: Ints,
        sinr_db: Floats,
        positions: Positions,
        begin_ns: Ints,
    ) -> FadedPackets:
        """Return the fading of packets (n,).

        Args:
            direction: UP or DOWN.
            stations: The station of each.
            sinr_db: SINR without fading [dB].
            positions: Where the stations are.
            begin_ns: When each comes to its queue [ns].
        """
        return FadedPackets(self, direction, stations, sinr_db, positions, begin_ns)

    def sinr_db(
        self, stations: Ints, sinr_db: Floats, x_m: Floats, y_m: Floats, prbs: Ints
    ) -> Floats:
        """Return the effective SINR of transmissions (n,) [dB]."""
        return self._fading.effective_sinr_db(
            sinr_db,
            FadingLinks(self._place[stations], self._k[stations]),
            x_m=x_m,
            y_m=y_m,
            los=self._los[stations],
            bandwidth_hz=prbs * self._prb_hz,
        )

    def learn(
        self, direction: int, stations: Ints, mcs: Ints, blocks: Ints, through: Bools
    ) -> None:
        """Take in how first transmissions of packets (n,) went.

        Args:
            direction: UP or DOWN.
            stations: The station of each.
            mcs: The MCS of each.
            blocks: Transport blocks of each.
            through: Whether all of them were received at once.
        """
        # A packet of b blocks is received at once with (1 - target)^b.
        lost = -np.expm1(blocks * np.log1p(-self._target_bler))
        error = np.round((lost - ~through) * _PARTS).astype(np.int64)
        error[(through & (mcs >= self._highest_mcs)) | (~through & (mcs == 0))] = 0
        np.add.at(self._learnt[:, direction], stations, error)


class FadedPackets:
    """The fading of some packets of one direction; see `Fades.packets`."""

    def __init__(
        self,
        fades: Fades,
        direction: int,
        stations: Ints,
        sinr_db: Floats,
        positions: Positions,
        begin_ns: Ints,
    ) -> None:
        self._fades = fades
        self._direction = direction
        self._stations = stations
        self._sinr_db = sinr_db
        self._positions = positions
        self._begin_ns = begin_ns

    def take(self, rows: Ints) -> FadedPackets:
        """Return some of the packets."""
        return FadedPackets(
            self._fades,
            self._direction,
            self._stations[rows],
            self._sinr_db[rows],
            self._positions,
            self._begin_ns[rows],
        )

    def sinr_db(self, rows: Ints, later_ns: Ints, prbs: Ints) -> Floats:
        """Return the effective SINR of transmissions of packets (n, k) [dB].

        Args:
            rows: Which packets (n,).
            later_ns: How much later than the first each transmission is (k,) [ns].
            prbs: How many resource blocks wide a packet is (n,).
        """
        instant_ns = (self._begin_ns[rows][:, None] + later_ns).ravel()
        rows, prbs = np.repeat(rows, len(later_ns)), np.repeat(prbs, len(later_ns))
        stations = self._stations[rows]
        x_m, y_m = self._positions.at(instant_ns, stations)
        faded = self._fades.sinr_db(stations, self._sinr_db[rows], x_m, y_m, prbs)
        return faded.reshape(-1, len(later_ns))

    def learn(self, rows: Ints, mcs: Ints, blocks: Ints, through: Bools) -> None:
        """Take in how the first transmissions of packets went; see `Fades.learn`."""
        self._fades.learn(self._direction, self._stations[rows], mcs, blocks, through)
