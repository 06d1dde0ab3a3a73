"""The AsyncAPI description of the topics, from what the code reads and writes.

python -m vehicles.twins.asyncapi > docs/asyncapi.json
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from vehicles.twins import commands, publications, telemetry

_WHO = {
    "fleet": {"description": "A run's id, or the name of a fleet; percent-encoded."},
    "vehicle": {"description": "A vehicle's id; percent-encoded."},
}


_MESSAGES: tuple[tuple[str, str, str, str, Any], ...] = (
    # name, address, what the service does with it, what it is, what the code reads or writes
    (
        "telemetry",
        "cosim/{fleet}/vehicles/{vehicle}/telemetry",
        "receive",
        "What a vehicle says of itself; in MessagePack an array, in `x-msgpack-order`.",
        telemetry.Json,
    ),
    (
        "gatewayTelemetry",
        "cosim/{fleet}/gateway/telemetry",
        "receive",
        "In MessagePack: what a gateway had from many vehicles, as id, instant, payload.",
        telemetry.Batch,
    ),
    (
        "state",
        "cosim/{fleet}/vehicles/{vehicle}/state",
        "send",
        "A vehicle's twin. Retained; empty when the twin is gone.",
        publications.State,
    ),
    (
        "event",
        "cosim/{fleet}/vehicles/{vehicle}/events",
        "send",
        "What happened to a twin.",
        publications.Event,
    ),
    (
        "status",
        "cosim/{fleet}/service",
        "send",
        "How the service is. Retained; `online` is false when it has gone.",
        publications.Status,
    ),
    (
        "command",
        "cosim/{fleet}/vehicles/{vehicle}/command",
        "receive",
        "What a vehicle is asked to do.",
        commands.CommandPayload,
    ),
    (
        "answer",
        "cosim/{fleet}/vehicles/{vehicle}/command/ack",
        "send",
        "What the vehicle answers.",
        commands.AnswerPayload,
    ),
)


def description() -> dict[str, Any]:
    """The document, after AsyncAPI 3.0."""
    payloads, schemas = msgspec.json.schema_components(
        [payload for *_, payload in _MESSAGES], ref_template="#/components/schemas/{name}"
    )
    schemas[telemetry.Json.__name__]["x-msgpack-order"] = list(telemetry.packed_order())
    channels, operations, messages = {}, {}, {}
    for (name, address, action, summary, _), payload in zip(_MESSAGES, payloads, strict=True):
        binary = name == "gatewayTelemetry"
        channels[name] = {
            "address": address,
            "parameters": {key: who for key, who in _WHO.items() if f"{{{key}}}" in address},
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        }
        operations[name] = {"action": action, "channel": {"$ref": f"#/channels/{name}"}}
        messages[name] = {
            "name": name,
            "summary": summary,
            "contentType": "application/msgpack" if binary else "application/json",
            "payload": payload,
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Vehicle twins over MQTT",
            "version": "1",
            "description": "Seen from the twin service: it receives telemetry and sends states.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    }


if __name__ == "__main__":
    print(json.dumps(description(), indent=2))  # noqa: T201
