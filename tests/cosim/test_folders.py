from __future__ import annotations

from pathlib import Path

import pytest

from cosim.federate import BadInput
from cosim.folders import emptied, fresh_folder, make_empty


def test_a_fresh_folder_is_another_one_within_the_same_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folders = set()
    for _ in range(3):
        folder = fresh_folder("drive")
        folder.mkdir(parents=True)
        folders.add(folder)
    assert len(folders) == 3


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(BadInput, match="not empty"):
        make_empty(tmp_path)


def test_a_folder_is_gone_again_if_bad_input_left_it_empty(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(BadInput, match="no such key"), emptied(folder):
        raise BadInput("no such key")
    assert not folder.exists()
    precious = folder / "precious"
    with pytest.raises(BadInput, match="no such key"), emptied(folder), precious.open("w"):
        raise BadInput("no such key")
    assert precious.exists()
