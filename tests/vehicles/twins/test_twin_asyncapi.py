from __future__ import annotations

import json
from pathlib import Path

from vehicles.twins.asyncapi import description
from vehicles.twins.topics import Topics

FILE = Path(__file__).parents[3] / "docs" / "asyncapi.json"


def test_the_file_says_what_the_code_does() -> None:
    assert json.loads(FILE.read_text()) == description(), "write it anew, as docs/mqtt.md says"


def test_every_topic_is_described() -> None:
    topics = Topics("{fleet}")
    named = {
        topics.telemetry("{vehicle}"),
        topics.state("{vehicle}"),
        topics.events("{vehicle}"),
        topics.command("{vehicle}"),
        topics.acknowledgement("{vehicle}"),
        topics.gateway_telemetry,
        topics.service,
    }
    described = {channel["address"] for channel in description()["channels"].values()}
    assert {name.replace("%7B", "{").replace("%7D", "}") for name in named} == described


def test_every_reference_leads_somewhere() -> None:
    document = description()
    text = json.dumps(document)
    for part in text.split('"$ref": "#/')[1:]:
        node = document
        for key in part.split('"')[0].split("/"):
            node = node[key]
