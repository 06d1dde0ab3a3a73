"""Who drives from afar: what anyone at that wheel gets and gives, and a model of a person there."""

from __future__ import annotations

from collections import deque
from typing import Literal, NamedTuple, Protocol

import numpy as np
from pydantic import Field

from network.packet import NS_PER_MS
from network.settings import Settings
from vehicles.driving.acc import Acc, AccSettings
from vehicles.driving.base import LinkView, Situation
from vehicles.driving.driver import Driver
from vehicles.driving.person import Controls, Handling, Seat
from vehicles.guidance import steering_rad
from vehicles.remote.video import Frame

_NO_LINK = LinkView(None, float("nan"), float("nan"), interrupted=False)


class RemoteDriverSettings(Settings):
    """The remote driver."""

    who: Literal["model", "person"] = Field(
        "model",
        description="A model of a driver, or the person of `cosim drive --remote` and of `input` "
        "events; a person has a reaction time of their own.",
    )
    reaction_ms: float = Field(
        200.0,
        ge=0.0,
        le=5_000.0,
        description="From the screen to the wheel and pedals [ms]: what driver models take for "
        "steering along a road in view.",
    )
    beyond_ms: float = Field(
        0.0,
        ge=0.0,
        le=5_000.0,
        description="One way between the network's server and where the driver sits [ms].",
    )
    command_rate_hz: float = Field(50.0, gt=0.0, le=50.0, description="Commands per second.")
    desired_speed_mps: float | None = Field(
        None, gt=0.0, description="Speed to drive at; the speed limit if not given."
    )
    time_gap_s: float = Field(1.5, gt=0.0, le=5.0, description="Time gap to the car ahead.")


class Answer(NamedTuple):
    """What a driver does, and the picture that they do it on."""

    controls: Controls
    frame: Frame


class RemoteDriver(Protocol):
    """A driver at a screen. What the screen hasn't shown doesn't exist for them."""

    def see(self, frame: Frame, shown_ns: int) -> None:
        """A picture has come on the screen; they come in order."""

    def control(self, now_ns: int) -> Answer | None:
        """What the driver does at an instant [ns], for a command; None if they can't drive yet.

        The acceleration is that in the direction of the gear.
        """


class ModelDriver:
    """Drives by what was on the screen one reaction time ago, as if it were now.

    On that picture it does what the car's own functions would do on the road: `acc` with an eye
    for standing traffic, and pure pursuit of the lane. It doesn't reckon how old the picture is.

    Args:
        settings: the driver.
        wheelbase_m: distance of the vehicle's axles [m].
    """

    def __init__(self, settings: RemoteDriverSettings, wheelbase_m: float) -> None:
        self._reaction_ns = round(settings.reaction_ms * NS_PER_MS)
        self._wheelbase_m = wheelbase_m
        self._driver = Driver(
            [
                Acc(
                    AccSettings(
                        desired_speed_mps=settings.desired_speed_mps,
                        time_gap_s=settings.time_gap_s,
                    )
                )
            ]
        )
        self._shown: deque[tuple[int, Frame]] = deque()
        self._answer: Answer | None = None

    def see(self, frame: Frame, shown_ns: int) -> None:
        """Look at a picture; it is acted upon a reaction time later."""
        self._shown.append((shown_ns, frame))

    def control(self, now_ns: int) -> Answer | None:
        """What the newest picture asks for that has been looked at for long enough."""
        newest: Frame | None = None
        while self._shown and self._shown[0][0] <= now_ns - self._reaction_ns:
            newest = self._shown.popleft()[1]
        if newest is not None:
            self._answer = Answer(self._drive_on(newest), newest)
        return self._answer

    def _drive_on(self, frame: Frame) -> Controls:
        ego = frame.ego
        choice = self._driver.decide(
            Situation(frame.captured_ns, ego, frame.road, frame.seen, received=(), link=_NO_LINK)
        )
        angle = steering_rad(
            choice.line_xy_m, ego.x_m, ego.y_m, ego.heading_rad, ego.speed_mps, self._wheelbase_m
        )
        return Controls(choice.proposal.acceleration_mps2, float(np.clip(angle, -0.6, 0.6)))


class RemotePerson:
    """A person at the screen: what they see is up to the screen, what they do up to the seat."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._handling = Handling()
        self._frame: Frame | None = None

    def see(self, frame: Frame, _shown_ns: int) -> None:
        """A picture has come on the screen."""
        self._frame = frame

    def control(self, now_ns: int) -> Answer | None:
        """What the person does now; None before the first picture."""
        inputs = self._seat.read(now_ns)
        if self._frame is None:
            return None
        # The car may have come to rest since, or roll the other way: the pedals mean the gear's.
        gear = -1.0 if inputs.reverse else 1.0
        controls = self._handling.move(inputs, now_ns, gear * abs(self._frame.ego.speed_mps))
        controls = controls._replace(acceleration_mps2=gear * controls.acceleration_mps2)
        return Answer(controls, self._frame)
