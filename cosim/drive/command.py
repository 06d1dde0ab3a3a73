"""`cosim drive`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cosim.federate import BadInput
from cosim.live.command import Host, Port, shown_to_driver
from cosim.live.server import PORT

if TYPE_CHECKING:
    from cosim.drive.wheel import AtTheWheel

_out = Console(highlight=False, soft_wrap=True)


def drive(
    scenario: Annotated[
        str,
        typer.Argument(help="A scenario file, a .sumocfg, or the name of one that comes with it."),
    ],
    carla: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Drive in this CARLA."),
    ] = None,
    remote: Annotated[
        bool, typer.Option("--remote", help="From afar: by pictures and commands over the link.")
    ] = False,
    record: Annotated[Path | None, typer.Option(help="The run's folder; new or empty.")] = None,
    vehicle: Annotated[
        str | None, typer.Option(help="The driven vehicle; the first if not given.")
    ] = None,
    overrides: Annotated[
        list[str], typer.Option("--set", metavar="KEY.PATH=VALUE", help="Change one value.")
    ] = [],  # noqa: B006 (typer copies it)
    web: Annotated[
        bool | None,
        typer.Option("--web/--window", help="In the browser, or in a window; there with --carla."),
    ] = None,
    host: Host = None,
    port: Port = PORT,
) -> None:
    """Drive a scenario's car: WASD or arrows, space for the hand brake, Escape to leave."""
    from cosim.drive.drive import with_person
    from cosim.folders import emptied, fresh_folder
    from cosim.run import REPLAY, run
    from cosim.scenario import load_scenario
    from cosim.shipped import find_scenario

    if carla is not None:
        at, number = _address(carla)
        server = [f"vehicles.carla.host={at}", f"vehicles.carla.port={number}"]
        overrides = [*overrides, "vehicles.backend=carla", *server]
    loaded = load_scenario(find_scenario(scenario), overrides)
    loaded, name = with_person(loaded, vehicle, remote=remote)
    run_dir = record or fresh_folder(loaded.name)
    in_browser = carla is None if web is None else web
    seat: AbstractContextManager[AtTheWheel]
    if in_browser:
        seat = shown_to_driver(loaded, run_dir, name, host=host, port=port)
    else:
        seat = _in_window(name, loaded.pace or 1.0)
    with emptied(run_dir), seat as wheel, wheel.interruptible():
        outcome = run(loaded, run_dir, onlooker=wheel)
    _out.print(f"run folder  {run_dir}", markup=False)
    _out.print(f"digest      {outcome.digest}", markup=False)
    _out.print(f"again       cosim run {run_dir / REPLAY}", markup=False)


@contextmanager
def _in_window(vehicle: str, factor: float) -> Iterator[AtTheWheel]:
    from cosim.drive.wheel import AtTheWheel
    from cosim.drive.window import Window
    from cosim.pace import Pace

    with Window() as window:
        yield AtTheWheel(vehicle, window, Pace(factor))


def _address(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise BadInput(f"--carla {text}: expected HOST:PORT, such as 127.0.0.1:2000")
    return host, int(port)
