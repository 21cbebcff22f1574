"""One level of the prefix trie: from nodes of one depth to their children.

Node n's children are the nodes `starts[n]` up to `starts[n + 1]` of the next depth, and `codes` holds the code that
leads to each, ascending among siblings. Nodes with many children hold them as a bit set besides: the mask is then an
unpacking of bits, and a child is found by counting the bits before its own. Nodes with few are enumerated. Both cost
the same however many products there are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret.ground.arrays import Bools, Ints
from genret.search import bits
from genret.search.bits import Words

UInts = npt.NDArray[Any]
"""uint8, uint16, uint32 or uint64, whichever is the smallest that holds the values."""

BYTES_A_CHILD = 6.0
"""Bit sets for all nodes of a level where they take no more than this, on average over its children."""
BYTES_A_CHILD_OF_SOME = 3.5
"""Bit sets for some nodes where they, and the slots that lead to them, take no more than this."""
SHARE_OF_SOME = 1 / 3
"""... and hold at least this share of the children: fewer would not repay the detour."""


class ChildSets(NamedTuple):
    """Children as bit sets, for the nodes that have many."""

    masks: Words
    """(S, w) the bit set of each slot."""
    ranks: UInts
    """(S, w) uint16: how many bits of the set stand before each word."""
    slots: UInts | None
    """(n,) uint32: the slot of each node; 0 (the empty set) for those to enumerate. None: slot n is node n's."""

    @property
    def nbytes(self) -> int:
        return self.masks.nbytes + self.ranks.nbytes + (0 if self.slots is None else self.slots.nbytes)


class LevelFilter(NamedTuple):
    """The part of a compiled filter that one level needs."""

    masks: Words | None
    """(S, w) the bit sets, cut to the children that lead to an allowed product."""
    children: Words | None
    """One bit a child, for the nodes that are enumerated."""


class Children(NamedTuple):
    """All children of some nodes, row after row, codes ascending within a row."""

    rows: Ints
    """(C,) which of the given nodes each is a child of."""
    codes: Ints
    nodes: Ints


