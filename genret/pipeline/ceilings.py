"""Which shards a query's words rule out: `WordBounds(ceilings, shards).of(words)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genret.index.lexical import Ceilings
from genret.search.pruning import NEVER
from genret.search.ranking import Floats

ROUNDING = 2.0**-23
"""Of a float32 sum, for each of its terms."""


class WordBounds:
    """What no product of each shard scores more than by BM25, of the shards' `Ceilings`."""

    def __init__(self, ceilings: Mapping[int, Ceilings], shards: int) -> None:
        """`ceilings`: by the numbers of the shards that told theirs; nothing bounds the others."""
        every = (word for one in ceilings.values() for word in one.words)
        self._rows = {word: row for row, word in enumerate(dict.fromkeys(every))}
        self._most = np.zeros((len(self._rows), shards), np.float32)
        for number, one in ceilings.items():
            self._most[[self._rows[word] for word in one.words], number] = one.most
        self._silent = np.array([number not in ceilings for number in range(shards)], np.bool_)

    def of(self, words: Sequence[str]) -> Floats:
        """(S,) of a query's words; -inf where a shard holds none of them."""
        known = [self._rows[word] for word in words if word in self._rows]
        total = self._most[known].sum(0, dtype=np.float64) * (1 + ROUNDING * (2 + len(known)))
        return np.where(self._silent, np.inf, np.where(total > 0, total, NEVER)).astype(np.float32)
