"""What a prefix means: the categories, brands and words of the products below it, beside those of the whole catalogue.

`Meanings(index)` reads a sample of the catalogue once, and then tells of any prefix.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from genret.ground.errors import GenretError
from genret.ground.types import Product, SemanticId
from genret.index.snapshot import Snapshot
from genret.pipeline.unfold import node_of

SAMPLE = 200
"""Products looked at to name a prefix."""
BACKGROUND = 4000
"""Products looked at to tell which words are common everywhere."""
WORD = re.compile(r"[^\W\d_][\w'’-]+")


class Share(NamedTuple):
    """A category, brand or word, and the share of the products below a prefix that have it."""

    name: str
    share: float


class Child(NamedTuple):
    """A code that continues a prefix, and the number of products below."""

    code: int
    products: int


class Meaning(NamedTuple):
    """A prefix of semantic IDs in words."""

    prefix: SemanticId
    products: int
    ids: int
    categories: tuple[Share, ...]
    brands: tuple[Share, ...]
    words: tuple[Share, ...]
    """Words of titles that are far more common below the prefix than in the catalogue."""
    children: tuple[Child, ...]
    """The codes that continue it, in order; none below a whole ID."""
    examples: tuple[Product, ...]


class Facets(NamedTuple):
    """What the catalogue offers to filter by, from a sample: values with their shares, the commonest first."""

    categories: tuple[Share, ...]
    brands: tuple[Share, ...]
    stores: tuple[Share, ...]
    attributes: tuple[Share, ...]
    prices: tuple[float, float] | None


class Meanings:
    """The meanings of an index's prefixes, as it was at one moment."""

    def __init__(self, index: Snapshot) -> None:
        self.index = index
        products = self._products(0, index.trie.num_products, BACKGROUND)
        self._common = _word_shares(products)
        self.facets = Facets(
            _shares((" > ".join(p.category[:2]) for p in products if p.category), len(products), 60),
            _shares((p.brand for p in products if p.brand), len(products), 60),
            _shares((store for p in products for store in p.stores), len(products), 30),
            _shares((name for p in products for name in p.attributes), len(products), 30),
            _range([p.price for p in products if p.price is not None]),
        )

    def of(self, prefix: SemanticId, examples: int = 5) -> Meaning:
        """The meaning of a prefix, () for all. A GenretError if no product's ID begins so."""
        trie = self.index.trie
        if len(prefix) > trie.levels:
            raise GenretError(f"prefix {spelled(prefix)} has {len(prefix)} codes; IDs here have {trie.levels}")
        node = node_of(self.index, prefix)
        start, stop = (int(bound[0]) for bound in trie.product_range(len(prefix), node))
        if node[0] < 0 or start == stop:
            raise GenretError(f"no product's semantic ID begins with {spelled(prefix)}")
        products = self._products(start, stop, SAMPLE)
        count = len(products)
        ids = len(np.unique(trie.id_of(np.arange(start, stop)), axis=0)) if prefix else trie.num_ids
        return Meaning(
            prefix,
            stop - start,
            ids,
            _shares((p.category[-1] for p in products if p.category), count, 3),
            _shares((p.brand for p in products if p.brand), count, 3),
            self._telling_words(products),
            self._children(prefix, node),
            tuple(self._products(start, stop, examples)),
        )

    def _children(self, prefix: SemanticId, node: Any) -> tuple[Child, ...]:
        trie, level = self.index.trie, len(prefix)
        if level == trie.levels:
            return ()
        codes = np.flatnonzero(trie.children_mask(level, node)[0])
        nodes = trie.child(level, np.repeat(node, len(codes)), codes)
        start, stop = trie.product_range(level + 1, nodes)
        return tuple(Child(int(code), int(count)) for code, count in zip(codes, stop - start, strict=True))

    def _telling_words(self, products: Sequence[Product], most: int = 6) -> tuple[Share, ...]:
        """Words by share times the logarithm of how much more common they are here."""

        def worth(item: tuple[str, float]) -> float:
            word, share = item
            return share * float(np.log(share / self._common.get(word, 0.5 / BACKGROUND)))

        shares = _word_shares(products)
        best = sorted(shares.items(), key=lambda item: (-worth(item), item[0]))[:most]
        return tuple(Share(word, share) for word, share in best if share >= 0.1 or len(products) < 10)

    def _products(self, start: int, stop: int, most: int) -> list[Product]:
        """At most so many of the products from `start` to `stop`, evenly spread."""
        count = min(most, stop - start)
        return self.index.products(np.linspace(start, stop - 1, count).astype(np.int64)) if count else []


def spelled(prefix: SemanticId) -> str:
    """A prefix as people write it: `17-203`."""
    return "-".join(map(str, prefix)) or "(empty)"


def _word_shares(products: Sequence[Product]) -> dict[str, float]:
    counts = Counter(word for p in products for word in {w.lower() for w in WORD.findall(p.title)})
    return {word: count / len(products) for word, count in counts.items()}


def _shares(names: Iterable[str], of: int, most: int) -> tuple[Share, ...]:
    counts = sorted(Counter(names).items(), key=lambda item: (-item[1], item[0]))[:most]
    return tuple(Share(name, count / of) for name, count in counts)


def _range(prices: Sequence[float]) -> tuple[float, float] | None:
    return (min(prices), max(prices)) if prices else None
