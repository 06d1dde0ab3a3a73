"""KPIs by name: which a run has, what each is, and whether more of it is better."""

from __future__ import annotations

from cosim.kpis import encounters, remote, safety
from cosim.requirements import REQUIREMENTS, describe_requirement

_NAMES_OF_VEHICLE = (
    "collisions",
    "hit_while_standing",
    *safety.DESCRIPTIONS,
    *encounters.DESCRIPTIONS,
    *remote.DESCRIPTIONS,
)

# KPI name -> what it is. Those of driven vehicles stand under each vehicle's own name.
DESCRIPTIONS: dict[str, str] = {
    "collisions": "road users that the vehicle ran into",
    "hit_while_standing": "road users that touched it while it stood",
    **safety.DESCRIPTIONS,
    **encounters.DESCRIPTIONS,
    **remote.DESCRIPTIONS,
    "v2x.sent": "packets sent, to the server or on to each addressee",
    "v2x.delivered": "of those, delivered",
    "v2x.delivery_ratio": "delivered of those whose fate is known",
    "v2x.latency_ms.p50": "sender to receiver, half the packets",
    "v2x.latency_ms.p95": "the same, 95 % of the packets",
    "v2x.latency_ms.p99": "the same, 99 % of the packets",
    "network.handovers": "changes of the serving cell",
    "network.ping_pongs": "returns within the minimum time of stay",
    "network.handover_failures": "handovers too late, too early or to the wrong cell",
    "network.radio_link_failures": "radio links that failed and were re-established",
    "network.interruption_ms.p95": "time without service around a handover",
    "network.sinr_db.p5": "downlink SINR over stations and time, the worst 5 %",
    "network.sinr_db.p50": "downlink SINR over stations and time, median",
    "twins.age_ms.p95": "age of the newest telemetry in a twin",
    "twins.position_error_m.p95": "distance of a twin from its vehicle",
    "twins.prediction_error_m.p95": "the same, predicted the horizon before",
    "run.ticks": "instants at which some side was advanced",
    "run.real_time_factor": "simulated seconds per wall-clock second",
}


def kpi_names(driven: list[str]) -> list[str]:
    """Names of the KPIs of a run with these driven vehicles."""
    return [
        *(f"{vehicle}.{name}" for vehicle in driven for name in _NAMES_OF_VEHICLE),
        *(name for name in DESCRIPTIONS if name not in _NAMES_OF_VEHICLE),
    ]


def describe(kpi: str) -> str:
    """What a KPI is, in a few words."""
    if kpi in REQUIREMENTS:
        return describe_requirement(kpi)
    return DESCRIPTIONS.get(kpi) or DESCRIPTIONS[kpi.split(".", 1)[1]]


# By the end of a KPI's name. Of the others, such as the number of handovers, neither is better.
_BETTER_HIGH = ("delivery_ratio", "sinr_db.p5", "sinr_db.p50", *REQUIREMENTS)
_BETTER_LOW = ("collisions", "hard_brakes", ".p50", ".p95", ".p99", "ping_pongs", "_failures")


def better_sign(kpi: str) -> int:
    """1 for a KPI that is better when high, -1 when low, 0 when neither is better."""
    if kpi.endswith(_BETTER_HIGH) or ".min_" in kpi:
        return 1
    return -1 if kpi.endswith(_BETTER_LOW) or ".max_" in kpi else 0