class Level:
    """The children of the nodes of one depth; a node of -1 has none."""

    def __init__(self, size: int, codes: UInts, starts: UInts, sets: ChildSets | None) -> None:
        self.size, self.codes, self.starts, self.sets = size, codes, starts, sets

    @classmethod
    def build(cls, size: int, codes: UInts, starts: UInts) -> Level:
        """The level of a codebook of `size` codes, with bit sets where they pay."""
        return cls(size, codes, starts, _child_sets(size, codes, starts))

    def __len__(self) -> int:
        """How many nodes the level starts from."""
        return len(self.starts) - 1

    def children_mask(self, nodes: Ints, keep: LevelFilter | None) -> Bools:
        """(R, K) bool: the codes that continue each node, to an allowed product if filtered."""
        if not len(self):
            return np.zeros((len(nodes), self.size), np.bool_)
        if self.sets is None:
            mask = np.zeros((len(nodes), self.size), np.bool_)
            light = np.flatnonzero(nodes >= 0)
        else:
            slots = self._slots(nodes)
            words = (self.sets.masks if keep is None or keep.masks is None else keep.masks).take(
                slots, axis=0
            )  # (R, w)
            missing = nodes < 0
            if missing.any():
                words[missing] = 0
            mask = bits.unpack(words, self.size)
            light = np.flatnonzero((slots == 0) & ~missing) if self.sets.slots is not None else nodes[:0]
        if len(light):
            self._add_enumerated(mask, light, nodes[light], keep)
        return mask

    def child(self, nodes: Ints, codes: Ints) -> Ints:
        """(R,) the child of each node by each code; -1 where there is none."""
        known = (nodes >= 0) & (codes >= 0) & (codes < self.size)
        if not len(self.codes):
            return np.full(len(nodes), -1, np.int64)
        nodes, codes = np.where(known, nodes, 0), np.where(known, codes, 0)
        if self.sets is None:
            return np.where(known, self._child_by_search(nodes, codes), -1)
        slots = self._slots(nodes)
        found, rank = self._ranked(slots, codes)
        child = np.where(found, self.starts.take(nodes) + rank, -1)
        if self.sets.slots is not None:
            light = np.flatnonzero(slots == 0)
            child[light] = self._child_by_search(nodes[light], codes[light])
        return np.where(known, child, -1)

    def children(self, nodes: Ints) -> Children:
        """All children of the (R,) nodes."""
        known = np.flatnonzero(nodes >= 0) if len(self) else nodes[:0]
        counts, children = self._enumerated(nodes[known])
        return Children(np.repeat(known, counts), self.codes.take(children).astype(np.int64), children)

    def lower_bound(self, nodes: Ints, codes: Ints) -> tuple[Ints, Ints]:
        """The first child of each node whose code is not below the given one, and the end of the node's children."""
        low = self.starts.take(nodes).astype(np.int64)
        stop = high = self.starts.take(nodes + 1).astype(np.int64)
        if self._has_sets_of_all and codes.min(initial=0) >= 0 and codes.max(initial=0) < self.size:
            return low + self._ranked(nodes, codes)[1], stop
        for _ in range(int((high - low).max(initial=0)).bit_length()):  # halving search of all rows at once
            middle = (low + high) >> 1
            less = (low < high) & (self.codes.take(middle, mode="clip") < codes)
            low, high = np.where(less, middle + 1, low), np.where(less, high, middle)
        return low, stop

    def filtered(self, keep: Bools) -> LevelFilter:
        """The level's part of the filter that keeps the children where `keep` (one bool a child) is True."""
        if self.sets is None:
            return LevelFilter(None, bits.pack(keep))
        heavy = None if self.sets.slots is None else np.flatnonzero(self.sets.slots)
        masks = _bit_sets(self.size, self.codes, self.starts, heavy, keep)
        return LevelFilter(masks, None if self.sets.slots is None else bits.pack(keep))

    def unfiltered(self) -> LevelFilter:
        """The level's part of the filter that keeps all children."""
        every = bits.pack(np.ones(len(self.codes), np.bool_))
        if self.sets is None:
            return LevelFilter(None, every)
        return LevelFilter(self.sets.masks, None if self.sets.slots is None else every)

    def without(self, keep: LevelFilter, nodes: Ints, children: Ints) -> LevelFilter:
        """The same filter without these children of these nodes, pair by pair."""
        masks, flags = keep
        if masks is not None:
            masks = bits.cleared(masks, self._slots(nodes) * (masks.shape[1] * 64) + self.codes.take(children))
        return LevelFilter(masks, None if flags is None else bits.cleared(flags, children))

    def _slots(self, nodes: Ints) -> Ints:
        safe = np.maximum(nodes, 0)
        return safe if self.sets is None or self.sets.slots is None else self.sets.slots.take(safe).astype(np.int64)

    def _enumerated(self, nodes: Ints) -> tuple[Ints, Ints]:
        """(R,) how many children each node has, and (C,) the children."""
        first = self.starts.take(nodes).astype(np.int64)
        counts = self.starts.take(nodes + 1).astype(np.int64) - first
        ends = np.cumsum(counts)
        total = int(ends[-1]) if len(ends) else 0
        return counts, np.arange(total) + np.repeat(first - ends + counts, counts)

    def _add_enumerated(self, mask: Bools, rows: Ints, nodes: Ints, keep: LevelFilter | None) -> None:
        """Set the bits of the nodes' children in the given rows of the mask."""
        counts, children = self._enumerated(nodes)
        cells = np.repeat(rows * self.size, counts)
        if keep is not None and keep.children is not None:
            kept = bits.test(keep.children, children)
            cells, children = cells[kept], children[kept]
        cells += self.codes.take(children)
        mask.reshape(-1)[cells] = True

    @property
    def _has_sets_of_all(self) -> bool:
        return self.sets is not None and self.sets.slots is None

    def _ranked(self, slots: Ints, codes: Ints) -> tuple[Bools, Ints]:
        """Whether each bit set holds the code, and how many smaller ones."""
        assert self.sets is not None
        cell = slots * self.sets.masks.shape[1] + (codes >> 6)
        word, bit = self.sets.masks.reshape(-1).take(cell), codes & 63
        found = (word >> bit.astype(np.uint64)) & np.uint64(1) != 0
        return found, self.sets.ranks.reshape(-1).take(cell) + bits.below(word, bit)

    def _child_by_search(self, nodes: Ints, codes: Ints) -> Ints:
        child, stop = self.lower_bound(nodes, codes)
        found = (child < stop) & (self.codes.take(child, mode="clip") == codes)
        return np.where(found, child, -1)


