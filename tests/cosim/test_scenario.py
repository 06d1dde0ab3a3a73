import json
from pathlib import Path

import pytest

from cosim.federate import BadInput
from cosim.scenario import Scenario, load_scenario
from cosim.shipped import find_scenario, shipped_scenarios
from vehicles.driving.acc import AccSettings

SHORT = """\
name: short
duration_s: 10
traffic:
  net: here.net.xml
vehicles:
  driven:
    - {id: ego, drives: [acc]}
network:
  radio: {carrier_ghz: 3.5}
"""


@pytest.fixture
def scenario_file(tmp_path: Path) -> Path:
    (tmp_path / "here.net.xml").write_text("<net/>")
    file = tmp_path / "short.yaml"
    file.write_text(SHORT)
    return file


def refusal(file: Path, *overrides: str) -> str:
    with pytest.raises(BadInput) as caught:
        load_scenario(file, overrides)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_short_scenario_is_short_and_its_paths_are_its_own(scenario_file: Path) -> None:
    scenario = load_scenario(scenario_file)
    assert scenario.traffic.net == scenario_file.parent / "here.net.xml"
    assert scenario.network.handover.time_to_trigger_ms == 160


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("duration_s", "duraton_s", 2, "unknown key `duraton_s`; did you mean `duration_s`?"),
        (
            "carrier_ghz: 3.5",
            "carier_ghz: 3.5",
            9,
            "unknown key `network.radio.carier_ghz`; did you mean `carrier_ghz`?",
        ),
        (
            "drives: [acc]",
            "drivs: [acc]",
            7,
            "unknown key `vehicles.driven.0.drivs`; did you mean `drives`?",
        ),
        ("carrier_ghz: 3.5", "bandwidth_mhz: -40", 9, "`network.radio.bandwidth_mhz`"),
        ("duration_s: 10", "duration_s: -1", 2, "`duration_s`: input should be greater than 0"),
        ("name: short\n", "", None, "`name` is missing"),
        (
            "drives: [acc]",
            "drives: [ac]",
            7,
            "unknown key `vehicles.driven.0.drives.0.ac`; did you mean `acc`?",
        ),
        (
            "drives: [acc]",
            "drives: [{acc: {time_gap: 2}}]",
            7,
            "unknown key `vehicles.driven.0.drives.0.acc.time_gap`; did you mean `time_gap_s`?",
        ),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_key(
    scenario_file: Path, old: str, new: str, line: int | None, says: str
) -> None:
    scenario_file.write_text(SHORT.replace(old, new))
    text = refusal(scenario_file)
    assert text.startswith(f"{scenario_file}:{line}: " if line else f"{scenario_file}: ")
    assert says in text


def test_a_missing_net_is_named(scenario_file: Path) -> None:
    (scenario_file.parent / "here.net.xml").unlink()
    assert "`traffic.net`: no such file" in refusal(scenario_file)


def test_a_radio_map_is_found_beside_the_scenario(scenario_file: Path) -> None:
    override = "network.radio.map=town.npz"
    with pytest.raises(BadInput, match=r"`network.radio.map`: no such file: .*town.npz"):
        load_scenario(scenario_file, [override])
    (scenario_file.parent / "town.npz").touch()
    radio = load_scenario(scenario_file, [override]).network.radio
    assert radio.map == scenario_file.parent / "town.npz"


def test_a_missing_scenario_and_a_broken_one(scenario_file: Path, tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.yaml")
    scenario_file.write_text("name: [short\n")
    assert f"{scenario_file}:2: not YAML" in refusal(scenario_file)
    scenario_file.write_text("- just\n- a list\n")
    assert "expected a scenario" in refusal(scenario_file)


def test_set_changes_one_value(scenario_file: Path) -> None:
    scenario = load_scenario(
        scenario_file,
        [
            "network.model=ideal",
            "network.grid.inter_site_distance_m=700",
            "vehicles.driven.0.drives.0.acc.time_gap_s=2",
            "events=[{at_s: 3, brake: {vehicle: lead, deceleration_mps2: 5}}]",
            "twins=null",
        ],
    )
    assert scenario.network.model == "ideal"
    assert scenario.network.grid is not None
    assert scenario.network.grid.inter_site_distance_m == 700
    assert scenario.vehicles.driven[0].drives[0].acc == AccSettings(time_gap_s=2)
    assert scenario.events[0].at_s == 3
    assert scenario.twins is None


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("network.modl=ideal", "--set: unknown key `network.modl`; did you mean `model`?"),
        ("duration_s=soon", "--set: `duration_s`"),
        ("duration_s", "expected key.path=value"),
        ("vehicles.driven.7.id=x", "nothing at vehicles.driven.7.id"),
        ("name.first=x", "`name`: input should be a valid string"),
        ("seed=[", "not YAML"),
    ],
)
def test_a_wrong_set_says_so(scenario_file: Path, override: str, says: str) -> None:
    assert says in refusal(scenario_file, override)


def test_an_event_after_the_end_is_refused(scenario_file: Path) -> None:
    event = "events=[{at_s: 30, brake: {vehicle: lead, deceleration_mps2: 5}}]"
    assert "event at 30 s" in refusal(scenario_file, event)


def test_a_sumocfg_needs_no_scenario(tmp_path: Path) -> None:
    (tmp_path / "here.net.xml").write_text("<net/>")
    cfg = tmp_path / "town.sumocfg"
    cfg.write_text(
        '<configuration><input><net-file value="here.net.xml"/></input>'
        '<time><begin value="100"/><end value="0:05:00"/></time></configuration>'
    )
    scenario = load_scenario(cfg, ["seed=3"])
    assert scenario.name == "town"
    assert scenario.duration_s == 200
    assert scenario.seed == 3
    assert scenario.vehicles.driven[0].from_traffic is not None


def test_the_schema_is_one_an_editor_can_use() -> None:
    schema = Scenario.model_json_schema()
    assert schema["additionalProperties"] is False
    assert json.loads(json.dumps(schema)) == schema


@pytest.mark.parametrize("path", shipped_scenarios(), ids=lambda path: path.stem)
def test_shipped_scenarios_load_and_say_what_they_are(path: Path) -> None:
    scenario = load_scenario(path)
    assert scenario.name == path.stem
    assert scenario.description


def test_shipped_scenarios_go_by_their_names() -> None:
    assert find_scenario("highway_brake").name == "highway_brake.yaml"
    with pytest.raises(BadInput, match="did you mean highway_brake"):
        find_scenario("higway_brake")
