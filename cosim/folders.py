"""Folders for what a command makes: a name under `runs/` that is free, and nothing overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from cosim.federate import BadInput


def fresh_folder(name: str) -> Path:
    """A folder `runs/NAME-DATE-TIME` that doesn't exist yet; it isn't made."""
    stamped = Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    folder, number = stamped, 2
    while folder.exists():
        folder, number = stamped.with_name(f"{stamped.name}-{number}"), number + 1
    return folder


def make_empty(folder: Path) -> None:
    """Make a folder; BadInput if it can't be made or isn't empty."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: can't be made: {error.strerror}") from error
    if any(folder.iterdir()):
        raise BadInput(f"{folder}: not empty; name a new folder, nothing is overwritten")


@contextmanager
def emptied(folder: Path) -> Iterator[Path]:
    """An empty folder to work in; gone again if the work breaks off before it holds anything.

    Raises:
        BadInput: it can't be made or isn't empty.
    """
    make_empty(folder)
    try:
        yield folder
    except BaseException:
        with suppress(OSError):  # It holds something.
            folder.rmdir()
        raise
