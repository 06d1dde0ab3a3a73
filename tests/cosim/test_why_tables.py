from pathlib import Path

import pytest

from cosim.federate import BadInput
from cosim.recording import write_manifest
from cosim.why.tables import RunTables


def test_a_run_that_lacks_a_table_is_told_of_in_one_line(tmp_path: Path) -> None:
    write_manifest(tmp_path, {"complete": True, "scenario": {}})
    with pytest.raises(BadInput, match="has no table commands"):
        _ = RunTables(tmp_path).commands
