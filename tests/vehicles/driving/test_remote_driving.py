from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.vehicles.driving.scene import CAR, bodies, ego_at, situation, straight
from vehicles.driving.base import Bodies
from vehicles.driving.driver import Driver
from vehicles.driving.remote_driving import Mode, RemoteDriving, RemoteDrivingSettings
from vehicles.messages.received import Received
from vehicles.messages.remote_command import RemoteCommand

MS = 1_000_000
STEP_S = 0.02
DELAY = 100 * MS


def command(
    now_ns: int,
    *,
    delay_ns: int = DELAY,
    acceleration_mps2: float = 0.0,
    backwards: bool = False,
) -> Received[RemoteCommand]:
    """A command that arrives now; its picture was taken `delay_ns` ago."""
    captured_ns = now_ns - delay_ns
    message = RemoteCommand(
        generation_time_ns=now_ns - 10 * MS, acceleration_mps2=acceleration_mps2, steering_rad=0.03,
        backwards=backwards, frame=now_ns // (40 * MS), captured_ns=captured_ns,
        shown_ns=captured_ns + 60 * MS, key_wanted=False,
    )  # fmt: skip
    return Received(now_ns, message, now_ns - 10 * MS, now_ns)


class Drive:
    """A car on a straight road with the driver's functions and no lag, and what it did."""

    def __init__(self, speed_mps: float = 12.0, seen: Bodies | None = None) -> None:
        self.function = RemoteDriving(RemoteDrivingSettings())
        self._driver = Driver([self.function])
        self._seen = seen
        self.now_ns = 0
        self.x_m, self.speed_mps, self.acceleration_mps2 = 50.0, speed_mps, 0.0
        self.reasons: list[str] = []
        self.accelerations: list[float] = []
        self.track: list[tuple[float, float]] = []

    def on(self, seconds: float, arriving: Callable[[int], Received[RemoteCommand] | None]) -> None:
        for _ in range(round(seconds / STEP_S)):
            received = arriving(self.now_ns)
            here = situation(
                straight(length_m=4000.0, limit_mps=20.0), ego_at(self.x_m, self.speed_mps),
                self._seen, received=(received,) if received else (), instant_ns=self.now_ns,
            )  # fmt: skip
            choice = self._driver.decide(here)
            wanted = choice.proposal.acceleration_mps2
            self.reasons.append(f"{choice.function}: {choice.proposal.reason}")
            before = self.speed_mps
            self.track.append((self.x_m, before))
            self.speed_mps = before + wanted * STEP_S
            if not choice.backwards:
                # In a forward gear it only comes to rest.
                self.speed_mps = max(self.speed_mps, min(before, 0.0))
            self.acceleration_mps2 = (self.speed_mps - before) / STEP_S
            self.accelerations.append(self.acceleration_mps2)
            self.x_m += 0.5 * (before + self.speed_mps) * STEP_S
            self.now_ns += round(STEP_S * 1e9)


def nothing(_now_ns: int) -> None:
    return None


def test_the_driver_takes_over_once_commands_have_come_in_time_for_a_while() -> None:
    drive = Drive()
    drive.on(1.9, command)
    assert drive.function.mode is Mode.ON_BOARD
    assert set(drive.reasons) == {"acc: cruise"}
    drive.on(0.3, command)
    assert drive.function.mode is Mode.REMOTE
    assert drive.reasons[-1] == "remote_driving: as commanded"


def test_commands_are_obeyed_and_named_as_the_cause() -> None:
    function = RemoteDriving(RemoteDrivingSettings(regain_s=0.0))
    received = command(DELAY, acceleration_mps2=-1.25)
    here = situation(straight(), ego_at(50, 10.0), received=(received,), instant_ns=DELAY)
    choice = Driver([function]).decide(here)
    assert choice.function == "remote_driving"
    assert choice.proposal.acceleration_mps2 == -1.25
    assert choice.steering_rad == 0.03
    assert choice.proposal.messages == (received,)


