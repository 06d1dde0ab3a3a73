"""Builds the sides that a scenario asks for and runs them: the one place that knows every side."""

from __future__ import annotations

import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely

from cosim.clock import to_ns, to_s
from cosim.coordinator import Coordinator
from cosim.drive.people import People
from cosim.events import Events
from cosim.expectations import Verdict, check_names, judge
from cosim.federate import INTERRUPTED, BadInput, Federate, RunError, SideDied
from cosim.folders import make_empty
from cosim.injection import Injections
from cosim.kpis import kpi_names, measure
from cosim.onlooker import Bridge, Onlooker
from cosim.pace import Pace
from cosim.recording import Recording, write_kpis, write_manifest
from cosim.scenario import Scenario, save_scenario
from cosim.sides.attackers import Attackers
from cosim.sides.carla import CarlaVehicles, net_of_town
from cosim.sides.driving import Driving
from cosim.sides.forwarding import Forwarders
from cosim.sides.link import LinkSide
from cosim.sides.on_board import OnBoardUnits
from cosim.sides.operator import Operator
from cosim.sides.perception import SharedPerception
from cosim.sides.recorder import Recorder, Source
from cosim.sides.remote import RemoteDrivers
from cosim.sides.roadside import RoadsideUnits
from cosim.sides.telemetry import TelemetryUnits
from cosim.sides.twins import Twins
from cosim.sides.vehicles import DrivenVehicles, EmbeddedVehicles
from cosim.traffic.buildings import Building, read_buildings, sight_past
from cosim.traffic.files import net_and_additional
from cosim.traffic.net import net_bounds_m, net_georeference
from cosim.traffic.sumo import SumoTraffic
from network import LinkModel, open_link
from vehicles.messages.frame import Frame
from vehicles.state import RoadUsers

# Extents of one road, once as SUMO's net and once by way of OpenDRIVE.
_SAME_ROAD_WITHIN_M = 2.0
REPLAY = "replay.yaml"
"""The scenario that a person's drive can be run again by, in the run's folder."""
_VERSIONS_OF = (
    "cosim-v2x",
    "eclipse-sumo",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "shapely",
    "aiomqtt",
    "amqtt",
)


class Outcome(NamedTuple):
    """What came of a run that went to its end."""

    run_dir: Path
    digest: str
    kpis: dict[str, float | None]
    verdicts: list[Verdict]

    @property
    def passed(self) -> bool:
        """Whether every expectation held."""
        return all(verdict.passed for verdict in self.verdicts)


def run(
    scenario: Scenario,
    run_dir: Path,
    *,
    on_tick: Callable[[int], None] | None = None,
    onlooker: Onlooker | None = None,
) -> Outcome:
    """Run a scenario into a folder.

    Args:
        scenario: what to run.
        run_dir: made if missing; must be empty.
        on_tick: called with the instant [ns] after every tick.
        onlooker: somebody who looks on, sets the pace, may sit at a wheel and end the run.

    Raises:
        BadInput: the scenario can't be run.
        SideDied, CausalityError: the run broke off; the folder has what was recorded, and says so.
        KeyboardInterrupt: Ctrl-C; the same.
    """
    check_names(scenario.expect, kpi_names(scenario.driven_ids))
    make_empty(run_dir)
    scenario = _with_road(scenario)
    manifest = _Manifest(run_dir, scenario)
    recording = Recording(run_dir, observe=onlooker.observe if onlooker else None)

    def leave(error: SideDied) -> None:
        # The side hangs in a library: only leaving the process helps. Keep what there is.
        recording.close()
        manifest.end(complete=False, ended_by=str(error), exit_code=error.exit_code)
        print(f"cosim: {error}", file=sys.stderr, flush=True)  # noqa: T201
        for side in sides:
            # The one thing that outlives this process in a state of the bridge's making.
            if isinstance(side, CarlaVehicles):
                with suppress(RunError):
                    side.close()
        os._exit(error.exit_code)

    began_s = time.monotonic()
    sides: list[Federate] = []
    coordinator: Coordinator | None = None
    try:
        people = People(scenario.events, onlooker.seat if onlooker else _nobody)
        built, bridge = _build(scenario, run_dir, recording, people)
        sides += built
        pace = Pace(scenario.pace) if scenario.pace else None
        if onlooker is not None:
            onlooker.begin(bridge)
            pace = onlooker.pace

        def tick(now_ns: int) -> None:
            if on_tick is not None:
                on_tick(now_ns)
            if onlooker is not None:
                onlooker.tick(now_ns)

        coordinator = Coordinator(
            sides, watchdog_s=scenario.watchdog_s, pace=pace, on_tick=tick, on_hang=leave
        )
        coordinator.run(to_ns(scenario.duration_s))
    except BaseException as error:
        recording.close()
        told, exit_code = "interrupted", INTERRUPTED
        if isinstance(error, RunError):
            told, exit_code = str(error), error.exit_code
        if isinstance(error, SideDied) and error.__cause__ is not None:
            (run_dir / "error.txt").write_text("".join(traceback.format_exception(error)))
        reached_s = 0.0
        if coordinator is not None:
            reached_s = to_s(coordinator.now_ns)
            manifest.touched(people, bridge.injections, coordinator.now_ns)
        manifest.end(complete=False, ended_by=told, exit_code=exit_code, reached_s=reached_s)
        raise
    wall_s, reached_s = time.monotonic() - began_s, to_s(coordinator.now_ns)
    manifest.touched(people, bridge.injections, coordinator.now_ns)
    kpis = measure(
        run_dir,
        scenario.driven_ids,
        requirements=scenario.requirements,
        ticks=coordinator.ticks,
        real_time_factor=reached_s / wall_s,
    )
    write_kpis(run_dir, kpis)
    digest = recording.digest()
    verdicts = judge(scenario.expectations, kpis)
    manifest.end(
        complete=True,
        digest=digest,
        verdicts=[verdict._asdict() for verdict in verdicts],
        reached_s=reached_s,
        took_s=round(time.monotonic() - began_s, 3),
        wall_s={name: round(spent, 3) for name, spent in coordinator.wall_s.items()},
    )
    return Outcome(run_dir, digest, kpis, verdicts)


