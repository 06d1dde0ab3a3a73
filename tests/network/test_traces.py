"""A measured drive as the link: what is read from a log, and what stations get of it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from network.arrays import Floats
from network.base import Cause, Handovers
from network.packet import (
    AREA,
    NEVER,
    SERVER,
    Fate,
    Packets,
    Positions,
    Receptions,
    Stage,
    joined,
)
from network.settings import NetworkSettings, TraceSettings
from network.traces import Trace, TraceLink, read_trace

MS = 1_000_000
SECOND = 1000 * MS
LOGS = Path(__file__).parents[3] / "shared/data/5g-drive-logs"
needs_logs = pytest.mark.skipif(not LOGS.is_dir(), reason=f"no measured drives in {LOGS}")

HEADER = (
    "Timestamp,Longitude,Latitude,Speed,Operatorname,CellID,NetworkMode,RSRP,RSRQ,SNR,CQI,RSSI,"
    "DL_bitrate,UL_bitrate,State,PINGAVG,PINGMIN,PINGMAX,PINGSTDEV,PINGLOSS,CELLHEX,NODEHEX,"
    "LACHEX,RAWCELLID,NRxRSRP,NRxRSRQ"
)


def logged(second: float, **values: str | float) -> str:
    """One row of a G-NetTrack log, `second` s after 07:30:00, going east at 10 m/s."""
    whole = int(second)
    row: dict[str, str | float] = dict.fromkeys(HEADER.split(","), "-")
    row |= {
        "Timestamp": f"2019.11.22_07.{30 + whole // 60:02d}.{whole % 60:02d}",
        "Longitude": -8.0 + second * 10.0 / 111_195.08 / np.cos(np.radians(52.0)),
        "Latitude": 52.0,
        "NetworkMode": "5G",
        "RSRP": -90,
        "SNR": 10.0,
        "DL_bitrate": 0,
        "UL_bitrate": 0,
        "State": "I",
        "RAWCELLID": 100,
        "NRxRSRP": -95.0,
    }
    return ",".join(str(value) for value in (row | values).values())


def ping(mean: float, least: float | None = None, most: float | None = None) -> dict[str, float]:
    return {
        "PINGAVG": mean,
        "PINGMIN": mean if least is None else least,
        "PINGMAX": mean if most is None else most,
        "PINGLOSS": 0.0,
    }


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def writes(*rows: str, header: str = HEADER) -> Path:
        file = tmp_path / "drive.csv"
        file.write_text("\n".join([header, *rows]) + "\n")
        return file

    return writes


def read(file: Path, **changes: Any) -> Trace:
    return read_trace(TraceSettings.model_validate({"file": file, **changes}))


class Drive:
    """A replayed trace with stations that move evenly along the x axis."""

    def __init__(
        self, file: Path, stations: int = 1, *, seed: int = 1, network: Any = None, **trace: Any
    ) -> None:
        block = {"model": "trace", "trace": {"file": file, **trace}, **(network or {})}
        self.link = TraceLink(NetworkSettings.model_validate(block), seed=seed)
        self.x_m: Floats = np.arange(stations) * 10.0
        self.speed_mps: Floats = np.zeros(stations)
        self.received: list[Receptions] = []
        self.packets: list[Packets] = []
        self.changes: list[Handovers] = []
        for station in range(stations):
            self.link.attach(station, f"car{station}", 1.5, subscribed=True)

    def to(self, *instants_ns: int) -> Drive:
        zero = np.zeros(len(self.x_m))
        for instant in instants_ns:
            here = self.x_m + self.speed_mps * instant * 1e-9
            where = Positions(instant, here, zero, zero, self.speed_mps, zero)
            self.received.append(self.link.advance(instant, where))
            self.packets.append(self.link.finished())
            self.changes.append(self.link.handovers())
        return self

    def table(self) -> Packets:
        every = joined(self.packets)
        return every.take(np.lexsort((every.packet_id, every.ended_ns)))

    def handovers(self) -> Handovers:
        return Handovers._make(np.concatenate(column) for column in zip(*self.changes, strict=True))


def rows(packets: Packets) -> list[tuple[Any, ...]]:
    columns = (np.asarray(column).tolist() for column in vars(packets).values())
    return list(zip(*columns, strict=True))


def took_ms(packets: Packets) -> list[float]:
    return ((packets.ended_ns - packets.sent_ns) / MS).tolist()


# A table of latency and loss


def test_a_row_of_a_table_holds_until_the_next_and_the_last_is_followed_by_the_first(
    write: Any,
) -> None:
    file = write("0,20", "1,30", "2,40", header="time_s,latency_ms")
    drive = Drive(file, network={"core": {"server_ms": 0.0}})
    drive.link.send(0, 300, np.arange(8) * SECOND // 2 + MS)
    packets = drive.to(5 * SECOND).table()
    assert took_ms(packets.take(np.argsort(packets.packet_id))) == [20, 20, 30, 30, 40, 40, 20, 20]
    assert (packets.stage_ns[:, Stage.UL_AIR] == packets.ended_ns - packets.sent_ns).all()
    assert drive.link.cell_names == ()
    state = drive.link.station_state()
    assert state.serving_cell[0] == -1
    assert state.interrupted_until_ns[0] <= drive.link.now_ns


def test_a_table_may_differ_up_and_down_and_begin_anywhere(write: Any) -> None:
    file = write(
        "100,30,10,0",
        "101,50,20,1",
        header="time_s,uplink_latency_ms,downlink_latency_ms,downlink_loss",
    )
    drive = Drive(file, 2, start_s=0.5)
    drive.link.send(0, 300, [100 * MS, 600 * MS], to=1)
    packets = drive.to(SECOND).table()
    assert took_ms(packets) == [30 + 1 + 10, 50 + 1 + 20]
    assert packets.fate.tolist() == [Fate.DELIVERED, Fate.RADIO]
    # The server's own time is the scenario's; a log knows nothing of it.
    assert (packets.stage_ns[:, Stage.SERVER] == MS).all()
    assert packets.stage_ns[0, Stage.DL_AIR] == 10 * MS
    assert drive.link.least_latency_ns == 10 * MS


def test_losses_come_as_often_as_the_table_says(write: Any) -> None:
    file = write("0,5,0.3", header="time_s,latency_ms,loss")
    drive = Drive(file)
    drive.link.send(0, 300, np.arange(4000) * MS)
    fates = drive.to(5 * SECOND).table().fate
    # Three standard deviations of a binomial are 0.022.
    assert (fates == Fate.RADIO).mean() == pytest.approx(0.3, abs=0.022)
    assert set(fates.tolist()) == {Fate.RADIO, Fate.DELIVERED}


def test_without_a_latency_there_is_no_service(write: Any) -> None:
    file = write("0,20", "1,-", "2,20", "9,20", header="time_s,latency_ms")
    drive = Drive(file, 2)
    drive.link.send(0, 300, [900 * MS, 1200 * MS, 1900 * MS])
    drive.link.send(SERVER, 300, 1500 * MS, to=1)
    drive.to(1950 * MS)
    assert (drive.link.station_state().interrupted_until_ns[:2] == NEVER).all()
    packets = drive.to(3 * SECOND).table()
    packets = packets.take(np.argsort(packets.sent_ns))
    # The discard timer of 300 ms runs out, but for the one sent 250 ms before service is back:
    # 100 ms of no service, then re-establishment.
    assert packets.fate.tolist() == [
        Fate.DELIVERED,
        Fate.NO_COVERAGE,
        Fate.NO_COVERAGE,
        Fate.DELIVERED,
    ]
    assert took_ms(packets) == [21, 300, 300, 100 + 150 + 21]
    assert packets.stage_ns[3, Stage.INTERRUPTION] == 250 * MS
    assert drive.handovers().station.size == 0


# A log of G-NetTrack


def test_each_row_gets_the_nearest_ping_of_its_technology(write: Any) -> None:
    lte = {"NetworkMode": "LTE"}
    trace = read(
        write(
            logged(0),
            logged(1, **ping(80, 70, 100)),
            logged(2),
            logged(3),
            logged(5, **ping(60)),
            logged(6, **lte),
            logged(7, **lte, **ping(90)),
            logged(8),  # 5G again, without a ping of its own: the median of 5G
            logged(9, NetworkMode="HSPA+"),  # has none anywhere: the median of all
        ),
        uplink_share=0.6,
    )
    mean = trace.up_ms[:, 1] + trace.down_ms[:, 1]
    assert mean.tolist() == pytest.approx([80, 80, 80, 60, 60, 90, 90, 70, 80])
    assert trace.up_ms[2].tolist() == pytest.approx([42, 48, 60])
    assert trace.down_ms[2].tolist() == pytest.approx([28, 32, 40])
    assert trace.cell_names == ("5G/100", "LTE/100", "3G/100")


def test_a_ping_is_no_news_after_half_a_minute(write: Any) -> None:
    seconds = [*range(0, 90, 2), *range(90, 100, 2)]
    trace = read(
        write(
            *(logged(s, **(ping(50) if s == 0 else ping(100) if s > 94 else {})) for s in seconds)
        )
    )
    mean = 2 * trace.up_ms[:, 1]
    at = dict(zip(seconds, mean.tolist(), strict=True))
    assert (at[30], at[32], at[64], at[66]) == (50, 100, 100, 100)  # the median of 50, 100, 100


def test_a_ping_s_loss_is_shared_by_both_ways(write: Any) -> None:
    lost = {"PINGLOSS": 100.0}
    half = ping(80) | {"PINGLOSS": 36.0}
    file = write(logged(0, **half), logged(14, **lost), logged(28, **ping(70)))
    trace = read(file, gap_s=20)
    assert trace.up_loss.tolist() == pytest.approx([0.2, 1.0, 0.0])
    assert (1 - (1 - trace.up_loss) * (1 - trace.down_loss)).tolist() == pytest.approx([0.36, 1, 0])
    # A burst that was lost leaves the round trip to its neighbours.
    assert trace.up_ms[1, 1] in (40, 35)


def test_a_log_without_pings_needs_a_round_trip(write: Any) -> None:
    file = write(logged(0), logged(1))
    with pytest.raises(ValueError, match=r"no answered ping.*rtt_ms_without_pings"):
        read(file)
    trace = read(file, rtt_ms_without_pings=50)
    assert trace.up_ms.tolist() == [[25, 25, 25]] * 2
    assert (trace.up_loss == 0).all()


def test_the_bit_rate_of_an_idle_phone_is_no_capacity(write: Any) -> None:
    trace = read(
        write(
            logged(0, DL_bitrate=40_000, UL_bitrate=500, State="D", **ping(80)),
            logged(1, DL_bitrate=40_000, State="I"),
            logged(2, DL_bitrate=0, State="D"),
            logged(3, DL_bitrate=999, State="D"),
        )
    )
    assert trace.down_kbps.tolist() == [40_000, np.inf, np.inf, np.inf]
    assert (trace.up_kbps == np.inf).all()


def test_rows_of_one_second_share_it_and_missing_values_stay_missing(write: Any) -> None:
    trace = read(
        write(
            logged(0, **ping(80)),
            logged(1, RSRP="-", NRxRSRP="2147483647.0"),
            logged(1.5, SNR="-"),
            logged(2),
        )
    )
    assert trace.time_s.tolist() == [0, 1, 1.5, 2]
    assert np.isnan(trace.rsrp_dbm).tolist() == [False, True, False, False]
    assert np.isnan(trace.sinr_db).tolist() == [False, False, True, False]
    assert np.isnan(trace.neighbour_rsrp_dbm).tolist() == [False, True, False, False]


def test_a_gap_in_the_log_is_a_time_without_service(write: Any) -> None:
    trace = read(write(logged(0, **ping(80)), logged(1), logged(21), logged(22)))
    assert trace.time_s.tolist() == [0, 1, 2, 21, 22]
    assert trace.served.tolist() == [True, True, False, True, True]
    assert trace.distance_m is not None
    assert trace.distance_m.tolist() == pytest.approx([0, 10, 20, 210, 220], rel=1e-3)
    assert read(write(logged(0, **ping(80)), logged(4), logged(5))).served.all()


@pytest.mark.parametrize(
    ("row", "line", "says"),
    [
        (logged(1, RSRP="weak"), 3, "RSRP 'weak'; expected a number or `-`"),
        (logged(1, PINGLOSS=120), 3, "PINGLOSS '120'; expected a number or `-` from 0 to 100"),
        (logged(1, Latitude=520), 3, "Latitude '520'; expected"),
        (logged(1, **ping(80, 90, 100)), 3, "PINGMIN 90, PINGAVG 80, PINGMAX 100; expected them"),
        (logged(1, Timestamp="soon"), 3, "Timestamp 'soon'; expected one like 2019.11.22_07.30.04"),
        (logged(1, DL_bitrate=-5), 3, "DL_bitrate '-5'; expected"),
        (logged(1, SNR="nan"), 3, "SNR 'nan'; expected a number"),
        ("2019.11.22_07.30.04,-8.3", 3, "2 values; expected 26 as in the header"),
        (logged(-60), 3, "is before the last one"),
    ],
)
def test_what_is_wrong_in_a_log_is_told_with_line_and_column(
    write: Any, row: str, line: int, says: str
) -> None:
    file = write(logged(0, **ping(80)), row)
    with pytest.raises(ValueError, match="expected") as caught:
        read(file)
    text = str(caught.value)
    assert text.startswith(f"{file}:{line}: ")
    assert says in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ":1: no rows"),
        ("time_s,latency_ms\n", ":1: no rows"),
        ("a,b\n1,2\n", ":1: neither a column Timestamp"),
        ("Timestamp,RSRP\n1,2\n", ":1: no column Longitude; expected Timestamp, "),
        ("time_s,loss\n0,0\n", ":1: no latency; expected latency_ms"),
        ("time_s,latncy_ms\n0,1\n", ":1: unknown column 'latncy_ms'; expected one of time_s"),
        ("time_s,latency_ms\n0,1\n0,1\n", ":3: time_s 0 after 0; expected more"),
        ("time_s,latency_ms,loss\n0,1,1.5\n", ":2: loss '1.5'; expected a number or `-` from 0 to"),
        ("time_s,latency_ms\n-,1\n", ":2: time_s '(none)'; expected a number"),
        ("time_s,latency_ms\n0,-\n", ": no service in any row"),
        ("time_s,latency_ms\n0,-4\n", ":2: latency_ms '-4'; expected"),
        ("time_s,time_s\n0,1\n", ":1: two columns time_s"),
    ],
)
def test_what_is_wrong_in_a_table_is_told(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "drive.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match="expected") as caught:
        read(file)
    assert f"{file}{says}" in str(caught.value)


def test_what_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "drive.csv"
    with pytest.raises(ValueError, match="can't be read as CSV"):
        read(file)
    file.write_bytes(b"time_s,latency_ms\n\xff\xfe,1\n")
    with pytest.raises(ValueError, match="can't be read as CSV"):
        read(file)


def test_settings_that_contradict_are_refused(write: Any) -> None:
    with pytest.raises(ValueError, match="no trace is given"):
        NetworkSettings.model_validate({"model": "trace"})
    with pytest.raises(ValueError, match="has start_m; expected start_s"):
        TraceSettings.model_validate({"file": "drive.csv", "start_m": 5})
    file = write("0,20", "1,20", header="time_s,latency_ms")
    with pytest.raises(ValueError, match="no positions"):
        read(file, follow="distance")
    file = write("0,20,5", "1,20,5", header="time_s,latency_ms,distance_m")
    with pytest.raises(ValueError, match="a drive of 0 m; expected 1 or more to follow distance"):
        read(file, follow="distance")
    with pytest.raises(ValueError, match="a drive of 2 s; expected start_s in it, not 2"):
        read(file, start_s=2)
    file = write("0,20", "1e-9,20", header="time_s,latency_ms")
    with pytest.raises(ValueError, match=r"a drive of 2e-09 s; expected 0\.1 or more"):
        read(file)


# Replay


def test_latencies_are_drawn_between_a_burst_s_least_and_most_around_its_mean(write: Any) -> None:
    file = write(logged(0, **ping(80, 70, 130)), logged(1))
    spread, even = Drive(file), Drive(file, spread=False)
    for drive in (spread, even):
        drive.link.send(0, 100, np.arange(4000) * MS // 2)
        drive.to(3 * SECOND)
    drawn = np.array(took_ms(spread.table())) - 1.0  # without the server
    assert 35.0 <= drawn.min() < 35.1
    assert 64.5 < drawn.max() <= 65.0
    # Below the mean with probability 5/6, evenly from 35 to 40; else evenly up to 65.
    assert (drawn < 40.0).mean() == pytest.approx(5 / 6, abs=0.02)
    assert drawn.mean() == pytest.approx(40.0, abs=0.4)
    assert set(took_ms(even.table())) == {41.0}
    assert spread.link.least_latency_ns == 35 * MS


def test_packets_follow_one_another_at_the_measured_rate(write: Any) -> None:
    busy = {"DL_bitrate": 12_000, "State": "D"}
    file = write(logged(0, **busy, **ping(40)), logged(1, **busy))
    drive = Drive(file, 2)
    # 1500 B at 12 Mbit/s take 1 ms.
    drive.link.send(SERVER, 1500, [0, 0, 0, 500 * MS], to=0)
    drive.link.send(SERVER, 1500, 0, to=1)
    drive.link.send(1, 1500, [0, 0])
    packets = drive.to(SECOND).table()
    packets = packets.take(np.argsort(packets.packet_id))
    assert took_ms(packets) == [21, 22, 23, 21, 21, 21, 21]
    assert packets.stage_ns[:4, Stage.DL_QUEUE].tolist() == [0, MS, 2 * MS, 0]
    assert packets.stage_ns[:4, Stage.DL_AIR].tolist() == [21 * MS] * 4


def test_what_doesn_t_get_on_the_air_in_time_is_dropped(write: Any) -> None:
    file = write(logged(0, DL_bitrate=1200, State="D", **ping(40)), logged(1))
    drive = Drive(file)
    # 15 kB at 1.2 Mbit/s take 100 ms: the fourth goes on the air at its deadline of 300 ms.
    drive.link.send(SERVER, 15_000, np.zeros(5, dtype=np.int64), to=0)
    drive.link.send(SERVER, 150, 350 * MS, to=0)
    packets = drive.to(SECOND).table()
    packets = packets.take(np.argsort(packets.packet_id))
    assert packets.fate.tolist() == [Fate.DELIVERED] * 4 + [Fate.EXPIRED, Fate.DELIVERED]
    assert took_ms(packets) == [120, 220, 320, 420, 300, 50 + 1 + 20]
    assert packets.stage_ns[4, Stage.DL_QUEUE] == 300 * MS


def handed_over(write: Any) -> Path:
    other, lte = {"RAWCELLID": 200}, {"NetworkMode": "LTE"}
    return write(  # type: ignore[no-any-return]
        logged(0, **ping(40)),
        logged(1, **other, **ping(40), RSRP=-80),
        logged(2, **other, **lte, **ping(60)),
        logged(3, NetworkMode="-", RAWCELLID="-"),
        logged(4, **ping(40)),
        logged(5),
    )


def test_changes_of_cell_and_technology_interrupt(write: Any) -> None:
    drive = Drive(handed_over(write), network={"core": {"server_ms": 0.0}}, spread=False)
    drive.link.send(0, 100, [1010 * MS, 2010 * MS, 3800 * MS])
    drive.to(1001 * MS)
    state = drive.link.station_state()
    assert drive.link.cell_names[int(state.serving_cell[0])] == "5G/200"
    assert state.rsrp_dbm[0] == -80
    assert state.sinr_db[0] == 10
    assert state.neighbour_rsrp_dbm[0] == -95
    assert state.interrupted_until_ns[0] == 1055 * MS
    drive.to(3500 * MS)
    state = drive.link.station_state()
    assert state.serving_cell[0] == -1
    assert np.isnan(state.rsrp_dbm[0])
    assert state.interrupted_until_ns[0] == NEVER
    drive.to(5 * SECOND)

    changes = drive.handovers()
    names = drive.link.cell_names
    assert [names[cell] for cell in changes.from_cell] == ["5G/100", "5G/200", "LTE/200"]
    assert [names[cell] for cell in changes.to_cell] == ["5G/200", "LTE/200", "5G/100"]
    assert changes.instant_ns.tolist() == [SECOND, 2 * SECOND, 3 * SECOND]
    assert changes.cause.tolist() == [Cause.MEASURED, Cause.MEASURED, Cause.REESTABLISHMENT]
    assert (changes.interruption_ns / MS).tolist() == [55, 100, 1150]
    assert not changes.ping_pong.any()

    packets = drive.table()
    assert (packets.stage_ns[:, Stage.INTERRUPTION] / MS).tolist() == [45, 90, 300]
    assert packets.fate.tolist() == [Fate.DELIVERED, Fate.DELIVERED, Fate.EXPIRED]
    assert took_ms(packets) == [45 + 20, 90 + 30, 300]
    assert [names[cell] if cell >= 0 else "" for cell in packets.cell_up] == [
        "5G/200",
        "LTE/200",
        "",
    ]


def test_coming_back_at_once_is_a_ping_pong(write: Any) -> None:
    file = write(logged(0, **ping(40)), logged(1, RAWCELLID=2), logged(1.5), logged(3), logged(4))
    changes = Drive(file).to(3 * SECOND).handovers()
    assert changes.ping_pong.tolist() == [False, True]


def test_by_distance_a_station_is_where_the_drive_came_as_far(write: Any) -> None:
    header = "time_s,latency_ms,distance_m"
    file = write("0,10,0", "1,20,50", "60,30,50", "61,40,100", header=header)
    network = {"core": {"server_ms": 0.0}}
    drive = Drive(file, 3, network=network, follow="distance", start_m=10.0)
    drive.speed_mps[:] = [0.0, 20.0, 40.0]
    for station in range(3):
        drive.link.send(station, 100, [990 * MS, 3003 * MS])
    drive.to(1500 * MS, 2 * SECOND, 5 * SECOND)
    packets = drive.table().take(np.argsort(drive.table().packet_id))
    # The drive stood still at 50 m: what counts is the row it left with. It ends at 133 m.
    assert took_ms(packets) == [10, 10, 10, 30, 10, 40]
    # Who comes later begins at the beginning.
    drive.link.attach(3, "late", 1.5, subscribed=False)
    drive.x_m, drive.speed_mps = np.zeros(4), np.append(drive.speed_mps, 20.0)
    drive.link.send(3, 100, 6001 * MS)
    assert took_ms(drive.to(7 * SECOND).packets[-1]) == [10]


def test_staggered_stations_begin_at_places_of_their_own(write: Any) -> None:
    file = write(*(f"{k},{k + 1}" for k in range(100)), header="time_s,latency_ms")
    first = Drive(file, 40, stagger=True)
    first.link.send(np.arange(40), 100, MS)
    took = np.array(took_ms(first.to(SECOND).table()))
    assert len(np.unique(took)) > 20
    assert took.min() < 25 < 75 < took.max()
    alone = Drive(file, 7, stagger=True)
    alone.link.send(6, 100, MS)
    packets = first.table()
    assert took_ms(alone.to(SECOND).table()) == took_ms(packets.take(packets.sender == 6))


def test_an_area_is_reached_by_way_of_the_server(write: Any) -> None:
    drive = Drive(write("0,20", header="time_s,latency_ms"), 4)
    drive.link.send(0, 300, 0, to=AREA, radius_m=25.0)
    packets = drive.to(SECOND).table()
    assert packets.receiver.tolist() == [SERVER, 1, 2]
    assert took_ms(packets) == [21, 41, 41]
    assert packets.parent_id.tolist() == [-1, 0, 0]


def test_packets_of_a_station_that_leaves(write: Any) -> None:
    drive = Drive(write("0,20", header="time_s,latency_ms"), 3)
    drive.link.send(0, 300, 0, to=1)
    drive.link.send(1, 300, 0)
    drive.to(10 * MS)
    drive.link.detach(1)
    left = drive.link.finished()
    assert left.fate.tolist() == [Fate.LEFT, Fate.LEFT]
    assert (left.stage_ns.sum(axis=1) == 10 * MS).all()
    drive.link.attach(1, "other", 1.5, subscribed=True)
    drive.link.attach(200, "far along", 1.5, subscribed=False)  # the tables grow
    drive.x_m, drive.speed_mps = np.zeros(201), np.zeros(201)
    drive.link.send([1, 200], 300, 20 * MS)
    assert took_ms(drive.to(SECOND).table()) == [21, 21]


# One fate for each packet, its stages to the nanosecond, however time is cut


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short log in which everything happens."""
    file = tmp_path_factory.mktemp("trace") / "eventful.csv"
    busy = {"State": "D", "DL_bitrate": 1_700, "UL_bitrate": 1_300}
    file.write_text(
        "\n".join(
            [
                HEADER,
                logged(0, **ping(80, 60, 190), **busy),
                logged(0.5, RAWCELLID=7, **busy),
                logged(1, NetworkMode="LTE", **(ping(90, 85, 99) | {"PINGLOSS": 60})),
                logged(1.5, NetworkMode="-"),
                logged(2, RAWCELLID=7),
            ]
        )
    )
    return file


