"""The `cosim carla-server` command: a CARLA server without graphics on a map of the user's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from cosim.federate import BadInput
from cosim.shipped import shipped_scenarios

_DEFAULT_NET = "city_grid"


def run_carla_server(
    *,
    host: str,
    port: int,
    net: Path | None,
    xodr: Path | None,
    hz: float,
    ready: Callable[[str], None],
) -> None:
    """Serve until the process is told to end.

    Args:
        host: address to listen on.
        port: RPC port, streams on the next one; 0 takes any that are free.
        net: SUMO net to drive on.
        xodr: OpenDRIVE map to drive on; with neither, the net of `city_grid`.
        hz: ticks per second while no client sets the pace.
        ready: called with one line once clients can come.

    Raises:
        BadInput: the map can't be read, or a port is taken.
    """
    from vehicles.carla.server.app import serve
    from vehicles.carla.server.world import World

    logging.basicConfig(level=logging.WARNING, format="cosim carla-server: %(message)s")
    name, text = _map(net, xodr)

    def told(world: World, at_port: int) -> None:
        ready(
            f"cosim carla-server: CARLA 0.9.16 protocol on {host}:{at_port} "
            f"(streams {world.stream_port}), {name}"
        )

    try:
        asyncio.run(serve({name: text}, host=host, port=port, hz=hz, ready=told))
    except OSError as error:
        raise BadInput(f"--port {port}: {host}: {error.strerror}") from error
    except ValueError as error:
        raise BadInput(f"{net or xodr}: {error}") from error


def _map(net: Path | None, xodr: Path | None) -> tuple[str, str]:
    """Name and OpenDRIVE of the map."""
    from vehicles.carla.roads import opendrive_of_net

    if net is not None and xodr is not None:
        raise BadInput("give --net or --xodr, not both")
    if xodr is not None:
        try:
            return _name(xodr), xodr.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{xodr}: can't be read: {error}") from error
    if net is None:
        net = shipped_scenarios()[0].parent / _DEFAULT_NET / f"{_DEFAULT_NET}.net.xml"
    try:
        return _name(net), opendrive_of_net(net)
    except ValueError as error:
        raise BadInput(str(error)) from error


def _name(file: Path) -> str:
    return f"Carla/Maps/{file.name.partition('.')[0]}"
