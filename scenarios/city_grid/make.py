"""Makes the city's net, buildings and demand again, beside this file: `python make.py`.

Avenues (columns B and D, rows 1 and 3) have two lanes each way and the right of way; the nine
junctions in the middle have lights. The other streets have one lane each way.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import sumo

HERE = Path(__file__).parent
SUMO_HOME = Path(sumo.SUMO_HOME)
NET = HERE / "city_grid.net.xml"
TYPES = HERE / "types.add.xml"

AVENUES = {"B", "D", "1", "3"}
BLOCK_M, STUB_M, BLOCKS = 120.0, 100.0, 4
# From a street's axis to the houses: two lanes, sidewalk and a strip of garden.
SETBACK_M = 12.0
ALLEY_M = 8.0


def main() -> None:
    """Write every file; the same ones each time."""
    make_net()
    make_buildings()
    # The city is full from the beginning: the first of them start out anywhere on the streets.
    anywhere = 'departPos="random_free" departLane="random"'
    trips("cars_at_first", "car", 0, 10, 140, anywhere)
    trips("trucks_at_first", "truck", 0, 10, 12, anywhere)
    trips("bicycles", "bicycle", 0, 10, 16, anywhere)
    trips("cars", "car", 10, 120, 125, 'departSpeed="max" departLane="best"')
    trips("trucks", "truck", 10, 120, 8, 'departLane="best"')
    trips("pedestrians", "pedestrian", 0, 20, 62, 'departPos="random"')
    for file in HERE.glob("*.xml"):
        # SUMO's tools say in a comment when and where they ran, and repeat the types.
        repeated = r"|<vType [^>]*/>\s*" if file.name.endswith(".rou.xml") else ""
        needless = re.compile(r"<!-- generated on .*?-->\s*" + repeated, re.DOTALL)
        file.write_text(needless.sub("", file.read_text()))


def make_net() -> None:
    """A grid of streets, some of them widened to avenues."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain"
        run("netgenerate", "-c", HERE / "streets.netgcfg", "--plain-output-prefix", plain)
        edges = Path(f"{plain}.edg.xml")
        edges.write_text(
            re.sub(r'<edge id="\w+" from="(\w+)" to="(\w+)".*', _widened, edges.read_text())
        )
        run("netconvert", "-c", HERE / "city_grid.netccfg", "-n", f"{plain}.nod.xml", "-e", edges)


def _widened(edge: re.Match[str]) -> str:
    here, there = edge.groups()
    along = {here[-1], here[0]} & {there[-1], there[0]}
    # Stubs end in nodes named after a side of the city, as `left3`.
    if len(here) > 2 or len(there) > 2:
        inner = here if len(here) == 2 else there
        side = there if len(here) == 2 else here
        along = {inner[1] if side.startswith(("left", "right")) else inner[0]}
    if not along & AVENUES:
        return edge[0]
    return edge[0].replace('numLanes="1"', 'numLanes="2"').replace('priority="-1"', 'priority="3"')


def make_buildings() -> None:
    """Four houses around every block's crossed alleys, and a row of them outside the city."""
    side_m = (BLOCK_M - 2 * SETBACK_M - ALLEY_M) / 2
    polygons = []
    for column in range(-1, BLOCKS + 1):
        for row in range(-1, BLOCKS + 1):
            for right in (0, 1):
                for up in (0, 1):
                    x = STUB_M + column * BLOCK_M + SETBACK_M + right * (side_m + ALLEY_M)
                    y = STUB_M + row * BLOCK_M + SETBACK_M + up * (side_m + ALLEY_M)
                    corners = [(x, y), (x + side_m, y), (x + side_m, y + side_m), (x, y + side_m)]
                    shape = " ".join(f"{a:g},{b:g}" for a, b in corners)
                    polygons.append(
                        f'    <poly id="house{len(polygons)}" type="building" color="180,170,160" '
                        f'fill="1" layer="-1" shape="{shape}"/>\n'
                    )
    (HERE / "buildings.add.xml").write_text(
        f"<additional>\n    <!-- Written by make.py. -->\n{''.join(polygons)}</additional>\n"
    )


def trips(name: str, kind: str, begin_s: int, end_s: int, count: int, attributes: str) -> None:
    """Random routes of road users of one kind, evenly in time, into a route file."""
    if kind == "pedestrian":
        who: tuple[object, ...] = ("--pedestrians", "--max-distance", 500)
    else:
        who = ("--edge-permission", "passenger" if kind == "car" else kind)
        attributes += f' type="{kind}"'
    with tempfile.TemporaryDirectory() as folder:
        run_tool(
            "randomTrips.py",
            *("-n", NET, "-o", Path(folder) / "trips.xml", "-r", HERE / f"{name}.rou.xml"),
            *("-b", begin_s, "-e", end_s, "-p", (end_s - begin_s) / count),
            *("--prefix", f"{name}_", "--seed", 7, "--validate", "--min-distance", 250),
            *("--additional-files", TYPES, "--trip-attributes", attributes.strip()),
            *("--fringe-factor", 10 if begin_s else 1),
            *who,
        )


def run(program: str, *arguments: object) -> None:
    """Run one of SUMO's programs."""
    subprocess.run([SUMO_HOME / "bin" / program, *map(str, arguments)], check=True)


def run_tool(tool: str, *arguments: object) -> None:
    """Run one of SUMO's Python tools."""
    subprocess.run([sys.executable, SUMO_HOME / "tools" / tool, *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
