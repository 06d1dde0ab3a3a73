"""A car hears of somebody on foot from another car that sees her."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cosim.recording import read_table
from tests.runs import run_scenario

# It sets off on the far side of the crossing, in sight of who walks behind the van.
ONCOMING = "id: oncoming, add: {route: [east_in, west_out], lane: 1, position_m: 120}"


@pytest.mark.parametrize("shares", ["true", "false"])
def test_a_car_learns_from_another_car_s_cpm_who_walks_behind_the_van(
    tmp_path: Path, shares: str
) -> None:
    run_scenario(
        "pedestrian_behind_van", tmp_path / "run",
        "network.model=ideal", "v2x.roadside=null", "v2x.penetration=0", "twins=null",
        f"vehicles.driven=[{{id: ego, drives: [acc, vru_warning]}},"
        f" {{{ONCOMING}, shares_perception: {shares}}}]",
    )  # fmt: skip
    decisions = read_table(tmp_path / "run", "decisions")
    own = decisions[decisions["vehicle"].astype(str) == "ego"]
    warned = own[own["function"] == "vru_warning"]
    packets = read_table(tmp_path / "run", "packets").set_index("packet_id")
    if shares == "false":
        assert len(warned) == 0
        assert not (packets["kind"] == "cpm").any()
        return
    assert len(warned) > 0
    told_by = packets.loc[np.unique(np.concatenate(list(warned["packets"])))]
    assert set(told_by["kind"]) == {"cpm"}
    assert set(told_by["sender"]) == {"oncoming"}
