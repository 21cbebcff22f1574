"""The latent truth: which products exist, what each one is, how much it is bought.

A *family* is one product line of one brand (concept, variety, form, claims); its sizes are near-duplicates of each
other. The columns here judge; only what `wording` prints of them reaches a `Product`.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from genret.data.grocery.settings import GrocerySettings
from genret.data.grocery.taxonomy import Leaf, Lexicon
from genret.data.grocery.words import BIT, DIETS, LINES, PLAIN
from genret.ground.arrays import Ints

Floats = npt.NDArray[np.float64]

PRODUCTS_A_LEAF = 16
"""A small catalogue stocks fewer leaves rather than one product of each."""
_STARTERS = (
    "Marinara", "Spaghetti & Long Cuts", "Oat Milk", "Parmesan & Hard Cheese", "Almond Milk", "Short Cuts", "Cola",
    "Chickpeas", "Tortilla Chips", "Salsa", "Granola Bars", "Peanut Butter", "Greek Yogurt",
)  # fmt: skip
"""Leaves that even the smallest catalogue stocks, in this order."""


class Item(NamedTuple):
    """What one product truly is."""

    concept: int
    brand: str
    variety: str
    form: str
    claims: int
    """What the label may print: bits of `words.BIT`."""
    line: str
    size: int
    """Row of the leaf's sizes, small to large."""
    family: int


@dataclass(frozen=True)
class Shelf:
    """All items, and their columns (N,) for judging."""

    lexicon: Lexicon
    items: list[Item]
    popularity: Floats
    """(N,) mean 1, long-tailed."""

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def concept(self) -> Ints:
        return np.array([item.concept for item in self.items], np.int64)

    @cached_property
    def leaf(self) -> Ints:
        return np.array([self.lexicon.concepts[item.concept].leaf for item in self.items], np.int64)

    @cached_property
    def diets(self) -> Ints:
        """(N,) bits of what each item meets: its claims, what its kind implies, and lactose free if vegan."""
        implied = [sum(BIT[letter] for letter in concept.implied) for concept in self.lexicon.concepts]
        met = np.array([item.claims | implied[item.concept] for item in self.items], np.int64)
        return np.where(met & BIT["v"], met | BIT["l"], met)

    @cached_property
    def size(self) -> Ints:
        return np.array([item.size for item in self.items], np.int64)

    @cached_property
    def size_end(self) -> Ints:
        """(N,) -1 for the smallest size of its leaf, 1 for the largest, 0 between."""
        last = np.array([len(self.leaf_of(item).sizes) - 1 for item in self.items], np.int64)
        return np.where(self.size == last, 1, np.where(self.size == 0, -1, 0))

    @cached_property
    def family(self) -> Ints:
        return np.array([item.family for item in self.items], np.int64)

    @cached_property
    def words(self) -> dict[str, int]:
        """A number for every brand, variety and form; the empty word is 0."""
        names = {word for item in self.items for word in (item.brand, item.variety, item.form)}
        return {word: row for row, word in enumerate(["", *sorted(names - {""})])}

    @cached_property
    def brand(self) -> Ints:
        return np.array([self.words[item.brand] for item in self.items], np.int64)

    @cached_property
    def variety(self) -> Ints:
        return np.array([self.words[item.variety] for item in self.items], np.int64)

    @cached_property
    def form(self) -> Ints:
        return np.array([self.words[item.form] for item in self.items], np.int64)

    @cached_property
    def of_concept(self) -> list[Ints]:
        """The rows of each concept's items."""
        return _groups(self.concept, len(self.lexicon.concepts))

    @cached_property
    def of_leaf(self) -> list[Ints]:
        """The rows of each leaf's items."""
        return _groups(self.leaf, len(self.lexicon.leaves))

    def leaf_of(self, item: Item) -> Leaf:
        return self.lexicon.leaves[self.lexicon.concepts[item.concept].leaf]

    def rows_of(self, concepts: Iterable[int]) -> Ints:
        """The rows of several concepts' items, ascending."""
        parts = [self.of_concept[concept] for concept in sorted(concepts)]
        return np.sort(np.concatenate(parts)) if parts else np.zeros(0, np.int64)


def stock_shelf(lexicon: Lexicon, settings: GrocerySettings) -> Shelf:
    """The shelf of `settings.products` items, in no telling order."""
    rng = Random(f"{settings.seed}/shelf")
    items: list[Item] = []
    for concept, count in enumerate(_allocate(lexicon, settings.products, rng)):
        if count:
            items += _families(lexicon, concept, count, len(items), rng)
    rng.shuffle(items)
    return Shelf(lexicon, items, _popularity(lexicon, items, rng))


