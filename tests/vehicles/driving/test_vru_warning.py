from __future__ import annotations

import math
from typing import Any

from tests.vehicles.driving.heard import MS, known
from tests.vehicles.driving.scene import PEDESTRIAN, ego_at, situation, straight
from vehicles.driving.base import Proposal
from vehicles.driving.vru_warning import VruWarning
from vehicles.messages.cpm import Cpm, PerceivedObject
from vehicles.messages.kinds import StationType
from vehicles.messages.received import Received
from vehicles.messages.vam import Vam
from vehicles.state import Kind

ROAD = straight(limit_mps=13.9)
EGO = ego_at(50, 13.9)


def vam(x_m: float, y_m: float, heading_rad: float, speed_mps: float = 1.4) -> Received[Vam]:
    message = Vam(
        station_id=3,
        station_type=StationType.PEDESTRIAN,
        generation_time_ns=0,
        x_m=x_m,
        y_m=y_m,
        heading_rad=heading_rad,
        speed_mps=speed_mps,
        acceleration_mps2=0.0,
    )
    return Received(11, message, 0, 0)


def cpm(x_m: float, y_m: float, vy_mps: float, kind: Kind = Kind.PEDESTRIAN) -> Received[Cpm]:
    seen = PerceivedObject(1, 0, x_m, y_m, 0.0, vy_mps, kind, *PEDESTRIAN)
    return Received(12, Cpm(9, 0, x_m, 10.0, (seen,)), 0, 0)


def warned(*received: Received[Any], instant_ns: int = 0) -> Proposal | None:
    return VruWarning().decide(
        situation(ROAD, EGO, received=received, ldm=known(), instant_ns=instant_ns)
    )


def test_who_walks_into_the_way_unseen_is_braked_for() -> None:
    # 4.5 m to the right of the lane's centre at 1.4 m/s: in the way after 2.4 s.
    proposal = warned(vam(90.0, -4.5, math.pi / 2))
    assert proposal is not None
    assert proposal.acceleration_mps2 < -1.0
    assert not proposal.takes_over
    assert [received.packet_id for received in proposal.messages] == [11]


def test_a_camera_that_sees_it_will_do() -> None:
    proposal = warned(cpm(90.0, -4.5, 1.4))
    assert proposal is not None
    assert [received.packet_id for received in proposal.messages] == [12]
    assert warned(cpm(90.0, -4.5, 1.4, Kind.CAR)) is None


def test_who_stays_where_it_is_or_walks_along_is_no_reason() -> None:
    assert warned(vam(90.0, -4.5, 0.0)) is None
    assert warned(vam(90.0, -4.5, math.pi / 2, speed_mps=0.0)) is None
    assert warned(vam(90.0, -4.5, -math.pi / 2)) is None
    assert warned() is None


def test_what_was_said_is_moved_on_to_the_present() -> None:
    # Said to be 8 m away from the lane's centre: 2.5 s later it is 4.5 m away.
    early = vam(90.0, -8.0, math.pi / 2)
    assert warned(early) is None
    assert warned(early, instant_ns=2500 * MS) is not None


def test_a_camera_s_message_without_her_doesn_t_make_her_vanish() -> None:
    warning = VruWarning()
    empty = Received(13, Cpm(9, 100 * MS, 90.0, 10.0, ()), 100 * MS, 100 * MS)
    told, untold, forgotten = (
        warning.decide(situation(ROAD, EGO, received=received, instant_ns=instant_ns))
        for received, instant_ns in (
            ((cpm(90.0, -4.5, 1.4),), 0),
            ((empty,), 100 * MS),
            ((), 1300 * MS),
        )
    )
    assert told is not None
    assert untold is not None
    assert [received.packet_id for received in untold.messages] == [12]
    assert forgotten is None
