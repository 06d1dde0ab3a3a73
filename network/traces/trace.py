"""What a measured drive says of the link, row by row."""

from __future__ import annotations

from dataclasses import dataclass

from network.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class Trace:
    """A drive as rows in order of time; each holds until the next. Arrays have the shape (n,).

    After its last row, which lasts as long as the others do in the mean, a trace begins anew.
    """

    time_s: Floats
    """When each row begins, rising, the first at 0."""
    distance_m: Floats | None
    """How far the drive had come at each row, never falling, from 0; None if that isn't known."""
    served: Bools
    """Whether there was a network at all."""
    up_ms: Floats
    """(n, 3) least, mean and most time from a station to the server."""
    down_ms: Floats
    """(n, 3) least, mean and most time from the server to a station."""
    up_loss: Floats
    """Probability that a packet to the server is lost."""
    down_loss: Floats
    """Probability that a packet from the server is lost."""
    up_kbps: Floats
    """What a station can send; infinite where that isn't known."""
    down_kbps: Floats
    """What a station can receive; infinite where that isn't known."""
    cell: Ints
    """Serving cell, -1 where there is none or none is known."""
    cell_names: tuple[str, ...]
    cell_technologies: tuple[str, ...]
    rsrp_dbm: Floats
    sinr_db: Floats
    neighbour_rsrp_dbm: Floats

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def end_s(self) -> float:
        """When the last row ends."""
        return float(self.time_s[-1]) * self._with_last_row or 1.0

    @property
    def end_m(self) -> float:
        """How far the drive has come when the last row ends; 0 if it never moved."""
        return 0.0 if self.distance_m is None else float(self.distance_m[-1]) * self._with_last_row

    @property
    def _with_last_row(self) -> float:
        return 1.0 + 1.0 / max(len(self) - 1, 1)
