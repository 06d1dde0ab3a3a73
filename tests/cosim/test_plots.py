import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from matplotlib.patches import Rectangle

from cosim.federate import BadInput
from cosim.plots import plot_comparison, plot_run
from cosim.plots.coverage import (
    NO_CELL,
    Coverage,
    Ground,
    cell_colours,
    read_ground,
    work_out_coverage,
)
from cosim.plots.distributions import draw_distributions, steps
from cosim.plots.drive import Stretch, draw_drive, stretches
from cosim.plots.recorded import STAGE_COLUMNS, CellLoad, Recorded, read_run
from cosim.plots.remote import draw_remote, is_driven_from_afar
from cosim.plots.stages import PAINTS, draw_stages, mean_stages_ms
from cosim.recording import Recording, write_manifest
from cosim.scenario import Scenario, load_scenario
from cosim.shipped import find_scenario
from cosim.traffic.buildings import Building, sight_past
from network.link import Link
from network.packet import Positions, Stage
from network.settings import GridSettings

AREA = (0.0, 0.0, 600.0, 400.0)
HOUSES = [Building(shapely.box(100 * n, 120, 100 * n + 70, 180), 15.0) for n in range(6)]


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer dots and nodes than a person wants to see: quicker."""
    monkeypatch.setattr("cosim.plots.page._DPI", 50)
    monkeypatch.setattr("cosim.plots.coverage._MOST_NODES", 12_000)


def scenario(*overrides: str) -> Scenario:
    return load_scenario(find_scenario("highway_brake"), ["seed=3", *overrides])


def town(*overrides: str) -> Scenario:
    return scenario(
        "network.radio.scenario=UMi",
        "network.load=[]",
        "network.cells=[{id: a, x_m: 150, y_m: 100, height_m: 10}, "
        "{id: b, x_m: 450, y_m: 300, height_m: 10, sectors: 1}]",
        *overrides,
    )


# Coverage


@pytest.mark.parametrize("houses", [[], HOUSES])
def test_coverage_is_what_stations_of_the_run_measure(houses: list[Building]) -> None:
    told = town()
    coverage = work_out_coverage(told, Ground(AREA, [], houses))
    link = Link(
        told.network,
        seed=told.seed,
        bounds_m=AREA,
        buildings=sight_past(houses),
    )
    rows = np.arange(5, len(coverage.y_m) - 5, 13)
    columns = np.arange(5, len(coverage.x_m) - 5, 17)
    row, column = (index.ravel() for index in np.meshgrid(rows, columns))
    assert len(row) > 30
    for station in range(len(row)):
        link.attach(station, f"car {station}", 1.5, subscribed=False)
    still = np.zeros(128)
    x, y = np.zeros(128), np.zeros(128)
    x[: len(row)], y[: len(row)] = coverage.x_m[column], coverage.y_m[row]
    link.advance(1_000_000, Positions(1_000_000, x, y, still, still, still))
    state = link.station_state()
    n = len(row)
    assert (state.serving_cell[:n] == coverage.serving[row, column]).all()
    served = state.serving_cell[:n] != NO_CELL
    assert served.sum() > 0.8 * n
    for measured, drawn in (
        (state.rsrp_dbm, coverage.rsrp_dbm),
        (state.sinr_db, coverage.sinr_db),
        (state.uplink_sinr_db, coverage.uplink_sinr_db),
    ):
        assert np.allclose(measured[:n][served], drawn[row, column][served], atol=0.01)


def test_coverage_belongs_to_the_seed_and_knows_the_houses() -> None:
    open_ground, built = Ground(AREA, [], []), Ground(AREA, [], HOUSES)
    one = work_out_coverage(town(), open_ground).rsrp_dbm
    other = work_out_coverage(town("seed=4"), open_ground).rsrp_dbm
    behind = work_out_coverage(town(), built).rsrp_dbm
    assert np.abs(one - other).mean() > 2.0
    assert np.abs(one - behind).mean() > 2.0


def test_load_counts_by_how_long_it_holds() -> None:
    half_the_time = [
        "duration_s=60",
        "network.background.prb_utilisation=0.2",
        "network.load=[{cell: a, from_s: 30, prb_utilisation: 1.0}, "
        "{cell: b, from_s: 30, to_s: 60, prb_utilisation: 1.6}]",
    ]
    ground = Ground(AREA, [], [])
    ours = work_out_coverage(town(*half_the_time), ground)
    steady = work_out_coverage(town("network.background.prb_utilisation=0.6"), ground)
    assert np.allclose(ours.sinr_db, steady.sinr_db, atol=1e-6, equal_nan=True)


def test_the_runs_own_packets_load_the_cells_of_the_map(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    for time_s, down, up in ((1.0, 0.2, 0.0), (2.0, 0.6, 0.2)):
        recording.add(
            "cells",
            {
                "time_s": np.full(3, time_s),
                "cell": ["z/0", "a/0", "m/0"],
                "downlink_utilisation": down * np.arange(3),
                "uplink_utilisation": up * np.arange(3),
            },
        )
    recording.close()
    load = Recorded(tmp_path, {}, town()).cell_load()
    assert load is not None
    assert load.down.tolist() == pytest.approx([0.0, 0.4, 0.8])
    assert load.up.tolist() == pytest.approx([0.0, 0.1, 0.2])
    ground, cells = Ground(AREA, [], []), len(work_out_coverage(town(), Ground(AREA, [], [])).cells)
    idle, busy = (
        work_out_coverage(town(), ground, CellLoad(np.full(cells, share), np.full(cells, share)))
        for share in (0.0, 1.0)
    )
    assert np.nanmean(idle.sinr_db) > np.nanmean(busy.sinr_db) + 3.0


def test_there_is_no_sinr_where_no_cell_can_be_selected() -> None:
    coverage = work_out_coverage(
        town("network.handover.min_rsrp_dbm=-80"), Ground(AREA, [], HOUSES)
    )
    weak = coverage.rsrp_dbm < -80
    assert 0.05 < weak.mean() < 0.95
    assert (np.isnan(coverage.sinr_db) == weak).all()
    assert ((coverage.serving == NO_CELL) == weak).all()


def test_a_road_is_shown_with_land_beside_it() -> None:
    coverage = work_out_coverage(town(), Ground((0, 0, 3000, 10), [], []))
    assert coverage.x_m[0] < 0 < 3000 < coverage.x_m[-1]
    assert np.ptp(coverage.y_m) == pytest.approx(np.ptp(coverage.x_m) / 4.5, rel=0.01)


def test_cells_beside_each_other_have_colours_of_their_own() -> None:
    serving = np.repeat(np.repeat(np.arange(12).reshape(3, 4), 10, axis=0), 10, axis=1)
    level = np.zeros(serving.shape)
    names = tuple(f"cell {n}" for n in range(12))
    side = np.arange(40.0)
    coverage = Coverage((), names, side, side[:30], level, level, level, serving)
    colours = np.array(list(cell_colours(coverage).values())).reshape(3, 4)
    assert (colours[1:] != colours[:-1]).all()
    assert (colours[:, 1:] != colours[:, :-1]).all()
    assert len(np.unique(colours)) == 6


def test_the_ground_of_a_scenario_has_its_roads_and_houses() -> None:
    highway = read_ground(scenario())
    assert highway.bounds_m[2] == 5000
    assert max(x for road in highway.roads for x, _ in road) == pytest.approx(5000, abs=1)
    assert not highway.buildings


# What is drawn from tables


def test_stretches_join_what_is_equal_and_leave_out_what_has_no_name() -> None:
    names = pd.Series(["a", "a", "", "b", "a"])
    times = pd.Series([1.0, 1.5, 2.0, 2.5, 3.0])
    assert stretches(times, names) == [
        Stretch("a", 1.0, 2.0),
        Stretch("b", 2.5, 3.0),
        Stretch("a", 3.0, 3.5),
    ]
    assert stretches(times[:0], names[:0]) == []


def test_a_distribution_counts_what_was_lost_as_later_than_anything() -> None:
    x, share = steps(np.array([30.0, 10.0, 20.0]), total=4)
    assert x.tolist() == [10.0, 10.0, 20.0, 30.0]
    assert share.tolist() == [0.0, 0.25, 0.5, 0.75]
    x, share = steps(np.arange(50_000.0), total=50_000)
    assert len(x) < 2500
    assert np.interp(25_000, x, share) == pytest.approx(0.5, abs=1e-3)


def packets_with_latencies(latency_ms: np.ndarray) -> pd.DataFrame:
    """Half of it in the uplink's queue, a quarter in the core, a quarter in the downlink's."""
    frame = pd.DataFrame(dict.fromkeys(STAGE_COLUMNS, 0), index=range(len(latency_ms)))
    frame["ul_queue_ns"] = (latency_ms * 0.5e6).astype(np.int64)
    frame["core_ns"] = frame["dl_queue_ns"] = (latency_ms * 0.25e6).astype(np.int64)
    frame["latency_ms"] = latency_ms
    return frame


def test_stages_are_those_of_the_packets_about_a_percentile() -> None:
    latency_ms = np.random.default_rng(1).permutation(np.arange(4.0, 4004.0, 4.0))
    packets = packets_with_latencies(latency_ms)
    for low, high, mean in ((45, 55, 2002.0), (94, 96, 3802.0), (98.5, 99.5, 3962.0)):
        stages = mean_stages_ms(packets, low, high)
        assert stages.sum() == pytest.approx(mean)
        assert stages[Stage.UL_QUEUE] == pytest.approx(mean / 2)
        assert stages[Stage.CORE] == pytest.approx(mean / 4)
    assert mean_stages_ms(packets[:1], 98.5, 99.5).sum() == pytest.approx(latency_ms[0])


def test_every_stage_has_its_paint_in_the_order_of_the_way() -> None:
    assert list(PAINTS) == list(Stage)


# A run's folder


def rows_of_a_drive(cells: list[str]) -> dict[str, dict[str, Any]]:
    """Four seconds of `ego`, one packet each 0.1 s, every third of them lost."""
    times = np.round(np.arange(0.1, 4.05, 0.1), 1)
    n = len(times)
    sent_ns = (times * 1e9).astype(np.int64)
    ideal = not cells
    latency_ns = np.where(ideal, 0, np.linspace(8e6, 90e6, n)).astype(np.int64)
    lost = (np.arange(n) % 3 == 2) & (not ideal)
    cell = [cells[i * len(cells) // n] for i in range(n)] if cells else [""] * n
    return {
        "road_users": {
            "time_s": times, "id": ["ego"] * n, "kind": ["car"] * n, "driven": np.ones(n, bool),
            "x_m": 300 + 25 * times, "y_m": np.full(n, -5.6), "z_m": np.zeros(n),
            "heading_rad": np.zeros(n), "speed_mps": np.full(n, 25.0),
            "acceleration_mps2": np.zeros(n),
        },
        "links": {
            "time_s": times, "id": ["ego"] * n, "cell": cell,
            "rsrp_dbm": np.full(n, np.nan if ideal else -80.0),
            "sinr_db": np.full(n, np.nan if ideal else 12.0), "interrupted": np.zeros(n, bool),
        },
        "packets": {
            "packet_id": np.arange(n), "parent_id": np.full(n, -1), "kind": ["cam"] * n,
            "reference": np.full(n, -1), "sender": ["ego"] * n, "receiver": ["server"] * n,
            "size_bytes": np.full(n, 300), "sent_ns": sent_ns, "ended_ns": sent_ns + latency_ns,
            "fate": ["radio" if one else "delivered" for one in lost], "uplink_cell": cell,
            "downlink_cell": [""] * n,
            **{name: np.zeros(n, dtype=np.int64) for name in STAGE_COLUMNS},
            "ul_queue_ns": latency_ns,
        },
        "decisions": {
            "time_s": times, "vehicle": ["ego"] * n, "id": ["ego"] * n, "function": ["acc"] * n,
            "reason": ["follow"] * n, "wanted_acceleration_mps2": np.zeros(n),
            "acceleration_mps2": np.zeros(n), "speed_mps": np.full(n, 25.0),
            "lane_offset_m": np.zeros(n), "gap_m": np.full(n, np.inf), "ttc_s": np.full(n, np.inf),
            "sensed": [[]] * n, "packets": [[]] * n, "message_ages_ms": [[]] * n,
        },
    }  # fmt: skip


HANDOVERS = {
    "time_s": np.array([1.5, 3.0]), "id": ["ego"] * 2, "from_cell": ["west/0", "east/1"],
    "to_cell": ["east/1", "west/0"], "cause": ["a3", "reestablishment"],
    "interruption_ms": np.array([50.0, 400.0]), "ping_pong": np.array([False, False]),
}  # fmt: skip


def make_run(
    folder: Path,
    told: Scenario,
    *,
    complete: bool = True,
    finished: bool = True,
    more: dict[str, dict[str, Any]] | None = None,
) -> Path:
    folder.mkdir()
    write_manifest(
        folder,
        {"complete": complete, "digest": None, "scenario": told.model_dump(mode="json"), "seed": 3},
    )
    recording = Recording(folder)
    ideal = told.network.model == "ideal"
    tables = rows_of_a_drive([] if ideal else ["west/0", "east/1"])
    for table, columns in {**tables, **(more or {})}.items():
        recording.add(table, columns)
    if not ideal:
        recording.add("handovers", HANDOVERS)
    recording.flush()
    streams = {file: file.read_bytes() for file in folder.glob("*.arrows")}
    recording.close()
    if not finished:
        for file, content in streams.items():
            file.with_suffix(".parquet").unlink()
            file.write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "run", scenario("duration_s=40"))


def names(files: list[Path]) -> list[str]:
    return [file.name for file in files]


ALL = ["coverage.png", "drive_ego.png", "distributions.png", "stages.png", "index.html"]


def test_a_run_is_drawn_into_pictures_and_a_page_that_needs_nothing_else(
    run_dir: Path, tmp_path: Path
) -> None:
    drawn = plot_run(run_dir, tmp_path / "deep" / "down")
    assert names(drawn.files) == ALL
    assert drawn.notes == []
    page = drawn.files[-1].read_text()
    embedded = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    pngs = [file.read_bytes() for file in drawn.files[:-1]]
    assert [base64.b64decode(data) for data in embedded] == pngs
    assert all(png.startswith(b"\x89PNG") for png in pngs)
    assert "://" not in page
    assert len(re.findall(r"\b(?:src|href)=", page)) == len(pngs) + 1


def test_names_in_a_scenario_are_text_on_the_page(tmp_path: Path) -> None:
    told = scenario("duration_s=40", "network.model=ideal", "description=<b>&{x} bold")
    page = plot_run(make_run(tmp_path / "run", told), tmp_path / "out").files[-1].read_text()
    assert "<p>&lt;b&gt;&amp;{x} bold</p>" in page


def test_a_drive_shows_what_was_lost_and_each_change_of_cell(run_dir: Path) -> None:
    figure = draw_drive(read_run(run_dir), "ego", ["ego"], {"west/0": "#123456"})
    assert len(figure.axes) == 7
    marks, packets = ([text.get_text() for text in one.get_texts()] for one in figure.legends)
    assert marks == ["handover", "connection failed, or back into coverage", "without service"]
    assert packets == ["CAM to server: 13 of 40 lost"]
    rows = [label.get_text() for label in figure.axes[3].get_yticklabels()]
    assert rows == ["west/0", "east/1"]


def test_remote_driving_shows_who_has_the_wheel_and_what_was_never_shown(tmp_path: Path) -> None:
    tables = {
        "remote_driving": {
            "time_s": np.array([0.1, 0.2, 0.3, 0.4]), "vehicle": ["ego"] * 4,
            "mode": ["on_board", "remote", "minimal_risk", "remote"], "frame": np.arange(4),
            "picture_age_ms": np.array([np.nan, 100.0, 520.0, 90.0]),
            "speed_cap_mps": np.array([np.inf, 30.0, 6.0, 30.0]), "bit_rate_mbps": np.full(4, 5.0),
        },
        "frames": {
            "time_s": np.array([0.1, 0.2]), "vehicle": ["ego"] * 2, "frame": np.arange(2),
            "key_frame": np.array([True, False]), "size_bytes": np.full(2, 9000),
            "collect_ms": np.full(2, 15.0), "encode_ms": np.full(2, 10.0),
            "process_ms": np.array([15.0, np.nan]),
            "glass_to_glass_ms": np.array([60.0, np.nan]), "packets": [[1], [2]],
        },
    }  # fmt: skip
    run = read_run(make_run(tmp_path / "run", scenario(), more=tables))
    assert is_driven_from_afar(run, "ego")
    assert not is_driven_from_afar(run, "other")
    speed, age, _ = draw_remote(run, "ego").axes
    assert len(speed.patches) == 2
    ages, shown, lost = (line.get_xydata() for line in age.lines)
    assert np.asarray(ages)[1:, 1].tolist() == [100.0, 520.0, 90.0]
    assert np.asarray(shown)[0, 1] == 60.0
    assert np.asarray(lost)[:, 0].tolist() == [0.2]


def test_distributions_end_at_the_share_that_arrived(run_dir: Path) -> None:
    latency, sinr, interruption = draw_distributions(read_run(run_dir), "ego", ["ego"]).axes
    assert np.max(latency.lines[0].get_ydata()) == pytest.approx(27 / 40)
    assert np.max(sinr.lines[0].get_ydata()) == 1.0
    assert [len(np.asarray(line.get_xdata())) for line in interruption.lines] == [2, 2]


def test_bars_of_stages_fill_the_whole(run_dir: Path) -> None:
    panels = draw_stages(read_run(run_dir)).axes
    assert panels[0].get_yticklabels()[0].get_text() == "CAM to server\n27"
    for axes in panels:
        bars = [bar for bar in axes.patches if isinstance(bar, Rectangle)]
        ends = [bar.get_x() + bar.get_width() for bar in bars]
        assert [bar.get_x() for bar in bars] == pytest.approx([0.0, *ends[:-1]])
        assert ends[-1] == pytest.approx(1.0)
    # Of 40 evenly from 8 to 90 ms, 27 arrived: those in the middle, the last but one, the last.
    assert [axes.texts[-1].get_text() for axes in panels] == ["49 ms", "86 ms", "90 ms"]


def test_an_ideal_network_has_no_coverage_and_the_drive_is_drawn(tmp_path: Path) -> None:
    told = scenario("duration_s=40", "network.model=ideal")
    drawn = plot_run(make_run(tmp_path / "run", told), tmp_path / "out")
    assert names(drawn.files) == ["drive_ego.png", "index.html"]
    assert drawn.notes[0] == "no coverage map: the network's model is `ideal`, without sites"
    assert "model is `ideal`, without sites" in drawn.files[-1].read_text()
    figure = draw_drive(read_run(tmp_path / "run"), "ego", ["ego"], {})
    assert len(figure.axes) == 4


def test_a_run_that_was_killed_is_drawn_as_far_as_it_came(tmp_path: Path) -> None:
    told = scenario("duration_s=40")
    run = make_run(tmp_path / "run", told, complete=False, finished=False)
    drawn = plot_run(run, tmp_path / "out")
    assert names(drawn.files) == ALL
    assert len(drawn.notes) == 1
    assert "broke off" in drawn.notes[0]


def test_a_run_that_left_no_tables_has_its_coverage(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    told = scenario("duration_s=40").model_dump(mode="json")
    ended = {"ended_by": "SUMO died: gone", "reached_s": 0.0}
    write_manifest(run, {"complete": False, "scenario": told, "seed": 3, **ended})
    drawn = plot_run(run, tmp_path / "out")
    assert names(drawn.files) == ["coverage.png", "distributions.png", "stages.png", "index.html"]
    assert drawn.notes == [
        "the run broke off at 0 s (SUMO died: gone); drawn is what it left",
        "no drive: ego was never on the road",
    ]


def test_without_its_net_a_run_is_drawn_without_coverage(tmp_path: Path) -> None:
    run = tmp_path / "run"
    told = scenario("duration_s=40")
    gone = told.traffic.model_copy(update={"net": tmp_path / "gone.net.xml"})
    make_run(run, told.model_copy(update={"traffic": gone}))
    drawn = plot_run(run, tmp_path / "out")
    assert names(drawn.files) == ALL[1:]
    assert "gone.net.xml" in drawn.notes[0]


def test_a_network_that_can_not_be_built_is_said(tmp_path: Path) -> None:
    told = scenario("duration_s=40", "network.load=[]", "network.cells=[]")
    grid = told.network.model_copy(update={"grid": GridSettings(inter_site_distance_m=20)})
    run = make_run(tmp_path / "run", told.model_copy(update={"network": grid}), complete=False)
    drawn = plot_run(run, tmp_path / "out")
    assert names(drawn.files) == ALL[1:]
    assert "max_sites" in drawn.notes[1]


def refusal(run: Path, out: Path, vehicle: str | None = None) -> str:
    with pytest.raises(BadInput) as caught:
        plot_run(run, out, vehicle)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_what_is_no_run_is_refused_in_a_line(run_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "file").touch()
    assert "no manifest.json" in refusal(tmp_path, out)
    assert "no manifest.json" in refusal(tmp_path / "nowhere", out)
    assert "no manifest.json" in refusal(tmp_path / "file", out)
    for text in ("{", "[]", "{}", '{"scenario": 1}'):
        (tmp_path / "manifest.json").write_text(text)
        assert "manifest.json" in refusal(tmp_path, out)
    older = json.loads((run_dir / "manifest.json").read_text())
    older["scenario"]["network"]["antenna"] = "big"
    (tmp_path / "manifest.json").write_text(json.dumps(older))
    assert "network.antenna" in refusal(tmp_path, out)
    assert "bob" in refusal(run_dir, out, "bob")
    assert "expected one of ego" in refusal(run_dir, out, "bob")
    assert "can't be made" in refusal(run_dir, tmp_path / "file" / "out")
    (tmp_path / "full" / "coverage.png").mkdir(parents=True)
    assert "can't be written" in refusal(run_dir, tmp_path / "full")
    assert not out.exists()


def test_a_table_that_is_no_table_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", scenario("duration_s=40", "network.model=ideal"))
    (run / "packets.parquet").write_bytes(b"PAR1 and then nothing")
    assert "its table packets can't be read" in refusal(run, tmp_path / "out")


def test_the_command_says_what_is_wrong_and_exits_with_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cosim.cli", "plot", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("cosim: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_running_a_scenario_does_not_import_matplotlib() -> None:
    code = "import sys, cosim.cli, cosim.run; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_runs_are_drawn_over_each_other(run_dir: Path, tmp_path: Path) -> None:
    plot_comparison([run_dir, run_dir], tmp_path / "both.png")
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")
