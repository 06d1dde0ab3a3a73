from __future__ import annotations

import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from paho.mqtt import publish

from tests.vehicles.twins.conftest import Connect, Mosquitto, free_port, telemetry
from vehicles.twins.broker import BrokerAddress, BrokerDied, BrokerUnreachable
from vehicles.twins.connection import ConnectionAborted
from vehicles.twins.embedded_broker import EmbeddedBroker
from vehicles.twins.fleet import FleetState
from vehicles.twins.lockstep import LockstepTwins
from vehicles.twins.rejections import Rejection
from vehicles.twins.service import TwinService
from vehicles.twins.telemetry import Forwarded, Telemetry, encode
from vehicles.twins.topics import Topics

pytestmark = pytest.mark.usefixtures("nothing_left_behind")

TICK_NS = 100_000_000
MOSQUITTO = pytest.mark.mosquitto


def schedule(vehicles: int, ticks: int) -> list[list[Telemetry]]:
    """What arrives in each tick: some lost, some a tick or more late, in no order."""
    rng = random.Random(7)
    arrivals: list[list[Telemetry]] = [[] for _ in range(ticks)]
    for sequence in range(ticks):
        for vehicle in range(vehicles):
            if rng.random() < 0.1:
                continue
            arrival = sequence + rng.choice([0, 0, 0, 1, 3])
            if arrival < ticks:
                speed_mps = rng.uniform(13.7, 14.1)
                arrivals[arrival].append(
                    telemetry(f"v/{vehicle}", sequence, speed_mps=speed_mps, y_m=0.1 * rng.random())
                )
    for batch in arrivals:
        rng.shuffle(batch)
    return arrivals


def sent(*messages: Telemetry, received_ns: int = 0) -> list[Forwarded]:
    """Messages as the link delivers them."""
    return [
        Forwarded(one.vehicle_id, max(received_ns, one.sent_ns), encode(one)) for one in messages
    ]


def lockstep(twins: LockstepTwins, arrivals: list[list[Telemetry]]) -> list[FleetState]:
    states = []
    for tick, batch in enumerate(arrivals):
        twins.confirm(10.0, tick * TICK_NS)
        states.append(twins.state(tick * TICK_NS))
        twins.publish(sent(*batch, received_ns=tick * TICK_NS))
    twins.confirm(10.0, len(arrivals) * TICK_NS)
    return [*states, twins.state(len(arrivals) * TICK_NS)]


def digest(states: list[FleetState]) -> list[tuple[object, ...]]:
    return [(state.ids, *(column.tobytes() for column in state[1:])) for state in states]


@pytest.mark.parametrize("gateway", [False, True])
def test_twins_are_the_same_through_any_broker_and_through_none(
    broker: BrokerAddress, connect: Connect, gateway: bool
) -> None:
    arrivals = schedule(vehicles=40, ticks=12)
    topics = Topics("run")
    alone, without = TwinService(topics), [TwinService(topics).state(0)]
    for tick, batch in enumerate(arrivals):
        for one in sent(*batch, received_ns=tick * TICK_NS):
            alone.take(topics.telemetry(one.vehicle_id), one.payload, one.received_ns)
        alone.advance(tick * TICK_NS)
        without.append(alone.state((tick + 1) * TICK_NS))

    through = lockstep(connect(broker, gateway=gateway), arrivals)

    assert digest(through) == digest(without)
    assert through[-1].late.sum() > 0
    assert through[-1].lost.sum() > 0


def test_twins_change_in_confirm_alone(broker: BrokerAddress, connect: Connect) -> None:
    twins = connect(broker)
    twins.publish(sent(telemetry(sequence=0)))
    time.sleep(0.3)
    assert twins.state(0).ids == ()
    twins.confirm(5.0, 0)
    assert twins.state(0).ids == ("ego",)


def test_runs_on_one_broker_do_not_mix(broker: BrokerAddress, connect: Connect) -> None:
    one, other = connect(broker, "one"), connect(broker, "other")
    one.publish(sent(telemetry("a")))
    other.publish(sent(telemetry("b")))
    one.confirm(5.0, 0)
    other.confirm(5.0, 0)
    assert one.state(0).ids == ("a",)
    assert other.state(0).ids == ("b",)