def has_all_sets(size: int, codes: UInts, starts: UInts) -> bool:
    """Whether all nodes of a level get bit sets."""
    nodes = len(starts) - 1
    return nodes == 1 or _set_bytes(size) * nodes <= BYTES_A_CHILD * len(codes)


def _set_bytes(size: int) -> int:
    """What the bit set of a node takes."""
    return bits.words_for(size) * 10  # 8 of a word's mask, 2 of its rank


def _child_sets(size: int, codes: UInts, starts: UInts) -> ChildSets | None:
    """Bit sets for all nodes, for those with many children, or for none: as far as BYTES_A_CHILD allows."""
    if has_all_sets(size, codes, starts):
        masks = _bit_sets(size, codes, starts)
        return ChildSets(masks, bits.exclusive_counts(masks), None)
    nodes, set_bytes, most = len(starts) - 1, _set_bytes(size), BYTES_A_CHILD_OF_SOME * len(codes)
    if 4 * nodes + set_bytes > most:  # were it for one node alone
        return None
    counts = np.diff(starts)
    heavy = np.flatnonzero(counts * BYTES_A_CHILD >= set_bytes)
    if 4 * nodes + set_bytes * (len(heavy) + 1) > most or counts[heavy].sum() < SHARE_OF_SOME * len(codes):
        return None
    slots = np.zeros(nodes, np.uint32)
    slots[heavy] = np.arange(1, len(heavy) + 1)
    masks = _bit_sets(size, codes, starts, heavy)
    return ChildSets(masks, bits.exclusive_counts(masks), slots)


def _bit_sets(size: int, codes: UInts, starts: UInts, nodes: Ints | None = None, keep: Bools | None = None) -> Words:
    """The bit set of each node; with `nodes`, an empty one and then theirs. Of the children to `keep`, if given."""
    if nodes is not None:
        sets = _bit_sets_of(size, codes, starts, nodes, keep)
        return np.concatenate([np.zeros((1, sets.shape[1]), sets.dtype), sets])
    return _bit_sets_of(size, codes, starts, np.arange(len(starts) - 1), keep)


def _bit_sets_of(size: int, codes: UInts, starts: UInts, nodes: Ints, keep: Bools | None) -> Words:
    result = np.zeros((len(nodes), bits.words_for(size)), "<u8")
    step = max(1, (4 << 20) // size)  # nodes at a time, so that the bools between stay small
    for first in range(0, len(nodes), step):
        chosen = nodes[first : first + step]
        begin = starts[chosen].astype(np.int64)
        counts = starts[chosen + 1].astype(np.int64) - begin
        children = np.arange(counts.sum()) + np.repeat(begin - np.cumsum(counts) + counts, counts)
        flags = np.zeros((len(chosen), size), np.bool_)
        flags.reshape(-1)[np.repeat(np.arange(len(chosen)) * size, counts) + codes[children]] = (
            True if keep is None else keep[children]
        )
        result[first : first + len(chosen)] = bits.pack(flags)
    return result
