"""The service on the wall clock: a broker that comes and goes, and payloads that mean harm."""

from __future__ import annotations

import asyncio
import json
import math
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
from paho.mqtt import publish, subscribe

from tests.vehicles.twins.conftest import Mosquitto
from vehicles.twins.connection import Connection, Outgoing
from vehicles.twins.fleet import FleetState
from vehicles.twins.rejections import Rejection
from vehicles.twins.service import TwinService
from vehicles.twins.settings import TwinsSettings, Zone
from vehicles.twins.telemetry import Forwarded, Telemetry, encode, encode_batch
from vehicles.twins.topics import Topics
from vehicles.twins.wall_clock import WallClockTwins

TOPICS = Topics("f")
SETTINGS = TwinsSettings(late_after_s=0.6, lost_after_s=30.0)


def now(vehicle_id: str, sequence: int, **changed: object) -> Telemetry:
    """A vehicle that stands still, and says so now."""
    return Telemetry(
        vehicle_id, sequence, time.time_ns(), 0.0, 0.0, 0.0, 0.0, x_m=5.0, y_m=6.0
    )._replace(**changed)


class Running:
    """A service in a thread, as the command has it in a process."""

    def __init__(self, broker: Mosquitto, settings: TwinsSettings = SETTINGS) -> None:
        self._service = TwinService(TOPICS, settings)
        self._settings = settings
        self._turn = threading.Lock()
        self.losses: list[str] = []
        self._twins = WallClockTwins(broker.address, "f", TOPICS, self._service, self.losses.append)
        self._twins.start()
        self._ending = threading.Event()
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._ending.wait(0.05):
                with self._turn:
                    self._twins.step()
        except Exception as error:  # told by the test
            self.error = error

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self._twins.close()

    def state(self) -> FleetState:
        with self._turn:
            return self._service.state(time.time_ns())

    def rejected(self) -> int:
        with self._turn:
            return self._service.rejected.total()

    def staleness(self) -> list[int]:
        return self.state().staleness(*self._settings.staleness_ns).tolist()


@pytest.fixture
def persistent(tmp_path: Path) -> Iterator[Mosquitto]:
    """A mosquitto that keeps what it has promised over a restart."""
    broker = Mosquitto(
        tmp_path,
        "allow_anonymous true",
        "persistence true",
        f"persistence_location {tmp_path}/",
        "max_queued_messages 0",
        "max_inflight_messages 0",
        "user root" if Path.home() == Path("/root") else "allow_zero_length_clientid true",
    )
    yield broker
    broker.close()


