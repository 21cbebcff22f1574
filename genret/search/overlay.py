"""Two tries that answer as one: a large base and the products that came since.

The merged trie is never built. A node is a pair of nodes, one of each trie; a mask is the union of two masks; and a
position is a place in the merged order, found by counting: every product of the delta has a `point`, the base position
that it stands before, so that delta product j stands at `points[j] + j`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from genret.ground.arrays import Bools, Ints
from genret.ground.errors import GenretError
from genret.search.level import Children
from genret.search.trie import Allowed, Trie


class OverlayTrie(Trie):
    """The trie of the products of `base` and `delta` together, in ID order.

    `points` (n_delta,) int64, ascending: for each position of `delta`, the position of `base` that it stands before.
    Within an ID the points decide the order of the products.
    """

    def __init__(self, base: Trie, delta: Trie, points: Ints) -> None:
        if base.codebook_sizes != delta.codebook_sizes or len(points) != delta.num_products:
            raise GenretError(f"cannot lay {delta} with {len(points)} points over {base}; their shapes disagree")
        self.codebook_sizes = base.codebook_sizes
        self.base, self.delta, self.points = base, delta, points
        self.slots = points + np.arange(len(points))  # the merged positions of the delta's products
        self.root = int(self._join(0, np.array([base.root]), np.array([delta.root]))[0])

    @property
    def num_products(self) -> int:
        return self.base.num_products + self.delta.num_products

    @property
    def nbytes(self) -> int:
        return self.base.nbytes + self.delta.nbytes + self.points.nbytes + self.slots.nbytes

    def num_nodes(self, depth: int) -> int:
        own = self.delta.id_of(self.delta.product_range(depth, np.arange(self.delta.num_nodes(depth)))[0])
        nodes = np.full(len(own), self.base.root, np.int64)
        for level in range(depth):
            nodes = self.base.child(level, nodes, own[:, level])
        return self.base.num_nodes(depth) + int((nodes < 0).sum())

    def children_mask(self, level: int, nodes: Ints, allowed: Allowed | None = None) -> Bools:
        base, delta = self._split(level, nodes)
        keep = _of(self, allowed)
        mask = self.base.children_mask(level, base, keep and keep.base)
        rows = np.flatnonzero(delta >= 0)
        if len(rows):
            mask[rows] |= self.delta.children_mask(level, delta[rows], keep and keep.delta)
        return mask

    def child(self, level: int, nodes: Ints, codes: Ints) -> Ints:
        base, delta = self._split(level, nodes)
        return self._join(level + 1, self.base.child(level, base, codes), self.delta.child(level, delta, codes))

    def children(self, level: int, nodes: Ints) -> Children:
        base, delta = self._split(level, nodes)
        own, came = self.base.children(level, base), self.delta.children(level, delta)
        size = self.codebook_sizes[level]
        cells, others = own.rows * size + own.codes, came.rows * size + came.codes
        place = cells.searchsorted(others)
        both = np.append(cells, -1)[place] == others
        also = np.full(len(cells), -1)  # of the base's children, their nodes in the delta
        also[place[both]] = came.nodes[both]
        new = np.flatnonzero(~both)
        if not len(new):
            return Children(own.rows, own.codes, self._join(level + 1, own.nodes, also))
        slots = place[new] + np.arange(len(new))
        kept = np.ones(len(cells) + len(new), np.bool_)
        kept[slots] = False

        def joined(base: Ints, delta: Ints | int) -> Ints:
            found = np.empty(len(kept), np.int64)
            found[kept], found[slots] = base, delta
            return found

        nodes = self._join(level + 1, joined(own.nodes, -1), joined(also, came.nodes[new]))
        return Children(joined(own.rows, came.rows[new]), joined(own.codes, came.codes[new]), nodes)

    def among(self, level: int, nodes: Ints, known: Children) -> Ints | None:
        """(C,) the nodes here of `known` children of the (R,) nodes, in ID order, whose own nodes are the base's.

        Where the base lacks one, its node is -1, and so is what is found where both lack it. All children that the base
        has are among the known; None if one that the delta has is not.
        """
        came = self.delta.children(level, self._split(level, nodes)[1])
        size, also = self.codebook_sizes[level], np.full(len(known.rows), -1)
        cells, others = known.rows * size + known.codes, came.rows * size + came.codes
        place = cells.searchsorted(others)
        if not (cells.take(place, mode="clip") == others).all():
            return None
        also[place] = came.nodes
        return self._join(level + 1, known.nodes, also)

    def product_range(self, level: int, nodes: Ints) -> tuple[Ints, Ints]:
        base, delta = self._split(level, nodes)
        (start, stop), (delta_start, delta_stop) = (
            self.base.product_range(level, base),
            self.delta.product_range(level, delta),
        )
        count = (stop - start) + (delta_stop - delta_start)
        alone = np.flatnonzero((base < 0) & (delta >= 0))
        start[alone] = self.points[delta_start[alone]]
        alone = np.flatnonzero((base >= 0) & (delta < 0))
        delta_start[alone] = np.searchsorted(self.points, start[alone], "right")
        return start + delta_start, start + delta_start + count

    def has_nodes(self, codes: Sequence[Ints], starts: Sequence[Ints]) -> bool:
        return False  # a node is a pair of nodes

    def id_of(self, positions: npt.ArrayLike) -> Ints:
        of_delta, own = self.segments(np.asarray(positions, dtype=np.int64).reshape(-1))
        codes = np.empty((len(own), self.levels), np.int64)
        codes[of_delta], codes[~of_delta] = self.delta.id_of(own[of_delta]), self.base.id_of(own[~of_delta])
        return codes

    def segments(self, positions: Ints) -> tuple[Bools, Ints]:
        """(n,) positions -> (n,) whether each is the delta's, and (n,) the position there or in the base."""
        before = np.searchsorted(self.slots, positions)  # products of the delta before it
        of_delta = np.append(self.slots, -1)[before] == positions
        return of_delta, np.where(of_delta, before, positions - before)

    def merged(self, base: Ints) -> Ints:
        """(n,) positions of the base -> (n,) their merged positions."""
        return base + np.searchsorted(self.points, base, "right")

    def bucket(self, codes: npt.ArrayLike) -> tuple[Ints, Ints]:
        (start, stop), (delta_start, delta_stop) = self.base.bucket(codes), self.delta.bucket(codes)
        return start + delta_start, stop + delta_stop

    def save(self, folder: str | Path) -> NoReturn:
        raise GenretError(f"{folder}: an index with changes is not saved as it is; compact it first")

    def _split(self, level: int, nodes: Ints) -> tuple[Ints, Ints]:
        """Nodes of the pair; -1 where the prefix is not in that trie."""
        base, delta = np.divmod(nodes + 1, self.delta.num_nodes(level) + 1)
        return base - 1, delta - 1

    def _join(self, level: int, base: Ints, delta: Ints) -> Ints:
        return (base + 1) * (self.delta.num_nodes(level) + 1) + delta


