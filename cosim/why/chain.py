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
from cosim.why.packets import Carried, carried, finite
from cosim.why.remote import RemoteDrive, remote_drive
from cosim.why.tables import RunTables

EVENTS = ("collision", "hard_brake", "fallback", "mrm", "refused_command")
"""Events whose decision can be asked for."""

# Warnings that were sent so long before a decision could have been heard by then.
_HEARD_BY_S = 2.0
_MOST_UNHEARD = 3
# It decides more often than this.
_IN_FORCE_S = 1.0
# What functions say that do without what they should have heard.
_FALLBACKS = "not heard|lost the driver"


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
    lost, the oldest first. `remote` is what a car driven from afar had of its driver.
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
    remote: RemoteDrive | None


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
        gap_m=finite(decision["gap_m"]),
        ttc_s=finite(decision["ttc_s"]),
        sensed=[str(name) for name in decision["sensed"]],
        information=[carried(tables, int(packet), age) for packet, age in ages_ms.items()],
        refused=_refused(tables, str(decision["vehicle"]), now_s),
        unheard=_unheard(tables, str(decision["id"]), now_s),
        remote=remote_drive(tables, str(decision["vehicle"]), now_s, ages_ms),
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
        last_s = own["time_s"].iloc[-1]
        if at_s > last_s + _IN_FORCE_S:
            raise BadInput(f"--at {at_s:g}: its last decision is of {last_s:g} s")
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
        times = own["time_s"][own["reason"].astype(str).str.contains(_FALLBACKS)]
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
