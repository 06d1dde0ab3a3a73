"""Classes of one's own in place of the link's, and the example of docs/plugins.md."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from network.base import Cause
from network.link import Link
from network.packet import SERVER, Fate, Stage
from network.settings import NetworkSettings
from tests.network.test_link import MS, ROAD, SECOND, SITES, Drive, road, rows, stage_ms

DOCUMENT = Path(__file__).parents[2] / "docs" / "plugins.md"
CODE, SCENARIO = re.findall(r"```(?:python|yaml)\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The `network` block of the example, whose module can be imported."""
    (tmp_path / "my_link.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    yield YAML(typ="safe").load(SCENARIO)["network"]
    sys.modules.pop("my_link", None)


def drive(block: dict[str, Any]) -> Drive:
    one = Drive(road(**block), [80.0], [20.0])
    one.link.send(0, 300, np.arange(0, 20 * SECOND, 50 * MS))
    one.link.send(SERVER, 3000, np.arange(0, 20 * SECOND, 50 * MS), to=0)
    return one.to(*range(SECOND, 25 * SECOND, SECOND))


def test_the_whole_example_runs(example: dict[str, Any]) -> None:
    one = drive(example)
    packets = one.table()
    assert (packets.fate == Fate.DELIVERED).mean() > 0.98
    changes = one.handovers()
    assert len(changes.cause) > 0
    assert (changes.cause == Cause.RULE).all()


def test_the_example_s_loss_is_the_one_received(example: dict[str, Any]) -> None:
    mast = {"id": "mast", "x_m": 0.0, "y_m": 0.0, "height_m": 1.5, "downtilt_deg": 0.0,
            "sectors": 1}  # fmt: skip
    one = Drive(road(cells=[mast], radio=example["radio"]), [100.0])
    one.to(40 * MS)
    # 46 dBm on 1272 subcarriers, 18 dBi towards the horizon, 38 + 70 dB of loss at 100 m.
    expected = 46.0 - 10.0 * np.log10(1272) + 18.0 - 108.0
    assert one.link.station_state().rsrp_dbm[0] == pytest.approx(expected, abs=1e-3)


def test_the_example_s_rule_is_quicker_than_a3(example: dict[str, Any]) -> None:
    hasty, plain = (drive({"handover": rule}) for rule in (example["handover"], {}))
    assert hasty.handovers().instant_ns[0] < plain.handovers().instant_ns[0]
    assert (plain.handovers().cause == Cause.A3).all()


def test_the_example_s_scheduler_takes_longer(example: dict[str, Any]) -> None:
    slow, plain = (drive({"scheduling": model}).table() for model in (example["scheduling"], {}))
    assert stage_ms(slow, Stage.DL_AIR).mean() > stage_ms(plain, Stage.DL_AIR).mean()


def test_one_s_own_class_that_is_the_same_changes_nothing() -> None:
    own = {"model": "network.ran.scheduler:Scheduler"}
    assert rows(drive({"scheduling": own}).table()) == rows(drive({}).table())


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("no_such_module:Class", "module 'no_such_module' can't be imported"),
        ("network.packet.none:Class", "module 'network.packet.none' can't be imported"),
        ("network.packet:Nothing", "module 'network.packet' has no class 'Nothing'"),
        ("tests.network.plugin_examples:NOT_A_CLASS", "has no class 'NOT_A_CLASS'"),
    ],
)
@pytest.mark.parametrize(
    ("part", "name"),
    [("radio", "propagation"), ("handover", "rule"), ("scheduling", "model")],
)
def test_what_can_t_be_found_is_named(part: str, name: str, path: str, line: str) -> None:
    block = NetworkSettings.model_validate({"cells": SITES, part: {name: path}})
    with pytest.raises(ValueError, match=line) as raised:
        Link(block, seed=1, bounds_m=ROAD)
    assert str(raised.value).startswith(f"{part}.{name} {path!r}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("part", "name", "lacks"),
    [
        ("radio", "propagation", "path_gain_db"),
        ("handover", "rule", "grow, reset, update"),
    ],
)
def test_what_a_class_lacks_is_named(part: str, name: str, lacks: str) -> None:
    path = "tests.network.plugin_examples:Empty"
    block = NetworkSettings.model_validate({"cells": SITES, part: {name: path}})
    with pytest.raises(ValueError, match=f"Empty has no {lacks}$"):
        Link(block, seed=1, bounds_m=ROAD)


def test_a_scheduler_is_derived_from_the_link_s_own() -> None:
    model = {"model": "tests.network.plugin_examples:Empty"}
    block = NetworkSettings.model_validate({"cells": SITES, "scheduling": model})
    with pytest.raises(ValueError, match=r"Empty isn't derived from network\.ran\.scheduler"):
        Link(block, seed=1, bounds_m=ROAD)


@pytest.mark.parametrize("other", [{"map": "m.npz"}, {"fast_fading": True}])
def test_one_s_own_propagation_stands_alone(other: dict[str, Any]) -> None:
    radio = {"propagation": "tests.network.plugin_examples:Empty", **other}
    with pytest.raises(ValidationError, match="neither map nor fast_fading"):
        NetworkSettings.model_validate({"radio": radio})


@pytest.mark.parametrize("path", ["module", "module:", ":Class", "a b:Class", "module:a.b"])
def test_a_path_that_is_none(path: str) -> None:
    with pytest.raises(ValidationError, match=r"handover\.rule"):
        NetworkSettings.model_validate({"handover": {"rule": path}})


def test_a_rule_and_a_conditional_handover_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="expected procedure normal or daps"):
        NetworkSettings.model_validate({"handover": {"rule": "a:B", "procedure": "conditional"}})
