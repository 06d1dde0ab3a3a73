"""What a scenario makes happen on the road at given instants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field, model_validator

from cosim.attacks import Flood, Replay, Spoof
from cosim.clock import to_ns, to_s
from cosim.recording import Columns
from network.settings import Settings
from vehicles.driving.person import Inputs
from vehicles.messages.fleet_command import CommandKind


class Brake(Settings):
    """A vehicle of SUMO's brakes at a constant rate, regardless of anyone else."""

    vehicle: str
    deceleration_mps2: float = Field(gt=0, le=12)
    to_mps: float = Field(0.0, ge=0, description="Speed at which the braking ends.")
    hold_s: float | None = Field(
        None, gt=0, description="How long it keeps that speed; to the end if not given."
    )


class ChangeLane(Settings):
    """A vehicle of SUMO's changes lane."""

    vehicle: str
    by: int = Field(description="Lanes to the left (positive) or right (negative).")
    keep_speed: bool = Field(False, description="It doesn't brake for what it sees meanwhile.")


class Command(Settings):
    """The fleet's operator asks something of a driven vehicle that drives `fleet_commands`."""

    vehicle: str
    speed_advice_mps: float | None = Field(None, ge=0, description="Not to go faster than that.")
    route: list[str] = Field([], description="Edges to drive, from the one that it is on.")
    minimal_risk_manoeuvre: bool = Field(False, description="To stop in its lane.")
    valid_s: float = Field(1.0, gt=0, description="A vehicle that has it later doesn't obey.")

    @model_validator(mode="after")
    def _one_request(self) -> Command:
        asked = [self.speed_advice_mps is not None, bool(self.route), self.minimal_risk_manoeuvre]
        if asked.count(True) != 1:
            raise ValueError(
                "a command has exactly one of `speed_advice_mps`, `route`, `minimal_risk_manoeuvre`"
            )
        return self

    @property
    def kind(self) -> CommandKind:
        """What is asked."""
        if self.route:
            return "route"
        return "minimal_risk_manoeuvre" if self.minimal_risk_manoeuvre else "speed_advice"


class Input(Settings):
    """What the person at a wheel does from then on; `cosim drive` writes these down."""

    vehicle: str
    steering: float = Field(0.0, ge=-1, le=1, description="The wheel, 1 is all the way left.")
    throttle: float = Field(0.0, ge=0, le=1)
    brake: float = Field(0.0, ge=0, le=1)
    hand_brake: bool = False
    reverse: bool = False
    keys: bool = Field(False, description="By keys: wheel and pedals take their time to follow.")

    @property
    def inputs(self) -> Inputs:
        """As the seat gives it."""
        return Inputs(*[getattr(self, name) for name in Inputs._fields])


class EventSettings(Settings):
    """One event: when, and exactly one thing that happens."""

    at_s: float = Field(ge=0)
    brake: Brake | None = None
    change_lane: ChangeLane | None = None
    command: Command | None = None
    spoof: Spoof | None = None
    replay: Replay | None = None
    flood: Flood | None = None
    input: Input | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> EventSettings:
        kinds = [name for name in type(self).model_fields if name != "at_s"]
        if sum(getattr(self, kind) is not None for kind in kinds) != 1:
            named = ", ".join(f"`{kind}`" for kind in kinds)
            raise ValueError(f"an event has exactly one of {named}")
        return self


# Bits of SUMO's speed mode: regard safe speed, maximum acceleration, maximum deceleration,
# right of way at junctions, red lights.
_ALL_CHECKS = 31
_BEYOND_COMFORT = _ALL_CHECKS & ~4
_NO_SAFE_SPEED = _ALL_CHECKS & ~1
_CHANGE_AS_TOLD = 512
_LANE_CHANGE_S = 5.0


def event_columns(happened: list[tuple[int, str, str, str]]) -> Columns:
    """Rows of the events: instant [ns], kind, whom it happened to, and a few words each."""
    return {
        "time_s": [to_s(at_ns) for at_ns, *_ in happened],
        "kind": [kind for _, kind, *_ in happened],
        "id": [whom for _, _, whom, _ in happened],
        "other": [""] * len(happened),
        "detail": [detail for *_, detail in happened],
    }