@pytest.mark.parametrize(("delay_ms", "cap_mps"), [(150, 20.0), (200, 15.0), (250, 12.0)])
def test_the_speed_is_capped_by_the_measured_delay(delay_ms: int, cap_mps: float) -> None:
    drive = Drive(speed_mps=17.0)
    drive.on(12.0, lambda now_ns: command(now_ns, delay_ns=delay_ms * MS, acceleration_mps2=0.5))
    assert drive.function.speed_cap_mps == pytest.approx(cap_mps)
    assert drive.speed_mps == pytest.approx(cap_mps, rel=0.02)
    assert drive.reasons[-1] == "remote_driving: slower by the delay"


def test_one_late_command_slows_the_car_for_two_seconds() -> None:
    drive = Drive()
    drive.on(4.0, command)
    drive.on(0.02, lambda now_ns: command(now_ns, delay_ns=240 * MS))
    drive.on(1.9, command)
    assert drive.function.speed_cap_mps == pytest.approx(12.5)
    drive.on(0.2, command)
    assert drive.function.speed_cap_mps == pytest.approx(30.0)


def test_without_commands_it_stops_smoothly() -> None:
    drive = Drive()
    drive.on(4.0, command)
    begun = len(drive.reasons)
    drive.on(8.0, nothing)
    lost = drive.reasons[begun:].index("remote_driving: lost the driver")
    # 300 ms after the last picture, of which 100 had passed when it was commanded upon.
    assert lost * STEP_S == pytest.approx(0.2, abs=0.03)
    braking = np.array(drive.accelerations[begun + lost :])
    assert braking.min() == pytest.approx(-2.5)
    # It builds up at 2 m/s3 and eases off like that, down to the 0.3 m/s2 that hold the car.
    assert np.diff(braking[:60]) == pytest.approx(-2.0 * STEP_S)
    assert np.diff(braking[60:]).max() < 0.3
    assert drive.speed_mps == 0.0
    # The ramp to 2.5 m/s2 takes 1.25 s, the rest is by constant braking.
    from_m, speed_mps = drive.track[begun + lost]
    way_m = speed_mps * 1.25 - 2.0 * 1.25**3 / 6.0 + (speed_mps - 1.5625) ** 2 / (2.0 * 2.5)
    assert drive.x_m - from_m == pytest.approx(way_m, abs=0.5)


def test_the_driver_is_back_after_commands_have_come_in_time() -> None:
    drive = Drive()
    drive.on(4.0, command)
    drive.on(8.0, nothing)
    assert drive.function.mode is Mode.MINIMAL_RISK
    drive.on(1.9, lambda now_ns: command(now_ns, acceleration_mps2=1.0))
    assert drive.speed_mps == 0.0
    drive.on(3.2, lambda now_ns: command(now_ns, acceleration_mps2=1.0))
    assert drive.function.mode is Mode.REMOTE
    assert drive.speed_mps == pytest.approx(3.0, abs=0.2)


def test_commands_on_old_pictures_are_no_driver() -> None:
    drive = Drive()
    drive.on(4.0, command)
    frozen_ns = drive.now_ns - DELAY
    drive.on(3.0, lambda now_ns: command(now_ns, delay_ns=now_ns - frozen_ns))
    assert drive.function.mode is Mode.MINIMAL_RISK


def test_a_command_overtaken_on_its_way_is_not_obeyed() -> None:
    drive = Drive()
    drive.on(4.0, command)
    newest = drive.function.newest
    assert newest is not None
    drive.on(0.02, lambda now_ns: command(now_ns - 200 * MS, acceleration_mps2=-2.0))
    assert drive.function.newest is newest


def test_without_the_network_it_is_never_faster_than_on_its_own_sensors() -> None:
    wall = bodies((170, 0, 0, 0.0, CAR))
    own, lost = Drive(seen=wall), Drive(seen=wall)
    own.on(13.0, nothing)
    lost.on(3.0, command)
    lost.on(10.0, nothing)
    assert own.x_m + CAR[0] < 170.0
    assert lost.x_m <= own.x_m
    assert lost.speed_mps == 0.0
    assert min(lost.accelerations) >= min(own.accelerations) - 0.5


