import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sumo

from tests.carla_server import carla_server

pytest.importorskip("carla", reason="the client's wheel is for Linux on x86-64")


@pytest.fixture(scope="session")
def grid_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grid of streets without dead ends, where the Traffic Manager would remove cars."""
    net = tmp_path_factory.mktemp("grid") / "grid.net.xml"
    subprocess.run(
        [
            Path(sumo.SUMO_HOME) / "bin" / "netgenerate",
            *("--grid", "--grid.number", "5", "--grid.length", "120", "-L", "2"),
            *("--default.junctions.radius", "10"),
            *("-j", "traffic_light", "--no-turnarounds", "true", "-o", net),
        ],
        check=True,
        capture_output=True,
    )
    return net


@pytest.fixture(scope="module")
def server(grid_net: Path) -> Iterator[int]:
    """Port of a server on the grid, shared by a file's tests."""
    with carla_server("--net", str(grid_net)) as port:
        yield port
