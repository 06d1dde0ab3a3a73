"""What the person at the wheel is told beside the view: the instruments, from what is recorded."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from cosim.clock import NS_PER_MS, NS_PER_S, to_s
from cosim.recording import Columns

# The delay shown is the median of what came within the last second.
_DELAY_OVER_S = 1.0


class Heard(NamedTuple):
    """Messages of one kind that have reached the car: how many, and when the newest was sent."""

    messages: int
    sent_ns: int


class Dash:
    """Keeps the instruments of one vehicle up to date with the rows of the run's tables.

    Args:
        vehicle: the driven vehicle's name.
    """

    def __init__(self, vehicle: str) -> None:
        self.vehicle = vehicle
        self.user_id = vehicle
        """What SUMO calls it; known with its first decision."""
        self.time_s = 0.0
        self.speed_mps = math.nan
        self.function = ""
        self.reason = ""
        self.cell = ""
        self.rsrp_dbm = math.nan
        self.sinr_db = math.nan
        self.interrupted = False
        self.handovers = 0
        self.last_handover = ""
        self.collisions = 0
        self.heard: dict[str, Heard] = {}
        self.mode = ""
        """Who has the wheel of a car that is driven from afar; empty if it isn't."""
        self.picture_age_ms = math.nan
        """Of the picture behind the newest command."""
        self._delays: deque[tuple[float, float]] = deque()

    @property
    def delay_ms(self) -> float:
        """Median delay of the packets that have reached the car within a second; NaN if none."""
        recent = [
            delay_ms for ended_s, delay_ms in self._delays if ended_s > self.time_s - _DELAY_OVER_S
        ]
        return float(np.median(recent)) if recent else math.nan

    def age_ms(self, kind: str, now_ns: int) -> float:
        """How long ago the newest message of a kind was sent that has reached the car."""
        return (now_ns - self.heard[kind].sent_ns) / NS_PER_MS

    def observe(self, table: str, columns: Columns) -> None:
        """Take in rows of a table as they are recorded."""
        read = getattr(self, f"_read_{table}", None)
        if read is not None:
            read(columns)

    def _read_decisions(self, columns: Columns) -> None:
        for row in _rows_of(self.vehicle, columns["vehicle"]):
            self.user_id = columns["id"][row]
            self.time_s = float(columns["time_s"][row])
            self.speed_mps = float(columns["speed_mps"][row])
            self.function, self.reason = columns["function"][row], columns["reason"][row]

    def _read_links(self, columns: Columns) -> None:
        for row in _rows_of(self.user_id, columns["id"]):
            self.cell = columns["cell"][row]
            self.rsrp_dbm = float(columns["rsrp_dbm"][row])
            self.sinr_db = float(columns["sinr_db"][row])
            self.interrupted = bool(columns["interrupted"][row])

    def _read_handovers(self, columns: Columns) -> None:
        for row in _rows_of(self.user_id, columns["id"]):
            self.handovers += 1
            self.last_handover = (
                f"to {columns['to_cell'][row] or 'none'}, {columns['interruption_ms'][row]:.0f} ms"
            )

    def _read_packets(self, columns: Columns) -> None:
        for row in _rows_of(self.user_id, columns["receiver"]):
            if columns["fate"][row] != "delivered":
                continue
            sent_ns, ended_ns = int(columns["sent_ns"][row]), int(columns["ended_ns"][row])
            before = self.heard.get(columns["kind"][row], Heard(0, 0))
            newest_ns = max(before.sent_ns, sent_ns)
            self.heard[columns["kind"][row]] = Heard(before.messages + 1, newest_ns)
            self._delays.append((to_s(ended_ns), (ended_ns - sent_ns) / NS_PER_MS))
        while self._delays and self._delays[0][0] < self.time_s - 2.0 * _DELAY_OVER_S:
            self._delays.popleft()

    def _read_events(self, columns: Columns) -> None:
        rows = _rows_of(self.vehicle, columns["id"])
        self.collisions += sum(columns["kind"][row] == "collision" for row in rows)

    def _read_remote_driving(self, columns: Columns) -> None:
        for row in _rows_of(self.vehicle, columns["vehicle"]):
            self.mode = columns["mode"][row]
            self.picture_age_ms = float(columns["picture_age_ms"][row])

    def lines(
        self, now_ns: int, speed_mps: float, real_time_factor: float
    ) -> Iterator[tuple[str, str]]:
        """What the instruments show at an instant [ns]: names and values with their units."""
        yield "time", f"{now_ns / NS_PER_S:.2f} s"
        yield "speed", f"{_shown(3.6 * speed_mps, 0)} km/h"
        yield "cell", self.cell + (" (interrupted)" if self.interrupted else "") or "none"
        yield "RSRP", f"{_shown(self.rsrp_dbm, 1)} dBm"
        yield "SINR", f"{_shown(self.sinr_db, 1)} dB"
        yield "delay", f"{_shown(self.delay_ms, 1)} ms"
        yield "handovers", str(self.handovers)
        if self.last_handover:
            yield "", self.last_handover
        for kind in sorted(self.heard):
            age_ms = self.age_ms(kind, now_ns)
            yield kind.replace("_", " "), f"{self.heard[kind].messages}, newest {age_ms:.0f} ms old"
        yield "collisions", str(self.collisions)
        yield "real time", f"{real_time_factor:.2f} x"


def _rows_of(name: str, names: list[str]) -> list[int]:
    return [row for row, one in enumerate(names) if one == name]


def _shown(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