@MOSQUITTO
def test_more_messages_than_a_broker_queues_all_come(tmp_path: Path, connect: Connect) -> None:
    # A broker that acknowledges faster than it delivers, as one far away does, and then drops.
    broker = Mosquitto(
        tmp_path,
        "allow_anonymous true",
        "max_inflight_messages 1",
        "max_queued_messages 600",
        "set_tcp_nodelay true",
    )
    try:
        twins = connect(broker.address)
        twins.publish(sent(*(telemetry(f"v{k}") for k in range(2500))))
        twins.confirm(20.0, 0)
        assert len(twins.state(0).ids) == 2500
        twins.close()
    finally:
        broker.close()


def test_an_embedded_broker_closes_at_once_amid_traffic(connect: Connect) -> None:
    for round_ in range(5):
        broker = EmbeddedBroker()
        twins = connect(broker.start())
        twins.publish(sent(*(telemetry(f"v{k}") for k in range(200))))
        time.sleep(0.01 * round_)
        began = time.monotonic()
        broker.close()
        assert time.monotonic() - began < 2.0
        with pytest.raises(BrokerDied):
            twins.confirm(10.0, 0)
        twins.close()


def test_five_hundred_vehicles_report_for_some_ticks(
    broker: BrokerAddress, connect: Connect
) -> None:
    twins = connect(broker)
    ids = [f"v{k:03}" for k in range(500)]
    final = lockstep(twins, [[telemetry(i, tick) for i in ids] for tick in range(5)])[-1]
    assert final.ids == tuple(ids)
    assert np.all(final.sequence == 4)
    assert np.all(final.messages == 5)
    assert final.late.sum() == final.lost.sum() == 0


def test_a_message_underway_is_not_sent_again(broker: BrokerAddress, connect: Connect) -> None:
    twins = connect(broker)
    twins.publish(sent(telemetry("a", 0), telemetry("a", 0)))
    twins.publish(sent(telemetry("a", 0), telemetry("b", 0)))
    twins.confirm(5.0, 0)
    assert twins.state(0).messages.tolist() == [1, 1]
    twins.publish(sent(telemetry("a", 0)))
    twins.confirm(5.0, 0)
    assert twins.state(0).messages.tolist() == [1, 1]


def test_what_others_publish_to_the_run_is_counted_and_left_alone(
    broker: BrokerAddress, connect: Connect
) -> None:
    service = TwinService(Topics("run"))
    twins = connect(broker, service=service)
    topic, good = "cosim/run/vehicles/ego/telemetry", encode(telemetry(sequence=3))
    foreign = [(topic, b"not json"), (topic, good), ("cosim/run/vehicles/%ff/telemetry", good)]
    publish.multiple(
        [(topic, payload, 1, False) for topic, payload in foreign],
        hostname=broker.host,
        port=broker.port,
    )

    def counted() -> bool:
        twins.confirm(5.0, 0)
        return service.rejected == {Rejection.STRANGER: len(foreign)}

    eventually(counted)
    twins.publish(sent(telemetry("ego")))
    twins.confirm(5.0, 0)
    state = twins.state(0)
    assert (state.ids, state.sequence.tolist()) == (("ego",), [0])


@pytest.mark.parametrize("ending", ["embedded", pytest.param("mosquitto", marks=MOSQUITTO)])
def test_a_broker_that_dies_between_ticks_is_named_at_once(
    ending: str, request: pytest.FixtureRequest, connect: Connect
) -> None:
    broker = request.getfixturevalue(ending)
    address = broker.start() if isinstance(broker, EmbeddedBroker) else broker.address
    twins = connect(address)
    twins.publish(sent(telemetry(sequence=0)))
    twins.confirm(5.0, 0)
    broker.close()

    began = time.monotonic()
    with pytest.raises(BrokerDied, match=f"lost.* MQTT broker 127.0.0.1:{address.port}: "):
        lockstep(twins, [[telemetry(sequence=1 + tick)] for tick in range(1000)])
    assert time.monotonic() - began < 2.0
    with pytest.raises(BrokerDied):
        twins.publish(sent(telemetry(sequence=2)))
    assert twins.state(0).ids == ("ego",)  # what was confirmed stays readable