@pytest.fixture(scope="module")
def uncut(eventful: Path) -> dict[str, Drive]:
    """The eventful drive in one piece."""
    return {
        follow: eventful_drive(eventful, follow).to(4 * SECOND) for follow in ("time", "distance")
    }


def eventful_drive(file: Path, follow: str, seed: int = 3) -> Drive:
    drive = Drive(
        file, 4, seed=seed, follow=follow, network={"scheduling": {"discard_timer_ms": 200}}
    )
    drive.speed_mps[:] = [7.13, 0.0, 13.37, -3.01]
    every = np.arange(0, 3 * SECOND, 37 * MS)
    for station in range(4):
        drive.link.send(station, 300 + 1100 * station, every + station * MS)
    drive.link.send(1, 900, every, to=AREA, radius_m=25.0)
    drive.link.send(0, 6000, every, to=3)
    drive.link.send(SERVER, 3200, every, to=2)
    return drive


@pytest.mark.parametrize("follow", ["time", "distance"])
@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(1, 4 * SECOND - 1), max_size=25))
def test_does_not_depend_on_how_time_is_cut(
    eventful: Path, uncut: dict[str, Drive], follow: str, cuts: list[int]
) -> None:
    whole = uncut[follow]
    drive = eventful_drive(eventful, follow).to(*sorted({*cuts, 4 * SECOND}))
    assert rows(drive.table()) == rows(whole.table())
    for ours, theirs in zip(drive.handovers(), whole.handovers(), strict=True):
        assert ours.tolist() == theirs.tolist()
    edges = [0, *sorted({*cuts, 4 * SECOND})]
    for received, (begin, end) in zip(drive.received, pairwise(edges), strict=True):
        assert ((received.received_ns > begin) & (received.received_ns <= end)).all()


