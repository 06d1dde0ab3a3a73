"""The physical layer: tables of TS 38.214, transport blocks, block errors and resource blocks.

The block error rate follows a normal distribution over SINR in dB,

    BLER = Phi((m - SINR) / s),    s = sqrt(s0^2 + (a + b eta)^2 1000 / K),

with the spectral efficiency eta and K bits in a code block. That is the form that finite block
length gives an ideal code (s falls with the root of K); s0, a, b and how far a short block moves to
the right are fitted to the curves that 5G-LENA publishes for NR's LDPC codes, and each curve goes
through its published SINR at 10 %. Those curves carry a receiver's losses: they lie 2 to 4 dB over
ones of ideal decoding on a white-noise channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from network.arrays import Bools, Floats, Ints

SUBCARRIERS_PER_PRB = 12
SYMBOLS_PER_SLOT = 14
THERMAL_NOISE_DBM_PER_HZ = -174.0


@dataclass(frozen=True)
class Modulations:
    """Rows of an MCS or CQI table.

    Attributes:
        order: Bits per symbol Q_m (rows,).
        code_rate: Target code rate R (rows,).
        efficiency: Bits per resource element (rows,).
        sinr_db: SINR at which a block of `block_bits` fails once in ten (rows,).
        block_bits: Size of the code block that `sinr_db` was published for (rows,).
        spread_db: Spread of such a block's error curve (rows,).
    """

    order: Ints
    code_rate: Floats
    efficiency: Floats
    sinr_db: Floats
    block_bits: Floats
    spread_db: Floats


def mcs_table(table: int) -> Modulations:
    """Return MCS table 1 (64QAM), 2 (256QAM) or 3 (low efficiency) of TS 38.214 5.1.3.1."""
    if table not in _MCS:
        raise ValueError(f"MCS tables are 1, 2 and 3, got {table}")
    return _modulations(_MCS[table])


def cqi_table(table: int) -> Modulations:
    """Return CQI table 1 (64QAM), 2 (256QAM) or 3 (low BLER) of TS 38.214 5.2.2.1.

    Row 0 is CQI 1; CQI 0 means out of range and has no row.
    """
    if table not in _CQI:
        raise ValueError(f"CQI tables are 1, 2 and 3, got {table}")
    return _modulations(_CQI[table])


def prb_count(bandwidth_mhz: int, subcarrier_spacing_khz: int) -> int:
    """Return N_RB of a carrier (TS 38.101-1 and 38.101-2 Table 5.3.2-1).

    Raises:
        ValueError: A bandwidth that the subcarrier spacing does not have.
    """
    widths = _PRBS.get(subcarrier_spacing_khz)
    if widths is None:
        known = ", ".join(map(str, _PRBS))
        raise ValueError(
            f"subcarrier spacing must be one of {known} kHz, got {subcarrier_spacing_khz}"
        )
    if bandwidth_mhz not in widths:
        known = ", ".join(map(str, widths))
        raise ValueError(
            f"a carrier of {subcarrier_spacing_khz} kHz spacing is one of {known} MHz wide, "
            f"got {bandwidth_mhz}"
        )
    return widths[bandwidth_mhz]


def noise_power_dbm(bandwidth_hz: ArrayLike, noise_figure_db: float) -> Floats:
    """Return a receiver's noise in a bandwidth [dBm]: -174 dBm/Hz and its noise figure."""
    return np.asarray(THERMAL_NOISE_DBM_PER_HZ + 10.0 * np.log10(bandwidth_hz) + noise_figure_db)


def transport_block_bits(
    prbs: ArrayLike,
    mcs: ArrayLike,
    *,
    table: int = 2,
    symbols: int = SYMBOLS_PER_SLOT - 2,
    reference_elements: int = 12,
    overhead_elements: int = 0,
    layers: int = 1,
) -> Ints:
    """Return the transport block size (TS 38.214 5.1.3.2 steps 1 to 4).

    Args:
        prbs: Allocated resource blocks, at least 1.
        mcs: MCS indices of the table.
        table: MCS table.
        symbols: Symbols of the allocation; a slot less two of control by default.
        reference_elements: Resource elements of DM-RS per PRB in the allocation.
        overhead_elements: xOverhead, one of 0, 6, 12, 18.
        layers: Spatial layers.

    Returns:
        Bits, of the broadcast shape.

    Raises:
        ValueError: An unknown table, or an allocation without room for data.
    """
    rows = mcs_table(table)
    per_prb = SUBCARRIERS_PER_PRB * symbols - reference_elements - overhead_elements
    if per_prb <= 0:
        raise ValueError("the allocation has no resource elements left for data")
    elements = min(156, per_prb) * np.asarray(prbs)
    mcs = np.asarray(mcs)
    return block_bits(elements, rows.order[mcs], rows.code_rate[mcs], layers)


