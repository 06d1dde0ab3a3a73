"""The chain behind one decision: what it rested on, and what became of the packets on their way."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cosim.federate import BadInput
from cosim.kpis.safety import HARD_MPS2
from cosim.why.tables import RunTables
from network.packet import Stage

EVENTS = ("collision", "hard_brake", "fallback", "mrm", "refused_command")
"""Events whose decision can be asked for."""

# Milliseconds of a stage that are worth a cause.
_WORTH_MS = 10.0
# Handovers so near to a packet's way have to do with it.
_NEAR_S = 1.0
# Warnings that were sent so long before a decision could have been heard by then.
_HEARD_BY_S = 2.0
_MOST_UNHEARD = 3
_NOT_HEARD = "not heard"


@dataclass(frozen=True)
class Handover:
    """A change of cell of a station that carried the packet, or should have."""

    time_s: float
    station: str
    from_cell: str
    to_cell: str
    cause: str
    interruption_ms: float
    when: str  # before, during or after the packet's way


@dataclass(frozen=True)
class Cause:
    """Where milliseconds of a packet went, and what was there.

    `utilisation` is the mean share of the cell's resource blocks used in that direction while the
    packet was there, `load` what the scenario put on the cell then, `others` how many of the
    bridge's other packets went through it in the same direction meanwhile.
    """

    stage: str
    spent_ms: float
    station: str
    cell: str
    direction: str
    sinr_db: float | None
    utilisation: float | None
    load: list[dict[str, Any]]
    others: int
    handovers: list[Handover]
    impairments: list[dict[str, Any]]


@dataclass(frozen=True)
class Carried:
    """A packet: what it carried, its fate, and where its time went."""

    packet_id: int
    kind: str
    sender: str
    receiver: str
    sent_s: float
    ended_s: float
    fate: str
    age_ms: float | None
    took_ms: float
    stages_ms: dict[str, float]
    causes: list[Cause]


@dataclass(frozen=True)
class RefusedCommand:
    """A command of the fleet's operator that wasn't obeyed, and the packet that it came in.

    It was valid for `validity_ms` from `given_s` on, and `age_ms` old when it came. What lies
    between its giving and the packet's sending went by way of the broker.
    """

    command: str
    kind: str
    reason: str
    given_s: float
    validity_ms: float
    age_ms: float
    packet: Carried


@dataclass(frozen=True)
class Chain:
    """One decision and what is behind it.

    `information` are the packets that the decision names, `refused` the commands that the vehicle
    refused then; `unheard` are warnings that were on their way to the vehicle then, or had been
    lost, the oldest first.
    """

    run: str
    vehicle: str
    event: str | None
    time_s: float
    function: str
    reason: str
    wanted_acceleration_mps2: float
    acceleration_mps2: float
    speed_mps: float
    gap_m: float | None
    ttc_s: float | None
    sensed: list[str]
    information: list[Carried]
    refused: list[RefusedCommand]
    unheard: list[Carried]


def explain(
    run_dir: Path,
    *,
    vehicle: str | None = None,
    at_s: float | None = None,
    event: str | None = None,
) -> Chain:
    """The chain behind a decision.

    Args:
        run_dir: the run's folder.
        vehicle: the driven vehicle; the first if not given.
        at_s: the decision in force at this instant [s].
        event: or the one at the first event of this kind, see `EVENTS`. Without either, the first
            decision that rests on a message, or else the hardest braking.

    Raises:
        BadInput: there is no such run, vehicle, instant or event.
    """
    tables = RunTables(run_dir)
    own = decisions_of(tables, vehicle)
    row = own.loc[_asked_for(tables, own, at_s, event)]
    return chain_at(tables, row, event)


def explain_worst(run_dir: Path) -> Chain | None:
    """The chain behind the worst that happened in a run; None if nothing was decided.

    A collision before a hard braking before others of `EVENTS`, and if there was none, the first
    decision that rests on a message.
    """
    for event in (*EVENTS, None):
        # A run that broke off at once left no tables.
        with suppress(BadInput, OSError):
            return explain(run_dir, event=event)
    return None


def decisions_of(tables: RunTables, vehicle: str | None) -> pd.DataFrame:
    """A driven vehicle's decisions; BadInput if it decided nothing."""
    decisions = tables.decisions
    names = decisions["vehicle"].unique().tolist()
    if not names:
        raise BadInput(f"{tables.run_dir}: nobody decided anything")
    if vehicle is not None and vehicle not in names:
        raise BadInput(f"--vehicle {vehicle}: no such driven vehicle; expected one of {names}")
    return decisions[decisions["vehicle"] == (vehicle or names[0])]


