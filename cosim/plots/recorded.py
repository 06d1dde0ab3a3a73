"""A run as the pictures see it: its scenario, its tables, and its packets by kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import ValidationError

from cosim.federate import BadInput
from cosim.recording import MANIFEST, SCHEMAS, read_manifest, read_table
from cosim.scenario import Scenario
from network.arrays import Floats
from network.packet import Stage

STAGE_COLUMNS = tuple(f"{stage.name.lower()}_ns" for stage in Stage)


class CellLoad(NamedTuple):
    """Share of each cell's resource blocks that was used, on average over a run (cells,)."""

    down: Floats
    up: Floats


class Recorded(NamedTuple):
    """What a run left."""

    run_dir: Path
    manifest: dict[str, Any]
    scenario: Scenario

    @property
    def is_ideal(self) -> bool:
        """Whether its network was without cells, latency and loss."""
        return self.scenario.network.model == "ideal"

    def table(self, name: str, columns: list[str]) -> pd.DataFrame:
        """Columns of a table; without rows if the run broke off before it had the table.

        Raises:
            BadInput: The file is there and can't be read.
        """
        try:
            return read_table(self.run_dir, name, columns)
        except FileNotFoundError:
            nothing = SCHEMAS[name].empty_table().to_pandas()
            return pd.DataFrame(nothing[columns])
        except (OSError, ValueError) as error:
            raise BadInput(f"{self.run_dir}: its table {name} can't be read: {error}") from error

    def cell_load(self) -> CellLoad | None:
        """The cells' load, the run's own packets included; None if it has none."""
        columns = ["downlink_utilisation", "uplink_utilisation"]
        cells = self.table("cells", ["cell", *columns])
        if cells.empty:
            return None
        # In the order of their first rows, which is the network's.
        mean = cells.groupby("cell", sort=False, observed=True)[columns].mean()
        return CellLoad(*(mean[column].to_numpy() for column in columns))

    def packets(self) -> pd.DataFrame:
        """The packets with `flow` (kind and direction), `sent_s`, `latency_ms` and `arrived`.

        Packets that were on their way at the end are left out: their fate isn't known.
        """
        columns = ["kind", "sender", "receiver", "sent_ns", "ended_ns", "fate", *STAGE_COLUMNS]
        packets = self.table("packets", columns)
        packets = packets[packets["fate"] != "in_flight"].copy()
        to_server = np.asarray(packets["receiver"] == "server")
        kind = packets["kind"].astype(str).str.replace("_", " ").str.replace("cam", "CAM")
        packets["flow"] = kind + np.where(to_server, " to server", " to vehicle")
        packets["sent_s"] = packets["sent_ns"] * 1e-9
        packets["latency_ms"] = (packets["ended_ns"] - packets["sent_ns"]) * 1e-6
        packets["arrived"] = packets["fate"] == "delivered"
        return packets


def read_run(run_dir: Path) -> Recorded:
    """Read what a run was told and find its tables.

    Raises:
        BadInput: Not the folder of a run, or one of a version whose scenarios are others.
    """
    try:
        manifest = read_manifest(run_dir)
        scenario = Scenario.model_validate(manifest["scenario"])
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise BadInput(
            f"{run_dir / MANIFEST}: not a scenario of this version: {key}: {first['msg']}"
        ) from error
    except (KeyError, TypeError) as error:
        raise BadInput(
            f"{run_dir / MANIFEST}: names no scenario; expected what a run left"
        ) from error
    return Recorded(run_dir, manifest, scenario)


def flows(packets: pd.DataFrame) -> list[str]:
    """Flows that there are, in the order of their names."""
    return sorted(packets["flow"].unique())
