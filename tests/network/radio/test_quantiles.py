"""The normal distribution's quantile against scipy's."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from network.radio.quantiles import normal_quantile


def test_is_good_for_single_precision() -> None:
    least = np.geomspace(1e-9, 0.5, 5000).astype(np.float32)
    expected = ndtri(least.astype(np.float64))
    np.testing.assert_allclose(normal_quantile(least), expected, rtol=3e-6, atol=3e-7)
    np.testing.assert_array_equal(
        normal_quantile(1.0 - least), -normal_quantile(1.0 - (1.0 - least))
    )
    assert normal_quantile(least).dtype == np.float32


def test_the_ends_are_far_out() -> None:
    low, high = normal_quantile(np.array([0.0, 1.0], dtype=np.float32))
    assert low < -12.0
    assert high > 12.0
