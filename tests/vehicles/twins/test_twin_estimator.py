from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from vehicles.twins.estimator import Motion, predict


def motion(**changed: float) -> Motion:
    values = dict.fromkeys(Motion._fields, 0.0) | changed
    return Motion(**{name: np.array([value]) for name, value in values.items()})


def after(start: Motion, seconds: float) -> Motion:
    return predict(start, np.array([round(seconds * 1e9)]))


def test_straight_on_at_constant_acceleration() -> None:
    end = after(motion(heading_rad=math.pi / 2, speed_mps=10.0, acceleration_mps2=2.0), 3.0)
    assert end.x_m[0] == pytest.approx(0.0, abs=1e-12)
    assert end.y_m[0] == pytest.approx(10.0 * 3.0 + 0.5 * 2.0 * 9.0)
    assert end.speed_mps[0] == 16.0


def test_a_full_circle_ends_where_it_began() -> None:
    start = motion(x_m=5.0, y_m=6.0, heading_rad=1.0, speed_mps=10.0, yaw_rate_radps=0.5)
    half, full = after(start, 2 * math.pi), after(start, 4 * math.pi)
    radius_m = 10.0 / 0.5
    assert math.hypot(half.x_m[0] - 5.0, half.y_m[0] - 6.0) == pytest.approx(2 * radius_m)
    assert (full.x_m[0], full.y_m[0]) == pytest.approx((5.0, 6.0), abs=1e-7)
    assert full.heading_rad[0] == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("speed_mps", [20.0, -4.0])
def test_a_braking_vehicle_stops_and_stays(speed_mps: float) -> None:
    braking = motion(
        speed_mps=speed_mps, acceleration_mps2=-math.copysign(5.0, speed_mps), yaw_rate_radps=0.1
    )
    at_rest, later = after(braking, abs(speed_mps) / 5.0), after(braking, 60.0)
    assert at_rest.speed_mps[0] == later.speed_mps[0] == 0.0
    assert later.acceleration_mps2[0] == later.yaw_rate_radps[0] == 0.0
    assert (later.x_m[0], later.y_m[0]) == (at_rest.x_m[0], at_rest.y_m[0])
    assert later.heading_rad[0] == at_rest.heading_rad[0]


@given(
    speed_mps=st.floats(0.0, 50.0),
    acceleration_mps2=st.floats(0.0, 5.0),
    yaw_rate_radps=st.floats(-1.0, 1.0)
    | st.floats(-0.011, 0.011)  # about the seam of series and closed form
    | st.floats(-1e-6, 1e-6),
    heading_rad=st.floats(0.0, 6.28),
)
def test_the_arc_solves_the_equations_of_motion(
    speed_mps: float, acceleration_mps2: float, yaw_rate_radps: float, heading_rad: float
) -> None:
    def rate(s: float, _: object) -> list[float]:
        speed, heading = speed_mps + acceleration_mps2 * s, heading_rad + yaw_rate_radps * s
        return [speed * math.cos(heading), speed * math.sin(heading)]

    end = after(
        motion(
            speed_mps=speed_mps,
            acceleration_mps2=acceleration_mps2,
            yaw_rate_radps=yaw_rate_radps,
            heading_rad=heading_rad,
        ),
        1.0,
    )
    x_m, y_m = solve_ivp(rate, (0.0, 1.0), [0.0, 0.0], method="DOP853", rtol=1e-12, atol=1e-12).y[
        :, -1
    ]
    assert end.x_m[0] == pytest.approx(x_m, abs=1e-9)
    assert end.y_m[0] == pytest.approx(y_m, abs=1e-9)


def test_two_steps_are_one_step() -> None:
    start = motion(speed_mps=15.0, acceleration_mps2=-1.0, yaw_rate_radps=0.3)
    for once, twice in zip(after(start, 2.0), after(after(start, 0.7), 1.3), strict=True):
        assert once[0] == pytest.approx(twice[0], abs=1e-9)


def test_vehicles_do_not_disturb_each_other() -> None:
    rng = np.random.default_rng(1)
    many = Motion(*rng.normal(0.0, 3.0, (6, 40)))
    dt_ns = rng.integers(0, 3_000_000_000, 40)
    together = predict(many, dt_ns)
    for k in range(40):
        alone = predict(Motion(*(column[k : k + 1] for column in many)), dt_ns[k : k + 1])
        assert [column[k] for column in together] == [column[0] for column in alone]
