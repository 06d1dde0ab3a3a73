"""The signal phase and timing message (ETSI TS 103 301): what lights show, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pycrate_asn1dir.ITS_IS import SPATEM_PDU_Descriptions

from vehicles.messages import uper
from vehicles.messages.frame import Frame

EVENTS_MAX = 16

_PDU = SPATEM_PDU_Descriptions.SPATEM
_HEADER = uper.Header(message_id=4, version=2)
_NS_PER_MS = 1_000_000
_MINUTE_NS = 60_000 * _NS_PER_MS
_HOUR_NS = 60 * _MINUTE_NS
_MARK_NS = 100 * _NS_PER_MS
_MARK_UNKNOWN = 36_001


class SignalState(IntEnum):
    """MovementPhaseState of SAE J2735."""

    UNAVAILABLE = 0
    DARK = 1
    STOP_THEN_PROCEED = 2
    STOP_AND_REMAIN = 3
    PRE_MOVEMENT = 4
    PERMISSIVE_GREEN = 5
    PROTECTED_GREEN = 6
    PERMISSIVE_CLEARANCE = 7
    PROTECTED_CLEARANCE = 8
    CAUTION = 9


_NAMES = (
    "unavailable",
    "dark",
    "stop-Then-Proceed",
    "stop-And-Remain",
    "pre-Movement",
    "permissive-Movement-Allowed",
    "protected-Movement-Allowed",
    "permissive-clearance",
    "protected-clearance",
    "caution-Conflicting-Traffic",
)
_STATE_OF = {name: SignalState(number) for number, name in enumerate(_NAMES)}


@dataclass(frozen=True, slots=True)
class SignalEvent:
    """A state of a signal group, and its times to 0.1 s.

    Args:
        state: what is shown.
        begin_ns: when it begins; None for the present one.
        min_end_ns: it doesn't end sooner.
        max_end_ns: nor later, if that is known.
        likely_ns: when it will most likely end.
    """

    state: SignalState
    begin_ns: int | None
    min_end_ns: int
    max_end_ns: int | None
    likely_ns: int | None


@dataclass(frozen=True, slots=True)
class Movement:
    """What a signal group shows now, and then."""

    signal_group: int
    events: tuple[SignalEvent, ...]


@dataclass(frozen=True, slots=True)
class Spatem:
    """What the lights of one intersection show."""

    station_id: int
    generation_time_ns: int
    intersection_id: int
    movements: tuple[Movement, ...]

    def encode(self, frame: Frame) -> bytes:
        """UPER bytes; times within half an hour of the generation can be said."""
        del frame
        minute, rest_ns = divmod(self.generation_time_ns, _MINUTE_NS)
        intersection = {
            "id": {"id": self.intersection_id},
            "revision": 0,
            "status": (0, 16),
            "moy": minute,
            "timeStamp": rest_ns // _NS_PER_MS,
            "states": [
                {
                    "signalGroup": movement.signal_group,
                    "state-time-speed": [_event(event) for event in movement.events],
                }
                for movement in self.movements
            ],
        }
        return uper.encode(
            _PDU,
            {
                "header": _HEADER.encode(self.station_id),
                "spat": {"intersections": [intersection]},
            },
        )

    @classmethod
    def decode(cls, data: bytes, frame: Frame, received_ns: int) -> Spatem:
        """The message; MalformedMessage for anything else, and for several intersections."""
        del frame, received_ns
        value = uper.decode(_PDU, data)
        station_id = _HEADER.decode(value["header"])
        try:
            (intersection,) = value["spat"]["intersections"]
            # Simulated time begins with a year.
            generated_ns = intersection["moy"] * _MINUTE_NS + intersection["timeStamp"] * _NS_PER_MS
        except ValueError as error:
            raise uper.MalformedMessage("several intersections; expected one") from error
        except KeyError as error:
            raise uper.MalformedMessage(f"without its {error.args[0]}") from error
        return cls(
            station_id=station_id,
            generation_time_ns=generated_ns,
            intersection_id=intersection["id"]["id"],
            movements=tuple(
                Movement(
                    state["signalGroup"],
                    tuple(
                        _signal_event(event, generated_ns) for event in state["state-time-speed"]
                    ),
                )
                for state in intersection["states"]
            ),
        )


def _event(event: SignalEvent) -> dict[str, Any]:
    timing = {"minEndTime": _mark(event.min_end_ns)}
    if event.begin_ns is not None:
        timing["startTime"] = _mark(event.begin_ns)
    if event.max_end_ns is not None:
        timing["maxEndTime"] = _mark(event.max_end_ns)
    if event.likely_ns is not None:
        timing["likelyTime"] = _mark(event.likely_ns)
    return {"eventState": _NAMES[event.state], "timing": timing}


def _signal_event(value: dict[str, Any], generated_ns: int) -> SignalEvent:
    timing = value.get("timing")
    if timing is None:
        raise uper.MalformedMessage("a state without its timing")
    min_end_ns = _unmark_ns(timing["minEndTime"], generated_ns)
    if min_end_ns is None:
        raise uper.MalformedMessage("a state without its end")
    return SignalEvent(
        state=_STATE_OF[value["eventState"]],
        begin_ns=_unmark_ns(timing.get("startTime"), generated_ns),
        min_end_ns=min_end_ns,
        max_end_ns=_unmark_ns(timing.get("maxEndTime"), generated_ns),
        likely_ns=_unmark_ns(timing.get("likelyTime"), generated_ns),
    )


def _mark(instant_ns: int) -> int:
    """TimeMark: tenths of a second in the hour."""
    return instant_ns % _HOUR_NS // _MARK_NS


def _unmark_ns(mark: int | None, near_ns: int) -> int | None:
    """The instant of a TimeMark within half an hour of another [ns]."""
    if mark is None or mark >= _MARK_UNKNOWN:
        return None
    half = _HOUR_NS // 2
    return near_ns - half + (mark * _MARK_NS - near_ns + half) % _HOUR_NS
