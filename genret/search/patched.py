"""A trie with a few products more or fewer, made from the one before by patching copies of its arrays.

`inserted` and `removed` give what `Trie.build` would give for the products as they then are, array by array. What they
do besides copying arrays is in proportion to the products that come or go.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret.ground.arrays import Bools, Ints
from genret.search import bits
from genret.search.level import ChildSets, Level, UInts, has_all_sets
from genret.search.trie import Trie


class _Grown(NamedTuple):
    """The nodes of one depth, with new children and new nodes."""

    starts: UInts
    """As in the trie."""
    before: Ints
    """(m,) the old node that each new one stands before."""
    owners: Ints
    """(k,) the node, as they now are numbered, of each new child."""


def inserted(trie: Trie, codes: npt.NDArray[Any], points: Ints) -> Trie:
    """The trie with (n, L) codes more, in ID order; `points` (n,) the positions of `trie` that they stand before."""
    if not len(codes):
        return trie
    wide = np.uint32 if trie.num_products + len(codes) < 1 << 32 else np.uint64
    levels: list[Level] = []
    nodes = np.full(len(codes), trie.root, np.int64)  # the node of each row's prefix, -1 where there is none
    places = _places(trie, points)
    begins = np.zeros(len(codes), np.bool_)  # whether a row is the first of its prefix
    begins[0] = True
    for depth, old in enumerate(trie.by_level):
        column = codes[:, depth]
        children = old.child(nodes, column)
        deeper = begins.copy()
        deeper[1:] |= column[1:] != column[:-1]
        new = deeper & (children < 0)
        grown = _grown(old.starts.astype(wide, copy=False), nodes, begins, new, places[depth])
        levels.append(_with_children(old, grown, places[depth + 1][new], column[new]))
        nodes, begins = children, deeper
    every = np.ones(len(codes), np.bool_)
    return Trie(levels, _grown(trie.starts[-1].astype(wide, copy=False), nodes, begins, every, places[-1]).starts)


def removed(trie: Trie, positions: Ints) -> Trie:
    """The trie without the products at these positions, each given once."""
    if not len(positions):
        return trie
    levels, gone = list(trie.by_level), np.sort(positions)
    owners = trie.owner(trie.levels, gone)
    left = _fewer(trie.starts[-1], owners)
    empty = _childless(left, owners)
    buckets = np.delete(left, empty)
    for depth in range(trie.levels - 1, -1, -1):  # up from the IDs, as long as prefixes fall empty
        if not len(empty):
            break
        old, gone, owners = levels[depth], empty, trie.owner(depth, empty)
        left = _fewer(old.starts, owners)
        empty = _childless(left, owners) if depth else empty[:0]  # the root stays
        levels[depth] = _without_children(old, np.delete(left, empty), gone, owners, empty)
    return Trie(levels, buckets)


def _places(trie: Trie, points: Ints) -> list[Ints]:
    """Per depth (n,) how many nodes begin before each position."""
    found = [points]
    for starts in reversed(trie.starts):
        found.append(np.searchsorted(starts[:-1], found[-1].astype(starts.dtype)))
    return found[:0:-1]


def _grown(starts: UInts, nodes: Ints, begins: Bools, new: Bools, places: Ints) -> _Grown:
    """The nodes of one depth with the children of the rows that are `new`, and the nodes of those that have none."""
    if not new.any():
        return _Grown(starts, nodes[:0], nodes[:0])
    first = np.flatnonzero(begins)  # of each prefix
    known, at = nodes[first], places[first]
    fresh = known < 0
    before = at[fresh]
    number = np.where(fresh, at + np.cumsum(fresh) - 1, known + np.searchsorted(before, known, "right"))
    owners = number[np.cumsum(begins) - 1][new]
    wider = np.insert(starts, before, starts[before]) if len(before) else starts
    return _Grown(wider + _after(owners, wider), before, owners)


def _fewer(starts: UInts, owners: Ints) -> UInts:
    """The starts of nodes, of which some (k,), ascending, have a child less for each time they are named."""
    return starts - _after(owners, starts)


def _childless(starts: UInts, owners: Ints) -> Ints:
    """Those of the owners, ascending and once each, that have no children."""
    owners = np.unique(owners)
    return owners[starts[owners] == starts[owners + 1]]


def _after(owners: Ints, starts: UInts) -> UInts:
    """For each start how many of the owners (k,), ascending, stand before its node."""
    lengths = np.diff(owners + 1, prepend=0, append=len(starts))
    return np.repeat(np.arange(len(owners) + 1, dtype=starts.dtype), lengths)


def _with_children(old: Level, grown: _Grown, places: Ints, codes: Ints) -> Level:
    """A level with children more: the places (k,) that they stand before, and the (k,) codes that lead to them."""
    if not len(places):
        return old
    every = np.insert(old.codes, places, codes.astype(old.codes.dtype))
    if old.sets is None or old.sets.slots is not None or not has_all_sets(old.size, every, grown.starts):
        return Level.build(old.size, every, grown.starts)
    masks = np.insert(old.sets.masks, grown.before, 0, axis=0)
    masks = bits.added(masks, grown.owners * (masks.shape[1] * bits.WORD) + codes)
    return Level(old.size, every, grown.starts, ChildSets(masks, bits.exclusive_counts(masks), None))


def _without_children(old: Level, starts: UInts, children: Ints, owners: Ints, empty: Ints) -> Level:
    """A level without some children (k,), of these owners, nor the nodes that are `empty` without them."""
    left = np.delete(old.codes, children)
    if old.sets is None or old.sets.slots is not None or not has_all_sets(old.size, left, starts):
        return Level.build(old.size, left, starts)
    words = old.sets.masks.shape[1] * bits.WORD
    masks = bits.cleared(old.sets.masks, owners * words + old.codes[children])
    masks = np.delete(masks, empty, axis=0)
    return Level(old.size, left, starts, ChildSets(masks, bits.exclusive_counts(masks), None))
