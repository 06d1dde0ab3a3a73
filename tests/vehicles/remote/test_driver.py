from __future__ import annotations

from tests.vehicles.driving.scene import CAR, bodies, ego_at, situation, straight
from vehicles.driving.base import Bodies, RoadAhead
from vehicles.remote.driver import ModelDriver, RemoteDriverSettings
from vehicles.remote.video import Frame

MS = 1_000_000


def picture(
    x_m: float,
    speed_mps: float,
    seen: Bodies | None = None,
    *,
    captured_ns: int = 0,
    road: RoadAhead | None = None,
    y_m: float = 0.0,
) -> Frame:
    here = situation(road or straight(), ego_at(x_m, speed_mps, y_m=y_m), seen)
    return Frame(
        vehicle="ego", number=0, captured_ns=captured_ns, collected_ns=captured_ns,
        ready_ns=captured_ns, key=True, size_bytes=1, ego=here.ego, road=here.road, seen=here.seen,
    )  # fmt: skip


def test_nothing_is_done_before_a_picture_has_been_looked_at() -> None:
    driver = ModelDriver(RemoteDriverSettings(reaction_ms=200.0), wheelbase_m=2.6)
    assert driver.control(0) is None
    driver.see(picture(50, 10.0), 100 * MS)
    assert driver.control(299 * MS) is None
    answer = driver.control(300 * MS)
    assert answer is not None
    controls = answer.controls
    assert controls.acceleration_mps2 > 0.5
    assert abs(controls.steering_rad) < 1e-9


def test_what_is_on_the_road_but_not_on_the_screen_does_not_exist() -> None:
    driver = ModelDriver(RemoteDriverSettings(reaction_ms=0.0), wheelbase_m=2.6)
    driver.see(picture(50, 10.0), 0)
    before = driver.control(0)
    assert before is not None
    assert before.controls.acceleration_mps2 > 0.0
    # A wall has come up since; it is seen with the next picture.
    assert driver.control(500 * MS) == before
    driver.see(picture(55, 10.0, bodies((75, 0, 0, 0.0, CAR)), captured_ns=400 * MS), 600 * MS)
    after = driver.control(600 * MS)
    assert after is not None
    assert after.controls.acceleration_mps2 < -2.0
    assert after.frame.captured_ns == 400 * MS


def test_steers_back_into_the_lane() -> None:
    driver = ModelDriver(RemoteDriverSettings(reaction_ms=0.0), wheelbase_m=2.6)
    driver.see(picture(50, 10.0, y_m=0.5), 0)
    answer = driver.control(0)
    assert answer is not None
    assert answer.controls.steering_rad < -0.01
