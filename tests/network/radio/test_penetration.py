from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.radio import penetration


@given(carrier=st.floats(0.5, 30.0), inside=st.floats(0.0, 25.0))
def test_coated_glass_loses_more_than_plain_and_both_more_the_farther_in(
    carrier: float, inside: float
) -> None:
    def loss(building: penetration.Building, way: float) -> float:
        return float(
            penetration.building_loss_db(carrier, building, indoor_distance_m=way, normal=0.0)
        )

    assert loss("high", inside) > loss("low", inside) > 0.0
    assert loss("low", inside + 2.0) == pytest.approx(loss("low", inside) + 1.0)


def test_an_unknown_building_is_refused() -> None:
    with pytest.raises(ValueError, match="'low' or 'high', got 'glass'"):
        penetration.building_loss_db(
            3.5,
            "glass",  # type: ignore[arg-type]
            indoor_distance_m=0.0,
            normal=0.0,
        )


def test_a_vehicle_between_never_helps() -> None:
    normal = np.linspace(-4.0, 4.0, 81)
    for heights in ((1.0, 1.0), (1.0, 3.0), (3.0, 3.0)):
        loss = penetration.vehicle_blockage_loss_db(200.0, *heights, 2.0, normal)
        assert loss.min() >= 0.0
    assert np.all(penetration.vehicle_blockage_loss_db(200.0, 3.0, 3.0, 2.0, normal) == 0.0)