def eventually(true: Callable[[], object], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.mosquitto
def test_states_and_events_are_published(mosquitto: Mosquitto) -> None:
    zone = Zone(id="depot", polygon_m=[(0, 0), (10, 0), (10, 10), (0, 10)])
    running = Running(mosquitto, SETTINGS.model_copy(update={"zones": [zone]}))
    address = {"hostname": mosquitto.address.host, "port": mosquitto.address.port}
    try:
        events: list[dict[str, object]] = []
        listener = threading.Thread(
            target=lambda: events.extend(
                json.loads(message.payload)
                for message in subscribe.simple("cosim/f/vehicles/+/events", msg_count=2, **address)
            )
        )
        listener.start()
        time.sleep(0.3)
        publish.single(TOPICS.telemetry("a/b"), encode(now("a/b", 0)), qos=1, **address)
        listener.join(10.0)
        assert [event["kind"] for event in events] == ["new", "entered_zone"]
        assert events[1]["detail"] == "depot"
        time.sleep(1.1)
        # Retained: who comes later has it too.
        state = json.loads(subscribe.simple(TOPICS.state("a/b"), **address).payload)
        assert state["schema"] == "cosim.state/1"
        assert (state["Cosim.Position.X"], state["sequence"]) == (5.0, 0)
        status = json.loads(subscribe.simple(TOPICS.service, **address).payload)
        assert status["online"] is True
    finally:
        running.close()
    status = json.loads(subscribe.simple(TOPICS.service, **address).payload)
    assert status["online"] is False


async def _drive(client: Connection, vehicle_id: str, until: asyncio.Event, period_s: float) -> int:
    """Report until told to stop; how many messages were handed over."""
    sequence = 0
    while not until.is_set():
        client.publish([Outgoing(TOPICS.telemetry(vehicle_id), encode(now(vehicle_id, sequence)))])
        sequence += 1
        await asyncio.sleep(period_s)
    return sequence


def through_a_restart(
    broker: Mosquitto, publishers: int, period_s: float, settings: TwinsSettings = SETTINGS
) -> None:
    """Stop and start the broker under a fleet: late, live again, and nothing lost."""
    running = Running(broker, settings)
    clients = [
        Connection(broker.address, client_id=f"v{k}", on_loss=lambda _: None)
        for k in range(min(publishers, 50))
    ]
    for client in clients:
        client.start()

    async def fleet() -> list[int]:
        until = asyncio.Event()
        drives = [
            asyncio.create_task(_drive(clients[k % len(clients)], f"v{k}", until, period_s))
            for k in range(publishers)
        ]
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, outage)
        until.set()
        return await asyncio.gather(*drives)

    def outage() -> None:
        eventually(lambda: running.staleness() == [0] * publishers, 60.0)
        broker.process.send_signal(signal.SIGTERM)  # it writes down what it has promised
        broker.process.wait()
        eventually(lambda: running.staleness() == [1] * publishers, 60.0)
        broker.start()
        eventually(lambda: running.staleness() == [0] * publishers, 120.0)

    try:
        sent = asyncio.run(fleet())
        assert all(client.drain(60.0) for client in clients)

        def all_there() -> bool:
            state = running.state()
            return int(state.sequence.sum()) == sum(sent) - publishers

        eventually(all_there, 60.0)
        state = running.state()
        assert state.lost.sum() == 0
        assert int(state.messages.sum()) == sum(sent)
        assert running.losses
        assert running.error is None
    finally:
        for client in clients:
            client.close()
        running.close()


@pytest.mark.mosquitto
def test_a_fleet_outlives_its_broker(persistent: Mosquitto) -> None:
    through_a_restart(persistent, publishers=10, period_s=0.1)


@pytest.mark.slow
@pytest.mark.mosquitto
def test_five_hundred_publishers_outlive_their_broker_and_memory_is_flat(
    persistent: Mosquitto,
) -> None:
    process = psutil.Process()
    slower = TwinsSettings(late_after_s=3.0, lost_after_s=60.0)
    through_a_restart(persistent, 500, 1.0, slower)
    before = process.memory_info().rss
    for _ in range(3):
        through_a_restart(persistent, 500, 1.0, slower)
    assert process.memory_info().rss - before < 20e6


