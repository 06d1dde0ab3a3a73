import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cosim import recording
from cosim.recording import Recording, read_table


def events(*times_s: float) -> dict[str, Any]:
    return {
        "time_s": list(times_s),
        "kind": ["collision"] * len(times_s),
        "id": [f"veh{time:g}" for time in times_s],
        "other": [""] * len(times_s),
        "detail": ["at 3 m/s"] * len(times_s),
    }


def twins(times_s: list[float], error_m: float = 0.5) -> dict[str, Any]:
    n = len(times_s)
    named = {"id": ["ego"] * n, "staleness": ["live"] * n}
    counted = {name: np.arange(n) for name in ("sequence", "lost", "rejected")}
    measured = {name: np.full(n, error_m) for name in recording.SCHEMAS["twins"].names}
    return measured | named | counted | {"time_s": np.array(times_s)}


def test_every_table_is_there_with_its_columns_even_when_empty(tmp_path: Path) -> None:
    Recording(tmp_path).close()
    for name, schema in recording.SCHEMAS.items():
        frame = pd.read_parquet(tmp_path / f"{name}.parquet")
        assert list(frame.columns) == schema.names
        assert len(frame) == 0
    assert not list(tmp_path.glob("*.arrows"))


def test_rows_come_back_as_written(tmp_path: Path) -> None:
    written = Recording(tmp_path)
    written.add("events", events(1.0, 2.0))
    written.add("events", events(3.0))
    written.close()
    frame = read_table(tmp_path, "events")
    assert frame["time_s"].tolist() == [1.0, 2.0, 3.0]
    assert frame["id"].tolist() == ["veh1", "veh2", "veh3"]


def digest_of(folder: Path, *parts: tuple[str, dict[str, Any]]) -> str:
    folder.mkdir()
    written = Recording(folder)
    for table, columns in parts:
        written.add(table, columns)
    written.close()
    return written.digest()


def test_the_digest_does_not_depend_on_when_rows_are_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [("events", events(1.0)), ("twins", twins([1.0, 2.0])), ("events", events(2.0, 3.0))]
    whole = digest_of(tmp_path / "whole", *parts)
    monkeypatch.setattr(recording, "_FLUSH_ROWS", 1)
    assert digest_of(tmp_path / "cut", *parts) == whole
    assert read_table(tmp_path / "cut", "events").equals(read_table(tmp_path / "whole", "events"))


@pytest.mark.parametrize(
    "other",
    [
        [("twins", twins([1.0, 2.0], error_m=0.500001))],
        [("twins", twins([1.0]))],
        [("twins", twins([1.0, 2.0])), ("events", events(1.0))],
    ],
)
def test_the_digest_notices_what_differs(
    tmp_path: Path, other: list[tuple[str, dict[str, Any]]]
) -> None:
    assert digest_of(tmp_path / "a", ("twins", twins([1.0, 2.0]))) != digest_of(
        tmp_path / "b", *other
    )


def test_the_digest_overlooks_less_than_a_micrometre(tmp_path: Path) -> None:
    one = digest_of(tmp_path / "a", ("twins", twins([1.0], error_m=0.5)))
    assert digest_of(tmp_path / "b", ("twins", twins([1.0], error_m=0.5 + 1e-9))) == one


def test_a_run_that_was_cut_off_leaves_what_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_FLUSH_ROWS", 1)
    written = Recording(tmp_path)
    written.add("events", events(1.0, 2.0))
    written.add("events", events(3.0))
    left = tmp_path / "left"
    shutil.copytree(tmp_path, left)
    written.close()
    # As if the process had been killed in the middle of a write.
    stream = left / "events.arrows"
    stream.write_bytes(stream.read_bytes()[:-7])
    frame = read_table(left, "events")
    assert frame["time_s"].tolist() == [1.0, 2.0]
    assert len(read_table(left, "twins")) == 0
