"""Bit sets in flat numpy arrays: pack, unpack, test, count. Imports no torch."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from genret.ground.arrays import Bools, Ints

Words: TypeAlias = npt.NDArray[np.uint64]
"""Bits in little-endian words of 64: bit i stands in word i // 64, at 2 ** (i % 64)."""

WORD = 64


def words_for(bits: int) -> int:
    """How many words hold so many bits."""
    return -(-bits // WORD)


def pack(bools: Bools) -> Words:
    """(..., n) bool -> (..., ceil(n / 64)) words; the bits past n are 0."""
    count = bools.shape[-1]
    octets = np.zeros((*bools.shape[:-1], words_for(count) * 8), np.uint8)
    packed = np.packbits(bools, axis=-1, bitorder="little")
    octets[..., : packed.shape[-1]] = packed
    return octets.view("<u8")


def unpack(words: Words, count: int) -> Bools:
    """(R, w) contiguous words -> (R, count) bool."""
    if count == words.shape[-1] * WORD:  # in one stretch, twice as fast as row by row
        flat = np.unpackbits(words.view(np.uint8).reshape(-1), bitorder="little")
        return flat.view(np.bool_).reshape(*words.shape[:-1], count)
    return np.unpackbits(words.view(np.uint8), axis=-1, count=count, bitorder="little").view(np.bool_)


def test(words: Words, index: Ints) -> Bools:
    """Whether each bit of a flat bit set is set: (n,) int64 -> (n,) bool."""
    octets = words.view(np.uint8)
    return (octets[index >> 3] >> (index & 7).astype(np.uint8)) & 1 != 0


def cleared(words: Words, index: Ints) -> Words:
    """A copy with the bits of these numbers (over all words, in order) cleared."""
    result = words.copy()
    octets = result.reshape(-1).view(np.uint8)
    np.bitwise_and.at(octets, index >> 3, ~(np.uint8(1) << (index & 7).astype(np.uint8)))
    return result


def added(words: Words, index: Ints) -> Words:
    """A copy with the bits of these numbers (over all words, in order) set."""
    result = words.copy()
    octets = result.reshape(-1).view(np.uint8)
    np.bitwise_or.at(octets, index >> 3, np.uint8(1) << (index & 7).astype(np.uint8))
    return result


def below(words: Words, bit: Ints) -> Ints:
    """How many bits of each word stand below its bit number (0..63)."""
    return popcount(words & ((np.uint64(1) << bit.astype(np.uint64)) - np.uint64(1)))


def popcount(words: Words) -> Ints:
    """How many bits of each word are set, int64."""
    if hasattr(np, "bitwise_count"):  # numpy >= 2
        return np.asarray(np.bitwise_count(words)).astype(np.int64)
    return _popcount_by_halves(words)


def _popcount_by_halves(words: Words) -> Ints:
    """The textbook count: sums of 2, 4, then 8 bits side by side, then one product that adds up the bytes."""
    u = np.uint64
    pairs = words - ((words >> u(1)) & u(0x5555555555555555))
    nibbles = (pairs & u(0x3333333333333333)) + ((pairs >> u(2)) & u(0x3333333333333333))
    octets = (nibbles + (nibbles >> u(4))) & u(0x0F0F0F0F0F0F0F0F)
    with np.errstate(over="ignore"):
        return ((octets * u(0x0101010101010101)) >> u(56)).astype(np.int64)


def exclusive_counts(words: Words, dtype: npt.DTypeLike = np.uint16) -> npt.NDArray[Any]:
    """(R, w) words -> (R, w): how many bits of its row stand before each word."""
    counts = popcount(words)
    return (np.cumsum(counts, axis=-1) - counts).astype(dtype)
