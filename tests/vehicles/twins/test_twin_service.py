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

from tests.vehicles.twins.conftest import MakeService, Mosquitto, free_port, telemetry
from vehicles.twins.broker import BrokerAddress, BrokerDied, BrokerUnreachable, EmbeddedBroker
from vehicles.twins.fleet import Fleet, FleetState
from vehicles.twins.service import ServiceAborted, TwinService
from vehicles.twins.telemetry import Telemetry, decode, encode

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
                speed_mps = rng.uniform(0.0, 30.0)
                arrivals[arrival].append(
                    telemetry(f"v/{vehicle}", sequence, speed_mps=speed_mps, y_m=rng.random())
                )
    for batch in arrivals:
        rng.shuffle(batch)
    return arrivals


def lockstep(service: TwinService, arrivals: list[list[Telemetry]]) -> list[FleetState]:
    states = []
    for tick, batch in enumerate(arrivals):
        service.confirm(10.0)
        states.append(service.states(tick * TICK_NS))
        service.publish(batch)
    service.confirm(10.0)
    return [*states, service.states(len(arrivals) * TICK_NS)]


def digest(states: list[FleetState]) -> list[tuple[object, ...]]:
    return [(state.ids, *(column.tobytes() for column in state[1:])) for state in states]


def test_twins_are_the_same_through_any_broker_and_through_none(
    broker: BrokerAddress, connect: MakeService
) -> None:
    arrivals = schedule(vehicles=40, ticks=12)
    fleet, without = Fleet(), [Fleet().state(0)]
    for tick, batch in enumerate(arrivals, start=1):
        fleet.apply(decode(message.vehicle_id, encode(message)) for message in batch)
        without.append(fleet.state(tick * TICK_NS))

    through = lockstep(connect(broker), arrivals)

    assert digest(through) == digest(without)
    assert through[-1].late.sum() > 0
    assert through[-1].lost.sum() > 0


def test_twins_change_in_confirm_alone(broker: BrokerAddress, connect: MakeService) -> None:
    service = connect(broker)
    service.publish([telemetry(sequence=0)])
    time.sleep(0.3)
    assert service.states(0).ids == ()
    service.confirm(5.0)
    assert service.states(0).ids == ("ego",)


def test_runs_on_one_broker_do_not_mix(broker: BrokerAddress, connect: MakeService) -> None:
    one, other = connect(broker, "one"), connect(broker, "other")
    one.publish([telemetry("a")])
    other.publish([telemetry("b")])
    one.confirm(5.0)
    other.confirm(5.0)
    assert one.states(0).ids == ("a",)
    assert other.states(0).ids == ("b",)


@MOSQUITTO
def test_more_messages_than_a_broker_queues_all_come(tmp_path: Path, connect: MakeService) -> None:
    # A broker that acknowledges faster than it delivers, as one far away does, and then drops.
    broker = Mosquitto(
        tmp_path,
        "allow_anonymous true",
        "max_inflight_messages 1",
        "max_queued_messages 600",
        "set_tcp_nodelay true",
    )
    try:
        service = connect(broker.address)
        service.publish(telemetry(f"v{k}") for k in range(2500))
        service.confirm(20.0)
        assert len(service.states(0).ids) == 2500
        service.close()
    finally:
        broker.close()


def test_an_embedded_broker_closes_at_once_amid_traffic(connect: MakeService) -> None:
    for round_ in range(5):
        broker = EmbeddedBroker()
        service = connect(broker.start())
        service.publish(telemetry(f"v{k}") for k in range(200))
        time.sleep(0.01 * round_)
        began = time.monotonic()
        broker.close()
        assert time.monotonic() - began < 2.0
        with pytest.raises(BrokerDied):
            service.confirm(10.0)
        service.close()


def test_five_hundred_vehicles_report_for_some_ticks(
    broker: BrokerAddress, connect: MakeService
) -> None:
    service = connect(broker)
    ids = [f"v{k:03}" for k in range(500)]
    final = lockstep(service, [[telemetry(i, tick) for i in ids] for tick in range(5)])[-1]
    assert final.ids == tuple(ids)
    assert np.all(final.sequence == 4)
    assert np.all(final.messages == 5)
    assert final.late.sum() == final.lost.sum() == 0
    assert service.malformed == 0


def test_a_message_underway_is_not_sent_again(broker: BrokerAddress, connect: MakeService) -> None:
    service = connect(broker)
    service.publish([telemetry("a", 0)] * 2)
    service.publish([telemetry("a", 0), telemetry("b", 0)])
    service.confirm(5.0)
    assert service.states(0).messages.tolist() == [1, 1]
    service.publish([telemetry("a", 0)])
    service.confirm(5.0)
    assert service.states(0).messages.tolist() == [1, 1]


