"""Poses worked out by hand: SUMO's front bumper and angle -> CARLA's location and yaw, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vehicles.carla.coordinates import (
    Origins,
    Poses,
    from_carla,
    motion_from_carla,
    to_carla,
    velocity_to_carla,
)

ROOT2 = np.sqrt(2.0)
LENGTHS_M = (1.6, 4.5, 7.1, 12.0, 16.5)
CENTRED = Origins(np.zeros(1), np.zeros(1))


def one(*values: float) -> list[np.ndarray]:
    return [np.array([value]) for value in values]


# SUMO's angle is clockwise from north. The body's centre lies half a length behind the bumper.
@pytest.mark.parametrize("length_m", LENGTHS_M)
@pytest.mark.parametrize(
    ("sumo_angle_deg", "back_x", "back_y", "yaw_deg"),
    [
        (90.0, -1.0, 0.0, 0.0),  # east
        (0.0, 0.0, 1.0, -90.0),  # north is -y in CARLA, so the back lies at +y
        (270.0, 1.0, 0.0, 180.0),  # west
        (180.0, 0.0, -1.0, 90.0),  # south
        (45.0, -1 / ROOT2, 1 / ROOT2, -45.0),  # north-east
        (315.0, 1 / ROOT2, 1 / ROOT2, -135.0),  # north-west
        (225.0, 1 / ROOT2, -1 / ROOT2, 135.0),  # south-west
        (135.0, -1 / ROOT2, -1 / ROOT2, 45.0),  # south-east
    ],
)
def test_poses_by_hand_in_all_quadrants(
    sumo_angle_deg: float, back_x: float, back_y: float, yaw_deg: float, length_m: float
) -> None:
    front_x, front_y = 100.0, 40.0
    heading = np.radians(90.0 - sumo_angle_deg)
    half = length_m / 2
    body = Poses(
        *one(front_x - half * np.cos(heading), front_y - half * np.sin(heading), 1.5, heading)
    )
    pose = to_carla(body, CENTRED)
    assert pose.x_m[0] == pytest.approx(front_x + half * back_x)
    assert pose.y_m[0] == pytest.approx(-front_y + half * back_y)
    assert pose.z_m[0] == 1.5
    assert np.cos(np.radians(pose.yaw_deg[0] - yaw_deg)) == pytest.approx(1.0)


def test_an_origin_off_the_centre_by_hand() -> None:
    """The origin of this truck lies 0.5 m behind its centre; a walker's 0.93 m above the ground."""
    north, east = np.pi / 2, 0.0
    bodies = Poses(
        np.array([10.0, 10.0]), np.array([20.0, 20.0]), np.zeros(2), np.array([north, east])
    )
    poses = to_carla(bodies, Origins(np.array([0.5, 0.0]), np.array([0.0, 0.93])))
    np.testing.assert_allclose(poses.x_m, [10.0, 10.0])
    np.testing.assert_allclose(poses.y_m, [-19.5, -20.0])
    np.testing.assert_allclose(poses.z_m, [0.0, 0.93])
    np.testing.assert_allclose(poses.yaw_deg, [-90.0, 0.0], atol=1e-12)


@given(
    x=st.floats(-1e4, 1e4),
    y=st.floats(-1e4, 1e4),
    heading=st.floats(-20.0, 20.0),
    ahead=st.floats(-8.0, 8.0),
    above=st.floats(-1.0, 1.0),
)
def test_there_and_back(x: float, y: float, heading: float, ahead: float, above: float) -> None:
    body = Poses(*one(x, y, 2.0, heading))
    origins = Origins(*one(ahead, above))
    back = from_carla(to_carla(body, origins), origins)
    for name in ("x_m", "y_m", "z_m"):
        assert getattr(back, name)[0] == pytest.approx(getattr(body, name)[0], abs=1e-9)
    assert np.cos(back.heading_rad[0] - heading) == pytest.approx(1.0)
    assert abs(back.heading_rad[0]) <= np.pi


def test_motion_by_hand() -> None:
    """Northwards at 10 m/s while drifting 1 m/s to the left (west), braking, turning left."""
    north = np.array([np.pi / 2])
    motion = motion_from_carla(
        north, np.array([[-1.0, -10.0]]), np.array([[0.0, 3.0]]), np.array([-90.0])
    )
    assert motion.speed_mps[0] == pytest.approx(10.0)
    assert motion.lateral_speed_mps[0] == pytest.approx(1.0)
    assert motion.acceleration_mps2[0] == pytest.approx(-3.0)
    assert motion.yaw_rate_radps[0] == pytest.approx(np.pi / 2)
    assert velocity_to_carla(np.pi / 2, 10.0) == pytest.approx((0.0, -10.0))