@pytest.mark.parametrize("follow", ["time", "distance"])
def test_the_eventful_drive_sees_everything(uncut: dict[str, Drive], follow: str) -> None:
    drive = uncut[follow]
    packets = drive.table()
    for fate in (Fate.DELIVERED, Fate.RADIO, Fate.NO_COVERAGE, Fate.EXPIRED):
        assert (packets.fate == fate).any(), fate.name
    assert (packets.stage_ns >= 0).all()
    used = {Stage(stage).name for stage in np.flatnonzero(packets.stage_ns.any(axis=0))}
    assert used == {"UL_QUEUE", "UL_AIR", "INTERRUPTION", "SERVER", "DL_QUEUE", "DL_AIR"}
    assert {int(cause) for cause in drive.handovers().cause} == {
        Cause.MEASURED,
        Cause.REESTABLISHMENT,
    }


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 6), st.lists(st.integers(1, 3990), min_size=1, max_size=6), st.data())
def test_each_packet_has_one_fate_and_its_stages_add_up(
    eventful: Path, seed: int, cuts_ms: list[int], data: st.DataObject
) -> None:
    drive = eventful_drive(eventful, "time", seed)
    leaving = data.draw(st.integers(0, 3))
    when = data.draw(st.sampled_from(sorted(set(cuts_ms))))
    for cut in sorted(set(cuts_ms)):
        drive.to(cut * MS)
        if cut == when:
            drive.link.detach(leaving)
    ended, rest = joined([*drive.packets, drive.link.finished()]), drive.link.unfinished()
    assert (ended.fate != Fate.IN_FLIGHT).all()
    assert (rest.fate == Fate.IN_FLIGHT).all()
    ids = np.concatenate([ended.packet_id, rest.packet_id])
    assert len(np.unique(ids)) == len(ids)
    assert set(range(7 * 82)) == set(ids[ids < 1 << 40].tolist())
    for packets in (ended, rest):
        assert (packets.stage_ns >= 0).all()
        total = packets.stage_ns.sum(axis=1)
        assert total.tolist() == (packets.ended_ns - packets.sent_ns).tolist()
    delivered = ended.take(ended.fate == Fate.DELIVERED)
    assert (delivered.ended_ns - delivered.sent_ns >= drive.link.least_latency_ns).all()
    received = np.concatenate([part.packet_id for part in drive.received])
    assert sorted(received.tolist()) == sorted(delivered.packet_id.tolist())


