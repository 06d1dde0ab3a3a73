"""What the page costs beside a run: taking in a step, and a picture of it, by vehicles.

    python benchmarks/bench_live.py

`step` is what the run's thread spends on a step's rows, with a packet from each vehicle, `picture`
what the page's thread spends on one of twenty pictures a second, `message` how large it is. What
the browser does isn't in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from cosim.live.layout import packed
from cosim.live.timeline import Timeline
from network.packet import Stage

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
        sent_ns = np.full(vehicles, round(step * _STEP_S * 1e9))
        stages = {f"{stage.name.lower()}_ns": 0 * sent_ns for stage in Stage}
        packets = {
            **stages,
            "packet_id": sent_ns,
            "parent_id": 0 * sent_ns - 1,
            "sender": ids,
            "receiver": ["server"] * vehicles,
            "fate": ["delivered"] * vehicles,
            "uplink_cell": ["west/0"] * vehicles,
            "downlink_cell": [""] * vehicles,
            "sent_ns": sent_ns,
            "ended_ns": sent_ns + 20_000_000,
        }
        began_s = time.perf_counter()
        timeline.add("road_users", users)
        timeline.add("links", links)
        timeline.add("packets", packets)
        least_s = min(least_s, time.perf_counter() - began_s)
    return timeline, float(least_s)


def _picture(timeline: Timeline) -> str:
    frame = timeline.frame(5.03)
    air = timeline.air(frame, 0, lasts_s=0.6)
    return "".join(
        map(packed, (frame.users, frame.links[:, [0, 1, 2, 4]], air.changing, air.packets))
    )


def _best_s(call: Callable[[], object]) -> float:
    times = []
    for _ in range(50):
        began_s = time.perf_counter()
        call()
        times.append(time.perf_counter() - began_s)
    return min(times)


if __name__ == "__main__":
    main()
