"""What became of a packet: its fate, where its milliseconds went, and what was there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cosim.why.tables import RunTables
from network.packet import Stage

WORTH_MS = 10.0
"""Milliseconds of a stage that are worth a cause."""

# Handovers so near to a packet's way have to do with it.
_NEAR_S = 1.0


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
    packet was there, `load` what the scenario put on the cell then, `interference` what it put on
    other cells if the packet was on the air, `others` how many of the bridge's other packets went
    through it in the same direction meanwhile, `own` those of them that were the station's.
    """

    stage: str
    spent_ms: float
    station: str
    cell: str
    direction: str
    sinr_db: float | None
    utilisation: float | None
    load: list[dict[str, Any]]
    interference: list[dict[str, Any]]
    others: int
    own: int
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


def carried(tables: RunTables, packet_id: int, age_ms: float | None = None) -> Carried:
    """What became of a packet, and why it took so long."""
    packet: Any = tables.packets.loc[packet_id]
    sent_s, ended_s = packet["sent_ns"] * 1e-9, packet["ended_ns"] * 1e-9
    stages_ms = {
        name: spent_ns / 1e6
        for stage in Stage
        if (spent_ns := packet[f"{(name := stage.name.lower())}_ns"]) > 0
    }
    worth_ms = WORTH_MS
    if packet["fate"] != "delivered":
        # It was lost somewhere.
        worth_ms = min(WORTH_MS, max(stages_ms.values(), default=0.0))
    causes = [
        _cause(tables, packet, stage, spent_ms)
        for stage, spent_ms in sorted(stages_ms.items(), key=lambda item: -item[1])
        if spent_ms >= worth_ms
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


def _cause(tables: RunTables, packet: Any, stage: str, spent_ms: float) -> Cause:
    """What there was where a packet spent its time."""
    sent_s, ended_s = packet["sent_ns"] * 1e-9, packet["ended_ns"] * 1e-9
    up = not stage.startswith("dl_")
    if stage == "interruption":
        up = not _changes(tables, str(packet["receiver"]), sent_s, ended_s, within=True)
    station = str(packet["sender"] if up else packet["receiver"])
    cell = str(packet["uplink_cell"] if up else packet["downlink_cell"])
    way = "ul_" if up else "dl_"
    spent_there_s = 1e-9 * sum(
        packet[f"{one.name.lower()}_ns"] for one in Stage if one.name.lower().startswith(way)
    )
    from_s, to_s = (sent_s, sent_s + spent_there_s) if up else (ended_s - spent_there_s, ended_s)
    loads, impairments = _entries(tables)
    own_load, all_load = _active(loads, from_s, to_s, cell), _active(loads, from_s, to_s)
    on_air = stage.endswith(("_air", "_retransmission"))
    there = _there(tables, cell, "uplink_cell" if up else "downlink_cell", from_s, to_s)
    return Cause(
        stage=stage,
        spent_ms=round(spent_ms, 3),
        station=station,
        cell=cell,
        direction="uplink" if up else "downlink",
        sinr_db=_sinr_db(tables, station, from_s),
        utilisation=_utilisation(tables, cell, "uplink" if up else "downlink", from_s, to_s),
        load=own_load,
        interference=[entry for entry in all_load if on_air and entry not in own_load],
        others=max(len(there) - 1, 0),
        own=max(int((there["sender" if up else "receiver"] == station).sum()) - 1, 0),
        handovers=_changes(tables, station, sent_s, ended_s),
        impairments=[
            entry
            for entry in _active(impairments, from_s, to_s)
            # Why it went by this cell may be that another is off the air.
            if entry["kind"] == "cell_outage" or _is_of(entry, cell)
        ],
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
    return None if own.empty else finite(own["sinr_db"].iloc[-1])


def _utilisation(
    tables: RunTables, cell: str, direction: str, from_s: float, to_s: float
) -> float | None:
    cells = tables.cells[tables.cells["cell"] == cell]
    times = np.unique(cells["time_s"])
    after = times[times >= to_s]
    until_s = after[0] if len(after) else to_s
    during = cells[(cells["time_s"] >= from_s) & (cells["time_s"] <= until_s)]
    return None if during.empty else finite(during[f"{direction}_utilisation"].mean())


def _there(tables: RunTables, cell: str, column: str, from_s: float, to_s: float) -> pd.DataFrame:
    """The packets that went through a cell in an interval."""
    packets = tables.packets
    return packets[
        (packets[column] == cell)
        & (packets["sent_ns"] < to_s * 1e9)
        & (packets["ended_ns"] > from_s * 1e9)
    ]


def _entries(tables: RunTables) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the scenario puts on cells, bursts included, and what else goes wrong in it."""
    network = tables.scenario["network"]
    impairments = network.get("impairments") or []
    bursts = [entry for entry in impairments if entry["kind"] == "load_burst"]
    others = [entry for entry in impairments if entry["kind"] != "load_burst"]
    return [*network["load"], *bursts], others


def _active(
    entries: list[dict[str, Any]], from_s: float, to_s: float, cell: str | None = None
) -> list[dict[str, Any]]:
    """The scenario's entries in force in an interval, on a cell or its site if one is given."""
    return [
        entry
        for entry in entries
        if entry.get("from_s", 0.0) <= to_s
        and (entry.get("to_s") is None or entry["to_s"] >= from_s)
        and (cell is None or _is_of(entry, cell))
    ]


def _is_of(entry: dict[str, Any], cell: str) -> bool:
    """Whether an entry is of a cell: names it or its site, or no cell at all."""
    return entry.get("cell") in (None, cell, cell.split("/", maxsplit=1)[0])


def finite(value: Any) -> float | None:
    """A number as JSON has it: none where there is none, or it is infinite."""
    return round(float(value), 6) if np.isfinite(value) else None
