"""Who may open the page: this machine, or else whoever has the token."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

_COOKIE = "cosim_token"
_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]


class Guard:
    """Lets through what may see the page; the rest gets a 403.

    Without a token, the page must have been asked for by a name of this machine, and by no other
    site's script: a name that somebody points at 127.0.0.1 doesn't open it. With one, the address
    has it at first and a cookie from then on.

    Args:
        app: the ASGI application behind it.
        token: what must be in the address; None if it is for this machine alone.
    """

    def __init__(self, app: _App, token: str | None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Serve one connection (ASGI 3)."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        in_address = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[
            0
        ]
        if not self._may(headers, in_address):
            await _refuse(scope, receive, send)
        elif self._token is not None and self._is_token(in_address) and scope["type"] == "http":
            await self._app(scope, receive, self._with_cookie(send))
        else:
            await self._app(scope, receive, send)

    def _may(self, headers: dict[str, str], in_address: str) -> bool:
        if self._token is not None:
            return self._is_token(in_address) or self._is_token(_cookie(headers))
        host = urlsplit(f"//{headers.get('host', '')}").hostname
        origin = headers.get("origin")
        return host in _THIS_MACHINE and (
            origin is None or urlsplit(origin).hostname in _THIS_MACHINE
        )

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), (self._token or "").encode())

    def _with_cookie(self, send: _Send) -> _Send:
        cookie = f"{_COOKIE}={self._token}; Path=/; HttpOnly; SameSite=Strict".encode()

        async def send_with_cookie(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"set-cookie", cookie)]
            await send(message)

        return send_with_cookie


def _cookie(headers: dict[str, str]) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(_COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


async def _refuse(scope: _Scope, receive: _Receive, send: _Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    body = "Not for you: open the address that the command printed.\n"
    await send({"type": "http.response.body", "body": body.encode()})
