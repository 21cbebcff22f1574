"""What prefixes are worth to one query on a CPU, as `PrefixValues` says it, found once for all levels of a search.

`Vectors` lays the two tables out once; a `Worth` is of one query, and keeps what the leaves that it looked at are
worth, so that what lies between is read there.

Letters: C children, D width of the query's embedding, n nodes of a level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from genret.ground.arrays import Floats, Ints
from genret.model.prefix import products
from genret.model.values import REACH, PrefixValues
from genret.search.ranking import ranges
from genret.search.single import best_of

LEAST, MOST = np.float32(-REACH), np.float32(REACH)


class Taken(Protocol):
    """Numbers by place, as an array or as `genret.model.single_grown` finds them."""

    def take(self, places: Ints, /) -> Ints:
        """(n,) places -> (n,) numbers."""
        ...


class Below(NamedTuple):
    """The leaves below some nodes, node after node."""

    first: Ints
    """(n,) the first leaf below each."""
    stop: Ints
    """(n,) the first that is not."""
    leaves: Ints
    """(m,) all of them."""
    starts: Ints
    """(n,) where those of each node begin."""


class Vectors:
    """The vectors of a model's prefixes."""

    def __init__(self, prefixes: PrefixValues, starts: Sequence[Ints]) -> None:
        """`starts`: per level, where the children of each node begin, closed by their total."""
        self.coarse_level, self.look_below = prefixes.coarse_level, prefixes.look_below
        self.starts: Sequence[Taken] = starts
        self.leaves, self.leaf_bias = prefixes.leaves.detach(), prefixes.leaf_bias.detach().numpy()
        self._coarse_bias, self._leaves = prefixes.coarse_bias.detach().numpy(), self.leaves.numpy()
        self._leaf_bias = self.leaf_bias if self.leaf_bias.any() else None  # 0 for IDs of one product each, untrained
        spread = prefixes.spread()
        self._spread = None if spread is None else spread.numpy()
        self.first_children = [one[:-1] for one in starts[: self.coarse_level + 1]]
        """Of each level down to the coarse one, where the children of each node begin."""
        self._by_dimension = np.ascontiguousarray(prefixes.coarse.detach().numpy().T)
        """(D, n): queries read the whole table, in half the time where each dimension is in one piece."""

    def coarse_scores(self, query: Floats) -> Floats:
        """(n,) the scores of the coarse prefixes by their own vectors."""
        found: Floats = query.dot(self._by_dimension)
        found += self._coarse_bias
        return found

    def coarse_scores_of(self, queries: Tensor) -> Tensor:
        """(Q, n) the same for (Q, D) queries."""
        return torch.addmm(torch.from_numpy(self._coarse_bias), queries, torch.from_numpy(self._by_dimension))

    def promises(self, scores: Floats, query: Floats) -> Floats:
        """(..., n) by what the coarse prefixes to look below are chosen, of their (..., n) scores; query (..., D)."""
        if self._spread is None:
            return scores
        found = np.square(query).sum(-1, keepdims=True) * self._spread
        found -= self._coarse_bias
        found += scores
        return found

    def leaf_range(self, level: int, nodes: Ints) -> tuple[Ints, Ints]:
        """(n,) the first leaf below each node of a level (-1: the root), and the first that is not."""
        first, stop = nodes, nodes + 1
        for starts in self.starts[level + 1 :]:
            first, stop = starts.take(first), starts.take(stop)
        return first, stop

    def below(self, level: int, nodes: Ints) -> Below:
        """The leaves below (n,) nodes of a level."""
        first, stop = self.leaf_range(level, nodes)
        return Below(first, stop, *ranges(first, stop - first))

    def leaf_masses(self, below: Below, query: Floats, shift: np.float32) -> Floats:
        """(n,) exp(value - shift) of some leaves."""
        values = self.scores_below(below, query)
        values -= shift
        np.maximum(values, LEAST, out=values)
        np.minimum(values, MOST, out=values)
        return np.exp(values, out=values)

    def scores_below(self, below: Below, query: Floats) -> Floats:
        """(m,) the values of leaves to a query."""
        return self.leaf_scores(below.leaves, query)

    def scores_below_of(self, below: Below, owners: Ints, queries: Tensor) -> Tensor:
        """(m,) the values of leaves to the (Q, D) queries of the nodes that they are below, `owners` (n,) ascending."""
        return self.leaf_scores_of(below.leaves, owners.repeat(below.stop - below.first), queries)

    def leaf_scores(self, leaves: Ints, query: Floats) -> Floats:
        """(m,) the values of leaves to a query."""
        found: Floats = self._leaves.take(leaves, 0).dot(query)
        if self._leaf_bias is not None:
            found += self._leaf_bias.take(leaves)
        return found

    def leaf_scores_of(self, leaves: Ints, owners: Ints, queries: Tensor) -> Tensor:
        """(m,) the values of (m,) leaves to the (Q, D) queries `owners` (m,), ascending."""
        found = products_of(self.leaves, leaves, owners, queries)
        return found.add_(torch.from_numpy(self.leaf_bias.take(leaves)))


