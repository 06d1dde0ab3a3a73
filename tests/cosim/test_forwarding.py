"""Keep-alive forwarding of a warning in a real run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cosim.recording import read_table
from tests.runs import run_scenario

ONE_WARNING = "{at_s: 4, spoof: {by: lead, message: denm, x_m: 300, y_m: -1.6, for_s: 0.1}}"


@pytest.mark.parametrize("forwarding", [True, False])
def test_those_who_heard_a_warning_forward_it_while_it_is_valid(
    tmp_path: Path, forwarding: bool
) -> None:
    run_scenario(
        "highway_brake", tmp_path / "run", "duration_s=8", "network.model=ideal", "network.load=[]",
        "twins=null", f"events=[{ONE_WARNING}]", "vehicles.driven=[{id: ego}, {id: truck}]",
        f"v2x.keep_alive_forwarding={str(forwarding).lower()}",
    )  # fmt: skip
    packets = read_table(tmp_path / "run", "packets")
    to_cars = packets["receiver"].isin(["ego", "truck"])
    forwarded = packets[(packets["kind"] == "denm") & (packets["sender"] != "lead") & to_cars]
    if not forwarding:
        assert len(forwarded) == 0
        return
    # What one of them says, the other hears.
    assert (forwarded["fate"] == "delivered").all()
    assert (forwarded["sender"].astype(str) != forwarded["receiver"].astype(str)).all()
    said_s = np.unique(forwarded["sent_ns"]) * 1e-9
    assert 4 <= len(said_s) <= 9
    assert said_s.min() > 4.2
    assert said_s.max() < 6.0
    assert np.diff(said_s).min() >= 0.2