def _allocate(lexicon: Lexicon, products: int, rng: Random) -> list[int]:
    """How many items each concept gets: unequal shares that sum to `products`."""
    weights = [0.0] * len(lexicon.concepts)
    for row in _leaf_order(lexicon)[: max(1, products // PRODUCTS_A_LEAF)]:
        leaf = lexicon.leaves[row]
        share = leaf.share * len(leaf.concepts) ** 0.6 * rng.lognormvariate(0, 0.25)
        inner = [(place + 1) ** -0.35 * rng.lognormvariate(0, 0.35) for place in range(len(leaf.concepts))]
        for concept, part in zip(leaf.concepts, inner, strict=True):
            weights[concept] = share * part / sum(inner)
    exact = [products * weight / sum(weights) for weight in weights]
    counts = [int(part) for part in exact]
    by_rest = sorted(range(len(exact)), key=lambda row: (counts[row] - exact[row], row))
    for row in by_rest[: products - sum(counts)]:
        counts[row] += 1
    return counts


def _leaf_order(lexicon: Lexicon) -> list[int]:
    """Starters first, then leaves that are bought together, then the rest."""
    names = {leaf.path[-1]: row for row, leaf in enumerate(lexicon.leaves)}
    first = [names[name] for name in _STARTERS if name in names]
    return list(dict.fromkeys([*first, *(row for _, leaves in lexicon.baskets for row in leaves), *names.values()]))


def _families(lexicon: Lexicon, concept: int, count: int, start: int, rng: Random) -> list[Item]:
    """`count` items of one concept: families of one to three sizes, no family twice while others are left."""
    leaf = lexicon.leaves[lexicon.concepts[concept].leaf]
    if lexicon.concepts[concept].bare:
        leaf = leaf._replace(varieties=(), diets="")
    brands, cumulative = _brand_weights(lexicon, leaf, rng)
    labels = {chain.organic_label for chain in lexicon.chains}
    items: list[Item] = []
    seen: set[tuple[object, ...]] = set()
    misses = 0
    while len(items) < count:
        brand = brands[bisect(cumulative, rng.random() * cumulative[-1])]
        item = Item(
            concept,
            brand,
            _early(leaf.varieties, rng),
            _early(leaf.forms, rng),
            _claims(leaf, brand in labels, rng),
            _line(rng, 0.28 if misses < 20 else 1.0),
            size=0,
            family=start + len(items),
        )
        if item[:6] in seen and misses < 60:
            misses += 1
            continue
        seen.add(item[:6])
        misses = 0
        items += [item._replace(size=size) for size in _sizes(leaf, rng)][: count - len(items)]
    return items


def _brand_weights(lexicon: Lexicon, leaf: Leaf, rng: Random) -> tuple[list[str], list[float]]:
    """Brands that make this concept, and their cumulative weights; about three in ten products are store labels."""
    national = [brand for brand in leaf.brands if rng.random() < 0.7] or list(leaf.brands)
    rng.shuffle(national)
    weights = [(rank + 1) ** -0.6 for rank in range(len(national))]
    labels, label_weights = [], []
    for chain in lexicon.chains:
        labels += [chain.label, chain.value_label, *([chain.organic_label] if "o" in leaf.diets else [])]
        label_weights += [1.0, 0.6, *([0.4] if "o" in leaf.diets else [])]
    scale = 0.45 * sum(weights) / sum(label_weights)
    return [*national, *labels], list(accumulate([*weights, *(scale * weight for weight in label_weights)]))


def _early(options: Sequence[str], rng: Random) -> str:
    """One of the options, earlier ones more often; the empty word if there are none."""
    return options[int(len(options) * rng.random() ** 1.5)] if options else ""


def _claims(leaf: Leaf, organic: bool, rng: Random) -> int:
    letters = [letter for letter in leaf.diets if rng.random() < DIETS[letter].chance][:3]
    return sum(BIT[letter] for letter in letters) | (BIT["o"] if organic else 0)


def _line(rng: Random, chance: float) -> str:
    return rng.choice(LINES[1:]) if rng.random() < chance else ""


def _sizes(leaf: Leaf, rng: Random) -> list[int]:
    """One to three sizes of the leaf, small to large."""
    draw = rng.random()
    count = min(len(leaf.sizes), 1 if draw < 0.66 else 2 if draw < 0.91 else 3)
    return sorted(rng.sample(range(len(leaf.sizes)), count))


def _popularity(lexicon: Lexicon, items: list[Item], rng: Random) -> Floats:
    """(N,) by Zipf's law over a noisy ranking: popular concepts, plain varieties and middle sizes sell more."""
    concept = [rng.gauss(0, 0.8) for _ in lexicon.concepts]
    brand = {name: rng.gauss(0, 0.6) for name in sorted({item.brand for item in items})}
    scores = np.array(
        [
            concept[item.concept] + brand[item.brand] + rng.gauss(0, 1.2)
            + 0.4 * (item.variety in PLAIN) - 0.25 * item.claims.bit_count() - 0.15 * bool(item.line)
            for item in items
        ]
    )  # fmt: skip
    ranks = np.empty(len(items))
    ranks[np.argsort(-scores, kind="stable")] = np.arange(len(items))
    weights = (ranks + 5) ** -0.9
    return np.round(weights / weights.mean(), 6) if len(items) else weights


def _groups(keys: Ints, count: int) -> list[Ints]:
    """The rows that hold each key 0 … count-1, ascending."""
    order = np.argsort(keys, kind="stable")
    return np.split(order, np.searchsorted(keys[order], np.arange(1, count)))
