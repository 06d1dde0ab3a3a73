"""How a scenario names driving functions, and the example of docs/driving-functions.md."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from cosim.recording import read_table
from tests.runs import run_scenario
from vehicles.driving.registry import FUNCTIONS, Drive
from vehicles.settings import DrivenSettings

DOCUMENT = Path(__file__).parents[3] / "docs" / "driving-functions.md"
CODE = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[0]
SCENARIO = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[-1]


class Mute:
    """Lacks what a function has to have."""

    name = "mute"


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The scenario of the example, whose module can be imported."""
    (tmp_path / "my_driving.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    yield YAML(typ="safe").load(SCENARIO)
    sys.modules.pop("my_driving", None)


def test_every_function_can_be_named() -> None:
    assert set(FUNCTIONS) == set(Drive.model_fields) - {"own"}
    for name in FUNCTIONS:
        assert Drive.model_validate(name).make().name == name


def test_a_function_with_settings_is_read_back_as_it_was_written() -> None:
    driven = DrivenSettings.model_validate({"drives": ["acc", {"acc": {"time_gap_s": 2}}]})
    assert DrivenSettings.model_validate(driven.model_dump(mode="json")) == driven
    assert driven.model_dump(mode="json")["drives"][1]["acc"]["time_gap_s"] == 2.0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"acc": {}, "emergency_brake_warning": {}}, "expected one driving function"),
        ({}, "expected one driving function"),
        ("no_such_module:Class", "module 'no_such_module' can't be imported"),
        (f"{__name__}:Nobody", "has no class 'Nobody'"),
        (f"{__name__}:Mute", "Mute has no decide"),
        ({f"{__name__}:Mute": {"speed": 1}}, "unknown key `speed`"),
        ({"vehicles.driving.acc:Acc": {"time_gap": 2}}, "did you mean `time_gap_s`?"),
        ({"vehicles.driving.acc:Acc": {"time_gap_s": -2}}, "`time_gap_s`: Input should be greater"),
    ],
)
def test_what_is_wrong_is_told(given: Any, says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Drive.model_validate(given)
    assert says in str(caught.value)


def test_the_whole_example_runs(example: dict[str, Any], tmp_path: Path) -> None:
    drives = json.dumps(example["vehicles"]["driven"][0]["drives"])
    outages = json.dumps(example["network"]["impairments"])
    out = tmp_path / "run"
    run_scenario(
        "highway_brake", out, "duration_s=14", "events=[]", "twins=null",
        f"vehicles.driven.0.drives={drives}", f"network.impairments={outages}",
    )  # fmt: skip
    decisions = read_table(out, "decisions").set_index("time_s")
    acting = decisions[decisions["function"] == "cautious"]
    assert (acting["reason"] == "poor link").all()
    assert acting.index.min() >= 2.0
    assert decisions.loc[:2.0, "speed_mps"].min() >= 25.0
    assert decisions["speed_mps"].iloc[-1] == pytest.approx(18.0, abs=0.3)