def test_another_packet_does_not_draw_anew_and_another_seed_does(write: Any) -> None:
    file = write(logged(0, **(ping(80, 70, 130) | {"PINGLOSS": 20})), logged(1))
    sent = np.arange(0, SECOND, 50 * MS)
    alone, busy, other = Drive(file, 2), Drive(file, 2), Drive(file, 2, seed=2)
    for drive in (alone, other):
        drive.link.send(0, 100, sent)
    busy.link.send(1, 100, sent)
    busy.link.send(0, 100, sent + MS)
    busy.link.send(0, 100, sent)
    ends = [
        sorted((p.sent_ns, p.ended_ns, p.fate) for p in _each(drive.to(2 * SECOND).table(), sent))
        for drive in (alone, busy, other)
    ]
    assert ends[0] == ends[1]
    assert ends[0] != ends[2]


def _each(packets: Packets, sent_ns: Any) -> list[Any]:
    mine = packets.take((packets.sender == 0) & np.isin(packets.sent_ns, sent_ns))
    return [mine.take(np.array([k])) for k in range(len(mine))]


# The measured drives themselves


@needs_logs
def test_every_measured_drive_can_be_replayed() -> None:
    files = sorted(LOGS.glob("*.csv"))
    assert files
    for file in files:
        for follow in ("time", "distance"):
            trace = read(file, follow=follow, rtt_ms_without_pings=80)
            assert trace.served.all()  # the logs have no gap of more than 4 s
            assert trace.distance_m is not None
            assert (np.diff(trace.time_s) > 0).all()
            assert (np.diff(trace.distance_m) >= 0).all()


