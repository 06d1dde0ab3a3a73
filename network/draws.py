"""Random draws that belong to a station and a purpose, not to a generator.

Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) maps a key and
a counter to random bits without any state. The key is made of the run's seed and the purpose of the
draw, the counter of the station's key and the caller's own count. One more vehicle, cell or packet
therefore never shifts anyone else's draws, whatever the order or the batch they are drawn in.
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from network.arrays import Floats

_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], dtype=np.uint64)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)
_HIGH_SHIFT = np.uint64(32)

_UINT64 = NDArray[np.uint64]


class DrawKeys(NamedTuple):
    """What things draw with: a key and a counter each (n,)."""

    key: NDArray[np.uint64]
    counter: NDArray[np.int64]


def key_of(name: str) -> int:
    """Return the 64-bit key that stands for an identifier, the same in every process and version.

    Args:
        name: The identifier of a station, cell or anything else that draws.

    Returns:
        An integer in [0, 2^64).
    """
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


class Draws:
    """Draws for one purpose in one run.

    The same (seed, purpose, key, counter) gives the same value anywhere. Keys and counters are
    broadcast against each other; a scalar of each gives an array of shape ().

    Args:
        seed: The seed of the run, any integer.
        purpose: What the draws are for, such as ``"shadowing"``; purposes are independent.
    """

    def __init__(self, seed: int, purpose: str) -> None:
        key = key_of(f"{seed}/{purpose}")
        self._key = (key & 0xFFFFFFFF, key >> 32)

    def uint64(self, keys: ArrayLike, counters: ArrayLike) -> _UINT64:
        """Return 64 uniform random bits for each (key, counter)."""
        words = philox4x32(self._counter_words(keys, counters), self._key)
        return words[0] | (words[1] << _HIGH_SHIFT)

    def uniform(self, keys: ArrayLike, counters: ArrayLike) -> Floats:
        """Return draws from the uniform distribution on the open interval (0, 1)."""
        return _open_unit(self.uint64(keys, counters))

    def exponential(self, keys: ArrayLike, counters: ArrayLike) -> Floats:
        """Return draws from the exponential distribution of mean 1."""
        return np.asarray(-np.log(self.uniform(keys, counters)))

    def normal(self, keys: ArrayLike, counters: ArrayLike) -> Floats:
        """Return draws from the standard normal distribution (Box-Muller)."""
        radius, angle = self._polar(keys, counters)
        return np.asarray(radius * np.cos(angle))

    def normal_pair(self, keys: ArrayLike, counters: ArrayLike) -> tuple[Floats, Floats]:
        """Return two independent standard normal draws for each (key, counter).

        The first is what `normal` returns.
        """
        radius, angle = self._polar(keys, counters)
        return np.asarray(radius * np.cos(angle)), np.asarray(radius * np.sin(angle))

    def _polar(self, keys: ArrayLike, counters: ArrayLike) -> tuple[Floats, Floats]:
        words = philox4x32(self._counter_words(keys, counters), self._key)
        radius = np.sqrt(-2.0 * np.log(_open_unit(words[0] | (words[1] << _HIGH_SHIFT))))
        angle = (2.0 * np.pi) * _open_unit(words[2] | (words[3] << _HIGH_SHIFT))
        return radius, angle

    @staticmethod
    def _counter_words(
        keys: ArrayLike, counters: ArrayLike
    ) -> tuple[_UINT64, _UINT64, _UINT64, _UINT64]:
        # Philox mixes them from its first round on: they needn't be of one shape yet.
        key_bits, count_bits = _bits(keys), _bits(counters)
        return (
            count_bits & _LOW,
            count_bits >> _HIGH_SHIFT,
            key_bits & _LOW,
            key_bits >> _HIGH_SHIFT,
        )


def philox4x32(
    counter: tuple[_UINT64, _UINT64, _UINT64, _UINT64], key: tuple[int, int]
) -> tuple[_UINT64, _UINT64, _UINT64, _UINT64]:
    """Return the four 32-bit words of Philox4x32-10 for each counter.

    Args:
        counter: Four arrays of one shape, each a 32-bit word held in 64 bits.
        key: Two 32-bit words.

    Returns:
        Four arrays of 32-bit words held in 64 bits, of the counter's shape.
    """
    # Words 0 and 2 go through a round side by side, and so do 1 and 3: small draws cost by the
    # number of array operations.
    shape = np.broadcast(*counter).shape
    even, odd, mixed = (np.empty((2, *shape), dtype=np.uint64) for _ in range(3))
    even[0], odd[0], even[1], odd[1] = counter
    along = (2,) + (1,) * len(shape)
    multipliers = _MULTIPLIERS.reshape(along)
    for round_key in _round_keys(key):
        even *= multipliers
        crossed = even[::-1]
        np.right_shift(crossed, _HIGH_SHIFT, out=mixed)
        mixed ^= odd
        mixed ^= round_key.reshape(along)
        np.bitwise_and(crossed, _LOW, out=odd)
        even, mixed = mixed, even
    return even[0], odd[0], even[1], odd[1]


@cache
def _round_keys(key: tuple[int, int]) -> _UINT64:
    """Return the two words of each round's key (rounds, 2)."""
    return np.array(
        [
            [(word + n * weyl) & 0xFFFFFFFF for word, weyl in zip(key, _WEYL, strict=True)]
            for n in range(_ROUNDS)
        ],
        dtype=np.uint64,
    )


def _bits(values: ArrayLike) -> _UINT64:
    """Return integers as 64 bits; negative ones in two's complement."""
    if isinstance(values, int):
        return np.asarray(np.uint64(values & 0xFFFFFFFFFFFFFFFF))
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise ValueError(f"keys and counters must be integers, got an array of {array.dtype}")
    return array.astype(np.uint64)


def _open_unit(bits: _UINT64) -> Floats:
    # 52 bits and a half: with 53 the largest value would round to exactly 1.
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
