"""What the page costs beside a run: taking in a step, and a picture of it, by vehicles.

    python benchmarks/bench_live.py

`step` is what the run's thread spends on a step's rows, `picture` what the page's thread spends on
one of twenty pictures a second, `message` how large it is. What the browser does isn't in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from cosim.live.layout import packed
from cosim.live.timeline import Timeline

_STEP_S = 0.1
_STEPS = 100


def main() -> None:
    print(f"{'vehicles':>8} {'step [ms]':>10} {'picture [ms]':>13} {'message [kB]':>13}")
    for vehicles in (30, 300, 3000):
        timeline, step = _filled(vehicles)
        picture = _best_s(lambda timeline=timeline: _picture(timeline))
        message = _picture(timeline)
        print(
            f"{vehicles:8} {1e3 * step:10.2f} {1e3 * picture:13.2f} {len(message) / 1000:13.1f}",
            flush=True,
        )


def _filled(vehicles: int) -> tuple[Timeline, float]:
    """A timeline of so many vehicles that drive straight on, and the time that a step took [s]."""
    timeline = Timeline(("west/0",))
    ids = [f"vehicle_{number}" for number in range(vehicles)]
    ones = np.ones(vehicles)
    size = dict.fromkeys(("length_m", "width_m", "height_m"), ones)
    timeline.add("bodies", {"time_s": 0 * ones, "id": ids, "kind": ["car"] * vehicles, **size})
    least_s = np.inf
    for step in range(_STEPS):
        pose = dict.fromkeys(("y_m", "z_m", "heading_rad", "speed_mps"), ones)
        now_s = ones * step * _STEP_S
        users = {"time_s": now_s, "id": ids, "x_m": 10.0 * now_s, **pose}
        levels = dict.fromkeys(("sinr_db", "rsrp_dbm", "interrupted"), ones)
        links = {"time_s": now_s, "id": ids, "cell": ["west/0"] * vehicles, **levels}
        began_s = time.perf_counter()
        timeline.add("road_users", users)
        timeline.add("links", links)
        least_s = min(least_s, time.perf_counter() - began_s)
    return timeline, float(least_s)


def _picture(timeline: Timeline) -> str:
    frame = timeline.frame(5.03)
    return packed(frame.users) + packed(frame.links[:, [0, 1, 2, 4]])


def _best_s(call: Callable[[], object]) -> float:
    times = []
    for _ in range(50):
        began_s = time.perf_counter()
        call()
        times.append(time.perf_counter() - began_s)
    return min(times)


if __name__ == "__main__":
    main()
