"""Shards asked side by side for a batch of queries, and what they said put together by place.

A place is a product's position in all shards together: that of the whole index. A shard that does not answer raises
`Lost`, with its number; who searches decides whether to go on without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np

from genret.ground.types import Product
from genret.index.lexical import Ceilings
from genret.pipeline.finding import Found, Weights, padded
from genret.pipeline.shard import Codes, Listed, Shard, ShardDown
from genret.search.bits import Ints
from genret.search.ranking import Floats

T = TypeVar("T")


class Lost(Exception):
    """A shard that did not answer."""

    def __init__(self, number: int, error: ShardDown) -> None:
        super().__init__(str(error))
        self.number, self.error = number, error


class Share(NamedTuple):
    """How many shards searches have asked for products, of how many they could have."""

    queries: int
    asked: int
    """Pairs of a query and a shard that it asked."""
    of: int
    """Shards of all."""

    @property
    def mean(self) -> float:
        """Shards that a query asks, as a share of all; 0 before the first query."""
        return self.asked / (self.queries * self.of) if self.queries else 0.0


class Crew:
    """All shards, by number."""

    def __init__(self, shards: Sequence[Shard], starts: Ints, threads: int = 1) -> None:
        """`starts` (S,): the place of each one's first product. `threads`: how many are asked at once."""
        self.shards, self.starts = tuple(shards), starts
        self._pool = ThreadPoolExecutor(threads, "shard") if threads > 1 else None

    def ask(self, calls: Mapping[int, Callable[[Shard], T]]) -> dict[int, T]:
        """What each shard answers to its call."""
        if self._pool is None:
            return {number: self._one(number, call) for number, call in calls.items()}
        asked = {number: self._pool.submit(self._one, number, call) for number, call in calls.items()}
        return {number: answer.result() for number, answer in asked.items()}

    def close(self) -> None:
        """Ask no more; whatever is being asked is waited for."""
        if self._pool is not None:
            self._pool.shutdown()

    def codes(self, where: str | None, numbers: Sequence[int]) -> dict[int, Codes]:
        return self.ask(dict.fromkeys(numbers, lambda shard: shard.codes(where)))

    def ceilings(self, numbers: Sequence[int]) -> dict[int, Ceilings]:
        return self.ask(dict.fromkeys(numbers, lambda shard: shard.ceilings()))

    def weights(self, texts: Sequence[str], vectors: Floats, places: Sequence[Ints]) -> Weights:
        """What some places weigh, query by query."""
        owners = [self._owners(some) for some in places]

        def call(number: int, rows: Sequence[int]) -> Callable[[Shard], Weights]:
            own = [places[row][owners[row] == number] - self.starts[number] for row in rows]
            return lambda shard: shard.weights([texts[row] for row in rows], vectors[list(rows)], own)

        asked: dict[int, list[int]] = {}
        for row, owner in enumerate(owners):
            for number in np.unique(owner).tolist():
                asked.setdefault(number, []).append(row)
        answers = self.ask({number: call(number, rows) for number, rows in asked.items()})
        found = Weights(*([np.full(len(some), -np.inf, np.float32) for some in places] for _ in Weights._fields))
        for number, rows in asked.items():
            for row, cosines, bm25 in zip(rows, *answers[number], strict=True):
                found.cosines[row][owners[row] == number] = cosines
                found.bm25[row][owners[row] == number] = bm25
        return found

    def products(self, places: Ints) -> tuple[list[Product], Ints]:
        """The products at (n,) places, and their (n, L) semantic IDs."""
        if not len(places):
            return [], np.zeros((0, 0), np.int64)
        owners = self._owners(places)
        own = {number: np.flatnonzero(owners == number) for number in np.unique(owners).tolist()}

        def call(number: int) -> Callable[[Shard], tuple[list[Product], Ints]]:
            return lambda shard: shard.products(places[own[number]] - self.starts[number])

        answers = self.ask({number: call(number) for number in own})
        products: dict[int, Product] = {}
        ids: dict[int, Ints] = {}
        for number, rows in own.items():
            products |= zip(rows.tolist(), answers[number][0], strict=True)
            ids |= zip(rows.tolist(), answers[number][1], strict=True)
        every = range(len(places))
        return [products[row] for row in every], np.stack([ids[row] for row in every])

    def merged(self, lists: Mapping[int, Listed], rows: Mapping[int, Sequence[int]], queries: int, k: int) -> Found:
        """The best k of what shards listed; `rows` says which of the queries each was asked."""
        found: list[list[tuple[Ints, Floats]]] = [[] for _ in range(queries)]
        for number in sorted(lists):
            for place, row in enumerate(rows[number]):
                some = lists[number].positions[place] >= 0
                positions = lists[number].positions[place][some] + self.starts[number]
                found[row].append((positions, lists[number].scores[place][some]))
        return padded([best_of(parts, k) for parts in found], k)

    def _owners(self, places: Ints) -> Ints:
        return np.searchsorted(self.starts, places, "right") - 1

    def _one(self, number: int, call: Callable[[Shard], T]) -> T:
        try:
            return call(self.shards[number])
        except ShardDown as error:
            raise Lost(number, error) from None


def best_of(parts: Sequence[tuple[Ints, Floats]], k: int) -> tuple[Ints, Floats]:
    """The best k of several lists of places and scores, each place once; ties by place."""
    places = np.concatenate([part[0] for part in parts] or [np.zeros(0, np.int64)])
    scores = np.concatenate([part[1] for part in parts] or [np.zeros(0, np.float32)])
    places, first = np.unique(places, return_index=True)
    best = np.argsort(-scores[first], kind="stable")[:k]
    return places[best], scores[first][best]
