from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import shapely

from vehicles.messages.path_history import (
    ALLOWABLE_ERROR_M,
    LEAST_LENGTH_M,
    LONGEST_CHORD_M,
    MOST_POINTS,
    PathHistories,
    PathPoint,
)
from vehicles.state import Kind, RoadUsers

MS = 1_000_000
STEP_NS = 100 * MS
KEYS = np.array([7], dtype=np.uint64)
Way = Callable[[float], tuple[float, float]]


def straight(s_m: float) -> tuple[float, float]:
    return s_m, 0.0


def circle(s_m: float) -> tuple[float, float]:
    return 100.0 * math.sin(s_m / 100.0), 100.0 - 100.0 * math.cos(s_m / 100.0)


def lane_changes(s_m: float) -> tuple[float, float]:
    """To the next lane within 60 m, and back: headings are the same before and after."""
    return s_m, 1.75 - 1.75 * math.cos(2.0 * math.pi * s_m / 120.0)


def corner(s_m: float) -> tuple[float, float]:
    return (s_m, 0.0) if s_m < 150.0 else (150.0, s_m - 150.0)


class Drive:
    """One vehicle without a length along a way, and all that was seen of it."""

    def __init__(self, way: Way, length_m: float, speed_mps: float = 14.0) -> None:
        self.users = RoadUsers()
        self.slots = np.array([self.users.enter("car", Kind.CAR, 0.0, 1.8, 1.5)])
        self.histories = PathHistories()
        self.seen: list[tuple[float, float]] = []
        self.now_ns = 0
        for step in range(int(length_m / speed_mps / 0.1)):
            self.be_at(way(0.1 * step * speed_mps))

    def be_at(self, place: tuple[float, float]) -> None:
        self.now_ns += STEP_NS
        self.users.x_m[self.slots], self.users.y_m[self.slots] = place
        self.users.stamp_ns[self.slots] = self.now_ns
        self.histories.observe(self.users, self.slots, KEYS, self.now_ns)
        self.seen.append(place)

    def trail(self) -> tuple[PathPoint, ...]:
        return self.histories.trails(self.users, self.slots, np.array([self.now_ns])).of(0)


@pytest.mark.parametrize("way", [straight, circle, lane_changes, corner])
@pytest.mark.parametrize("length_m", [30.0, 180.0, 400.0])
def test_no_place_is_further_than_allowed_from_the_line_through_the_points(
    way: Way, length_m: float
) -> None:
    drive = Drive(way, length_m)
    trail = drive.trail()
    line = shapely.LineString([drive.seen[-1], *[point[:2] for point in trail]])
    first = next(
        step for step, at in enumerate(drive.seen) if (step + 1) * STEP_NS == trail[-1].passed_ns
    )
    apart_m = shapely.distance(line, shapely.points(drive.seen[first:]))
    assert apart_m.max() <= ALLOWABLE_ERROR_M + 1e-9
    # All of a short way, and of a long one as much as is asked for and no more.
    driven_m = (len(drive.seen) - 1) * 1.4
    assert line.length >= min(LEAST_LENGTH_M, 0.98 * driven_m)
    without_last = shapely.LineString(line.coords[:-1]) if len(trail) > 1 else None
    assert without_last is None or without_last.length < LEAST_LENGTH_M


def test_points_are_where_the_vehicle_was_and_when() -> None:
    drive = Drive(circle, 300.0)
    for x_m, y_m, passed_ns in drive.trail():
        assert passed_ns is not None
        assert drive.seen[passed_ns // STEP_NS - 1] == (x_m, y_m)


def test_a_straight_way_takes_a_point_in_210_m() -> None:
    drive = Drive(straight, 1000.0)
    x_m = [drive.seen[-1][0], *[point.x_m for point in drive.trail()]]
    assert len(x_m) in (2, 3)
    assert max(-np.diff(x_m)) <= LONGEST_CHORD_M
    assert x_m[0] - x_m[-1] >= LEAST_LENGTH_M


def test_in_a_curve_chords_are_as_long_as_the_allowed_error_makes_them() -> None:
    trail = Drive(circle, 400.0, speed_mps=2.0).trail()
    chords_m = np.hypot(*np.diff([point[:2] for point in trail], axis=0).T)
    # The sagitta of a chord c in a circle of radius R: R - sqrt(R^2 - c^2 / 4).
    longest_m = 2.0 * math.sqrt(2.0 * 100.0 * ALLOWABLE_ERROR_M - ALLOWABLE_ERROR_M**2)
    assert chords_m.max() <= longest_m + 1e-9
    assert chords_m.min() > longest_m - 0.4


def test_who_shuttles_to_and_fro_keeps_the_newest_points() -> None:
    drive = Drive(straight, 30.0)
    for turn in range(60):
        drive.be_at((30.0 + 3.0 * (turn % 2), 3.0 * (turn // 2 % 2)))
    trail = drive.trail()
    assert len(trail) == MOST_POINTS
    times = [point.passed_ns for point in trail]
    assert times == sorted(times, reverse=True)


def test_a_slot_s_new_owner_begins_anew() -> None:
    drive = Drive(circle, 200.0)
    assert len(drive.trail()) > 3
    drive.histories.observe(drive.users, drive.slots, KEYS + 1, drive.now_ns)
    assert len(drive.trail()) == 1


def test_thousands_at_once_are_each_as_alone() -> None:
    users = RoadUsers()
    slots = np.array([users.enter(str(n), Kind.CAR, 4.5, 1.8, 1.5) for n in range(2000)])
    keys = np.arange(1, 2001, dtype=np.uint64)
    together, alone = PathHistories(), PathHistories()
    for step in range(100):
        users.stamp_ns[slots] = step * STEP_NS
        # Each turns more than the one before.
        heading = 1e-5 * step * np.arange(2000)
        users.heading_rad[slots] = heading
        users.x_m[slots] += 1.4 * np.cos(heading)
        users.y_m[slots] += 1.4 * np.sin(heading)
        together.observe(users, slots, keys, step * STEP_NS)
        alone.observe(users, slots[1234:1235], keys[1234:1235], step * STEP_NS)
    now_ns = np.full(2000, 99 * STEP_NS)
    trails = together.trails(users, slots, now_ns)
    assert trails.of(1234) == alone.trails(users, slots[1234:1235], now_ns[:1]).of(0)
    assert trails.points[0] == 1
    assert trails.points[1234] > 3
