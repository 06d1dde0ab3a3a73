"""Serves the page from a thread of its own, beside the run."""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

from cosim.federate import BadInput

if TYPE_CHECKING:
    # Draws in what a command without a page doesn't need.
    from cosim.live.stage import Stage

THIS_MACHINE = "127.0.0.1"
PORT = 8080
_START_S = _STOP_S = 10.0
_PART_S = 2.0
# A page that lost its connection comes back in time to find its place in the run.
_COMES_BACK_S = 15.0
# A page that looked for its server in vain would load itself again, and be empty.
_PART = """
socket.disconnect();
document.getElementById("popup").textContent = %s;
"""


class PageServer:
    """The page of a stage at an address; one in a process.

    Args:
        stage: what the page is about.
        host: address to listen on; other than this machine's, the page asks for a token.
        port: port to listen on; any free one if 0.

    Raises:
        BadInput: nicegui isn't installed, or the address can't be listened on.
    """

    def __init__(self, stage: Stage, *, host: str | None = None, port: int = PORT) -> None:
        try:
            import uvicorn
            from fastapi import FastAPI
            from nicegui import ui

            from cosim.live.guard import Guard
            from cosim.live.page import Page
        except ImportError as error:
            raise BadInput("the page needs nicegui: pip install 'cosim-v2x[live]'") from error
        self._stage = stage
        self._socket = _listen(host or THIS_MACHINE, port)
        token = None if host is None else secrets.token_urlsafe(16)
        shown_host = host if host and ":" not in host else f"[{host}]" if host else THIS_MACHINE
        self.url = f"http://{shown_host}:{self._socket.getsockname()[1]}/"
        if token is not None:
            self.url += f"?token={token}"
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

        @app.get("/layout")
        def layout() -> dict[str, object]:
            return stage.layout.content

        ui.run_with(
            app,
            root=lambda: Page(stage).build(),
            title=f"cosim: {stage.scenario.name}",
            message_history_length=0,
            reconnect_timeout=_COMES_BACK_S,
            show_welcome_message=False,
        )
        config = uvicorn.Config(Guard(app, token), log_level="error", ws_max_size=1 << 20)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="page", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        given_up_s = time.monotonic() + _START_S
        while not self._server.started:
            if time.monotonic() > given_up_s or not self._thread.is_alive():
                raise BadInput(f"{self.url}: the page can't be served there")
            time.sleep(0.02)
        return self

    def __exit__(self, *_raised: object) -> None:
        self._part()
        self._server.should_exit = True
        self._thread.join(_STOP_S)
        self._socket.close()

    def _part(self) -> None:
        """Let the pages that are open keep what they show."""
        from nicegui import Client, core

        if core.loop is None:
            return
        why = self._stage.timeline.ended or "the command has ended"
        parting = _PART % json.dumps(f"{why}; this is the last that was shown")
        for client in list(Client.instances.values()):
            core.loop.call_soon_threadsafe(client.run_javascript, parting)
        given_up_s = time.monotonic() + _PART_S
        while self.is_open() and time.monotonic() < given_up_s:
            time.sleep(0.02)

    def is_open(self) -> bool:
        """Whether a browser has the page open."""
        from nicegui import Client

        return any(client.has_socket_connection for client in list(Client.instances.values()))

    def wait_until_open(self) -> None:
        """Come back when a browser has opened the page."""
        while not self.is_open():
            time.sleep(0.1)

    def wait_until_left(self) -> None:
        """Come back when every page has been closed for so long that it doesn't come back."""
        from nicegui import Client

        while Client.instances:
            time.sleep(0.2)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise BadInput(
            f"--host {host} --port {port}: can't be listened on: {error.strerror}; "
            "--port 0 takes any free one"
        ) from error
    return listening
