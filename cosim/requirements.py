"""Published requirements by name: how many packets have to arrive in time.

A requirement that a scenario names becomes one KPI, the share of packets delivered within its delay
of those whose fate is known, and one expectation on it, its reliability.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from cosim.expectations import Bounds
from network.five_qi import FIVE_QI

# Packets between two stations go up and down again: two legs, each with its own budget.
_SERVER = "server"


class Requirement(NamedTuple):
    """A delay and the share of packets that must keep to it.

    `per_leg` ones bound the way between a station and the core's edge (a 5QI's packet delay
    budget, TS 23.501 clause 5.7.3.4), so that the time at the server isn't theirs; the others
    bound the way from one application to the other.
    """

    max_latency_ms: float
    reliability: float
    per_leg: bool = False


# TS 22.186 clause 5.2 (platooning) and 5.5 (remote driving); its rows without a reliability can't
# be judged and are left out.
REQUIREMENTS = {
    "TS22.186/platooning/lowest": Requirement(25, 0.90),
    "TS22.186/platooning/highest": Requirement(10, 0.9999),
    "TS22.186/remote-driving": Requirement(5, 0.99999),
    **{
        f"5QI/{number}": Requirement(row.delay_budget_ms, 1 - row.error_rate, per_leg=True)
        for number, row in sorted(FIVE_QI.items())
    },
}


def check_requirement(name: str) -> None:
    """Raise ValueError, with the nearest name there is, if there is no such requirement."""
    if name not in REQUIREMENTS:
        nearest = difflib.get_close_matches(name, REQUIREMENTS, n=1, cutoff=0.4)
        hint = f"did you mean `{nearest[0]}`?" if nearest else "such as `TS22.186/remote-driving`"
        raise ValueError(f"no requirement is called {name!r}; {hint}")


def expected(name: str) -> Bounds:
    """What a requirement asks of its KPI."""
    return Bounds(min=REQUIREMENTS[name].reliability)


def describe_requirement(name: str) -> str:
    """What a requirement's KPI is, in a few words."""
    requirement = REQUIREMENTS[name]
    way = " on each leg" if requirement.per_leg else ""
    return f"share of packets delivered within {requirement.max_latency_ms:g} ms{way}"


def measure_requirements(
    packets: pd.DataFrame, requirements: Mapping[str, list[str]]
) -> dict[str, float | None]:
    """The KPI of each requirement; None where no packet's fate is known.

    Args:
        packets: columns kind, sender, receiver, sent_ns, ended_ns, fate, server_ns.
        requirements: requirement -> kinds of messages that it is asked of.
    """
    ended = packets[packets["fate"] != "in_flight"]
    latency_ms = (ended["ended_ns"] - ended["sent_ns"]) / 1e6
    legs = 1 + ((ended["sender"] != _SERVER) & (ended["receiver"] != _SERVER))
    kpis: dict[str, float | None] = {}
    for name, kinds in requirements.items():
        limit_ms, _, per_leg = REQUIREMENTS[name]
        if per_leg:
            in_time = latency_ms - ended["server_ns"] / 1e6 <= limit_ms * legs
        else:
            in_time = latency_ms <= limit_ms
        asked = ended["kind"].isin(kinds)
        arrived = in_time & (ended["fate"] == "delivered")
        kpis[name] = round(float(arrived[asked].mean()), 6) if asked.any() else None
    return kpis
