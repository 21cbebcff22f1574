"""A decoder without a model, for tests of the search: its log-probabilities are rows of random tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class TableDecoder:
    """Log-probabilities that depend on query and prefix alone: a hash of both picks a row of a random table.

    `grain` > 0 rounds them to multiples of it, so that scores tie exactly; then rows need not be normalised, only
    be at most 0, which is all that the search relies on.
    """

    def __init__(self, queries: Sequence[int], sizes: Sequence[int], seed: int, grain: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        self._seed, self._grain = seed, grain
        self._queries = torch.tensor(queries, dtype=torch.int64)
        self._tables = []
        for size in sizes:
            table = torch.from_numpy(rng.normal(scale=2.0, size=(997, size))).log_softmax(1).float()
            self._tables.append((table / grain).round() * grain if grain else table)
        self._state = self._queries[:, None]

    @property
    def num_queries(self) -> int:
        return len(self._queries)

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return tuple(table.shape[1] for table in self._tables)

    def select(self, queries: Tensor) -> TableDecoder:
        other = TableDecoder([], (), 0)
        other._tables, other._queries = self._tables, self._queries[queries]
        return other

    def step(self, level: int, codes: Tensor | None, parents: Tensor | None) -> Tensor:
        if codes is None or parents is None:
            assert level == 0
            self._state = self._queries[:, None] * 7_919 + 13  # (Q, 1)
        else:
            self._state = (self._state.gather(1, parents) * 31_337 + codes * 101 + level) % 1_000_003
        return self._tables[level][self._state % 997].clone()  # (Q, B, K)
