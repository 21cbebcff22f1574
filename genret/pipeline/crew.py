"""Shards asked side by side for a batch of queries, and what they said put together by place.

A place is a product's position in all shards together: that of the whole index. A shard that does not answer raises
`Lost`, with its number; who searches decides whether to go on without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np

from genret.ground.arrays import Floats, Ints
from genret.ground.types import Product
from genret.index.lexical import Ceilings
from genret.pipeline.finding import Weights
from genret.pipeline.shard import Codes, Shard, ShardDown
from genret.search.first import in_front

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

    def weights(self, texts: Sequence[str], vectors: Floats, places: Ints) -> Weights:
        """What (Q, n) places weigh for the texts and their (Q, D) vectors; -1 is none."""
        owners = np.where(places >= 0, self._owners(places), -1)
        rows = {number: np.flatnonzero((owners == number).any(1)) for number in np.unique(owners[owners >= 0]).tolist()}
        own = {
            number: in_front(places[some] - self.starts[number], owners[some] == number)
            for number, some in rows.items()
        }

        def call(number: int) -> Callable[[Shard], Weights]:
            some = rows[number]
            return lambda shard: shard.weights([texts[row] for row in some.tolist()], vectors[some], own[number])

        found = Weights(*(np.full(places.shape, -np.inf, np.float32) for _ in Weights._fields))
        for number, told in self.ask({number: call(number) for number in rows}).items():
            for mine, theirs in zip(found, told, strict=True):
                mine[owners == number] = theirs[own[number] >= 0]
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
        for number, rows in own.items():
            products |= zip(rows.tolist(), answers[number][0], strict=True)
        ids = np.concatenate([answers[number][1] for number in own])
        return [products[row] for row in range(len(places))], ids[np.argsort(np.concatenate(list(own.values())))]

    def _owners(self, places: Ints) -> Ints:
        return np.searchsorted(self.starts, places, "right") - 1

    def _one(self, number: int, call: Callable[[Shard], T]) -> T:
        try:
            return call(self.shards[number])
        except ShardDown as error:
            raise Lost(number, error) from None


def best_of(places: Ints, scores: Floats, k: int) -> tuple[Ints, Floats]:
    """The best k of each row of (Q, n) places and scores, each place once, as it stands first; ties by place.

    (Q, k) both, of at least k columns; -1 is no place, and stands behind the others with -inf.
    """
    order = np.argsort(places, axis=1, kind="stable")
    places, scores = np.take_along_axis(places, order, 1), np.take_along_axis(scores, order, 1)
    scores = np.where(places >= 0, scores, np.float32(-np.inf))
    scores[:, 1:][places[:, 1:] == places[:, :-1]] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    places, scores = np.take_along_axis(places, order, 1), np.take_along_axis(scores, order, 1)
    return np.where(scores > -np.inf, places, -1), scores
