"""A handful of queries decoded together on a CPU: what `StepDecoder` computes, for the children that exist.

`begin_several(model, states, mask, query)` makes a `genret.search.several.SeveralDecoder` of the weights that
`genret.model.single` laid out. The rows of all queries are in one array, query after query. A prefix with a single ID
below it is passed by: whatever the query is, that ID has all of its probability but the fixed part of the codes that
lead nowhere. Scores are those of `StepDecoder` but for rounding.

Letters: Q queries, R rows of all queries, C children, T text length, H heads, D width of the embedding, d of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genret.ground.arrays import Floats, Ints
from genret.model.several_layers import SeveralLayers
from genret.model.several_worth import SeveralWorth
from genret.model.single import Children, SingleModel, path_of
from genret.search.ranking import ranges
from genret.search.single import Scored
from genret.search.trie import Trie


class _Alive(NamedTuple):
    """The A rows that have more than one ID below them: those that the transformer is asked about."""

    place: Ints
    """(R,) where each row stands among them; of the others, anything."""
    past: Sequence[Tensor]
    """Each further layer's keys and values so far, (L, A, 2d)."""


_NOBODY = np.zeros(0, np.int64)


def begin_several(model: SingleModel, states: Tensor | None, mask: Tensor, query: Tensor) -> SeveralQueries:
    """(Q, T, d_memory) states, where they are read, (Q, T) mask, (Q, D) embeddings of queries -> their decoder."""
    layers = None
    if model.layers is not None and model.steps is not None and states is not None:
        layers = SeveralLayers(model.layers, model.steps, states, mask)
    return SeveralQueries(model, layers, query.float() * model.scale)


class SeveralQueries:
    """Queries decoded level by level: a `genret.search.several.SeveralDecoder`."""

    def __init__(self, model: SingleModel, layers: SeveralLayers | None, query: Tensor) -> None:
        """`layers`: the transformer, if the texts are read; `query` (Q, D) what multiplies vectors."""
        self._model, self._layers, self.num_queries = model, layers, len(query)
        self._worth = SeveralWorth(model.vectors, query)
        self._alive = _Alive(_NOBODY, ())
        self._trail: list[Children] = []  # of each level so far
        self._owners = _NOBODY  # (C,) whose the last ones are

    def numbers_as(self, trie: Trie) -> bool:
        """Whether the prefixes are the trie's and have its numbers."""
        return self._model.numbers_as(trie)

    def nodes_of(self, trie: Trie, level: int, nodes: Ints) -> Ints | None:
        """See `genret.search.single.Numbered`."""
        return self._model.nodes_of(trie, level, nodes)

    def step(self, level: int, kept: Ints | None) -> Scored:
        """All known children of the rows; see `genret.search.several.SeveralDecoder`."""
        if kept is None:
            self._trail, owners, nodes = [], np.arange(self.num_queries), np.zeros(self.num_queries, np.int64)
        else:
            before = self._trail[-1] = self._trail[-1]._replace(kept=kept)
            owners, nodes = self._owners.take(kept), before.nodes.take(kept)
        own = self._model.levels[level]
        first, counts = own.children(nodes)
        children, starts = ranges(first, counts)
        asked = Children(np.arange(len(nodes)).repeat(counts), own.codes.take(children), children)
        self._owners = owners.repeat(counts)
        self._trail.append(asked)
        corrections = None if self._layers is None else self._corrections(self._layers, level, owners, nodes)
        many = counts > 1
        if many.all():
            values = self._values(level, asked, self._owners, corrections)
        else:  # an only child has all that the children have
            values, some = np.zeros(len(children), np.float32), many.repeat(counts).nonzero()[0]
            if len(some):
                those = Children(*(one.take(some) for one in asked[:3]))
                values[some] = self._values(level, those, self._owners.take(some), corrections)
        values -= np.maximum.reduceat(values, starts).repeat(counts)
        whole = np.add.reduceat(np.exp(values), starts)
        np.log(whole, out=whole)
        whole += own.rest(nodes, counts)
        values -= whole.repeat(counts)
        return Scored(asked.rows, asked.codes, children, values)

    def _values(self, level: int, asked: Children, owners: Ints, corrections: Floats | None) -> Floats:
        """(C,) what children of the queries `owners` are worth beside their siblings."""
        values = self._worth.values(level, asked.nodes, owners)
        if corrections is not None:
            values += corrections.reshape(-1).take(
                self._alive.place.take(asked.rows) * corrections.shape[1] + asked.codes
            )
            return values
        bias = self._model.biases[level]
        return values if bias is None else np.add(values, bias.take(asked.codes), out=values)

    def _corrections(self, layers: SeveralLayers, level: int, owners: Ints, nodes: Ints) -> Floats:
        """(A, K) what the transformer adds to the logits after the rows that are alive."""
        many = self._model.levels[level].many(nodes)
        chosen = many.nonzero()[0]
        if not len(chosen):  # and so at all further levels
            return np.zeros((0, 1), np.float32)
        past = self._alive.past
        if past and level:
            above = self._trail[-2]
            assert above.kept is not None, "it was gone on from"
            rows = torch.from_numpy(self._alive.place.take(above.rows.take(above.kept.take(chosen))))
            past = [one.index_select(1, rows) for one in past]
        path = partial(path_of, self._trail, chosen)
        found, past = layers.step(level, nodes.take(chosen), path, owners.take(chosen), past)
        self._alive = _Alive(np.add.accumulate(many, dtype=np.int64) - 1, past)
        return found.numpy()
