"""Radio maps: path gains worked out or measured ahead of a run, on a grid, in a file.

A file is a NumPy archive (`.npz`) with

* ``gain_db``: float32 (cells, rows, columns), received less transmitted power at the grid's nodes;
* ``los``: bool of the same shape, True in line of sight;
* ``cells``: the cells' names (cells,);
* ``origin_m``: x and y of the node of row 0 and column 0 in the net's plane;
* ``pitch_m``: distance of neighbouring nodes; rows go along y, columns along x.

A ray tracer or a measurement can write one; `RadioMap.of` makes one from a `Channel`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from network.arrays import Bools, Floats
from network.radio.channel import LinkBudget, PathGains

UNMAPPED_DB = -300.0
"""Gain outside a map: no coverage."""


@dataclass(frozen=True)
class RadioMap:
    """Path gains on a grid that stand in for a `Channel`.

    Attributes:
        cells: Names of the cells.
        gain_db: Gains (cells, rows, columns) [dB].
        los: Line of sight, of the same shape.
        origin_m: Place of row 0, column 0 in the net's plane [m].
        pitch_m: Distance of neighbouring nodes [m].
    """

    cells: tuple[str, ...]
    gain_db: NDArray[np.float32]
    los: Bools
    origin_m: tuple[float, float]
    pitch_m: float

    def __post_init__(self) -> None:
        shape = self.gain_db.shape
        if len(shape) != 3 or shape[0] != len(self.cells) or self.los.shape != shape:
            raise ValueError(
                f"a radio map of {len(self.cells)} cells needs gains and line of sight of shape "
                f"(cells, rows, columns), got {shape} and {self.los.shape}"
            )
        if shape[1] < 2 or shape[2] < 2 or not self.pitch_m > 0.0:
            raise ValueError("a radio map needs two rows, two columns and a pitch over 0 m")
        if not np.isfinite(self.gain_db).all():
            raise ValueError("gains of a radio map must be finite; write -300 dB for no signal")

    @classmethod
    def of(
        cls,
        channel: PathGains,
        cells: Sequence[str],
        *,
        bounds_m: tuple[float, float, float, float],
        pitch_m: float,
        height_m: float = 1.5,
    ) -> RadioMap:
        """Work out a map from the formulas.

        Args:
            channel: What gives the gains.
            cells: Names of its cells, in their order.
            bounds_m: xmin, ymin, xmax, ymax to cover [m].
            pitch_m: Distance of neighbouring nodes [m].
            height_m: Height of the stations' antennas [m].
        """
        x_min, y_min, x_max, y_max = bounds_m
        x = _nodes(x_min, x_max, pitch_m)
        y = _nodes(y_min, y_max, pitch_m)
        gain = np.empty((len(cells), len(y), len(x)), dtype=np.float32)
        los = np.empty(gain.shape, dtype=bool)
        for row, at in enumerate(y.tolist()):
            links = channel.links(x, np.full(len(x), at), np.full(len(x), height_m))
            gain[:, row], los[:, row] = links.gain_db.T, links.los.T
        return cls(tuple(cells), gain, los, (x_min, y_min), pitch_m)

    @classmethod
    def load(cls, path: Path, cells: Sequence[str]) -> RadioMap:
        """Read a file and put its cells in the wanted order.

        Args:
            path: The file.
            cells: Names of the network's cells.

        Raises:
            ValueError: A file that is no radio map or lacks one of the cells.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                names = [str(name) for name in archive["cells"]]
                gain, los = archive["gain_db"], archive["los"]
                origin, pitch_m = archive["origin_m"], float(archive["pitch_m"])
        except (AttributeError, BadZipFile, KeyError, OSError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a radio map: {error}") from error
        if len(names) != len(gain) or gain.shape != los.shape or np.shape(origin) != (2,):
            raise ValueError(
                f"{path} has {len(names)} cells, gains of shape {gain.shape}, line of sight of "
                f"{los.shape} and an origin of {np.shape(origin)}; expected (cells, rows, columns) "
                "twice and (2,)"
            )
        missing = [name for name in cells if name not in names]
        if missing:
            raise ValueError(f"{path} has no gains for the cells {', '.join(missing)}")
        order = [names.index(name) for name in cells]
        return cls(
            tuple(cells),
            gain[order].astype(np.float32),
            los[order].astype(bool),
            (float(origin[0]), float(origin[1])),
            pitch_m,
        )

    def save(self, path: Path) -> None:
        """Write the map as described above."""
        np.savez_compressed(
            path,
            cells=np.array(self.cells),
            gain_db=self.gain_db,
            los=self.los,
            origin_m=np.array(self.origin_m),
            pitch_m=self.pitch_m,
        )

    def path_gain_db(self, x_m: Floats, y_m: Floats, height_m: Floats) -> Floats:
        """Return the gain of every link (stations, cells) [dB]; see `links`."""
        return self.links(x_m, y_m, height_m).gain_db

    def links(self, x_m: Floats, y_m: Floats, height_m: Floats) -> LinkBudget:  # noqa: ARG002
        """Return gain and line of sight of every link.

        Gains are interpolated in dB between the four nodes around a station, line of sight is the
        nearest node's. Outside the map there is no coverage: `UNMAPPED_DB`.

        Args:
            x_m: Positions of the stations (stations,) [m].
            y_m: Positions of the stations (stations,) [m].
            height_m: Not looked at: a map is made for one height.

        Returns:
            Gains [dB] and states of shape (stations, cells).

        Raises:
            ValueError: A position that is not a finite number.
        """
        if not (np.isfinite(x_m).all() and np.isfinite(y_m).all()):
            raise ValueError("positions of stations must be finite numbers")
        _, rows, columns = self.gain_db.shape
        across = (x_m - self.origin_m[0]) / self.pitch_m
        along = (y_m - self.origin_m[1]) / self.pitch_m
        inside = (across >= 0) & (across <= columns - 1) & (along >= 0) & (along <= rows - 1)
        column = np.clip(np.floor(across), 0, columns - 2).astype(np.int64)
        row = np.clip(np.floor(along), 0, rows - 2).astype(np.int64)
        right, up = np.clip(across - column, 0.0, 1.0), np.clip(along - row, 0.0, 1.0)
        gain = (
            self.gain_db[:, row, column] * (1.0 - right) * (1.0 - up)
            + self.gain_db[:, row, column + 1] * right * (1.0 - up)
            + self.gain_db[:, row + 1, column] * (1.0 - right) * up
            + self.gain_db[:, row + 1, column + 1] * right * up
        )
        los = self.los[:, row + (up >= 0.5), column + (right >= 0.5)] & inside
        return LinkBudget(np.where(inside, gain, UNMAPPED_DB).T, los.T)


def _nodes(low_m: float, high_m: float, pitch_m: float) -> Floats:
    count = max(int(np.ceil((high_m - low_m) / pitch_m)) + 1, 2)
    return np.asarray(low_m + pitch_m * np.arange(count), dtype=np.float64)