def block_bits(
    elements: ArrayLike, order: ArrayLike, code_rate: ArrayLike, layers: int = 1
) -> Ints:
    """Return the transport block size of an allocation (TS 38.214 5.1.3.2 steps 2 to 4).

    Args:
        elements: Resource elements N_RE of the allocation.
        order: Bits per symbol.
        code_rate: Target code rate.
        layers: Spatial layers.

    Returns:
        Bits, of the broadcast shape.
    """
    rate = np.asarray(code_rate, dtype=np.float64)
    information = np.asarray(elements, dtype=np.float64) * rate * np.asarray(order) * layers
    return np.where(
        information <= 3824.0, _small_block(information), _large_block(information, rate)
    )


def prbs_needed(
    size_bits: ArrayLike,
    mcs: ArrayLike,
    *,
    table: int = 2,
    symbols: int = SYMBOLS_PER_SLOT - 2,
    layers: int = 1,
) -> Ints:
    """Return how many PRBs of one slot a block takes, were the carrier wide enough.

    Args:
        size_bits: Bits to carry, headers included.
        mcs: MCS indices of the table.
        table: MCS table.
        symbols: Symbols of the allocation.
        layers: Spatial layers.

    Returns:
        PRBs, at least 1, of the broadcast shape. A block over the greatest carrier's slot takes
        several slots: then it is the sum over them.
    """
    ladder, step, greatest_bits = _block_ladder(table, symbols, layers)
    size, mcs = np.asarray(size_bits, dtype=np.int64), np.asarray(mcs)
    greatest = greatest_bits[mcs]
    whole_slots = np.maximum((size - 1) // greatest, 0)
    rest = size - whole_slots * greatest
    found = ladder.searchsorted(rest + step * mcs) - _GREATEST_PRBS * mcs
    return np.asarray(whole_slots * _GREATEST_PRBS + found + 1)


def bler(
    mcs: ArrayLike, sinr_db: ArrayLike, *, size_bits: ArrayLike = 8192, table: int = 2
) -> Floats:
    """Return the block error rate of one transmission.

    Args:
        mcs: MCS indices of the table.
        sinr_db: Effective SINR of the block [dB]; after soft combining for a retransmission.
        size_bits: Bits of the transport block; over 8424 it is cut into code blocks that must all
            arrive (TS 38.212 5.2.2).
        table: MCS table.

    Returns:
        Probabilities in [0, 1] of the broadcast shape.
    """
    return error_curve(mcs, size_bits=size_bits, table=table).bler(sinr_db)


class ErrorCurve(NamedTuple):
    """How the error rate of transport blocks falls over SINR; every array has the same shape."""

    middle_db: Floats
    """SINR at which a code block fails half the time [dB]."""
    spread_db: Floats
    code_blocks: Floats

    def bler(self, sinr_db: ArrayLike) -> Floats:
        """Return the error rates of one transmission; see `bler`."""
        failed = ndtr((self.middle_db - np.asarray(sinr_db)) / self.spread_db)
        through = self.code_blocks * np.log1p(-np.minimum(failed, 1.0 - 1e-15))
        return np.asarray(-np.expm1(through))

    def take(self, rows: Ints | Bools) -> ErrorCurve:
        """Return those of some of the blocks."""
        return ErrorCurve._make(column[rows] for column in self)


def error_curve(mcs: ArrayLike, *, size_bits: ArrayLike = 8192, table: int = 2) -> ErrorCurve:
    """Return what the error rates of blocks hang on beside SINR; arguments as of `bler`."""
    size = np.asarray(size_bits, dtype=np.float64)
    code_blocks = np.ceil(size / _GREATEST_CODE_BLOCK)
    middle, spread = _curve(mcs_table(table), np.asarray(mcs), size / code_blocks)
    return ErrorCurve(middle, spread, code_blocks)


def sinr_for_bler_db(
    mcs: ArrayLike, target_bler: float, *, size_bits: ArrayLike = 8192, table: int = 2
) -> Floats:
    """Return the SINR at which a block fails with the target probability [dB]: `bler` inverted."""
    return _sinr_for_bler_db(mcs_table(table), np.asarray(mcs), target_bler, size_bits)


def mcs_for_sinr(
    sinr_db: ArrayLike, *, target_bler: float = 0.1, size_bits: int = 2400, table: int = 2
) -> Ints:
    """Return the highest MCS whose block error rate stays within the target.

    Args:
        sinr_db: SINR that is expected of the transmission [dB].
        target_bler: Block error rate aimed at.
        size_bits: Size that the thresholds are taken for.
        table: MCS table.

    Returns:
        MCS indices; 0 also where not even MCS 0 meets the target.
    """
    thresholds = _thresholds_db("mcs", table, target_bler, size_bits)
    return np.maximum(np.searchsorted(thresholds, sinr_db, side="right") - 1, 0)


def cqi_for_sinr(sinr_db: ArrayLike, *, table: int = 2, size_bits: int = 8192) -> Ints:
    """Return the CQI that a station reports: the highest that meets the table's error rate.

    10 % for tables 1 and 2, 1e-5 for table 3 (TS 38.214 5.2.2.1); 0 is out of range.
    """
    target = 1e-5 if table == 3 else 0.1
    thresholds = _thresholds_db("cqi", table, target, size_bits)
    return np.searchsorted(thresholds, sinr_db, side="right")


def combined_sinr_db(attempts_sinr_db: ArrayLike, *, axis: int = -1) -> Floats:
    """Return the SINR after soft combining of repetitions (Chase combining: the SINRs add up).

    NR repeats with other redundancy versions, which gains a little more where the code rate of the
    first attempt was over the mother code's; this is the bound from below.

    Args:
        attempts_sinr_db: SINR of each attempt along `axis` [dB].
        axis: The axis of the attempts.

    Returns:
        Effective SINR [dB] without that axis.
    """
    linear = np.power(10.0, np.asarray(attempts_sinr_db) / 10.0)
    return np.asarray(10.0 * np.log10(linear.sum(axis=axis)))


# MCS and CQI rows: (modulation order, code rate x 1024), TS 38.214 Tables 5.1.3.1-1 to -3 and
# 5.2.2.1-2 to -4.
_QPSK = (120, 157, 193, 251, 308, 379, 449, 526, 602)
_MCS: dict[int, tuple[tuple[int, float], ...]] = {
    1: (
        *((2, rate) for rate in (*_QPSK, 679)),
        *((4, rate) for rate in (340, 378, 434, 490, 553, 616, 658)),
        *((6, rate) for rate in (438, 466, 517, 567, 616, 666, 719, 772, 822, 873, 910, 948)),
    ),
    2: (
        *((2, rate) for rate in (120, 193, 308, 449, 602)),
        *((4, rate) for rate in (378, 434, 490, 553, 616, 658)),
        *((6, rate) for rate in (466, 517, 567, 616, 666, 719, 772, 822, 873)),
        *((8, rate) for rate in (682.5, 711, 754, 797, 841, 885, 916.5, 948)),
    ),
    3: (
        *((2, rate) for rate in (30, 40, 50, 64, 78, 99, *_QPSK)),
        *((4, rate) for rate in (340, 378, 434, 490, 553, 616)),
        *((6, rate) for rate in (438, 466, 517, 567, 616, 666, 719, 772)),
    ),
}
_CQI: dict[int, tuple[tuple[int, float], ...]] = {
    1: (
        *((2, rate) for rate in (78, 120, 193, 308, 449, 602)),
        *((4, rate) for rate in (378, 490, 616)),
        *((6, rate) for rate in (466, 567, 666, 772, 873, 948)),
    ),
    2: (
        *((2, rate) for rate in (78, 193, 449)),
        *((4, rate) for rate in (378, 490, 616)),
        *((6, rate) for rate in (466, 567, 666, 772, 873)),
        *((8, rate) for rate in (711, 797, 885, 948)),
    ),
    3: (
        *((2, rate) for rate in (30, 50, 78, 120, 193, 308, 449, 602)),
        *((4, rate) for rate in (378, 490, 616)),
        *((6, rate) for rate in (466, 567, 666, 772)),
    ),
}

# SINR [dB] at 10 % BLER and the code block's bits, by (order, rate x 1024): 5G-LENA's error model
# (CTTC), the longest block published for each.
_SINR_AT_TEN_PERCENT: dict[tuple[int, float], tuple[float, int]] = {
    (2, 120): (-0.97, 3624), (2, 157): (-0.45, 3624), (2, 193): (0.38, 3752),
    (2, 251): (1.21, 3752), (2, 308): (1.96, 8064), (2, 379): (2.77, 8192),
    (2, 449): (3.48, 8192), (2, 526): (4.12, 8192), (2, 602): (4.84, 8192),
    (2, 679): (5.62, 8192), (4, 340): (6.31, 8192), (4, 378): (7.01, 8192),
    (4, 434): (7.73, 8192), (4, 490): (8.52, 8192), (4, 553): (9.38, 8192),
    (4, 616): (10.28, 8192), (4, 658): (10.83, 8192), (6, 438): (11.64, 8192),
    (6, 466): (12.24, 8192), (6, 517): (13.18, 8192), (6, 567): (14.03, 7808),
    (6, 616): (14.89, 8192), (6, 666): (15.81, 8192), (6, 719): (16.67, 8192),
    (6, 772): (17.90, 8192), (6, 822): (18.78, 8192), (6, 873): (19.76, 8192),
    (6, 910): (20.77, 8192), (6, 948): (22.65, 928), (8, 682.5): (20.84, 8192),
    (8, 711): (21.48, 8192), (8, 754): (22.44, 8192), (8, 797): (23.39, 8192),
    (8, 841): (24.38, 8192), (8, 885): (25.31, 8192), (8, 916.5): (26.59, 8192),
    (8, 948): (27.14, 5248),
}  # fmt: skip

# Fit to the 2,543 curves of that model that have a slope: 8 % rms in s; 0.3 dB rms in the shift.
_SPREAD_FLOOR_DB = 0.114
_SPREAD_DB = 0.164
_SPREAD_PER_EFFICIENCY_DB = 0.048
_SHIFT_PER_SPREAD = 2.2
_GREATEST_CODE_BLOCK = 8424.0

_PRBS: dict[int, dict[int, int]] = {
    15: {5: 25, 10: 52, 15: 79, 20: 106, 25: 133, 30: 160, 35: 188, 40: 216, 45: 242, 50: 270},
    30: {
        5: 11, 10: 24, 15: 38, 20: 51, 25: 65, 30: 78, 35: 92, 40: 106, 45: 119, 50: 133, 60: 162,
        70: 189, 80: 217, 90: 245, 100: 273,
    },
    60: {
        10: 11, 15: 18, 20: 24, 25: 31, 30: 38, 35: 44, 40: 51, 45: 58, 50: 65, 60: 79, 70: 93,
        80: 107, 90: 121, 100: 135, 200: 264,
    },
    120: {50: 32, 100: 66, 200: 132, 400: 264},
}  # fmt: skip
_GREATEST_PRBS = 275

# TS 38.214 Table 5.1.3.2-1.
_SMALL_BLOCKS = np.array(
    [
        *range(24, 192, 8), *range(192, 256, 16), *range(256, 384, 16), *range(384, 576, 24),
        *range(576, 768, 32), 768, 808, 848, 888, 928, 984, 1032, 1064, 1128, 1160, 1192, 1224,
        1256, 1288, 1320, 1352, 1416, 1480, 1544, 1608, 1672, 1736, 1800, 1864, 1928, 2024, 2088,
        2152, 2216, 2280, 2408, 2472, 2536, 2600, 2664, 2728, 2792, 2856, 2976, 3104, 3240, 3368,
        3496, 3624, 3752, 3824,
    ],
    dtype=np.int64,
)  # fmt: skip


@cache
def _modulations(rows: tuple[tuple[int, float], ...]) -> Modulations:
    order = np.array([row[0] for row in rows], dtype=np.int64)
    code_rate = np.array([row[1] for row in rows]) / 1024.0
    published = [_SINR_AT_TEN_PERCENT.get(row, _below_all(row)) for row in rows]
    efficiency = order * code_rate
    block_bits = np.array([float(bits) for _, bits in published])
    return Modulations(
        order,
        code_rate,
        efficiency,
        np.array([sinr for sinr, _ in published]),
        block_bits,
        _spread_db(efficiency, block_bits),
    )


def _below_all(row: tuple[int, float]) -> tuple[float, int]:
    """Place a rate under all published ones as far from the capacity as the lowest of them."""
    lowest = (2, 120.0)
    sinr, bits = _SINR_AT_TEN_PERCENT[lowest]
    return sinr + _capacity_sinr_db(row) - _capacity_sinr_db(lowest), bits


def _capacity_sinr_db(row: tuple[int, float]) -> float:
    return float(10.0 * np.log10(2.0 ** (row[0] * row[1] / 1024.0) - 1.0))


def _curve(rows: Modulations, mcs: Ints, block_bits: Floats) -> tuple[Floats, Floats]:
    """Return middle and spread [dB] of the error curve of one code block."""
    spread = _spread_db(rows.efficiency[mcs], block_bits)
    ten_percent = rows.sinr_db[mcs] + _SHIFT_PER_SPREAD * (spread - rows.spread_db[mcs])
    return np.asarray(ten_percent + spread * ndtri(0.1)), spread


def _sinr_for_bler_db(
    rows: Modulations, mcs: Ints, target_bler: float, size_bits: ArrayLike
) -> Floats:
    size = np.asarray(size_bits, dtype=np.float64)
    code_blocks = np.ceil(size / _GREATEST_CODE_BLOCK)
    middle, spread = _curve(rows, mcs, size / code_blocks)
    of_code_block = -np.expm1(np.log1p(-target_bler) / code_blocks)
    return np.asarray(middle - spread * ndtri(of_code_block))


def _spread_db(efficiency: Floats, block_bits: Floats) -> Floats:
    steepness = _SPREAD_DB + _SPREAD_PER_EFFICIENCY_DB * efficiency
    return np.asarray(
        np.sqrt(_SPREAD_FLOOR_DB**2 + steepness**2 * 1000.0 / np.maximum(block_bits, 24.0))
    )


@cache
def _thresholds_db(kind: str, table: int, target_bler: float, size_bits: int) -> Floats:
    rows = mcs_table(table) if kind == "mcs" else cqi_table(table)
    every = np.arange(len(rows.order))
    return np.maximum.accumulate(_sinr_for_bler_db(rows, every, target_bler, size_bits))


@cache
def _block_sizes(table: int, symbols: int, layers: int) -> Ints:
    """Return the transport block sizes of a slot (MCS rows, PRBs 1 to 275)."""
    rows = len(mcs_table(table).order)
    sizes = transport_block_bits(
        np.arange(1, _GREATEST_PRBS + 1),
        np.arange(rows)[:, None],
        table=table,
        symbols=symbols,
        layers=layers,
    )
    return np.maximum.accumulate(sizes, axis=1)


@cache
def _block_ladder(table: int, symbols: int, layers: int) -> tuple[Ints, int, Ints]:
    """Return the sizes of all rows as one sorted array, its step, and each row's greatest size.

    Row i's sizes lie above all of row i - 1's, higher by i steps.
    """
    sizes = _block_sizes(table, symbols, layers)
    step = int(sizes.max()) + 1
    ladder = (sizes + step * np.arange(len(sizes))[:, None]).ravel()
    return ladder, step, sizes[:, -1].copy()


def _small_block(information: Floats) -> Ints:
    step = 2.0 ** np.maximum(3.0, np.floor(np.log2(np.maximum(information, 1.0))) - 6.0)
    quantised = np.maximum(24.0, step * np.floor(information / step))
    found = np.searchsorted(_SMALL_BLOCKS, quantised)
    return _SMALL_BLOCKS[np.minimum(found, len(_SMALL_BLOCKS) - 1)]


def _large_block(information: Floats, code_rate: Floats) -> Ints:
    information = np.maximum(information, 3825.0)
    step = 2.0 ** (np.floor(np.log2(information - 24.0)) - 5.0)
    quantised = np.maximum(3840.0, step * np.floor((information - 24.0) / step + 0.5))
    greatest = np.where(code_rate <= 0.25, 3816.0, 8424.0)
    whole = (code_rate > 0.25) & (quantised <= 8424.0)
    code_blocks = np.where(whole, 1.0, np.ceil((quantised + 24.0) / greatest))
    octets = np.ceil((quantised + 24.0) / (8.0 * code_blocks))
    return np.asarray(8.0 * code_blocks * octets - 24.0, dtype=np.int64)