def chain_at(tables: RunTables, decision: Any, event: str | None = None) -> Chain:
    """The chain behind one row of the decisions."""
    now_s = float(decision["time_s"])
    ages_ms = dict(zip(decision["packets"], decision["message_ages_ms"], strict=True))
    return Chain(
        run=str(tables.run_dir),
        vehicle=str(decision["vehicle"]),
        event=event,
        time_s=now_s,
        function=str(decision["function"]),
        reason=str(decision["reason"]),
        wanted_acceleration_mps2=float(decision["wanted_acceleration_mps2"]),
        acceleration_mps2=float(decision["acceleration_mps2"]),
        speed_mps=float(decision["speed_mps"]),
        gap_m=_finite(decision["gap_m"]),
        ttc_s=_finite(decision["ttc_s"]),
        sensed=[str(name) for name in decision["sensed"]],
        information=[carried(tables, int(packet), age) for packet, age in ages_ms.items()],
        refused=_refused(tables, str(decision["vehicle"]), now_s),
        unheard=_unheard(tables, str(decision["id"]), now_s),
    )


def carried(tables: RunTables, packet_id: int, age_ms: float | None = None) -> Carried:
    """What became of a packet, and why it took so long."""
    packet: Any = tables.packets.loc[packet_id]
    sent_s, ended_s = packet["sent_ns"] * 1e-9, packet["ended_ns"] * 1e-9
    stages_ms = {
        name: spent_ns / 1e6
        for stage in Stage
        if (spent_ns := packet[f"{(name := stage.name.lower())}_ns"]) > 0
    }
    causes = [
        _cause(tables, packet, stage, spent_ms)
        for stage, spent_ms in sorted(stages_ms.items(), key=lambda item: -item[1])
        if spent_ms >= _WORTH_MS
    ]
    return Carried(
        packet_id=packet_id,
        kind=str(packet["kind"]),
        sender=str(packet["sender"]),
        receiver=str(packet["receiver"]),
        sent_s=round(sent_s, 6),
        ended_s=round(ended_s, 6),
        fate=str(packet["fate"]),
        age_ms=age_ms,
        took_ms=round((packet["ended_ns"] - packet["sent_ns"]) / 1e6, 3),
        stages_ms={stage: round(spent_ms, 3) for stage, spent_ms in stages_ms.items()},
        causes=causes,
    )


def _asked_for(tables: RunTables, own: pd.DataFrame, at_s: float | None, event: str | None) -> Any:
    """The label of the decision that is asked for."""
    if at_s is None and event is not None:
        at_s = _time_of(tables, own, event)
    if at_s is not None:
        before = own[own["time_s"] <= at_s + 1e-9]
        if before.empty:
            first_s = own["time_s"].iloc[0]
            raise BadInput(f"--at {at_s:g}: it decides from {first_s:g} s on")
        return before.index[-1]
    told = own[own["packets"].map(len) > 0]
    return told.index[0] if len(told) else own["acceleration_mps2"].idxmin()


def _time_of(tables: RunTables, own: pd.DataFrame, event: str) -> float:
    """When an event of a kind happens to the vehicle first [s]."""
    if event == "hard_brake":
        times = own["time_s"][own["acceleration_mps2"] <= -HARD_MPS2]
    elif event == "refused_command":
        times = _refusals_of(tables, own["vehicle"].iloc[0])["time_s"]
    elif event == "fallback":
        times = own["time_s"][own["reason"].astype(str).str.contains(_NOT_HEARD)]
    else:
        kind = {"collision": "collision", "mrm": "minimal_risk_manoeuvre"}[event]
        happened = tables.events
        mine = (happened["kind"] == kind) & (happened["id"] == own["vehicle"].iloc[0])
        times = happened["time_s"][mine]
    if times.empty:
        raise BadInput(f"--event {event}: there is none of {own['vehicle'].iloc[0]} in this run")
    return float(times.iloc[0])


def _refusals_of(tables: RunTables, vehicle: str) -> pd.DataFrame:
    """The rows of the commands that a vehicle refused."""
    commands = tables.commands
    return commands[(commands["vehicle"] == vehicle) & ~commands["accepted"]]


def _refused(tables: RunTables, vehicle: str, now_s: float) -> list[RefusedCommand]:
    """Commands that a vehicle refused with a decision."""
    refusals = _refusals_of(tables, vehicle)
    return [
        RefusedCommand(
            command=str(row["command"]),
            kind=str(row["kind"]),
            reason=str(row["reason"]),
            given_s=round(row["given_s"], 6),
            validity_ms=round(1e3 * (row["valid_until_s"] - row["given_s"]), 3),
            age_ms=round(1e3 * (row["heard_s"] - row["given_s"]), 3),
            packet=carried(tables, row["packet_id"]),
        )
        for row in refusals[np.isclose(refusals["time_s"], now_s)].to_dict("records")
    ]


