"""Reads what was measured: a table, a log of G-NetTrack Pro, or a run's own tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cosim.federate import BadInput
from cosim.recording import read_table
from network.calibration import Measurements
from vehicles.georeference import Georeference

_HEIGHT_M = 1.5
_NEEDED = ("cell", "rsrp_dbm")
_LOGGED = ("Timestamp", "Longitude", "Latitude", "NetworkMode", "RSRP", "SNR", "RAWCELLID")


def is_log(file: Path) -> bool:
    """Whether a file is a log of G-NetTrack Pro."""
    return file.suffix == ".csv" and set(_LOGGED) <= set(_read(file, rows=1).columns)


def read_log(file: Path, technology: str) -> pd.DataFrame:
    """Read the rows of one technology from a log of G-NetTrack Pro, as `read_measurements` does."""
    log = _read(file)
    log = log[log["NetworkMode"] == technology]
    return pd.DataFrame(
        {
            "time_s": np.arange(len(log), dtype=float),
            "longitude_deg": log["Longitude"],
            "latitude_deg": log["Latitude"],
            "cell": log["RAWCELLID"].astype(str),
            "rsrp_dbm": log["RSRP"],
            "sinr_db": log["SNR"],
        }
    )


def read_run(run_dir: Path) -> pd.DataFrame:
    """Read what the modems in a run measured, and where they were."""
    links = read_table(run_dir, "links", ["time_s", "id", "cell", "rsrp_dbm", "sinr_db"])
    users = read_table(run_dir, "road_users", ["time_s", "id", "x_m", "y_m"])
    for table in (links, users):
        table["id"] = table["id"].astype(str)
    return links[links["cell"] != ""].merge(users, on=["time_s", "id"])


def read_measurements(file: Path) -> pd.DataFrame:
    """Read a table of measurements; docs/calibrate.md says which columns it has.

    Raises:
        BadInput: it can't be read, or a column is missing.
    """
    table = _read(file)
    for column in _NEEDED:
        if column not in table:
            raise BadInput(f"{file}: no column {column}; expected {', '.join(_NEEDED)} and a place")
    if not ({"x_m", "y_m"} <= set(table) or {"longitude_deg", "latitude_deg"} <= set(table)):
        raise BadInput(f"{file}: no place; expected x_m and y_m, or longitude_deg and latitude_deg")
    return table


def as_measurements(
    table: pd.DataFrame, told_as: Path, names: tuple[str, ...], plane: Georeference | None
) -> Measurements:
    """Return a table's rows as the fit takes them.

    Args:
        table: As `read_measurements` returns it.
        told_as: What errors call it.
        names: The cells' names; rows of others are left out.
        plane: Where longitude and latitude are, on Earth.

    Raises:
        BadInput: a cell that isn't a number, a place that can't be told, or no row of any cell.
    """
    table = table.copy()
    if "x_m" not in table:
        if plane is None:
            raise BadInput(f"{told_as}: longitude and latitude need a net with a georeference")
        degrees = (_numbers(table, name, told_as) for name in ("latitude_deg", "longitude_deg"))
        table["x_m"], table["y_m"] = plane.to_plane(*degrees)
    number = {name: k for k, name in enumerate(names)}
    table["number"] = table["cell"].astype(str).map(number)
    columns = {name: _numbers(table, name, told_as) for name in ("x_m", "y_m", "rsrp_dbm")}
    known = table["number"].notna().to_numpy() & np.all(np.isfinite([*columns.values()]), axis=0)
    if not known.any():
        raise BadInput(
            f"{told_as}: not a row of the cells {', '.join(names[:6])}"
            f"{', ...' if len(names) > 6 else ''}"
        )
    order = [name for name in ("id", "time_s") if name in table]
    rows = table[known].sort_values(order, kind="stable") if order else table[known]
    drive = pd.factorize(rows["id"])[0] if "id" in rows else np.zeros(len(rows), dtype=np.int64)
    return Measurements(
        drive=drive.astype(np.int64),
        x_m=_numbers(rows, "x_m", told_as),
        y_m=_numbers(rows, "y_m", told_as),
        height_m=_numbers(rows, "height_m", told_as, otherwise=_HEIGHT_M),
        cell=rows["number"].to_numpy(dtype=np.int64),
        rsrp_dbm=_numbers(rows, "rsrp_dbm", told_as),
        sinr_db=_numbers(rows, "sinr_db", told_as, otherwise=np.nan),
    )


def _read(file: Path, rows: int | None = None) -> pd.DataFrame:
    try:
        if file.suffix == ".parquet":
            return pd.read_parquet(file)
        table: pd.DataFrame = pd.read_csv(file, na_values=["-"], nrows=rows, low_memory=False)
        return table
    except (OSError, ValueError) as error:  # pandas' and Arrow's parsers raise ValueErrors.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise BadInput(f"{file}: can't be read as a table: {reason}") from error


def _numbers(
    table: pd.DataFrame, column: str, told_as: Path, *, otherwise: float | None = None
) -> np.ndarray:
    if column not in table and otherwise is not None:
        return np.full(len(table), otherwise)
    try:
        return pd.to_numeric(table[column]).to_numpy(dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise BadInput(f"{told_as}: {column}: expected numbers: {error}") from error
