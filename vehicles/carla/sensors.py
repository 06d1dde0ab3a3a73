"""CARLA's own sensors on a driven vehicle: collisions, GNSS and IMU.

They report over connections of their own, to threads of the client's, a moment after the tick that
they measured in: GNSS and IMU are waited for by the frame; a collision counts from the tick after.
"""

from __future__ import annotations

import queue
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vehicles.carla.liveness import ServerDied

_BLUEPRINTS = {
    "collision": "sensor.other.collision",
    "gnss": "sensor.other.gnss",
    "imu": "sensor.other.imu",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What GNSS and IMU measured last; None where there is no such sensor."""

    latitude_deg: float | None = None
    longitude_deg: float | None = None
    acceleration_mps2: float | None = None
    yaw_rate_radps: float | None = None


class Sensors:
    """The sensors of one driven vehicle.

    Args:
        world: the client's world.
        vehicle: the client's actor that carries them.
        which: `collision`, `gnss`, `imu`.
        wait_s: wall-clock time within which a measurement has to arrive.
        mirrored_latitude_deg: the latitude about which the server mirrors its own, if it does.
    """

    def __init__(
        self,
        world: Any,
        vehicle: Any,
        which: Iterable[str],
        *,
        wait_s: float,
        mirrored_latitude_deg: float | None,
    ) -> None:
        import carla

        self._wait_s = wait_s
        self._mirrored_latitude_deg = mirrored_latitude_deg
        self._actors: list[Any] = []
        self._reports: dict[str, queue.SimpleQueue[Any]] = {}
        self._pending: Any = None
        library = world.get_blueprint_library()
        for name in which:
            sensor = world.spawn_actor(
                library.find(_BLUEPRINTS[name]), carla.Transform(), attach_to=vehicle
            )
            self._actors.append(sensor)
            reports = self._reports[name] = queue.SimpleQueue()
            sensor.listen(reports.put)
        self.measured = Measured()

    @property
    def actor_ids(self) -> list[int]:
        """The sensors' actors."""
        return [sensor.id for sensor in self._actors]

    def collisions_before(self, frame: int) -> list[tuple[int, str]]:
        """Actor id and blueprint of what was touched in ticks before this one, since last asked."""
        touched = {}
        for report in self._until(frame - 1):
            touched[report.other_actor.id] = report.other_actor.type_id
        return sorted(touched.items())

    def read(self, frame: int) -> None:
        """Take up what was measured in a tick; ServerDied if that doesn't arrive."""
        latitude = longitude = acceleration = yaw_rate = None
        if "gnss" in self._reports:
            gnss = self._of("gnss", frame)
            latitude, longitude = gnss.latitude, gnss.longitude
            if self._mirrored_latitude_deg is not None:
                latitude = 2.0 * self._mirrored_latitude_deg - latitude
        if "imu" in self._reports:
            imu = self._of("imu", frame)
            # CARLA's frame is left-handed: its yaw rate is positive to the right.
            acceleration, yaw_rate = imu.accelerometer.x, -imu.gyroscope.z
        self.measured = Measured(latitude, longitude, acceleration, yaw_rate)

    def stop(self) -> None:
        """Listen no more."""
        for sensor in self._actors:
            sensor.stop()

    def _of(self, name: str, frame: int) -> Any:
        while True:
            try:
                report = self._reports[name].get(timeout=self._wait_s)
            except queue.Empty:
                raise ServerDied(f"no {name.upper()} measurement of frame {frame}") from None
            if report.frame >= frame:
                return report

    def _until(self, frame: int) -> Iterable[Any]:
        reports = self._reports.get("collision")
        while reports is not None:
            if self._pending is None:
                try:
                    self._pending = reports.get_nowait()
                except queue.Empty:
                    return
            if self._pending.frame > frame:
                return
            report, self._pending = self._pending, None
            yield report
