"""A scenario whose link is a measured drive."""

from pathlib import Path

import pandas as pd
import pytest

from cosim.federate import BadInput
from cosim.run import run
from cosim.scenario import load_scenario
from cosim.shipped import find_scenario


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    file = tmp_path / "drive.csv"
    file.write_text("time_s,latency_ms\n0,20\n1,30\n")
    return file


def test_its_path_is_relative_to_the_scenario(tmp_path: Path, drive: Path) -> None:
    (tmp_path / "here.net.xml").write_text("<net/>")
    scenario = tmp_path / "short.yaml"
    scenario.write_text(
        "name: short\nduration_s: 10\ntraffic: {net: here.net.xml}\n"
        "network: {model: trace, trace: {file: drive.csv}}\n"
    )
    trace = load_scenario(scenario).network.trace
    assert trace is not None
    assert trace.file == drive
    with pytest.raises(BadInput, match=r"`network\.trace\.file`: no such file: .*none\.csv$"):
        load_scenario(scenario, ["network.trace.file=none.csv"])
    with pytest.raises(BadInput, match=r"model is trace but no trace is given"):
        load_scenario(scenario, ["network.trace=null"])


def test_a_run_has_its_latencies(tmp_path: Path, drive: Path) -> None:
    overrides = ["duration_s=2", "events=[]", "network.model=trace", "twins=null"]
    overrides.append(f"network.trace.file={drive}")
    scenario = load_scenario(find_scenario("highway_brake"), overrides)
    run(scenario, tmp_path / "run")
    packets = pd.read_parquet(tmp_path / "run" / "packets.parquet").query("fate == 'delivered'")
    took_ms = (packets.ended_ns - packets.sent_ns) / 1e6
    assert len(packets) > 20
    # Up, the server's own 1 ms, and down where it is relayed.
    assert set(took_ms[packets.receiver == "server"]) | set(took_ms[packets.parent_id < 0]) == {
        21.0,
        31.0,
    }


def test_a_file_that_is_none_is_told_in_one_line(tmp_path: Path, drive: Path) -> None:
    drive.write_text("time_s,latency_ms\n0,soon\n")
    overrides = ["network.model=trace", f"network.trace.file={drive}"]
    scenario = load_scenario(find_scenario("highway_brake"), overrides)
    with pytest.raises(BadInput, match=r"network: .*drive\.csv:2: latency_ms 'soon'; expected"):
        run(scenario, tmp_path / "run")
