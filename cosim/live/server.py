"""Serves the page from a thread of its own, beside the run."""

from __future__ import annotations

import secrets
import socket
import threading
from types import TracebackType
from typing import Self

from cosim.federate import BadInput
from cosim.live.stage import Stage

THIS_MACHINE = "127.0.0.1"
PORT = 8080
_START_S = 30.0


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
            show_welcome_message=False,
        )
        config = uvicorn.Config(Guard(app, token), log_level="error", ws_max_size=1 << 20)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="page", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(_START_S)
        self._socket.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise BadInput(f"--host {host} --port {port}: can't be listened on: {error.strerror}; "
                       "--port 0 takes any free one") from error
    return listening