def logged_in(file: Path, column: str) -> list[float]:
    header, *lines = (line.split(",") for line in file.read_text().splitlines())
    place = header.index(column)
    return [float(line[place]) for line in lines if line[place] != "-"]


@needs_logs
def test_as_much_is_lost_over_the_drives_as_their_pings_lost() -> None:
    lost_s = length_s = 0.0
    lost_percent: list[float] = []
    for file in sorted(LOGS.glob("*.csv")):
        if not (logged_losses := logged_in(file, "PINGLOSS")):
            continue
        lost_percent += logged_losses
        trace = read(file)
        lasts_s = np.diff(trace.time_s, append=trace.end_s)
        lost_s += float(lasts_s @ (1 - (1 - trace.up_loss) * (1 - trace.down_loss)))
        length_s += trace.end_s
    # Bursts come 13 to 18 s apart, so that each speaks for another stretch of time.
    assert lost_s / length_s == pytest.approx(np.mean(lost_percent) / 100, abs=0.002)


@needs_logs
@pytest.mark.parametrize("spread", [False, True])
def test_replayed_round_trips_have_the_quantiles_of_the_pings(spread: bool) -> None:
    """All drives with pings; stations all over them send one packet up and get one down."""
    replayed_ms, pinged_ms = [], []
    for seed, file in enumerate(sorted(LOGS.glob("*.csv"))):
        pings = logged_in(file, "PINGAVG")
        if not pings:
            continue
        pinged_ms += pings
        stations = np.arange(round(read(file).end_s))
        drive = Drive(
            file,
            len(stations),
            seed=seed,
            stagger=True,
            spread=spread,
            network={"core": {"server_ms": 0.0}},
            cell_change_ms=0,
            technology_change_ms=0,
        )
        drive.link.send(stations, 100, MS)
        drive.link.send(SERVER, 100, MS, to=stations)
        packets = drive.to(3 * SECOND).table()
        # A round trip is a packet up and one down.
        order = np.lexsort((packets.sender, np.maximum(packets.sender, packets.receiver)))
        way_ns = (packets.ended_ns - packets.sent_ns)[order].reshape(-1, 2).sum(axis=1)
        there = (packets.fate[order].reshape(-1, 2) == Fate.DELIVERED).all(axis=1)
        replayed_ms += (way_ns[there] / MS).tolist()
    ours, theirs = (np.quantile(values, [0.05, 0.5, 0.95]) for values in (replayed_ms, pinged_ms))
    assert ours == pytest.approx(theirs, rel=0.05)
