"""An explanation as a person reads it, on one screen, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict

from cosim.kpis import describe
from cosim.why.chain import Chain, RefusedCommand
from cosim.why.packets import WORTH_MS, Carried, Cause, Handover
from cosim.why.paired import Pairing
from cosim.why.remote import Command, Picture, RemoteDrive

_CAUSES_TOLD = 2
_LOADS_TOLD = 3
_KPIS_TOLD = 8
_STEADY_MPS2 = 0.05
_SOON_S = 60.0
_STAGE_WORDS = {
    "ul_scheduling": "waiting for a grant",
    "ul_queue": "in the uplink queue",
    "ul_air": "on the air, up",
    "ul_retransmission": "in retransmissions, up",
    "interruption": "without a cell",
    "backhaul": "in the backhaul",
    "core": "in the core",
    "server": "at the server",
    "dl_queue": "in the downlink queue",
    "dl_air": "on the air, down",
    "dl_retransmission": "in retransmissions, down",
}
_MODES = {
    "on_board": "the car drives itself",
    "remote": "the remote driver has the wheel",
    "minimal_risk": "minimal-risk manoeuvre",
}
_PICTURE_WORDS = {
    "camera": "camera",
    "encoder": "encoder",
    "network": "until all its packets had come",
    "order": "waiting for picture",
    "desk": "to the driver's desk",
    "decoder": "decoder and screen",
}


def as_json(explanation: Chain | Pairing) -> str:
    """All of an explanation, for programs."""
    return json.dumps(asdict(explanation), indent=2, allow_nan=False)


def told(explanation: Chain | Pairing) -> str:
    """An explanation in words."""
    lines = _pairing(explanation) if isinstance(explanation, Pairing) else _chain(explanation)
    return "\n".join(lines)


def _chain(chain: Chain) -> Iterator[str]:
    yield _decision(chain)
    if chain.sensed:
        yield f"  it saw {', '.join(chain.sensed)}"
    by_drivers = [one.packet.packet_id for one in chain.remote.commands] if chain.remote else []
    for packet in chain.information:
        if packet.packet_id not in by_drivers:
            yield from _packet(packet)
    if chain.remote:
        yield from _remote_drive(chain.remote, chain.time_s)
    elif not chain.information and not chain.sensed:
        yield "  on nothing that it saw or heard: the road and its own state"
    for command in chain.refused:
        yield from _refusal(command)
    if chain.unheard:
        yield "not heard by then"
        for packet in chain.unheard:
            yield from _packet(packet)


def _remote_drive(remote: RemoteDrive, now_s: float) -> Iterator[str]:
    if remote.picture_age_ms is not None:
        yield (
            f"  {_MODES[remote.mode]}; the picture behind the newest command, {remote.frame}, is "
            f"{remote.picture_age_ms:.0f} ms old"
        )
    elif remote.given_count:
        yield f"  none of {remote.given_count} commands of the remote driver's had come by then"
    else:
        yield "  the remote driver had commanded nothing yet"
    for command, picture in zip(remote.commands, remote.pictures, strict=True):
        yield from _packet(command.packet)
        yield from _answered(command, picture)
    if remote.unheard:
        yield f"not in the car by then: {remote.unheard_count} commands since that, such as"
        # What became of the first mostly became of them all.
        heads = [next(_packet(command.packet)) for command in remote.unheard[1:]]
        yield from (*_packet(remote.unheard[0].packet), *heads)
    if remote.unseen:
        yield f"not on the screen by then: {remote.unseen_count} pictures since that, such as"
        for picture in remote.unseen:
            yield from _unseen(picture, now_s)


def _answered(command: Command, picture: Picture) -> Iterator[str]:
    angle_deg = math.degrees(command.steering_rad)
    side = "left" if angle_deg > 0 else "right"
    gear = " backwards" if command.backwards else ""
    yield (
        f"    it asks to {_does(command.acceleration_mps2)}{gear}, "
        f"wheels {abs(angle_deg):.1f} degrees {side}, "
        f"for picture {picture.frame} of {picture.captured_s:.3f} s, "
        f"{command.acted_on_age_ms:.0f} ms old when it was given"
    )
    # It was on the screen before it was answered.
    with_driver_ms = command.acted_on_age_ms - sum(picture.stages_ms.values())
    yield f"      {_stages(picture)}, {with_driver_ms:.0f} ms with the driver"
    yield from _telling(picture)


def _unseen(picture: Picture, now_s: float) -> Iterator[str]:
    kind = "key picture" if picture.key_frame else "picture"
    how = "never shown"
    if picture.shown_s is not None:
        how = f"shown {1e3 * (picture.shown_s - now_s):.0f} ms too late for this"
    lost = [
        f", {count} of {picture.packets} packets {fate}"
        for fate, count in picture.fates.items()
        if fate != "delivered"
    ]
    yield f"  {kind} {picture.frame} of {picture.captured_s:.3f} s, {how}{''.join(lost)}"
    yield f"      {_stages(picture)}"
    yield from _telling(picture)


def _stages(picture: Picture) -> str:
    return ", ".join(
        f"{spent_ms:.0f} ms {_PICTURE_WORDS[stage]}"
        + (f" {picture.held_up_by}" if stage == "order" else "")
        for stage, spent_ms in picture.stages_ms.items()
        if round(spent_ms) > 0
    )


def _telling(picture: Picture) -> Iterator[str]:
    packet = picture.slowest
    which = "the last to come" if packet.fate == "delivered" else "the first of those"
    yield (
        f"      packet {picture.fragment} of {picture.packets}, {which}: sent at "
        f"{packet.sent_s:.3f} s, {packet.fate} after {packet.took_ms:.0f} ms "
        f"(packet {packet.packet_id})"
    )
    if packet.took_ms >= WORTH_MS:
        yield f"        {_split(packet)}"
    yield from (f"    {line}" for line in _causes(packet))


def _split(packet: Carried) -> str:
    """Where all of a packet's milliseconds went."""
    return ", ".join(
        f"{spent_ms:.0f} ms {_STAGE_WORDS[stage]}"
        for stage, spent_ms in packet.stages_ms.items()
        if round(spent_ms) > 0
    )


