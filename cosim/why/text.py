"""An explanation as a person reads it, on one screen, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from cosim.kpis import describe
from cosim.why.chain import Carried, Cause, Chain, Handover, RefusedCommand
from cosim.why.paired import Pairing

_CAUSES_TOLD = 2
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
    for packet in chain.information:
        yield from _packet(packet)
    if not chain.information and not chain.sensed:
        yield "  on nothing that it saw or heard: the road and its own state"
    for command in chain.refused:
        yield from _refusal(command)
    if chain.unheard:
        yield "not heard by then"
        for packet in chain.unheard:
            yield from _packet(packet)


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
    wanted = chain.wanted_acceleration_mps2
    wants = "brake" if wanted < 0 else "accelerate"
    does = f"{wants} at {abs(wanted):.2f} m/s2" if abs(wanted) > _STEADY_MPS2 else "keep its speed"
    text = (
        f"{chain.time_s:.2f} s  {chain.vehicle} at {chain.speed_mps:.1f} m/s wants to {does}: "
        f"{chain.function}, {chain.reason}"
    )
    if chain.gap_m is not None:
        text += f"; {chain.gap_m:.1f} m to who is ahead"
    if chain.ttc_s is not None and chain.ttc_s < _SOON_S:
        text += f", {chain.ttc_s:.1f} s to a collision"
    return text


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
    for cause in packet.causes[:_CAUSES_TOLD]:
        yield f"    {cause.spent_ms:.0f} ms {_STAGE_WORDS[cause.stage]}{_where(cause)}"
        yield from (f"      {_load(entry)}" for entry in cause.load)
        yield from (f"      {_handover(change)}" for change in cause.handovers)
        yield from (f"      {_impairment(entry)}" for entry in cause.impairments)


def _where(cause: Cause) -> str:
    if not cause.cell:
        return f" of {cause.station}"
    text = f" of {cause.cell} for {cause.station}"
    if cause.sinr_db is not None:
        text += f" (SINR {cause.sinr_db:.0f} dB)"
    if cause.utilisation is not None:
        text += f", {cause.utilisation:.0%} used, {cause.others} other packets"
    return text


def _load(entry: dict[str, object]) -> str:
    since = f"since {entry.get('from_s', 0):g} s"
    return f"load: {entry['cell']} at {entry['prb_utilisation']:.0%} {since}"


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
