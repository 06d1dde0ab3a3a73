"""Commands to vehicles and their answers, as they look on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vehicles.messages.fleet_command import CommandKind, FleetAnswer, FleetCommand
from vehicles.twins.rejections import Refused, Rejection

_LONGEST_BYTES = 16_384
_MPS_IN_KMH = 3.6

_Instant = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Id = Annotated[str, Meta(min_length=1, max_length=64)]


class CommandPayload(
    msgspec.Struct, frozen=True, omit_defaults=True, rename={"speed_kmh": "Vehicle.Speed"}
):
    """A command: `Vehicle.Speed` [km/h] goes with `speed_advice`, `route` (edges) with `route`.

    `issued_ns` and `valid_until_ns` are on the clock of the run, or since 1970.
    """

    schema: Literal["cosim.command/1"]
    id: _Id
    kind: CommandKind
    issued_ns: _Instant
    valid_until_ns: _Instant
    speed_kmh: Annotated[float, Meta(ge=0.0, le=500.0)] | None = None
    route: Annotated[list[str], Meta(max_length=1000)] = []


class AnswerPayload(msgspec.Struct, frozen=True):
    """A vehicle's answer to the command of the same id."""

    schema: Literal["cosim.answer/1"]
    id: str
    answered_ns: int
    accepted: bool
    reason: str


def encode_command(command: FleetCommand) -> bytes:
    """The payload of a command."""
    speed_kmh = None if command.speed_mps is None else round(command.speed_mps * _MPS_IN_KMH, 3)
    return msgspec.json.encode(
        CommandPayload(
            "cosim.command/1",
            command.command_id,
            command.kind,
            command.generation_time_ns,
            command.valid_until_ns,
            speed_kmh,
            list(command.route),
        )
    )


def decode_command(payload: bytes) -> FleetCommand:
    """Read a command; Refused if it is none, or says too little."""
    if len(payload) > _LONGEST_BYTES:
        raise Refused(Rejection.OVERSIZE, f"command: payload of {len(payload)} bytes")
    try:
        wire = _DECODER.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        is_json = isinstance(error, msgspec.ValidationError)
        raise Refused(
            Rejection.INVALID if is_json else Rejection.MALFORMED, f"command: {error}"
        ) from None
    if (wire.kind == "speed_advice") != (wire.speed_kmh is not None):
        raise Refused(Rejection.INVALID, "command: Vehicle.Speed goes with speed_advice")
    if (wire.kind == "route") != bool(wire.route):
        raise Refused(Rejection.INVALID, "command: edges go with route")
    return FleetCommand(
        wire.id,
        wire.kind,
        wire.issued_ns,
        wire.valid_until_ns,
        None if wire.speed_kmh is None else wire.speed_kmh / _MPS_IN_KMH,
        tuple(wire.route),
    )


def encode_answer(answer: FleetAnswer) -> bytes:
    """The payload of an answer."""
    return msgspec.json.encode(
        AnswerPayload(
            "cosim.answer/1",
            answer.command_id,
            answer.generation_time_ns,
            answer.accepted,
            answer.reason,
        )
    )


_DECODER = msgspec.json.Decoder(CommandPayload)
