"""A decoder without a model, for tests of the search: its log-probabilities are rows of random tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from genret.search.trie import Allowed, Trie


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


SHARES = st.sampled_from([None, 0.0, 0.1, 0.5, 1.0])
"""Of the products that a filter allows; None: no filter."""
GRAINS = st.sampled_from([0.0, 0.5, 2.0])


KnownCase: TypeAlias = "tuple[Trie, Trie, TableDecoder, Allowed | None]"


@st.composite
def known_cases(draw: st.DrawFn, asked: st.SearchStrategy[list[int]]) -> KnownCase:
    """A trie, one that knows all its prefixes and perhaps more, a decoder of the queries `asked`, and a filter."""
    sizes = draw(st.lists(st.integers(1, 7), min_size=1, max_size=4))
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    count, more = draw(st.integers(1, 60)), draw(st.sampled_from([0, 20]))
    codes = np.stack([rng.integers(0, size, count + more) for size in sizes], 1)
    known = Trie.build(codes, sizes).trie
    trie = known if not more and draw(st.booleans()) else Trie.build(codes[:count], sizes).trie
    share = draw(SHARES)
    allowed = None if share is None else Allowed.from_positions(trie, rng.random(count) < share)
    return trie, known, TableDecoder(draw(asked), sizes, seed, draw(GRAINS)), allowed
