"""The tables of a run that explanations rest on."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from cosim.federate import BadInput
from cosim.recording import read_manifest, read_table


class RunTables:
    """Reads a run's tables when they are asked for.

    Raises:
        BadInput: the folder isn't that of a run, or it lacks a table.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.scenario: dict[str, Any] = read_manifest(run_dir)["scenario"]

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """What was decided."""
        return self._table("decisions")

    @cached_property
    def commands(self) -> pd.DataFrame:
        """What was answered to the fleet's operator."""
        return self._table("commands")

    @cached_property
    def remote_driving(self) -> pd.DataFrame:
        """Who had the wheel of the remotely driven vehicles."""
        return self._table("remote_driving")

    @cached_property
    def remote_commands(self) -> pd.DataFrame:
        """What their drivers commanded, and the pictures that that answers."""
        return self._table("remote_commands")

    @cached_property
    def frames(self) -> pd.DataFrame:
        """The frames of their video."""
        return self._table("frames")

    @cached_property
    def packets(self) -> pd.DataFrame:
        """Every packet, by its id."""
        return self._table("packets").set_index("packet_id")

    @cached_property
    def handovers(self) -> pd.DataFrame:
        """Changes of cell."""
        return self._table("handovers")

    @cached_property
    def links(self) -> pd.DataFrame:
        """Each station's radio state."""
        return self._table("links")

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Each cell's load."""
        return self._table("cells")

    @cached_property
    def events(self) -> pd.DataFrame:
        """What happened."""
        return self._table("events")

    def _table(self, name: str) -> pd.DataFrame:
        try:
            return read_table(self.run_dir, name)
        except FileNotFoundError as error:
            raise BadInput(
                f"{self.run_dir}: has no table {name}; a run of another version? run it again"
            ) from error
