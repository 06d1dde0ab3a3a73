import pandas as pd
import pytest

from cosim.requirements import (
    REQUIREMENTS,
    check_requirement,
    describe_requirement,
    expected,
    measure_requirements,
)

MS = 1_000_000


def packets(*latencies_ms: float, receiver: str = "server", server_ms: float = 0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "kind": "cam",
            "sender": "a",
            "receiver": receiver,
            "sent_ns": 0,
            "ended_ns": [round(latency * MS) for latency in latencies_ms],
            "fate": "delivered",
            "server_ns": round(server_ms * MS),
        }
    )


def test_a_requirement_counts_packets_in_time_among_those_with_a_fate() -> None:
    lost = packets(1).assign(fate="radio")
    going = packets(1).assign(fate="in_flight")
    other = packets(1).assign(kind="telemetry")
    told = pd.concat([packets(10, 25, 25.001), lost, going, other])
    name = "TS22.186/platooning/lowest"
    assert measure_requirements(told, {name: ["cam"]}) == {name: 0.5}
    assert measure_requirements(told, {name: ["nothing"]}) == {name: None}


def test_a_delay_budget_is_of_each_leg_and_not_of_the_server() -> None:
    budget = {"5QI/82": ["cam"]}
    assert measure_requirements(packets(14, server_ms=4), budget) == {"5QI/82": 1.0}
    assert measure_requirements(packets(14, server_ms=3), budget) == {"5QI/82": 0.0}
    assert measure_requirements(packets(20, receiver="b"), budget) == {"5QI/82": 1.0}


def test_requirements_ask_what_the_standards_say() -> None:
    assert expected("TS22.186/remote-driving").min == 0.99999
    assert REQUIREMENTS["5QI/82"] == (10, 1 - 1e-4, True)
    assert describe_requirement("5QI/82") == ("share of packets delivered within 10 ms on each leg")


def test_an_unknown_requirement_is_told_its_nearest() -> None:
    with pytest.raises(ValueError, match=r"did you mean `TS22\.186/platooning/lowest`"):
        check_requirement("TS22.186/platoning/lowest")
