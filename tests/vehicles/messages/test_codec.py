"""Whatever the bytes are, a decoder raises one error or gives a message."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vehicles.messages.test_cam import CAM
from tests.vehicles.messages.test_cpm import CPM
from tests.vehicles.messages.test_denm import DENM
from tests.vehicles.messages.test_signals import MAPEM, SPATEM
from tests.vehicles.messages.test_vam import VAM
from vehicles.messages.codec import ITS_KINDS, ItsMessage, decode
from vehicles.messages.frame import Frame
from vehicles.messages.kinds import MessageKind
from vehicles.messages.uper import MalformedMessage

FRAME = Frame()
EXAMPLES: dict[MessageKind, ItsMessage] = {
    MessageKind.CAM: CAM,
    MessageKind.DENM: DENM,
    MessageKind.SPATEM: SPATEM,
    MessageKind.MAPEM: MAPEM,
    MessageKind.VAM: VAM,
    MessageKind.CPM: CPM,
}


def try_to_read(kind: MessageKind, data: bytes) -> None:
    try:
        message = decode(kind, data, FRAME, 10**10)
    except MalformedMessage:
        return
    numbers = [getattr(message, field.name) for field in fields(message)]
    assert all(math.isfinite(number) for number in numbers if isinstance(number, float))


def test_there_is_an_example_of_every_kind() -> None:
    assert set(EXAMPLES) == ITS_KINDS


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.name)
@given(data=st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_bytes(kind: MessageKind, data: bytes) -> None:
    try_to_read(kind, data)


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.name)
@given(changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=6))
@settings(max_examples=150, deadline=None)
def test_a_message_with_some_bytes_changed(
    kind: MessageKind, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(EXAMPLES[kind].encode(FRAME))
    for place, value in changes:
        data[place % len(data)] = value
    try_to_read(kind, bytes(data))


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.name)
def test_a_message_cut_short(kind: MessageKind) -> None:
    data = EXAMPLES[kind].encode(FRAME)
    for end in range(len(data) - 1):
        with pytest.raises(MalformedMessage):
            decode(kind, data[:end], FRAME, 0)


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.name)
@pytest.mark.parametrize("data", ["text", None, 7, b""], ids=repr)
def test_what_isn_t_bytes(kind: MessageKind, data: Any) -> None:
    with pytest.raises(MalformedMessage):
        decode(kind, data, FRAME, 0)
