"""Which shards a query's words rule out: `WordBounds(ceilings, shards).of(words, known)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genret.index.lexical import Ceilings
from genret.search.first import Known
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
        own = [np.array([self._rows[word] for word in one.words], np.int64) for one in ceilings.values()]
        counts = [np.diff(one.starts) for one in ceilings.values()]
        rows = np.concatenate([np.zeros(0, np.int64), *map(np.repeat, own, counts)])
        order = np.argsort(rows, kind="stable")
        self._starts = np.searchsorted(rows[order], np.arange(len(self._rows) + 1))
        self._prefixes = np.concatenate([rows[:0], *(one.prefixes for one in ceilings.values())])[order].astype(
            np.int32
        )
        none = np.zeros(0, np.float32)
        self._most = np.concatenate([none, *(one.most for one in ceilings.values())])[order]
        self._silent = np.array([number not in ceilings for number in range(shards)], np.bool_)

    def of(self, words: Sequence[str], known: Known) -> Floats:
        """(S,) of a query's words, below the prefixes that lead to an allowed product; -inf where none has them."""
        rows = [self._rows[word] for word in words if word in self._rows]
        total = np.zeros(known.span)
        for row in rows:
            entries = slice(self._starts[row], self._starts[row + 1])
            total[self._prefixes[entries]] += self._most[entries]  # a prefix has one of a word
        total *= 1 + ROUNDING * (2 + len(rows))
        found = np.zeros(len(self._silent))
        np.maximum.at(found, known.owner(known.prefixes), total[known.prefixes])
        return np.where(self._silent, np.inf, np.where(found > 0, found, NEVER)).astype(np.float32)
