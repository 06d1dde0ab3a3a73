"""A run beside another that differs in one thing: where the two part, and what lies behind it.

Random draws are keyed by station and packet, so that nothing differs before the first packet that
does.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cosim.recording import read_kpis, read_manifest
from cosim.run import run
from cosim.scenario import load_scenario
from cosim.why.chain import Chain, chain_at, decisions_of
from cosim.why.packets import Carried, carried
from cosim.why.tables import RunTables

_DECISION = ("function", "reason", "wanted_acceleration_mps2")


@dataclass(frozen=True)
class Pairing:
    """Two runs that differ in one thing, this one and the other.

    Args:
        against: what is different in the other, as `key.path=value`.
        other_run: its folder.
        first_packet_s: when the first packet was sent that fared differently [s]; None if none.
        here: the chain behind the first decision that differs; None if none does.
        there: the other's at the same instant.
        became: what became, here, of the messages that the other decided by; in the order of these.
        kpis: name to (this run's, the other's), where they differ.
    """

    against: str
    other_run: str
    first_packet_s: float | None
    here: Chain | None
    there: Chain | None
    became: list[Carried]
    kpis: dict[str, tuple[float | None, float | None]]


def compare_with(run_dir: Path, against: str, *, vehicle: str | None = None) -> Pairing:
    """Run a run again with one thing changed, and find where the two part.

    The other run is kept in this one's folder and used again the next time.

    Args:
        run_dir: the folder of a complete run.
        against: `ideal` for a network without delay and loss, or `key.path=value`.
        vehicle: whose decisions; the first driven vehicle's if not given.

    Raises:
        BadInput: there is no such run or vehicle, or the change is none that a scenario can have.
    """
    tables = RunTables(run_dir)
    change = "network.model=ideal" if against == "ideal" else against
    other = RunTables(_other_run(run_dir, change, tables.scenario))
    row, other_row = _first_difference(tables, other, vehicle)
    here = None if row is None else chain_at(tables, row)
    there = None if other_row is None else chain_at(other, other_row)
    became = []
    for known in there.information if there else ():
        packet = _same_packet(tables, other.packets.loc[known.packet_id])
        if packet is not None:
            became.append(carried(tables, packet))
    return Pairing(
        against=change,
        other_run=str(other.run_dir),
        first_packet_s=first_packet_s(tables, other),
        here=here,
        there=there,
        became=became,
        kpis=_kpis(run_dir, other.run_dir),
    )


def first_packet_s(tables: RunTables, other: RunTables) -> float | None:
    """When the first packet was sent whose way differs between two runs [s]."""
    columns = ["sender", "receiver", "kind", "sent_ns", "ended_ns", "fate"]
    one, two = (
        set(run.packets[columns].astype({"sent_ns": int}).itertuples(index=True, name=None))
        for run in (tables, other)
    )
    differing = one ^ two
    return min(packet[4] for packet in differing) * 1e-9 if differing else None


def _other_run(run_dir: Path, change: str, scenario: dict[str, Any]) -> Path:
    """The folder of the paired run, run now if it hasn't been."""
    name = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in change)
    out = run_dir / "against" / name
    if (out / "manifest.json").is_file() and read_manifest(out)["complete"]:
        return out
    number = 2
    while out.exists():
        out, number = run_dir / "against" / f"{name}-{number}", number + 1
    with tempfile.TemporaryDirectory() as folder:
        # JSON is YAML; the paths in a manifest are absolute.
        file = Path(folder) / "scenario.yaml"
        file.write_text(json.dumps(scenario))
        other = load_scenario(file, [change], told_as="--against")
    run(other, out)
    return out


def _first_difference(tables: RunTables, other: RunTables, vehicle: str | None) -> tuple[Any, Any]:
    """The rows of the first instant at which a vehicle decided differently, here and there.

    None and None if it never did.
    """
    own = decisions_of(tables, vehicle).reset_index(drop=True)
    theirs = decisions_of(other, vehicle).reset_index(drop=True)
    both = min(len(own), len(theirs))
    differs = np.zeros(both, dtype=np.bool_)
    for column in ("time_s", *_DECISION):
        one, two = own[column].iloc[:both].to_numpy(), theirs[column].iloc[:both].to_numpy()
        differs |= np.asarray(one != two)
    if not differs.any():
        return None, None
    first = int(np.argmax(differs))
    return own.iloc[first], theirs.iloc[first]


def _same_packet(tables: RunTables, packet: Any) -> int | None:
    """The packet here that carried the same message to the same receiver, or tried to."""
    packets = tables.packets
    same = packets[
        (packets["sender"] == packet["sender"])
        & (packets["kind"] == packet["kind"])
        & (packets["sent_ns"] == packet["sent_ns"])
    ]
    # Lost on its way to the server, it has no copy for the receiver.
    for receiver in (packet["receiver"], "server", "area"):
        found = same[same["receiver"] == receiver]
        if len(found):
            return int(found.index[0])
    return None


def _kpis(run_dir: Path, other_dir: Path) -> dict[str, tuple[float | None, float | None]]:
    """What the runs are judged by, where it differs; how fast they were computed left aside."""
    if not (run_dir / "kpis.json").is_file():
        return {}
    one, two = read_kpis(run_dir), read_kpis(other_dir)
    return {
        name: (value, two.get(name))
        for name, value in one.items()
        if value != two.get(name) and not name.startswith("run.")
    }
