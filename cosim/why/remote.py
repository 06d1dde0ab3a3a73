"""Behind a decision of a remotely driven car: the driver's command, and the picture behind that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cosim.why.packets import WORTH_MS, Carried, carried, finite
from cosim.why.tables import RunTables

# A picture that has been on its way for so much longer than the run's fastest is late: the rate
# control of the video takes it for a queue, too.
_LATE_MS = 50.0
_MOST_UNHEARD = 3
_SAME_S = 1e-6


@dataclass(frozen=True)
class Picture:
    """A frame of the video: the way to the screen, and its packets.

    `stages_ms` add up to the time from the camera to the screen: camera, encoder, network (until
    its last packet has come), order (until what it refers to could be decoded, at last the frame
    `held_up_by`), desk (from the server to where the driver sits) and decoder. A picture that was
    never shown has no `shown_s` and only the first of them. `fates` counts what became of its
    packets. `slowest` is the one that came last or, of those lost, the first: its `fragment`-th.
    """

    frame: int
    captured_s: float
    key_frame: bool
    size_bytes: int
    shown_s: float | None
    stages_ms: dict[str, float]
    held_up_by: int | None
    packets: int
    fates: dict[str, int]
    fragment: int
    slowest: Carried


@dataclass(frozen=True)
class Command:
    """A command of the remote driver's and the packet that carried it.

    It answers the picture `acted_on`, `acted_on_age_ms` old when it was given; by then the newest
    on the screen was `on_screen`. The acceleration is that in the direction of the gear.
    """

    given_s: float
    acceleration_mps2: float
    steering_rad: float
    backwards: bool
    on_screen: int
    acted_on: int
    acted_on_age_ms: float
    packet: Carried


@dataclass(frozen=True)
class RemoteDrive:
    """What a remotely driven car had of its driver at an instant.

    Args:
        mode: who had the wheel.
        frame: the picture behind the newest command; None if none had come.
        picture_age_ms: its age then.
        given_count: how many commands the driver had given by then.
        commands: those that the decision names, or else the newest that had come.
        pictures: those that these answer, in the same order.
        unheard: commands given since that picture was taken that were lost, or should have come
            by then; the oldest.
        unheard_count: how many there are.
        unseen: pictures taken since that should have been on the screen by then and weren't: the
            oldest, and the first key frame after it.
        unseen_count: how many there are.
    """

    mode: str
    frame: int | None
    picture_age_ms: float | None
    given_count: int
    commands: list[Command]
    pictures: list[Picture]
    unheard: list[Command]
    unheard_count: int
    unseen: list[Picture]
    unseen_count: int


def remote_drive(
    tables: RunTables, vehicle: str, now_s: float, ages_ms: dict[int, float]
) -> RemoteDrive | None:
    """What a vehicle had of its remote driver at an instant; None if it isn't driven from afar.

    Args:
        tables: the run's.
        vehicle: the driven vehicle.
        now_s: the instant [s].
        ages_ms: the packets that the decision then names, and their age.
    """
    drives = _own(tables.remote_driving, vehicle)
    drives = drives[drives["time_s"] <= now_s + _SAME_S]
    if drives.empty:
        return None
    state: Any = drives.iloc[-1]
    frames = _frames(tables, vehicle)
    given = _given(tables, vehicle, frames, now_s)
    heard = given[given["in_car"]]
    answered = given[given["packet_id"].isin(list(ages_ms))].sort_values("time_s", ascending=False)
    if answered.empty:
        answered = heard.iloc[-1:]
    since_s = -np.inf
    if len(heard):
        since_s = float(frames.loc[heard["frame"].iloc[-1], "time_s"])
    unheard, unseen = _unheard(given, since_s, now_s), _unseen(frames, since_s, now_s)
    desk_ms = 0.0 if given.empty else 1e3 * float((given["sent_s"] - given["time_s"]).iloc[0])

    def picture(number: int) -> Picture:
        return _picture(tables, frames, number, desk_ms)

    def command(row: dict[Any, Any]) -> Command:
        return _command(tables, row, ages_ms)

    commands = [command(row) for row in answered.to_dict("records")]
    known = state["frame"] >= 0
    return RemoteDrive(
        mode=str(state["mode"]),
        frame=int(state["frame"]) if known else None,
        picture_age_ms=finite(state["picture_age_ms"]),
        given_count=len(given),
        commands=commands,
        pictures=[picture(one.acted_on) for one in commands],
        unheard=[command(row) for row in unheard.head(_MOST_UNHEARD).to_dict("records")],
        unheard_count=len(unheard),
        unseen=[picture(number) for number in _telling(unseen)],
        unseen_count=len(unseen),
    )


def _own(table: pd.DataFrame, vehicle: str) -> pd.DataFrame:
    return table[table["vehicle"] == vehicle]


def _frames(tables: RunTables, vehicle: str) -> pd.DataFrame:
    """The frames, by number; of a run that goes on, those whose packets are all recorded."""
    frames = _own(tables.frames, vehicle).set_index("frame").sort_index()
    known = set(tables.packets.index)
    recorded: pd.DataFrame = frames[[known.issuperset(own) for own in frames["packets"]]]
    return recorded


def _given(tables: RunTables, vehicle: str, frames: pd.DataFrame, now_s: float) -> pd.DataFrame:
    """The commands given by an instant, and whether they had come to the car by then.

    Of a run that goes on, those whose packet and pictures are recorded.
    """
    given = _own(tables.remote_commands, vehicle)
    given = given[
        (given["time_s"] <= now_s + _SAME_S)
        & given["packet_id"].isin(tables.packets.index)
        & given["frame"].isin(frames.index)
        & given["acted_on_frame"].isin(frames.index)
    ].sort_values("time_s")
    packets = tables.packets.loc[given["packet_id"]]
    delivered = (packets["fate"] == "delivered").to_numpy()
    ended_s = packets["ended_ns"].to_numpy() * 1e-9
    return given.assign(
        lost=~delivered & (packets["fate"] != "in_flight").to_numpy(),
        in_car=delivered & (ended_s <= now_s + _SAME_S),
        sent_s=packets["sent_ns"].to_numpy() * 1e-9,
    )


def _unheard(given: pd.DataFrame, since_s: float, now_s: float) -> pd.DataFrame:
    """Commands given since an instant that were lost, or should have come and would be newer."""
    newer = ~(given["time_s"] <= given["time_s"][given["in_car"]].max())
    due = (given["time_s"] > since_s) & (given["sent_s"] < now_s - WORTH_MS / 1e3)
    unheard: pd.DataFrame = given[due & ~given["in_car"] & (given["lost"] | newer)]
    return unheard


def _unseen(frames: pd.DataFrame, since_s: float, now_s: float) -> pd.DataFrame:
    """Pictures taken since an instant that should have been on the screen by now, and weren't."""
    took_s = frames["glass_to_glass_ms"] / 1e3
    expected_s = np.nan_to_num(took_s.min()) + _LATE_MS / 1e3
    # Comparing with what was never shown is false.
    shown = frames["time_s"] + took_s <= now_s
    due = (frames["time_s"] > since_s) & (frames["time_s"] + expected_s < now_s)
    unseen: pd.DataFrame = frames[due & ~shown]
    return unseen


