from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vehicles.messages.cam import Cam
from vehicles.messages.codec import ItsMessage
from vehicles.messages.denm import Denm
from vehicles.messages.kinds import StationType
from vehicles.messages.plausibility import Plausibility
from vehicles.messages.received import Received
from vehicles.messages.vam import Vam

SECOND = 1_000_000_000
CAM = Cam(7, StationType.PASSENGER_CAR, 10 * SECOND, 100.0, 0.0, 0.0, 20.0, 0.0, 0.0, 4.5, 1.8)
VAM = Vam(8, StationType.PEDESTRIAN, 10 * SECOND, 100.0, 0.0, 0.0, 1.4, 0.0)
DENM = Denm(
    7, 0, StationType.PASSENGER_CAR, 10 * SECOND, 10 * SECOND, 100.0, 0.0, speed_mps=20.0,
    validity_s=2,
)  # fmt: skip


def doubt(
    message: ItsMessage, after_s: float = 0.05, checks: Plausibility | None = None
) -> str | None:
    """The check that a message fails for a receiver at the origin, that long after 10 s."""
    at_ns = 10 * SECOND + round(after_s * SECOND)
    found = (checks or Plausibility()).doubt(Received(1, message, at_ns, at_ns), 0.0, 0.0)
    return None if found is None else found.check


@pytest.mark.parametrize("message", [CAM, VAM, DENM], ids=["cam", "vam", "denm"])
def test_what_can_be_is_believed(message: ItsMessage) -> None:
    assert doubt(message) is None


@pytest.mark.parametrize(
    ("message", "changes", "check"),
    [
        (CAM, {"x_m": 1600.0}, "reach"),
        (CAM, {"speed_mps": 81.0}, "speed"),
        (CAM, {"speed_mps": -81.0}, "speed"),
        (CAM, {"acceleration_mps2": -14.0}, "acceleration"),
        (CAM, {"x_m": 0.5}, "own_place"),
        (VAM, {"speed_mps": 21.0}, "speed"),
        (DENM, {"y_m": -1600.0}, "reach"),
        (DENM, {"speed_mps": 81.0}, "speed"),
        (DENM, {"generation_time_ns": 11 * SECOND}, "future"),
    ],
)
def test_what_cant_be_is_doubted(message: Any, changes: dict[str, float], check: str) -> None:
    assert doubt(replace(message, **changes)) == check


def test_what_came_too_late() -> None:
    assert doubt(CAM, 1.9) is None
    assert doubt(CAM, 2.1) == "old"
    assert doubt(DENM, 2.9) is None
    assert doubt(DENM, 3.1) == "expired"


@pytest.mark.parametrize(
    ("x_m", "check"),
    [
        # In 0.5 s at 20 m/s, and at 13 m/s2 harder, 13 m and 5 m for the positions.
        (118.0, None),
        (118.5, "jump"),
        (80.0, "jump"),
    ],
)
def test_nobody_is_at_two_places(x_m: float, check: str | None) -> None:
    checks = Plausibility()
    assert doubt(CAM, checks=checks) is None
    moved = replace(CAM, x_m=x_m, generation_time_ns=CAM.generation_time_ns + SECOND // 2)
    assert doubt(moved, 0.55, checks) == check


def test_after_a_silence_a_sender_may_be_anywhere() -> None:
    checks = Plausibility()
    assert doubt(CAM, checks=checks) is None
    later = replace(CAM, x_m=500.0, generation_time_ns=CAM.generation_time_ns + 2 * SECOND)
    assert doubt(later, 2.05, checks) is None
