"""The words of the products that came since a generation was written, counted once each, as they come.

`CameWords` serves all snapshots of a generation and only grows; `CameView` is what one of them sees of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from threading import Lock
from typing import NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa

from genret.data.records import Catalogue
from genret.ground.arrays import Ints
from genret.ground.types import Product

Split: TypeAlias = Callable[[Sequence[Product]], Sequence[Collection[str]]]
"""Each product's words."""


class Postings(NamedTuple):
    """The products with one word."""

    positions: Ints
    """(n,) of them in the delta."""
    times: Ints
    """(n,) how often each says the word."""


class CameWords:
    """Word -> the products that say it, by their places in tables that only grow. Safe to share between threads."""

    def __init__(self, split: Split) -> None:
        self._split, self._lock = split, Lock()
        self._lengths: list[int] = []  # words of each place that was counted
        self._said: dict[str, tuple[list[int], list[int]]] = {}  # word -> places, and how often each says it

    def take_in(self, tables: Sequence[pa.Table], count: int) -> None:
        """Count the words of the first `count` places of tables that stand for one, as far as they are not yet."""
        with self._lock:
            first = len(self._lengths)
            if first >= count:
                return
            products = list(Catalogue(pa.concat_tables(tables).slice(first, count - first)))
            for place, words in enumerate(self._split(products), start=first):
                for word, times in Counter(words).items():
                    places, counts = self._said.setdefault(word, ([], []))
                    places.append(place)
                    counts.append(times)
                self._lengths.append(len(words))

    def lengths(self, count: int) -> Ints:
        """(count,) how many words each place says, all that it says counted."""
        with self._lock:
            return np.array(self._lengths[:count], np.int64)

    def words(self) -> list[str]:
        """Every word that was counted."""
        with self._lock:
            return list(self._said)

    def said(self, word: str, positions: Ints) -> Postings:
        """The products with a word; `positions` (count,) tells where each place stands, -1 if nowhere."""
        with self._lock:
            places, times = (np.array(one, np.int64) for one in self._said.get(word, ((), ())))
        own = places < len(positions)  # later ones are not this snapshot's
        at, times = positions[places[own]], times[own]
        return Postings(at[at >= 0], times[at >= 0])


class CameView:
    """The words of a delta's products, by position."""

    def __init__(self, words: CameWords, tables: Sequence[pa.Table], rows: Ints) -> None:
        """`rows` (n,): for each position of the delta, the place of its product in the tables."""
        self._words, self._tables, self._rows = words, tables, rows
        self._count = sum(table.num_rows for table in tables)
        self._said: dict[str, Postings] = {}

    def said(self, word: str) -> Postings:
        """The products with a word."""
        found = self._said.get(word)
        if found is None:
            found = self._taken_in.said(word, self._positions)
            if len(found.positions):
                self._said[word] = found
        return found

    def holding(self, word: str) -> int:
        """How many products say a word."""
        return len(self.said(word).positions)

    @cached_property
    def lengths(self) -> Ints:
        """(n,) how many words each product has."""
        return self._taken_in.lengths(self._count)[self._rows]

    @cached_property
    def words(self) -> list[str]:
        """Words among which are all that any product says."""
        return self._taken_in.words()

    @cached_property
    def _positions(self) -> Ints:
        """(places,) where each place's product stands; -1 for those that were replaced or went."""
        positions = np.full(self._count, -1, np.int64)
        positions[self._rows] = np.arange(len(self._rows))
        return positions

    @cached_property
    def _taken_in(self) -> CameWords:
        self._words.take_in(self._tables, self._count)
        return self._words