def _unheard(tables: RunTables, user_id: str, now_s: float) -> list[Carried]:
    """Warnings sent to a vehicle shortly before an instant that it hadn't by then."""
    packets, now_ns = tables.packets, now_s * 1e9
    warnings = packets[packets["kind"] == "denm"]
    warnings = warnings[
        (warnings["sent_ns"] <= now_ns)
        & (warnings["sent_ns"] > now_ns - _HEARD_BY_S * 1e9)
        & (warnings["sender"] != user_id)
    ]
    late = (warnings["ended_ns"] > now_ns) | (warnings["fate"] != "delivered")
    # What has been handed on counts by its copies; those have the ids of their parents.
    handed_on = warnings.index.isin(warnings["parent_id"])
    mine = warnings["receiver"].isin([user_id, "server", "area"]) & late & ~handed_on
    oldest = warnings[mine].sort_values("sent_ns").index[:_MOST_UNHEARD]
    return [carried(tables, int(packet)) for packet in oldest]


def _cause(tables: RunTables, packet: Any, stage: str, spent_ms: float) -> Cause:
    """What there was where a packet spent its time."""
    sent_s, ended_s = packet["sent_ns"] * 1e-9, packet["ended_ns"] * 1e-9
    up = not stage.startswith("dl_")
    if stage == "interruption":
        up = not _changes(tables, str(packet["receiver"]), sent_s, ended_s, within=True)
    station = str(packet["sender"] if up else packet["receiver"])
    cell = str(packet["uplink_cell"] if up else packet["downlink_cell"])
    way = "ul_" if up else "dl_"
    there_s = 1e-9 * sum(
        packet[f"{one.name.lower()}_ns"] for one in Stage if one.name.lower().startswith(way)
    )
    from_s, to_s = (sent_s, sent_s + there_s) if up else (ended_s - there_s, ended_s)
    return Cause(
        stage=stage,
        spent_ms=round(spent_ms, 3),
        station=station,
        cell=cell,
        direction="uplink" if up else "downlink",
        sinr_db=_sinr_db(tables, station, from_s),
        utilisation=_utilisation(tables, cell, "uplink" if up else "downlink", from_s, to_s),
        load=_active(tables.scenario["network"]["load"], from_s, to_s, cell),
        others=_others(tables, cell, "uplink_cell" if up else "downlink_cell", from_s, to_s),
        handovers=_changes(tables, station, sent_s, ended_s),
        impairments=_active(tables.scenario["network"].get("impairments") or [], from_s, to_s),
    )


def _changes(
    tables: RunTables, station: str, from_s: float, to_s: float, *, within: bool = False
) -> list[Handover]:
    """Handovers of a station near a packet's way, or `within` it alone."""
    own = tables.handovers[tables.handovers["id"] == station]
    found = []
    for row in own.to_dict("records"):
        begin_s = float(row["time_s"])
        end_s = begin_s + float(row["interruption_ms"]) / 1e3
        when = "after" if begin_s > to_s else "before" if end_s < from_s else "during"
        near = begin_s < to_s + _NEAR_S and end_s > from_s - _NEAR_S
        if when == "during" or (near and not within):
            found.append(
                Handover(
                    round(begin_s, 6),
                    station,
                    str(row["from_cell"]),
                    str(row["to_cell"]),
                    str(row["cause"]),
                    round(float(row["interruption_ms"]), 3),
                    when,
                )
            )
    return found


def _sinr_db(tables: RunTables, station: str, at_s: float) -> float | None:
    """The downlink SINR that was recorded last by an instant."""
    links = tables.links
    own = links[(links["id"] == station) & (links["time_s"] <= at_s + 1e-9)]
    return None if own.empty else _finite(own["sinr_db"].iloc[-1])


def _utilisation(
    tables: RunTables, cell: str, direction: str, from_s: float, to_s: float
) -> float | None:
    cells = tables.cells[tables.cells["cell"] == cell]
    times = np.unique(cells["time_s"])
    after = times[times >= to_s]
    until_s = after[0] if len(after) else to_s
    during = cells[(cells["time_s"] >= from_s) & (cells["time_s"] <= until_s)]
    return None if during.empty else _finite(during[f"{direction}_utilisation"].mean())


def _others(tables: RunTables, cell: str, column: str, from_s: float, to_s: float) -> int:
    packets = tables.packets
    there = (
        (packets[column] == cell)
        & (packets["sent_ns"] < to_s * 1e9)
        & (packets["ended_ns"] > from_s * 1e9)
    )
    return max(int(there.sum()) - 1, 0)


def _active(
    entries: list[dict[str, Any]], from_s: float, to_s: float, cell: str | None = None
) -> list[dict[str, Any]]:
    """The scenario's entries in force in an interval, on a cell or its site if one is given."""
    return [
        entry
        for entry in entries
        if entry.get("from_s", 0.0) <= to_s
        and (entry.get("to_s") is None or entry["to_s"] >= from_s)
        and (cell is None or entry["cell"] in (cell, cell.split("/")[0]))
    ]


def _finite(value: Any) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