def test_what_is_no_telemetry_is_counted_and_dropped(
    broker: BrokerAddress, connect: MakeService
) -> None:
    service = connect(broker)
    topic, good = "cosim/run/vehicles/ego/telemetry", encode(telemetry(sequence=3))
    hostile = [
        (topic, b"not json"),
        (topic, b""),
        (topic, b"\xff\xfe"),
        (topic, good[:-20]),
        (topic, good.replace(b"telemetry/1", b"telemetry/9")),
        ("cosim/run/vehicles//telemetry", good),
        ("cosim/run/vehicles/%ff/telemetry", good),
    ]
    publish.multiple(
        [(topic, payload, 1, False) for topic, payload in [*hostile, (topic, good)]],
        hostname=broker.host,
        port=broker.port,
    )
    service.publish([telemetry("other")])
    eventually(lambda: service.malformed == len(hostile))
    service.confirm(5.0)
    state = service.states(0)
    assert state.ids == ("ego", "other")
    assert state.sequence.tolist() == [3, 0]


@pytest.mark.parametrize("ending", ["embedded", pytest.param("mosquitto", marks=MOSQUITTO)])
def test_a_broker_that_dies_between_ticks_is_named_at_once(
    ending: str, request: pytest.FixtureRequest, connect: MakeService
) -> None:
    broker = request.getfixturevalue(ending)
    address = broker.start() if isinstance(broker, EmbeddedBroker) else broker.address
    service = connect(address)
    service.publish([telemetry(sequence=0)])
    service.confirm(5.0)
    broker.close()

    began = time.monotonic()
    with pytest.raises(BrokerDied, match=f"lost.* MQTT broker 127.0.0.1:{address.port}: "):
        lockstep(service, [[telemetry(sequence=1 + tick)] for tick in range(1000)])
    assert time.monotonic() - began < 2.0
    with pytest.raises(BrokerDied):
        service.publish([telemetry(sequence=2)])
    assert service.states(0).ids == ("ego",)  # what was confirmed stays readable


@MOSQUITTO
def test_a_broker_that_dies_while_it_is_waited_for_is_named_at_once(
    mosquitto: Mosquitto, connect: MakeService
) -> None:
    service = connect(mosquitto.address)
    mosquitto.process.send_signal(signal.SIGSTOP)
    service.publish([telemetry()])
    killer = threading.Timer(0.3, mosquitto.process.kill)
    killer.start()
    began = time.monotonic()
    with pytest.raises(BrokerDied, match=str(mosquitto.address)):
        service.confirm(30.0)
    assert 0.2 < time.monotonic() - began < 2.0
    killer.join()


@MOSQUITTO
def test_a_broker_that_stalls_is_named_when_the_time_is_up(
    mosquitto: Mosquitto, connect: MakeService
) -> None:
    service = connect(mosquitto.address)
    mosquitto.process.send_signal(signal.SIGSTOP)
    service.publish([telemetry("a"), telemetry("b")])
    message = f"broker {mosquitto.address} did not deliver 2 messages within 0.3 s"
    with pytest.raises(BrokerDied, match=message):
        service.confirm(0.3)
    began = time.monotonic()
    service.close()
    assert time.monotonic() - began < 2.0


@MOSQUITTO
def test_another_thread_can_end_the_waiting(mosquitto: Mosquitto, connect: MakeService) -> None:
    service = connect(mosquitto.address)
    mosquitto.process.send_signal(signal.SIGSTOP)
    service.publish([telemetry()])
    aborter = threading.Timer(0.3, service.abort)
    aborter.start()
    began = time.monotonic()
    with pytest.raises(ServiceAborted, match=str(mosquitto.address)):
        service.confirm(30.0)
    assert 0.2 < time.monotonic() - began < 2.0
    aborter.join()


def test_a_port_where_nobody_listens_is_named(connect: MakeService) -> None:
    port = free_port()
    with pytest.raises(BrokerUnreachable, match=f"MQTT broker 127.0.0.1:{port}: ") as raised:
        connect(BrokerAddress("127.0.0.1", port))
    assert "\n" not in str(raised.value)


def test_a_host_that_does_not_exist_is_named(connect: MakeService) -> None:
    with pytest.raises(BrokerUnreachable, match=r"MQTT broker nowhere.invalid:1883: "):
        connect(BrokerAddress("nowhere.invalid", 1883))


def test_a_listener_that_never_answers_is_named_within_seconds(connect: MakeService) -> None:
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(BrokerUnreachable, match=f"MQTT broker 127.0.0.1:{port}: "):
            connect(BrokerAddress("127.0.0.1", port))
    assert time.monotonic() - began < 5.0


@MOSQUITTO
def test_a_broker_that_refuses_is_named(tmp_path: Path, connect: MakeService) -> None:
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
    mosquitto: Mosquitto, connect: MakeService
) -> None:
    with pytest.raises(BrokerUnreachable, match=f"{mosquitto.address}: "):
        connect(replace(mosquitto.address, tls=True))


def test_a_service_can_be_closed_twice_and_before_it_starts(
    broker: BrokerAddress, connect: MakeService
) -> None:
    TwinService(broker, "run").close()
    service = connect(broker)
    service.close()
    service.close()
    with pytest.raises(RuntimeError, match="closed"):
        service.confirm(1.0)


def test_a_message_that_cannot_be_sent_is_refused_where_it_is_given(
    broker: BrokerAddress, connect: MakeService
) -> None:
    service = connect(broker)
    with pytest.raises(ValueError, match="telemetry of 'b': speed_kmh"):
        service.publish([telemetry("a"), telemetry("b", speed_mps=float("nan"))])
    service.confirm(1.0)
    assert service.states(0).ids == ()


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5.0
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