def _pairing(pairing: Pairing) -> Iterator[str]:
    yield f"against {pairing.against} ({pairing.other_run})"
    if pairing.first_packet_s is not None:
        yield f"  the first packet that fares differently is sent at {pairing.first_packet_s:.3f} s"
    if pairing.here is None or pairing.there is None:
        yield "  the vehicle decides the same throughout"
        return
    yield f"first decision that differs, at {pairing.here.time_s:.2f} s"
    yield f"  here   {_decision(pairing.here)}"
    yield f"  there  {_decision(pairing.there)}"
    if pairing.became:
        yield "what it knew there, and what became of that here"
        for packet in pairing.became:
            yield from _packet(packet)
    elif pairing.here.information:
        yield "what it knew here"
        for packet in pairing.here.information:
            yield from _packet(packet)
    names = sorted(pairing.kpis, key=lambda name: (not _is_of(pairing.here, name), name))
    if names:
        yield "what came of it (here, there)"
    for name in names[:_KPIS_TOLD]:
        here, there = pairing.kpis[name]
        yield f"  {name:32} {_number(here):>10} {_number(there):>10}  {describe(name)}"
    if len(names) > _KPIS_TOLD:
        yield f"  and {len(names) - _KPIS_TOLD} more"


def _is_of(chain: Chain | None, name: str) -> bool:
    return chain is not None and name.startswith(f"{chain.vehicle}.")


def _decision(chain: Chain) -> str:
    text = (
        f"{chain.time_s:.2f} s  {chain.vehicle} at {chain.speed_mps:.1f} m/s wants to "
        f"{_does(chain.wanted_acceleration_mps2)}: {chain.function}, {chain.reason}"
    )
    if chain.gap_m is not None:
        text += f"; {chain.gap_m:.1f} m to who is ahead"
    if chain.ttc_s is not None and chain.ttc_s < _SOON_S:
        text += f", {chain.ttc_s:.1f} s to a collision"
    return text


def _does(acceleration_mps2: float) -> str:
    if abs(acceleration_mps2) <= _STEADY_MPS2:
        return "keep its speed"
    does = "brake" if acceleration_mps2 < 0 else "accelerate"
    return f"{does} at {abs(acceleration_mps2):.2f} m/s2"


def _refusal(refused: RefusedCommand) -> Iterator[str]:
    at_broker_ms = 1e3 * (refused.packet.sent_s - refused.given_s)
    yield f"refused {refused.command} ({refused.kind}): {refused.reason}"
    yield (
        f"  given at {refused.given_s:.3f} s, valid for {refused.validity_ms:.0f} ms, "
        f"{refused.age_ms:.0f} ms old when it came, {at_broker_ms:.0f} ms by way of the broker"
    )
    yield from _packet(refused.packet)


def _packet(packet: Carried) -> Iterator[str]:
    age = "" if packet.age_ms is None else f", {packet.age_ms:.0f} ms old then"
    how = (
        f"heard {packet.took_ms:.0f} ms later"
        if packet.fate == "delivered" and packet.receiver not in ("server", "area")
        else f"{packet.fate} after {packet.took_ms:.0f} ms"
    )
    yield (
        f"  {packet.kind} of {packet.sender}, sent at {packet.sent_s:.3f} s, {how}{age} "
        f"(packet {packet.packet_id})"
    )
    yield from _causes(packet)


def _causes(packet: Carried) -> Iterator[str]:
    for cause in packet.causes[:_CAUSES_TOLD]:
        yield f"    {cause.spent_ms:.0f} ms {_STAGE_WORDS[cause.stage]}{_where(cause)}"
        yield from (f"      load: {_load(entry)}" for entry in cause.load)
        for entry in cause.interference[:_LOADS_TOLD]:
            yield f"      interference: {_load(entry)}"
        yield from (f"      {_handover(change)}" for change in cause.handovers)
        yield from (f"      {_impairment(entry)}" for entry in cause.impairments)


def _where(cause: Cause) -> str:
    if not cause.cell or cause.stage == "interruption":
        return f" of {cause.station}"
    text = f" of {cause.cell} for {cause.station}"
    if cause.sinr_db is not None:
        text += f" (SINR {cause.sinr_db:.0f} dB)"
    if cause.utilisation is not None:
        text += f", {cause.utilisation:.0%} used, {cause.others} other packets"
        text += f", {cause.own} of its own" if cause.own else ""
    return text


def _load(entry: dict[str, object]) -> str:
    until = "" if entry.get("to_s") is None else f" until {entry['to_s']:g} s"
    since = f"since {entry.get('from_s', 0):g} s"
    return f"{entry['cell']} at {entry['prb_utilisation']:.0%} {since}{until}"


def _handover(change: Handover) -> str:
    late = ": too late, it held on to a cell that was going" if change.cause == "too_late" else ""
    return (
        f"handover: {change.station} {change.from_cell or 'no cell'} -> {change.to_cell} at "
        f"{change.time_s:.2f} s ({change.cause}, {change.interruption_ms:.0f} ms without service), "
        f"{change.when} it{late}"
    )


def _impairment(entry: dict[str, object]) -> str:
    known = {key: value for key, value in entry.items() if value is not None}
    return "impairment: " + ", ".join(f"{key} {value}" for key, value in known.items())


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