def _telling(unseen: pd.DataFrame) -> list[int]:
    """The first of some frames, and the first of them after it that needs no other."""
    first = unseen.index[:1].tolist()
    later = unseen.iloc[1:]
    return [int(frame) for frame in first + later.index[later["key_frame"]].tolist()[:1]]


def _command(tables: RunTables, row: dict[Any, Any], ages_ms: dict[int, float]) -> Command:
    packet = int(row["packet_id"])
    return Command(
        given_s=float(row["time_s"]),
        acceleration_mps2=float(row["acceleration_mps2"]),
        steering_rad=float(row["steering_rad"]),
        backwards=bool(row["backwards"]),
        on_screen=int(row["frame"]),
        acted_on=int(row["acted_on_frame"]),
        acted_on_age_ms=round(float(row["acted_on_age_ms"]), 3),
        packet=carried(tables, packet, ages_ms.get(packet)),
    )


def _picture(tables: RunTables, frames: pd.DataFrame, number: int, desk_ms: float) -> Picture:
    """A frame's way to the screen."""
    frame: Any = frames.loc[number]
    packets = tables.packets.loc[list(frame["packets"])]
    fates = packets["fate"].astype(str)
    arrived = (fates == "delivered").to_numpy()
    slowest = int(np.argmax(packets["ended_ns"])) if arrived.all() else int(np.argmin(arrived))
    captured_s = float(frame["time_s"])
    took_ms, process_ms = float(frame["glass_to_glass_ms"]), float(frame["process_ms"])
    stages_ms = {"camera": frame["collect_ms"], "encoder": frame["encode_ms"]}
    if arrived.all():
        last_ms = packets["ended_ns"].max() / 1e6 - 1e3 * captured_s
        stages_ms["network"] = last_ms - sum(stages_ms.values())
    if np.isfinite(took_ms):
        stages_ms["order"] = took_ms - process_ms - desk_ms - last_ms
        stages_ms |= {"desk": desk_ms, "decoder": process_ms}
    return Picture(
        frame=number,
        captured_s=captured_s,
        key_frame=bool(frame["key_frame"]),
        size_bytes=int(frame["size_bytes"]),
        shown_s=round(captured_s + took_ms / 1e3, 6) if np.isfinite(took_ms) else None,
        stages_ms={name: round(spent_ms, 3) for name, spent_ms in stages_ms.items()},
        held_up_by=_held_up_by(tables, frames, number) if arrived.all() else None,
        packets=len(packets),
        fates={str(fate): int(count) for fate, count in fates.value_counts().items()},
        fragment=slowest + 1,
        slowest=carried(tables, int(packets.index[slowest])),
    )


def _held_up_by(tables: RunTables, frames: pd.DataFrame, number: int) -> int | None:
    """The frame that one waited for whose packets had all come; None if it didn't wait."""
    # Nothing refers to what is before a key frame.
    keys = frames.index[frames["key_frame"] & (frames.index <= number)]
    complete_ns = {
        int(one): _complete_ns(tables, frames.loc[one, "packets"])
        for one in frames.loc[keys[-1] : number].index
    }
    last = max(complete_ns, key=lambda one: complete_ns[one])
    return last if complete_ns[last] > complete_ns[number] else None


def _complete_ns(tables: RunTables, packets: Any) -> float:
    """When the last of a frame's packets has come [ns]; infinity if one never does."""
    own = tables.packets.loc[list(packets)]
    return float(own["ended_ns"].max()) if (own["fate"] == "delivered").all() else np.inf
