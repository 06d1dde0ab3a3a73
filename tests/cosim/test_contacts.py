"""Who ran into whom, in a real run."""

from __future__ import annotations

from pathlib import Path

from cosim.recording import read_table
from cosim.run import run
from cosim.scenario import load_scenario
from cosim.shipped import find_scenario
from vehicles.driving.base import Proposal, Situation

NET = find_scenario("rainy_car_park").parent / "car_park" / "car_park.net.xml"
DEMAND = """\
<routes>
    <vType id="car" vClass="passenger" length="4.5" sigma="0"/>
    <vType id="walker" vClass="pedestrian" width="0.5" length="0.3"/>
    <person id="walker" type="walker" depart="0" departPos="84">
        <walk from="back3" to="aisle3" arrivalPos="10"/>
    </person>
    <vehicle id="ego" type="car" depart="2" departPos="80" departSpeed="1.5">
        <route edges="aisle2 aisle3"/>
    </vehicle>
</routes>
"""
# The crossing lies between x = 178.5 and 181.5 m. SUMO's pedestrians walk
# through a car that covers a part of it only.
SCENARIO = f"""\
name: crossing
duration_s: 14
traffic: {{net: {NET}, routes: [crossing.rou.xml]}}
vehicles:
  driven:
    - {{id: ego, drives: ["{__name__}:Blind"], sensor: {{range_m: 0.1, near_range_m: 0.0}}}}
v2x: {{penetration: 0}}
twins: null
network: {{model: ideal}}
"""


class Blind:
    """Rolls until its front is at x = 180.3 m, sees nobody and stays there."""

    name = "blind"

    def decide(self, situation: Situation) -> Proposal:
        ego = situation.ego
        left_m = 180.3 - 0.5 * ego.length_m - ego.x_m
        wanted_mps = min(1.5, max(left_m, 0.0))
        return Proposal(2.0 * (wanted_mps - ego.speed_mps) - 0.01, "rolls", takes_over=True)


def test_who_walks_into_a_standing_car_isn_t_run_into(tmp_path: Path) -> None:
    (tmp_path / "crossing.rou.xml").write_text(DEMAND)
    (tmp_path / "crossing.yaml").write_text(SCENARIO)
    outcome = run(load_scenario(tmp_path / "crossing.yaml", []), tmp_path / "run")
    events = read_table(tmp_path / "run", "events")
    assert outcome.kpis["ego.collisions"] == 0
    assert outcome.kpis["ego.hit_while_standing"] == 1
    (hit,) = events.itertuples()
    assert (hit.kind, hit.id, hit.other) == ("hit_while_standing", "ego", "walker")
