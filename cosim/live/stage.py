"""What a page is about: a run that goes on, or one that was recorded."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.live.layout import Layout, coverage_of, lay_out
from cosim.live.timeline import Timeline
from cosim.plots.recorded import read_run
from cosim.recording import SCHEMAS
from cosim.scenario import Scenario
from cosim.why import explain, told

if TYPE_CHECKING:
    from cosim.live.wheel import PageScreen

# What a page shows, bodies first: the others name road users.
_TABLES = ("bodies", "road_users", "links", "cells", "packets", "handovers", "decisions", "events")


class Stage:
    """A run on its roads, for any number of pages.

    Args:
        scenario: what is run.
        run_dir: the run's folder.
        live: whether it is going on.
    """

    def __init__(self, scenario: Scenario, run_dir: Path, *, live: bool) -> None:
        self.scenario = scenario
        self.run_dir = run_dir
        self.live = live
        self.layout: Layout = lay_out(scenario)
        self.timeline = Timeline(self.layout.cells)
        self.screen: PageScreen | None = None
        """Where a person drives, if one does."""

    @cached_property
    def coverage(self) -> dict[str, Any] | None:
        """SINR over the ground, worked out when it is first asked for; None without cells."""
        return coverage_of(self.scenario)

    def why(self, vehicle: str, at_s: float) -> str:
        """What a decision rested on, in words; BadInput if that can't be told."""
        return told(explain(self.run_dir, vehicle=vehicle, at_s=at_s))


def recorded(run_dir: Path) -> Stage:
    """A run from its folder; BadInput if it isn't one."""
    run = read_run(run_dir)
    stage = Stage(run.scenario, run_dir, live=False)
    for name in _TABLES:
        table = run.table(name, SCHEMAS[name].names)
        stage.timeline.add(
            name, {column: table[column].to_numpy() for column in SCHEMAS[name].names}
        )
    return stage
