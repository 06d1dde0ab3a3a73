"""A remotely driven car on a road with bends, in sight of a mast."""

from __future__ import annotations

from pathlib import Path

from cosim.run import Outcome, run
from cosim.scenario import load_scenario
from cosim.shipped import find_scenario

ROAD = find_scenario("remote_drive_slice").parent / "valley_road" / "valley_road.net.xml"
DEMAND = """\
<routes>
    <vType id="car" vClass="passenger" length="4.5" sigma="0"/>
    <route id="east" edges="eastbound"/>
    <vehicle id="ego" type="car" route="east" depart="0" departPos="190" departSpeed="12"/>
    <vehicle id="ahead" type="car" route="east" depart="0" departPos="250" departSpeed="12"/>
</routes>
"""
SCENARIO = f"""\
name: valley
duration_s: 14
traffic: {{net: {ROAD}, routes: [valley.rou.xml]}}
vehicles:
  driven:
    - id: ego
      drives:
        - remote_driving: {{regain_s: 0.5, video: {{bit_rate_mbps: 2, least_bit_rate_mbps: 1}}}}
v2x: {{penetration: 0}}
twins: null
network:
  radio: {{tdd_pattern: DDSUU}}
  scheduling: {{uplink_allocation_prbs: 50}}
  cells: [{{id: mast, x_m: 350, y_m: -60, sectors: 1}}]
"""


def drive(run_dir: Path, *overrides: str) -> Outcome:
    """Run it in a folder that isn't there yet, into its `run`, with things changed."""
    run_dir.mkdir()
    (run_dir / "valley.rou.xml").write_text(DEMAND)
    (run_dir / "valley.yaml").write_text(SCENARIO)
    return run(load_scenario(run_dir / "valley.yaml", overrides), run_dir / "run")
