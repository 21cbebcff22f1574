"""A trie with a few products more or fewer, made from the one before by patching copies of its arrays.

`inserted` and `removed` give what `Trie.build` would give for the products as they then are, array by array.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret.search.bits import Bools, Ints
from genret.search.level import Level, UInts
from genret.search.trie import Trie


class _Arrays(NamedTuple):
    """A trie as it is patched."""

    codes: list[UInts]
    """Per level, the code that leads to each node one deeper."""
    counts: list[Ints]
    """Per depth, how many children each node has; at depth L, products."""

    def trie(self, sizes: tuple[int, ...]) -> Trie:
        wide = np.uint32 if self.counts[-1].sum() < 1 << 32 else np.uint64
        starts = [_starts(counts, wide) for counts in self.counts]
        levels = [
            Level.build(size, codes, begin) for size, codes, begin in zip(sizes, self.codes, starts, strict=False)
        ]
        return Trie(levels, starts[-1])


def inserted(trie: Trie, codes: npt.NDArray[Any], points: Ints) -> Trie:
    """The trie with (n, L) codes more, in ID order; `points` (n,) the positions of `trie` that they stand before."""
    if not len(codes):
        return trie
    node_codes, counts = _arrays(trie)
    nodes = np.full(len(codes), trie.root, np.int64)  # the node of each row's prefix, -1 where there is none
    places = _places(trie, points)
    begins = np.zeros(len(codes), np.bool_)  # whether a row is the first of its prefix
    begins[0] = True
    for level in range(trie.levels):
        column = codes[:, level]
        children = trie.child(level, nodes, column)
        deeper = begins.copy()
        deeper[1:] |= column[1:] != column[:-1]
        new = deeper & (children < 0)
        _grow(counts, level, nodes, begins, new, places[level])
        kind = node_codes[level].dtype
        node_codes[level] = np.insert(node_codes[level], places[level + 1][new], column[new].astype(kind))
        nodes, begins = children, deeper
    _grow(counts, trie.levels, nodes, begins, np.ones(len(codes), np.bool_), places[-1])
    return _Arrays(node_codes, counts).trie(trie.codebook_sizes)


def removed(trie: Trie, positions: Ints) -> Trie:
    """The trie without the products at these positions, each given once."""
    if not len(positions):
        return trie
    node_codes, counts = _arrays(trie)
    gone = positions
    for depth in range(trie.levels, -1, -1):  # up from the IDs, as long as prefixes fall empty
        owners = trie.owner(depth, gone)
        np.subtract.at(counts[depth], owners, 1)
        gone = np.unique(owners[counts[depth][owners] == 0])
        if not len(gone) or depth == 0:
            break
        counts[depth] = np.delete(counts[depth], gone)
        node_codes[depth - 1] = np.delete(node_codes[depth - 1], gone)
    return _Arrays(node_codes, counts).trie(trie.codebook_sizes)


def _arrays(trie: Trie) -> _Arrays:
    return _Arrays(trie.codes, [np.diff(starts).astype(np.int64) for starts in trie.starts])


def _places(trie: Trie, points: Ints) -> list[Ints]:
    """Per depth (n,) how many nodes begin before each position."""
    found = [points]
    for starts in reversed(trie.starts):
        found.append(np.searchsorted(starts[:-1], found[-1].astype(starts.dtype)))
    return found[:0:-1]


def _grow(counts: list[Ints], depth: int, nodes: Ints, begins: Bools, new: Bools, places: Ints) -> None:
    """Count the new children of the nodes of one depth, and put those nodes in that are new themselves."""
    known = new & (nodes >= 0)
    np.add.at(counts[depth], nodes[known], 1)
    fresh = begins & (nodes < 0)
    if fresh.any():
        owner = np.cumsum(begins) - 1  # of each row, among the prefixes of all rows
        children = np.bincount(owner[new & (nodes < 0)], minlength=int(owner[-1]) + 1)
        counts[depth] = np.insert(counts[depth], places[fresh], children[owner[fresh]])


def _starts(counts: Ints, dtype: npt.DTypeLike) -> UInts:
    result = np.zeros(len(counts) + 1, dtype)
    np.cumsum(counts, out=result[1:])
    return result
