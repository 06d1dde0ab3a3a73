"""What the link costs: `python benchmarks/bench_link.py`.

All stations are connected, drive at 15 m/s and send 300 bytes ten times a second, each at an
instant of its own; every cell carries background traffic. Timed is a tick of 100 ms: sending,
advancing and taking the finished packets. Each size runs in a process of its own, for its peak
memory. Beside it stands the same machine's time for a bare path loss and SINR of all links in
double precision, once, for comparison: the link measures two and a half times in a tick. The last
lines are what a tick takes with other settings, against one without, turn by turn in one process.
"""

from __future__ import annotations

import cProfile
import multiprocessing
import pstats
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from network import Link, NetworkSettings, Positions, SiteSettings
from network.arrays import Floats

SIZES = ((100, 21), (1000, 57), (5000, 100))
INTER_SITE_DISTANCE_M = 500.0
SPEED_MPS = 15.0
TICK_NS = 100_000_000
WARM_UP, TICKS = 20, 100
PARTS = {
    "gains": "path_gain_db",
    "measuring": "_measure",
    "packets": "_carry",
    "handing over": "_execute_commands",
    "sending": "send",
}
LOADED = {"background": {"prb_utilisation": 0.95}}
COMPARED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "5QIs, at 95 % load": (LOADED, {**LOADED, "qos": {"cam": 3, "denm": 83}}),
    "LTE to fall back to (SA)": ({}, {"lte": {"architecture": "SA"}}),
    "LTE masters (NSA)": ({}, {"lte": {"architecture": "NSA"}}),
}
COMPARED_SIZE = (1000, 57)


class Cost(NamedTuple):
    """Times of a tick [ms], peak memory [MiB] and shares of the time."""

    median_ms: float
    p95_ms: float
    naive_ms: float
    memory_mib: float
    shares: dict[str, float]


def main() -> None:
    """Print a table with a row for each size."""
    print("stations x cells   median ms   p95 ms   bare loss+SINR ms   peak MiB   where")
    context = multiprocessing.get_context("spawn")
    for stations, cells in SIZES:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            cost = pool.submit(measure, stations, cells).result()
        where = ", ".join(f"{name} {share:.0%}" for name, share in cost.shares.items())
        print(
            f"{stations:8d} x {cells:<5d} {cost.median_ms:12.1f} {cost.p95_ms:8.1f} "
            f"{cost.naive_ms:19.1f} {cost.memory_mib:10.0f}   {where}"
        )
    stations, cells = COMPARED_SIZE
    print(f"a tick of {stations} x {cells} with ..., against one without")
    for name, (without, settings) in COMPARED.items():
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            ratio = pool.submit(compare, stations, cells, without, settings).result()
        print(f"{name:<26s} {ratio:.2f}")