class Events:
    """Applies events to SUMO's vehicles just before SUMO takes the step they fall in."""

    def __init__(self, settings: list[EventSettings]) -> None:
        on_the_road = [event for event in settings if event.brake or event.change_lane]
        self._pending = sorted(on_the_road, key=lambda event: event.at_s)
        # Instant, vehicle, and the speed to hold from then on; None hands it back to SUMO.
        self._later: list[tuple[int, str, float | None]] = []
        self._happened: list[tuple[int, str, str, str]] = []

    def add(self, event: EventSettings) -> None:
        """One more, not before the instant that SUMO has reached."""
        self._pending = sorted([*self._pending, event], key=lambda event: event.at_s)

    def apply(self, sumo: Any, now_ns: int) -> None:
        """Apply what falls due up to `now_ns`, the instant SUMO is about to reach."""
        while self._pending and to_ns(self._pending[0].at_s) < now_ns:
            self._apply(sumo, self._pending.pop(0))
        for change in [change for change in self._later if change[0] < now_ns]:
            self._later.remove(change)
            _, vehicle, hold_mps = change
            if vehicle not in sumo.vehicle.getIDList():
                continue
            if hold_mps is None:
                sumo.vehicle.setSpeed(vehicle, -1)
                sumo.vehicle.setSpeedMode(vehicle, _ALL_CHECKS)
            else:
                sumo.vehicle.setSpeed(vehicle, hold_mps)

    def rows(self, _now_ns: int, *, last: bool) -> Iterator[tuple[str, Columns]]:
        """What happened since the last call."""
        del last
        happened, self._happened = self._happened, []
        if happened:
            yield "events", event_columns(happened)

    def _apply(self, sumo: Any, event: EventSettings) -> None:
        at_ns = to_ns(event.at_s)
        action = event.brake or event.change_lane
        assert action is not None
        kind = "brake" if event.brake else "change_lane"
        if action.vehicle not in sumo.vehicle.getIDList():
            self._happened.append(
                (at_ns, kind, action.vehicle, "not on the road: nothing happened")
            )
            return
        if event.brake is not None:
            detail = self._brake(sumo, event.brake, at_ns)
        else:
            assert event.change_lane is not None
            detail = self._change_lane(sumo, event.change_lane, at_ns)
        self._happened.append((at_ns, kind, action.vehicle, detail))

    def _brake(self, sumo: Any, brake: Brake, at_ns: int) -> str:
        speed_mps = sumo.vehicle.getSpeed(brake.vehicle)
        duration_s = max(speed_mps - brake.to_mps, 0.0) / brake.deceleration_mps2
        sumo.vehicle.setSpeedMode(brake.vehicle, _BEYOND_COMFORT)
        sumo.vehicle.slowDown(brake.vehicle, brake.to_mps, duration_s)
        end_ns = at_ns + to_ns(duration_s)
        self._later.append((end_ns, brake.vehicle, brake.to_mps))
        if brake.hold_s is not None:
            self._later.append((end_ns + to_ns(brake.hold_s), brake.vehicle, None))
        return f"from {speed_mps:.1f} to {brake.to_mps:g} m/s at {brake.deceleration_mps2:g} m/s2"

    def _change_lane(self, sumo: Any, change: ChangeLane, at_ns: int) -> str:
        lane = sumo.vehicle.getLaneIndex(change.vehicle)
        sumo.vehicle.setLaneChangeMode(change.vehicle, _CHANGE_AS_TOLD)
        sumo.vehicle.changeLane(change.vehicle, lane + change.by, _LANE_CHANGE_S)
        if change.keep_speed:
            sumo.vehicle.setSpeedMode(change.vehicle, _NO_SAFE_SPEED)
            sumo.vehicle.setSpeed(change.vehicle, sumo.vehicle.getSpeed(change.vehicle))
            self._later.append((at_ns + to_ns(_LANE_CHANGE_S), change.vehicle, None))
        return f"from lane {lane} to {lane + change.by} at {to_s(at_ns):g} s"
