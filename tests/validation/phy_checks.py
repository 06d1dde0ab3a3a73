"""Modulation, coding, block errors and resource blocks against TS 38.214 and published curves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from network import phy
from tests.validation.registry import Comparison, Fault, check

LENA = "5G-LENA EESM tables (CTTC)"


def _result(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda original: lambda *arguments, **named: change(original(*arguments, **named))


def _constant(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


@check(
    "resource blocks of a carrier, all widths",
    source="TS 38.101-1 and -2 T5.3.2-1, as OpenAirInterface's table has them",
    unit="PRB",
    tolerance=0,
    faults=[
        Fault("guard bands ignored", "network.phy:prb_count",
              lambda _: lambda mhz, khz: mhz * 1000 // (12 * khz)),
        Fault("one block too many at 70 MHz", "network.phy:prb_count",
              lambda f: lambda mhz, khz: f(mhz, khz) + (mhz == 70)),
    ],
)  # fmt: skip
def resource_blocks() -> Comparison:
    narrow_mhz = (5, 10, 15, 20, 25, 30, 35, 40, 45, 50)
    widths_mhz = (*narrow_mhz, 60, 70, 80, 90, 100)
    carriers = {
        15: (narrow_mhz, (25, 52, 79, 106, 133, 160, 188, 216, 242, 270)),
        30: (widths_mhz,
             (11, 24, 38, 51, 65, 78, 92, 106, 119, 133, 162, 189, 217, 245, 273)),
        60: ((*widths_mhz[1:], 200),
             (11, 18, 24, 31, 38, 44, 51, 58, 65, 79, 93, 107, 121, 135, 264)),
        120: ((50, 100, 200, 400), (32, 66, 132, 264)),
    }  # fmt: skip
    ours = [phy.prb_count(mhz, khz) for khz, (widths, _) in carriers.items() for mhz in widths]
    return Comparison(ours, [prbs for _, row in carriers.values() for prbs in row])


@check(
    "transport block sizes",
    source="TS 38.214 5.1.3.2 (V18.7.0, read); srsRAN tbs_calculator vectors (MATLAB 5G Toolbox)",
    unit="bit",
    tolerance=0,
    faults=[
        Fault("rounded down, not to the nearest", "network.phy:_large_block",
              _result(lambda bits: bits - bits % 64)),
        Fault("no quantisation", "network.phy:_small_block",
              _constant(np.floor)),
        Fault("one code block whatever the size", "network.phy:_large_block",
              lambda f: lambda bits, rate: np.where(
                  bits > 8424, 8 * np.ceil((bits + 24) / 8) - 24, f(bits, rate))),
    ],
)  # fmt: skip
def transport_blocks() -> Comparison:
    # DM-RS and overhead elements a PRB in 12 symbols, bits a symbol, rate x 10, layers, PRBs, size.
    vectors = np.array([
        (6, 0, 2, 1, 1, 6, 160), (6, 12, 2, 1, 1, 6, 144), (6, 0, 2, 9, 1, 6, 1544),
        (36, 12, 2, 9, 1, 6, 1032), (6, 0, 2, 1, 1, 11, 304), (6, 0, 2, 9, 1, 11, 2728),
        (36, 12, 2, 9, 1, 11, 1928), (6, 0, 2, 9, 4, 6, 5888), (36, 0, 2, 9, 4, 6, 4608),
        (6, 0, 2, 9, 4, 11, 11016), (6, 12, 2, 9, 4, 11, 9992), (36, 0, 2, 9, 4, 11, 8456),
        (36, 12, 2, 9, 4, 11, 7552), (6, 0, 4, 9, 1, 6, 2976), (36, 12, 4, 9, 1, 11, 3824),
        (36, 0, 4, 9, 1, 11, 4224), (6, 0, 4, 9, 4, 6, 11784), (6, 0, 4, 9, 4, 11, 22032),
        (36, 12, 4, 9, 4, 11, 15112), (6, 0, 6, 1, 1, 6, 504), (6, 0, 6, 9, 1, 6, 4480),
        (6, 0, 6, 9, 1, 11, 8192), (6, 0, 6, 9, 4, 6, 17928), (6, 0, 6, 9, 4, 11, 32776),
        (6, 12, 6, 9, 4, 11, 29704), (36, 0, 6, 9, 4, 11, 25608), (6, 0, 6, 1, 4, 11, 3624),
        (6, 0, 8, 9, 1, 6, 5888), (36, 0, 8, 9, 1, 6, 4608), (6, 0, 8, 9, 1, 11, 11016),
        (6, 12, 8, 9, 1, 11, 9992), (6, 0, 8, 1, 1, 11, 1224), (6, 12, 8, 1, 1, 6, 608),
    ])  # fmt: skip
    reference_signals, overhead, order, rate, layers, prbs, size = vectors.T
    elements = (12 * 12 - reference_signals - overhead) * prbs
    ours = phy.block_bits(elements * layers, order, rate / 10)
    return Comparison(ours, size)


@check(
    "the sizes of small transport blocks, all 93",
    source="TS 38.214 T5.1.3.2-1 (V18.7.0, read)",
    unit="bit",
    tolerance=0,
    faults=[
        Fault("1182 for 1192, as a published simulator has it", "network.phy:_SMALL_BLOCKS",
              lambda sizes: np.where(sizes == 1192, 1182, sizes)),
    ],
)  # fmt: skip
def small_blocks() -> Comparison:
    # Bits of information that make a size exactly give that size.
    sizes = [
        *range(24, 193, 8), *range(208, 257, 16), *range(272, 385, 16), 408, 432, 456, 480, 504,
        528, 552, 576, 608, 640, 672, 704, 736, 768, 808, 848, 888, 928, 984, 1032, 1064, 1128,
        1160, 1192, 1224, 1256, 1288, 1320, 1352, 1416, 1480, 1544, 1608, 1672, 1736, 1800, 1864,
        1928, 2024, 2088, 2152, 2216, 2280, 2408, 2472, 2536, 2600, 2664, 2728, 2792, 2856, 2976,
        3104, 3240, 3368, 3496, 3624, 3752, 3824,
    ]  # fmt: skip
    return Comparison(phy.block_bits(sizes, 1, 1.0), sizes)


@check(
    "spectral efficiency, all of CQI and MCS tables 1 to 3",
    source="TS 38.214 T5.2.2.1-2 to -4, T5.1.3.1-1 to -3 (V18.7.0, read)",
    unit="bit/RE",
    tolerance=6e-5,
    faults=[
        Fault("MCS table 3 for 1", "network.phy:mcs_table",
              lambda f: lambda table: f(3 if table == 1 else table)),
        Fault("CQI table 2 for 1", "network.phy:cqi_table",
              lambda f: lambda table: f(2 if table == 1 else table)),
        Fault("a rate mistyped", "network.phy:_MCS",
              lambda rows: {**rows, 3: (*rows[3][:20], (4, 617), *rows[3][21:])}),
    ],
)  # fmt: skip
def efficiencies() -> Comparison:
    ours = [*(phy.cqi_table(t).efficiency for t in (1, 2, 3)),
            *(phy.mcs_table(t).efficiency for t in (1, 2, 3))]  # fmt: skip
    qpsk = (0.2344, 0.3066, 0.3770, 0.4902, 0.6016, 0.7402, 0.8770, 1.0273, 1.1758)
    cqi_1 = (0.1523, 0.2344, 0.3770, 0.6016, 0.8770, 1.1758, 1.4766, 1.9141, 2.4063, 2.7305, 3.3223,
             3.9023, 4.5234, 5.1152, 5.5547)  # fmt: skip
    published = (
        cqi_1,
        (0.1523, 0.3770, 0.8770, *cqi_1[6:], 6.2266, 6.9141, 7.4063),
        (0.0586, 0.0977, *cqi_1[:13]),
        (*qpsk, 1.3262, 1.3281, 1.4766, 1.6953, 1.9141, 2.1602, 2.4063, 2.5703, 2.5664, 2.7305,
         3.0293, 3.3223, 3.6094, 3.9023, 4.2129, 4.5234, 4.8164, 5.1152, 5.3320, 5.5547),
        (*qpsk[::2], 1.4766, 1.6953, 1.9141, 2.1602, 2.4063, 2.5703, 2.7305, 3.0293, 3.3223, 3.6094,
         3.9023, 4.2129, 4.5234, 4.8164, 5.1152, 5.3320, 5.5547, 5.8906, 6.2266, 6.5703, 6.9141,
         7.1602, 7.4063),
        (0.0586, 0.0781, 0.0977, 0.1250, 0.1523, 0.1934, *qpsk, 1.3281, 1.4766, 1.6953, 1.9141,
         2.1602, 2.4063, 2.5664, 2.7305, 3.0293, 3.3223, 3.6094, 3.9023, 4.2129, 4.5234),
    )  # fmt: skip
    return Comparison(np.concatenate(ours), np.concatenate(published))


@check(
    "SINR at 10 % BLER, MCS table 1",
    source=f"{LENA}: CBS 3624 to 8192, MCS 28 at 928",
    unit="dB",
    tolerance=0.01,
    faults=[
        Fault("the code's efficiency ignored", "network.phy:_curve",
              lambda f: lambda rows, mcs, bits: f(rows, 0 * mcs, bits)),
        Fault("10 % taken for 50 %", "network.phy:ndtri", _constant(lambda p: 0.0 * p)),
    ],
)  # fmt: skip
def sinr_at_ten_percent() -> Comparison:
    published = [
        -0.97, -0.45, 0.38, 1.21, 1.96, 2.77, 3.48, 4.12, 4.84, 5.62, 6.31, 7.01, 7.73, 8.52, 9.38,
        10.28, 10.83, 11.64, 12.24, 13.18, 14.03, 14.89, 15.81, 16.67, 17.90, 18.78, 19.76, 20.77,
        22.65,
    ]  # fmt: skip
    bits = np.array([3624, 3624, 3752, 3752, 8064, *[8192] * 15, 7808, *[8192] * 7, 928])
    # Where the curve crosses 10 %, found without the inverse that the package has.
    sinr = np.linspace(-5.0, 30.0, 35_001)
    rate = phy.bler(np.arange(29)[:, None], sinr, size_bits=bits[:, None], table=1)
    return Comparison(sinr[np.argmax(rate < 0.1, axis=1)], published)


SHORT_BLOCKS = np.array([
    (0, 184, -0.82, 0.346), (0, 768, -0.76, 0.264), (0, 2408, -0.94, 0.176),
    (3, 192, 1.59, 0.436), (3, 704, 1.40, 0.277), (3, 2280, 1.31, 0.185),
    (5, 192, 3.16, 0.483), (5, 768, 2.95, 0.290), (5, 2280, 2.79, 0.192),
    (8, 192, 5.53, 0.531), (8, 704, 4.98, 0.295), (8, 2280, 5.02, 0.182),
    (10, 192, 6.83, 0.549), (10, 704, 6.33, 0.318), (10, 2280, 6.29, 0.180),
    (13, 192, 9.44, 0.626), (13, 704, 8.83, 0.332), (13, 2280, 8.60, 0.201),
    (16, 208, 11.91, 0.673), (16, 704, 11.28, 0.385), (16, 2280, 11.30, 0.243),
    (19, 192, 14.28, 0.752), (19, 704, 13.46, 0.400), (19, 2408, 13.22, 0.222),
    (22, 208, 17.38, 0.771), (22, 704, 16.50, 0.426), (22, 2280, 15.84, 0.225),
])  # fmt: skip
"""MCS of table 1, bits of the code block, SINR at 10 % [dB], spread of the curve [dB]."""


@check(
    "SINR at 10 % BLER of short blocks (184 to 2408 bits)",
    source=f"{LENA}, BG2",
    unit="dB",
    tolerance=0.5,
    faults=[
        Fault("block length ignored", "network.phy:_curve",
              lambda f: lambda rows, mcs, bits: f(rows, mcs, 0 * bits + 8192)),
    ],
)  # fmt: skip
def short_blocks() -> Comparison:
    mcs, bits, sinr, _ = SHORT_BLOCKS.T
    ours = phy.sinr_for_bler_db(mcs.astype(int), 0.1, size_bits=bits, table=1)
    return Comparison(ours, sinr)


@check(
    "steepness of the BLER curves: SINR from 10 % to 50 %, as ratio",
    source=f"{LENA}, BG2, fit of a normal distribution to each curve",
    tolerance=0.3,
    faults=[
        Fault("one steepness for all lengths", "network.phy:_spread_db",
              _result(lambda spread: 0 * spread + 0.3)),
        Fault("a step for a curve", "network.phy:_spread_db", _result(lambda spread: 0.1 * spread)),
    ],
)  # fmt: skip
def steepness() -> Comparison:
    mcs, bits, _, spread = SHORT_BLOCKS.T
    index = mcs.astype(int)
    at = [phy.sinr_for_bler_db(index, target, size_bits=bits, table=1) for target in (0.1, 0.5)]
    ours = (at[0] - at[1]) / 1.2816
    return Comparison(ours / spread, 1.0)


@check(
    "a block of many code blocks fails as their product",
    source="TS 38.212 5.2.2, 1 - (1 - p)^C in closed form",
    tolerance=1e-9,
    faults=[
        Fault("one code block whatever the size", "network.phy:_GREATEST_CODE_BLOCK",
              _constant(1e9)),
    ],
)  # fmt: skip
def many_code_blocks() -> Comparison:
    sinr = np.array([12.0, 12.2, 12.4])
    one = phy.bler(18, sinr, size_bits=8000, table=1)
    five = phy.bler(18, sinr, size_bits=40_000, table=1)
    return Comparison(five, 1 - (1 - one) ** 5)


@check(
    "noise of a 20 MHz receiver with 9 dB noise figure",
    source="kTB at 290 K by hand",
    unit="dBm",
    tolerance=0.05,
    faults=[
        Fault("kHz for Hz", "network.phy:noise_power_dbm",
              lambda f: lambda hz, nf: f(hz / 1e3, nf)),
        Fault("noise figure taken off", "network.phy:noise_power_dbm",
              lambda f: lambda hz, nf: f(hz, -nf)),
    ],
)  # fmt: skip
def receiver_noise() -> Comparison:
    boltzmann = 1.380649e-23
    reference = 10 * np.log10(boltzmann * 290.0 * 20e6 * 1e3) + 9.0
    return Comparison(phy.noise_power_dbm(20e6, 9.0), reference)


@check(
    "HARQ combining of two and four equal attempts, and of unequal ones",
    source="Chase combining: SINRs add",
    unit="dB",
    tolerance=0.001,
    faults=[
        Fault("no gain", "network.phy:combined_sinr_db",
              lambda _: lambda sinr_db: np.max(sinr_db, axis=-1)),
        Fault("decibels added", "network.phy:combined_sinr_db",
              lambda _: lambda sinr_db: np.sum(sinr_db, axis=-1)),
    ],
)  # fmt: skip
def harq_combining() -> Comparison:
    ours = [
        phy.combined_sinr_db([4.0, 4.0]),
        phy.combined_sinr_db([4.0] * 4),
        phy.combined_sinr_db([10.0, 0.0]),
    ]
    return Comparison(ours, [7.0103, 10.0206, 10.4139])


@check(
    "link adaptation keeps to its target where the SINR allows it",
    source="TS 38.214 5.2.2.1: BLER within 10 % at the reported index, over it at the next",
    tolerance=0,
    faults=[
        Fault("one index too bold", "network.phy:mcs_for_sinr",
              _result(lambda mcs: np.minimum(mcs + 1, 27))),
        Fault("3 dB too bold", "network.phy:mcs_for_sinr",
              lambda f: lambda sinr, **named: f(sinr + 3.0, **named)),
        Fault("3 dB too shy", "network.phy:mcs_for_sinr",
              lambda f: lambda sinr, **named: f(sinr - 3.0, **named)),
    ],
)  # fmt: skip
def link_adaptation() -> Comparison:
    sinr = np.linspace(0.0, 26.0, 200)
    mcs = phy.mcs_for_sinr(sinr, size_bits=2400)
    within = phy.bler(mcs, sinr, size_bits=2400) <= 0.1
    next_one = phy.bler(np.minimum(mcs + 1, 27), sinr, size_bits=2400) > 0.1
    return Comparison([within.mean(), next_one.mean()], 1.0)