def _with_road(scenario: Scenario) -> Scenario:
    """The scenario with a net, given by a town of CARLA's if need be; BadInput if they differ."""
    if scenario.vehicles.town is None:
        return scenario
    town_net = net_of_town(scenario.vehicles.carla)
    traffic = scenario.traffic
    if traffic.net is None and traffic.sumocfg is None:
        return scenario.model_copy(update={"traffic": traffic.model_copy(update={"net": town_net})})
    net, _ = net_and_additional(traffic)
    here, there = np.array(net_bounds_m(net)), np.array(net_bounds_m(town_net))
    if np.abs(here - there).max() > _SAME_ROAD_WITHIN_M:
        town = scenario.vehicles.town
        raise BadInput(
            f"{net}: not the road of vehicles.carla.town: {town}; `cosim carla-net {town}` gives it"
        )
    return scenario


def _build(
    scenario: Scenario, run_dir: Path, recording: Recording, people: People
) -> tuple[list[Federate], Bridge]:
    """The sides in tick order, and what somebody who looks on sees of them."""
    users = RoadUsers()
    events = Events(scenario.events)
    settings = scenario.vehicles
    net, additional = net_and_additional(scenario.traffic)
    georeference = net_georeference(net)
    frame = Frame(georeference)
    buildings = read_buildings(net, additional, scenario.traffic.buildings)
    outlines = [building.outline for building in buildings]
    sight = shapely.STRtree(outlines) if outlines else None
    traffic = SumoTraffic(
        scenario.traffic,
        users,
        settings.driven,
        run_dir=run_dir,
        seed=scenario.seed,
        weather=scenario.weather,
        before_step=events.apply,
    )
    link = LinkSide(
        _link_model(scenario, net, buildings),
        users,
        penetration=scenario.v2x.penetration,
        seed=scenario.seed,
        step_ns=to_ns(scenario.network.step_s),
        qos=scenario.network.qos,
    )
    vehicles = _vehicles(scenario, traffic, users, net)
    driving = Driving(
        settings.driven,
        traffic,
        vehicles,
        link,
        users,
        frame=frame,
        buildings=sight,
        weather=scenario.weather,
        step_ns=to_ns(scenario.driving.step_s),
    )
    for name, person in driving.people.items():
        person.seat = people.seat(name)
    on_board = OnBoardUnits(users, link, scenario.v2x, frame=frame, seed=scenario.seed)
    sides: list[Federate] = [traffic, vehicles, link, driving, on_board]
    if scenario.v2x.keep_alive_forwarding:
        sides.append(
            Forwarders(
                settings.driven,
                driving,
                vehicles,
                users,
                link,
                scenario.v2x,
                frame=frame,
                seed=scenario.seed,
            )
        )
    sharing = [one for one in settings.driven if one.shares_perception]
    if sharing:
        sides.append(
            SharedPerception(sharing, driving, vehicles, users, link, scenario.v2x, frame=frame)
        )
    if scenario.v2x.roadside is not None:
        sides.append(
            RoadsideUnits(scenario.v2x.roadside, traffic, users, link, frame=frame, buildings=sight)
        )
    sources: list[Source] = [traffic, vehicles, link, driving, people, events]
    remote: RemoteDrivers | None = None
    if any(event.spoof or event.replay or event.flood for event in scenario.events):
        attackers = Attackers(
            scenario.events, users, link, scenario.v2x, frame=frame, seed=scenario.seed
        )
        # Before the units whose messages they overhear.
        sides.insert(sides.index(on_board), attackers)
        sources.append(attackers)
    if driving.remotely_driven:
        remote = RemoteDrivers(driving, vehicles, link, users, people, seed=scenario.seed)
        sides.append(remote)
        sources.append(remote)
    if scenario.twins is not None:
        telemetry = TelemetryUnits(
            users, vehicles, link, scenario.twins, georeference, seed=scenario.seed
        )
        twins = Twins(
            scenario.twins,
            link,
            users,
            georeference,
            run_id=f"{scenario.name}-{os.urandom(4).hex()}",
            confirm_timeout_s=scenario.watchdog_s,
        )
        operator = Operator(
            scenario.events, driving, vehicles, traffic, link, users, twins, step_ns=twins.step_ns
        )
        sides += [telemetry, twins, operator]
        sources += [twins, operator]
    sides.append(Recorder(recording, users, sources, step_ns=traffic.step_ns))
    bridge = Bridge(
        scenario,
        net,
        buildings,
        users,
        traffic,
        vehicles,
        link,
        driving,
        remote,
        Injections(events, link),
    )
    return sides, bridge


