"""Co-purchase baskets and true substitute pairs from the latent truth."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random

from genret.data.grocery.settings import GrocerySettings
from genret.data.grocery.shelf import Item, Shelf
from genret.data.grocery.words import BIT, HARD, PLAIN

_TRIES = 6


def substitute_pairs(shelf: Shelf, settings: GrocerySettings) -> list[tuple[int, int]]:
    """Distinct pairs (i, j) of rows, i < j, that a shopper would take in place of each other.

    The same concept, form and hard claims from two brands, in one variety or one of them in a plain one. Concepts are
    drawn by the square root of their size. Sizes may differ; two sizes of one product are no pair.
    """
    rng = Random(f"{settings.seed}/substitutes")
    groups: dict[tuple[int, str, int], list[int]] = {}
    for row, item in enumerate(shelf.items):
        groups.setdefault((item.concept, item.form, int(shelf.diets[row]) & HARD), []).append(row)
    pools = [rows for _, rows in sorted(groups.items()) if len(rows) > 1]
    pairs: dict[tuple[int, int], None] = {}
    count = settings.count("substitute_pairs")
    for rows in rng.choices(pools, [len(rows) ** 0.75 for rows in pools], k=8 * count) if pools else ():
        if len(pairs) == count:
            break
        first, second = sorted(rng.sample(rows, 2))
        if _interchangeable(shelf.items[first], shelf.items[second]):
            pairs[first, second] = None
    return sorted(pairs)


def _interchangeable(one: Item, other: Item) -> bool:
    same = one.variety == other.variety or one.variety in PLAIN or other.variety in PLAIN
    return same and one.brand != other.brand


class Baskets:
    """Draws shopping baskets: a mission's leaves, mostly one product each, at one store, and some best sellers."""

    def __init__(self, shelf: Shelf, stores: Sequence[tuple[str, ...]], settings: GrocerySettings) -> None:
        """`stores`: those that have each of the shelf's products."""
        self.shelf, self.stores = shelf, stores
        self.rng = Random(f"{settings.seed}/baskets")
        popularity = shelf.popularity.tolist()
        self._all = range(len(shelf)), list(accumulate(popularity))
        self._leaves = [
            (rows.tolist(), list(accumulate(popularity[row] for row in rows.tolist()))) for rows in shelf.of_leaf
        ]
        self._stores = [store for chain in shelf.lexicon.chains for store in chain.stores]
        self._missions = [
            (weight, stocked)
            for weight, leaves in shelf.lexicon.baskets
            if (stocked := [leaf for leaf in leaves if len(shelf.of_leaf[leaf])])
        ]

    def sessions(self, count: int) -> list[tuple[int, ...]]:
        """At most `count` baskets of two or more distinct rows."""
        if len(self.shelf) < 2 or not self._missions:
            return []
        weights = [weight for weight, _ in self._missions]
        missions = self.rng.choices([leaves for _, leaves in self._missions], weights, k=count)
        return [basket for leaves in missions if len(basket := self._basket(leaves)) > 1]

    def _basket(self, leaves: list[int]) -> tuple[int, ...]:
        rng = self.rng
        store = rng.choice(self._stores)
        claim = BIT[rng.choice("ogvzkl")] if rng.random() < 0.12 else 0
        rows: dict[int, None] = {}
        for place, leaf in enumerate(leaves):
            if rng.random() < max(0.35, 0.92 - 0.12 * place):
                self._add(rows, self._leaves[leaf], store, claim)
                if rng.random() < 0.03:
                    self._add(rows, self._leaves[leaf], store, claim)
        for _ in range(rng.choice((0, 0, 1, 2, 4))):
            self._add(rows, self._all, store, 0)
        return tuple(rows)

    def _add(self, rows: dict[int, None], pool: tuple[range | list[int], list[float]], store: str, claim: int) -> None:
        """Put a popular product of the pool that the store has, with the claim if one turns up, into the basket."""
        options, cumulative = pool
        fallback = -1
        for _ in range(_TRIES):
            row = options[min(bisect(cumulative, self.rng.random() * cumulative[-1]), len(options) - 1)]
            if row in rows or store not in self.stores[row]:
                continue
            if int(self.shelf.diets[row]) & claim == claim:
                rows[row] = None
                return
            fallback = row
        if fallback >= 0:
            rows[fallback] = None
