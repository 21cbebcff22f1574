"""What prefixes are worth to several queries on a CPU, as `PrefixValues` says it: `single_worth` for a handful at once.

`SeveralWorth(vectors, query)` is of one search. Values are kept as logarithms, since most of them come as such: only
the prefixes that were looked below have a sum to take one of.

Letters: Q queries, C children, D width of the queries' embeddings, n nodes of a level.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genret.ground.arrays import Floats, Ints
from genret.model.single_worth import Vectors
from genret.model.values import REACH, best_of


class SeveralWorth:
    """What prefixes are worth to Q queries."""

    def __init__(self, vectors: Vectors, query: Tensor) -> None:
        """`query` (Q, D): what vectors are multiplied by."""
        self._vectors, self._query = vectors, query
        self._shift = np.zeros(len(query), np.float32)  # what is subtracted from all values
        self._values: list[Floats] = []  # (Q, n) of all prefixes of each level, down to the coarse one
        if vectors.coarse_level >= 0:
            self._value_coarse()

    def values(self, level: int, nodes: Ints, owners: Ints) -> Floats:
        """(C,) the values of nodes of a level to the queries that they are of, `owners` (C,) ascending."""
        if level > self._vectors.coarse_level:
            return np.log(self._leaf_masses(level, nodes, owners))
        known = self._values[level]
        return known.reshape(-1).take(owners * known.shape[1] + nodes)

    def _value_coarse(self) -> None:
        vectors, count = self._vectors, len(self._query)
        scores = vectors.coarse_scores_of(self._query)  # (Q, n)
        best = np.zeros((count, 0), np.int64)
        if vectors.look_below:
            promised = torch.from_numpy(vectors.promises(scores.numpy(), self._query.numpy()))
            best = best_of(promised, vectors.look_below).numpy()
        shift = scores.amax(1, keepdim=True)
        self._shift = shift.numpy()[:, 0]
        scores.sub_(shift).clamp_min_(-REACH)
        values, mass = scores.numpy(), scores.exp().numpy()
        if best.shape[1]:
            owners = np.arange(count).repeat(best.shape[1])
            cells = owners * values.shape[1] + best.reshape(-1)
            seen = self._leaf_masses(vectors.coarse_level, best.reshape(-1), owners)
            mass.reshape(-1)[cells], values.reshape(-1)[cells] = seen, np.log(seen)
        self._values = [values]
        for level in range(vectors.coarse_level, 0, -1):
            mass = np.add.reduceat(mass, vectors.first_children[level], axis=1)
            self._values.insert(0, np.log(mass))

    def _leaf_masses(self, level: int, nodes: Ints, owners: Ints) -> Floats:
        """(C,) exp(value) of nodes of a level by the leaves below them; `owners` (C,) ascending."""
        below = self._vectors.below(level, nodes)
        values = self._vectors.scores_below_of(below, owners, self._query)
        values -= torch.from_numpy(self._shift.take(owners).repeat(below.stop - below.first))
        masses: Floats = values.clamp_(-REACH, REACH).exp_().numpy()
        return masses if len(masses) == len(nodes) else np.add.reduceat(masses, below.starts)
