"""The scenarios that come with the bridge."""

from __future__ import annotations

import difflib
from pathlib import Path

from cosim.federate import BadInput

_PACKAGE = Path(__file__).parent
# Beside the packages in a checkout, inside this one when installed from a wheel.
_FOLDERS = (_PACKAGE.parent / "scenarios", _PACKAGE / "_scenarios")


def shipped_scenarios() -> list[Path]:
    """Scenario files, by name."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    return sorted(folder.glob("*.yaml")) if folder else []


def find_scenario(given: str) -> Path:
    """A scenario by its path, or by the name of one that comes with the bridge.

    Raises:
        BadInput: there is no such file and no such name.
    """
    path = Path(given)
    if path.exists() or path.suffix in {".yaml", ".yml", ".sumocfg"}:
        return path
    shipped = {scenario.stem: scenario for scenario in shipped_scenarios()}
    if given in shipped:
        return shipped[given]
    nearest = difflib.get_close_matches(given, list(shipped), n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else "`cosim list` shows what there is"
    raise BadInput(f"{given}: no such file or scenario; {hint}")
