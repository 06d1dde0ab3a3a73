"""`cosim watch`, and what `cosim run --live` shows: a run in the page."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cosim.federate import RunError
from cosim.live.server import PORT, PageServer

if TYPE_CHECKING:
    # Draw in what other commands don't need.
    from cosim.live.watching import Watching
    from cosim.live.wheel import AtThePage
    from cosim.scenario import Scenario

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
        _say(f"watch it at {page.url} (Ctrl-C ends)")
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


@contextmanager
def shown_live(
    scenario: Scenario, run_dir: Path, *, host: str | None, port: int
) -> Iterator[Watching]:
    """Show a run while it runs; gives who looks on.

    The run never waits for a page. When it is over, pages that are open stay until they are closed.

    Raises:
        BadInput: as `PageServer`.
    """
    from cosim.live.stage import Stage
    from cosim.live.watching import Watching

    stage = Stage(scenario, run_dir, live=True)
    with PageServer(stage, host=host, port=port) as page:
        _say(f"watch it at {page.url}")
        try:
            yield Watching(stage)
        except BaseException as error:
            why = str(error) if isinstance(error, RunError) else "interrupted"
            stage.timeline.ended = f"broke off: {why}"
            raise
        stage.timeline.ended = "the run has ended"
        if page.is_open():
            _say("the page stays until it is closed (Ctrl-C ends)")
            with suppress(KeyboardInterrupt):
                page.wait_until_left()


@contextmanager
def shown_to_driver(
    scenario: Scenario, run_dir: Path, vehicle: str, *, host: str | None, port: int
) -> Iterator[AtThePage]:
    """Serve the page of a drive and wait until it is opened; gives the person at the wheel.

    Raises:
        BadInput: as `PageServer`.
    """
    from cosim.live.stage import Stage
    from cosim.live.wheel import AtThePage

    stage = Stage(scenario, run_dir, live=True)
    wheel = AtThePage(vehicle, stage)
    with PageServer(stage, host=host, port=port) as page:
        _say(f"drive at {page.url} (the drive begins when it is opened)")
        page.wait_until_open()
        try:
            yield wheel
        finally:
            stage.timeline.ended = "the drive has ended"


def _say(line: str) -> None:
    print(f"cosim: {line}", file=sys.stderr, flush=True)  # noqa: T201
