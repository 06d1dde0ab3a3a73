from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from network.settings import NetworkSettings

MAST = {"id": "mast", "x_m": 0.0, "y_m": 0.0}


def test_all_of_it_may_be_left_out() -> None:
    settings = NetworkSettings()
    assert settings.model == "5g"
    assert settings.cells == ()


@pytest.mark.parametrize(
    ("block", "line"),
    [
        ({"radio": {"bandwidth_mhz": -20}}, "radio.bandwidth_mhz"),
        ({"radio": {"bandwidth_mhz": 90, "subcarrier_spacing_khz": 15}}, "carrier of 15 kHz"),
        ({"radio": {"tdd_pattern": "DDDD"}}, "no uplink slot"),
        ({"radio": {"tdd_pattern": "UUU"}}, "no downlink slot"),
        ({"radio": {"tdd_pattern": "DXU"}}, "tdd_pattern"),
        ({"radio": {"carrier": 3.5}}, "radio.carrier"),
        ({"radio": {"carrier_ghz": float("nan")}}, "radio.carrier_ghz"),
        ({"cells": [MAST, MAST]}, "two sites are called 'mast'"),
        ({"cells": [{**MAST, "id": "a/b"}]}, "cells.0.id"),
        ({"cells": [{**MAST, "sectors": 0}]}, "cells.0.sectors"),
        ({"cells": [MAST], "grid": {}}, "expected one of them"),
        ({"cells": [MAST], "load": [{"cell": "x", "prb_utilisation": 1}]}, "expected one of mast"),
        ({"cells": [MAST], "load": [{"cell": "mast/3", "prb_utilisation": 1}]}, "there is not"),
        ({"load": [{"cell": "x", "prb_utilisation": 1, "from_s": 9, "to_s": 9}]}, "not after"),
        ({"handover": {"time_to_trigger_ms": 150}}, "time_to_trigger_ms"),
        ({"handover": {"qin_db": -9.0}}, "below qout_db"),
        ({"handover": {"event": "A4"}}, "handover.event"),
        ({"handover": {"procedure": "hard"}}, "handover.procedure"),
        ({"handover": {"t304_ms": 75}}, "handover.t304_ms"),
        ({"handover": {"a2_threshold_dbm": -30.0}}, "handover.a2_threshold_dbm"),
        ({"model": "6g"}, "model"),
    ],
)
def test_what_is_wrong_is_named(block: dict[str, Any], line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        NetworkSettings.model_validate(block)


def test_a_load_may_name_a_site_or_a_cell() -> None:
    loads = [{"cell": name, "prb_utilisation": 0.9} for name in ("mast", "mast/2")]
    assert len(NetworkSettings.model_validate({"cells": [MAST], "load": loads}).load) == 2


def test_every_field_of_the_schema_is_described() -> None:
    schema = NetworkSettings.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        for name, field in part.get("properties", {}).items():
            assert field.get("description"), name