class OverlayAllowed(Allowed):
    """A filter for an overlay: one for its base and one for its delta."""

    def __init__(self, trie: OverlayTrie, base: Allowed, delta: Allowed) -> None:
        if base.trie is not trie.base or delta.trie is not trie.delta:
            raise GenretError("these filters were compiled for other tries; compile them again for these")
        self.trie: OverlayTrie = trie
        self.base, self.delta = base, delta
        self.num_allowed = base.num_allowed + delta.num_allowed
        self._slots = trie.slots[delta.mask()]  # merged positions of the allowed products of the delta
        self._ranks = self.rank(self._slots)

    @classmethod
    def from_positions(cls, trie: Trie, mask: Bools) -> Allowed:
        """The filter that allows the merged positions where `mask` is True."""
        if not isinstance(trie, OverlayTrie):
            return Allowed.from_positions(trie, mask)
        own = np.zeros(trie.num_products, np.bool_)
        own[trie.slots] = True
        delta = Allowed.from_positions(trie.delta, mask[own])
        return cls(trie, Allowed.from_positions(trie.base, mask[~own]), delta)

    @property
    def nbytes(self) -> int:
        return self.base.nbytes + self.delta.nbytes + self._slots.nbytes + self._ranks.nbytes

    def rank(self, positions: Ints) -> Ints:
        before = np.searchsorted(self.trie.slots, positions)
        return self.base.rank(positions - before) + self.delta.rank(before)

    def nth(self, ranks: Ints) -> Ints:
        before = np.searchsorted(self._ranks, ranks)  # allowed products of the delta before it
        of_delta = np.append(self._ranks, -1)[before] == ranks
        result = np.append(self._slots, -1)[before]
        result[~of_delta] = self.trie.merged(self.base.nth((ranks - before)[~of_delta]))
        return result

    def positions(self, start: int, stop: int) -> Ints:
        first, last = np.searchsorted(self.trie.slots, [start, stop])
        base = self.trie.merged(self.base.positions(int(start - first), int(stop - last)))
        return np.sort(np.concatenate([base, self.trie.slots[self.delta.positions(int(first), int(last))]]))

    def mask(self) -> Bools:
        result = np.zeros(self.trie.num_products, np.bool_)
        result[self.positions(0, self.trie.num_products)] = True
        return result


def _of(trie: OverlayTrie, allowed: Allowed | None) -> OverlayAllowed | None:
    """The filter, checked to be the trie's own."""
    if allowed is None:
        return None
    if not isinstance(allowed, OverlayAllowed) or allowed.trie is not trie:
        raise GenretError("this filter was compiled for another trie; compile it again for this one")
    return allowed
