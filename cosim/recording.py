"""A run's folder: its tables, its manifest and its digest.

Tables grow on the disk as Arrow streams while the run goes, so that a run that dies leaves what it
had; at the end each becomes one Parquet file. The digest covers the simulated content alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cosim.federate import BadInput
from network.packet import Stage

Columns: TypeAlias = Mapping[str, Any]
Observer: TypeAlias = Callable[[str, Columns], None]

_NAME = pa.dictionary(pa.int32(), pa.string())
_FLUSH_ROWS = 20_000
MANIFEST = "manifest.json"
KPIS = "kpis.json"

# Columns of every table. Stages of a packet's latency add up to `ended_ns - sent_ns`.
SCHEMAS: dict[str, pa.Schema] = {
    "road_users": pa.schema(
        {
            "time_s": pa.float64(),
            "id": _NAME,
            "kind": _NAME,
            "driven": pa.bool_(),
            "x_m": pa.float64(),
            "y_m": pa.float64(),
            "z_m": pa.float64(),
            "heading_rad": pa.float64(),
            "speed_mps": pa.float64(),
            "acceleration_mps2": pa.float64(),
        }
    ),
    "bodies": pa.schema(
        {
            "time_s": pa.float64(),
            "id": _NAME,
            "kind": _NAME,
            "length_m": pa.float64(),
            "width_m": pa.float64(),
            "height_m": pa.float64(),
        }
    ),
    "traffic_lights": pa.schema({"time_s": pa.float64(), "id": _NAME, "state": _NAME}),
    "links": pa.schema(
        {
            "time_s": pa.float64(),
            "id": _NAME,
            "cell": _NAME,
            "rsrp_dbm": pa.float64(),
            "sinr_db": pa.float64(),
            "interrupted": pa.bool_(),
        }
    ),
    "cells": pa.schema(
        {
            "time_s": pa.float64(),
            "cell": _NAME,
            "downlink_utilisation": pa.float64(),
            "uplink_utilisation": pa.float64(),
        }
    ),
    "packets": pa.schema(
        {
            "packet_id": pa.int64(),
            "parent_id": pa.int64(),
            "kind": _NAME,
            "reference": pa.int64(),
            "sender": _NAME,
            "receiver": _NAME,
            "size_bytes": pa.int64(),
            "sent_ns": pa.int64(),
            "ended_ns": pa.int64(),
            "fate": _NAME,
            "uplink_cell": _NAME,
            "downlink_cell": _NAME,
            **{f"{stage.name.lower()}_ns": pa.int64() for stage in Stage},
        }
    ),
    "handovers": pa.schema(
        {
            "time_s": pa.float64(),
            "id": _NAME,
            "from_cell": _NAME,
            "to_cell": _NAME,
            "cause": _NAME,
            "interruption_ms": pa.float64(),
            "ping_pong": pa.bool_(),
        }
    ),
    "decisions": pa.schema(
        {
            "time_s": pa.float64(),
            "vehicle": _NAME,
            "id": _NAME,
            "function": _NAME,
            "reason": _NAME,
            "wanted_acceleration_mps2": pa.float64(),
            "acceleration_mps2": pa.float64(),
            "speed_mps": pa.float64(),
            "lane_offset_m": pa.float64(),
            "gap_m": pa.float64(),
            "ttc_s": pa.float64(),
            "sensed": pa.list_(pa.string()),
            "packets": pa.list_(pa.int64()),
            "message_ages_ms": pa.list_(pa.float64()),
        }
    ),
    "commands": pa.schema(
        {
            "time_s": pa.float64(),
            "vehicle": _NAME,
            "command": _NAME,
            "kind": _NAME,
            "given_s": pa.float64(),
            "valid_until_s": pa.float64(),
            "packet_id": pa.int64(),
            "heard_s": pa.float64(),
            "accepted": pa.bool_(),
            "reason": pa.string(),
        }
    ),
    "remote_driving": pa.schema(
        {
            "time_s": pa.float64(),
            "vehicle": _NAME,
            "mode": _NAME,
            "frame": pa.int64(),
            "picture_age_ms": pa.float64(),
            "speed_cap_mps": pa.float64(),
            "bit_rate_mbps": pa.float64(),
        }
    ),
    "remote_commands": pa.schema(
        {
            "time_s": pa.float64(),
            "vehicle": _NAME,
            "packet_id": pa.int64(),
            "frame": pa.int64(),
            "acted_on_frame": pa.int64(),
            "acted_on_age_ms": pa.float64(),
            "acceleration_mps2": pa.float64(),
            "steering_rad": pa.float64(),
            "backwards": pa.bool_(),
        }
    ),
    "frames": pa.schema(
        {
            "time_s": pa.float64(),
            "vehicle": _NAME,
            "frame": pa.int64(),
            "key_frame": pa.bool_(),
            "size_bytes": pa.int64(),
            "collect_ms": pa.float64(),
            "encode_ms": pa.float64(),
            "process_ms": pa.float64(),
            "glass_to_glass_ms": pa.float64(),
            "packets": pa.list_(pa.int64()),
        }
    ),
    "twins": pa.schema(
        {
            "time_s": pa.float64(),
            "id": _NAME,
            "x_m": pa.float64(),
            "y_m": pa.float64(),
            "heading_rad": pa.float64(),
            "speed_mps": pa.float64(),
            "position_sigma_m": pa.float64(),
            "age_ms": pa.float64(),
            "staleness": _NAME,
            "sequence": pa.int64(),
            "lost": pa.int64(),
            "rejected": pa.int64(),
            "ahead_x_m": pa.float64(),
            "ahead_y_m": pa.float64(),
            "ahead_sigma_m": pa.float64(),
            "position_error_m": pa.float64(),
            "prediction_error_m": pa.float64(),
            "nees": pa.float64(),
        }
    ),
    "misbehaviour": pa.schema(
        {
            "time_s": pa.float64(),
            "vehicle": _NAME,
            "packet_id": pa.int64(),
            "kind": _NAME,
            "station_id": pa.int64(),
            "check": _NAME,
            "detail": pa.string(),
        }
    ),
    "inputs": pa.schema(
        {
            "time_s": pa.float64(),
            "vehicle": _NAME,
            "steering": pa.float64(),
            "throttle": pa.float64(),
            "brake": pa.float64(),
            "hand_brake": pa.bool_(),
            "reverse": pa.bool_(),
            "keys": pa.bool_(),
        }
    ),
    "events": pa.schema(
        {"time_s": pa.float64(), "kind": _NAME, "id": _NAME, "other": _NAME, "detail": pa.string()}
    ),
}


class Recording:
    """Writes a run's tables.

    Args:
        run_dir: the run's folder; exists.
        tables: which tables; all if not given.
        observe: shown a table's name and rows, in the run's thread, as they are recorded.
    """

    def __init__(
        self, run_dir: Path, tables: Iterable[str] = SCHEMAS, observe: Observer | None = None
    ) -> None:
        self.run_dir = run_dir
        self._observe = observe
        self._tables = {name: _Table(run_dir, name, SCHEMAS[name]) for name in tables}
        self._closed = False

    def add(self, table: str, columns: Columns) -> None:
        """Add rows: one array or list per column of the table's schema, all of one length."""
        self._tables[table].add(columns)
        if self._observe is not None:
            self._observe(table, columns)

    def flush(self) -> None:
        """Write what is still in memory, so that it survives even the end of the process."""
        for table in self._tables.values():
            table.flush()

    def close(self) -> None:
        """Turn the streams into Parquet files; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        for table in self._tables.values():
            table.close()

    def digest(self) -> str:
        """SHA-256 over the content of every table, in hexadecimal."""
        total = hashlib.sha256()
        for table in self._tables.values():
            total.update(table.digest())
        return total.hexdigest()


class _Table:
    def __init__(self, run_dir: Path, name: str, schema: pa.Schema) -> None:
        self._schema = schema
        self._stream_path = run_dir / f"{name}.arrows"
        self._parquet_path = run_dir / f"{name}.parquet"
        self._file = self._stream_path.open("wb")
        # Names get new dictionary entries from batch to batch; deltas keep what came before.
        self._writer = pa.ipc.new_stream(
            self._file, schema, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=False)
        )
        self._name = name
        self._hashes = {column: hashlib.sha256() for column in schema.names}
        self._buffer: dict[str, list[Any]] = {column: [] for column in schema.names}
        self._rows = 0

    def add(self, columns: Columns) -> None:
        length = len(columns["time_s"] if "time_s" in columns else columns["packet_id"])
        if length == 0:
            return
        for column in self._schema.names:
            self._buffer[column].append(columns[column])
        self._rows += length
        if self._rows >= _FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        if self._rows == 0:
            return
        arrays = []
        for field in self._schema:
            parts = self._buffer[field.name]
            values: Any
            if pa.types.is_primitive(field.type):
                values = np.concatenate([np.asarray(part) for part in parts])
                if values.dtype.kind == "f":
                    # What the last bits say depends on the machine; a micrometre doesn't.
                    values = np.round(values, 6) + 0.0
                self._hashes[field.name].update(np.ascontiguousarray(values).tobytes())
            else:
                values = [value for part in parts for value in part]
                text = json.dumps(values, separators=(",", ":"))
                self._hashes[field.name].update(f"{text[1:-1]},".encode())
            if field.type == _NAME:
                arrays.append(pa.array(values, pa.string()).dictionary_encode())
            else:
                arrays.append(pa.array(values, field.type))
            self._buffer[field.name] = []
        self._rows = 0
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._file.flush()

    def close(self) -> None:
        self.flush()
        self._writer.close()
        self._file.close()
        stream_to_parquet(self._stream_path, self._parquet_path, self._schema)
        self._stream_path.unlink()

    def digest(self) -> bytes:
        total = hashlib.sha256(self._name.encode())
        for column, content in self._hashes.items():
            total.update(column.encode())
            total.update(content.digest())
        return total.digest()


def stream_to_parquet(stream_path: Path, parquet_path: Path, schema: pa.Schema) -> None:
    """Rewrite an Arrow stream as Parquet; a stream that breaks off gives what it has."""
    draft = parquet_path.with_suffix(".tmp")
    with (
        stream_path.open("rb") as stream,
        pq.ParquetWriter(draft, schema, compression="zstd") as writer,
    ):
        for batch in _batches(stream):
            writer.write_batch(batch)
    draft.replace(parquet_path)


def _batches(stream: Any) -> Iterable[pa.RecordBatch]:
    try:
        yield from pa.ipc.open_stream(stream)
    except (pa.ArrowInvalid, OSError):
        return


def read_table(run_dir: Path, table: str, columns: list[str] | None = None) -> pd.DataFrame:
    """A table of a run as a data frame; of a run that was cut off, what it left."""
    parquet_path = run_dir / f"{table}.parquet"
    stream_path = run_dir / f"{table}.arrows"
    if not parquet_path.is_file() and stream_path.is_file():
        with stream_path.open("rb") as stream:
            content = pa.Table.from_batches(_batches(stream), SCHEMAS[table])
        frame: pd.DataFrame = content.to_pandas()
        return frame if columns is None else frame[columns]
    complete: pd.DataFrame = pd.read_parquet(parquet_path, columns=columns)
    return complete


def write_manifest(run_dir: Path, manifest: Mapping[str, Any]) -> None:
    """Write `manifest.json` in one go, so that nobody reads half of it."""
    _write_json(run_dir / MANIFEST, manifest)


def write_kpis(run_dir: Path, kpis: Mapping[str, float | None]) -> None:
    """Write `kpis.json`: one flat object, null where a run has no value."""
    _write_json(run_dir / KPIS, kpis)


def read_manifest(run_dir: Path) -> dict[str, Any]:
    """Read a run's manifest.

    Raises:
        BadInput: the folder isn't that of a run.
    """
    try:
        manifest: dict[str, Any] = json.loads((run_dir / MANIFEST).read_text())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadInput(f"{run_dir}: no {MANIFEST}; expected the folder of a run") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{run_dir / MANIFEST}: can't be read; expected what a run left") from error
    return manifest


def read_kpis(run_dir: Path) -> dict[str, float | None]:
    """Read a run's KPIs."""
    kpis: dict[str, float | None] = json.loads((run_dir / KPIS).read_text())
    return kpis


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    draft.replace(path)
