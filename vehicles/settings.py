"""What a scenario says about the vehicles that the bridge drives."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from network.settings import Settings
from vehicles.driving.acc import AccSettings
from vehicles.driving.registry import Drive
from vehicles.dynamics import vehicle_parameters
from vehicles.sensing import SensorSettings

CarlaSensor = Literal["collision", "gnss", "imu"]


class FromTraffic(Settings):
    """Which vehicle of SUMO's own demand to drive: the first that fits."""

    type: str | None = Field(None, description="SUMO vehicle type id.")
    route: str | None = Field(None, description="SUMO route id.")
    vehicle_class: str | None = Field(None, description="SUMO vehicle class, such as `passenger`.")

    @model_validator(mode="after")
    def _something(self) -> FromTraffic:
        if self.type is None and self.route is None and self.vehicle_class is None:
            raise ValueError("give at least one of `type`, `route`, `vehicle_class`")
        return self


class AddedVehicle(Settings):
    """A vehicle that the scenario adds to SUMO's demand."""

    route: list[str] = Field(min_length=1, description="Edges to drive, in order.")
    type: str = Field("DEFAULT_VEHTYPE", description="SUMO vehicle type id.")
    depart_s: float = Field(0.0, ge=0, description="When it enters.")
    lane: int = Field(0, ge=0, description="Lane index on the first edge, 0 is the rightmost.")
    position_m: float = Field(0.0, ge=0, description="Front bumper from the edge's begin.")
    speed_mps: float = Field(0.0, ge=0, description="Speed when it enters.")


class DrivenSettings(Settings):
    """One driven vehicle. Without `from_traffic` or `add`, the one of this id in SUMO's demand."""

    id: str = Field("ego", min_length=1, pattern=r"^[^\s./#+]+$")
    drives: list[Drive] = Field(
        [Drive(acc=AccSettings())],
        description="Driving functions in layers, from the bottom up; `aeb` is always there.",
    )
    from_traffic: FromTraffic | None = None
    add: AddedVehicle | None = None
    model: str = Field("bmw_320i", description="Parameter set of the embedded vehicle model.")
    sensor: SensorSettings = SensorSettings()
    shares_perception: bool = Field(
        False, description="It tells others by CPM of the road users that its own sensor sees."
    )

    @field_validator("model")
    @classmethod
    def _known(cls, model: str) -> str:
        vehicle_parameters(model)
        return model

    @property
    def has_person(self) -> bool:
        """Whether a person drives it, in it or from afar."""
        return any(
            drive.person is not None
            or (drive.remote_driving is not None and drive.remote_driving.driver.who == "person")
            for drive in self.drives
        )

    @model_validator(mode="after")
    def _one_origin(self) -> DrivenSettings:
        if self.from_traffic is not None and self.add is not None:
            raise ValueError("give `from_traffic` or `add`, not both")
        return self


class CarlaSettings(Settings):
    """The CARLA server that moves the driven vehicles and shows everybody else."""

    host: str = Field("127.0.0.1", min_length=1, description="Where the server is.")
    port: int = Field(2000, ge=1, le=65535, description="Its port for calls.")
    town: str | None = Field(
        None,
        min_length=1,
        description="A map of the server's, such as Town04, whose roads become SUMO's net; "
        "`traffic.net` may then be left out.",
    )
    generate: bool = Field(
        True,
        description="SUMO's net becomes the server's map, unless a town is named. False: the map "
        "that the server has loaded is the same road already.",
    )
    traffic_lights: Literal["sumo", "carla"] = Field(
        "sumo", description="Whose traffic lights the other side shows."
    )
    sensors: list[CarlaSensor] = Field(
        ["collision"],
        description="CARLA's sensors on every driven vehicle. Collisions count as such; GNSS and "
        "IMU feed the telemetry.",
    )
    timeout_s: float = Field(
        60.0, gt=0, description="Wall-clock time that the server has to load a map or to answer."
    )


class VehiclesSettings(Settings):
    """The driven vehicles and what moves them."""

    backend: Literal["embedded", "carla"] = Field(
        "embedded",
        description="What moves driven vehicles: the vehicle model in this process, or CARLA.",
    )
    carla: CarlaSettings = CarlaSettings()
    step_s: float = Field(
        0.02,
        gt=0,
        le=0.1,
        description="How often commands are taken; the model's own steps are finer.",
    )
    driven: list[DrivenSettings] = [DrivenSettings()]

    @property
    def town(self) -> str | None:
        """The CARLA town that the road is, if it is one."""
        return self.carla.town if self.backend == "carla" else None

    @model_validator(mode="after")
    def _unique(self) -> VehiclesSettings:
        ids = [driven.id for driven in self.driven]
        if len(set(ids)) != len(ids):
            raise ValueError(f"ids of driven vehicles must differ, got {ids}")
        return self


class DrivingSettings(Settings):
    """How often driving functions decide."""

    step_s: float = Field(0.02, gt=0, le=1)


class CameraSettings(Settings):
    """A camera beside the road that tells of the road users it sees."""

    id: str = Field(min_length=1)
    x_m: float
    y_m: float
    heading_deg: float = Field(
        0.0, ge=-360, le=360, description="Where it looks, counter-clockwise from the x axis [deg]."
    )
    sensor: SensorSettings = SensorSettings(
        range_m=100.0, field_of_view_deg=90.0, near_range_m=0.0, height_m=5.0
    )


class RoadsideSettings(Settings):
    """What stands beside the road and is wired to the edge server, which broadcasts for it."""

    signals: bool = Field(True, description="Every traffic light sends SPATEM and MAPEM.")
    spatem_rate_hz: float = Field(2.0, gt=0, le=10, description="Messages of phases per second.")
    mapem_rate_hz: float = Field(1.0, gt=0, le=10, description="Messages of lanes per second.")
    cameras: list[CameraSettings] = []
    radius_m: float = Field(400.0, gt=0, description="How far from a unit its messages go.")


class V2xSettings(Settings):
    """Who is connected and what they send."""

    penetration: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of SUMO's road users that are connected; driven vehicles always are.",
    )
    cam_rate_hz: float | None = Field(
        None,
        gt=0,
        le=10,
        description="Awareness messages per second; by the rules of EN 302 637-2 if not given.",
    )
    cam_radius_m: float = Field(
        300.0, gt=0, description="How far from its sender the edge server hands a CAM on."
    )
    warning_radius_m: float = Field(
        500.0, gt=0, description="How far from a braking vehicle the edge server warns."
    )
    keep_alive_forwarding: bool = Field(
        False,
        description="Driven vehicles forward a valid DENM that isn't repeated any more.",
    )
    roadside: RoadsideSettings | None = Field(None, description="Units beside the road, if any.")
    step_s: float = Field(
        0.1, gt=0, le=1, description="How often on-board units look; CAMs keep their own instants."
    )
