"""A handful of queries decoded together on a CPU: what `StepDecoder` computes, for the children that exist.

`begin_several(model, states, mask, query)` makes a `genret.search.several.SeveralDecoder` of the weights that
`genret.model.single` laid out. The rows of all queries are in one array, query after query. A prefix with a single ID
below it is passed by: whatever the query is, that ID has all of its probability but the fixed part of the codes that
lead nowhere. Scores are those of `StepDecoder` but for rounding.

Letters: Q queries, R rows of all queries, C children, T text length, H heads, D width of the embedding, d of the model.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genret.model.prefix import products
from genret.model.several_layers import SeveralLayers
from genret.model.single import SingleModel
from genret.model.values import REACH
from genret.search.ranking import ranges
from genret.search.single import Scored
from genret.search.trie import Trie

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class _Alive(NamedTuple):
    """The A rows that have more than one ID below them: those that the transformer is asked about."""

    place: Ints
    """(R,) where each row stands among them, -1 where it does not."""
    past: list[Tensor | None]
    """Each layer's keys and values so far, (L, A, 2d)."""


def begin_several(model: SingleModel, states: Tensor | None, mask: Tensor, query: Tensor) -> SeveralQueries:
    """(Q, T, d_memory) states, where they are read, (Q, T) mask, (Q, D) embeddings of queries -> their decoder."""
    layers = None if model.layers is None or states is None else SeveralLayers(model.layers, states, mask)
    return SeveralQueries(model, layers, query.float() * model.scale)


class SeveralQueries:
    """Queries decoded level by level: a `genret.search.several.SeveralDecoder`."""

    def __init__(self, model: SingleModel, layers: SeveralLayers | None, query: Tensor) -> None:
        """`layers`: the transformer, if the texts are read; `query` (Q, D) what multiplies vectors."""
        self._model, self._layers, self._query = model, layers, query
        self._shift, self._masses = self._worth()
        nobody = np.zeros(0, np.int64)
        self._alive = _Alive(nobody, [])
        self._found = Scored(nobody, nobody, nobody, np.zeros(0, np.float32))  # of the last call
        self._owners = nobody  # (C,) whose its children are

    @property
    def num_queries(self) -> int:
        return len(self._query)

    def numbers_as(self, trie: Trie) -> bool:
        """Whether the prefixes are the trie's and have its numbers."""
        return self._model.numbers_as(trie)

    def step(self, level: int, kept: Ints | None) -> Scored:
        """All known children of the rows; see `genret.search.several.SeveralDecoder`."""
        if kept is None:
            owners, nodes = np.arange(self.num_queries), np.zeros(self.num_queries, np.int64)
        else:
            owners, nodes = self._owners[kept], self._found.nodes[kept]
        own = self._model.levels[level]
        first = own.starts[nodes]
        counts = own.starts[nodes + 1] - first
        children, starts = ranges(first, counts)
        rows = np.repeat(np.arange(len(nodes)), counts)
        codes, values = own.codes[children], np.zeros(len(children), np.float32)
        asked = np.flatnonzero((counts > 1)[rows])  # an only child has all that the children have
        if len(asked):
            values[asked] = np.log(self._mass(level, children[asked], owners[rows[asked]]))
        if self._layers is None:
            bias = self._model.biases[level]
            if bias is not None:
                values[asked] += bias[codes[asked]]
        else:
            corrections = self._corrections(self._layers, level, kept, owners, nodes)
            values[asked] += corrections[self._alive.place[rows[asked]], codes[asked]]
        top = np.maximum.reduceat(values, starts)
        total = np.add.reduceat(np.exp(values - top[rows]), starts)
        scores = values - (top + np.log(total) + own.rest[nodes])[rows]
        self._found, self._owners = Scored(rows, codes, children, scores), owners[rows]
        return self._found

    def _worth(self) -> tuple[Floats, list[Floats]]:
        """(Q, 1) what is subtracted from values before exp, and (Q, n) the masses of each level down to the coarse."""
        model, count = self._model.vectors, self.num_queries
        if model.coarse_level < 0:
            return np.zeros((count, 1), np.float32), []
        scores = torch.addmm(model.coarse_bias, self._query, model.coarse.t()).numpy()  # (Q, n)
        shift = scores.max(1, keepdims=True)
        mass = np.exp(np.maximum(scores - shift, np.float32(-REACH)))
        if model.look_below:
            below = min(model.look_below, scores.shape[1])
            rest = scores.shape[1] - below
            best = np.tile(np.arange(below), (count, 1))
            if rest:
                best = np.sort(np.argpartition(model.promises(scores, self._query.numpy()), rest)[:, rest:])
            owners = np.repeat(np.arange(count), below)
            mass[owners, best.ravel()] = self._leaf_masses(model.coarse_level, best.ravel(), owners, shift)
        masses = [mass]
        for level in range(model.coarse_level, 0, -1):
            masses.insert(0, np.add.reduceat(masses[0], model.starts[level][:-1], axis=1))
        return shift, masses

    def _mass(self, level: int, nodes: Ints, owners: Ints) -> Floats:
        """(C,) the masses of nodes of a level to the queries that they are of."""
        if level <= self._model.vectors.coarse_level:
            return self._masses[level][owners, nodes]
        return self._leaf_masses(level, nodes, owners, self._shift)

    def _leaf_masses(self, level: int, nodes: Ints, owners: Ints, shift: Floats) -> Floats:
        """(C,) the masses of nodes of a level by the leaves below them; `owners` (C,) ascending."""
        vectors = self._model.vectors
        first, stop = vectors.leaf_range(level, nodes)
        counts = stop - first
        leaves, starts = ranges(first, counts)
        of_leaves = np.repeat(owners, counts)
        ends = np.searchsorted(of_leaves, np.arange(self.num_queries + 1))
        found = products(torch.from_numpy(ends), torch.from_numpy(leaves), self._query, vectors.leaves).numpy()
        values = found + vectors.leaf_bias[leaves] - shift[of_leaves, 0]
        masses: Floats = np.exp(np.clip(values, -REACH, REACH))
        return masses if len(leaves) == len(nodes) else np.add.reduceat(masses, starts)

    def _corrections(self, layers: SeveralLayers, level: int, kept: Ints | None, owners: Ints, nodes: Ints) -> Floats:
        """(A, K) what the transformer adds to the logits after the rows that are alive."""
        first, stop = self._model.vectors.leaf_range(level - 1, nodes)
        chosen = np.flatnonzero(stop - first > 1)
        place, codes, past = np.full(len(nodes), -1), chosen, list[Tensor | None]([None] * layers.depth)
        if not len(chosen):  # and so at all further levels
            self._alive = _Alive(place, [])
            return np.zeros((0, 1), np.float32)
        place[chosen] = np.arange(len(chosen))
        if kept is not None:
            codes, above = self._found.codes[kept[chosen]], self._alive.place[self._found.rows[kept[chosen]]]
            rows = torch.from_numpy(above)
            past = [None if one is None else one.index_select(1, rows) for one in self._alive.past]
        found, seen = layers.step(level, codes, owners[chosen], past)
        self._alive = _Alive(place, seen)
        return found.numpy()
