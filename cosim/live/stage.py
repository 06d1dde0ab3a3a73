"""What a page is about: a run that goes on, or one that was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from cosim.clock import to_s
from cosim.injection import Injections
from cosim.live.layout import Layout, coverage_of, lay_out
from cosim.live.timeline import Timeline
from cosim.pace import Pace
from cosim.plots.recorded import read_run
from cosim.recording import SCHEMAS
from cosim.scenario import Scenario
from cosim.why import explain, told
from network.settings import Impairment

if TYPE_CHECKING:
    from cosim.live.screen import PageScreen

# What a page shows, bodies first: the others name road users.
_TABLES = (
    "bodies",
    "road_users",
    "traffic_lights",
    "links",
    "cells",
    "packets",
    "handovers",
    "decisions",
    "events",
)


class Outage(NamedTuple):
    """A person wants a cell or site off the air."""

    cell: str
    lasts_s: float


class Load(NamedTuple):
    """A person wants others to ask so much of a cell or site."""

    cell: str
    prb_utilisation: float
    lasts_s: float


class HardBrake(NamedTuple):
    """A person wants a vehicle of SUMO's to brake to a stop."""

    vehicle: str
    deceleration_mps2: float


Request = Outage | Load | HardBrake


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
        self.pace = Pace(scenario.pace or 1.0)
        """Of a run that goes on: at the scenario's, or at that of the clock; held by people."""
        self._pages = 0
        self.layout: Layout = lay_out(scenario)
        self.timeline = Timeline(self.layout.cells)
        self.screen: PageScreen | None = None
        """Where a person drives, if one does."""
        self._asked: SimpleQueue[Request] = SimpleQueue()
        for impairment in scenario.network.impairments:
            self._list(impairment)

    @cached_property
    def coverage(self) -> dict[str, Any] | None:
        """SINR over the ground, worked out when it is first asked for; None without cells."""
        return coverage_of(self.scenario)

    @contextmanager
    def open_page(self) -> Iterator[None]:
        """A page for the time being; a run that nobody looks on any more isn't held."""
        self._pages += 1
        try:
            yield
        finally:
            self._pages -= 1
            if self._pages == 0 and self.screen is None:
                self.pace.go_on()

    def ask(self, what: Request) -> None:
        """Ask something of a run that goes on; from any thread."""
        self._asked.put(what)

    def answer(self, injections: Injections, now_ns: int) -> None:
        """Do what was asked; in the run's thread, between its ticks."""
        while not self._asked.empty():
            what = self._asked.get()
            try:
                if isinstance(what, Outage):
                    self._list(injections.outage(*what, now_ns))
                elif isinstance(what, Load):
                    self._list(injections.load_burst(*what, now_ns))
                else:
                    injections.brake(*what, now_ns)
            except ValueError as error:
                # Whoever asks for what can't be doesn't end the run.
                self.timeline.tell(to_s(now_ns), "refused", "", str(error))

    def _list(self, impairment: Impairment) -> None:
        told = impairment.model_dump(exclude={"from_s", "to_s"}, exclude_none=True)
        kind = told.pop("kind")
        words = [f"{key} {value}" for key, value in told.items()]
        if impairment.to_s is not None:
            words.append(f"until {impairment.to_s:g} s")
        self.timeline.tell(impairment.from_s, kind, "", ", ".join(words))

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
