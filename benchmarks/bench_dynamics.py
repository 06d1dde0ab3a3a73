"""Cost of the embedded vehicle model, sensing and guidance."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from vehicles.dynamics import PARAMETER_SETS, VehicleDynamics
from vehicles.guidance import curve_speed_mps, steering_rad
from vehicles.sensing import SensorSettings, sense
from vehicles.state import Kind, RoadUsers


def best_ms(call: Callable[[], object], repeats: int) -> float:
    """Best of several calls [ms]: what else the machine does only ever adds."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return 1e3 * min(taken)


def fleet(count: int) -> VehicleDynamics:
    """Vehicles of all kinds that brake and steer."""
    dynamics = VehicleDynamics()
    names = [PARAMETER_SETS[i % len(PARAMETER_SETS)] for i in range(count)]
    rows = np.array([dynamics.add(name, 0.0, 0.0, 0.0, 20.0) for name in names])
    dynamics.command(rows, -0.01, 0.01)
    return dynamics


def crowd(count: int, side_m: float) -> RoadUsers:
    """Cars anywhere in a square, the ego in the middle of it at slot 0."""
    users = RoadUsers(count)
    rng = np.random.default_rng(0)
    for i in range(count):
        slot = users.enter(str(i), Kind.CAR, 4.5, 1.8, 1.5)
        users.x_m[slot], users.y_m[slot] = rng.uniform(-0.5 * side_m, 0.5 * side_m, 2)
        users.heading_rad[slot] = rng.uniform(0.0, 2.0 * np.pi)
    users.x_m[0] = users.y_m[0] = 0.0
    return users


def main() -> None:
    """Print one line for each."""
    for count in (1, 10, 100, 1000):
        vehicles = fleet(count)
        step_ms = best_ms(lambda vehicles=vehicles: vehicles.advance(10_000_000), 200)
        print(f"dynamics, 10 ms step of {count:4d} vehicles: {step_ms:.3f} ms")
    sensor = SensorSettings()
    for side_m in (3000.0, 1400.0, 600.0):
        users = crowd(1000, side_m)
        look_ms = best_ms(lambda users=users: sense(users, 0, 0, sensor), 200)
        print(f"sensing, one look among 1000 in a square of {side_m:.0f} m: {look_ms:.3f} ms")
    s_m = np.linspace(0.0, 500.0, 250)
    path = np.column_stack([s_m, 3.0 * np.sin(0.02 * s_m)])
    steer_ms = best_ms(lambda: steering_rad(path, 100.0, 3.0, 0.1, 15.0, 2.6), 200)
    bends_ms = best_ms(lambda: curve_speed_mps(path, 100.0), 200)
    print(f"guidance on 250 points: steering {steer_ms:.3f} ms, speed in bends {bends_ms:.3f} ms")


if __name__ == "__main__":
    main()
