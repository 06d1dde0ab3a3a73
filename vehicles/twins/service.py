"""The twin service: telemetry in, twins, what is published of them; on whatever clock it is given.

It knows no broker and no clock of its own. `lockstep` runs it on simulated time, `wall_clock` on
the wall's; both give it what a broker delivered and publish what it has to say.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

import shapely

from network.packet import NS_PER_S
from vehicles.georeference import Georeference
from vehicles.twins import publications
from vehicles.twins.connection import Outgoing
from vehicles.twins.fleet import Fleet, FleetState
from vehicles.twins.rejections import Refused, Rejection
from vehicles.twins.reports import as_reports
from vehicles.twins.settings import TwinsSettings
from vehicles.twins.telemetry import Telemetry, decode, decode_batch
from vehicles.twins.topics import Topics, check_id
from vehicles.twins.watch import Happening, Watch


class TwinService:
    """Keeps the twins of one fleet.

    Args:
        topics: the fleet's topics.
        settings: how well vehicles measure, when twins are late, what is watched and published.
        georeference: of the plane; where none is given and a vehicle says only where on Earth it
            is, the plane touches the Earth at the first such vehicle.
        capacity: how many messages may wait between two calls of `advance`.
    """

    def __init__(
        self,
        topics: Topics,
        settings: TwinsSettings | None = None,
        georeference: Georeference | None = None,
        *,
        capacity: int = 100_000,
    ) -> None:
        self._topics = topics
        self._settings = settings or TwinsSettings()
        self.georeference = georeference
        self._fleet = Fleet()
        self._watch = Watch(
            {zone.id: shapely.Polygon(zone.polygon_m) for zone in self._settings.zones},
            degraded_sinr_db=self._settings.degraded_sinr_db,
            coverage_rsrp_dbm=self._settings.coverage_rsrp_dbm,
        )
        self._heard: deque[tuple[int, Telemetry]] = deque()
        self._capacity = capacity
        self._rejected: Counter[Rejection] = Counter()
        self._happened: list[tuple[int, Happening]] = []
        rate_hz = self._settings.state_rate_hz
        self._state_period_ns = round(NS_PER_S / rate_hz) if rate_hz else None
        self._state_due_ns = 0

    @property
    def twins(self) -> int:
        """How many twins there are."""
        return len(self._fleet)

    @property
    def rejected(self) -> Counter[Rejection]:
        """How many messages weren't taken in, by reason."""
        return self._rejected + self._fleet.rejected

    def reject(self, reason: Rejection, count: int = 1) -> None:
        """Count messages that don't even come here."""
        self._rejected[reason] += count

    def take(self, topic: str, payload: bytes, received_ns: int) -> None:
        """Read a message that came on one of the fleet's topics; nothing it holds raises.

        Args:
            topic: where it came.
            payload: what it holds; a gateway's holds many vehicles' messages.
            received_ns: when it came [ns].
        """
        try:
            for vehicle_id, sent, instant_ns in self._messages_in(topic, payload, received_ns):
                self._hear(vehicle_id, sent, instant_ns)
        except Refused as refused:
            self.reject(refused.reason)

    def advance(self, now_ns: int) -> list[Outgoing]:
        """Bring the twins to an instant [ns], by what has been taken since the last call.

        Returns:
            What is to be published of it.
        """
        if self._heard:
            received_ns, messages = zip(*self._heard, strict=True)
            self._heard.clear()
            self._fleet.apply(
                as_reports(messages, received_ns, self._settings.sensors, self._plane(messages))
            )
        topics = self._topics
        gone = self._fleet.forget(now_ns - round(self._settings.forget_after_s * NS_PER_S))
        outgoing = [Outgoing(topics.state(vehicle_id), b"", retain=True) for vehicle_id in gone]
        now, horizon_s = self._fleet.state(now_ns), self._settings.horizon_s
        ahead = self._fleet.state(now_ns + round(horizon_s * NS_PER_S))
        staleness = now.staleness(*self._settings.staleness_ns).tolist()
        for happening in self._watch.look(now, ahead, staleness):
            self._happened.append((now_ns, happening))
            outgoing.append(
                publications.event(
                    topics, happening.vehicle_id, now_ns, happening.kind, happening.detail
                )
            )
        if self._state_period_ns is not None and now_ns >= self._state_due_ns:
            self._state_due_ns = (now_ns // self._state_period_ns + 1) * self._state_period_ns
            outgoing += publications.states(
                topics, now_ns, now, ahead, horizon_s, staleness, self.georeference
            )
        return outgoing

    def take_happened(self) -> list[tuple[int, Happening]]:
        """What has happened to twins since the last call, and when [ns]."""
        happened, self._happened = self._happened, []
        return happened

    def farewell(self) -> list[Outgoing]:
        """What makes a broker forget the states that it retains."""
        return [
            Outgoing(self._topics.state(vehicle_id), b"", retain=True)
            for vehicle_id in self._fleet.state(0).ids
        ]

    def state(self, instant_ns: int) -> FleetState:
        """Every twin, predicted to an instant [ns]."""
        return self._fleet.state(instant_ns)

    def _messages_in(
        self, topic: str, payload: bytes, received_ns: int
    ) -> Iterator[tuple[str, bytes, int]]:
        if topic == self._topics.gateway_telemetry:
            for message in decode_batch(payload):
                # A gateway's clock isn't believed beyond one's own.
                instant_ns = min(message.received_ns, received_ns)
                yield message.vehicle_id, message.payload, instant_ns
        else:
            yield self._topics.vehicle_of(topic), payload, received_ns

    def _hear(self, vehicle_id: str, payload: bytes, received_ns: int) -> None:
        try:
            check_id(vehicle_id)
            message = decode(vehicle_id, payload)
        except Refused as refused:
            self.reject(refused.reason)
            return
        if len(self._heard) == self._capacity:
            self._heard.popleft()
            self.reject(Rejection.OVERFLOW)
        self._heard.append((received_ns, message))

    def _plane(self, messages: tuple[Telemetry, ...]) -> Georeference | None:
        if self.georeference is None:
            for message in messages:
                if message.x_m is None and message.latitude_deg is not None:
                    assert message.longitude_deg is not None
                    self.georeference = Georeference.around(
                        round(message.latitude_deg, 4), round(message.longitude_deg, 4)
                    )
                    break
        return self.georeference
