"""The twin service: telemetry in, twins, what is published of them; on whatever clock it is given.

It knows no broker and no clock of its own. `lockstep` runs it on simulated time, `wall_clock` on
the wall's; both give it what a broker delivered and publish what it has to say.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from vehicles.twins.fleet import Fleet, FleetState
from vehicles.twins.georeference import Georeference
from vehicles.twins.rejections import Refused, Rejection
from vehicles.twins.reports import as_reports
from vehicles.twins.settings import SensorNoise
from vehicles.twins.telemetry import Telemetry, decode, decode_batch
from vehicles.twins.topics import Topics


class TwinService:
    """Keeps the twins of one fleet.

    Args:
        topics: the fleet's topics.
        noise: how well the vehicles measure.
        georeference: of the plane; where none is given and a vehicle says only where on Earth it
            is, the plane touches the Earth at the first such vehicle.
        capacity: how many messages may wait between two calls of `advance`.
    """

    def __init__(
        self,
        topics: Topics,
        noise: SensorNoise | None = None,
        georeference: Georeference | None = None,
        *,
        capacity: int = 100_000,
    ) -> None:
        self._topics = topics
        self._noise = noise or SensorNoise()
        self.georeference = georeference
        self._fleet = Fleet()
        self._heard: deque[tuple[int, Telemetry]] = deque()
        self._capacity = capacity
        self._rejected: Counter[Rejection] = Counter()

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

    def advance(self, now_ns: int) -> None:
        """Bring the twins to an instant [ns], by what has been taken since the last call."""
        del now_ns
        if not self._heard:
            return
        received_ns, messages = zip(*self._heard, strict=True)
        self._heard.clear()
        self._fleet.apply(as_reports(messages, received_ns, self._noise, self._plane(messages)))

    def state(self, instant_ns: int) -> FleetState:
        """Every twin, predicted to an instant [ns]."""
        return self._fleet.state(instant_ns)

    def _messages_in(
        self, topic: str, payload: bytes, received_ns: int
    ) -> Iterator[tuple[str, bytes, int]]:
        if topic == self._topics.gateway_telemetry:
            for message in decode_batch(payload):
                yield message.vehicle_id, message.payload, message.received_ns
        else:
            yield self._topics.vehicle_of(topic), payload, received_ns

    def _hear(self, vehicle_id: str, payload: bytes, received_ns: int) -> None:
        try:
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
