"""One query, or several, over prefixes that grew: what `SingleModel` laid out, with what came beside it.

Nothing is laid out anew: each class here stands for one of the base's, and asks that one about what the base knows.

Letters: B beams, C children, D width of the vectors, n coarse prefixes, Q queries.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genret.ground.arrays import Bools, Floats, Ints
from genret.model.grown import GrownValues
from genret.model.grown_parts import Came
from genret.model.single_levels import AnyLevel
from genret.model.single_worth import Below, Taken, Vectors, products_of


class _Codes:
    """The last code of each prefix."""

    def __init__(self, base: Taken, came: Came) -> None:
        self._base, self._came = base, came

    def take(self, nodes: Ints, /) -> Ints:
        before, new = self._came.find(nodes)
        found = self._base.take(np.where(new, 0, nodes - before))
        found[new] = self._came.codes.take(before[new])
        return found


class GrownLevel:
    """A `genret.model.single_levels.AnyLevel`."""

    all_many = False

    def __init__(self, base: AnyLevel, grown: GrownValues, level: int, vectors: Vectors) -> None:
        came = grown.came[level + 1]
        self.codes: Taken = _Codes(base.codes, came) if len(came) else base.codes
        self._starts, self._level, self._vectors = vectors.starts[level], level, vectors
        self._size, self._rest = grown.base.sizes[level], np.float32(np.log1p(grown.base.backoff))

    def children(self, parents: Ints) -> tuple[Ints, Ints]:
        """See `AnyLevel`."""
        first = self._starts.take(parents)
        return first, self._starts.take(parents + 1) - first

    def rest(self, parents: Ints, counts: Ints) -> Floats:
        """See `AnyLevel`."""
        return (counts < self._size) * self._rest

    def many(self, parents: Ints) -> Bools:
        """See `AnyLevel`."""
        first, stop = self._vectors.leaf_range(self._level - 1, parents)
        return stop - first > 1


class GrownVectors(Vectors):
    """The vectors of both."""

    def __init__(self, base: Vectors, grown: GrownValues) -> None:
        self.coarse_level, self.look_below, self._base, self._grown = base.coarse_level, base.look_below, base, grown
        coarse, self._leaf_table = grown.tables[0], grown.tables[-1]
        self.starts = [
            starts if len(grown.came[level + 1]) else own
            for level, (starts, own) in enumerate(zip(grown.starts, base.starts, strict=True))
        ]
        self.first_children = [
            starts.take(np.arange(len(own) + len(grown.came[level])))
            for level, (starts, own) in enumerate(zip(grown.starts, base.first_children, strict=False))
        ]
        self._rows = grown.rows.values
        self._coarse: Ints | None = None  # where each coarse prefix stands in the base's, with what came behind them
        if self.coarse_level >= 0 and len(coarse.at):
            self._coarse_rows = self._rows.take(coarse.rows, 0)
            count = len(grown.base.coarse)
            self._coarse = coarse.cut.joined(np.arange(count), count + np.arange(len(coarse.at)))
            self._coarse_bias = np.concatenate([base._coarse_bias, self._coarse_rows[:, -1]]).take(self._coarse)
        else:
            self._coarse_bias = base._coarse_bias
        self._spread = None if base._spread is None else grown.spread(base._spread)

    def coarse_scores(self, query: Floats) -> Floats:
        found = self._base.coarse_scores(query)
        if self._coarse is None:
            return found
        return np.concatenate([found, self._coarse_rows.dot(_weighed(query))]).take(self._coarse)

    def coarse_scores_of(self, queries: Tensor) -> Tensor:
        found = self._base.coarse_scores_of(queries)
        if self._coarse is None:
            return found
        came = _weighed(queries.numpy()).dot(self._coarse_rows.T)
        return torch.from_numpy(np.concatenate([found.numpy(), came], axis=1).take(self._coarse, 1))

    def scores_below(self, below: Below, query: Floats) -> Floats:
        leaves, _, cut = self._leaf_table.split(below.first, below.stop)
        found = self._base.leaf_scores(leaves, query)
        return found if cut is None else cut.joined(found, self._rows.take(cut.rows, 0).dot(_weighed(query)))

    def scores_below_of(self, below: Below, owners: Ints, queries: Tensor) -> Tensor:
        leaves, counts, cut = self._leaf_table.split(below.first, below.stop)
        found = self._base.leaf_scores_of(leaves, owners.repeat(counts), queries)
        if cut is None:
            return found
        asked = torch.from_numpy(_weighed(queries.numpy()))
        came = products_of(torch.from_numpy(self._rows), cut.rows, owners.repeat(cut.counts), asked)
        return torch.from_numpy(cut.joined(found.numpy(), came.numpy()))


def _weighed(query: Floats) -> Floats:
    """(..., D) -> (..., D + 1): what vectors with their weights beside them are multiplied by."""
    found = np.ones((*query.shape[:-1], query.shape[-1] + 1), np.float32)
    found[..., :-1] = query
    return found
