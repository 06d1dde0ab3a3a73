from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network import phy


@pytest.mark.parametrize("table", [1, 2, 3])
def test_error_rate_falls_with_sinr_and_rises_with_mcs(table: int) -> None:
    rows = len(phy.mcs_table(table).order)
    sinr = np.linspace(-15.0, 35.0, 501)
    rate = phy.bler(np.arange(rows)[:, None], sinr, size_bits=2400, table=table)
    assert np.all(np.diff(rate, axis=1) <= 0.0)
    assert rate.min() < 1e-12
    assert rate.max() > 1.0 - 1e-6
    at_half = phy.sinr_for_bler_db(np.arange(rows), 0.5, size_bits=2400, table=table)
    rising = np.diff(phy.mcs_table(table).efficiency) > 0.0
    assert np.all(np.diff(at_half)[rising] > 0.0)


@given(
    table=st.sampled_from([1, 2, 3]),
    mcs=st.integers(0, 27),
    target=st.floats(1e-5, 0.9),
    size=st.integers(24, 200_000),
)
def test_sinr_for_bler_inverts_bler(table: int, mcs: int, target: float, size: int) -> None:
    sinr = phy.sinr_for_bler_db(mcs, target, size_bits=size, table=table)
    assert phy.bler(mcs, sinr, size_bits=size, table=table) == pytest.approx(target, rel=1e-6)


@given(size=st.integers(1, 400_000), mcs=st.integers(0, 27), symbols=st.integers(4, 13))
def test_prbs_needed_is_the_least_that_carries_the_block(size: int, mcs: int, symbols: int) -> None:
    prbs = int(phy.prbs_needed(size, mcs, symbols=symbols))
    slots, rest = divmod(prbs - 1, 275)
    slot = int(phy.transport_block_bits(275, mcs, symbols=symbols))

    def carried(blocks: int) -> int:
        if blocks == 0:
            return 0
        return int(phy.transport_block_bits(blocks, mcs, symbols=symbols))

    assert slots * slot + carried(rest + 1) >= size
    assert slots * slot + carried(rest) < size


def test_transport_blocks_by_table_and_layers() -> None:
    sizes = phy.transport_block_bits(np.array([1, 50, 273])[:, None], np.arange(28))
    assert sizes.shape == (3, 28)
    assert np.all(np.diff(sizes, axis=0) > 0)
    assert np.all(np.diff(sizes, axis=1) >= 0)
    two = phy.transport_block_bits(50, 10, layers=2)
    assert two == pytest.approx(2 * phy.transport_block_bits(50, 10), rel=0.02)


def test_reported_cqi_grows_from_out_of_range_to_15() -> None:
    sinr = np.linspace(-20.0, 40.0, 1000)
    for table in (1, 2, 3):
        cqi = phy.cqi_for_sinr(sinr, table=table)
        assert cqi[0] == 0
        assert cqi[-1] == 15
        assert np.all(np.diff(cqi) >= 0)


def test_mcs_falls_back_to_the_lowest() -> None:
    assert phy.mcs_for_sinr([-40.0, 60.0]).tolist() == [0, 27]


def test_combining_reduces_over_the_axis_of_the_attempts() -> None:
    attempts = np.array([[3.0, 3.0], [0.0, -np.inf]])
    assert phy.combined_sinr_db(attempts) == pytest.approx([6.0103, 0.0], abs=1e-4)
    assert phy.combined_sinr_db(attempts, axis=0)[0] == pytest.approx(4.7644, abs=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: phy.prb_count(7, 30), "30 kHz spacing is one of 5, 10"),
        (lambda: phy.prb_count(40, 45), "one of 15, 30, 60, 120 kHz"),
        (lambda: phy.mcs_table(4), "MCS tables are 1, 2 and 3"),
        (lambda: phy.cqi_table(0), "CQI tables are 1, 2 and 3"),
        (lambda: phy.transport_block_bits(10, 3, symbols=1), "no resource elements left"),
    ],
)
def test_bad_values_are_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
