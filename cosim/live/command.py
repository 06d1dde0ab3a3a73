"""`cosim watch`: a recorded run in the page."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import typer

from cosim.live.server import PORT, PageServer

Host = Annotated[
    str | None,
    typer.Option(help="Address to listen on, with a token; this machine alone if not given."),
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on. 0: any free one.")]


def watch(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    host: Host = None,
    port: Port = PORT,
) -> None:
    """Replay a recorded run in the browser: roads, vehicles, cells, decisions and why."""
    from cosim.live.stage import recorded

    with PageServer(recorded(run), host=host, port=port) as page:
        print(f"watch it at {page.url}  (Ctrl-C ends)", flush=True)  # noqa: T201
        threading.Event().wait()
