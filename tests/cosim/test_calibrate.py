from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from cosim.cli import app
from cosim.federate import BadInput
from cosim.scenario import load_scenario
from cosim.shipped import find_scenario
from network.radio.channel import Channel
from network.ran.cells import cell_names, cells_of, powers_dbm
from tests.network.measured_drive import TRUTH

DRIVES = Path(__file__).parents[3] / "shared" / "data" / "5g-drive-logs"


def highway_drive(file: Path, **columns: object) -> Path:
    """What a car on `highway_brake`'s road measures where path loss is `TRUTH`'s."""
    network = load_scenario(find_scenario("highway_brake")).network
    x_m = np.arange(0.0, 2400.0, 6.0)
    y_m, height_m = np.zeros_like(x_m), np.full_like(x_m, 1.5)
    channel = Channel(
        cells_of(network.cells), scenario=network.radio.scenario,
        carrier_ghz=network.radio.carrier_ghz, seed=1, measured=TRUTH,
    )  # fmt: skip
    elements_db = 10.0 * np.log10(106 * 12)
    rsrp_dbm = powers_dbm(network.cells) - elements_db + channel.path_gain_db(x_m, y_m, height_m)
    names = np.array(cell_names(network.cells))
    table = pd.DataFrame(
        {"time_s": x_m / 30.0, "x_m": x_m, "y_m": y_m, "cell": names[rsrp_dbm.argmax(axis=1)],
         "rsrp_dbm": rsrp_dbm.max(axis=1)}
    )  # fmt: skip
    table.assign(**columns).to_csv(file, index=False)
    return file


def calibrate(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["calibrate", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def refused(*arguments: object) -> str:
    with pytest.raises(BadInput) as told:
        CliRunner().invoke(app, ["calibrate", *map(str, arguments)], catch_exceptions=False)
    return str(told.value)


def test_a_scenario_takes_what_was_found(tmp_path: Path) -> None:
    file = highway_drive(tmp_path / "drive.csv")
    told = calibrate(file, "--cells", "highway_brake", "--out", tmp_path / "found")
    assert "path-loss exponent" in told
    figures = json.loads((tmp_path / "found" / "calibration.json").read_text())
    assert figures["rms_error_after_db"] < figures["rms_error_before_db"]
    fragment = YAML(typ="safe").load(tmp_path / "found" / "calibration.yaml")
    path_loss = fragment["network"]["radio"]["path_loss"]
    scenario = load_scenario(
        find_scenario("highway_brake"), [f"network.radio.path_loss={json.dumps(path_loss)}"]
    )
    assert scenario.network.radio.path_loss is not None
    fitted = scenario.network.radio.path_loss.los.exponent
    assert fitted == pytest.approx(figures["los"]["exponent"], abs=1e-3)
    assert (tmp_path / "found" / "calibration.png").stat().st_size > 10_000


def test_a_phone_s_log_has_its_cells_placed(tmp_path: Path) -> None:
    if not DRIVES.is_dir():
        pytest.skip(f"{DRIVES} isn't there")
    calibrate(DRIVES / "B_2019.12.16_07.22.43.csv", "--out", tmp_path / "found")
    fragment = YAML(typ="safe").load(tmp_path / "found" / "calibration.yaml")
    assert len(fragment["network"]["cells"]) > 3


def test_what_cannot_be_used_is_told_in_one_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    file = highway_drive(tmp_path / "drive.csv")
    assert "name their scenario with --cells" in refused(file, "--out", out)
    with_cells = ("--cells", "highway_brake", "--out", out)
    no_cell = tmp_path / "no_cell.csv"
    pd.read_csv(file).drop(columns="cell").to_csv(no_cell, index=False)
    assert "no column cell" in refused(no_cell, *with_cells)
    no_place = tmp_path / "no_place.csv"
    pd.read_csv(file).drop(columns="x_m").to_csv(no_place, index=False)
    assert "no place" in refused(no_place, *with_cells)
    assert "not a row of the cells" in refused(
        highway_drive(tmp_path / "others.csv", cell="elsewhere"), *with_cells
    )
    assert "rsrp_dbm: expected numbers" in refused(
        highway_drive(tmp_path / "words.csv", rsrp_dbm="weak"), *with_cells
    )
    few = tmp_path / "few.csv"
    pd.read_csv(file).head(20).to_csv(few, index=False)
    assert "expected at least 50" in refused(few, *with_cells)
    assert "can't be read" in refused(tmp_path / "nowhere.csv", *with_cells)
    assert not out.exists()
