"""Starts the headless CARLA server as a process of its own, and the real client in another."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

PREAMBLE = """
import sys
import carla
client = carla.Client("127.0.0.1", int(sys.argv[1]))
client.set_timeout(10.0)
"""
SYNCHRONOUS = """
world = client.reload_world()
settings = world.get_settings()
settings.synchronous_mode = True
settings.fixed_delta_seconds = 0.05
world.apply_settings(settings)
library = world.get_blueprint_library()
spawn_points = world.get_map().get_spawn_points()
"""


@contextmanager
def carla_server(
    *arguments: str, log: list[str] | None = None, films: bool = False
) -> Iterator[int]:
    """Run `cosim carla-server` on a free port, and say which; it must leave well.

    Args:
        arguments: what else the command is given.
        log: gets the lines that the server has logged, once it has left.
        films: whether the server has a camera, that of `tests.filming_carla_server`.
    """
    module = ["tests.filming_carla_server"] if films else ["cosim.cli", "carla-server"]
    command = [sys.executable, "-m", *module, "--port", "0", *arguments]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout is not None
    ready = re.search(r"on 127\.0\.0\.1:(\d+) ", server.stdout.readline())
    try:
        assert ready, server.communicate(timeout=30)[1]
        yield int(ready.group(1))
    finally:
        server.terminate()
        _, told = server.communicate(timeout=30)
        if log is not None:
            log.extend(told.splitlines())
    assert server.returncode == 0, told


def run_client(port: int, script: str, *, timeout_s: float = 120.0) -> str:
    """What a script prints that has a `client`; it runs apart, for a bad message would kill it."""
    # The library's threads may outlive the interpreter, which can abort a client that is done.
    leave = "\nimport os\nsys.stdout.flush()\nos._exit(0)\n"
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(script) + leave, str(port)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run_synchronous(port: int, script: str, *, timeout_s: float = 120.0) -> str:
    """Likewise, with an empty `world` in synchronous mode, its `library` and `spawn_points`."""
    return run_client(port, SYNCHRONOUS + textwrap.dedent(script), timeout_s=timeout_s)
