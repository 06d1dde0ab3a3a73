"""Brokers as they stand in the world: TLS, passwords, access control lists, client certificates."""

from __future__ import annotations

import getpass
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from tests.vehicles.twins.conftest import Connect, Mosquitto
from tests.vehicles.twins.test_twin_lockstep import digest, lockstep, schedule
from vehicles.twins.broker import BrokerAddress, BrokerUnreachable
from vehicles.twins.embedded_broker import EmbeddedBroker

pytestmark = [pytest.mark.mosquitto, pytest.mark.usefixtures("nothing_left_behind")]
# paho-mqtt leaves the socket of a failed handshake to the garbage collector.
LEAKY = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Fortress(Mosquitto):
    """A mosquitto with TLS, a password file and an access control list."""

    def __init__(self, folder: Path, *settings: str) -> None:
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1", "localhost")
        self.ca, self.client = folder / "ca.pem", folder / "client.pem"
        authority.cert_pem.write_to_path(self.ca)
        issued.cert_chain_pems[0].write_to_path(folder / "server.pem")
        issued.private_key_pem.write_to_path(folder / "server.key")
        authority.issue_cert("twins@example").private_key_and_cert_chain_pem.write_to_path(
            self.client
        )
        (folder / "acl").write_text("user ann\ntopic readwrite cosim/#\nuser bob\ntopic read x/#\n")
        passwords = folder / "passwords"
        for user in ("ann", "bob"):
            create = [] if passwords.exists() else ["-c"]
            subprocess.run(
                [_mosquitto_passwd(), *create, "-b", passwords, user, "s3cret"], check=True
            )
        super().__init__(
            folder,
            # Started by root it would become somebody who may not read these files.
            f"user {getpass.getuser()}",
            "allow_anonymous false",
            f"password_file {passwords}",
            f"acl_file {folder / 'acl'}",
            f"cafile {self.ca}",
            f"certfile {folder / 'server.pem'}",
            f"keyfile {folder / 'server.key'}",
            *settings,
        )
        self.address = BrokerAddress(
            "127.0.0.1", self.address.port, "ann", "s3cret", tls=True, ca=self.ca
        )


def _mosquitto_passwd() -> str:
    program = shutil.which("mosquitto_passwd")
    if program is None:
        pytest.skip("mosquitto is not installed")
    return program


@pytest.fixture
def fortress(tmp_path: Path) -> Iterator[Fortress]:
    broker = Fortress(tmp_path)
    yield broker
    broker.close()


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize("gateway", [False, True])
def test_twins_are_those_of_the_embedded_broker(
    fortress: Fortress, embedded: EmbeddedBroker, connect: Connect, version: str, gateway: bool
) -> None:
    arrivals = schedule(vehicles=20, ticks=6)
    through = lockstep(
        connect(replace(fortress.address, version=version), gateway=gateway), arrivals
    )
    assert digest(through) == digest(lockstep(connect(embedded.start()), arrivals))


def refused(connect: Connect, address: BrokerAddress, *says: str) -> None:
    with pytest.raises(BrokerUnreachable) as raised:
        connect(address)
    told = str(raised.value)
    assert "\n" not in told
    assert "s3cret" not in told
    for part in (str(address), *says):
        assert part in told


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_wrong_password_is_one_clear_line(
    fortress: Fortress, connect: Connect, version: str
) -> None:
    wrong = replace(fortress.address, password="guess", version=version)
    refused(connect, wrong, "ann is not authorized, or the password is wrong")


@LEAKY
def test_a_wrong_ca_is_one_clear_line(fortress: Fortress, connect: Connect, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    wrong = replace(fortress.address, ca=other)
    refused(connect, wrong, "its certificate doesn't hold against", str(other))
    refused(connect, replace(fortress.address, ca=None), "the system's certificates")


def test_files_that_are_no_certificates_are_named(
    fortress: Fortress, connect: Connect, tmp_path: Path
) -> None:
    for change in ({"ca": tmp_path / "acl"}, {"certificate": tmp_path / "acl"}):
        with pytest.raises(BrokerUnreachable, match=r"acl: no .*certificate"):
            connect(replace(fortress.address, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_a_forbidden_topic_is_one_clear_line(
    fortress: Fortress, connect: Connect, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vehicles.twins.connection._PROBE_TIMEOUT_S", 1.0)
    forbidden = replace(fortress.address, username="bob", version=version)
    refused(connect, forbidden, "cosim/run/vehicles/probe/telemetry", "may bob publish")


@LEAKY
def test_a_client_certificate_opens_what_asks_for_one(tmp_path: Path, connect: Connect) -> None:
    broker = Fortress(tmp_path, "require_certificate true")
    try:
        with pytest.raises(BrokerUnreachable, match=str(broker.address)):
            connect(broker.address)
        connect(replace(broker.address, certificate=broker.client))
    finally:
        broker.close()
