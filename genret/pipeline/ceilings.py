"""Which shards the words of queries rule out: `WordBounds(ceilings, shards).of(queries, known)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from genret.ground.arrays import Floats
from genret.index.lexical import Ceilings
from genret.index.postings import Entries, numbered
from genret.search.first import Known
from genret.search.pruning import NEVER

ROUNDING = 2.0**-23
"""Of a float32 sum, for each of its terms."""
AT_ONCE = 1 << 21
"""Prefixes of queries that are looked at at once: 16 MB."""


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
        starts = np.searchsorted(rows[order], np.arange(len(self._rows) + 1))
        prefixes = np.concatenate([rows[:0], *(one.prefixes for one in ceilings.values())])[order]
        most = np.concatenate([np.zeros(0, np.float32), *(one.most for one in ceilings.values())])[order]
        self._entries = Entries(starts, prefixes.astype(np.int32), most)  # a prefix has one of a word
        self._silent = np.array([number not in ceilings for number in range(shards)], np.bool_)

    def of(self, queries: Sequence[Sequence[str]], known: Known) -> Floats:
        """(Q, S) of queries by their words, below the prefixes that lead to an allowed product.

        -inf where none of these has any of the words.
        """
        step = max(1, AT_ONCE // known.span)
        parts = [self._of(queries[start : start + step], known) for start in range(0, len(queries), step)]
        return np.where(self._silent, np.inf, np.concatenate(parts)).astype(np.float32)

    def _of(self, queries: Sequence[Sequence[str]], known: Known) -> npt.NDArray[np.float64]:
        owners, words = numbered(queries, self._rows)
        total = np.zeros((len(queries), known.span))
        self._entries.add_to(total, owners, words)
        total *= 1 + ROUNDING * (2 + np.bincount(owners, minlength=len(queries))[:, None])
        found = np.zeros((len(queries), len(self._silent)))
        parts, first = np.unique(known.owner(known.prefixes), return_index=True)  # in the order of the prefixes
        if len(first):
            found[:, parts] = np.maximum.reduceat(total[:, known.prefixes], first, axis=1)
        return np.where(found > 0, found, NEVER)
