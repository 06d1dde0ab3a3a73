"""Brokers: where one is, how to log in to it, and what goes wrong with one."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

_DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}
_VERSIONS: Final = ("3.1.1", "5")


class BrokerUnreachable(ConnectionError):
    """No connection to the broker could be made; the message names it."""


class BrokerDied(ConnectionError):
    """The broker went away, or stopped delivering; the message names it."""


@dataclass(frozen=True)
class BrokerAddress:
    """Where an MQTT broker is and how to log in to it. As a string: host and port, no secrets.

    With `tls`, the broker's certificate is held against the certificates in `ca`, or the system's;
    `certificate` and `key` are what the client shows of itself, if it has to.
    """

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    version: str = "3.1.1"
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @classmethod
    def parse(cls, url: str) -> BrokerAddress:
        """Read `mqtt://[user[:password]@]host[:port][?version=5]`, or `mqtts://` for TLS.

        Raises:
            ValueError: anything else. The URL isn't repeated: it may hold a password.
        """
        expected = "expected a broker URL like mqtt://user:password@host:1883 or mqtts://host:8883"
        try:
            parts = urlsplit(url)
            port = parts.port
            asked = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError as error:
            raise ValueError(f"{expected}: {error}") from None
        if parts.scheme not in _DEFAULT_PORTS:
            raise ValueError(f"{expected}: its scheme is {parts.scheme!r}")
        if not parts.hostname:
            raise ValueError(f"{expected}: it names no host")
        if parts.path not in ("", "/") or parts.fragment or asked.keys() - {"version"}:
            raise ValueError(f"{expected}: something but ?version= follows the port")
        version = asked.get("version", [_VERSIONS[0]])[-1]
        if version not in _VERSIONS:
            raise ValueError(f"{expected}: MQTT has the versions {' and '.join(_VERSIONS)}")
        return cls(
            host=parts.hostname,
            port=_DEFAULT_PORTS[parts.scheme] if port is None else port,
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            tls=parts.scheme == "mqtts",
            version=version,
        )

    def with_login(
        self,
        username: str | None = None,
        password_file: Path | None = None,
        ca: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> BrokerAddress:
        """The same broker, logged in to by what is given here in place of what the URL says.

        Raises:
            ValueError: the password file can't be read, or TLS files are given without TLS.
        """
        password = self.password
        if password_file is not None:
            try:
                password = password_file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"{password_file}: no password to read: {error}") from None
        if (ca or certificate) and not self.tls:
            raise ValueError("certificates are given, but the broker's URL isn't mqtts://")
        return replace(
            self,
            username=username or self.username,
            password=password,
            ca=ca,
            certificate=certificate,
            key=key,
        )

    def tls_context(self) -> ssl.SSLContext | None:
        """How to speak TLS with the broker, if at all; BrokerUnreachable if a file is no good."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except OSError as error:
            raise BrokerUnreachable(f"{self.ca}: no CA certificates to read: {error}") from error
        if self.certificate is not None:
            try:
                context.load_cert_chain(self.certificate, self.key)
            except OSError as error:
                raise BrokerUnreachable(
                    f"{self.certificate}: no client certificate with its key: {error}"
                ) from error
        return context