def products_of(table: Tensor, rows: Ints, owners: Ints, queries: Tensor) -> Tensor:
    """(m,) the products of (m,) rows of a table (n, D) with the (Q, D) queries `owners` (m,), ascending."""
    ends = torch.from_numpy(np.searchsorted(owners, np.arange(len(queries) + 1)))
    return products(ends, torch.from_numpy(rows), queries, table)


class Worth:
    """What prefixes are worth to one query."""

    def __init__(self, vectors: Vectors, query: Floats) -> None:
        """`query` (D,): what vectors are multiplied by."""
        self._vectors, self._query = vectors, query
        self._shift = np.float32(0)  # what is subtracted from all values before exp
        self._masses: list[Floats] = []  # of all prefixes of each level, down to the coarse one
        self._leaves = np.zeros(0, np.float32)  # the masses of leaves, prefix after prefix that was looked below
        self._seen = self._offsets = np.zeros(0, np.int64)  # these coarse prefixes, ascending, and `offsets` of them
        if vectors.coarse_level >= 0:
            self._value_coarse()

    def offsets(self, level: int, nodes: Ints) -> Ints:
        """(n,) what turns the number of a leaf below each of these nodes into its place here.

        The nodes are of the coarse level (-1: the root), ascending; those not looked below yet are now.
        """
        known = np.zeros(len(nodes), np.bool_)
        found = np.zeros(len(nodes), np.int64)
        if len(self._seen):
            place = np.minimum(np.searchsorted(self._seen, nodes), len(self._seen) - 1)
            known, found = self._seen[place] == nodes, self._offsets[place]
        if not known.all():
            new = np.flatnonzero(~known)
            found[new] = self._look_below(level, nodes[new])[1]
        return found

    def masses(self, level: int, nodes: Ints, offsets: Ints | None) -> Floats:
        """(C,) the masses of nodes of a level; below the coarse level by the `offsets` of what they are below."""
        if offsets is None:
            return self._masses[level].take(nodes)
        if level == len(self._vectors.starts) - 1:
            return self._leaves.take(nodes + offsets)
        first, stop = self._vectors.leaf_range(level, nodes)
        places, starts = ranges(first + offsets, stop - first)
        found: Floats = np.add.reduceat(self._leaves.take(places), starts)
        return found

    def _value_coarse(self) -> None:
        vectors = self._vectors
        scores = vectors.coarse_scores(self._query)
        seen = best_of(vectors.promises(scores, self._query), vectors.look_below)[0] if vectors.look_below else None
        self._shift = np.maximum.reduce(scores)
        scores -= self._shift
        np.maximum(scores, LEAST, out=scores)
        mass = np.exp(scores, out=scores)
        if seen is not None:
            starts, offsets = self._look_below(vectors.coarse_level, seen)
            self._seen, self._offsets = seen, offsets
            mass[seen] = np.add.reduceat(self._leaves, starts)
        self._masses = [mass]
        for level in range(vectors.coarse_level, 0, -1):
            self._masses.insert(0, np.add.reduceat(self._masses[0], vectors.first_children[level]))

    def _look_below(self, level: int, nodes: Ints) -> tuple[Ints, Ints]:
        """(n,) where the leaves below each of these nodes begin here, and `offsets` of them."""
        below = self._vectors.below(level, nodes)
        starts = below.starts + len(self._leaves)
        masses = self._vectors.leaf_masses(below, self._query, self._shift)
        self._leaves = np.concatenate([self._leaves, masses]) if len(self._leaves) else masses
        return starts, starts - below.first
