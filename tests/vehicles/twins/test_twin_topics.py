from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vehicles.twins.rejections import Refused, Rejection
from vehicles.twins.topics import Topics, check_id


@given(st.text(min_size=1), st.text(min_size=1, max_size=200))
def test_every_id_has_a_topic_of_its_own(run_id: str, vehicle_id: str) -> None:
    topics = Topics(run_id)
    topic = topics.telemetry(vehicle_id)
    assert topic.count("/") == 4
    assert not set("+#\0") & set(topic)
    assert topics.vehicle_of(topic) == vehicle_id


def test_topics_read_as_documented() -> None:
    topics = Topics("night 7")
    assert topics.every_telemetry == "cosim/night%207/vehicles/+/telemetry"
    assert topics.telemetry("flow.0") == "cosim/night%207/vehicles/flow.0/telemetry"
    assert topics.state("a/b") == "cosim/night%207/vehicles/a%2Fb/state"


@pytest.mark.parametrize(
    "topic",
    [
        "cosim/other/vehicles/ego/telemetry",
        "cosim/run/vehicles/ego/state",
        "cosim/run/vehicles//telemetry",
        "cosim/run/vehicles/a/b/telemetry",
        "cosim/run/vehicles/%65go/telemetry",  # a second spelling of `ego`
        "cosim/run/vehicles/%ff/telemetry",
    ],
)
def test_a_foreign_topic_is_refused(topic: str) -> None:
    with pytest.raises(Refused, match="topic") as raised:
        Topics("run").vehicle_of(topic)
    assert raised.value.reason == Rejection.TOPIC


@pytest.mark.parametrize("vehicle_id", ["", "a" * 300])
def test_what_no_vehicle_is_called_is_refused(vehicle_id: str) -> None:
    with pytest.raises(Refused, match="1 to 256 characters"):
        check_id(vehicle_id)


def test_an_empty_id_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one character"):
        Topics("")
    with pytest.raises(ValueError, match="at least one character"):
        Topics("run").telemetry("")