def test_the_lane_is_kept_while_the_driver_is_lost() -> None:
    function = RemoteDriving(RemoteDrivingSettings(regain_s=0.0))
    driver = Driver([function])
    road = straight(change=straight(y_m=3.5))

    def lane_m(now_ns: int, received: tuple[Received[RemoteCommand], ...] = ()) -> float:
        here = situation(road, ego_at(50, 10.0), received=received, instant_ns=now_ns)
        return float(driver.decide(here).road.path_xy_m[0, 1])

    change_wanted = situation(road, ego_at(50, 10.0))
    assert Driver([]).decide(change_wanted).road.path_xy_m[0, 1] == 3.5
    received = command(0)
    function.decide(situation(straight(), ego_at(50, 10.0), received=(received,)))
    assert function.mode is Mode.REMOTE
    function.decide(situation(straight(), ego_at(50, 10.0), instant_ns=1000 * MS))
    assert function.mode is Mode.MINIMAL_RISK
    lane_m(1020 * MS)
    assert lane_m(1040 * MS) == 0.0


def backing(now_ns: int, *, acceleration_mps2: float = 1.0) -> Received[RemoteCommand]:
    return command(now_ns, acceleration_mps2=acceleration_mps2, backwards=True)


def test_backwards_the_delay_caps_the_speed_and_the_driver_steers() -> None:
    drive = Drive(speed_mps=0.0)
    drive.function.settings = RemoteDrivingSettings(unseen_m=0.4)
    drive.on(10.0, backing)
    assert drive.function.speed_cap_mps == pytest.approx(4.0)
    assert drive.speed_mps == pytest.approx(-4.0, rel=0.02)
    assert drive.reasons[-1] == "remote_driving: slower by the delay"
    # The brake isn't capped; half over the line the car doesn't take the wheel.
    drive.on(0.02, lambda now_ns: backing(now_ns, acceleration_mps2=-6.0))
    assert drive.accelerations[-1] == pytest.approx(6.0)
    drive.on(0.02, backing)
    aside = situation(straight(), ego_at(50, -3.0, y_m=1.2), instant_ns=drive.now_ns)
    proposal = drive.function.decide(aside)
    assert proposal is not None
    assert (proposal.steering_rad, proposal.backwards) == (0.03, True)


@pytest.mark.parametrize("speed_mps", [-2.0, 0.0, 2.0])
@pytest.mark.parametrize("backwards", [False, True])
def test_brakes_slow_the_car_whichever_way_it_rolls(speed_mps: float, backwards: bool) -> None:
    """On the driver's picture it may still have rolled the other way."""
    function = RemoteDriving(RemoteDrivingSettings(regain_s=0.0))
    received = command(DELAY, acceleration_mps2=-3.0, backwards=backwards)
    here = situation(straight(), ego_at(50, speed_mps), received=(received,), instant_ns=DELAY)
    proposal = function.decide(here)
    assert proposal is not None
    assert proposal.acceleration_mps2 == (3.0 if speed_mps < 0.0 else -3.0)
    # What brakes a standing car mustn't set it in motion.
    assert not proposal.backwards


def test_lost_while_it_drives_backwards_it_stops_straight() -> None:
    drive = Drive(speed_mps=0.0)
    drive.on(9.0, backing)
    assert drive.speed_mps < -3.5
    begun = len(drive.reasons)
    drive.on(6.0, nothing)
    lost = drive.reasons[begun:].index("remote_driving: lost the driver")
    braking = np.array(drive.accelerations[begun + lost :])
    assert drive.speed_mps == 0.0
    assert max(speed_mps for _, speed_mps in drive.track[begun:]) < 0.01
    # From what the throttle did, at 2 m/s3, never beyond the manoeuvre's braking.
    assert np.diff(braking[:50]) == pytest.approx(2.0 * STEP_S)
    assert braking.max() == pytest.approx(2.5)
    rolling = situation(straight(), ego_at(50, -3.0, y_m=1.2), instant_ns=drive.now_ns)
    proposal = drive.function.decide(rolling)
    assert proposal is not None
    assert proposal.steering_rad == 0.0