def _nobody(_vehicle: str) -> None:
    """Nobody sits in a vehicle of a run that nobody looks on."""


def _vehicles(
    scenario: Scenario, traffic: SumoTraffic, users: RoadUsers, net: Path
) -> DrivenVehicles:
    settings = scenario.vehicles
    models = {driven.id: driven.model for driven in settings.driven}
    step_ns = to_ns(settings.step_s)
    if settings.backend == "embedded":
        return EmbeddedVehicles(traffic, users, models, weather=scenario.weather, step_ns=step_ns)
    vehicles = CarlaVehicles(
        settings.carla, traffic, users, models, weather=scenario.weather, step_ns=step_ns
    )
    vehicles.prepare(net)
    return vehicles


def _link_model(scenario: Scenario, net: Path, buildings: list[Building]) -> LinkModel:
    try:
        return open_link(
            scenario.network,
            seed=scenario.seed,
            bounds_m=net_bounds_m(net),
            buildings=sight_past(buildings),
        )
    except ValueError as error:
        raise BadInput(f"network: {error}") from error


def _vector_instructions() -> str:
    """Those of the processor's that numpy computes with: others round last digits otherwise."""
    of_exp = np.lib.introspect.opt_func_info(func_name="^exp$", signature="float64")
    return str(of_exp["exp"]["dd"]["current"])


class _Manifest:
    """`manifest.json`: says from the beginning what is run, and at the end how it ended."""

    def __init__(self, run_dir: Path, scenario: Scenario) -> None:
        self._run_dir = run_dir
        self._scenario = scenario
        packages = [*_VERSIONS_OF, *(["carla"] if scenario.vehicles.backend == "carla" else [])]
        self._content: dict[str, Any] = {
            "complete": False,
            "digest": None,
            "scenario": scenario.model_dump(mode="json"),
            "seed": scenario.seed,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": {name: version(name) for name in packages},
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
            "vector_instructions": _vector_instructions(),
        }
        write_manifest(run_dir, self._content)

    def touched(self, people: People, injections: Injections, until_ns: int) -> None:
        """What people did to the run becomes part of the scenario, which then gives this run."""
        if not (people.live or injections):
            return
        events = people.as_events(until_ns)
        scenario = injections.into(
            self._scenario.model_copy(
                update={"events": events, "duration_s": to_s(until_ns), "pace": None}
            )
        )
        self._content.update(scenario=scenario.model_dump(mode="json"), people=people.live)
        self._content["injected"] = bool(injections)
        save_scenario(scenario, self._run_dir / REPLAY)

    def end(self, *, complete: bool, **more: Any) -> None:
        self._content.update(complete=complete, **more)
        write_manifest(self._run_dir, self._content)
