"""A CSV file as columns of text that become numbers, with errors that name the cell."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from network.arrays import Floats

_MISSING = ("", "-")
# What Android reports for a value that the modem doesn't give.
_UNAVAILABLE = 2147483647.0


class Table:
    """A CSV file with a header. A cell that is empty or `-` has no value.

    Args:
        path: The file.

    Raises:
        ValueError: A file that can't be read, isn't CSV text, or has a row of another width than
            its header; one line with file and line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[int] = []
        rows: list[list[str]] = []
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file)
                self.header = [name.strip() for name in next(reader, [])]
                for row in reader:
                    if not row:
                        continue
                    if len(row) != len(self.header):
                        raise self.error(
                            reader.line_num,
                            f"{len(row)} values; expected {len(self.header)} as in the header",
                        )
                    self.lines.append(reader.line_num)
                    rows.append(row)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{path}: can't be read as CSV: {error}") from error
        if not rows:
            raise self.error(1, "no rows; expected a header and at least one row")
        twice = [name for name in self.header if self.header.count(name) > 1]
        if twice:
            raise self.error(1, f"two columns {twice[0]}; expected one of each name")
        self._columns = dict(zip(self.header, zip(*rows, strict=True), strict=True))

    def __len__(self) -> int:
        return len(self.lines)

    def require(self, columns: Sequence[str]) -> None:
        """Raise a ValueError unless all of these columns are there."""
        missing = [name for name in columns if name not in self.header]
        if missing:
            raise self.error(1, f"no column {missing[0]}; expected {', '.join(columns)}")

    def text(self, column: str) -> list[str]:
        """Return a column, with `""` where there is no value."""
        return ["" if cell.strip() in _MISSING else cell.strip() for cell in self._columns[column]]

    def numbers(
        self, column: str, least: float = -np.inf, most: float = np.inf, *, needed: bool = False
    ) -> Floats:
        """Return a column as numbers (n,), NaN where there is no value.

        Args:
            column: Its name.
            least: Smallest number allowed.
            most: Largest number allowed.
            needed: Whether each row has to have a value.

        Raises:
            ValueError: A cell that isn't such a number; one line with file, line and column.
        """
        expected = "a number" if needed else "a number or `-`"
        if np.isfinite(least) or np.isfinite(most):
            expected += f" from {least:g} to {most:g}"
        values = np.full(len(self), np.nan)
        for row, cell in enumerate(self.text(column)):
            if not cell and not needed:
                continue
            try:
                value = float(cell)
            except ValueError:
                value = np.nan
            if value == _UNAVAILABLE and not needed:
                continue
            if not (np.isfinite(value) and least <= value <= most):
                raise self.error(
                    self.lines[row], f"{column} {cell or '(none)'!r}; expected {expected}"
                )
            values[row] = value
        return values

    def error(self, line: int, what: str) -> ValueError:
        """Return an error that names the file and a line of it."""
        return ValueError(f"{self.path}:{line}: {what}")
