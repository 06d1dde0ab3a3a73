from __future__ import annotations

import gc
import socket

import pytest

from vehicles.twins.broker import BrokerAddress
from vehicles.twins.embedded_broker import EmbeddedBroker


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://localhost", BrokerAddress("localhost", 1883)),
        ("mqtts://broker.example/", BrokerAddress("broker.example", 8883, tls=True)),
        ("mqtt://[::1]:1900", BrokerAddress("::1", 1900)),
        ("mqtt://localhost?version=5", BrokerAddress("localhost", 1883, version="5")),
        ("mqtt://ann:s%40cret@host:1900", BrokerAddress("host", 1900, "ann", "s@cret")),
    ],
)
def test_a_broker_url_is_read(url: str, address: BrokerAddress) -> None:
    assert BrokerAddress.parse(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:1883",
        "http://u:s3cret@host",
        "mqtt://",
        "mqtt://u:s3cret@:1883",
        "mqtt://u:s3cret@host:99999",
        "mqtt://u:s3cret@host:port",
        "mqtt://u:s3cret@host/topic",
        "mqtt://u:s3cret@host?tls=1",
        "mqtt://u:s3cret@host?version=4",
        "mqtt://u:s3cret@host?version",
    ],
)
def test_anything_else_is_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="expected a broker URL") as raised:
        BrokerAddress.parse(url)
    assert "s3cret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_address_shown_holds_no_password() -> None:
    address = BrokerAddress("::1", 1883, "ann", "s3cret")
    assert str(address) == "[::1]:1883"
    assert "s3cret" not in repr(address)


def test_embedded_brokers_do_not_share_a_port() -> None:
    one, other = EmbeddedBroker(), EmbeddedBroker()
    try:
        assert one.start().port != other.start().port
    finally:
        one.close()
        other.close()
        other.close()


def test_an_embedded_broker_never_started_can_be_closed() -> None:
    EmbeddedBroker().close()


def test_an_embedded_broker_leaves_no_connection_open_however_it_closes() -> None:
    # A connection left open says so when it is collected, which fails the test.
    for said in (b"", b"\x10\x00") * 10:
        broker = EmbeddedBroker()
        address = broker.start()
        with socket.create_connection((address.host, address.port)) as client:
            client.sendall(said)
            broker.close()
    gc.collect()