def hostile(rng: random.Random) -> tuple[str, bytes, Rejection | None]:
    """A topic, a payload, and what it is to be counted as; None where that is open."""
    good = encode(now("ego", rng.randrange(2**62)))
    wire = json.loads(good)
    topic = TOPICS.telemetry("ego")
    signals = [name for name in wire if name != "schema"]
    binary = msgspec.msgpack.decode(encode(now("ego", 1), "msgpack"))
    places = range(3, len(binary))
    attacks: list[Callable[[], tuple[str, bytes, Rejection | None]]] = [
        lambda: (topic, rng.randbytes(rng.randrange(200)), None),
        lambda: (topic, good[: rng.randrange(len(good) - 1)], Rejection.MALFORMED),
        lambda: (topic, b" " * rng.randrange(5_000, 50_000), Rejection.OVERSIZE),
        lambda: (topic, b'{"a":' * 800, Rejection.MALFORMED),
        lambda: (topic, _json(wire | {"schema": "cosim.telemetry/9"}), Rejection.SCHEMA),
        lambda: (topic, _json(wire | {rng.choice(signals): "fast"}), Rejection.INVALID),
        lambda: (topic, _json(wire | {rng.choice(signals): None}), None),
        lambda: (topic, _json(wire | {rng.choice(signals): 1e300}), Rejection.INVALID),
        lambda: (topic, good.replace(b'"Vehicle.Speed":0.0', b'"Vehicle.Speed":NaN'),
                 Rejection.MALFORMED),
        lambda: (topic, msgspec.msgpack.encode(_with(binary, rng.choice(places), math.nan)),
                 Rejection.INVALID),
        lambda: (topic.replace("ego", "%65go"), good, Rejection.TOPIC),
        lambda: (topic.replace("ego", "x" * 300), good, Rejection.TOPIC),
        lambda: (topic, _json(wire | {"sent_ns": time.time_ns() + 10**12}), Rejection.CLOCK),
        lambda: (topic, _json(wire | {"sent_ns": 2**63 - 1}), Rejection.CLOCK),
        lambda: (topic, _json(wire | {"sent_ns": 0}), Rejection.CLOCK),
        lambda: (TOPICS.gateway_telemetry, rng.randbytes(50), None),
        lambda: (TOPICS.gateway_telemetry,
                 encode_batch([Forwarded("ego", 2**62, _json(wire | {"sent_ns": 2**62}))]),
                 Rejection.CLOCK),
        lambda: (TOPICS.gateway_telemetry,
                 encode_batch([Forwarded("", time.time_ns(), good)]), Rejection.TOPIC),
        lambda: (topic, _json(wire | {"sequence": 2**63 - 1, "Cosim.Position.X": 9e7}),
                 Rejection.OUTLIER),
    ]  # fmt: skip
    return rng.choice(attacks)()


def _json(wire: dict[str, object]) -> bytes:
    return json.dumps(wire).encode()


def _with(values: list[object], place: int, value: object) -> list[object]:
    return [*values[:place], value, *values[place + 1 :]]


def withstands(count: int) -> None:
    rng = random.Random(5)
    service = TwinService(TOPICS, SETTINGS)
    for number in range(count // 4):  # the true vehicle goes on reporting
        service.take(TOPICS.telemetry("ego"), encode(now("ego", number)), time.time_ns())
        before = service.rejected
        attacks = [hostile(rng) for _ in range(4)]
        for topic, payload, _ in attacks:
            service.take(topic, payload, time.time_ns())
        service.advance(time.time_ns())
        rejected = service.rejected - before
        expected = Counter(reason for *_, reason in attacks if reason is not None)
        assert expected <= rejected, attacks
        assert rejected.total() <= 4
        state = service.state(time.time_ns())
        assert state.ids == ("ego",)
        assert np.isfinite(state.state).all()
        assert state.state[0, :2] == pytest.approx([5.0, 6.0], abs=1.0)
    assert service.rejected.total() > 0.9 * count


def test_hostile_payloads_are_counted_by_reason_and_change_nothing() -> None:
    withstands(1_500)


@pytest.mark.slow
def test_a_hundred_thousand_hostile_payloads() -> None:
    withstands(100_000)


@pytest.mark.mosquitto
def test_hostile_payloads_leave_the_service_running(mosquitto: Mosquitto) -> None:
    running = Running(mosquitto)
    client = Connection(mosquitto.address)
    client.start()
    rng = random.Random(6)
    try:
        attacks = [hostile(rng)[:2] for _ in range(500)]
        client.publish(Outgoing(topic, payload) for topic, payload in attacks)
        client.publish([Outgoing(TOPICS.telemetry("good"), encode(now("good", 0)))])
        eventually(lambda: "good" in running.state().ids)
        assert running.error is None
        assert running.rejected() > 400
    finally:
        client.close()
        running.close()
