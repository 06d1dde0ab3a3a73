"""Runs of scenarios in this process, for tests that look at what came of them."""

from __future__ import annotations

from pathlib import Path

from cosim.run import Outcome, run
from cosim.scenario import load_scenario
from cosim.shipped import find_scenario


def run_scenario(name: str, run_dir: Path, *overrides: str) -> Outcome:
    """Run a scenario that comes with the bridge, with `key.path=value` changed in it."""
    return run(load_scenario(find_scenario(name), overrides), run_dir)