def measure(stations: int, cells: int) -> Cost:
    """Run one size."""
    traffic = Traffic(stations, cells)
    for _ in range(WARM_UP):
        traffic.tick()
    times = np.array([traffic.tick() for _ in range(TICKS)]) * 1e3
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    profile = cProfile.Profile(time.thread_time)
    profile.enable()
    for _ in range(TICKS // 2):
        traffic.tick()
    profile.disable()
    return Cost(
        float(np.median(times)),
        float(np.percentile(times, 95)),
        naive_ms(traffic.x_m, traffic.y_m, traffic.sites_m),
        memory,
        shares(profile),
    )


def compare(stations: int, cells: int, without: dict[str, Any], settings: dict[str, Any]) -> float:
    """Return how much longer a tick takes with some settings than with others (medians)."""
    both = Traffic(stations, cells, **without), Traffic(stations, cells, **settings)
    times = np.array([[one.tick() for one in both] for _ in range(WARM_UP + TICKS)])
    median = np.median(times[WARM_UP:], axis=0)
    return float(median[1] / median[0])


def shares(profile: cProfile.Profile) -> dict[str, float]:
    """Return the shares of the parts of a tick; gains are a part of measuring, taken out of it."""
    spent = dict.fromkeys(PARTS, 0.0)
    total = 0.0
    for (_, _, name), row in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        total += row[2]
        for part, function in PARTS.items():
            spent[part] += row[3] * (name == function)
    spent["measuring"] -= spent["gains"]
    return {part: seconds / total for part, seconds in spent.items()}


class Traffic:
    """Stations that drive straight on, turning back at the area's edge."""

    def __init__(self, stations: int, cells: int, **settings: Any) -> None:
        self.sites_m = spiral(-(-cells // 3))
        sites = [
            SiteSettings(id=f"s{n}", x_m=x, y_m=y, sectors=min(3, cells - 3 * n))
            for n, (x, y) in enumerate(self.sites_m.tolist())
        ]
        reach = float(np.abs(self.sites_m).max()) + INTER_SITE_DISTANCE_M / 2
        self.reach_m = reach
        network = NetworkSettings(cells=tuple(sites), **settings)
        self.link = Link(network, seed=1, bounds_m=(-reach, -reach, reach, reach))
        assert len(self.link.cell_names) == cells * (1 + ("lte" in settings))
        random = np.random.default_rng(1)
        self.x_m, self.y_m = random.uniform(-reach, reach, (2, stations))
        heading = random.uniform(0.0, 2.0 * np.pi, stations)
        self.vx_mps, self.vy_mps = SPEED_MPS * np.cos(heading), SPEED_MPS * np.sin(heading)
        self.offset_ns = random.integers(0, TICK_NS, stations)
        self.five_qi = random.choice([3, 9, 83], stations)
        self.stations = np.arange(stations)
        self.now_ns = 0
        for station in range(stations):
            self.link.attach(station, f"car{station}", 1.5, subscribed=False)

    def tick(self) -> float:
        """Go on by a tick and return what the link took [s]."""
        begin_ns, self.now_ns = self.now_ns, self.now_ns + TICK_NS
        self.vx_mps = np.where(
            np.abs(self.x_m) > self.reach_m, -np.sign(self.x_m) * np.abs(self.vx_mps), self.vx_mps
        )
        self.vy_mps = np.where(
            np.abs(self.y_m) > self.reach_m, -np.sign(self.y_m) * np.abs(self.vy_mps), self.vy_mps
        )
        self.x_m = self.x_m + self.vx_mps * TICK_NS * 1e-9
        self.y_m = self.y_m + self.vy_mps * TICK_NS * 1e-9
        where = Positions(
            self.now_ns, self.x_m, self.y_m, np.zeros_like(self.x_m), self.vx_mps, self.vy_mps
        )
        started = time.perf_counter()
        self.link.send(self.stations, 300, begin_ns + self.offset_ns, five_qi=self.five_qi)
        self.link.advance(self.now_ns, where)
        self.link.finished()
        self.link.handovers()
        return time.perf_counter() - started


def spiral(count: int) -> Floats:
    """Return the places of the first sites of a hexagonal grid, from the middle outwards [m]."""
    row, column = np.mgrid[-9:10, -9:10]
    x = (column + (row % 2) / 2.0) * INTER_SITE_DISTANCE_M
    y = row * (INTER_SITE_DISTANCE_M * np.sqrt(3.0) / 2.0)
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    order = np.lexsort((places[:, 0], places[:, 1], np.hypot(*places.T).round(3)))
    return np.asarray(places[order[:count]])


def naive_ms(x_m: Floats, y_m: Floats, sites_m: Floats) -> float:
    """Return what path loss and SINR of all links take with one array expression each [ms]."""
    cells_m = np.repeat(sites_m, 3, axis=0)
    times = []
    for _ in range(9):
        started = time.perf_counter()
        distance = np.hypot(x_m[:, None] - cells_m[:, 0], y_m[:, None] - cells_m[:, 1]) + 1.0
        loss_db = 13.54 + 39.08 * np.log10(distance) + 20.0 * np.log10(3.5)
        heard = 10.0 ** (-loss_db / 10.0)
        signal = heard.max(axis=1)
        10.0 * np.log10(signal / (heard.sum(axis=1) - signal + 1e-15))
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1e3


if __name__ == "__main__":
    main()
