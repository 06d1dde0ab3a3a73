"""The decentralised environmental notification (ETSI EN 302 637-3 V1.3.1): here is a danger."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from pycrate_asn1dir.ITS_DENM_3 import DENM_PDU_Descriptions

from vehicles.messages import uper
from vehicles.messages.frame import Frame
from vehicles.messages.kinds import StationType

_PDU = DENM_PDU_Descriptions.DENM
_HEADER = uper.Header(message_id=1, version=2)
# RelevanceDistance: a danger matters up to these distances [m].
_RELEVANCE_M = {
    50: "lessThan50m",
    100: "lessThan100m",
    200: "lessThan200m",
    500: "lessThan500m",
    1000: "lessThan1000m",
    5000: "lessThan5km",
    10_000: "lessThan10km",
    20_000: "over10km",
}
_RELEVANCE_OF = {name: distance_m for distance_m, name in _RELEVANCE_M.items()}
_DEFAULT_VALIDITY_S = 600


class CauseCode(IntEnum):
    """Causes that are told apart here (TS 102 894-2, DE_CauseCodeType)."""

    UNKNOWN = 0
    STATIONARY_VEHICLE = 94
    COLLISION_RISK = 97
    DANGEROUS_SITUATION = 99

    @classmethod
    def _missing_(cls, value: object) -> CauseCode:
        del value
        return cls.UNKNOWN


EMERGENCY_BRAKE = 1
"""Sub cause of DANGEROUS_SITUATION: the emergency electronic brake is engaged."""


@dataclass(frozen=True, slots=True)
class Denm:
    """One version of a notification; (station_id, sequence_number) names what it is about.

    Args:
        station_id: who found the danger; a forwarded message keeps it.
        sequence_number: which of the finder's dangers.
        station_type: what the finder is.
        detection_time_ns: when this was found to be so [ns].
        generation_time_ns: of this version; repetitions keep it [ns].
        terminated: the danger is over; nothing is said of cause, heading and speed then.
        cause: what it is.
        sub_cause: and what of that.
        x_m: place of the danger; of a vehicle, the middle of its front bumper [m].
        y_m: the same [m].
        heading_rad: of the vehicle that it is about.
        speed_mps: of that vehicle, along its heading.
        validity_s: how long after detection it holds, unless it is renewed.
        interval_ms: time between transmissions; 0 if it names none, and isn't to be forwarded.
        relevance_m: how far from it somebody should know.
    """

    station_id: int
    sequence_number: int
    station_type: StationType
    detection_time_ns: int
    generation_time_ns: int
    x_m: float
    y_m: float
    terminated: bool = False
    cause: CauseCode = CauseCode.UNKNOWN
    sub_cause: int = 0
    heading_rad: float = 0.0
    speed_mps: float = 0.0
    validity_s: int = _DEFAULT_VALIDITY_S
    interval_ms: int = 100
    relevance_m: int = 500

    @property
    def valid_until_ns(self) -> int:
        """When it ceases to hold [ns]."""
        return self.detection_time_ns + self.validity_s * 1_000_000_000

    def encode(self, frame: Frame) -> bytes:
        """UPER bytes; a cancellation has the management container alone."""
        management: dict[str, Any] = {
            "actionID": {
                "originatingStationID": self.station_id,
                "sequenceNumber": self.sequence_number,
            },
            "detectionTime": uper.timestamp_ms(self.detection_time_ns),
            "referenceTime": uper.timestamp_ms(self.generation_time_ns),
            "eventPosition": uper.position(frame, self.x_m, self.y_m),
            "relevanceDistance": _relevance(self.relevance_m),
            "relevanceTrafficDirection": "upstreamTraffic",
            "validityDuration": self.validity_s,
            "stationType": int(self.station_type),
        }
        if self.interval_ms:
            management["transmissionInterval"] = self.interval_ms
        body: dict[str, Any] = {"management": management}
        if self.terminated:
            management["termination"] = "isCancellation"
        else:
            body["situation"] = {
                "informationQuality": 7,
                "eventType": {"causeCode": int(self.cause), "subCauseCode": self.sub_cause},
            }
            body["location"] = {
                "eventSpeed": uper.speed(self.speed_mps),
                "eventPositionHeading": uper.heading(frame, self.heading_rad),
                "traces": [[]],
            }
        return uper.encode(_PDU, {"header": _HEADER.encode(self.station_id), "denm": body})

    @classmethod
    def decode(cls, data: bytes, frame: Frame, received_ns: int) -> Denm:
        """The message; MalformedMessage for anything else."""
        del received_ns
        value = uper.decode(_PDU, data)
        _HEADER.decode(value["header"])
        body = value["denm"]
        management = body["management"]
        x_m, y_m = uper.point(frame, management["eventPosition"])
        about: dict[str, Any] = {}
        if "termination" not in management:
            try:
                event, location = body["situation"]["eventType"], body["location"]
                about = {
                    "cause": CauseCode(event["causeCode"]),
                    "sub_cause": event["subCauseCode"],
                    "heading_rad": uper.heading_rad(frame, location["eventPositionHeading"]),
                    "speed_mps": uper.speed_mps(location["eventSpeed"]),
                }
            except KeyError as error:
                raise uper.MalformedMessage(f"a danger without its {error.args[0]}") from error
        action = management["actionID"]
        return cls(
            station_id=action["originatingStationID"],
            sequence_number=action["sequenceNumber"],
            station_type=StationType(management["stationType"]),
            detection_time_ns=uper.instant_ns(management["detectionTime"]),
            generation_time_ns=uper.instant_ns(management["referenceTime"]),
            x_m=x_m,
            y_m=y_m,
            terminated="termination" in management,
            validity_s=management.get("validityDuration", _DEFAULT_VALIDITY_S),
            interval_ms=management.get("transmissionInterval", 0),
            relevance_m=_RELEVANCE_OF[management.get("relevanceDistance", "lessThan500m")],
            **about,
        )


def _relevance(relevance_m: float) -> str:
    """The least of the named distances that reaches as far."""
    return next(
        (name for distance_m, name in _RELEVANCE_M.items() if relevance_m <= distance_m),
        "over10km",
    )
