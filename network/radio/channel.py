"""What every cell's signal has lost on its way to every station: the link budget, for thousands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from network.arrays import Bools, Floats, Ints, Singles
from network.draws import Draws
from network.radio.antennas import (
    ELEMENT_GAIN_DBI,
    FRONT_TO_BACK_DB,
    Panel,
    horizontal_loss_db,
    vertical_loss_db,
)
from network.radio.log_distance import MeasuredLoss
from network.radio.propagation import (
    CORRELATION_DISTANCES,
    Scenario,
    los_probability,
    path_losses_db,
    sigmas_db,
    soft_los_state,
)
from network.radio.shadowing import Maps, Shadowing

_HALF = np.float32(0.5)


class PathGains(Protocol):
    """What gives the links between stations and cells: a `Channel`, or a `maps.RadioMap`."""

    def path_gain_db(self, x_m: Floats, y_m: Floats, height_m: Floats) -> Floats:
        """Return the gain of every link (stations, cells) [dB]."""

    def links(self, x_m: Floats, y_m: Floats, height_m: Floats) -> LinkBudget:
        """Return gain and line of sight of every link."""


@dataclass(frozen=True)
class Cells:
    """The cells of a network, one entry each.

    Attributes:
        site_key: `key_of` the site's name: cells of one site share shadowing and line of sight.
        x_m: Position in the net's plane [m].
        y_m: Position in the net's plane [m].
        height_m: Height of the antenna above ground [m].
        azimuth_rad: Boresight, counter-clockwise from east [rad]; NaN for an omnidirectional cell.
        downtilt_rad: Electrical tilt under the horizon [rad].
    """

    site_key: NDArray[np.uint64]
    x_m: Floats
    y_m: Floats
    height_m: Floats
    azimuth_rad: Floats
    downtilt_rad: Floats

    def __post_init__(self) -> None:
        shapes = {np.shape(column) for column in vars(self).values()}
        if len(shapes) != 1 or len(next(iter(shapes))) != 1:
            raise ValueError(f"cells need columns of one length, got shapes {sorted(shapes)}")

    def antenna_gain_dbi(
        self, x_m: Floats, y_m: Floats, height_m: Floats, panel: Panel | None = None
    ) -> Floats:
        """Return the gain of every cell's antenna towards places (places, cells) [dBi]."""
        east, north = x_m[:, None] - self.x_m, y_m[:, None] - self.y_m
        everywhere = np.isnan(self.azimuth_rad)
        return (panel or Panel()).gain_dbi(
            np.arctan2(np.hypot(east, north), height_m[:, None] - self.height_m),
            np.arctan2(north, east) - np.where(everywhere, 0.0, self.azimuth_rad),
            tilt_rad=np.pi / 2.0 + self.downtilt_rad,
            omnidirectional=everywhere,
        )


class Sight(Protocol):
    """What tells line of sight by geometry instead of a draw, such as `obstacles.Buildings`."""

    def from_masts(self, x_m: Floats, y_m: Floats, height_m: Floats) -> SightFromMasts:
        """Return what masts at these places (masts,) see."""


class SightFromMasts(Protocol):
    """What a set of masts sees."""

    def in_sight(self, x_m: Floats, y_m: Floats) -> Bools:
        """Return whether nothing stands between each place and each mast (places, masts)."""


class LinkBudget(NamedTuple):
    """The large-scale state of every link, (stations, cells)."""

    gain_db: Floats
    """Antenna gain less path loss and shadowing [dB]: received less transmitted power."""
    los: Bools


