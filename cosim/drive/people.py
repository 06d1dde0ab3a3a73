"""Who sits in which seat of a run, and the record of what they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cosim.clock import to_ns, to_s
from cosim.drive.seat import ScriptedInputs, ScriptedSeat
from cosim.events import EventSettings, Input
from cosim.recording import Columns
from vehicles.driving.person import Inputs, Seat


class People:
    """Gives every car that a person drives its seat, and writes down what is done there.

    Args:
        events: the scenario's; they do what nobody does live.
        live: the seat that somebody sits in, by the vehicle's name, or None.
    """

    def __init__(self, events: Sequence[EventSettings], live: Callable[[str], Seat | None]) -> None:
        self._events = events
        self._live = live
        self._told = 0
        self._done: list[tuple[int, str, Inputs]] = []
        self.live: list[str] = []
        """The vehicles that somebody drives live."""

    def seat(self, vehicle: str) -> Seat:
        """The seat in a vehicle, by its name."""
        seat = self._live(vehicle)
        if seat is None:
            seat = ScriptedSeat(
                [
                    ScriptedInputs(to_ns(event.at_s), event.input.inputs)
                    for event in self._events
                    if event.input is not None and event.input.vehicle == vehicle
                ]
            )
        else:
            self.live.append(vehicle)
        return _RecordedSeat(vehicle, seat, self._done)

    def rows(self, _now_ns: int, *, last: bool) -> Iterator[tuple[str, Columns]]:
        """What was done otherwise than before, since the last call."""
        del last
        done, self._told = self._done[self._told :], len(self._done)
        if done:
            instants, vehicles, inputs = zip(*done, strict=True)
            columns = zip(Inputs._fields, zip(*inputs, strict=True), strict=True)
            yield (
                "inputs",
                {
                    "time_s": np.array([to_s(at_ns) for at_ns in instants]),
                    "vehicle": list(vehicles),
                    **{name: list(column) for name, column in columns},
                },
            )

    def as_events(self, until_ns: int) -> list[EventSettings]:
        """The scenario's events up to an instant [ns], and all that was done at wheels."""
        others = [
            event for event in self._events if event.input is None and to_ns(event.at_s) < until_ns
        ]
        return others + [
            EventSettings(at_s=to_s(at_ns), input=Input(vehicle=vehicle, **inputs._asdict()))
            for at_ns, vehicle, inputs in self._done
            if at_ns < until_ns
        ]


class _RecordedSeat:
    """A seat, and what is done in it whenever that changes."""

    def __init__(self, vehicle: str, seat: Seat, done: list[tuple[int, str, Inputs]]) -> None:
        self._vehicle = vehicle
        self._seat = seat
        self._done = done
        self._inputs = Inputs()

    def read(self, now_ns: int) -> Inputs:
        inputs = self._seat.read(now_ns)
        if inputs != self._inputs:
            self._inputs = inputs
            self._done.append((now_ns, self._vehicle, inputs))
        return inputs