@MOSQUITTO
def test_a_broker_that_dies_while_it_is_waited_for_is_named_at_once(
    mosquitto: Mosquitto, connect: Connect
) -> None:
    twins = connect(mosquitto.address)
    mosquitto.process.send_signal(signal.SIGSTOP)
    twins.publish(sent(telemetry()))
    killer = threading.Timer(0.3, mosquitto.process.kill)
    killer.start()
    began = time.monotonic()
    with pytest.raises(BrokerDied, match=str(mosquitto.address)):
        twins.confirm(30.0, 0)
    assert 0.2 < time.monotonic() - began < 2.0
    killer.join()


@MOSQUITTO
def test_a_broker_that_stalls_is_named_when_the_time_is_up(
    mosquitto: Mosquitto, connect: Connect
) -> None:
    twins = connect(mosquitto.address)
    mosquitto.process.send_signal(signal.SIGSTOP)
    twins.publish(sent(telemetry("a"), telemetry("b")))
    message = f"broker {mosquitto.address} did not deliver 2 messages within 0.3 s"
    with pytest.raises(BrokerDied, match=message):
        twins.confirm(0.3, 0)
    began = time.monotonic()
    twins.close()
    assert time.monotonic() - began < 2.0


@MOSQUITTO
def test_another_thread_can_end_the_waiting(mosquitto: Mosquitto, connect: Connect) -> None:
    twins = connect(mosquitto.address)
    mosquitto.process.send_signal(signal.SIGSTOP)
    twins.publish(sent(telemetry()))
    aborter = threading.Timer(0.3, twins.abort)
    aborter.start()
    began = time.monotonic()
    with pytest.raises(ConnectionAborted, match=str(mosquitto.address)):
        twins.confirm(30.0, 0)
    assert 0.2 < time.monotonic() - began < 2.0
    aborter.join()


def test_a_port_where_nobody_listens_is_named(connect: Connect) -> None:
    port = free_port()
    with pytest.raises(BrokerUnreachable, match=f"MQTT broker 127.0.0.1:{port}: ") as raised:
        connect(BrokerAddress("127.0.0.1", port))
    assert "\n" not in str(raised.value)


def test_a_host_that_does_not_exist_is_named(connect: Connect) -> None:
    with pytest.raises(BrokerUnreachable, match=r"MQTT broker nowhere.invalid:1883: "):
        connect(BrokerAddress("nowhere.invalid", 1883))


def test_a_listener_that_never_answers_is_named_within_seconds(connect: Connect) -> None:
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(BrokerUnreachable, match=f"MQTT broker 127.0.0.1:{port}: "):
            connect(BrokerAddress("127.0.0.1", port))
    assert time.monotonic() - began < 5.0


@MOSQUITTO
def test_a_broker_that_refuses_is_named(tmp_path: Path, connect: Connect) -> None:
    broker = Mosquitto(tmp_path, "allow_anonymous false")
    try:
        for address in (broker.address, replace(broker.address, username="u", password="s3cret")):
            with pytest.raises(BrokerUnreachable, match=f"{address}: .*uthori[sz]ed") as raised:
                connect(address)
            assert "s3cret" not in str(raised.value)
    finally:
        broker.close()


# paho-mqtt leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@MOSQUITTO
def test_a_broker_without_tls_is_named_when_tls_is_asked(
    mosquitto: Mosquitto, connect: Connect
) -> None:
    with pytest.raises(BrokerUnreachable, match=f"{mosquitto.address}: "):
        connect(replace(mosquitto.address, tls=True))


def test_a_twins_can_be_closed_twice_and_before_it_starts(
    broker: BrokerAddress, connect: Connect
) -> None:
    LockstepTwins(broker, Topics("run"), TwinService(Topics("run"))).close()
    twins = connect(broker)
    twins.close()
    twins.close()
    with pytest.raises(RuntimeError, match="closed"):
        twins.confirm(1.0, 0)


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5.0
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