class Channel:
    """Large-scale gains between stations and the cells of a network (TR 38.901).

    Where line of sight is drawn, it is the soft state of 7.6.3.3: on the way out of sight a link
    goes over from the loss in sight to that out of it within some metres. The clause mixes channel
    matrices by it (7.6-19). Taken for mean powers, that would keep each blocked link within 40 dB
    of its unblocked self, and 2 dB over Table 7.4.1-1 on average; so here losses are mixed in
    decibels, which shifts that average by half a decibel.

    Distance, line of sight and shadowing belong to a site and are worked out once for it, only the
    horizontal pattern of its antennas once a cell.

    Args:
        cells: Where the cells are; may be none.
        scenario: ``"UMa"``, ``"UMi"`` or ``"RMa"``.
        carrier_ghz: Carrier frequency [GHz].
        seed: The run's seed.
        panel: The antenna of every cell.
        sight: Line of sight by geometry, such as `obstacles.Buildings`; drawn from the scenario's
            probability as a map that is alike in space when None (TR 38.901 7.6.3.3).
        measured: Path loss and shadowing in place of the scenario's.

    Raises:
        ValueError: Values outside the scenario's range (see `propagation.path_loss_db`).
    """

    def __init__(
        self,
        cells: Cells,
        *,
        scenario: Scenario,
        carrier_ghz: float,
        seed: int,
        panel: Panel | None = None,
        sight: Sight | None = None,
        measured: MeasuredLoss | None = None,
    ) -> None:
        self._scenario = scenario
        self._carrier_ghz = carrier_ghz
        self._measured = measured
        self._panel = panel or Panel()
        self._masts, self._mast_of_cell = _masts(cells)
        masts = self._masts
        self._sight = (
            None if sight is None else sight.from_masts(masts.x_m, masts.y_m, masts.height_m)
        )
        omnidirectional = np.isnan(cells.azimuth_rad)
        self._azimuth_rad = np.where(omnidirectional, 0.0, cells.azimuth_rad).astype(np.float32)
        self._mast_height_m = masts.height_m.astype(np.float32)
        self._tilt_rad = (np.pi / 2.0 + masts.downtilt_rad).astype(np.float32)
        self._sector_weight = np.where(omnidirectional, 0.0, 1.0).astype(np.float32)
        distances = CORRELATION_DISTANCES[scenario]
        keys = masts.site_key
        self._los_maps = Maps(keys, distances.los_state_m, Draws(seed, "radio/los"), smooth=True)
        shadowing_m = (
            (distances.shadowing_los_m, distances.shadowing_nlos_m)
            if measured is None
            else tuple(state.correlation_distance_m for state in measured)
        )
        self._shadowing = Shadowing(keys, *shadowing_m, seed=seed)

    def path_gain_db(self, x_m: Floats, y_m: Floats, height_m: Floats) -> Floats:
        """Return the gain of every link (stations, cells) [dB]; see `links`."""
        return self.links(x_m, y_m, height_m).gain_db

    def links(self, x_m: Floats, y_m: Floats, height_m: Floats) -> LinkBudget:
        """Return gain and line of sight of every link.

        Args:
            x_m: Positions of the stations (stations,) [m].
            y_m: Positions of the stations (stations,) [m].
            height_m: Heights of their antennas above ground (stations,) [m].

        Returns:
            Gains [dB] and states of shape (stations, cells).

        Raises:
            ValueError: A position that is not a finite number.
        """
        if not (np.isfinite(x_m).all() and np.isfinite(y_m).all()):
            raise ValueError("positions of stations must be finite numbers")
        masts = self._masts
        # From here on in single precision, which is good for 1e-4 dB.
        east = (x_m[:, None] - masts.x_m).astype(np.float32)
        north = (y_m[:, None] - masts.y_m).astype(np.float32)
        height = height_m[:, None].astype(np.float32)
        distance_2d = np.sqrt(east**2 + north**2)
        clear = self._clear(x_m, y_m, height, distance_2d)
        in_sight, blocked = self._losses_db(x_m, y_m, height, distance_2d)
        loss = blocked + clear * (in_sight - blocked)
        zenith = np.arctan2(distance_2d, height - self._mast_height_m)
        column = self._panel.column_gain_db(zenith, self._tilt_rad)
        cell = self._mast_of_cell
        gain = (ELEMENT_GAIN_DBI + column - loss)[:, cell]
        gain -= self._pattern_loss_db(vertical_loss_db(zenith), np.arctan2(north, east))
        return LinkBudget(gain, (clear > _HALF)[:, cell])

    def _clear(
        self, x_m: Floats, y_m: Floats, height_m: Singles, distance_2d_m: Singles
    ) -> Singles:
        """Return how much of each site's links is in line of sight (stations, masts), 0 to 1."""
        if self._sight is not None:
            return self._sight.in_sight(x_m, y_m).astype(np.float32)
        probability = los_probability(self._scenario, distance_2d_m, ue_height_m=height_m)
        return soft_los_state(probability, self._los_maps.normals(x_m, y_m), self._carrier_ghz)

    def _losses_db(
        self, x_m: Floats, y_m: Floats, height_m: Singles, distance_2d_m: Singles
    ) -> tuple[Floats, Floats]:
        """Return path loss and shadowing in line of sight, and out of it (stations, masts)."""
        bs_height_m = self._mast_height_m
        shadowing = self._shadowing.normals(x_m, y_m)
        if self._measured is not None:
            distance_3d_m = np.hypot(distance_2d_m, height_m - bs_height_m)
            in_sight, blocked = (
                state.loss_db(distance_3d_m, self._carrier_ghz) + state.shadowing_sigma_db * normals
                for state, normals in zip(self._measured, shadowing, strict=True)
            )
            return in_sight, blocked
        link = self._scenario, distance_2d_m, self._carrier_ghz
        losses = path_losses_db(*link, bs_height_m=bs_height_m, ue_height_m=height_m)
        sigmas = sigmas_db(*link, bs_height_m=bs_height_m, ue_height_m=height_m)
        in_sight, blocked = (
            loss + sigma * normals
            for loss, sigma, normals in zip(losses, sigmas, shadowing, strict=True)
        )
        return in_sight, blocked

    def _pattern_loss_db(self, vertical_db: Floats, azimuth_rad: Singles) -> Singles:
        cell = self._mast_of_cell
        across = horizontal_loss_db(azimuth_rad[:, cell] - self._azimuth_rad)
        across *= self._sector_weight
        across += vertical_db[:, cell]
        return np.minimum(across, np.float32(FRONT_TO_BACK_DB), out=across)


def _masts(cells: Cells) -> tuple[Cells, Ints]:
    """Return one row for cells that share a site, a place and a tilt, and each cell's row."""
    numbers: dict[tuple[float, ...], int] = {}
    of_cell = [
        numbers.setdefault(row, len(numbers))
        for row in zip(
            cells.site_key.tolist(),
            cells.x_m.tolist(),
            cells.y_m.tolist(),
            cells.height_m.tolist(),
            cells.downtilt_rad.tolist(),
            strict=True,
        )
    ]
    first = np.array([of_cell.index(mast) for mast in range(len(numbers))], dtype=np.int64)
    columns = {name: column[first] for name, column in vars(cells).items()}
    return Cells(**columns), np.array(of_cell, dtype=np.int64)
