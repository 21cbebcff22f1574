"""Entries word by word: the places that a word counts for, and what it adds to each; summed for many queries at once.

`Entries(starts, places, worth).add_to(totals, owners, words)`. Which words and places these are it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret.ground.arrays import Ints
from genret.search.ranking import ranges

AT_ONCE = 1 << 20
"""Entries that are laid out at once, if no word has more: about 20 MB."""


class Entries(NamedTuple):
    """The entries of W words, one word after the other."""

    starts: npt.NDArray[np.integer[Any]]
    """(W + 1,) where those of each word begin."""
    places: npt.NDArray[np.integer[Any]]
    """(n,) each once for a word."""
    worth: npt.NDArray[np.floating[Any]]
    """(n,) what the word adds there."""

    def add_to(self, totals: npt.NDArray[np.floating[Any]], owners: Ints, words: Ints) -> None:
        """Add to (Q, N) `totals`, in their own precision, what (t,) words add to the rows of their (t,) owners.

        They are added one after the other, in the order given.
        """
        first = self.starts[words].astype(np.int64)
        count = self.starts[words + 1] - first
        flat, rows = totals.reshape(-1), owners * totals.shape[1]
        cuts = np.flatnonzero(np.diff(count.cumsum() // AT_ONCE)) + 1
        for start, stop in pairwise([0, *cuts.tolist(), len(words)]):
            some = slice(start, stop)
            entries, _ = ranges(first[some], count[some])
            worth = self.worth[entries].astype(totals.dtype, copy=False)
            np.add.at(flat, self.places[entries] + rows[some].repeat(count[some]), worth)


def numbered(queries: Sequence[Sequence[str]], numbers: Mapping[str, int]) -> tuple[Ints, Ints]:
    """(t,) whose each of the queries' words is that has a number, and (t,) its number."""
    said = [(row, numbers[word]) for row, words in enumerate(queries) for word in words if word and word in numbers]
    owners, words = np.array(said, np.int64).reshape(-1, 2).T
    return owners, words
